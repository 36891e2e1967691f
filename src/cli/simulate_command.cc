// Wiring of `kerf simulate`: the scenario and its files to the simulation, its figures to a report.
#include "cli/simulate_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "cli/files.h"
#include "cli/simulate_arguments.h"
#include "cli/simulate_swarm.h"
#include "cli/terminal.h"
#include "codec/json.h"
#include "codec/yaml.h"
#include "report/simulation.h"
#include "sim/comparison.h"

namespace kerf::cli {
namespace {

/// A file that a scenario names is looked for beside the scenario.
std::string beside(const std::string& scenario, const std::string& name) {
  const std::filesystem::path path(name);
  if (path.is_absolute() || scenario == "-") return name;
  return (std::filesystem::path(scenario).parent_path() / path).string();
}

Result<sim::Scenario> load_scenario(const SimulateArguments& arguments) {
  KERF_TRY(const std::string text, read_text(arguments.scenario, sim::kScenarioBytesMax));
  codec::Limits limits;
  limits.bytes = sim::kScenarioBytesMax;
  limits.nodes = 200'000;
  const std::string file = display_name(arguments.scenario);
  KERF_TRY(const auto documents, codec::parse_yaml(text, file, limits));
  if (documents.size() != 1) {
    return invalid(fmt::format("{}: expected one scenario, the file has {} documents", file,
                               documents.size()));
  }
  KERF_TRY(sim::Scenario scenario,
           sim::read_scenario(documents.front(), [&](const std::string& name) {
             return read_text(beside(arguments.scenario, name), std::size_t{16} << 20);
           }));
  for (const std::string& name : arguments.faults) {
    KERF_TRY(const std::string more, read_text(name, sim::kScenarioBytesMax));
    KERF_TRY(const auto faults, sim::read_fault_file(display_name(name), more));
    scenario.faults.insert(scenario.faults.end(), faults.begin(), faults.end());
  }
  if (arguments.seed) scenario.world.seed = static_cast<std::uint64_t>(*arguments.seed);
  return scenario;
}

std::string render(const SimulateArguments& arguments, const Surroundings& around,
                   const report::Simulation& simulation) {
  if (arguments.output == OutputFormat::Json) {
    return codec::write_json(report::simulation_json(simulation));
  }
  return report::simulation_table(simulation, {around.utf8 && !arguments.ascii});
}

Result<ExitCode> simulate_and_print(const SimulateArguments& arguments) {
  const Surroundings around = Surroundings::look();
  if (arguments.output_file) KERF_CHECK_OK(check_writable(*arguments.output_file));
  ProgressLine progress(around.stderr_is_terminal && !around.dumb && !arguments.quiet);
  if (arguments.swarm) return run_swarm(arguments, progress);

  KERF_TRY(const sim::Scenario scenario, load_scenario(arguments));
  const TimeLeft time;
  const report::Simulation simulation =
      sim::compare(scenario, arguments.strategies, [&](const sim::ComparisonProgress& at) {
        progress.show(fmt::format("simulating: {} of {} ({}){}", report::length_text(at.done_ms),
                                  report::length_text(at.all_ms), to_string(at.strategy),
                                  time.text(at.done_ms, at.all_ms)));
      });
  const std::string text = render(arguments, around, simulation);
  progress.erase();
  KERF_CHECK_OK(arguments.output_file ? write_file(*arguments.output_file, text)
                                      : write_stdout(text));
  const bool broken = std::any_of(simulation.runs.begin(), simulation.runs.end(),
                                  [](const auto& run) { return !run.broken.empty(); });
  return broken ? kUnplaced : kPlaced;
}

}  // namespace

ExitCode run_simulate(const ParsedOptions& parsed) {
  const auto arguments = read_simulate_arguments(parsed);
  if (!arguments) {
    say(fmt::format("kerf simulate: {}\nSee kerf simulate --help.", arguments.error().message()));
    return kBadInput;
  }
  const auto code = simulate_and_print(*arguments);
  if (code) return *code;
  say(fmt::format("kerf simulate: {}", code.error().message()));
  return kBadInput;
}

}  // namespace kerf::cli
