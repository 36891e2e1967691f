// Master: the linear program over node contents that column generation grows.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#include "core/plan/lp.h"
#include "core/plan/pattern.h"
#include "core/plan/problem.h"

namespace kerf::plan {

/// The restricted master problem: as many nodes of each content as serve all items, at least cost;
/// within the nodes that can be had of a machine and the limit on GPUs, where there are such. Items
/// may stay unserved at a price that no fleet comes near, so there is always a solution. Keeps a
/// reference to problem and solver.
class Master {
 public:
  Master(const Problem& problem, const std::vector<std::int64_t>& items, const Stock& stock,
         LpSolver& solver);

  /// False: empty, or there already.
  bool add(const Pattern& pattern);
  const LpSolution& solve();

  const std::vector<Pattern>& columns() const { return columns_; }
  const LpSolution& solution() const { return solution_; }
  /// Nodes by column().
  std::vector<double> nodes() const;
  /// What an item of each class is worth, $/h, by the last solution.
  std::vector<double> values() const;
  /// What a node of the machine has to be worth beyond its price (>= 0): for the last solution.
  double rent(std::uint32_t machine) const;
  /// Of it: what one GPU is worth under the limit on GPUs.
  double gpu_rent() const;

 private:
  void append(LinearProgram& lp, const Pattern& pattern);

  const Problem& problem_;
  LpSolver& solver_;
  std::size_t classes_ = 0;
  std::vector<std::int32_t> stock_row_;  ///< by stock
  std::int32_t gpu_row_ = -1;
  LinearProgram base_, fresh_;
  std::unique_ptr<LpSession> session_;
  std::vector<Pattern> columns_;
  std::set<Pattern> known_;
  LpSolution solution_;
};

/// For every class the single-class node that serves it cheapest: the master is never infeasible.
void add_singles(const Problem& problem, const std::vector<std::int64_t>& residual, Master& master);

}  // namespace kerf::plan
