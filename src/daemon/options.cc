// The one file of kerfd that includes CLI11, which costs 10 s to compile.
#include "daemon/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/quote.h"

namespace kerf::daemon {
namespace {

constexpr std::array kSwitches = {"--inventory", "--dry-run"};
/// Options with a value, and what it is.
constexpr std::array<std::array<std::string_view, 2>, 18> kWithValue = {{
    {"-o", "table or -o json"},
    {"--output", "table or --output json"},
    {"--layout", "FILE"},
    {"--mig-config", "FILE"},
    {"--name", "NAME"},
    {"--node-name", "NAME"},
    {"--namespace", "NAME"},
    {"--api-server", "https://HOST:PORT"},
    {"--ca", "FILE"},
    {"--token", "FILE"},
    {"--state", "FOLDER"},
    {"--kubelet", "FOLDER"},
    {"--cdi", "FOLDER"},
    {"--cdi-base", "FILE"},
    {"--driver-root", "FOLDER"},
    {"--nvml-library", "PATH"},
    {"--metrics", "ADDRESS:PORT or off"},
    {"--log-level", "debug, info, warning or error"},
}};

bool has(const std::vector<std::string>& words, const char* long_name, const char* short_name) {
  return std::ranges::any_of(words, [&](const std::string& word) {
    return word == long_name || (short_name != nullptr && word == short_name);
  });
}

/// What CLI11 says in words of its own, or lets pass.
Result<void> check_words(const std::vector<std::string>& words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    for (const char* name : kSwitches)
      if (word.starts_with(std::string(name) + '='))
        return invalid(fmt::format("{} takes no value: {}", name, kerf::quoted(word)));
    for (const auto& [name, what] : kWithValue) {
      const bool split = word == name;
      if (!split && word != std::string(name) + '=') continue;
      const bool missing =
          !split || i + 1 == words.size() || words[i + 1].empty() || words[i + 1].starts_with('-');
      if (missing) return invalid(fmt::format("{} needs a value: {} {}", name, name, what));
      ++i;
      break;
    }
  }
  return {};
}

struct Text {
  const char* names;
  std::function<void(std::string)> put;
};

Result<void> parse_words(std::vector<std::string> words, AgentOptions& agent) {
  std::string output = "table";
  const auto into = [](auto& target) { return [&target](std::string text) { target = text; }; };
  const std::vector<Text> texts = {
      {"-o,--output", into(output)},
      {"--layout", into(agent.layout)},
      {"--mig-config", into(agent.mig_config)},
      {"--name", into(agent.mig_config_name)},
      {"--node-name", into(agent.node)},
      {"--namespace", into(agent.kube_namespace)},
      {"--api-server", into(agent.api_server)},
      {"--ca", into(agent.ca_file)},
      {"--token", into(agent.token_file)},
      {"--state", into(agent.state_folder)},
      {"--kubelet", into(agent.kubelet_folder)},
      {"--cdi", into(agent.cdi_folder)},
      {"--cdi-base", into(agent.cdi_base)},
      {"--driver-root", into(agent.driver_root)},
      {"--nvml-library", into(agent.nvml_library)},
      {"--metrics", into(agent.metrics)},
      {"--log-level", into(agent.log_level)},
  };
  try {
    CLI::App app;
    app.set_help_flag();
    app.allow_extras();
    app.add_flag("--inventory", agent.inventory);
    app.add_flag("--dry-run", agent.dry_run);
    std::vector<std::string> values(texts.size());
    std::vector<CLI::Option*> options;
    for (std::size_t i = 0; i < texts.size(); ++i)
      options.push_back(app.add_option(texts[i].names, values[i])
                            ->allow_extra_args(false)
                            ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast));
    std::reverse(words.begin(), words.end());  // as CLI11 wants them
    app.parse(std::move(words));
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (options[i]->count() > 1)
        return invalid(i == 0 ? "-o (--output) is given twice"
                              : fmt::format("{} is given twice", texts[i].names));
      if (options[i]->count() > 0) texts[i].put(values[i]);
    }
    if (const auto unknown = app.remaining(); !unknown.empty())
      return invalid(fmt::format("{} is no option of the agent", kerf::quoted(unknown.front())));
  } catch (const CLI::Error& error) {
    return invalid(error.what());
  }
  if (output != "table" && output != "json")
    return invalid(fmt::format("--output: {} is none of table, json", kerf::quoted(output)));
  agent.json = output == "json";
  return {};
}

/// What goes together.
Result<void> check_agent(const AgentOptions& agent) {
  constexpr std::array kLevels = {"debug", "info", "warning", "error"};
  if (std::ranges::find(kLevels, agent.log_level) == kLevels.end())
    return invalid(fmt::format("--log-level: {} is none of debug, info, warning, error",
                               kerf::quoted(agent.log_level)));
  if (agent.layout && agent.mig_config)
    return invalid("--layout and --mig-config are two ways to name a layout: give one of them");
  if (agent.mig_config_name && !agent.mig_config)
    return invalid("--name names a layout of a file: give --mig-config FILE, too");
  if (agent.mig_config && !agent.mig_config_name)
    return invalid("--mig-config needs --name NAME: which of the file's layouts");
  if (agent.dry_run && !agent.layout && !agent.mig_config)
    return invalid("--dry-run needs a layout: --layout FILE, or --mig-config FILE --name NAME");
  if (agent.dry_run && agent.inventory)
    return invalid("--inventory and --dry-run print different things: give one of them");
  if (agent.metrics != "off") KERF_CHECK_OK(parse_address(agent.metrics));
  const int named = int{agent.api_server.has_value()} + int{agent.ca_file.has_value()} +
                    int{agent.token_file.has_value()};
  if (named != 0 && named != 3)
    return invalid("--api-server, --ca and --token go together: give all three, or none");
  return {};
}

Result<Command> parse_agent(const std::vector<std::string>& words, const Environment& environment) {
  Command command;
  command.kind = Command::Kind::Agent;
  AgentOptions& agent = command.agent;
  agent.node = environment("NODE_NAME").value_or("");
  if (const auto name = environment("POD_NAMESPACE"); name && !name->empty())
    agent.kube_namespace = *name;
  KERF_CHECK_OK(check_words(words));
  KERF_CHECK_OK(parse_words(words, agent));
  KERF_CHECK_OK(check_agent(agent));
  return command;
}

}  // namespace

Result<Command> parse_command(const std::vector<std::string>& words,
                              const Environment& environment) {
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
    return parse_agent({words.begin() + 1, words.end()}, environment);
  }
  return invalid(fmt::format("there is no command {}; the one there is so far is agent",
                             kerf::quoted(words.front())));
}

Result<std::pair<std::string, std::uint16_t>> parse_address(const std::string& text) {
  const auto colon = text.rfind(':');
  const std::string port = colon == std::string::npos ? "" : text.substr(colon + 1);
  std::string address = text.substr(0, colon == std::string::npos ? 0 : colon);
  const bool number = !port.empty() && port.size() <= 5 &&
                      port.find_first_not_of("0123456789") == std::string::npos &&
                      std::stoul(port) <= 65535;
  if (address.starts_with('[') && address.ends_with(']'))
    address = address.substr(1, address.size() - 2);
  else if (address.find(':') != std::string::npos)
    return invalid(fmt::format("--metrics: {}: put an IPv6 address in brackets, as in [::1]:9108",
                               kerf::quoted(text)));
  if (!number)
    return invalid(
        fmt::format("--metrics: {} is none of ADDRESS:PORT, :PORT, off", kerf::quoted(text)));
  return std::pair{address, static_cast<std::uint16_t>(std::stoul(port))};
}

}  // namespace kerf::daemon
