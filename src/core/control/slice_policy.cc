// Which pods and names a SlicePolicy is about, and when it lets pods be moved.
#include "core/control/slice_policy.h"

#include <algorithm>

namespace kerf::control {
namespace {

constexpr std::int64_t kMinutesOfWeek = 7 * 24 * 60;
/// 1970-01-01 was a Thursday: minutes from Monday 00:00.
constexpr std::int64_t kEpochMinute = 3 * 24 * 60;

}  // namespace

bool selects(const SlicePolicy& policy, const std::string& ns, const Labels& labels) {
  const auto& names = policy.namespaces;
  if (!names.empty() && std::find(names.begin(), names.end(), ns) == names.end()) return false;
  return std::all_of(policy.pod_labels.begin(), policy.pod_labels.end(), [&](const auto& wanted) {
    const auto found = labels.find(wanted.first);
    return found != labels.end() && found->second == wanted.second;
  });
}

bool buys_for(const SlicePolicy& policy, const std::string& resource) {
  return std::any_of(policy.buys_for.begin(), policy.buys_for.end(), [&](const std::string& name) {
    if (!name.ends_with('*')) return name == resource;
    return resource.starts_with(std::string_view(name).substr(0, name.size() - 1));
  });
}

const char* to_string(Condition::Type type) {
  switch (type) {
    case Condition::Type::Accepted: return "Accepted";
    case Condition::Type::PricesCurrent: return "PricesCurrent";
    case Condition::Type::NodeClassesReady: return "NodeClassesReady";
    case Condition::Type::PodsServed: return "PodsServed";
    case Condition::Type::NodesHealthy: break;
  }
  return "NodesHealthy";
}

bool is_open(const Consolidation& consolidation, Instant now) {
  if (consolidation.windows.empty()) return true;
  const std::int64_t minute = (now / kMinute + kEpochMinute) % kMinutesOfWeek;
  for (const Window& window : consolidation.windows) {
    const std::int64_t length = window.duration_ms / kMinute;
    for (const std::int32_t opens : window.opens)
      if ((minute - opens + kMinutesOfWeek) % kMinutesOfWeek < length) return true;
  }
  return false;
}

}  // namespace kerf::control
