// generate: column generation over whole nodes, and the bound that its duals prove.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/money.h"
#include "core/plan/lp.h"
#include "core/plan/pattern.h"
#include "core/plan/problem.h"
#include "core/plan/proof.h"

namespace kerf::plan {

struct GenerationOptions {
  std::int64_t rounds = 400;         ///< master problems solved at most
  std::int64_t labels = 16'000'000;  ///< partial contents looked at by all pricing together
  std::size_t width = 4'000;         ///< NodePricer's at most; narrower ones are tried first
  /// A node may be worth 1 + epsilon / 1e6 of its price: what the bound gives away so that its
  /// proofs are short.
  std::int64_t epsilon = 600;
  /// Ends once bound and master are this near, in millionths.
  std::int64_t tolerance = 800;
  std::function<void(MicroUsdPerHour)>
      tick;  ///< called between rounds with the bound; may be empty
};

/// What column generation ends with.
struct Generated {
  MicroUsdPerHour bound;  ///< proven by the leaf
  Proof::Leaf leaf;
  std::vector<Pattern> columns;
  std::vector<double> nodes;  ///< by column, of the last master solved
  std::vector<double> duals;  ///< by class, $/h; of the same
  double master = 0;          ///< its value, $/h: what the bound cannot pass
  std::int64_t rounds = 0;
};

/// `proven` (by class, in Certificate parts), worths that the aggregated LP's multipliers prove,
/// are where it begins; `start` nodes become the first columns.
///
/// Rules: nodes are priced under the master's duals; what they are worth is bounded by NodePricer,
/// so that the duals, scaled down until no node passes its price, prove a bound (Farley 1990).
/// Contents worth more than their price join the master; a narrow search looks for them first, and
/// a wider one only where it finds none, which is when bounds rise. With a content come others of
/// its machine, each of what those before it leave: the master needs columns for all items. Ends
/// when bound and master meet but for the tolerance. Any answers of the solver give a valid bound;
/// conflicts and labels are not looked at, so columns may break them. Smoothing the duals towards
/// the best proven ones (Wentges 1997) saved nothing here.
Generated generate(const Problem& problem, const std::vector<std::int64_t>& items,
                   const std::vector<std::int64_t>& proven, const Fleet& start, LpSolver& solver,
                   const GenerationOptions& options);

}  // namespace kerf::plan
