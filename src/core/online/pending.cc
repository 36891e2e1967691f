// Order and company of pending pods; zones for those that are bought for.
#include "core/online/pending.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "core/online/bundling.h"
#include "core/plan/coupling.h"
#include "core/plan/coupling_zones.h"

namespace kerf::online {

namespace {

using cluster::Demand;
using cluster::PodShape;

constexpr const char* kZone = "topology.kubernetes.io/zone";

/// The shape with nothing left to decide about zones but its node requirements.
PodShape within_nodes(PodShape shape) {
  const auto by_zone = [](const auto& term) { return plan::is_zone(term.topology_key); };
  std::erase_if(shape.spread, by_zone);
  std::erase_if(shape.affinity, by_zone);
  std::erase_if(shape.anti_affinity, by_zone);
  return shape;
}

/// The shape in that zone; "" = any.
PodShape pinned(PodShape shape, const std::string& zone) {
  shape = within_nodes(std::move(shape));
  if (!zone.empty()) shape.node_selector.push_back({kZone, cluster::Operator::In, {zone}});
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

  /// The zone for all of them; "" = any, also where one of them cannot be had in any zone (then the
  /// purchase says why); nullopt = none is left, and nothing is bound.
  std::optional<std::string> choose(const Bundle& bundle) {
    std::vector<ShapeId> shapes;
    for (const std::uint32_t pod : bundle.pods) shapes.push_back(standing_.shape(shape(pod)));
    const Company& company = standing_.company();
    if (std::none_of(shapes.begin(), shapes.end(),
                     [&](ShapeId shape) { return company.bound_to_zones(shape); }))
      return "";
    std::optional<std::string> best;
    std::int64_t least = 0;
    for (const std::string& zone : open_to_all(bundle)) {
      const std::int64_t price = price_in(shapes, zone);
      if (price == 0 || (best && price >= least)) continue;
      best = zone;
      least = price;
    }
    if (!best && price_in(shapes, "") == 0) return "";
    if (!best) return best;
    for (ShapeId shape : shapes) {
      standing_.company().bind_zone(shape, *best);
      bound_.emplace_back(shape, *best);
    }
    return best;
  }

 private:
  const PodShape& shape(std::uint32_t pod) const { return demand_.shapes[demand_.pods[pod].shape]; }

  /// Zones that each of them may come up in, those with the fewest pods for the first of them
  /// first. Whoever has its company in the bundle has it in any zone.
  std::vector<std::string> open_to_all(const Bundle& bundle) {
    std::vector<std::string> open;
    for (std::size_t i = 0; i < bundle.pods.size(); ++i) {
      PodShape pod = shape(bundle.pods[i]);
      if (bundle.follows[i]) pod.affinity.clear();
      const std::vector<std::string> own = standing_.company().fresh_zones(standing_.shape(pod));
      if (i == 0) open = own;
      std::erase_if(open, [&](const std::string& zone) {
        return std::find(own.begin(), own.end(), zone) == own.end();
      });
    }
    return open;
  }

  /// What the like of these pods cost there ("" = anywhere); 0 = one of them cannot be had there.
  std::int64_t price_in(const std::vector<ShapeId>& shapes, const std::string& zone) {
    std::int64_t sum = 0;
    for (ShapeId shape : shapes) {
      const auto [at, fresh] = prices_.try_emplace({shape, zone}, 0);
      if (fresh) {
        PodShape there = pinned(standing_.shape_at(shape), zone);
        std::erase_if(there.affinity,
                      [](const auto& term) { return plan::is_host(term.topology_key); });
        at->second = price_of_one(there, standing_.market(), standing_.policy(),
                                  &standing_.asks().geometries())
                         .micro;
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
                 const std::vector<std::vector<std::uint32_t>>& pods, std::int64_t steps) {
  if (pods.empty()) return {};
  const cluster::Policy policy = what_remains(standing);
  plan::Geometries& tables = standing.asks().geometries();
  Bundling bundling = bundle(standing, demand, pods, [&](const Bundle& bundle) {
    Demand local = demand;
    for (PodShape& shape : local.shapes) shape = within_nodes(std::move(shape));
    tie(bundle, 0, local);
    return buy(local, bundle.pods, standing.market(), policy, steps, &tables).unplaced.empty();
  });
  Demand local = demand;
  Zoning zoning(standing, demand);
  std::vector<std::uint32_t> buying;
  std::vector<plan::Unplaced> unplaced = std::move(bundling.unplaced);
  const auto refuse = [&](const Bundle& bundle, std::size_t from) {
    for (std::size_t i = from; i < bundle.pods.size(); ++i)
      unplaced.push_back({bundle.pods[i], {plan::ReasonCode::NoZone, {"the pods that run"}}});
  };
  for (std::size_t b = 0; b < bundling.bundles.size(); ++b) {
    Bundle& bundle = bundling.bundles[b];
    std::optional<std::string> zone = zoning.choose(bundle);
    if (!zone && bundle.joined()) {
      refuse(bundle, bundle.own);
      bundle.leave();
      zone = zoning.choose(bundle);
    }
    if (!zone) {
      refuse(bundle, 0);
      continue;
    }
    buying.insert(buying.end(), bundle.pods.begin(), bundle.pods.end());
    if (bundle.joined()) tie(bundle, b, local);
    for (const std::uint32_t pod : bundle.pods)
      local.pods[pod].shape = local.intern(pinned(local.shapes[local.pods[pod].shape], *zone));
  }
  std::sort(buying.begin(), buying.end());
  Purchase purchase = buy(local, buying, standing.market(), policy, steps, &tables);
  purchase.unplaced.insert(purchase.unplaced.end(), unplaced.begin(), unplaced.end());
  std::sort(purchase.unplaced.begin(), purchase.unplaced.end(),
            [](const plan::Unplaced& a, const plan::Unplaced& b) { return a.pod < b.pod; });
  return purchase;
}

}  // namespace kerf::online
