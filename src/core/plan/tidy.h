// tidy: a finished fleet made cheaper by cheap tries only; never dearer, never less served.
#pragma once

#include <vector>

#include "core/plan/pattern.h"
#include "core/plan/problem.h"

namespace kerf::plan {

/// Each different node down to the cheapest machine that holds what it holds; then the nodes that
/// waste most are emptied into the room that others have, where all their items find some. Cost:
/// one cheapest_host for each different node that wastes anything, and a bounded number of tries.
void tidy(const Problem& problem, const std::vector<double>& values, Fleet& fleet);

}  // namespace kerf::plan
