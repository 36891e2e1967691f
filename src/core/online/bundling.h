// Bundling: which pods that are bought for can start on a new node, and beside whom.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "core/cluster/demand.h"
#include "core/online/standing.h"
#include "core/plan/plan.h"

namespace kerf::online {

/// Pods that share a new node.
struct Bundle {
  std::vector<std::uint32_t> pods;  ///< those of the group first, then those that joined it
  std::vector<bool> follows;        ///< by pod: another pod of the bundle is the company it needs
  std::size_t own = 0;              ///< pods of the group
  bool joined() const { return own < pods.size(); }
  /// Without those that joined.
  void leave();
};

struct Bundling {
  std::vector<Bundle> bundles;           ///< in the order of the groups
  std::vector<plan::Unplaced> unplaced;  ///< ConflictingPods
};

/// Rules, as kube-scheduler has them for required affinity by hostname: a pod starts on an empty
/// node if it has no such term; or if all its terms select itself, and no pod anywhere (those that
/// are bought for counted); or beside a pod there that all its terms select. A group that cannot
/// start on a node of its own joins the first bundle beside which it can, if `can_be_had` says that
/// a node for both can be bought; where there is none its pods are unplaced. Zones are not judged
/// here.
///
/// Bound: can_be_had is asked at most kBundleTries times; groups that come later are unplaced.
Bundling bundle(Standing& standing, const cluster::Demand& demand,
                const std::vector<std::vector<std::uint32_t>>& groups,
                const std::function<bool(const Bundle&)>& can_be_had);

constexpr int kBundleTries = 64;

/// The demand says from now on that the pods of this bundle, and nobody else, need each other on
/// one node. Bundles are told apart by their numbers.
void tie(const Bundle& bundle, std::size_t number, cluster::Demand& demand);

}  // namespace kerf::online
