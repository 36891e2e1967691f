// Small questions about a finished plan.
#include "core/plan/plan.h"

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

gpu::Devices devices_of(const Placement& placement) {
  return placement.devices.empty() ? gpu::Devices{{placement.form, 1}} : placement.devices;
}

}  // namespace kerf::plan
