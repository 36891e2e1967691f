// The command `kerf snapshot`: a cluster in, a file that describes it out.
#pragma once

#include "cli/commands.h"
#include "cli/options.h"

namespace kerf::cli {

ExitCode run_snapshot(const ParsedOptions& parsed);

}  // namespace kerf::cli
