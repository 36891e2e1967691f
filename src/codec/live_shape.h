// Shapes of live pods and of the templates they are made from: made comparable.
#pragma once

#include <string>

#include "codec/kube_object.h"
#include "core/cluster/pod.h"

namespace kerf::codec {

/// Leaves out of a shape what makes one pod of a template differ from the next, and from the
/// template, and decides nothing about where it can run:
/// - labels that number pods and name revisions and runs (pod-template-hash,
///   statefulset.kubernetes.io/pod-name, job-name, batch.kubernetes.io/job-completion-index, all of
///   leaderworkerset.sigs.k8s.io and jobset.sigs.k8s.io but the group's name ...), unless the pod's
///   own selectors name them: the Jobs of a CronJob are one shape;
/// - tolerations that admission adds: of not-ready and unreachable for a while, of kerf.dev/slices,
///   of taints named like a slice or portable request of the pod (ExtendedResourceToleration; that
///   of nvidia.com/gpu stays, for nodes do carry such a taint).
/// So pods of one template are one shape before and after a rollout, and equal to what the template
/// gives.
void make_comparable(cluster::PodShape& shape);

/// "LeaderWorkerSet/train/llm": what pods of that group have as kerf.dev/group.
std::string group_text(const std::string& kind, const std::string& ns, const std::string& name);
/// The same of a pod, by the labels that LeaderWorkerSet and JobSet give it; "" = it is in none.
std::string group_of_pod(const std::string& ns, const Labels& labels);

}  // namespace kerf::codec
