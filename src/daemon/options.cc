// The one file of kerfd that includes CLI11, which costs 10 s to compile.
#include "daemon/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include <algorithm>

#include "base/quote.h"

namespace kerf::daemon {
namespace {

bool has(const std::vector<std::string>& words, const char* long_name, const char* short_name) {
  return std::ranges::any_of(words, [&](const std::string& word) {
    return word == long_name || (short_name != nullptr && word == short_name);
  });
}

/// What CLI11 says in words of its own, or lets pass.
Result<void> check_words(const std::vector<std::string>& words) {
  struct WithValue {
    const char* name;
    const char* needs;
  };
  constexpr WithValue kWithValue[] = {
      {"-o", "-o needs a value: -o table or -o json"},
      {"--output", "--output needs a value: --output table or --output json"},
      {"--nvml-library", "--nvml-library needs a value: --nvml-library PATH"}};
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word.starts_with("--inventory="))
      return invalid(fmt::format("--inventory takes no value: {}", kerf::quoted(word)));
    for (const auto& [name, needs] : kWithValue) {
      if (word == std::string(name) + '=') return invalid(needs);
      if (word != name) continue;
      ++i;
      if (i == words.size() || words[i].empty() || words[i].starts_with('-')) return invalid(needs);
      break;
    }
  }
  return {};
}

Result<Command> parse_agent(std::vector<std::string> words) {
  Command command;
  command.kind = Command::Kind::Agent;
  std::string output = "table";
  std::string library;
  std::vector<std::string> unknown;
  KERF_CHECK_OK(check_words(words));
  try {
    CLI::App app;
    app.set_help_flag();
    app.allow_extras();
    app.add_flag("--inventory", command.agent.inventory);
    CLI::Option* format = app.add_option("-o,--output", output)->allow_extra_args(false);
    CLI::Option* path = app.add_option("--nvml-library", library)->allow_extra_args(false);
    for (CLI::Option* option : {format, path})
      option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    std::reverse(words.begin(), words.end());  // as CLI11 wants them
    app.parse(std::move(words));
    if (format->count() > 1) return invalid("-o (--output) is given twice");
    if (path->count() > 1) return invalid("--nvml-library is given twice");
    if (path->count() > 0) command.agent.nvml_library = library;
    unknown = app.remaining();
  } catch (const CLI::Error& error) {
    return invalid(error.what());
  }
  if (!unknown.empty())
    return invalid(fmt::format("{} is no option of the agent", kerf::quoted(unknown.front())));
  if (output != "table" && output != "json")
    return invalid(fmt::format("--output: {} is none of table, json", kerf::quoted(output)));
  command.agent.json = output == "json";
  return command;
}

}  // namespace

Result<Command> parse_command(const std::vector<std::string>& words) {
  Command command;
  if (words.empty() || words.front() == "--help" || words.front() == "-h" ||
      words.front() == "help")
    return command;
  if (words.front() == "--version" || words.front() == "version") {
    command.kind = Command::Kind::Version;
    return command;
  }
  if (words.front() == "agent") {
    command.kind = Command::Kind::AgentHelp;
    if (has(words, "--help", "-h")) return command;
    return parse_agent({words.begin() + 1, words.end()});
  }
  return invalid(fmt::format("there is no command {}; the one there is so far is agent",
                             kerf::quoted(words.front())));
}

}  // namespace kerf::daemon
