// Order and company of pending pods; zones for those that are bought for.
#include "core/online/pending.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "core/plan/coupling.h"

namespace kerf::online {

namespace {

using cluster::Demand;
using cluster::PodShape;

constexpr const char* kHostname = "kubernetes.io/hostname";
constexpr const char* kZone = "topology.kubernetes.io/zone";

/// The shape with nothing left to decide about zones but these requirements.
PodShape within_nodes(PodShape shape) {
  const auto elsewhere = [](const auto& term) { return term.topology_key != kHostname; };
  std::erase_if(shape.spread, elsewhere);
  std::erase_if(shape.affinity, elsewhere);
  std::erase_if(shape.anti_affinity, elsewhere);
  return shape;
}

/// Groups of pods that must share a node, others alone.
std::vector<std::vector<std::uint32_t>> together(Standing& standing, const Demand& demand,
                                                 const std::vector<std::uint32_t>& pods) {
  std::vector<std::vector<std::uint32_t>> groups;
  const bool wanted = std::any_of(pods.begin(), pods.end(), [&](std::uint32_t pod) {
    return standing.wants_company(standing.shape(demand.shapes[demand.pods[pod].shape]));
  });
  if (!wanted) {
    for (std::uint32_t pod : pods) groups.push_back({pod});
    return groups;
  }
  Demand local = demand;
  for (PodShape& shape : local.shapes) {
    // Who has company already needs nobody of this batch.
    if (!standing.wants_company(standing.shape(shape))) shape.affinity.clear();
    shape = within_nodes(std::move(shape));
  }
  const plan::Coupling coupling = plan::couple(
      local, pods,
      [](std::uint32_t) {
        return plan::Zones{{""}, {""}};
      },
      false);
  for (const plan::Group& group : coupling.groups)
    for (std::size_t at = 0; at < group.pods.size(); at += group.shapes.size())
      groups.emplace_back(
          group.pods.begin() + static_cast<std::ptrdiff_t>(at),
          group.pods.begin() + static_cast<std::ptrdiff_t>(at + group.shapes.size()));
  for (const plan::Unplaced& unplaced : coupling.unplaced) groups.push_back({unplaced.pod});
  return groups;
}

/// Zones for pods that are bought for, one pod after the other.
class Zoning {
 public:
  Zoning(Standing& standing, const Demand& demand) : standing_(standing), demand_(demand) {}
  ~Zoning() {
    for (const auto& [shape, zone] : bound_) standing_.company().release_zone(shape, zone);
  }
  Zoning(const Zoning&) = delete;
  Zoning& operator=(const Zoning&) = delete;

  /// The zone for all of them; "" = any; nullopt = none is left, and nothing is bound.
  std::optional<std::string> choose(const std::vector<std::uint32_t>& pods) {
    std::vector<ShapeId> shapes;
    for (std::uint32_t pod : pods)
      shapes.push_back(standing_.shape(demand_.shapes[demand_.pods[pod].shape]));
    const Company& company = standing_.company();
    if (std::none_of(shapes.begin(), shapes.end(),
                     [&](ShapeId shape) { return company.bound_to_zones(shape); }))
      return "";
    std::vector<std::string> open = company.fresh_zones(shapes[0]);  // to all of them
    for (std::size_t i = 1; i < shapes.size(); ++i) {
      const std::vector<std::string> others = company.fresh_zones(shapes[i]);
      std::erase_if(open, [&](const std::string& zone) {
        return std::find(others.begin(), others.end(), zone) == others.end();
      });
    }
    std::optional<std::string> best;
    std::int64_t least = 0;
    for (const std::string& zone : open) {
      const std::int64_t price = price_in(shapes, zone);
      if (price == 0 || (best && price >= least)) continue;
      best = zone;
      least = price;
    }
    if (!best) return best;
    for (ShapeId shape : shapes) {
      standing_.company().bind_zone(shape, *best);
      bound_.emplace_back(shape, *best);
    }
    return best;
  }

 private:
  /// What the like of these pods cost there; 0 = one of them cannot be had there.
  std::int64_t price_in(const std::vector<ShapeId>& shapes, const std::string& zone) {
    std::int64_t sum = 0;
    for (ShapeId shape : shapes) {
      const auto [at, fresh] = prices_.try_emplace({shape, zone}, 0);
      if (fresh) {
        PodShape there = within_nodes(standing_.shape_at(shape));
        there.affinity.clear();
        there.node_selector.push_back({kZone, cluster::Operator::In, {zone}});
        at->second = price_of_one(there, standing_.market(), standing_.policy()).micro;
      }
      if (at->second == 0) return 0;
      sum += at->second;
    }
    return sum;
  }

  Standing& standing_;
  const Demand& demand_;
  std::vector<std::pair<ShapeId, std::string>> bound_;
  std::map<std::pair<ShapeId, std::string>, std::int64_t> prices_;
};

/// The policy with what is left of its limits.
cluster::Policy what_remains(const Standing& standing) {
  cluster::Policy policy = standing.policy();
  policy.headroom.clear();
  if (policy.limit_per_hour)
    policy.limit_per_hour = MicroUsdPerHour{
        std::max<std::int64_t>(0, (*policy.limit_per_hour - standing.bill()).micro)};
  if (policy.limit_gpus)
    policy.limit_gpus = std::max<std::int64_t>(0, *policy.limit_gpus - standing.gpus());
  return policy;
}

}  // namespace

std::vector<std::vector<std::uint32_t>> in_order(Standing& standing, const Demand& demand,
                                                 const std::vector<std::uint32_t>& pods) {
  std::vector<std::vector<std::uint32_t>> groups = together(standing, demand, pods);
  const auto key = [&](const std::vector<std::uint32_t>& group) {
    std::int64_t worth = 0;
    std::int32_t priority = demand.shapes[demand.pods[group[0]].shape].priority;
    for (std::uint32_t pod : group) {
      const PodShape& shape = demand.shapes[demand.pods[pod].shape];
      priority = std::max(priority, shape.priority);
      worth += standing.asks().asks()[standing.ask_of(standing.shape(shape))].worth.micro;
    }
    const PodShape& first = demand.shapes[demand.pods[group[0]].shape];
    return std::tuple(-std::int64_t{priority}, -worth, first.ns, demand.pods[group[0]].name,
                      group[0]);
  };
  std::vector<std::pair<decltype(key(groups[0])), std::size_t>> order;
  for (std::size_t g = 0; g < groups.size(); ++g) order.emplace_back(key(groups[g]), g);
  std::sort(order.begin(), order.end());
  std::vector<std::vector<std::uint32_t>> sorted;
  for (const auto& [rank, g] : order) sorted.push_back(std::move(groups[g]));
  return sorted;
}

Purchase buy_for(Standing& standing, const Demand& demand,
                 const std::vector<std::vector<std::uint32_t>>& pods, std::int64_t steps,
                 plan::Geometries* tables) {
  if (pods.empty()) return {};
  Demand local = demand;
  Zoning zoning(standing, demand);
  std::vector<std::uint32_t> buying;
  std::vector<plan::Unplaced> unplaced;
  for (const std::vector<std::uint32_t>& group : pods) {
    const std::optional<std::string> zone = zoning.choose(group);
    for (std::uint32_t pod : group) {
      if (!zone) {
        unplaced.push_back({pod, {plan::ReasonCode::NoZone, {"the pods that run"}}});
        continue;
      }
      buying.push_back(pod);
      if (zone->empty()) continue;
      PodShape pinned = within_nodes(demand.shapes[demand.pods[pod].shape]);
      pinned.node_selector.push_back({kZone, cluster::Operator::In, {*zone}});
      local.pods[pod].shape = local.intern(std::move(pinned));
    }
  }
  std::sort(buying.begin(), buying.end());
  Purchase purchase = buy(local, buying, standing.market(), what_remains(standing), steps, tables);
  purchase.unplaced.insert(purchase.unplaced.end(), unplaced.begin(), unplaced.end());
  std::sort(purchase.unplaced.begin(), purchase.unplaced.end(),
            [](const plan::Unplaced& a, const plan::Unplaced& b) { return a.pod < b.pod; });
  return purchase;
}

}  // namespace kerf::online
