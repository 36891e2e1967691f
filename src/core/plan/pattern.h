// Pattern: the content of one node, and Room, a node being filled.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/plan/problem.h"

namespace kerf::plan {

/// What one node of a machine holds: candidate index (in Machine::candidates) and how many items.
struct Pattern {
  std::uint32_t machine = 0;
  std::vector<std::pair<std::uint32_t, std::int32_t>> content;  ///< by candidate, counts > 0

  bool operator==(const Pattern&) const = default;
  auto operator<=>(const Pattern&) const = default;
};

/// A fleet under construction: one pattern per node.
using Fleet = std::vector<Pattern>;

MicroUsdPerHour bill_of(const Problem& problem, const Fleet& fleet);
/// Items of each class that the fleet holds.
std::vector<std::int64_t> served_by(const Problem& problem, const Fleet& fleet);

/// What is left of the problem's stocks while a fleet is put together. Holds a pointer to the
/// problem.
class Stock {
 public:
  explicit Stock(const Problem& problem) : problem_(&problem), left_(problem.stocks) {}
  /// Less the nodes of this fleet.
  Stock(const Problem& problem, const Fleet& fleet) : Stock(problem) {
    for (const Pattern& node : fleet) take(node.machine, 1);
  }

  /// Nodes of the machine that can still be had; kPlenty where any number can.
  std::int64_t left(std::uint32_t machine) const {
    const std::int32_t stock = problem_->machines[machine].stock;
    return std::min(stock < 0 ? kPlenty : left_[static_cast<std::size_t>(stock)],
                    gpus_ / std::max(problem_->machines[machine].gpus, 1));
  }
  /// n < 0 gives back.
  void take(std::uint32_t machine, std::int64_t n) {
    const std::int32_t stock = problem_->machines[machine].stock;
    if (stock >= 0) left_[static_cast<std::size_t>(stock)] -= n;
    if (limits_gpus()) gpus_ -= n * problem_->machines[machine].gpus;
  }
  /// GPUs that may still be bought, -1 = any number (as at first). With a limit some items may find
  /// no machine at all.
  void limit_gpus(std::int64_t gpus) { gpus_ = gpus < 0 ? kPlenty : gpus; }
  bool limits_gpus() const { return gpus_ < kPlenty; }
  std::int64_t gpus() const { return limits_gpus() ? gpus_ : -1; }
  const std::vector<std::int64_t>& by_stock() const { return left_; }

  static constexpr std::int64_t kPlenty = std::int64_t{1} << 40;

 private:
  const Problem* problem_;
  std::vector<std::int64_t> left_;
  std::int64_t gpus_ = kPlenty;
};

/// A node that is being filled; every add keeps it feasible. Holds a pointer to the problem.
class Room {
 public:
  Room(const Problem& problem, std::uint32_t machine);
  Room(const Problem& problem, const Pattern& pattern);

  const Machine& machine() const { return *machine_; }
  /// The most items of a candidate, up to `limit`, that can still be added. Exact.
  std::int64_t most(std::uint32_t candidate, std::int64_t limit) const;
  /// n <= most(candidate, n) must hold.
  void add(std::uint32_t candidate, std::int64_t n);
  void remove(std::uint32_t candidate, std::int64_t n);

  const Resources& left() const { return left_; }
  const UnitCounts& units() const { return units_; }
  const std::vector<std::pair<std::uint32_t, std::int32_t>>& content() const { return content_; }
  Pattern pattern() const { return {index_, content_}; }
  bool empty() const { return content_.empty(); }

 private:
  std::int64_t most_by_company(std::uint32_t cls, std::int64_t limit) const;
  std::int64_t most_by_gpus(const UnitCounts& units, std::int64_t limit) const;

  const Problem* problem_;
  const Machine* machine_;
  std::uint32_t index_;
  Resources left_;
  UnitCounts units_;
  std::vector<std::pair<std::uint32_t, std::int32_t>> content_;
};

/// Fills one node for the most value, item by item, by value per scarce resource, under several
/// notions of scarce; what is scarce follows from what is left. `values` and `residual` are by
/// class (items without residual or value are not used). Returns the best pattern found and its
/// value; not optimal in general: a plan may use it, a bound may not. Cost: candidates * items on
/// the node, for each notion. Ties: lower candidate index.
struct Filled {
  Pattern pattern;
  double value = 0;
};
Filled fill_node(const Problem& problem, std::uint32_t machine, const std::vector<double>& values,
                 const std::vector<std::int64_t>& residual);

/// The same for a node that holds something already, which stays; the value counts it too.
Filled top_up(const Problem& problem, const Pattern& pattern, const std::vector<double>& values,
              const std::vector<std::int64_t>& residual);

/// How often the pattern can be bought without serving more than is asked.
std::int64_t times_within(const Problem& problem, const Pattern& pattern,
                          const std::vector<std::int64_t>& residual);
/// Takes away what so many nodes like it serve.
void take_items(const Problem& problem, const Pattern& pattern, std::int64_t times,
                std::vector<std::int64_t>& residual);

/// The cheapest machine that can hold what `pattern` holds and of which `stock` has a node (null:
/// the problem's), as a pattern there; ties to the one it is on, then to the lower index.
Pattern cheapest_host(const Problem& problem, const Pattern& pattern, const Stock* stock = nullptr);

}  // namespace kerf::plan
