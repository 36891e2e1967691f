// plan_cluster: `kerf plan` on a live cluster or a snapshot.
#pragma once

#include "base/result.h"
#include "cli/commands.h"
#include "cli/plan_arguments.h"
#include "cli/terminal.h"

namespace kerf::cli {

/// Reads the cluster, plans it and prints: the table's first screen as soon as it is known.
Result<ExitCode> plan_cluster(const PlanArguments& arguments, const Surroundings& around);

}  // namespace kerf::cli
