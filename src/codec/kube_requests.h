// What a pod asks for in all, as the Kubernetes scheduler works it out.
#pragma once

#include <vector>

#include "base/resources.h"
#include "codec/kube_object.h"
#include "core/cluster/pod.h"
#include "core/gpu/model.h"

namespace kerf::codec {

struct EffectiveRequests {
  Resources requests;                             ///< pods = 1
  std::vector<cluster::GpuRequest> gpu;           ///< sorted, merged
  std::vector<cluster::Unplaceable> unplaceable;  ///< extended resources that Kerf cannot plan for
  /// "2 x amd.com/gpu": the accelerators among those; empty if there are none.
  std::string other_devices;
};

/// Sums as the scheduler does (k8s.io/component-helpers/resource/helpers.go, PodRequests): the
/// containers and the restartable init containers together, or any other init container with the
/// restartable ones before it, whichever is more; spec.resources instead where it is given; plus
/// spec.overhead, or `class_overhead` (its RuntimeClass's) where that is not given. A limit stands
/// in for a request that is not given. Refused where the API server refuses: a request above its
/// limit, an extended resource without a limit or unequal to it or not whole; also quantities that
/// no node could have.
Result<EffectiveRequests> effective_requests(const KubeObject& object, const Node& pod_spec,
                                             const Resources& class_overhead,
                                             const gpu::Catalogue& gpus);

/// CPU, memory and ephemeral storage of a mapping of quantities; pods = 0.
Result<Resources> read_resources(const KubeObject& object, const Node* parent,
                                 std::string_view key);

}  // namespace kerf::codec
