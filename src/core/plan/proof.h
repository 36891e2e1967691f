// Proof: a lower bound, and the worths of items that prove it, branch by branch.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/money.h"
#include "core/plan/problem.h"

namespace kerf::plan {

/// Node counts allowed to a machine in a branch: lower..upper; upper < 0 = unbounded.
struct NodeBox {
  std::int64_t lower = 0;
  std::int64_t upper = -1;
};

/// Weak duality over a tree of node counts; see certificate.h for the argument. Indices are those
/// of the problem that it was made for.
struct Proof {
  struct Leaf {
    std::vector<NodeBox> boxes;        ///< by machine
    std::vector<std::int64_t> values;  ///< by class, in Certificate parts
    /// By machine: no node of it holds more, proven. Empty: multipliers show that nothing is worth
    /// more than its price; they are not worked out.
    std::vector<std::int64_t> worths;
    std::int64_t gpu = 0;  ///< worth of one GPU under Problem::limit_gpus
  };
  struct Branch {  ///< a leaf, or a split on the node count of a machine
    std::int32_t leaf = -1;
    std::uint32_t machine = 0;
    std::int64_t at_most = 0;
    std::uint32_t left = 0, right = 0;
  };
  MicroUsdPerHour bound;
  std::string_view method = "none";  ///< as Bound::method
  bool optimal = false;              ///< the fleet found with it costs no more than the bound
  std::vector<Leaf> leaves;
  std::vector<Branch> branches;  ///< parents before children; empty where a single leaf is all
  std::int64_t steps = 0;        ///< linear programs solved on the way
};

/// Dollars an hour in Certificate parts, within what sums can hold; 0 for NaN.
std::int64_t in_parts(double dollars);
/// Price of a machine in Certificate parts, with what its GPUs are worth under the limit.
std::int64_t full_price(const Machine& machine, std::int64_t gpu);
/// Boxes that hold for every fleet: what can be had of each machine.
std::vector<NodeBox> open_boxes(const Problem& problem);

/// By machine: others draw on the same stock, so that its node count alone has no upper end.
std::vector<bool> shares_stock(const Problem& problem);

/// What a leaf proves: worths of all items, and for each machine the least that price less worth
/// can come to within its box. Where a machine without an upper end is worth more than its price,
/// all values are scaled down first (both lists are changed). 0 where a worth is kUncountable
/// (pricing.h).
MicroUsdPerHour bound_of(const Problem& problem, const std::vector<std::int64_t>& items,
                         Proof::Leaf& leaf);

}  // namespace kerf::plan
