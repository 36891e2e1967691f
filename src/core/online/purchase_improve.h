// improve_purchase: local search over a fleet that is not bought yet, in integers.
#pragma once

#include <cstdint>

#include "core/online/purchase_fill.h"
#include "core/plan/pattern.h"
#include "core/plan/problem.h"

namespace kerf::online {

/// Rules. A try takes a node from the wasteful end (price less the value of its items) and up to
/// five others, most often from there too, and either pours their items into room that other nodes
/// have, and buys for what is left; or buys for all their items anew. It buys exactly where the
/// items are few, else greedily, every other time by values that are changed a little. What costs
/// less is kept, and what costs the same too: it opens other ways. In the end every node goes to
/// the cheapest machine that holds it. Chance has a fixed seed.
///
/// `steps` bounds the tries; it ends sooner where some tens of them, more for more nodes, pass
/// without a gain. Cost of a try: the items of six nodes * machines * candidates, and classes *
/// nodes. Never dearer than before, and serves the same.
void improve_purchase(const plan::Problem& problem, const ClassValues& values, std::int64_t steps,
                      NodeFiller& filler, plan::Fleet& fleet);

/// Each node onto the cheapest machine that holds it.
void shrink_purchase(const plan::Problem& problem, plan::Fleet& fleet);

}  // namespace kerf::online
