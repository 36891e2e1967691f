// COIN-OR CLP behind core/plan/lp.h.
#pragma once

#include <memory>

#include "core/plan/lp.h"

namespace kerf::solver {

/// Quiet, deterministic (fixed seed and pivots), limited by iterations only, never by time. Its
/// exceptions and prints stay inside; a failure is LpStatus::Failed.
std::unique_ptr<plan::LpSolver> make_clp();

}  // namespace kerf::solver
