// run_program: kerf's main without the exceptions, from the arguments to the exit code.
#pragma once

#include <string>
#include <vector>

#include "cli/commands.h"

namespace kerf::cli {

/// `words`: the arguments without the program's name.
ExitCode run_program(std::vector<std::string> words);

/// What is wrong with a first word that is no command, and what may have been meant.
std::string unknown_command(const std::string& word);

}  // namespace kerf::cli
