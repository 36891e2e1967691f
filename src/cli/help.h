// Help for the terminal and the reference in Markdown, both made from the tables of commands.h.
#pragma once

#include <string>

#include "cli/commands.h"

namespace kerf::cli {

/// `kerf --help`: what Kerf is, and its commands.
std::string program_help();
/// `kerf plan --help`, at most 100 columns wide.
std::string command_help(const CommandSpec& command);
/// docs/reference/cli.md.
std::string reference_markdown();

}  // namespace kerf::cli
