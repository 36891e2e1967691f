// Limits: what a policy's limits on dollars and GPUs rule out, and why.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/money.h"
#include "core/cluster/policy.h"
#include "core/plan/problem.h"
#include "core/plan/reason.h"

namespace kerf::plan {

/// The limit that a fleet of this bill and so many GPUs breaks, if any: dollars first.
std::optional<Reason> broken_limit(const cluster::Policy& policy, MicroUsdPerHour bill,
                                   std::int64_t gpus);

/// By class: why no machine that is within the limits by itself serves it; nullopt where one does.
/// LimitGpus where the dollars alone would allow one.
std::vector<std::optional<Reason>> beyond_limits(const Problem& problem,
                                                 const cluster::Policy& policy);

}  // namespace kerf::plan
