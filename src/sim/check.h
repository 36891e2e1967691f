// Checks: watches a world step by step and says which promise was broken, when and how.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "sim/faults.h"
#include "sim/world.h"

namespace kerf::sim {

/// What must hold. docs/simulator.md says of each what exactly is checked, and what excuses it.
enum class Promise : std::uint8_t {
  // The nine promises of the design, in their order.
  SliceInUse,
  Converges,
  ProvenDestination,
  StalePrices,
  ObserveTouchesNothing,
  ObserveWritesNothing,
  AloneSchedulable,
  Admission,
  BuysOnce,
  // What they rest on.
  Oversubscribed,
  KubeletCrash,
  BrokenStart,
  LegalLayout,
  Ledger,
  EffectsInOrder,
  Limits,
  ComesToRest,
  Served,
  GivesBack,
  Canary,  ///< not a promise: broken by any node that is bought, to see that breaches are seen
  kCount,
};
/// "slice-in-use".
const char* to_string(Promise promise);

struct Verdict {
  Promise promise = Promise::SliceInUse;
  std::string sentence;  ///< "gpu0/1g.5gb@3 of ip-2 was destroyed while default/a-1 held it"
  Instant at = 0;
};

struct CheckOptions {
  bool canary = false;
  /// Nothing of the outside changes in the calm phase: prices, interruptions.
  bool steady = true;
  std::size_t most = 20;  ///< verdicts kept; more say nothing new
};

/// Of a node: until when what befell it may still show, whatever Kerf does.
class Troubles {
 public:
  void extend(const std::string& node, Instant until);
  bool is_troubled(const std::string& node, Instant now) const;
  /// Something befell it just now.
  void shake(const std::string& node, Instant now) { shaken_[node] = now; }
  /// Nodes that something befell since then, or was still showing.
  std::vector<std::string> since(Instant since) const;

 private:
  std::map<std::string, Instant> until_;
  std::map<std::string, Instant> shaken_;
};

class Checks;

/// One concern. Hears what happens; asks the world; says what is wrong with Checks::breach().
class Checker {
 public:
  explicit Checker(Checks& checks) : checks_(checks) {}
  virtual ~Checker() = default;
  Checker(const Checker&) = delete;
  Checker& operator=(const Checker&) = delete;

  /// An object of the API server changed; within the step in which it did.
  virtual void changed(const Change&) {}
  /// The controller is about to ask for this. Not told of WakeAt.
  virtual void effect(const controller::Effect&) {}
  virtual void noted(const controller::Record&) {}
  /// A request arrives at the API server.
  virtual void arrived(const Request&) {}
  virtual void fault(const FaultDone&) {}
  /// After each step of the clock, for each machine that is on.
  virtual void looked(Machine&) {}
  /// After each step of the clock.
  virtual void stepped() {}
  /// At the end of the phase without faults; at the end of that without the controller.
  virtual void calm_ends() {}
  virtual void alone_ends() {}

 protected:
  Checks& checks_;
};

class Checks {
 public:
  /// `faults` (may be null) and the world outlive it. Takes the controller's on_effect and
  /// on_record, the faults' on_fault and Karpenter's when_prices_change, and calls those that were
  /// there before.
  Checks(World& world, Faults* faults, CheckOptions options = {});
  ~Checks();
  Checks(const Checks&) = delete;
  Checks& operator=(const Checks&) = delete;

  /// Lets the world run, looking after each step.
  void run_until(Instant time);
  /// Ends the faults.
  void begin_calm();
  void end_calm();
  /// The controller went; it stays away until end_alone().
  void begin_alone();
  void end_alone();

  const std::vector<Verdict>& verdicts() const { return verdicts_; }

  // --- For checkers ------------------------------------------------------------------------------

  World& world() { return world_; }
  Faults* faults() { return faults_; }
  const CheckOptions& options() const { return options_; }
  Troubles& troubles() { return troubles_; }
  /// 0: there still are faults.
  Instant calm_since() const { return calm_since_; }
  /// The controller's streams are, or were until a moment ago, late or broken off.
  bool streams_are_wrong() const;
  /// The prices that the controller was told when it decided on that claim; the feed's, if it did
  /// not.
  const market::Market& prices_of(const std::string& claim) const;
  /// What the controller sees may be that old.
  std::int64_t controller_sees_ms() const;
  void breach(Promise promise, std::string sentence);

 private:
  struct Look {
    bool agent = false;
    bool kubelet = false;
    std::uint64_t runs = 0;
    int boots = 0;
  };

  void listen();
  void look();
  void trouble(Machine& machine);
  void befalls(const std::string& node, std::int64_t length);
  void fault(const FaultDone& done);

  World& world_;
  Faults* faults_;
  CheckOptions options_;
  std::vector<std::unique_ptr<Checker>> checkers_;
  std::vector<std::uint64_t> listeners_;
  std::function<void(const controller::Effect&)> effect_before_;
  std::function<void(const controller::Record&)> record_before_;
  std::function<void(const FaultDone&)> fault_before_;
  bool machines_changed_ = true;
  std::vector<Machine*> machines_;
  std::map<std::string, Look> looks_;
  std::map<std::string, Instant> cut_off_until_;
  Instant late_until_ = 0;  ///< the controller's streams are wrong
  Troubles troubles_;
  Instant calm_since_ = 0;
  std::map<std::string, std::shared_ptr<const market::Market>> told_;  ///< by claim name
  std::vector<Verdict> verdicts_;
  std::set<std::string> said_;
};

// The checkers (check_*.cc).
std::unique_ptr<Checker> check_slices(Checks& checks);
std::unique_ptr<Checker> check_admission(Checks& checks);
std::unique_ptr<Checker> check_moves(Checks& checks);
std::unique_ptr<Checker> check_observe(Checks& checks);
std::unique_ptr<Checker> check_purchases(Checks& checks);
std::unique_ptr<Checker> check_budgets(Checks& checks);
std::unique_ptr<Checker> check_effects(Checks& checks);
std::unique_ptr<Checker> check_ledger(Checks& checks);
std::unique_ptr<Checker> check_rest(Checks& checks);
std::unique_ptr<Checker> check_nodes(Checks& checks);
std::unique_ptr<Checker> check_served(Checks& checks);
std::unique_ptr<Checker> check_canary(Checks& checks);

/// What is promised of purchases and prices (docs/control.md), whatever the controller's options
/// say.
inline constexpr std::int64_t kPurchasesPerPod = 2;
inline constexpr int kUnlaunchedClaims = 5;
inline constexpr std::int64_t kPriceAgeMs = 30 * control::kMinute;

/// The policy that governs a pod by the API server's truth; nullptr.
const control::SlicePolicy* governing(const ApiServer& api, const control::Pod& pod);
/// The least that a claim costs by that market: of what is launched its own, else the cheapest that
/// it allows.
MicroUsdPerHour least_price(const market::Market& market, const control::NodeClaim& claim);
/// The policy of a label map of a claim or node; nullptr: not Kerf's.
const control::SlicePolicy* policy_of(const ApiServer& api, const control::Labels& labels);

}  // namespace kerf::sim
