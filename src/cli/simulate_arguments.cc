// From options as text to SimulateArguments.
#include "cli/simulate_arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "base/quote.h"
#include "cli/numbers.h"

namespace kerf::cli {
namespace {

constexpr std::int64_t kSwarmMax = 10'000'000;

Result<void> read_swarm(const ParsedOptions& parsed, SimulateArguments& out) {
  if (const std::string* text = parsed.value("--swarm")) {
    KERF_TRY(out.swarm, integer("--swarm", *text, 1, kSwarmMax));
  }
  if (!out.swarm) {
    if (!out.scenario.empty()) return {};
    return invalid(
        "nothing to simulate: give a scenario (kerf simulate examples/scenarios/notebooks.yaml), "
        "or --swarm N for N drawn clusters");
  }
  if (!out.scenario.empty()) {
    return invalid(fmt::format("--swarm draws its clusters: leave {} out, or leave --swarm out",
                               quoted(out.scenario)));
  }
  for (const char* name : {"--strategy", "--faults"}) {
    if (parsed.given(name)) return invalid(fmt::format("{} is about a scenario", name));
  }
  return {};
}

}  // namespace

Result<SimulateArguments> read_simulate_arguments(const ParsedOptions& parsed) {
  SimulateArguments out;
  if (!parsed.arguments.empty()) out.scenario = parsed.arguments.front();
  KERF_CHECK_OK(read_swarm(parsed, out));
  if (const std::string* text = parsed.value("--seed")) {
    KERF_TRY(out.seed, integer("--seed", *text, 0, INT64_MAX - kSwarmMax));
  }
  if (const std::string* text = parsed.value("--strategy")) {
    if (*text == "kerf") out.strategies = {sim::Strategy::Kerf};
    if (*text == "whole-gpu") out.strategies = {sim::Strategy::WholeGpu};
  }
  if (const auto files = parsed.values.find("--faults"); files != parsed.values.end()) {
    out.faults = files->second;
  }
  const bool stdin_twice =
      std::count(out.faults.begin(), out.faults.end(), "-") + (out.scenario == "-" ? 1 : 0) > 1;
  if (stdin_twice) return invalid("- (standard input) can be given once");
  if (const std::string* text = parsed.value("--output")) {
    out.output = *text == "json" ? OutputFormat::Json : OutputFormat::Table;
  }
  if (const std::string* text = parsed.value("--output-file")) out.output_file = *text;
  out.ascii = parsed.given("--ascii");
  out.quiet = parsed.given("--quiet");
  return out;
}

}  // namespace kerf::cli
