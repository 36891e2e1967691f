// The command `kerf doctor`: a cluster in, what is wrong with it out.
#pragma once

#include "cli/commands.h"
#include "cli/options.h"

namespace kerf::cli {

/// Reads, examines, prints. Errors go to standard error.
ExitCode run_doctor(const ParsedOptions& parsed);

}  // namespace kerf::cli
