// The commands that read a cluster, as data, and the options by which they find it.
#pragma once

#include <vector>

#include "cli/commands.h"

namespace kerf::cli {

/// Which cluster, and which part of it: --snapshot, --context, --kubeconfig, -n, -l.
std::vector<OptionSpec> cluster_options();

CommandSpec snapshot_command();

}  // namespace kerf::cli
