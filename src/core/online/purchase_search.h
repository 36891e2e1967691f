// cheapest_fleet: a fleet for items of a problem, exact for a few and near the cheapest for many.
#pragma once

#include <cstdint>

#include "core/online/purchase_fill.h"
#include "core/plan/pattern.h"
#include "core/plan/problem.h"

namespace kerf::online {

/// A fleet that serves exactly `items`; each class that has some must have a machine.
///
/// Rules. Few items are bought for exactly. For others every class starts with the value of what
/// one item costs if the class is bought for alone, and a fleet is filled greedily by these values.
/// What each class then really paid, a node's price being parted by value, is mixed half and half
/// into its value, and the next fleet is filled: classes that end in poor company come first the
/// next time. The cheapest of these fleets, and of that which buys for every class alone, is
/// improved (purchase_improve.h). So it is never dearer than each class apart. Ties: the earlier
/// fleet.
///
/// `steps` bounds the tries of the improvement. Cost of the rest: six fleets, each machines *
/// candidates * items on a node for every kind of node in it.
plan::Fleet cheapest_fleet(const plan::Problem& problem, const ClassItems& items,
                           std::int64_t steps);

}  // namespace kerf::online
