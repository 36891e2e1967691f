// NodePricer: what one node can be worth under given worths of items, proven from above.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/plan/lp.h"
#include "core/plan/pattern.h"
#include "core/plan/problem.h"

namespace kerf::plan {

/// What a node's resources are worth, in the parts that Certificate counts in.
struct NodeMultipliers {
  Resources each;                   ///< for one milli-CPU, MiB, MiB, pod slot
  std::vector<std::int64_t> units;  ///< for one device, by unit of the machine's kind
};

/// Worths from here on are not told apart: nothing is known of a node worth so much.
inline constexpr std::int64_t kUncountable = std::int64_t{1} << 61;

/// What was found out about one machine.
struct Priced {
  /// No content of one node is worth more, unless it is kUncountable. Proven: by the multipliers,
  /// or by a search that was complete but for contents which the multipliers bound.
  std::int64_t worth = 0;
  bool by_multipliers = true;
  NodeMultipliers multipliers;
  /// Contents worth more than was asked for, the best last.
  std::vector<Pattern> patterns;
  std::int64_t best = 0;  ///< worth of the last pattern; 0 without one
};

/// Prices the nodes of one machine. Keeps its linear program between calls, since worths change
/// little from one call to the next. Holds references to problem and solver.
///
/// Rules: the content of a node is any number of items, at most `items` of each class and
/// `per_node` of it, within CPU, memory, disk, pods and the exact geometry of its GPUs. Conflicts
/// between classes and labels are not looked at (a bound may leave constraints out), so a pattern
/// may break them. A linear program for one node gives multipliers, which are rounded to integers;
/// what a node is worth by them is a bound for any multipliers. Where it is above `at_least`,
/// contents are enumerated class by class; a partial content is dropped where its worth and a bound
/// on the rest do not pass `at_least`, or where another one of the same devices leaves no less of
/// anything that could be used and is worth no less. The bound on the rest is by multipliers, made
/// for promising partial contents on the way, and in wide searches by a RestTable, too. More than
/// `width` partial contents: the least promising are dropped, and the bound of the best of them
/// becomes part of the proven worth. A search that goes on for long (width * 128 of them) ends with
/// what is known of all contents. Most machines end with the first multipliers.
class NodePricer {
 public:
  NodePricer(const Problem& problem, std::uint32_t machine, LpSolver& solver);
  ~NodePricer();
  NodePricer(NodePricer&&) noexcept;

  /// `values`, `items` by class. `at_least`: the price, in parts; contents worth no more need not
  /// be told apart. width 0: multipliers only.
  Priced price(const std::vector<std::int64_t>& values, const std::vector<std::int64_t>& items,
               std::int64_t at_least, std::size_t width);
  /// Partial contents looked at so far.
  std::int64_t labels() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kerf::plan
