// AgentHost: runs the node agent's mind on a simulated machine, with crashes between any two
// effects.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/hash.h"
#include "core/agent/agent.h"
#include "core/gpu/model.h"
#include "sim/api_server.h"
#include "sim/clock.h"
#include "sim/kubelet.h"
#include "sim/machine_driver.h"
#include "sim/watch.h"

namespace kerf::sim {

/// The controller's Lease. Its host calls lease_renewed(); agents read it.
struct ControllerLease {
  Instant renewed = 0;  ///< 0: there is none
  void lease_renewed(Instant now) { renewed = now; }
};

/// What outlives a process on the machine.
struct MachineDisk {
  std::optional<std::string> journal;      ///< as synced last
  std::map<std::string, std::string> cdi;  ///< device id -> UUID; in memory: a reboot empties it
};

struct AgentOptions {
  agent::Options mind;
  WatchFaults watch;
  WriteFaults write;
  Range loop{0, 2};  ///< an event waits for the loop
  Range rpc{1, 10};  ///< a call between kubelet and a plugin; reading PodResources
  Range registration{2, 50};
  Range take{1, 30};           ///< a list that was sent, until kubelet has taken it
  Range sync{1, 20};           ///< fsync
  Range file{1, 5};            ///< a CDI file
  Range thread{0, 3};          ///< before an operation begins on the NVML thread
  Range look_around{0, 1000};  ///< PodResources is looked at so often
  Range down{1000, 15000};     ///< a process that died, until the next one begins
  std::int64_t deadline_ms = 60 * control::kSecond;     ///< of a driver operation
  std::int64_t lease_every_ms = 10 * control::kSecond;  ///< how often the Lease is looked at
};

/// What the agent's host can reach.
struct AgentWorld {
  ApiServer& api;
  const gpu::Catalogue& catalogue;
  const ControllerLease& lease;
  std::string node;
  simgpu::Driver& driver;
  Kubelet& kubelet;
  MachineDisk& disk;
  /// Called before and after each driver operation that changes something.
  std::function<void(bool before)> changing;
};

/// Turns the world into events of the mind and its effects into calls: one NVML operation at a
/// time, everything else side by side, each with a drawn delay. A process that ends loses all of
/// its memory; of a journal that was being written either the old or the new one is on the disk.
class AgentHost : public Plugin {
 public:
  AgentHost(AgentWorld world, AgentOptions options, std::uint64_t seed);
  ~AgentHost() override;
  AgentHost(const AgentHost&) = delete;
  AgentHost& operator=(const AgentHost&) = delete;

  bool up() const { return mind_ != nullptr; }
  void start(const std::string& boot_id);
  /// Ends for now: nothing starts it but start().
  void stop();
  /// Ends now, and starts again after a while.
  void crash();
  /// Ends as crash() does, right before effect number `effects` from now is executed (0 = the
  /// next).
  void crash_before_effect(std::int64_t effects) { fuse_ = effects; }
  /// The API server cannot be reached from this node.
  void cut_off(bool cut);
  /// Journal writes that fail from now on: nothing is known of what is on the disk then.
  void fail_journal(int writes) { journal_failures_ = writes; }
  void set_foreign_driver(bool present);
  /// The driver has events to read.
  void poke();
  void set_faults(const WatchFaults& watch, const WriteFaults& write);

  std::uint64_t runs() const { return runs_; }
  std::uint64_t effects() const { return effects_; }
  void add_to(Hasher& hasher) const;

  // Plugin
  void prefer(std::uint64_t call, const std::string& resource,
              const std::vector<std::string>& available, std::int64_t count) override;
  void allocate(std::uint64_t call, const std::string& resource,
                const std::vector<std::string>& ids) override;
  void kubelet_socket(bool up) override;
  void dropped(const std::string& resource) override;

 private:
  using EffectId = agent::EffectId;
  /// Does it and says what to tell the mind, after how long.
  struct Told {
    agent::Event event;
    std::int64_t latency_ms = 0;
    agent::Event timed_out;
  };

  void end();
  void later(std::int64_t delay_ms, std::function<void()> step);
  void deliver(agent::Event event);
  void step();
  void execute(const agent::Effect& effect);

  void act(EffectId id, const agent::Look& op);
  void act(EffectId id, const agent::CreateInstance& op);
  void act(EffectId id, const agent::CreateCompute& op);
  void act(EffectId id, const agent::DestroyCompute& op);
  void act(EffectId id, const agent::DestroyInstance& op);
  void act(EffectId id, const agent::WriteCdi& op);
  void act(EffectId id, const agent::RemoveCdi& op);
  void act(EffectId id, const agent::Serve& op);
  void act(EffectId id, const agent::Confirm& op);
  void act(EffectId id, const agent::AskHolders& op);
  void act(EffectId id, const agent::WriteJournal& op);
  void act(EffectId id, const agent::Answer& op);
  void act(EffectId id, const agent::Prefer& op);
  void act(EffectId id, const agent::Report& op);
  void act(EffectId id, const agent::WakeAt& op);

  template <class Op>
  void change_driver(EffectId id, const Op& op);
  void drive(std::function<Told()> run);
  void pump();
  void send_list(const agent::Serve& op);
  agent::Holders pod_resources() const;
  agent::Holders checkpoint() const;
  void connect();
  void lose_reports();
  void look_at_lease();
  void lease_tick();
  void kubelet_changed();
  void look_at_kubelet();

  AgentWorld world_;
  Clock& clock_;
  AgentOptions options_;
  std::uint64_t seed_;
  Dice dice_;
  std::shared_ptr<std::uint64_t> life_ = std::make_shared<std::uint64_t>(0);

  // Of the process; gone when it ends.
  std::unique_ptr<agent::Agent> mind_;
  std::unique_ptr<Client> client_;
  std::vector<agent::Event> inbox_;
  bool step_waits_ = false;
  std::deque<std::function<Told()>> jobs_;
  bool driver_busy_ = false;
  std::vector<agent::SeenGpu> last_look_;
  Timer wake_;
  std::optional<std::string> journal_in_flight_;
  std::map<std::string, Instant>
      list_taken_;  ///< by resource: when kubelet takes the last one sent
  bool looking_ = false;
  std::vector<agent::Holder> told_holders_;
  std::set<std::string> told_foreign_;
  std::pair<std::string, std::int64_t> told_wanted_;  ///< uid, generation
  bool seen_wanted_ = false;
  Version object_version_ = 0;  ///< of the GpuNode, as seen or written last
  agent::Lease told_lease_;
  bool lease_told_ = false;
  Instant lease_told_since_ = 0;
  Timer lease_look_;
  std::set<EffectId> reports_;  ///< not answered yet
  std::uint64_t xid_cursor_ = 0;

  // Of the machine.
  std::string boot_id_;
  bool cut_ = false;
  bool foreign_driver_ = false;
  Timer restart_;
  std::int64_t fuse_ = -1;
  int journal_failures_ = 0;
  std::uint64_t runs_ = 0;
  std::uint64_t effects_ = 0;
};

}  // namespace kerf::sim
