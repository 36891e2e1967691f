// Which command runs; help, version, completion and reference are small enough to stand here.
#include "cli/program.h"

#include <fmt/format.h>

#include <filesystem>

#include "base/quote.h"
#include "cli/completion.h"
#include "cli/doctor_command.h"
#include "cli/files.h"
#include "cli/help.h"
#include "cli/insight.h"
#include "cli/options.h"
#include "cli/plan_command.h"
#include "cli/simulate_command.h"
#include "cli/snapshot_command.h"
#include "cli/suggest.h"
#include "cli/terminal.h"
#include "cli/verify_command.h"
#include "codec/catalogue.h"
#include "solver/clp.h"

namespace kerf::cli {
namespace {

ExitCode print(const std::string& text) {
  const auto written = write_stdout(text);
  if (written) return kPlaced;
  say(fmt::format("kerf: {}", written.error().message()));
  return kBadInput;
}

ExitCode refuse(const std::string& message) {
  say(message);
  return kBadInput;
}

ExitCode run_version() {
  std::string text =
      fmt::format("kerf {}\nsolver: {}\n", KERF_VERSION, solver::make_clp()->version());
  for (const std::string& region : codec::builtin_regions()) {
    const auto market = codec::builtin_market(region);
    if (market) text += fmt::format("prices: {} on {}\n", region, market->price_date);
  }
  return print(text);
}

CompletionWords completion_words() {
  CompletionWords words;
  words.regions = codec::builtin_regions();
  if (const auto market = codec::builtin_market(words.regions.front())) {
    for (const market::InstanceType& type : market->types) {
      words.instance_types.push_back(type.name);
    }
  }
  for (const gpu::Model& model : codec::builtin_catalogue().models) {
    words.gpu_models.push_back(model.key);
  }
  return words;
}

ExitCode run_completion(const ParsedOptions& parsed) {
  if (parsed.arguments.empty()) {
    return refuse("kerf completion: for which shell? Give bash, zsh or fish.");
  }
  const std::string& shell = parsed.arguments.front();
  const CompletionWords words = completion_words();
  if (shell == "zsh") return print(zsh_completion(words));
  if (shell == "fish") return print(fish_completion(words));
  return print(bash_completion(words));
}

ExitCode run_help(const ParsedOptions& parsed) {
  const CommandSpec* topic =
      parsed.arguments.empty() ? nullptr : find_command(parsed.arguments.front());
  return print(topic == nullptr ? program_help() : command_help(*topic));
}

ExitCode run_command(const CommandSpec& command, std::vector<std::string> words) {
  const auto parsed = parse_options(command, std::move(words));
  if (!parsed) {
    return refuse(fmt::format("kerf {}: {}\nSee kerf {} --help.", command.name,
                              parsed.error().message(), command.name));
  }
  if (parsed->given("--help")) return print(command_help(command));
  if (command.name == "plan") return run_plan(*parsed);
  if (command.name == "verify") return run_verify(*parsed);
  if (command.name == "simulate") return run_simulate(*parsed);
  if (command.name == "snapshot") return run_snapshot(*parsed);
  if (command.name == "status") return run_status(*parsed);
  if (command.name == "cost") return run_cost(*parsed);
  if (command.name == "why") return run_why(*parsed);
  if (command.name == "diff") return run_diff(*parsed);
  if (command.name == "doctor") return run_doctor(*parsed);
  if (command.name == "completion") return run_completion(*parsed);
  if (command.name == "help") return run_help(*parsed);
  if (command.name == "reference") return print(reference_markdown());
  return run_version();
}

bool is_manifest(const std::string& word) {
  std::error_code ignored;
  return word == "-" || word.ends_with(".yaml") || word.ends_with(".yml") ||
         word.ends_with(".json") || std::filesystem::exists(word, ignored);
}

}  // namespace

std::string unknown_command(const std::string& word) {
  if (word.starts_with("--") || (word.starts_with('-') && word.size() > 1)) {
    return fmt::format("kerf: the command comes first, then its options: kerf plan {} ...",
                       word.size() > 64 ? "OPTION" : word);
  }
  std::vector<std::string> names;
  for (const CommandSpec& command : commands()) {
    if (!command.hidden) names.emplace_back(command.name);
  }
  const std::vector<std::string> near = nearest(word, names);
  if (near.empty() && is_manifest(word)) {
    return fmt::format("kerf: {} is no command. To plan it: kerf plan {}", kerf::quoted(word),
                       display_name(word) == word ? word : "FILE");
  }
  return fmt::format("kerf: there is no command {}{}\nCommands are {}. See kerf --help.",
                     kerf::quoted(word), did_you_mean(near), fmt::join(names, ", "));
}

ExitCode run_program(std::vector<std::string> words) {
  install_signal_handlers();
  if (words.empty() || words.front() == "--help" || words.front() == "-h") {
    return print(program_help());
  }
  if (words.front() == "--version") return run_version();
  const CommandSpec* command = find_command(words.front());
  if (command == nullptr) return refuse(unknown_command(words.front()));
  words.erase(words.begin());
  return run_command(*command, std::move(words));
}

}  // namespace kerf::cli
