// Jobs apart: pods that run for hours and pods that are always on as two problems, and both as one.
#pragma once

#include <cstdint>
#include <vector>

#include "core/cluster/demand.h"
#include "core/plan/pattern.h"
#include "core/plan/problem.h"

namespace kerf::plan {

/// Pods by whether a Job or CronJob owns them; each list ascending.
struct ByDuration {
  std::vector<std::uint32_t> always_on;
  std::vector<std::uint32_t> jobs;
  bool both() const { return !always_on.empty() && !jobs.empty(); }
};
ByDuration by_duration(const cluster::Demand& demand, const std::vector<std::uint32_t>& pods);

/// True if a required term between pods (spread, affinity) of one kind looks at pods of the other:
/// then neither can be planned without the other.
bool tied_together(const cluster::Demand& demand, const ByDuration& pods);

/// Appends problem and fleet of `more`, which shares no node with what is there. Both are of one
/// market, so stocks are numbered alike; those of `problem` stay.
void append(Problem& problem, Fleet& fleet, Problem more, const Fleet& more_fleet);

}  // namespace kerf::plan
