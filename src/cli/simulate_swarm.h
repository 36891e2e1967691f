// `kerf simulate --swarm N`: N drawn clusters, one after the other, with every promise watched.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "cli/commands.h"
#include "cli/simulate_arguments.h"
#include "cli/terminal.h"

namespace kerf::cli {

/// How long work goes on, by how long its first part took.
class TimeLeft {
 public:
  /// ", 40 s left"; "" where too little is done to say.
  std::string text(std::int64_t done, std::int64_t all) const;
  double seconds() const;

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// kUnplaced if a promise was broken. What it prints depends on the seeds only; how fast it was
/// goes to standard error.
Result<ExitCode> run_swarm(const SimulateArguments& arguments, ProgressLine& progress);

}  // namespace kerf::cli
