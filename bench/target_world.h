// Workloads of kerf_target_bench: the openb trace as it is, cut, repeated and perturbed, and what
// stands in for it where it is absent.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "codec/trace.h"
#include "core/cluster/demand.h"
#include "core/cluster/policy.h"
#include "core/market/market.h"

namespace kerf::bench {

/// The pods with GPUs of openb's pod list `name` ("default"); nullopt where the trace is absent.
/// Exits with a message where it cannot be read.
std::optional<cluster::Demand> openb(const std::string& name, codec::TraceMap map);
std::string openb_path(const std::string& name);

/// Mixed requests as a shared cluster has them, from a fixed seed: not real, but the same
/// everywhere.
cluster::Demand synthetic(std::int64_t pods, int kinds);

/// The shipped market of us-east-1, and examples/policies/mig-only.yaml.
const market::Market& market();
cluster::Policy mig_only();

/// Nodes with one A100-80 for a dollar and more CPU and memory than anybody asks for: the bill in
/// dollars is the number of GPUs.
market::Market a100_80_alone();

/// The pods that `keep` names, in the order given; an index may stand there often, each is a pod of
/// its own.
cluster::Demand chosen(const cluster::Demand& from, const std::vector<std::uint32_t>& keep);

/// Every pod's CPU times `percent` / 100, rounded up to whole milli-CPU.
cluster::Demand with_cpu(const cluster::Demand& from, std::int64_t percent);
/// The pods that ask for less than a GPU, without CPU and memory.
cluster::Demand shares_alone(const cluster::Demand& from);
/// So many of its pods, drawn without repetition.
cluster::Demand subset(const cluster::Demand& from, std::int64_t pods, std::uint64_t seed);

/// Pods of `from` drawn at random, with CPU and memory of some kinds less by up to a fifth, until
/// the planner tells nearly `classes` classes apart, never more. The same for the same arguments.
/// Where `from` has more already, those of its commonest kinds.
cluster::Demand repeated(const cluster::Demand& from, std::int64_t pods, std::int64_t classes,
                         const cluster::Policy& policy);

}  // namespace kerf::bench
