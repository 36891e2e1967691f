// Which labels and tolerations of a live pod are its own, and which group it is in.
#include "codec/live_shape.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "core/cluster/demand.h"
#include "core/control/names.h"

namespace kerf::codec {
namespace {

using cluster::PodSelector;
using cluster::PodShape;

constexpr std::string_view kLeaderWorkerSet = "leaderworkerset.sigs.k8s.io/";
constexpr std::string_view kJobSet = "jobset.sigs.k8s.io/";
constexpr const char* kLeaderWorkerSetName = "leaderworkerset.sigs.k8s.io/name";
constexpr const char* kJobSetName = "jobset.sigs.k8s.io/jobset-name";

/// Different on each pod, each node, each run of a template (a Job, a workflow) or each revision.
constexpr std::string_view kNumbers[] = {
    "apps.kubernetes.io/pod-index", "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-completion-index", "batch.kubernetes.io/job-name",
    "controller-revision-hash", "controller-uid", "job-name", "pod-template-generation",
    "pod-template-hash", "statefulset.kubernetes.io/pod-name",
    // The API server's PodTopologyLabels, when a pod is bound
    // (seen with 1.36).
    "topology.kubernetes.io/region", "topology.kubernetes.io/zone",
    "training.kubeflow.org/job-name", "training.kubeflow.org/replica-index",
    "workflows.argoproj.io/completed", "workflows.argoproj.io/workflow"};

bool is_among(const auto& list, std::string_view key) {
  return std::find(std::begin(list), std::end(list), key) != std::end(list);
}

bool is_number(std::string_view key) {
  if (key == kLeaderWorkerSetName || key == kJobSetName) return false;
  return is_among(kNumbers, key) || key.starts_with(kLeaderWorkerSet) || key.starts_with(kJobSet);
}

/// Keys that the pod's own rules look at.
std::set<std::string_view> selected_keys(const PodShape& shape) {
  std::set<std::string_view> keys;
  const auto add = [&](const PodSelector& selector) {
    for (const cluster::Requirement& requirement : selector.labels) keys.insert(requirement.key);
  };
  for (const auto& spread : shape.spread) add(spread.selector);
  for (const auto& term : shape.affinity) add(term.selector);
  for (const auto& term : shape.anti_affinity) add(term.selector);
  return keys;
}

bool is_from_admission(const cluster::Toleration& toleration, const PodShape& shape) {
  if (toleration.key == control::kSlicesTaint) return true;
  if (toleration.effect == "NoExecute" && (toleration.key == "node.kubernetes.io/not-ready" ||
                                           toleration.key == "node.kubernetes.io/unreachable"))
    return true;
  return toleration.exists && toleration.effect == "NoSchedule" &&
         std::any_of(shape.gpu.begin(), shape.gpu.end(), [&](const cluster::GpuRequest& request) {
           return request.kind != cluster::GpuRequestKind::Whole &&
                  cluster::resource_name(request) == toleration.key;
         });
}

}  // namespace

void make_comparable(PodShape& shape) {
  const std::set<std::string_view> selected = selected_keys(shape);
  std::erase_if(shape.labels, [&](const auto& label) {
    return is_number(label.first) && !selected.contains(label.first);
  });
  std::erase_if(shape.tolerations, [&](const cluster::Toleration& toleration) {
    return is_from_admission(toleration, shape);
  });
}

std::string group_text(const std::string& kind, const std::string& ns, const std::string& name) {
  return kind + "/" + ns + "/" + name;
}

std::string group_of_pod(const std::string& ns, const Labels& labels) {
  const auto set = labels.find(kLeaderWorkerSetName);
  if (set != labels.end()) return group_text("LeaderWorkerSet", ns, set->second);
  const auto jobs = labels.find(kJobSetName);
  return jobs == labels.end() ? "" : group_text("JobSet", ns, jobs->second);
}

}  // namespace kerf::codec
