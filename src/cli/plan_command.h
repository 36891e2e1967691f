// The command `kerf plan`: arguments in, a plan out.
#pragma once

#include "cli/commands.h"
#include "cli/options.h"

namespace kerf::cli {

/// Reads, plans, prints. Errors go to standard error.
ExitCode run_plan(const ParsedOptions& parsed);

}  // namespace kerf::cli
