// The one file of kerfd that includes CLI11, which costs 10 s to compile.
#include "daemon/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/quote.h"
#include "codec/duration.h"

namespace kerf::daemon {
namespace {

constexpr std::array kSwitches = {"--inventory", "--dry-run"};

bool has(const std::vector<std::string>& words, const char* long_name, const char* short_name) {
  return std::ranges::any_of(words, [&](const std::string& word) {
    return word == long_name || (short_name != nullptr && word == short_name);
  });
}

/// An option with a value.
struct Text {
  std::string names;      ///< "-o,--output"
  std::string_view what;  ///< the value is
  std::function<void(std::string)> put;
  bool repeats = false;
};

/// The last of its names.
std::string long_name(const Text& text) { return text.names.substr(text.names.rfind(',') + 1); }

/// What CLI11 says in words of its own, or lets pass.
Result<void> check_words(const std::vector<std::string>& words, const std::vector<Text>& texts) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    for (const char* name : kSwitches)
      if (word.starts_with(std::string(name) + '='))
        return invalid(fmt::format("{} takes no value: {}", name, kerf::quoted(word)));
    for (const Text& text : texts) {
      const std::string name = word.starts_with("--") ? long_name(text) : text.names.substr(0, 2);
      const bool split = word == name;
      if (!split && word != name + '=') continue;
      const bool missing =
          !split || i + 1 == words.size() || words[i + 1].empty() || words[i + 1].starts_with('-');
      if (missing) return invalid(fmt::format("{} needs a value: {} {}", name, name, text.what));
      ++i;
      break;
    }
  }
  return {};
}

/// Words of one command: flags, and options with values.
Result<void> parse_words(std::vector<std::string> words, const std::vector<Text>& texts,
                         const std::vector<std::pair<const char*, bool*>>& flags,
                         std::string_view whose) {
  KERF_CHECK_OK(check_words(words, texts));
  try {
    CLI::App app;
    app.set_help_flag();
    app.allow_extras();
    for (const auto& [name, flag] : flags) app.add_flag(name, *flag);
    std::vector<std::vector<std::string>> values(texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i)
      app.add_option(texts[i].names, values[i])
          ->expected(1)
          ->allow_extra_args(false)
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    std::reverse(words.begin(), words.end());  // as CLI11 wants them
    app.parse(std::move(words));
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (values[i].size() > 1 && !texts[i].repeats)
        return invalid(texts[i].names.starts_with("-o,")
                           ? "-o (--output) is given twice"
                           : fmt::format("{} is given twice", texts[i].names));
      for (const std::string& value : values[i]) texts[i].put(value);
    }
    if (const auto unknown = app.remaining(); !unknown.empty())
      return invalid(
          fmt::format("{} is no option of the {}", kerf::quoted(unknown.front()), whose));
  } catch (const CLI::Error& error) {
    return invalid(error.what());
  }
  return {};
}

/// Puts a value where it belongs.
template <class Target>
std::function<void(std::string)> into(Target& target) {
  return [&target](std::string text) { target = std::move(text); };
}

Result<void> parse_agent_words(std::vector<std::string> words, AgentOptions& agent) {
  std::string output = "table";
  const std::vector<Text> texts = {
      {"-o,--output", "table or json", into(output)},
      {"--layout", "FILE", into(agent.layout)},
      {"--mig-config", "FILE", into(agent.mig_config)},
      {"--name", "NAME", into(agent.mig_config_name)},
      {"--node-name", "NAME", into(agent.node)},
      {"--namespace", "NAME", into(agent.kube_namespace)},
      {"--api-server", "https://HOST:PORT", into(agent.api_server)},
      {"--ca", "FILE", into(agent.ca_file)},
      {"--token", "FILE", into(agent.token_file)},
      {"--state", "FOLDER", into(agent.state_folder)},
      {"--kubelet", "FOLDER", into(agent.kubelet_folder)},
      {"--cdi", "FOLDER", into(agent.cdi_folder)},
      {"--cdi-base", "FILE", into(agent.cdi_base)},
      {"--driver-root", "FOLDER", into(agent.driver_root)},
      {"--nvml-library", "PATH", into(agent.nvml_library)},
      {"--metrics", "ADDRESS:PORT or off", into(agent.metrics)},
      {"--log-level", "debug, info, warning or error", into(agent.log_level)},
  };
  KERF_CHECK_OK(parse_words(std::move(words), texts,
                            {{"--inventory", &agent.inventory}, {"--dry-run", &agent.dry_run}},
                            "agent"));
  if (output != "table" && output != "json")
    return invalid(fmt::format("--output: {} is none of table, json", kerf::quoted(output)));
  agent.json = output == "json";
  return {};
}

/// What agent and controller have in common.
template <class Options>
Result<void> check_common(const Options& options) {
  constexpr std::array kLevels = {"debug", "info", "warning", "error"};
  if (std::ranges::find(kLevels, options.log_level) == kLevels.end())
    return invalid(fmt::format("--log-level: {} is none of debug, info, warning, error",
                               kerf::quoted(options.log_level)));
  if (options.metrics != "off") KERF_CHECK_OK(parse_address(options.metrics));
  const int named = int{options.api_server.has_value()} + int{options.ca_file.has_value()} +
                    int{options.token_file.has_value()};
  if (named != 0 && named != 3)
    return invalid("--api-server, --ca and --token go together: give all three, or none");
  return {};
}

/// What goes together.
Result<void> check_agent(const AgentOptions& agent) {
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
  return check_common(agent);
}

/// "kwoknodeclasses.v1alpha1.karpenter.kwok.sh/KWOKNodeClass", in its four parts.
Result<void> parse_node_class(const std::string& text, std::array<std::string, 4>& node_class) {
  const auto slash = text.find('/');
  const auto first = text.find('.');
  const auto second = first == std::string::npos ? first : text.find('.', first + 1);
  const bool whole = slash != std::string::npos && second != std::string::npos && second < slash &&
                     first > 0 && second > first + 1 && slash > second + 1 &&
                     slash + 1 < text.size();
  if (!whole)
    return invalid(
        fmt::format("--node-class: {} is not RESOURCE.VERSION.GROUP/KIND, such as "
                    "ec2nodeclasses.v1.karpenter.k8s.aws/EC2NodeClass",
                    kerf::quoted(text)));
  node_class = {text.substr(0, first), text.substr(first + 1, second - first - 1),
                text.substr(second + 1, slash - second - 1), text.substr(slash + 1)};
  return {};
}

Result<void> parse_waits(const std::vector<std::string>& texts, ControllerOptions& controller) {
  for (const std::string& text : texts) {
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
      return invalid(fmt::format("--set: {} is not NAME=DURATION, such as node-deadline=15m",
                                 kerf::quoted(text)));
    const auto ms = codec::parse_duration(text.substr(equals + 1));
    if (!ms) return tl::unexpected(Error(ms.error()).within("--set " + text.substr(0, equals)));
    controller.waits.emplace_back(text.substr(0, equals), *ms);
  }
  return {};
}

std::vector<std::string> parted(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

Result<Command> parse_controller(const std::vector<std::string>& words,
                                 const Environment& environment) {
  Command command;
  command.kind = Command::Kind::Controller;
  ControllerOptions& controller = command.controller;
  controller.identity = environment("POD_NAME").value_or("");
  if (const auto name = environment("POD_NAMESPACE"); name && !name->empty())
    controller.kube_namespace = *name;
  std::optional<std::string> urls;
  std::optional<std::string> node_class;
  std::vector<std::string> waits;
  const std::vector<Text> texts = {
      {"--identity", "NAME", into(controller.identity)},
      {"--namespace", "NAME", into(controller.kube_namespace)},
      {"--api-server", "https://HOST:PORT", into(controller.api_server)},
      {"--ca", "FILE", into(controller.ca_file)},
      {"--token", "FILE", into(controller.token_file)},
      {"--karpenter-metrics", "URL[,URL...]", into(urls)},
      {"--karpenter-namespace", "NAME", into(controller.karpenter_namespace)},
      {"--price-region", "REGION", into(controller.price_region)},
      {"--node-class", "RESOURCE.VERSION.GROUP/KIND", into(node_class)},
      {"--set", "NAME=DURATION", [&](std::string text) { waits.push_back(std::move(text)); }, true},
      {"--metrics", "ADDRESS:PORT or off", into(controller.metrics)},
      {"--log-level", "debug, info, warning or error", into(controller.log_level)},
  };
  KERF_CHECK_OK(parse_words(words, texts, {}, "controller"));
  KERF_CHECK_OK(check_common(controller));
  if (urls) controller.karpenter_metrics = parted(*urls);
  if (node_class) KERF_CHECK_OK(parse_node_class(*node_class, controller.node_class));
  KERF_CHECK_OK(parse_waits(waits, controller));
  return command;
}

Result<Command> parse_agent(const std::vector<std::string>& words, const Environment& environment) {
  Command command;
  command.kind = Command::Kind::Agent;
  AgentOptions& agent = command.agent;
  agent.node = environment("NODE_NAME").value_or("");
  if (const auto name = environment("POD_NAMESPACE"); name && !name->empty())
    agent.kube_namespace = *name;
  KERF_CHECK_OK(parse_agent_words(words, agent));
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
  if (words.front() == "controller") {
    command.kind = Command::Kind::ControllerHelp;
    if (has(words, "--help", "-h")) return command;
    return parse_controller({words.begin() + 1, words.end()}, environment);
  }
  return invalid(fmt::format("there is no command {}; there are controller and agent",
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
