// Small demands and markets for the tests of core/plan.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "codec/catalogue.h"
#include "core/cluster/demand.h"
#include "core/market/market.h"

namespace kerf::plan::testing {

inline cluster::GpuRequest slice(const std::string& profile, std::int64_t count = 1) {
  cluster::GpuRequest request;
  request.kind = cluster::GpuRequestKind::Slice;
  request.profile = profile;
  request.count = count;
  return request;
}

inline cluster::GpuRequest whole(std::int64_t count = 1) {
  cluster::GpuRequest request;
  request.count = count;
  return request;
}

inline cluster::GpuRequest portable(std::int32_t gib) {
  cluster::GpuRequest request;
  request.kind = cluster::GpuRequestKind::Portable;
  request.gib = gib;
  return request;
}

/// Adds one workload of `count` like pods.
inline void add(cluster::Demand& demand, const std::string& name, std::int64_t count,
                cluster::PodShape shape) {
  shape.labels.emplace("app", name);
  shape.requests.pods = 1;
  cluster::Workload workload;
  workload.kind = "Deployment";
  workload.ns = shape.ns;
  workload.name = name;
  workload.pods = count;
  workload.asks = cluster::describe(shape.gpu);
  const std::uint32_t index = demand.intern(std::move(shape));
  demand.workloads.push_back(std::move(workload));
  for (std::int64_t i = 0; i < count; ++i)
    demand.pods.push_back({name + "-" + std::to_string(i), index,
                           static_cast<std::uint32_t>(demand.workloads.size() - 1)});
}

inline cluster::PodShape shape(cluster::GpuRequest request, std::int64_t cpu_milli = 1000,
                               std::int64_t memory_mib = 2048) {
  cluster::PodShape pod;
  pod.gpu = {std::move(request)};
  pod.requests = {cpu_milli, memory_mib, 0, 1};
  return pod;
}

/// The shipped market cut down to these types (all if empty).
inline market::Market market(const std::vector<std::string>& types = {}) {
  market::Market all = *codec::builtin_market("us-east-1");
  if (types.empty()) return all;
  std::erase_if(all.offerings, [&](const market::Offering& offering) {
    return std::find(types.begin(), types.end(), all.types[offering.type].name) == types.end();
  });
  return all;
}

}  // namespace kerf::plan::testing
