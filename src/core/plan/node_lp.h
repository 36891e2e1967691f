// NodeLp: the linear program of one node; its duals say what the node's resources are worth.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/plan/lp.h"
#include "core/plan/pricing.h"
#include "core/plan/problem.h"

namespace kerf::plan {

/// The most worth of items, in parts, within the resources of one node, its GPUs in any mix of
/// corners. Kept between calls, so that the solver goes on from where it ended. Holds references to
/// problem and solver.
///
/// What its duals are read into are whole multipliers, capped so that a node's resources are never
/// worth more than some 10^17 parts; zero where the solver gave up.
class NodeLp {
 public:
  NodeLp(const Problem& problem, std::uint32_t machine, LpSolver& solver);

  /// `values`: worth of an item by candidate, 0 = not to be had; `most`: items by class.
  NodeMultipliers solve(const std::vector<std::int64_t>& values,
                        const std::vector<std::int64_t>& most);
  /// False after a solve that failed.
  bool ready() const { return session_ != nullptr; }

  /// For what may still be added to a content: no more of this candidate until the next solve().
  void close(std::uint32_t candidate);
  /// With so much room left and these devices taken; false: the solver gave up.
  bool solve_rest(const Resources& left, const UnitCounts& taken, NodeMultipliers& multipliers);
  /// The room of an empty node again.
  void clear();

 private:
  void build();
  void set_room(const Resources& left, const UnitCounts& taken);
  NodeMultipliers read(const LpSolution& solution) const;

  const Problem& problem_;
  const Machine& machine_;
  const GpuKind& kind_;
  LpSolver& solver_;
  std::unique_ptr<LpSession> session_;
  std::int64_t devices_most_ = 1;  ///< no content of a node has more
  std::vector<double> costs_;
  std::vector<std::int64_t> caps_;       ///< column bounds that the session has
  std::vector<std::int32_t> class_row_;  ///< by class; -1 = one way only
  std::vector<std::int64_t> row_caps_;   ///< row bounds that the session has
};

}  // namespace kerf::plan
