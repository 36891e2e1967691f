// search_fleet: the cheapest fleet that an effort finds for a compiled problem, with proofs.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/plan/generation.h"
#include "core/plan/lp.h"
#include "core/plan/pattern.h"
#include "core/plan/problem.h"
#include "core/plan/proof.h"

namespace kerf::plan {

/// What an effort spends, all of it in steps.
struct Effort {
  bool generates = true;  ///< column generation
  GenerationOptions generation;
  std::int64_t dive_rounds = 30;            ///< pricing rounds after each step of the dive
  std::int64_t improve_steps = 400;         ///< tries without a gain that end the local search
  std::int64_t branch_steps = 600;          ///< linear programs of the search on node counts
  std::int64_t branch_labels = 16'000'000;  ///< and partial contents looked at there
};

/// The effort of PlanOptions::effort; anything out of 1..5 is taken to the nearer end.
Effort effort_of(int level);

/// The same for a fleet alone: integer node counts are left out, which serve the bound most.
Effort without_proof(Effort effort);

/// Between rounds: the bill of the fleet in hand (0 = none yet) and the bound so far.
using Told =
    std::function<void(std::string_view stage, MicroUsdPerHour bill, MicroUsdPerHour bound)>;

struct Found {
  Fleet fleet;
  Proof proof;
};

/// A fleet that serves exactly `items` of each class, and the best bound proven on the way. Where
/// conflicts between classes or labels bind, fleets obey them and the proof leaves them out.
Found search_fleet(const Problem& problem, const std::vector<std::int64_t>& items, LpSolver& solver,
                   const Effort& effort, const Told& told);

/// The proof alone, for a problem whose fleet was found under stricter rules: the bill of that
/// fleet is what the bound cannot pass.
Proof prove(const Problem& problem, const std::vector<std::int64_t>& items, MicroUsdPerHour bill,
            LpSolver& solver, const Effort& effort, const Told& told);

}  // namespace kerf::plan
