// Certificate: what proves a plan's lower bound, as data that separate code can check.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/money.h"
#include "core/gpu/form.h"
#include "core/market/market.h"

namespace kerf::plan {

/// A proof by weak duality. Every pod that was placed is given a worth; for every offering it is
/// shown that no node of it can hold pods of more worth than its price. Then no fleet that serves
/// these pods costs less than all they are worth. Where node counts are whole numbers that matter,
/// the proof is a tree: each split says "at most k nodes of this pool, or at least k + 1", and each
/// leaf has worths of its own; the least leaf counts.
///
/// All amounts are integers in parts of a micro-dollar per hour (kParts of them are one), so that
/// whoever checks needs no floating point. Sums are taken in 128 bits.
struct Certificate {
  static constexpr std::int64_t kParts = 1'000'000;

  /// Duals: as above. Exact: no duals; the bound is the least bill over all fleets for these pods,
  /// to be found by trying all of them (they are few: the product of 1 + the pods of each kind is
  /// at most kExactVectors).
  enum class Method : std::uint8_t { Duals, Exact };
  static constexpr std::int64_t kExactVectors = 4000;

  /// Pods of one worth: alike in what they ask for and where they may run, so that the sum over a
  /// node depends on how many of them it holds.
  struct Group {
    std::vector<std::uint32_t> pods;  ///< indices in Demand::pods, ascending; not empty, or:
    std::int32_t headroom = -1;       ///< index in Policy::headroom: all of that room
    /// At most this many of the group on one node; 0 = no limit. Only 1 is used: pods that repel
    /// each other (anti-affinity by hostname, host ports).
    std::int32_t per_node = 0;
  };

  /// Offerings whose nodes the proof counts together: of one GPU model and GPU count.
  struct Offered {
    std::uint32_t type = 0;  ///< index in Market::types
    market::CapacityType capacity_type = market::CapacityType::OnDemand;
    std::vector<std::string> zones;  ///< empty = any zone of the region
    gpu::GpuMode mode = gpu::GpuMode::Any;
    MicroUsdPerHour price;
  };
  struct Pool {
    std::vector<Offered> offerings;
    /// Nodes that exist of it at most (what is owned); -1 = no limit. Then the pool has one
    /// offering list entry.
    std::int64_t at_most = -1;
  };

  /// What the resources of one node of a pool are worth: v <= sum of these over what a pod takes,
  /// for every way to serve it, but for `over` below. A reader can bound a node with them alone:
  ///   allocatable * (cpu_milli, memory_mib, disk_mib, pods)
  ///   + GPUs * (the most that one legal GPU is worth by `forms`)
  ///   + sum over groups of items * max(0, worth - the least that any way consumes).
  struct Multipliers {
    std::int64_t cpu_milli = 0, memory_mib = 0, disk_mib = 0, pods = 0;  ///< per unit, >= 0
    std::vector<std::pair<gpu::Form, std::int64_t>> forms;  ///< per device; others raise no GPU
  };
  struct Claim {
    std::uint32_t pool = 0;
    /// No node of the pool can hold pods of more worth than this.
    std::int64_t worth = 0;
    Multipliers multipliers;
    /// Shown by the multipliers alone. Else they only guide: that nothing is worth more was found
    /// by a complete search, and is to be found again by one.
    bool by_multipliers = true;
  };
  struct Box {  ///< nodes of a pool in a branch: at_least..at_most; at_most < 0 = no limit
    std::uint32_t pool = 0;
    std::int64_t at_least = 0;
    std::int64_t at_most = -1;
  };
  struct Leaf {
    std::vector<std::int64_t> values;  ///< by group, >= 0: worth of one item
    /// Worth of one GPU under Policy::limit_gpus: every node's price counts that much more for each
    /// of its GPUs, and the bound that much less for each GPU of the limit. 0 without a limit.
    std::int64_t gpu = 0;
    std::vector<Claim> claims;  ///< one for every pool
  };
  /// Node of the tree: a split of the boxes, or a leaf.
  struct Branch {
    std::int32_t leaf = -1;  ///< index in leaves; -1 = a split:
    std::uint32_t pool = 0;
    std::int64_t at_most = 0;           ///< left: at most this many nodes of the pool; right: more
    std::uint32_t left = 0, right = 0;  ///< indices in branches, greater than this one's
  };

  Method method = Method::Duals;
  MicroUsdPerHour bound;
  std::vector<Group> groups;     ///< every pod that was placed is in one, and no other
  std::vector<Pool> pools;       ///< every offering that may serve some group is in one
  std::vector<Leaf> leaves;      ///< Duals: at least one
  std::vector<Branch> branches;  ///< by preorder; [0] is the root
  /// Constraints of the pods that the proof leaves out, in words; the bound holds with them too.
  std::vector<std::string> relaxed;

  bool empty() const { return groups.empty(); }
};

}  // namespace kerf::plan
