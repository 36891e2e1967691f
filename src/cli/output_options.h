// The options by which every command says what to print, and where.
#pragma once

#include <string_view>
#include <vector>

#include "cli/commands.h"

namespace kerf::cli {

inline constexpr std::string_view kOutputGroup = "Output";

OptionSpec output_format();
OptionSpec output_file(
    std::string_view details = "The file is replaced as a whole at the end, or left as it was.");
OptionSpec colour(std::string_view help = "colour the table");
OptionSpec ascii(std::string_view help = "draw with ASCII; implied where the locale is not UTF-8");
OptionSpec quiet();

/// Those of a command that prints a table or JSON. `all`: what --all lists.
std::vector<OptionSpec> report_options(std::string_view all);

}  // namespace kerf::cli
