// A pod, or the template of pods, of a manifest -> PodShape.
#pragma once

#include <string>

#include "codec/kube_object.h"
#include "codec/kube_surroundings.h"
#include "core/cluster/pod.h"
#include "core/gpu/model.h"

namespace kerf::codec {

/// A shape, and what reading it left open.
struct PodTemplate {
  cluster::PodShape shape;
  /// Wants a GPU or another device. Others are CPU-only: counted, not planned.
  bool planned = false;
  std::string asks;              ///< for people
  bool preferred = false;        ///< has preferred rules, which are not planned for
  bool gated = false;            ///< has scheduling gates
  bool zones_unknown = false;    ///< has a volume of which the input does not say where it is
  std::string unknown_priority;  ///< a PriorityClass that is not in the input
};

/// Reads `pod`, a mapping with metadata and spec that belongs to `object`. `more_labels` are those
/// that the controller adds. `running`: it is a pod of a cluster: spec.nodeName is the cluster's
/// choice and no demand, and a node that its affinity names is one that may be there.
Result<PodTemplate> read_pod(const KubeObject& object, const Node& pod, const Labels& more_labels,
                             bool running, const Surroundings& around, const gpu::Catalogue& gpus);

/// Binds a shape to where one of its volumes can be used.
void bind_volume(const VolumeReach& reach, PodTemplate& pod);

}  // namespace kerf::codec
