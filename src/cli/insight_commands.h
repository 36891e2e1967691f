// `kerf status`, `cost`, `why` and `diff` as data.
#pragma once

#include <vector>

#include "cli/commands.h"

namespace kerf::cli {

/// In the order in which help lists them. `market`: the options of prices, as kerf plan has them.
std::vector<CommandSpec> insight_commands(const std::vector<OptionSpec>& market);

}  // namespace kerf::cli
