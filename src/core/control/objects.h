// Object: any one of what the controller watches, and what all of them have.
#pragma once

#include <variant>

#include "core/control/gpu_node.h"
#include "core/control/kube.h"
#include "core/control/slice_policy.h"

namespace kerf::control {

/// In the order of Kind.
using Object = std::variant<Pod, Node, NodeClaim, GpuNode, SlicePolicy, Budget, PriorityClass,
                            Workload, NodeClass, DeviceClass>;

inline Kind kind_of(const Object& object) { return static_cast<Kind>(object.index()); }
inline const Meta& meta_of(const Object& object) {
  return std::visit([](const auto& value) -> const Meta& { return value.meta; }, object);
}
inline Meta& meta_of(Object& object) {
  return std::visit([](auto& value) -> Meta& { return value.meta; }, object);
}

}  // namespace kerf::control
