// Limits of dollars and GPUs, for fleets and for single machines.
#include "core/plan/limits.h"

#include <string>

namespace kerf::plan {

namespace {

Reason dollar_limit(const cluster::Policy& policy) {
  return {ReasonCode::LimitPerHour, {format_usd(*policy.limit_per_hour)}};
}

Reason gpu_limit(const cluster::Policy& policy) {
  return {ReasonCode::LimitGpus, {std::to_string(*policy.limit_gpus)}};
}

}  // namespace

std::optional<Reason> broken_limit(const cluster::Policy& policy, MicroUsdPerHour bill,
                                   std::int64_t gpus) {
  if (policy.limit_per_hour && bill > *policy.limit_per_hour) return dollar_limit(policy);
  if (policy.limit_gpus && gpus > *policy.limit_gpus) return gpu_limit(policy);
  return std::nullopt;
}

std::vector<std::optional<Reason>> beyond_limits(const Problem& problem,
                                                 const cluster::Policy& policy) {
  std::vector<bool> within(problem.classes.size()), cheap_enough(problem.classes.size());
  for (const Machine& machine : problem.machines) {
    const auto broken = broken_limit(policy, machine.price, machine.gpus);
    if (broken && broken->code == ReasonCode::LimitPerHour) continue;
    for (const Candidate& candidate : machine.candidates) {
      cheap_enough[candidate.cls] = true;
      if (!broken) within[candidate.cls] = true;
    }
  }
  std::vector<std::optional<Reason>> reasons(problem.classes.size());
  for (std::size_t c = 0; c < reasons.size(); ++c)
    if (!within[c]) reasons[c] = cheap_enough[c] ? gpu_limit(policy) : dollar_limit(policy);
  return reasons;
}

}  // namespace kerf::plan
