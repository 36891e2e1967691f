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
  std::int64_t root_rounds =
      15;                        ///< of pricing before anything is bought; fewer once nothing comes
  std::int64_t step_rounds = 1;  ///< after each purchase
  double part = 0.5;             ///< of the fractional nodes that are bought where none is whole
  std::function<void()> tick;    ///< called between rounds; may be empty
};

/// Buys nodes for items: the least sum of prices over contents of nodes, every class served.
///
/// Rules: the first contents are the even parts of what the aggregated LP wants (start). Each round
/// solves the LP over the contents known, and adds what greedy filling finds worth more than it
/// costs: by value on each machine, and around the classes whose dual is most above their value at
/// the start, on the machines where they lose least. Then whole parts of the solution are bought,
/// or a part of its largest fractions, cut down to what is left and filled again; and so on with
/// what is left. Nothing is proven by it. Ties: the lower machine, the lower candidate.
/// Cost: a round is an LP of a row for each class, and some hundred fillings of a node.
class Contents {
 public:
  /// `values` by class start the pricing; `machines` are those to buy of at first, others are
  /// asked now and then.
  Contents(const Problem& problem, std::vector<std::int64_t> demand, std::vector<double> values,
           std::vector<std::int64_t> left, std::vector<std::uint32_t> machines, LpSolver& solver);

  /// Nodes of a machine that serve `items` (by candidate) on so many nodes, evenly: first contents.
  void start(std::uint32_t machine, double nodes, std::vector<double> items);
  /// What the resources of a machine are worth where nodes can be parted; before buy().
  void guide(std::uint32_t machine, const NodePrices& prices) {
    fillers_[machine].guide(prices, values_);
  }
  /// Appends nodes until the demand is served; what nobody can serve any more stays.
  Fleet buy(const ContentOptions& options);
  /// Items that are asked for now, for another buy().
  void ask(const std::vector<std::int64_t>& demand) { residual_ = demand; }
  const std::vector<std::int64_t>& residual() const { return residual_; }
  const std::vector<double>& values() const { return values_; }
  std::int64_t solves() const { return solves_; }

 private:
  struct Host {
    double taken;  ///< dollars of the machine's resources
    std::uint32_t machine, candidate;
  };
  bool solve();
  bool add(const Pattern& pattern);
  bool price(bool everywhere, bool smooth);
  void add_singles();
  void find_hosts();
  bool focus();
  std::int64_t fix(double part, Fleet& fleet);
  std::int64_t times(const Pattern& node) const;
  void take(const Pattern& node, std::int64_t n, Fleet& fleet);
  Pattern refill(const Pattern& node);

  const Problem& problem_;
  LpSolver& solver_;
  std::vector<std::int64_t> residual_;
  std::vector<double> values_;            ///< smoothed, for filling
  std::vector<double> duals_;             ///< of the last solve
  std::vector<double> first_values_;      ///< those at the start
  std::vector<std::vector<Host>> hosts_;  ///< by class; found when first needed
  std::vector<double> rent_;              ///< by machine: what one of a limited number is worth
  std::vector<std::int64_t> left_;        ///< by machine: nodes that can be had; -1 = any number
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
