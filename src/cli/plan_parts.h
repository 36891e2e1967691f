// What `kerf plan` does alike for manifests and for clusters.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/plan_arguments.h"
#include "cli/purchase.h"
#include "cli/terminal.h"
#include "core/cluster/demand.h"
#include "core/plan/plan.h"
#include "core/plan/planner.h"
#include "report/table.h"

namespace kerf::cli {

/// The planner's options; `effort` where the arguments give none.
plan::PlanOptions plan_options(const PlanArguments& arguments, int effort, ProgressLine& progress);
report::TableOptions table_options(const PlanArguments& arguments, const Surroundings& around);
/// --check: complaints of the checker, each on its line; true if there are none.
bool passes_check(const PlanArguments& arguments, const plan::Plan& plan,
                  const cluster::Demand& demand, const Purchase& purchase);
/// --certificate.
Result<void> write_proof(const std::string& file, const plan::Plan& plan,
                         const cluster::Demand& demand, const Purchase& purchase,
                         const char* solver_version);

}  // namespace kerf::cli
