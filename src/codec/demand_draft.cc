// Interns the shapes of a draft and names its pods.
#include "codec/demand_draft.h"

#include <fmt/format.h>

#include <optional>
#include <set>
#include <string_view>
#include <utility>

namespace kerf::codec {
namespace {

constexpr std::string_view kLabelsOfOnePod[] = {"apps.kubernetes.io/pod-index",
                                                "batch.kubernetes.io/job-completion-index",
                                                "leaderworkerset.sigs.k8s.io/group-index",
                                                "leaderworkerset.sigs.k8s.io/group-key",
                                                "leaderworkerset.sigs.k8s.io/worker-index",
                                                "statefulset.kubernetes.io/pod-name"};

/// The labels that some pod's spread or affinity looks at.
std::set<std::string> selected_labels(const std::vector<const cluster::PodShape*>& shapes) {
  std::set<std::string> keys;
  const auto look = [&](const auto& terms) {
    for (const auto& term : terms) {
      for (const cluster::Requirement& one : term.selector.labels) keys.insert(one.key);
    }
  };
  for (const cluster::PodShape* shape : shapes) {
    look(shape->spread);
    look(shape->affinity);
    look(shape->anti_affinity);
  }
  return keys;
}

}  // namespace

DemandDraft::WorkloadId DemandDraft::add(cluster::Workload workload) {
  workloads_.push_back(std::move(workload));
  chunks_.emplace_back();
  return workloads_.size() - 1;
}

DemandDraft::ShapeId DemandDraft::shape(cluster::PodShape shape) {
  const auto [entry, fresh] =
      index_.try_emplace(std::move(shape), static_cast<ShapeId>(shapes_.size()));
  if (fresh) shapes_.push_back(&entry->first);
  return entry->second;
}

void DemandDraft::add_pods(WorkloadId workload, ShapeId shape, const PodRun& run) {
  workloads_[workload].pods += run.count;
  std::vector<Chunk>& chunks = chunks_[workload];
  if (!chunks.empty()) {  // ordinals that differ in nothing stay together
    Chunk& last = chunks.back();
    if (last.shape == shape && run.first >= 0 && last.run.prefix == run.prefix &&
        last.run.first + last.run.count == run.first) {
      last.run.count += run.count;
      return;
    }
  }
  chunks.push_back({shape, run});
}

void DemandDraft::move_to(cluster::Demand& demand) && {
  const std::set<std::string> selected = selected_labels(shapes_);
  std::vector<std::optional<std::uint32_t>> interned(shapes_.size());  // those that pods have
  const auto intern = [&](ShapeId id) {
    if (interned[id]) return *interned[id];
    cluster::PodShape shape = *shapes_[id];
    for (const std::string_view key : kLabelsOfOnePod) {
      const auto label = shape.labels.find(std::string(key));
      if (label != shape.labels.end() && !selected.contains(label->first)) {
        shape.labels.erase(label);
      }
    }
    interned[id] = demand.intern(std::move(shape));
    return *interned[id];
  };
  for (std::size_t i = 0; i < workloads_.size(); ++i) {
    const auto workload = static_cast<std::uint32_t>(demand.workloads.size());
    for (const auto& [draft_shape, run] : chunks_[i]) {
      const std::uint32_t shape = intern(draft_shape);
      for (std::int64_t pod = 0; pod < run.count; ++pod) {
        demand.pods.push_back(
            {run.first < 0 ? run.prefix : fmt::format("{}-{}", run.prefix, run.first + pod), shape,
             workload});
      }
    }
    demand.workloads.push_back(std::move(workloads_[i]));
  }
}

}  // namespace kerf::codec
