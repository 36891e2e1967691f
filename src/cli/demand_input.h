// read_demand: manifests or a trace, from where the arguments say, as a Demand.
#pragma once

#include <functional>
#include <string_view>

#include "base/result.h"
#include "cli/plan_arguments.h"
#include "core/cluster/demand.h"
#include "core/gpu/model.h"

namespace kerf::cli {

/// Without paths and trace standard input is read. `tell` gets what is being done, for progress.
/// Bounds: codec::Limits for each file, four times its bytes for all together.
Result<cluster::Demand> read_demand(const PlanArguments& arguments, const gpu::Catalogue& gpus,
                                    const std::function<void(std::string_view)>& tell);

}  // namespace kerf::cli
