// The command `kerf verify`: a certificate and its input in, whether it holds out.
#pragma once

#include "cli/commands.h"
#include "cli/options.h"

namespace kerf::cli {

/// Reads, checks, prints. Errors go to standard error.
ExitCode run_verify(const ParsedOptions& parsed);

}  // namespace kerf::cli
