// The sentences in which assumptions are told.
#include "codec/reading_notes.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

namespace kerf::codec {
namespace {

constexpr std::size_t kListedMax = 10;

/// "1 pod has", "2 pods have".
std::string subject(std::int64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

/// The names with commas between them, and "..." for those over kListedMax.
std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < kListedMax; ++i) {
    out += (i == 0 ? "" : ", ") + names[i];
  }
  return names.size() > kListedMax ? out + ", ..." : out;
}

}  // namespace

void ReadingNotes::leave_out(std::string what, std::string many, std::string why,
                             std::int64_t count) {
  left_out_[{std::move(what), std::move(many), std::move(why)}] += count;
}

void ReadingNotes::tell(cluster::Demand& demand) const {
  for (const auto& [kind, count] : left_out_) {
    demand.left_out.push_back({subject(count, kind.what, kind.many), kind.why, count});
  }
  const auto note = [&](std::int64_t count, std::string_view one, std::string_view many,
                        std::string_view rest) {
    if (count > 0) {
      demand.notes.push_back(fmt::format("{} {}", subject(count, one, many), rest));
    }
  };
  if (!unread_with_gpus.empty()) {
    std::int64_t objects = 0;
    std::vector<std::string> kinds;
    for (const auto& [kind, count] : unread_with_gpus) {
      objects += count;
      kinds.push_back(kind);
    }
    note(objects, "object asks", "objects ask",
         fmt::format("for GPUs, of {} that Kerf does not read: {}. Their pods are planned only "
                     "where the input has the pods themselves, as kubectl get pods -A -o json "
                     "prints them.",
                     kinds.size() == 1 ? "a kind" : "kinds", listed(kinds)));
  }
  note(preferred_pods, "pod has", "pods have",
       "preferred rules (preferred affinity, ScheduleAnyway), which are not planned for.");
  note(gated_pods, "pod has", "pods have", "scheduling gates, planned as if they were open.");
  note(pods_of_unknown_zone, "pod has", "pods have",
       "volume claims of which the input does not say where they are; any zone is taken to do.");
  note(
      autoscalers, "autoscaler is", "autoscalers are",
      "in the input: the replicas of the manifests are planned, minimum and maximum are not used.");
  note(outdated, "object is", "objects are",
       "of an API version that is no longer served, and read as of the current one.");
  note(limit_ranges, "LimitRange is", "LimitRanges are",
       "in the input: default requests are not applied to pods.");
  note(suspended_jobs, "suspended Job is", "suspended Jobs are", "planned as if running.");
  if (!unknown_priorities.empty()) {
    demand.notes.push_back(fmt::format(
        "The default priority is assumed for PriorityClasses that are not in the input: {}.",
        listed({unknown_priorities.begin(), unknown_priorities.end()})));
  }
}

}  // namespace kerf::codec
