// time_slicing_demand(): the demand as a cluster without MIG serves it.
#include <algorithm>

#include "core/plan/baseline.h"

namespace kerf::plan {

namespace {

using cluster::GpuRequest;
using cluster::GpuRequestKind;

bool may_share(const GpuRequest& request, const cluster::Policy& policy) {
  return request.kind == GpuRequestKind::Portable &&
         request.isolation == cluster::Isolation::Shared &&
         policy.isolation_floor == cluster::Isolation::Shared;
}

}  // namespace

bool allows_time_slicing(const cluster::Demand& demand, const cluster::Policy& policy) {
  return std::any_of(demand.shapes.begin(), demand.shapes.end(), [&](const auto& shape) {
    return std::any_of(shape.gpu.begin(), shape.gpu.end(),
                       [&](const GpuRequest& request) { return may_share(request, policy); });
  });
}

cluster::Demand time_slicing_demand(const cluster::Demand& demand, const cluster::Policy& policy,
                                    const gpu::Catalogue& gpus) {
  cluster::Demand out = demand;
  for (cluster::Pod& pod : out.pods) {
    cluster::PodShape shape = demand.shapes[pod.shape];
    for (GpuRequest& request : shape.gpu)
      if (!may_share(request, policy)) request = as_whole_gpu(request, gpus);
    std::sort(shape.gpu.begin(), shape.gpu.end());
    pod.shape = out.intern(std::move(shape));
  }
  return out;
}

market::Market without_mig(market::Market market) {
  for (gpu::Model& model : market.gpus.models) model.profiles.clear();
  return market;
}

}  // namespace kerf::plan
