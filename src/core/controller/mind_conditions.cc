// What people are told of a policy: conditions, and what is done next.
#include <algorithm>
#include <utility>

#include "core/control/names.h"
#include "core/controller/mind.h"

namespace kerf::controller {

using control::Condition;
using control::NextStep;
using control::SlicePolicy;

namespace {

constexpr std::size_t kNextMax = 10;

}  // namespace

std::vector<Condition> Controller::Mind::conditions(const SlicePolicy& policy) {
  const PolicyMind& mind = policies_[policy.meta.name];
  Condition served{Condition::Type::PodsServed, true, "Served", {}};
  if (mind.waiting.count + mind.barred.count > 0) {
    served.ok = false;
    served.reason = "PodsWaiting";
    served.args = {std::to_string(mind.waiting.count + mind.barred.count)};
    const auto& first = (mind.waiting.count == 0 ? mind.barred : mind.waiting).first.front().args;
    served.args.insert(served.args.end(), first.begin(), first.end());
  } else if (mind.figures.pods == 0) {
    served.reason = "NothingAsked";
  }
  return {{Condition::Type::Accepted, true, "Valid", {}},
          prices_condition(),
          classes_condition(policy),
          std::move(served),
          nodes_condition(policy)};
}

Condition Controller::Mind::prices_condition() {
  Condition prices{Condition::Type::PricesCurrent, true, "KarpenterMetrics", {price_source_}};
  if (prices_as_of_ == 0) {
    prices.ok = false;
    prices.reason = "ShippedTable";
    prices.args = {price_trouble_};
  } else if (!prices_fresh()) {
    prices.ok = false;
    prices.reason = "Stale";
    prices.args = {std::to_string(options_.price_age_ms / control::kMinute), price_trouble_};
  } else {
    wake_at(prices_as_of_ + options_.price_age_ms + 1);
  }
  return prices;
}

Condition Controller::Mind::classes_condition(const SlicePolicy& policy) const {
  const auto not_ok = [](std::string reason, std::string name) {
    return Condition{
        Condition::Type::NodeClassesReady, false, std::move(reason), {std::move(name)}};
  };
  const std::pair<const char*, const std::string*> classes[] = {
      {"cut", &policy.node_class_cut}, {"whole", &policy.node_class_whole}};
  for (const auto& [use, name] : classes) {
    if (name->empty()) return not_ok("NotNamed", use);
    const auto* made_from = store_.find<control::NodeClass>(*name);
    if (made_from == nullptr) return not_ok("NotFound", *name);
    if (!made_from->ready) return not_ok("NotReady", *name);
  }
  return {Condition::Type::NodeClassesReady, true, "Ready", {}};
}

Condition Controller::Mind::nodes_condition(const SlicePolicy& policy) const {
  std::int64_t count = 0;
  Condition nodes{Condition::Type::NodesHealthy, true, "Healthy", {}};
  for (const auto& [name, machine] : fleet_) {
    if (machine.policy != policy.meta.name || machine.gpus == nullptr) continue;
    const control::GpuNodeStatus& status = machine.gpus->status;
    const bool away = machine.node != nullptr && !machine.node->ready && !machine.uncut;
    if ((status.degraded == control::Degraded::No && !away) || ++count > 1) continue;
    nodes.ok = false;
    nodes.reason = away ? "NodesNotReady" : "Degraded";
    nodes.args = {"", machine.gpus->meta.name};
    if (away) continue;
    nodes.args.push_back(control::to_string(status.degraded));
    nodes.args.push_back(status.message);
  }
  if (count > 0) nodes.args.front() = std::to_string(count);
  return nodes;
}

/// What is under way, dearest and most urgent first: purchases, pods without a place, moves, nodes
/// that go back. In Observe: what everything would be bought as.
std::vector<NextStep> Controller::Mind::next_steps(const SlicePolicy& policy) {
  PolicyMind& mind = policies_[policy.meta.name];
  std::vector<NextStep> next;
  if (policy.mode != control::Mode::Act) {
    if (mind.figures.pods > 0 && !mind.would.what.empty()) next.push_back(mind.would);
    return next;
  }
  for (const auto& [name, to_buy] : mind.to_buy)
    next.push_back({"Buy", {name, to_buy.claim.type, std::to_string(to_buy.pods)}, to_buy.price});
  next.insert(next.end(), mind.waiting.first.begin(), mind.waiting.first.end());
  next.insert(next.end(), mind.barred.first.begin(), mind.barred.first.end());
  for (const Transaction& transaction : mind.transactions)
    for (const MoveState& move : transaction.moves) {
      const auto heir = reservations_.find(move.heir);
      if (move.phase == Phase::Done || heir == reservations_.end()) continue;
      next.push_back({"Move", {move.pod.text(), move.from, heir->second.machine}, {}});
    }
  for (const auto& [name, machine] : fleet_) {
    if (machine.policy != policy.meta.name || machine.going) continue;
    const auto memory = machines_.find(name);
    if (memory == machines_.end() || memory->second.closing.empty()) continue;
    next.push_back({"Return", {name, memory->second.closing}, machine.price});
  }
  if (next.size() > kNextMax) next.resize(kNextMax);
  return next;
}

}  // namespace kerf::controller
