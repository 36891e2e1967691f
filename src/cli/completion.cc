// Three shells, one table: each writer says in its shell's words what an option may be followed by.
#include "cli/completion.h"

#include <fmt/format.h>

#include "cli/commands.h"

namespace kerf::cli {
namespace {

/// The words that a value can be, separated by blanks; "" if the shell cannot know them.
std::string values_of(std::string_view choices, Completes completes, const CompletionWords& words) {
  switch (completes) {
    case Completes::Choices: return fmt::format("{}", fmt::join(split_choices(choices), " "));
    case Completes::InstanceTypes: return fmt::format("{}", fmt::join(words.instance_types, " "));
    case Completes::GpuModels: return fmt::format("{}", fmt::join(words.gpu_models, " "));
    case Completes::Regions: return fmt::format("{}", fmt::join(words.regions, " "));
    case Completes::Nothing:
    case Completes::Files: break;
  }
  return {};
}

std::vector<std::string_view> names_of(const OptionSpec& option) {
  std::vector<std::string_view> names;
  if (!option.short_name.empty()) names.push_back(option.short_name);
  names.push_back(option.name);
  return names;
}

/// As one word of any of the three shells.
std::string single_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += "'\\''";
    else out += c;
  }
  return out + "'";
}

std::string bash_values(std::string_view choices, Completes completes, const CompletionWords& words,
                        bool is_list) {
  if (completes == Completes::Files) return "return 0";  // the default: files
  const std::string values = values_of(choices, completes, words);
  if (values.empty()) return "compopt +o default 2>/dev/null; return 0";
  return fmt::format("_kerf_{} \"$cur\" '{}'; return 0", is_list ? "list" : "words", values);
}

}  // namespace

// Words of readline break at '=', so `--output=js` arrives as three of them. An empty COMPREPLY
// means files (complete -o default), except where compopt takes that back.
std::string bash_completion(const CompletionWords& words) {
  std::string out = R"(# Completion of kerf for bash.
#   source <(kerf completion bash)
_kerf_words() { COMPREPLY=($(compgen -W "$2" -- "$1")); }
_kerf_list() {
  local last=${1##*,}
  COMPREPLY=($(compgen -P "${1%"$last"}" -W "$2" -- "$last"))
}
_kerf() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
  if [[ $cur == = ]]; then
    cur=
  elif [[ $prev == = && $COMP_CWORD -gt 2 ]]; then
    prev=${COMP_WORDS[COMP_CWORD-2]}
  fi
  COMPREPLY=()
  if [[ $COMP_CWORD -eq 1 ]]; then
)";
  std::string names = "--help --version";
  for (const CommandSpec& command : commands()) {
    if (!command.hidden) names += fmt::format(" {}", command.name);
  }
  out += fmt::format("    _kerf_words \"$cur\" '{}'; return 0\n  fi\n", names);
  out += "  case ${COMP_WORDS[1]} in\n";
  for (const CommandSpec& command : commands()) {
    if (command.hidden) continue;
    out += fmt::format("    {})\n      case $prev in\n", command.name);
    std::string options;
    for (const OptionSpec& option : all_options(command)) {
      for (const std::string_view name : names_of(option)) {
        options += fmt::format("{}{}", options.empty() ? "" : " ", name);
      }
      if (option.value.empty()) continue;
      out +=
          fmt::format("        {}) {} ;;\n", fmt::join(names_of(option), "|"),
                      bash_values(option.choices, option.completes, words, option.value == "LIST"));
    }
    out += fmt::format(
        "      esac\n      [[ $cur == -* ]] && {{ _kerf_words \"$cur\" '{}'; return 0; "
        "}}\n      {} ;;\n",
        options, bash_values(command.argument_choices, command.completes, words, false));
  }
  return out + "  esac\n}\ncomplete -o bashdefault -o default -F _kerf kerf\n";
}

std::string zsh_completion(const CompletionWords& words) {
  const auto action = [&](std::string_view choices, Completes completes, bool is_list) {
    if (completes == Completes::Files) return std::string("_files");
    const std::string values = values_of(choices, completes, words);
    if (values.empty()) return std::string();
    return is_list ? fmt::format("_values -s , value {}", values) : fmt::format("({})", values);
  };
  std::string out =
      "#compdef kerf\n# Completion of kerf for zsh.\n_kerf() {\n"
      "  local -a commands\n  commands=(\n";
  for (const CommandSpec& command : commands()) {
    if (!command.hidden) {
      out += fmt::format("    {}\n",
                         single_quoted(fmt::format("{}:{}", command.name, command.summary)));
    }
  }
  out +=
      "  )\n  if (( CURRENT == 2 )); then\n    _describe command commands\n    return\n  fi\n"
      "  local command=$words[2]\n  shift words\n  (( CURRENT-- ))\n  case $command in\n";
  for (const CommandSpec& command : commands()) {
    if (command.hidden) continue;
    out += fmt::format("    {})\n      _arguments -s", command.name);
    for (const OptionSpec& option : all_options(command)) {
      std::string tail = fmt::format("[{}]", option.help);
      if (!option.value.empty()) {
        tail += fmt::format(":value:{}",
                            action(option.choices, option.completes, option.value == "LIST"));
      }
      for (const std::string_view name : names_of(option)) {
        // "--map=" and "-o+" take their value in the same word or in the next.
        const char* joins = option.value.empty() ? "" : name.starts_with("--") ? "=" : "+";
        out += fmt::format(
            " \\\n        {}",
            single_quoted(fmt::format("{}{}{}{}", option.repeats ? "*" : "", name, joins, tail)));
      }
    }
    if (!command.argument.empty()) {
      out +=
          fmt::format(" \\\n        '{}:{}:{}'", command.many_arguments ? "*" : "1",
                      command.argument, action(command.argument_choices, command.completes, false));
    }
    out += " ;;\n";
  }
  return out +
         "  esac\n}\n"
         "if [[ $funcstack[1] == _kerf ]]; then _kerf \"$@\"; else compdef _kerf kerf; fi\n";
}

std::string fish_completion(const CompletionWords& words) {
  std::string out =
      "# Completion of kerf for fish.\ncomplete -c kerf -f\n"
      "complete -c kerf -n __fish_use_subcommand -l help -s h -d 'show the commands'\n"
      "complete -c kerf -n __fish_use_subcommand -l version -d 'show the version'\n";
  const auto value = [&](std::string_view choices, Completes completes) {
    if (completes == Completes::Files) return std::string(" -r -F");
    return fmt::format(" -x -a {}", single_quoted(values_of(choices, completes, words)));
  };
  for (const CommandSpec& command : commands()) {
    if (command.hidden) continue;
    out += fmt::format("complete -c kerf -n __fish_use_subcommand -a {} -d {}\n", command.name,
                       single_quoted(command.summary));
    const std::string when =
        fmt::format("complete -c kerf -n '__fish_seen_subcommand_from {}'", command.name);
    if (command.completes == Completes::Files) out += fmt::format("{} -F\n", when);
    if (command.completes == Completes::Choices) {
      out +=
          fmt::format("{} -a {}\n", when,
                      single_quoted(values_of(command.argument_choices, command.completes, words)));
    }
    for (const OptionSpec& option : all_options(command)) {
      out += fmt::format(
          "{} -l {}{}{} -d {}\n", when, option.name.substr(2),
          option.short_name.empty() ? "" : fmt::format(" -s {}", option.short_name.substr(1)),
          option.value.empty() ? "" : value(option.choices, option.completes),
          single_quoted(option.help));
    }
  }
  return out;
}

}  // namespace kerf::cli
