// NodeFiller: fills nodes of one machine by value, again and again.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/plan/pattern.h"
#include "core/plan/problem.h"
#include "core/plan/sift.h"

namespace kerf::plan {

/// As fill_node (pattern.h), with what does not change from one node to the next worked out once,
/// and without candidates that can no longer fit. Holds pointers to the problem.
class NodeFiller {
 public:
  static constexpr std::size_t kNotions = 3;  ///< of what is scarce

  NodeFiller(const Problem& problem, std::uint32_t machine);
  /// What the node's resources are worth. Candidates that take a fifth more than their value
  /// (by class) are not used any more, but for what a node holds already.
  void guide(const NodePrices& prices, const std::vector<double>& values);

  /// Fills a node by value under one notion, from `first` on (a node of this machine; may be
  /// empty). `values` and `residual` by class; only items of value and residual are used, and what
  /// `first` holds is not counted against the residual. Cost: items on the node x candidates.
  Filled fill(std::size_t notion, const Pattern& first, const std::vector<double>& values,
              const std::vector<std::int64_t>& residual);
  Filled fill(std::size_t notion, const std::vector<double>& values,
              const std::vector<std::int64_t>& residual) {
    return fill(notion, {machine_, {}}, values, residual);
  }

  /// Fills a node with what is due to it: `due` by candidate, items that one node should hold. The
  /// most behind first, by GPU; who has had his due only where nobody else fits. `open`, by
  /// candidate: items that there are of it at most (less than half of one: none).
  Pattern even(std::vector<double> due, std::vector<double> open);

  /// What an item of the candidate takes by the prices of guide(); 0 before.
  double taken(std::uint32_t candidate) const { return items_[candidate].taken; }

 private:
  /// Parts of the node: CPU, memory, disk, pods, GPU weight.
  using Parts = std::array<double, 5>;
  struct Item {
    std::uint32_t candidate;
    std::uint32_t cls;
    Parts part;
    double taken = 0;
  };
  struct Active {
    const Item* item;
    double value;
    std::int64_t left;
  };

  const Problem* problem_;
  std::uint32_t machine_;
  std::vector<Item> items_;
  std::vector<std::uint32_t> useful_;  ///< in items_
  std::vector<Active> active_;
};

}  // namespace kerf::plan
