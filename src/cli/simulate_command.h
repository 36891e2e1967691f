// The command `kerf simulate`: a scenario in, what each strategy came to out; or a swarm of worlds.
#pragma once

#include "cli/commands.h"
#include "cli/options.h"

namespace kerf::cli {

/// Reads, runs, prints. Errors go to standard error.
ExitCode run_simulate(const ParsedOptions& parsed);

}  // namespace kerf::cli
