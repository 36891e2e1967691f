// run_program: kerfd from its words to its exit status.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kerf::daemon {

/// What the program's exit status says; the numbers mean what they mean for kerf.
enum ExitCode : int {
  kAllRead = 0,   ///< the inventory is whole, but for what this user or this driver cannot tell
  kTrouble = 1,   ///< it is printed, and a GPU is lost or did not answer
  kBadInput = 2,  ///< usage, no driver, or the output cannot be written
  kInternal = 3,
};

ExitCode run_program(const std::vector<std::string>& words);

/// To be called first: opens /dev/null where standard input, output or error is closed. A file that
/// a library opens would take that number, and what is printed would go into it. False: standard
/// output was closed, or there is no /dev/null.
bool open_standard_files();

/// Writes a line to standard error.
void say(std::string_view text);

}  // namespace kerf::daemon
