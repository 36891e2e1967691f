// run_child(): another program run to its end, with a deadline and bounded output, without a shell.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kerf::runtime {

struct ChildCommand {
  /// arguments[0] is the program: a path, or a name that is looked for in PATH.
  std::vector<std::string> arguments = {};
  /// "NAME=value" each, in place of or beside what this process has.
  std::vector<std::string> environment = {};
  std::chrono::milliseconds deadline{30'000};
  std::size_t output_max =
      64u << 10;  ///< bytes kept of each of the two outputs; the rest is dropped
  /// Gets standard output piece by piece as it comes, in place of ChildOutcome::out, without a
  /// bound. False: no more is wanted, and the program is killed with all of its process group.
  std::function<bool(std::string_view)> on_out = {};
};

struct ChildOutcome {
  int exit_code = -1;      ///< -1: it was ended by a signal
  int signal = 0;          ///< that ended it; 0: none
  bool timed_out = false;  ///< the deadline passed: it was killed, with all of its process group
  bool stopped = false;    ///< on_out wanted no more: it was killed likewise
  bool truncated = false;  ///< it wrote more than output_max
  std::string out;         ///< what it wrote to standard output
  std::string err;         ///< and to standard error

  bool ok() const { return exit_code == 0 && !timed_out && !stopped; }
  /// For a message: "exit code 1: first line of err", "killed by signal 9", "not done in 30 s".
  std::string words() const;
};

/// Waits for the program's end; call it on a Serial. Its standard input is empty, it inherits no
/// other file, no blocked signal, and has a process group of its own. What it leaves running in the
/// background is not waited for. NotFound: no such program; Unavailable: it cannot be started.
/// From any thread; at most kChildrenMax at a time (Unavailable beyond).
Result<ChildOutcome> run_child(const ChildCommand& command);

inline constexpr std::size_t kChildrenMax = 64;

/// Kills every program that runs in a run_child(), with its process group; later calls of
/// run_child() start none. For a handler of signals that end this process: it makes only calls that
/// are safe there. (Programs with a process group of their own get no Ctrl-C from the terminal.)
void end_children();

}  // namespace kerf::runtime
