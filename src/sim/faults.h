// FaultSpec: what goes wrong in a simulated cluster, as plain data; Faults: makes it happen.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "sim/clock.h"
#include "sim/kubelet.h"
#include "sim/watch.h"
#include "simgpu/driver.h"

namespace kerf::sim {

class World;
class Machine;

/// What happens. In files: the name in kebab-case ("crash-agent-at-effect"). In brackets: the
/// fields of FaultSpec that it looks at, beside when and times. "A machine": `node`, or one drawn.
enum class FaultKind : std::uint8_t {
  // Kerf's controller.
  CrashController,          ///< and it starts again after a while
  CrashControllerAtEffect,  ///< right before effect number [effect] from then; drawn up to it
  PauseController,          ///< hears and does nothing [for]
  StopController,           ///< is away [for]
  LoseLease,                ///< another would lead [for]
  // Kerf's agents; a machine.
  CrashAgent,
  CrashAgentAtEffect,  ///< as above [effect]
  StopAgent,           ///< is away [for]
  LoseJournal,         ///< the file is gone, and the agent starts anew
  FailJournal,         ///< the next [number] writes of it fail
  // Machines.
  RestartKubelet,
  Reboot,
  LoseGpu,        ///< [comes_back]: at the next reboot, which follows after [for] if that is given
  LoseInstance,   ///< without a notice
  Interrupt,      ///< spot: with a notice of two minutes; only machines that are spot
  Xid,            ///< [xid] of one GPU, or of one of its slices
  DriverError,    ///< the next [number] calls of [operation] answer [code]; [done]: and do it
  SlowDriver,     ///< [for]
  CutOff,         ///< kubelet and agent cannot reach the API server [for]
  ForeignPlugin,  ///< serves [resource] [for]; "": the first name that Kerf serves there
  ForeignDriver,  ///< a DRA driver publishes the GPUs [for]
  ForeignInstance,  ///< somebody runs nvidia-smi mig -cgi
  // What Kerf's programs see and write [who].
  Watch,  ///< [preset] of watch_faults() [for]
  Write,  ///< [preset] of write_faults() [for]
  // The market.
  OutOfStock,         ///< [type, zone, capacity_type], drawn where not given [for]
  StopFeed,           ///< [for]
  ChangePrice,        ///< the same offering, by [percent]
  FailRegistrations,  ///< of the next [number] launches
  HangLaunches,       ///< the same
  // The cluster and its users.
  RestartScheduler,  ///< is away [for]
  DeletePod,         ///< a pod with a GPU request; [force]: without waiting for it to end
  Scale,             ///< a workload, to up to [number] replicas
  RollOut,           ///< a workload
  Cordon,            ///< a node [for]
  DeleteClaim,       ///< somebody deletes a NodeClaim of Kerf's
  Observe,           ///< somebody sets a policy to Observe [for], and back
  ChangeNodeClass,   ///< a new image: its hash changes
  kCount,
};
/// "crash-controller".
const char* to_string(FaultKind kind);
std::optional<FaultKind> fault_named(std::string_view name);

/// Late | repeat | break | pages | all: streams of events go wrong in that way.
std::optional<WatchFaults> watch_faults(std::string_view preset);
/// Lost | answer-lost | late | conflict | throttle | all.
std::optional<WriteFaults> write_faults(std::string_view preset);
inline constexpr const char* kWatchPresets[] = {"late", "repeat", "break", "pages", "all"};
inline constexpr const char* kWritePresets[] = {"lost",     "answer-lost", "late",
                                                "conflict", "throttle",    "all"};

/// The driver operations that an agent asks for, by name in files: "create-gpu-instance" ...
std::optional<simgpu::Operation> operation_named(std::string_view name);
/// "unknown", "in-use", "insufficient-resources", "timeout", "gpu-is-lost", "invalid-argument".
std::optional<simgpu::Return> return_named(std::string_view name);

enum class Who : std::uint8_t { Controller, Agents, All };

/// One line of a list of faults. In files the keys are the names of the fields, with '-' for '_'
/// and without "_ms"; lengths are durations ("90s").
struct FaultSpec {
  FaultKind what = FaultKind::CrashController;

  // When; times count from the start of the world.
  Instant at_ms = 0;  ///< the first time, or from when on `every` counts
  std::int64_t every_ms =
      0;                   ///< 0 = once; else again and again after a half to one and a half of it
  Instant until_ms = 0;    ///< not after that; 0 = no end
  std::int64_t count = 0;  ///< at most so often; 0 = no limit

  // Where, and how.
  std::string node;         ///< "" = drawn each time from the machines that there are
  Range for_ms = {0, 0};    ///< drawn; how long it lasts
  std::int64_t effect = 0;  ///< ...AtEffect: the number is drawn from 0 to this
  std::int64_t number = 1;
  std::uint32_t xid = 31;
  simgpu::Operation operation = simgpu::Operation::CreateGpuInstance;
  simgpu::Return code = simgpu::Return::Unknown;
  bool done = false;
  bool comes_back = true;
  bool force = false;
  std::string preset = "all";
  Who who = Who::All;
  std::string resource;
  std::string type;
  std::string zone;
  std::optional<market::CapacityType> capacity_type;
  std::int64_t percent = 100;  ///< of the price
};

/// One that happened.
struct FaultDone {
  Instant at = 0;
  Instant until = 0;  ///< when it ends by itself; at, if it does not last
  FaultKind what = FaultKind::CrashController;
  std::string where;  ///< node, pod, workload, policy ...; "" = the controller, the market
};

/// Makes a list of faults happen to a world until calm() is called. Chance of its own: a fault more
/// changes nothing of what else is drawn.
class Faults {
 public:
  Faults(World& world, std::vector<FaultSpec> specs, std::uint64_t seed);
  ~Faults();
  Faults(const Faults&) = delete;
  Faults& operator=(const Faults&) = delete;

  /// Nothing happens any more, and what lasts ends now: watches are mended, controller, kubelets
  /// and agents run, the feed is on, nodes that somebody cordoned take pods, policies are as they
  /// were. What is lost stays lost: GPUs, instances, pods, offerings out of stock until they are
  /// back.
  void calm();
  bool is_calm() const { return calm_; }

  /// Does one now, with `at_ms` and the like ignored; false: there is nothing that it can happen
  /// to.
  bool strike(const FaultSpec& spec);

  /// Called as each happens.
  std::function<void(const FaultDone&)> on_fault;
  const std::vector<FaultDone>& done() const { return done_; }
  void add_to(Hasher& hasher) const;

 private:
  struct Lasting {
    Timer timer;
    std::function<void()> end;
  };

  void happen(std::size_t number);
  void wait(std::size_t number, Instant from);
  bool strike_controller(const FaultSpec& spec);
  bool strike_agent(const FaultSpec& spec, Machine& machine);
  bool strike_machine(const FaultSpec& spec, Machine& machine);
  bool strike_streams(const FaultSpec& spec);
  bool strike_market(const FaultSpec& spec);
  bool strike_users(const FaultSpec& spec);
  bool strike_cluster(const FaultSpec& spec);
  bool observe(const FaultSpec& spec);
  bool lose_gpu(const FaultSpec& spec, Machine& machine);
  bool foreign_plugin(const FaultSpec& spec, Machine& machine);
  bool foreign_instance(const FaultSpec& spec, Machine& machine);
  bool xid(const FaultSpec& spec, Machine& machine);
  void start_agent(const std::string& node);
  bool change_offering(const FaultSpec& spec);
  void apply_streams();
  Machine* machine_for(const FaultSpec& spec);
  Machine* machine_of(const std::string& node) const;
  std::int64_t length(const FaultSpec& spec);
  /// `end` runs after the drawn length, or at calm(). Key: what it is about; a second one of the
  /// same key ends the first without its end being run.
  void last(const std::string& key, std::int64_t length_ms, std::function<void()> end);
  void tell(const FaultSpec& spec, const std::string& where, std::int64_t length_ms = 0);

  World& world_;
  std::vector<FaultSpec> specs_;
  Dice dice_;
  std::vector<Timer> timers_;           ///< by spec
  std::vector<std::int64_t> happened_;  ///< by spec
  std::map<std::string, Lasting> lasting_;
  WatchFaults watch_of_[2];  ///< controller, agents
  WriteFaults write_of_[2];
  std::uint64_t listener_ = 0;
  bool calm_ = false;
  std::vector<FaultDone> done_;
};

}  // namespace kerf::sim
