// generate_fleet: a fleet by column generation with heuristic pricing, and diving on the columns.
#pragma once

#include <functional>
#include <vector>

#include "core/plan/lp.h"
#include "core/plan/pattern.h"
#include "core/plan/problem.h"

namespace kerf::plan {

struct ColumnOptions {
  std::int64_t root_rounds = 800;     ///< pricing rounds before the dive; it most often ends sooner
  std::int64_t dive_rounds = 2;       ///< after each step of it
  std::int64_t exact_vectors = 3000;  ///< the rest is solved exactly once it is that small
  std::int64_t search_steps = 20'000;  ///< of search_node, where greedy filling finds nothing more
  std::function<void()> tick;          ///< called between rounds; may be empty
};

/// A fleet that serves exactly `demand`. The nodes of `start` (may be empty) are the first columns;
/// `values` (by class, $/h) come from the aggregated bound and start the pricing near its end.
///
/// Rules: columns are node contents found by fill_node under the duals, smoothed half and half with
/// `values`, and where that finds nothing, at the root, by search_node; the dive fixes whole parts
/// of the solution, then the largest fractions, each truncated to the residual demand and refilled
/// by dual value. Pricing is not proven: the master's value is no bound. Deterministic for one
/// solver version. Measured on the openb trace (7,064 pods): plain rounding of the master ends 3.5
/// % over its value, this dive 0.02 %; from the dive over the aggregated LP alone the bill falls by
/// a further 2 to 3 %.
Fleet generate_fleet(const Problem& problem, const std::vector<std::int64_t>& demand,
                     const std::vector<double>& values, const Fleet& start, LpSolver& solver,
                     const ColumnOptions& options);

/// The dive alone, from a solution `x` (by column: nodes) of a master over `columns`; `duals` by
/// class, $/h.
Fleet dive_columns(const Problem& problem, const std::vector<std::int64_t>& demand,
                   const std::vector<Pattern>& columns, const std::vector<double>& x,
                   std::vector<double> duals, LpSolver& solver, const ColumnOptions& options);

/// The same without LP: nodes of the best value per dollar, one after the other. For few items and
/// as the last resort. Of what is limited it uses no more than `stock` has (null: the problem's).
Fleet greedy_fleet(const Problem& problem, std::vector<std::int64_t> demand,
                   const std::vector<double>& values, const Stock* stock = nullptr);

}  // namespace kerf::plan
