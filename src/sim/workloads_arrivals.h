// Arrivals: when the next instance of a workload comes, by chance in integers only.
#pragma once

#include <cstdint>
#include <optional>

#include "sim/clock.h"
#include "sim/workloads_spec.h"

namespace kerf::sim {

/// Exponentially distributed with that mean, the same in every build (a table of logarithms, off by
/// less than a thousandth of the mean). Never more than 45 means.
std::int64_t exponential(Dice& dice, std::int64_t mean);
/// 0 if the span says none; else at least 1.
std::int64_t draw(Dice& dice, const Span& span);

struct Arrival {
  Instant at = 0;
  std::int64_t together = 1;
};
/// The first arrival after the `done`th, which was at `last` (0 arrivals done: the workload was
/// added at `last`). nullopt: no more come.
std::optional<Arrival> next_arrival(const Arrivals& arrivals, Instant added, Instant last,
                                    std::int64_t done, Dice& dice);

}  // namespace kerf::sim
