// SimulateArguments: what `kerf simulate` was asked, as values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/options.h"
#include "cli/plan_arguments.h"
#include "sim/comparison.h"

namespace kerf::cli {

struct SimulateArguments {
  std::string scenario;  ///< "" with swarm
  std::optional<std::int64_t> swarm;
  std::optional<std::int64_t> seed;
  std::vector<sim::Strategy> strategies = {sim::Strategy::Kerf, sim::Strategy::WholeGpu};
  std::vector<std::string> faults;  ///< files

  OutputFormat output = OutputFormat::Table;
  std::optional<std::string> output_file;
  bool ascii = false;
  bool quiet = false;
};

/// Errors name the option, what was read and what was expected.
Result<SimulateArguments> read_simulate_arguments(const ParsedOptions& parsed);

}  // namespace kerf::cli
