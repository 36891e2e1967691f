// improve: local search over a finished fleet; never dearer, never less served.
#pragma once

#include <functional>
#include <vector>

#include "core/plan/pattern.h"
#include "core/plan/problem.h"

namespace kerf::plan {

/// Moves, each taken only if it lowers the bill: a node's content onto a cheaper machine; a node's
/// items into room that other nodes have, so that it goes; a few nodes together bought anew,
/// exactly where their contents are few enough, else greedily. Nodes that waste most (price less
/// the value of their items) come first; partners are drawn with a fixed seed. `steps` = tries
/// without a gain that end it (and 50 times as many in all); stops early when the bill reaches
/// `floor`. A fleet that keeps to Problem::limit_gpus still does afterwards.
void improve(const Problem& problem, const std::vector<double>& values, MicroUsdPerHour floor,
             std::int64_t steps, const std::function<void()>& tick, Fleet& fleet);

}  // namespace kerf::plan
