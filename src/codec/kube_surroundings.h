// Surroundings: the objects of the input that hold no pods but decide about those of others.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/resources.h"
#include "codec/kube_constraints.h"
#include "codec/kube_object.h"
#include "codec/kube_volumes.h"
#include "core/cluster/pod.h"

namespace kerf::codec {

/// What a RuntimeClass adds to its pods.
struct RuntimeClass {
  Resources overhead;
  cluster::Requirements node_selector;
  std::vector<cluster::Toleration> tolerations;
};

struct Surroundings {
  VolumeIndex volumes;
  Namespaces namespaces;
  std::map<std::string, std::int32_t> priorities;  ///< by PriorityClass
  std::int32_t default_priority = 0;
  std::map<std::string, RuntimeClass> runtime_classes;

  Surroundings();
  /// Takes the object and says true if it is one of the kinds above; others are left alone.
  Result<bool> add(const KubeObject& object);
};

}  // namespace kerf::codec
