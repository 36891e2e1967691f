// find_why_target: the pod or the workload of a cluster that a word names.
#pragma once

#include <string>

#include "base/result.h"
#include "core/cluster/demand.h"
#include "report/why.h"

namespace kerf::cli {

/// "name", "namespace/name", "kind/name" or "kind/namespace/name", the kind as kubectl takes it
/// (deploy/web, pod/web-0). Errors: NotFound with the nearest names; InvalidArgument with all that
/// it may mean. A bare pod is a pod, not a workload.
Result<report::WhyTarget> find_why_target(const cluster::Demand& demand, const std::string& word);

}  // namespace kerf::cli
