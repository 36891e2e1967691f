// What the tests of the simulated API server and its controllers share: small objects by name.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "core/control/names.h"
#include "core/control/objects.h"
#include "core/plan/plan_testing.h"
#include "sim/api_server.h"

namespace kerf::sim::testing {

inline Key key(const std::string& name) { return {"default", name}; }

/// Room for ten pods of 1 CPU.
inline control::Node node(const std::string& name, control::Amounts devices = {}) {
  control::Node result;
  result.meta.name = name;
  result.meta.labels["kubernetes.io/hostname"] = name;
  result.ready = true;
  result.allocatable = {10000, 10240, 10240, 110};
  result.capacity_of = devices;
  result.allocatable_of = std::move(devices);
  return result;
}

inline control::GpuNode gpu_node(const std::string& name) {
  control::GpuNode result;
  result.meta.name = name;
  return result;
}

using plan::testing::slice;

/// Asks for 1 CPU and 1 GiB.
inline control::Pod pod(const std::string& name) {
  control::Pod result;
  result.meta.ns = "default";
  result.meta.name = name;
  result.shape.requests = {1000, 1024, 0, 1};
  return result;
}

inline control::Pod gpu_pod(const std::string& name, const std::string& profile = "1g.5gb",
                            std::int64_t count = 1) {
  control::Pod result = pod(name);
  result.shape.gpu = {slice(profile, count)};
  result.shape.tolerations.push_back({control::kSlicesTaint, true, "", ""});
  return result;
}

/// A name of the resource that gpu_pod() asks for.
inline constexpr const char* kSmall = "nvidia.com/mig-1g.5gb";

}  // namespace kerf::sim::testing
