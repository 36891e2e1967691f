// Small demands for the tests of the baselines, on top of plan_testing.h.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/plan/baseline.h"
#include "core/plan/plan_testing.h"

namespace kerf::plan::testing {

using FleetCounts = std::vector<std::pair<std::string, std::int64_t>>;

inline cluster::Demand pods(std::int64_t count, cluster::PodShape pod) {
  cluster::Demand demand;
  add(demand, "web", count, std::move(pod));
  return demand;
}

inline cluster::GpuRequest share_of_memory(std::int32_t milli) {
  cluster::GpuRequest request;
  request.kind = cluster::GpuRequestKind::ShareOfMemory;
  request.share_milli = milli;
  return request;
}

/// A portable request that a time-sliced replica may serve.
inline cluster::GpuRequest shared(std::int32_t gib) {
  cluster::GpuRequest request = portable(gib);
  request.isolation = cluster::Isolation::Shared;
  return request;
}

inline cluster::PodSelector app(const std::string& name) {
  cluster::PodSelector selector;
  selector.namespaces = {"default"};
  selector.labels = {{"app", cluster::Operator::In, {name}}};
  return selector;
}

/// `count` pods that may not share a node with their like.
inline cluster::Demand lonely(std::int64_t count, cluster::PodShape pod) {
  pod.anti_affinity = {{app("web"), "kubernetes.io/hostname"}};
  return pods(count, std::move(pod));
}

inline MicroUsdPerHour sum(const std::vector<MicroUsdPerHour>& parts) {
  MicroUsdPerHour total;
  for (const MicroUsdPerHour part : parts) total += part;
  return total;
}

}  // namespace kerf::plan::testing
