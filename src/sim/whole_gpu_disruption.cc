// Consolidation of the whole-GPU strategy: which nodes go, and what has to come first.
#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "core/control/names.h"
#include "sim/whole_gpu.h"

namespace kerf::sim {

using control::Node;
using control::NodeClaim;
using control::Pod;

/// One look at most is planned; an earlier one stays.
void WholeGpu::look_later(std::int64_t delay_ms) {
  const Instant at = clock_.now() + std::max(delay_ms, options_.poll_ms);
  if (clock_.waits(look_) && look_.at <= at) return;
  clock_.cancel(look_);
  look_ = clock_.at(at, [this] { look(); });
}

/// No pod of it must stay, and every budget allows one more.
bool WholeGpu::may_go(const Node& node) const {
  if (node.meta.deleted != 0 || !node.ready) return false;
  for (const Key& key : api_.pods_on(node.meta.name)) {
    const Pod* pod = api_.find<Pod>(key);
    if (pod == nullptr || pod->done()) continue;
    const auto stay = pod->meta.annotations.find(control::kDoNotDisrupt);
    if (stay != pod->meta.annotations.end() && stay->second == "true") return false;
    for (const control::Budget& budget : api_.all<control::Budget>())
      if (cluster::matches(budget.selector, pod->shape) && budget.allowed == 0) return false;
  }
  return true;
}

MicroUsdPerHour WholeGpu::price_of(const NodeClaim& claim) const {
  const auto& types = world_.prices().base().types;
  for (std::uint32_t type = 0; type < types.size(); ++type) {
    if (types[type].name != claim.type) continue;
    const Prices::Offered* offered = world_.prices().find(type, claim.zone, claim.capacity_type);
    if (offered != nullptr) return offered->offering.price;
  }
  return {};
}

/// Where the pods of the node would go without it; nullopt: they cannot, or it saves nothing.
std::optional<Packing> WholeGpu::without(const NodeClaim& claim) const {
  std::vector<Value> pods = pods_of(claim.node);
  if (pods.empty()) return Packing{};
  Packing packing = pack(std::move(pods), claim.node, true);
  if (packing.unplaced > 0 || packing.claims.size() > 1) return std::nullopt;
  if (packing.claims.empty()) return packing;
  const PackedClaim& other = packing.claims.front();
  const bool spot = claim.capacity_type == market::CapacityType::Spot;
  if ((spot && other.spot) || !(other.price < price_of(claim))) return std::nullopt;
  return packing;
}

void WholeGpu::look() {
  struct Candidate {
    const NodeClaim* claim;
    std::size_t pods;
  };
  std::vector<Candidate> candidates;
  std::int64_t nodes = 0;
  std::int64_t waits = -1;  // until the next node may be looked at
  for (const NodeClaim& claim : api_.all<NodeClaim>()) {
    const auto changed = changed_.find(claim.node);
    if (claim.meta.deleted != 0 || changed == changed_.end()) continue;
    ++nodes;
    if (commands_.contains(claim.meta.name)) continue;
    const std::int64_t left = changed->second + options_.consolidate_after_ms - clock_.now();
    const Node* node = api_.find<Node>(claim.node);
    if (left > 0) waits = waits < 0 ? left : std::min(waits, left);
    else if (node != nullptr && may_go(*node))
      candidates.push_back({&claim, pods_of(claim.node).size()});
  }
  const std::int64_t budget = std::max<std::int64_t>(1, nodes * options_.nodes_percent / 100);
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return std::tuple(a.pods, std::string_view(a.claim->meta.name)) <
           std::tuple(b.pods, std::string_view(b.claim->meta.name));
  });
  bool decided = false;
  for (const Candidate& candidate : candidates) {
    if (!synced() || static_cast<std::int64_t>(commands_.size()) >= budget) break;
    if (candidate.pods > 0 && decided) break;  // empty nodes together, others one by one
    if (!without(*candidate.claim)) continue;
    decide(*candidate.claim);
    decided = true;
    if (candidate.pods > 0) break;
  }
  if (decided || !synced()) look_later(options_.poll_ms);
  else if (waits >= 0) look_later(waits);
  else if (!candidates.empty()) look_later(control::kMinute);  // prices move
}

void WholeGpu::decide(const NodeClaim& claim) {
  const std::string name = claim.meta.name;
  commands_[name] = {name, claim.node, "", false};
  std::erase_if(timers_, [this](const Timer& timer) { return !clock_.waits(timer); });
  timers_.push_back(clock_.after(options_.validate_ms, [this, name] { validate(name); }));
}

/// Judged again; then no pod may come, and what replaces it is bought.
void WholeGpu::validate(const std::string& name) {
  const auto command = commands_.find(name);
  if (command == commands_.end()) return;
  const NodeClaim* claim = api_.find<NodeClaim>(name);
  const Node* node = api_.find<Node>(command->second.node);
  const auto changed = changed_.find(command->second.node);
  const bool settled =
      changed != changed_.end() && clock_.now() - changed->second >= options_.consolidate_after_ms;
  std::optional<Packing> packing;
  if (claim != nullptr && claim->meta.deleted == 0 && node != nullptr && settled && may_go(*node))
    packing = without(*claim);
  if (!packing) {
    commands_.erase(command);
    look_later(options_.poll_ms);
    return;
  }
  command->second.begun = true;
  api_.mutate<Node>(Key{"", node->meta.name}, [](Node& taken) {
    taken.taints.push_back({control::kDisruptedTaint, "", "NoSchedule"});
  });
  if (packing->claims.empty()) finish(name);
  else command->second.replacement = buy(packing->claims.front());
}

void WholeGpu::finish(const std::string& name) {
  const auto command = commands_.find(name);
  if (command == commands_.end()) return;
  moved_ += static_cast<std::int64_t>(pods_of(command->second.node).size());
  commands_.erase(command);
  api_.erase(Kind::NodeClaim, Key{"", name});
  look_later(options_.poll_ms);
}

}  // namespace kerf::sim
