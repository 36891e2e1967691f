// Contents: a linear program over whole contents of nodes, by which a fleet is bought.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "core/plan/lp.h"
#include "core/plan/node_filler.h"
#include "core/plan/pattern.h"
#include "core/plan/problem.h"

namespace kerf::plan {

struct ContentOptions {
  std::int64_t root_rounds = 30;  ///< of pricing before anything is bought; fewer once nothing comes
  std::int64_t step_rounds = 1;   ///< after each purchase
  double part = 0.25;             ///< of the fractional nodes that are bought where none is whole
  std::function<void()> tick;     ///< called between rounds; may be empty
};

/// Buys nodes for items: min sum of prices over contents, each class served. Contents are what
/// greedy filling finds under the duals; nothing is proven by it.
class Contents {
 public:
  /// `values` by class start the pricing; `machines` are those to buy of at first, others are
  /// asked now and then.
  Contents(const Problem& problem, std::vector<std::int64_t> demand, std::vector<double> values,
           std::vector<std::int64_t> left, std::vector<std::uint32_t> machines, LpSolver& solver);

  /// Nodes of a machine that serve `items` (by candidate) on so many nodes, evenly: first contents.
  void start(std::uint32_t machine, double nodes, std::vector<double> items);
  /// Appends nodes until the demand is served; what nobody can serve any more stays.
  Fleet buy(const ContentOptions& options);
  /// Items that are asked for now, for another buy().
  void ask(const std::vector<std::int64_t>& demand) { residual_ = demand; }
  const std::vector<std::int64_t>& residual() const { return residual_; }
  const std::vector<double>& values() const { return values_; }
  std::int64_t solves() const { return solves_; }

 private:
  bool solve();
  bool add(const Pattern& pattern);
  bool price(bool everywhere, bool smooth);
  void add_singles();
  std::int64_t fix(double part, Fleet& fleet);
  std::int64_t times(const Pattern& node) const;
  void take(const Pattern& node, std::int64_t n, Fleet& fleet);
  Pattern refill(const Pattern& node);

  const Problem& problem_;
  LpSolver& solver_;
  std::vector<std::int64_t> residual_;
  std::vector<double> values_;      ///< smoothed, for filling
  std::vector<double> duals_;       ///< of the last solve
  std::vector<double> rent_;        ///< by machine: what one of a limited number is worth
  std::vector<std::int64_t> left_;  ///< by machine: nodes that can be had; -1 = any number
  std::vector<std::int32_t> limit_row_;
  std::vector<std::uint32_t> machines_;
  std::vector<NodeFiller> fillers_;
  LinearProgram fresh_;
  std::unique_ptr<LpSession> session_;
  std::vector<std::int64_t> asked_;  ///< rows as the session has them
  std::int32_t first_column_ = 0;
  std::vector<Pattern> contents_;
  std::set<Pattern> seen_;
  std::vector<double> primal_;
  std::int64_t solves_ = 0;
};

}  // namespace kerf::plan
