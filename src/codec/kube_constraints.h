// The constraints of a pod spec: selectors, affinity, spread, tolerations, ports.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "codec/kube_object.h"
#include "core/cluster/pod.h"

namespace kerf::codec {

/// Namespaces of the input's pods and their labels; empty labels where no Namespace object says.
struct Namespaces {
  struct Entry {
    Labels labels;       ///< with kubernetes.io/metadata.name, which the API server sets
    bool known = false;  ///< a Namespace object is in the input
  };
  std::map<std::string, Entry> entries;

  void add(const std::string& ns);
};

/// Adds to `shape` (its ns and labels are set already) what `pod_spec` says of where the pod can
/// run. Preferred rules and ScheduleAnyway are not kept; `preferred` is set if there are any. Rules
/// that no new node or no zone can meet go to shape.unplaceable. Lists come out sorted, so that
/// equal pods are equal shapes. `running`: it is a cluster's pod, whose node may be there: a node
/// that it names (matchFields) becomes a requirement of the label control::kNodeNameField.
Result<void> read_constraints(const KubeObject& object, const Node& pod_spec,
                              const Namespaces& namespaces, bool running, cluster::PodShape& shape,
                              bool& preferred);

/// A list of tolerations, as a pod spec or a RuntimeClass has it; nullptr: none.
Result<std::vector<cluster::Toleration>> read_tolerations(const KubeObject& object,
                                                          const Node* list);

}  // namespace kerf::codec
