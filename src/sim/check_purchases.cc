// Checks of what is bought: once for each need, within limits; and that the bill adds up.
#include <algorithm>

#include "core/control/names.h"
#include "sim/check.h"

namespace kerf::sim {

using control::NodeClaim;

namespace {

class Purchases : public Checker {
 public:
  using Checker::Checker;

  void noted(const controller::Record& record) override {
    if (record.what == controller::What::Failed) failed_.insert(record.about.name);
  }

  void changed(const Change& change) override {
    const auto* was = change.was<NodeClaim>();
    const auto* is = change.is<NodeClaim>();
    if (change.kind != Kind::NodeClaim) return;
    if (is == nullptr || (is->meta.deleted != 0 && was != nullptr && was->meta.deleted == 0)) {
      const NodeClaim& gone = is == nullptr ? *was : *is;
      // Nothing was had: it does not count.
      if (!gone.launched() && counted_.erase(gone.meta.uid) > 0)
        for (const std::string& uid : control::bought_for(gone.meta.annotations)) --bought_[uid];
      return;
    }
    if (was != nullptr) return;
    const control::SlicePolicy* policy = policy_of(checks_.world().api(), is->meta.labels);
    if (policy == nullptr) return;
    once(*is);
    limits(*is, *policy);
  }

 private:
  void once(const NodeClaim& claim) {
    const ApiServer& api = checks_.world().api();
    counted_.insert(claim.meta.uid);
    for (const std::string& uid : control::bought_for(claim.meta.annotations)) {
      if (++bought_[uid] > kPurchasesPerPod)
        checks_.breach(Promise::Limits, claim.meta.name + " is purchase " +
                                            std::to_string(bought_[uid]) + " for pod " + uid);
      for (const NodeClaim& other : api.all<NodeClaim>()) {
        if (other.meta.name == claim.meta.name || other.meta.deleted != 0 || other.initialized ||
            is_spoiled(other))
          continue;
        if (!control::is_bought_for(other.meta.annotations, uid)) continue;
        checks_.breach(Promise::BuysOnce, claim.meta.name + " is bought for pod " + uid +
                                              " while " + other.meta.name +
                                              ", bought for it, is coming");
      }
    }
  }

  /// A node that came and is of no use: cordoned, in trouble, degraded, or given up for its layout.
  bool is_spoiled(const NodeClaim& claim) const {
    if (claim.node.empty()) return false;
    World& world = checks_.world();
    const auto* node = world.api().find<control::Node>(claim.node);
    const auto* gpus = world.api().find<control::GpuNode>(claim.node);
    return failed_.contains(claim.node) || node == nullptr || node->cordoned ||
           checks_.troubles().is_troubled(claim.node, world.now() - control::kMinute) ||
           (gpus != nullptr && gpus->status.degraded != control::Degraded::No);
  }

  /// By the prices that the controller was told when it decided: of what is launched its own, else
  /// the cheapest that the claim allows. What is being deleted does not count.
  void limits(const NodeClaim& claim, const control::SlicePolicy& policy) {
    const ApiServer& api = checks_.world().api();
    const market::Market& market = checks_.prices_of(claim.meta.name);
    MicroUsdPerHour rate;
    std::int64_t gpus = 0;
    int unlaunched = 0;
    for (const NodeClaim& other : api.all<NodeClaim>()) {
      if (other.meta.deleted != 0) continue;
      if (!other.launched()) ++unlaunched;
      if (policy_of(api, other.meta.labels) != &policy) continue;
      rate += least_price(market, other);
      const market::InstanceType* type = market.type_named(other.type);
      gpus += type == nullptr ? 0 : type->gpu_count;
    }
    if (unlaunched > kUnlaunchedClaims)
      checks_.breach(Promise::Limits, claim.meta.name + " makes " + std::to_string(unlaunched) +
                                          " claims without an instance");
    if (!policy.buys.limit_per_hour && !policy.buys.limit_gpus)
      checks_.breach(Promise::BuysOnce, claim.meta.name + " is bought for " + policy.meta.name +
                                            ", which has no limit");
    if (policy.buys.limit_per_hour && rate > *policy.buys.limit_per_hour)
      checks_.breach(Promise::Limits, claim.meta.name + " makes the nodes of " + policy.meta.name +
                                          " cost " + std::to_string(rate.micro) +
                                          " micro-dollars per hour, over the limit of " +
                                          std::to_string(policy.buys.limit_per_hour->micro));
    if (policy.buys.limit_gpus && gpus > *policy.buys.limit_gpus)
      checks_.breach(Promise::Limits, claim.meta.name + " makes " + std::to_string(gpus) +
                                          " GPUs of " + policy.meta.name + ", over the limit of " +
                                          std::to_string(*policy.buys.limit_gpus));
  }

  std::map<std::string, std::int64_t> bought_;  ///< by pod uid
  std::set<std::string> failed_;                ///< nodes
  std::set<std::string> counted_;               ///< uids of claims
};

/// The bill, worked out anew from launches, ends and prices.
class Ledger : public Checker {
 public:
  explicit Ledger(Checks& checks) : Checker(checks) {
    checks.world().karpenter().when_prices_change([this] { repriced(); });
  }
  ~Ledger() override { checks_.world().karpenter().when_prices_change({}); }

  void stepped() override {
    const auto& events = checks_.world().karpenter().events();
    for (; read_ < events.size(); ++read_) {
      const KarpenterEvent& event = events[read_];
      if (event.what == KarpenterEvent::What::Launched) {
        open_[event.claim] = {event.at, rate_of(event.claim)};
      } else if (event.what == KarpenterEvent::What::InstanceGone ||
                 event.what == KarpenterEvent::What::Terminated) {
        const auto open = open_.find(event.claim);
        if (open == open_.end()) continue;
        total_ += cost_of(open->second.second, event.at - open->second.first);
        open_.erase(open);
      }
    }
  }

  void calm_ends() override {
    const Instant now = checks_.world().now();
    Int128 all = total_;
    for (const auto& [claim, entry] : open_) all += cost_of(entry.second, now - entry.first);
    if (all != checks_.world().karpenter().bill().total(now))
      checks_.breach(Promise::Ledger,
                     "the bill says " +
                         std::to_string(checks_.world().karpenter().bill().micro_usd(now)) +
                         " micro-dollars, launches and prices say " +
                         std::to_string(static_cast<std::int64_t>(all / control::kHour)));
  }

 private:
  MicroUsdPerHour rate_of(const std::string& name) const {
    const auto* claim = checks_.world().api().find<NodeClaim>(name);
    if (claim == nullptr) return {};
    const market::Market& market = checks_.world().prices().base();
    const market::InstanceType* type = market.type_named(claim->type);
    const auto number = static_cast<std::uint32_t>(type - market.types.data());
    const Prices::Offered* offered =
        checks_.world().prices().find(number, claim->zone, claim->capacity_type);
    return offered == nullptr ? MicroUsdPerHour{} : offered->offering.price;
  }

  void repriced() {
    const Instant now = checks_.world().now();
    stepped();
    for (auto& [claim, entry] : open_) {
      total_ += cost_of(entry.second, now - entry.first);
      entry = {now, rate_of(claim)};
    }
  }

  std::size_t read_ = 0;
  Int128 total_ = 0;
  std::map<std::string, std::pair<Instant, MicroUsdPerHour>> open_;  ///< by claim
};

}  // namespace

MicroUsdPerHour least_price(const market::Market& market, const NodeClaim& claim) {
  std::optional<MicroUsdPerHour> least;
  for (const market::Offering& offering : market.offerings) {
    if (market.types[offering.type].name != claim.type) continue;
    const bool zone = claim.launched()
                          ? offering.zone == claim.zone
                          : claim.zones.empty() || std::find(claim.zones.begin(), claim.zones.end(),
                                                             offering.zone) != claim.zones.end();
    const bool capacity = claim.launched()
                              ? offering.capacity_type == claim.capacity_type
                              : std::find(claim.capacity_types.begin(), claim.capacity_types.end(),
                                          offering.capacity_type) != claim.capacity_types.end();
    if (zone && capacity && (!least || offering.price < *least)) least = offering.price;
  }
  return least.value_or(MicroUsdPerHour{});
}

std::unique_ptr<Checker> check_purchases(Checks& checks) {
  return std::make_unique<Purchases>(checks);
}
std::unique_ptr<Checker> check_ledger(Checks& checks) { return std::make_unique<Ledger>(checks); }

}  // namespace kerf::sim
