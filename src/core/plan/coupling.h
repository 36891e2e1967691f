// Coupling: constraints between pods (spread, affinity, ports) turned into zones, bundles,
// conflicts.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "core/cluster/demand.h"
#include "core/plan/plan.h"

namespace kerf::plan {

/// Pods that are alike in what couples them: one shape, one zone decision, one bundle form.
struct Group {
  std::vector<std::uint32_t> shapes;  ///< of one item; more than one: they must share a node
  std::vector<std::uint32_t> pods;    ///< items * shapes.size(), item by item
  std::string zone;                   ///< "" = any zone that admits it
  std::int32_t per_node = std::numeric_limits<std::int32_t>::max();
};

struct Coupling {
  std::vector<Group> groups;  ///< by first shape, zone
  /// Pairs of group indices (a <= b, sorted, distinct) that must not share a node; a pair (a, a) is
  /// expressed by per_node instead.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> conflicts;
  std::vector<Unplaced> unplaced;
  bool company_chosen = false;       ///< company or zones were: `gather` may choose otherwise
  std::vector<std::string> relaxed;  ///< what was decided here and a bound has to leave open
};

/// Zones of the region for one shape.
struct Zones {
  std::vector<std::string> possible;  ///< something on sale there serves it; the preferred first
  /// Domains that a spread counts: node selector and affinity admit nodes there, whether or not
  /// they serve the pod. kube-scheduler counts all such nodes, CPU nodes too.
  std::vector<std::string> counted;
};
using ZonesOf = std::function<Zones(std::uint32_t shape)>;

/// Rules (each is sufficient for what Kubernetes enforces, never weaker; DoNotSchedule and required
/// terms only):
///  - zone spread, zone (anti-)affinity: every pod that has such a term or is counted by one gets a
///    zone here, one pod after the other, each in the allowed zone with the most pods that its own
///    spread counts (so that nodes fill up), ties to the preferred zone, or with `gather` to the
///    one that has the most pods of all. Where no zone is left the pod is unplaced; if any is,
///    those with the least choice are tried first, then both orders once more with the fewest pods,
///    and the first try that places most is taken. Pods that must share a node share its zone.
///  - zone spread counts a pod if it is on a node that the spread's own pod may use by node
///    selector and affinity (nodeAffinityPolicy: Honor), as far as the needs of the two pods say;
///    where they leave it open, the spread holds with it and without it. It holds for whoever comes
///    later, too.
///  - hostname anti-affinity and host ports: conflicts between groups, one per node within a group.
///  - hostname spread: at most max_skew counted pods on a node, because an empty node can always be
///    had (as Karpenter reads it). Pods of two groups that one such spread counts do not share a
///    node at all.
///  - hostname affinity: pods that need themselves are one item. Whoever needs others joins the
///    item of one pod that matches all his terms: each follower that of the leader with the fewest
///    pods so far, or with `gather` the most, as far as ports, anti-affinity and spread let them
///    be together. Whoever finds nobody is unplaced; who was only sought is not.
///  - other topology keys: unplaced, Unsupported.
/// `for_bound`: only the rules that every legal fleet obeys (no zones chosen, no pod tied to one
/// particular other, unless there is one only); `relaxed` then says nothing. `bundles`: false
/// leaves hostname affinity out.
Coupling couple(const cluster::Demand& demand, const std::vector<std::uint32_t>& pods,
                const ZonesOf& zones_of, bool for_bound, bool bundles = true, bool gather = false);

}  // namespace kerf::plan
