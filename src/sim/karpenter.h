// Karpenter and EC2: NodeClaims become machines and go again; capacity, interruptions, the bill.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/hash.h"
#include "core/control/kube.h"
#include "sim/api_server.h"
#include "sim/clock.h"
#include "sim/karpenter_bill.h"
#include "sim/machine.h"
#include "sim/prices.h"

namespace kerf::sim {

struct KarpenterOptions {
  Range see{50, 500};              ///< a change of a claim or its Node reaches Karpenter
  Range launch{2000, 6000};        ///< the call that launches
  Range boot{40000, 120000};       ///< launched until kubelet runs
  Range shut_down{1000, 5000};     ///< the call that terminates
  Range evict_again{2000, 10000};  ///< an eviction that was refused, until the next attempt
  Range collect{5000, 120000};     ///< an instance vanished and its Node is not ready, until GC
  std::int64_t launch_timeout_ms = 5 * control::kMinute;
  std::int64_t registration_timeout_ms = 15 * control::kMinute;
  std::int64_t notice_ms = 2 * control::kMinute;  ///< of a spot interruption
  std::int64_t spot_life_ms = 0;  ///< a spot instance is interrupted after about that; 0 = never
  market::NodeOverhead overhead;  ///< what DaemonSets take of a node
};

struct KarpenterEvent {
  enum class What : std::uint8_t {
    Launched,
    InsufficientCapacity,  ///< the claim is deleted
    NodeClassNotReady,     ///< the same
    LaunchTimeout,         ///< the same, after 5 min
    RegistrationTimeout,   ///< the same, after 15 min
    Registered,
    Initialized,
    Expired,
    Interrupted,   ///< spot, with notice
    InstanceGone,  ///< terminated with pods on it, or vanished
    Terminated,
  };
  Instant at = 0;
  What what = What::Launched;
  std::string claim;
  std::string node;  ///< "" before registration
  bool operator==(const KarpenterEvent&) const = default;
};

/// The finalizer of claims and their Nodes.
inline constexpr const char* kTermination = "karpenter.sh/termination";

/// Life of stand-alone NodeClaims as Karpenter 1.14 and its AWS provider make it (facts: read in
/// the source, launch to deletion run with its kwok provider), and EC2 behind it. Drains through
/// the eviction API, so PodDisruptionBudgets hold; a pod that must not be disrupted is waited for.
class Karpenter {
 public:
  Karpenter(const MachineWorld& world, Prices& prices, KarpenterOptions options);
  ~Karpenter();
  Karpenter(const Karpenter&) = delete;
  Karpenter& operator=(const Karpenter&) = delete;

  // --- What stands -------------------------------------------------------------------------------

  /// nullptr: there is no machine of that node (any more).
  Machine* machine(const std::string& node);
  /// Nodes that have a machine that is on.
  std::vector<std::string> nodes() const;
  const Bill& bill() const { return bill_; }
  const std::vector<KarpenterEvent>& events() const { return events_; }
  /// How long some claim had no instance yet: so long all of Karpenter's own provisioning and
  /// disruption waited (cluster.Synced).
  std::int64_t stalled_ms() const;
  /// Called before a machine is forgotten, with its logs complete.
  void when_gone(std::function<void(Machine&)> gone) { gone_ = std::move(gone); }

  // --- Prices ------------------------------------------------------------------------------------

  /// Called after each change of prices, availability or feed.
  void when_prices_change(std::function<void()> changed) { prices_changed_ = std::move(changed); }
  /// Changes prices from outside (a fault, a scenario): the bill is settled before.
  void change_prices(const std::function<void(Prices&)>& change);

  // --- Faults ------------------------------------------------------------------------------------

  /// EC2 takes the spot instance back: the claim is deleted, two minutes later the machine is gone.
  void interrupt(const std::string& node);
  /// The instance is lost without a notice.
  void lose_instance(const std::string& node);
  /// The next so many launches never register: the machine boots to nowhere.
  void fail_registrations(int count) { failing_registrations_ = count; }
  /// The next so many launches hang until the launch timeout.
  void hang_launches(int count) { hanging_launches_ = count; }

  void add_to(Hasher& hasher) const;

 private:
  struct Instance {
    std::string id;  ///< provider id
    std::string node;
    std::uint32_t type = 0;
    std::string zone;
    market::CapacityType capacity_type = market::CapacityType::OnDemand;
    std::unique_ptr<Machine> machine;
    bool there = true;  ///< EC2 has it
    Timer interruption;
    Timer death;
  };
  struct Claim {
    std::string name;
    std::string uid;
    Timer step;      ///< launch, boot
    Timer deadline;  ///< launch or registration
    Timer expiry;
    Timer drain;  ///< the next attempt
    bool draining = false;
    bool ending = false;  ///< the instance is being terminated
    Instance instance;
  };

  // Lifecycle (karpenter.cc)
  void claim_changed(const Change& change);
  void node_changed(const Change& change);
  void begin(const control::NodeClaim& claim);
  void launch(const std::string& name);
  const Prices::Offered* cheapest(const control::NodeClaim& claim,
                                  std::vector<const Prices::Offered*>& tried) const;
  void launched(Claim& claim, const control::NodeClaim& object, const Prices::Offered& offered);
  void boot(const std::string& name);
  control::Node node_of(const Claim& claim, const control::NodeClaim& object) const;
  void check_initialized(const std::string& name);
  void give_up(const std::string& name, KarpenterEvent::What why);
  void note(KarpenterEvent::What what, const Claim& claim);
  void update_stall();
  Claim* find(const std::string& name);
  Claim* of_node(const std::string& node);
  void later(std::int64_t delay_ms, std::function<void()> step);

  // Termination (karpenter_drain.cc)
  void pod_changed(const Change& change);
  void terminate(const std::string& name);
  void drain(const std::string& name);
  bool evict(const control::Pod& pod);
  void end_instance(const std::string& name);
  void gone(const std::string& name);
  void instance_died(Claim& claim);
  void collect(const std::string& name);

  // Prices
  void prices_due();
  void apply_prices();

  MachineWorld world_;
  ApiServer& api_;
  Clock& clock_;
  Prices& prices_;
  KarpenterOptions options_;
  Dice dice_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  std::map<std::string, Claim> claims_;         ///< by name
  std::map<std::string, std::string> by_node_;  ///< node -> claim
  Bill bill_;
  std::vector<KarpenterEvent> events_;
  std::function<void(Machine&)> gone_;
  std::function<void()> prices_changed_;
  Timer price_timer_;
  std::vector<std::uint64_t> listeners_;
  std::uint64_t instances_ = 0;
  int failing_registrations_ = 0;
  int hanging_launches_ = 0;
  std::set<std::string> unlaunched_;
  Instant stalled_since_ = 0;
  std::int64_t stalled_ms_ = 0;
};

}  // namespace kerf::sim
