// Small questions about a finished plan.
#include "core/plan/plan.h"

#include <algorithm>
#include <limits>

namespace kerf::plan {

std::string_view to_string(ActionKind kind) {
  switch (kind) {
    case ActionKind::Keep: return "keep";
    case ActionKind::Cut: return "cut";
    case ActionKind::Move: return "move";
    case ActionKind::Buy: return "buy";
    case ActionKind::Return: return "return";
  }
  return "?";
}

double gap_percent(const Plan& plan) {
  if (plan.bound.optimal) return 0;
  if (plan.bound.per_hour.micro <= 0) return std::numeric_limits<double>::infinity();
  const auto over = static_cast<double>((plan.bill - plan.bound.per_hour).micro);
  return 100 * over / static_cast<double>(plan.bound.per_hour.micro);
}

std::optional<double> longest_job(const Plan& plan, const cluster::Demand& demand) {
  double longest = 0;
  for (std::size_t w = 0; w < demand.workloads.size(); ++w) {
    const cluster::Workload& workload = demand.workloads[w];
    if (!workload.transient || plan.workloads.at(w).placed == 0) continue;
    if (!(workload.hours_per_month > 0)) return std::nullopt;
    longest = std::max(longest, workload.hours_per_month);
  }
  return longest;
}

gpu::Devices devices_of(const Placement& placement) {
  return placement.devices.empty() ? gpu::Devices{{placement.form, 1}} : placement.devices;
}

}  // namespace kerf::plan
