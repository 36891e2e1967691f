// tidy: nodes of a finished fleet onto cheaper machines; never dearer, never less served.
#pragma once

#include <vector>

#include "core/plan/pattern.h"
#include "core/plan/problem.h"

namespace kerf::plan {

/// Each different node down to the cheapest machine that holds what it holds. Machines of a limited
/// number are not moved to. Cost: one cheapest_host for each different node.
void tidy(const Problem& problem, Fleet& fleet);

}  // namespace kerf::plan
