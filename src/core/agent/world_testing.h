// World: one node for tests: simulated driver, kubelet, disk and pods around an agent's mind.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/agent/agent.h"
#include "core/agent/trace_testing.h"
#include "simgpu/driver.h"

namespace kerf::agent {

/// "2g.10gb@0 !3g.20gb@4": slices by start; '!' parks. Resources are NVIDIA's names, or what stands
/// after '='.
control::WantedGpu cut(const std::string& text);

struct Pod {
  std::string name;
  std::string resource;
  std::string device;  ///< "" until kubelet has picked one
  bool admitted = false;
  bool rejected = false;
  bool in_list = true;  ///< PodResources shows it
  bool in_checkpoint = true;
  std::uint64_t call = 0;  ///< of Allocate, under way
  Instant picked = 0;
};

/// Which of n things that can happen now is next.
using Choice = std::function<std::size_t(std::size_t)>;

class World {
 public:
  explicit World(const std::vector<std::string>& boards, bool mode = true, std::uint64_t seed = 1);

  // What happens to the node.
  void start();  ///< the agent, anew: what it had in mind and in flight is lost
  void restart_kubelet();
  void reboot();
  void boot_with(bool mode) { mode_ = mode; }  ///< the next time
  void want(std::vector<control::WantedGpu> gpus);
  void want_at_boot(std::vector<control::WantedGpu> gpus);  ///< told at each start, too
  void tell(Event event);
  /// Off the bus: NVML does not count it any more, and the numbers of those behind it change.
  void fall(std::uint32_t gpu) { fallen_.insert(gpu); }
  void come_back(std::uint32_t gpu) { fallen_.erase(gpu); }
  bool has_fallen(std::uint32_t gpu) const { return fallen_.contains(gpu); }
  const std::string& gpu_uuid(std::uint32_t gpu) const { return driver.state().gpus[gpu].uuid; }

  // Pods. kubelet picks a device that it has as healthy and that no pod has, then calls.
  bool pick(Pod pod);  ///< false: there is none, the pod waits elsewhere
  void call(Pod& pod);
  void end(const std::string& pod);
  Pod* pod(const std::string& name);
  void say_pods();  ///< PodResources, unasked
  /// A process that only NVML sees.
  void run_process(const std::string& device, std::uint32_t pid);
  void end_process(std::uint32_t pid);

  /// Performs one effect that waits, or lets time pass until the agent wants to be woken.
  void tick();
  /// Until nothing is left to do for some seconds.
  void settle();
  void run_for(std::int64_t ms);

  // What is seen.
  std::string layout(std::size_t gpu);  ///< "2g.10gb@0 3g.20gb@4", '-' after one not complete
  std::vector<std::string> healthy(const std::string& resource) const;
  std::string slices() const;  ///< of the status: "2g.10gb@0 Free published, ..."
  bool stands(const std::string& device);
  std::string uuid_of(const std::string& device);
  std::vector<std::string> wrong() const { return breaches(trace); }

  simgpu::Driver driver;
  Trace trace;
  std::vector<Action> log;  ///< effects performed, in order
  std::vector<Effect> waiting;
  control::GpuNodeStatus status;
  std::vector<Pod> pods;
  Instant now = 1000;
  Instant wake_at = -1;
  int list_lag = 0;  ///< ticks until kubelet takes a list
  Choice choose = [](std::size_t) { return std::size_t{0}; };
  /// Asked before each effect: a code that it answers instead, and whether it is done all the same.
  std::function<std::optional<std::pair<Code, bool>>(const Action&)> fault;
  /// Called before (true) and after each effect; true = the agent is killed there.
  std::function<bool(bool before)> crash;
  /// Called after each step of the agent.
  std::function<void(std::span<const Event>, std::span<const Effect>, Instant)> watch;
  Options options;
  bool kubelet_up = true;
  bool journal_lost = false;
  bool api_up = true;  ///< a run that starts is told what is wanted
  std::optional<Prefer> preferred;
  std::uint64_t hash() const { return agent_->hash(); }

 private:
  void deliver(Event event);
  void perform(const Effect& effect);
  Event outcome(const Effect& effect);
  std::optional<Code> operate(const Action& action);
  std::vector<SeenGpu> look();
  std::optional<std::uint32_t> number_of(const std::string& uuid) const;
  Holders holders(Source source);
  void take_lists(bool all);
  void answered(const Answer& answer);
  void note_standing();
  /// The journal on disk has to permit it.
  void check_written(std::uint32_t gpu, std::uint16_t profile, std::uint8_t start, bool goes);
  void set_mode();

  std::unique_ptr<Agent> agent_;
  bool mode_;
  std::set<std::uint32_t> fallen_;
  std::optional<std::string> journal_;
  std::map<std::string, std::string> cdi_;
  std::optional<Wanted> wanted_;
  std::optional<BootLayout> boot_layout_;
  int runs_ = 0;
  int boots_ = 1;
  std::uint64_t calls_ = 0;
  struct Incoming {
    int ticks = 0;
    std::string resource;
    std::vector<ServedDevice> list;
  };
  std::vector<Incoming> incoming_;
  std::map<std::string, std::vector<ServedDevice>> lists_;
  std::map<std::string, std::string> said_to_stand_;
};

}  // namespace kerf::agent
