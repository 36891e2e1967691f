// Rig: a node without Kubernetes around it: kerfd agent as a process, a simulated driver, a fake
// kubelet.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/temporary_folder_testing.h"
#include "shell/kubelet/fake_kubelet_testing.h"
#include "shell/web/server.h"
#include "simgpu/driver.h"

namespace kerf::rig {

/// A slice of a layout file.
struct Wanted {
  int gpu = 0;
  std::string profile;
  int start = 0;
  bool published = true;
};

/// control::device_id().
std::string id_of(const Wanted& slice);

/// What stands on the machine: "gpu0 1g.10gb@3 <MIG UUID>", and "... incomplete" of a GPU instance
/// without compute instance.
using Standing = std::set<std::string>;

class Rig {
 public:
  struct Options {
    std::vector<std::string> boards = {"H100-80"};
    /// Of each creation and destruction; all other calls take none.
    std::int64_t latency_ms = 0;
    std::optional<simgpu::Latencies> latencies;  ///< of every call, in place of that
    std::string state;                           ///< folder of the journal; "": in the rig's own
    std::string metrics = "off";                 ///< --metrics
    /// With an API server that says that the node is cordoned, and knows of nothing else.
    bool cordoned = false;
  };
  explicit Rig(const Options& options);
  ~Rig();
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;

  void layout(const std::vector<Wanted>& slices);
  const std::vector<Wanted>& wanted() const { return wanted_; }
  /// Starts the agent. It is killed by SIGKILL right after it wrote its `kill_after`-th line of log
  /// (0: it is not).
  void start(int kill_after = 0);
  /// SIGKILL, or SIGTERM; waits for the end. The exit code, or minus the signal.
  int kill();
  int terminate();
  /// The agent ended by itself or was killed after its lines: waits for that.
  int wait();
  bool running() const;
  pid_t pid() const { return pid_; }

  kubelet::FakeKubelet& kubelet() { return kubelet_; }
  std::string at(const std::string& name) const { return folder_.at(name); }
  const std::string& state() const { return state_; }  ///< folder of the journal

  /// Lines of all runs so far.
  std::vector<std::string> log() const;
  int lines() const;
  /// Waits until `condition` holds, a minute at most, looking every few milliseconds; what is
  /// waited for is never assumed to take a time.
  bool wait_for(const std::function<bool()>& condition) const;

  Standing standing() const;
  std::set<std::string> healthy() const;  ///< device ids, of all resources that were ever wanted
  std::set<std::string> cdi_devices() const;
  /// Everything as the layout says, and nothing else there: slices, devices, CDI files, sockets, no
  /// unfinished file. "": so it is; else what is wrong.
  std::string difference() const;

 private:
  void read_log(int fd, int kill_after);

  TemporaryFolder folder_;
  std::string state_;
  std::string metrics_;
  int gpus_ = 0;
  std::vector<Wanted> wanted_;
  std::set<std::string> resources_;
  kubelet::FakeKubelet kubelet_;
  std::unique_ptr<web::Server> api_;
  pid_t pid_ = -1;
  std::thread reader_;
  mutable std::mutex mutex_;
  std::vector<std::string> log_;
};

}  // namespace kerf::rig
