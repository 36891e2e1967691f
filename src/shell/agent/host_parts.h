// Host::Impl: the hands of the agent's mind and what they share.
#pragma once

#include <atomic>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/agent/labels.h"
#include "shell/agent/cluster.h"
#include "shell/agent/host.h"
#include "shell/agent/recorder.h"
#include "shell/apiserver/client.h"
#include "shell/runtime/loop.h"
#include "shell/runtime/serial.h"
#include "shell/web/status_pages.h"

namespace kerf::shell {

class Host::Impl {
 public:
  /// A status that others keep overwriting is written again so often.
  static constexpr std::int64_t kLostEveryMs = 10'000;

  Impl(HostOptions options, const gpu::Catalogue& catalogue, telemetry::Log log);

  Result<Ending> run();

 private:
  // host.cc: beginning, the step, the end
  Result<void> begin();
  Result<void> begin_client();
  Result<void> begin_web();
  void start_mind();
  void start_layout();
  Result<void> start_kubelet();
  void refused(const Error& error);
  void tell(agent::Event event);
  /// From any thread. False: the queue is full or the loop has ended.
  bool post(agent::Event event);
  void step();
  void say_goodbye();
  void wait_for_withdrawal(runtime::Instant until);
  void end(Ending::How how, std::string why);
  Ending stop();

  // host_effects.cc
  void act(const agent::Effect& effect);
  void write_journal(agent::EffectId effect, const agent::Journal& journal);
  void write_cdi(agent::EffectId effect, const agent::WriteCdi& action);
  void remove_cdi(agent::EffectId effect, const std::string& device);
  void report(agent::EffectId effect, control::GpuNodeStatus status);
  void wake_at(agent::Instant at);
  /// Runs `work` on the disk's thread; its outcome is that of the effect.
  void on_disk(agent::EffectId effect, const char* what, std::function<Result<void>()> work);
  /// Writes the status once more on the host's own account, with what the mind does not know of:
  /// labels that came late, that it is leaving. Repeated until it is written.
  void report_own();
  void own_report_done(agent::Code code);
  void read_facts();
  void read_memory();
  void look_at_files();
  void write_entry(agent::EffectId effect, const agent::WriteCdi& action, std::uint32_t minor);
  /// The driver was loaded anew: what was read of it is not to be believed.
  void driver_reloaded();

  HostOptions options_;
  const gpu::Catalogue& catalogue_;
  telemetry::Log log_;
  telemetry::Metrics metrics_;
  runtime::Loop loop_;
  Recorder recorder_;
  Disk disk_;
  DeviceFiles files_;
  agent::Agent mind_;
  std::vector<agent::Event> inbox_;
  runtime::TimerId wake_;

  std::optional<agent::NodeFacts> facts_;
  bool reading_facts_ = false;
  std::string files_trouble_;                    ///< said last
  std::map<std::string, std::uint32_t> minors_;  ///< device minors by UUID
  /// CDI entries that wait for their GPU's minor, by UUID.
  std::map<std::string, std::vector<std::pair<agent::EffectId, agent::WriteCdi>>> waiting_;
  std::optional<control::GpuNodeStatus> reported_;  ///< as the mind had it last
  bool owes_report_ = false;                        ///< report_own() has not been done
  int own_failures_ = 0;                            ///< of it, in a row
  runtime::Instant lost_at_ = -kLostEveryMs;        ///< the status was last found overwritten
  std::atomic<int> unasked_{0};                     ///< kubelet's events that wait for the loop
  bool kubelet_started_ = false;
  bool following_ = false;  ///< a layout file was followed
  bool leaving_ = false;
  std::atomic<bool> ready_{false};
  std::atomic<std::int64_t> stuck_ms_{0};
  std::atomic<std::int64_t> disk_stuck_ms_{0};
  std::atomic<bool> libraries_{false};  ///< CDI entries bring the driver's libraries
  Ending ending_;

  // Last made, first destroyed: they call back.
  std::unique_ptr<runtime::Serial> disk_thread_;
  std::unique_ptr<DriverHand> driver_;
  std::unique_ptr<kubelet::Kubelet> kubelet_;
  std::unique_ptr<apiserver::Client> client_;
  std::unique_ptr<Cluster> cluster_;
  std::unique_ptr<LayoutFile> layout_;
  std::unique_ptr<web::StatusPages> web_;
};

}  // namespace kerf::shell
