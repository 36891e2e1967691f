// buy_alone: the cheapest nodes for items of one class and nobody else.
#pragma once

#include <cstdint>
#include <optional>

#include "core/plan/pattern.h"
#include "core/plan/problem.h"

namespace kerf::online {

struct BoughtAlone {
  plan::Fleet fleet;
  MicroUsdPerHour bill;
};

/// The cheapest nodes for `items` (> 0) of a class, by dynamic programming over their number; each
/// machine holds what its forms do, the smallest part of a GPU first. nullopt: no machine serves
/// the class. Ties: the lower machine. Cost: items * machines.
std::optional<BoughtAlone> buy_alone(const plan::Problem& problem, std::uint32_t cls,
                                     std::int64_t items);

}  // namespace kerf::online
