// Machine: one simulated GPU node: driver, kubelet, disk, the agent's process, and what befalls
// them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/hash.h"
#include "core/gpu/form.h"
#include "core/gpu/model.h"
#include "sim/api_server.h"
#include "sim/clock.h"
#include "sim/kubelet.h"
#include "sim/kubelet_nodes.h"
#include "sim/machine_agent.h"
#include "simgpu/driver.h"

namespace kerf::sim {

struct MachineOptions {
  KubeletOptions kubelet;
  AgentOptions agent;
  simgpu::Latencies latencies;
  int driver_major = 570;
  bool agent_runs = true;          ///< Kerf's agent is on the node
  bool passthrough = true;         ///< as on EC2: an Ampere GPU changes its mode at a reboot only
  Range agent_start{2000, 15000};  ///< kubelet runs until the agent's pod does
  Range boot{30000, 90000};        ///< a reboot, until kubelet runs
  Range process{0, 8000};          ///< a container runs until its process opens its device
  int idle_milli = 100;            ///< of a thousand pods: those that never open it
};

/// What all machines of a world share. Everything outlives the machines.
struct MachineWorld {
  ApiServer& api;
  NodeMonitor& nodes;
  const ControllerLease& lease;
  const gpu::Catalogue& catalogue;
  std::uint64_t seed = 0;
  MachineOptions options;
};

/// A GPU instance as it is, and who has it in truth.
struct InstanceView {
  int gpu = 0;
  std::uint32_t gi = 0;
  std::string form;  ///< "1g.10gb": the profile's name
  std::uint8_t start = 0;
  std::string uuid;                 ///< of its MIG device; "" = it has no compute instance
  std::set<std::string> holders;    ///< pods by kubelet's own books, allocations in flight too
  std::set<std::string> processes;  ///< pods of which a process runs on it
  bool held() const { return !holders.empty() || !processes.empty(); }
  bool operator==(const InstanceView&) const = default;
};

struct DestroyedInstance {
  enum class By : std::uint8_t {
    Agent,
    Other,   ///< foreign software
    Reboot,  ///< or a reset: nothing could have kept it
  };
  Instant at = 0;
  By by = By::Agent;
  InstanceView was;  ///< who held it at that moment
  bool operator==(const DestroyedInstance&) const = default;
};

/// A container that got a device that is not there: its CDI entry is missing or stale.
struct BrokenStart {
  Instant at = 0;
  std::string pod;
  std::string device;
  std::string why;
  bool gpu_lost = false;  ///< nothing could have helped
  bool operator==(const BrokenStart&) const = default;
};

/// From power_on() to terminate(). GPUs are in the mode that its NodeClass sets before kubelet
/// starts, at each boot; on Ampere passed through that takes one more reboot, once.
class Machine : private Runtime {
 public:
  /// `boards`: keys of the GPUs. The Node object is made by who makes the machine, before
  /// power_on().
  Machine(const MachineWorld& world, std::string node, std::vector<std::string> boards,
          gpu::GpuMode mode);
  ~Machine() override;
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  const std::string& node() const { return node_; }
  bool on() const { return on_; }
  const std::string& boot_id() const { return boot_id_; }
  int boots() const { return boots_; }

  void power_on();
  /// For ever, whatever runs.
  void terminate();

  // --- Parts, for faults of their own and for checkers
  // --------------------------------------------

  Kubelet& kubelet() { return kubelet_; }
  const Kubelet& kubelet() const { return kubelet_; }
  AgentHost& agent() { return agent_; }
  const AgentHost& agent() const { return agent_; }
  /// Its world's side: open clients, scripted faults, slowness. Instances are changed by the
  /// functions below, so that the log has them.
  simgpu::Driver& driver() { return driver_; }
  const simgpu::Driver& driver() const { return driver_; }
  const MachineDisk& disk() const { return disk_; }

  // --- Faults ------------------------------------------------------------------------------------

  void crash_agent() { agent_.crash(); }
  void crash_agent_before_effect(std::int64_t effects) { agent_.crash_before_effect(effects); }
  void restart_kubelet() {
    if (kubelet_.up()) kubelet_.crash();
  }
  void reboot();
  void lose_gpu(int gpu, bool comes_back_at_reboot);
  void fail_next(simgpu::Operation operation, simgpu::Return code, int count, simgpu::Effect effect,
                 int gpu = -1);
  void xid(int gpu, std::uint32_t xid, std::uint32_t gpu_instance = simgpu::kNoInstance);
  void set_slow(bool slow) { driver_.set_slow(slow); }
  /// Kubelet and agent, or one of them.
  void cut_off(bool kubelet, bool agent);
  void lose_journal() { disk_.journal.reset(); }
  /// Another device plugin serves this name, from now on and after each restart of kubelet.
  void add_foreign_plugin(const std::string& resource, std::vector<PluginDevice> devices);
  void remove_foreign_plugin(const std::string& resource);
  /// Somebody runs nvidia-smi mig -cgi (-C): false if the driver refuses.
  bool create_foreign_instance(int gpu, std::uint32_t profile_id, simgpu::Placement placement,
                               bool with_compute);
  /// ... -dci -dgi of whatever stands at that start, if nothing runs on it.
  bool destroy_foreign_instance(int gpu, std::uint8_t start);

  // --- MachineView -------------------------------------------------------------------------------

  /// By GPU and start.
  std::vector<InstanceView> instances() const;
  const std::vector<DestroyedInstance>& destroyed() const { return destroyed_; }
  const std::vector<BrokenStart>& broken_starts() const { return broken_starts_; }
  /// GPUs that are lost now.
  std::set<int> lost() const;
  /// Forgets destroyed(), broken_starts(): a checker has read them.
  void clear_log();
  void add_to(Hasher& hasher) const;

 private:
  class ForeignPlugin;
  struct PodProcess {
    std::string pod;
    std::vector<std::uint32_t> pids;
    std::uint64_t number = 0;
  };

  void started(const control::Pod& pod, const std::vector<control::HeldDevice>& devices) override;
  void stopped(const std::string& uid) override;
  void open_devices(const std::string& uid, std::uint64_t number,
                    const std::vector<std::string>& uuids);
  void boot(bool again);
  bool set_modes();
  void go_down(DestroyedInstance::By by);
  void changing(bool before, DestroyedInstance::By by);
  void later(std::int64_t delay_ms, std::function<void()> step);

  MachineWorld world_;
  Clock& clock_;
  std::string node_;
  gpu::GpuMode mode_;
  Dice dice_;
  simgpu::Driver driver_;
  MachineDisk disk_;
  Kubelet kubelet_;
  AgentHost agent_;
  std::shared_ptr<std::uint64_t> life_ = std::make_shared<std::uint64_t>(0);
  bool on_ = false;
  int boots_ = 0;
  std::string boot_id_;
  std::uint32_t next_pid_ = 1000;
  std::uint64_t starts_ = 0;
  std::map<std::string, PodProcess> processes_;  ///< by uid
  std::map<std::string, std::unique_ptr<ForeignPlugin>> foreign_;
  std::vector<InstanceView> before_;  ///< instances before the call that is being made
  std::vector<DestroyedInstance> destroyed_;
  std::vector<BrokenStart> broken_starts_;
};

}  // namespace kerf::sim
