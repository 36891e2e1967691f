// Baselines: the same demand as people serve it today, computed by the same rules.
#pragma once

#include "core/cluster/demand.h"
#include "core/cluster/policy.h"
#include "core/market/market.h"
#include "core/plan/plan.h"

namespace kerf::plan {

/// A whole GPU in the place of one device of the request: with at least the memory of the slice or
/// of the portable request (the least of its models where a profile name is on several); of any
/// size for the shares of a trace.
cluster::GpuRequest as_whole_gpu(const cluster::GpuRequest& request, const gpu::Catalogue& gpus);

/// Every device asked for becomes a whole GPU that is large enough, packed as Karpenter's scheduler
/// packs (v1.14: pods by CPU then memory, descending; first existing claim with the fewest pods
/// that still has a feasible type; else a new claim; in the end each claim's cheapest feasible
/// type).
Baseline whole_gpu_baseline(const cluster::Demand& demand, const market::Market& market,
                            const cluster::Policy& policy);

/// One pool per instance type and homogeneous layout, which is what Karpenter's NodeOverlay can
/// express: each request goes to the pool that serves it cheapest, each pool packed first-fit.
/// Requests for whole GPUs as in whole_gpu_baseline.
Baseline static_mig_baseline(const cluster::Demand& demand, const market::Market& market,
                             const cluster::Policy& policy);

/// The demand with a whole GPU in the place of every device asked for; like requests of a pod are
/// one.
cluster::Demand as_whole_gpus(cluster::Demand demand, const gpu::Catalogue& gpus);

/// True if some request may be served by a time-sliced replica.
bool allows_time_slicing(const cluster::Demand& demand, const cluster::Policy& policy);
/// The demand with a whole GPU in the place of every device that may not be a time-sliced replica,
/// and a market whose GPUs cannot be cut: together what a cluster without MIG can do.
cluster::Demand time_slicing_demand(const cluster::Demand& demand, const cluster::Policy& policy,
                                    const gpu::Catalogue& gpus);
market::Market without_mig(market::Market market);

/// A plan as a baseline of this name: what it costs, buys and leaves out.
Baseline baseline_of(const Plan& plan, const market::Market& market, std::string name);

}  // namespace kerf::plan
