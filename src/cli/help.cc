// Help and reference: the same tables, once for a terminal and once for a reader.
#include "cli/help.h"

#include <fmt/format.h>

#include <algorithm>

namespace kerf::cli {
namespace {

constexpr std::size_t kWidth = 96;
constexpr std::size_t kHelpColumn = 32;

constexpr std::string_view kTagline =
    "Kerf plans the cheapest fleet of GPU nodes and MIG slices for the pods you run on EKS.";

/// Fills lines up to kWidth; every line after the first begins at `indent`.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t column) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (column > indent && column + 1 + word.size() > kWidth) {
      out += '\n' + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
  }
  return out;
}

/// "-o, --output FORMAT".
std::string signature(const OptionSpec& option) {
  std::string out;
  if (!option.short_name.empty()) out += fmt::format("{}, ", option.short_name);
  out += option.name;
  if (!option.value.empty()) out += fmt::format(" {}", option.value);
  return out;
}

/// The phrase and, in brackets, choices and default.
std::string phrase(const OptionSpec& option) {
  std::string more;
  if (!option.choices.empty()) {
    more = fmt::format("{}", fmt::join(split_choices(option.choices), ", "));
  }
  if (option.repeats) more = "can be given more than once";
  if (!option.unless_given.empty()) {
    more += fmt::format("{}default {}", more.empty() ? "" : "; ", option.unless_given);
  }
  return more.empty() ? std::string(option.help) : fmt::format("{} ({})", option.help, more);
}

std::string row(const std::string& left, std::string_view text) {
  std::string out = "  " + left;
  if (out.size() + 2 > kHelpColumn) out += '\n' + std::string(kHelpColumn, ' ');
  else out.append(kHelpColumn - out.size(), ' ');
  return out + wrapped(text, kHelpColumn, kHelpColumn) + '\n';
}

/// Calls `heading` where a group begins and `each` for every option.
template <class Heading, class Each>
void by_group(const CommandSpec& command, Heading heading, Each each) {
  std::string_view group;
  for (const OptionSpec& option : all_options(command)) {
    if (option.group != group) heading(option.group);
    group = option.group;
    each(option);
  }
}

std::string exit_codes_help() {
  std::string out = "\nExit codes:\n";
  for (const ExitSpec& exit : exit_codes()) {
    out += fmt::format("  {}  {}\n", static_cast<int>(exit.code), wrapped(exit.says, 5, 5));
  }
  return out;
}

/// A bar would end the cell of a table, two stars mean emphasis.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|' || c == '*') out += '\\';
    out += c;
  }
  return out;
}

std::string command_markdown(const CommandSpec& command) {
  std::string out = fmt::format("\n## kerf {}\n\n{}\n\n```\n", command.name, command.about);
  for (const std::string_view usage : command.usage) out += fmt::format("kerf {}\n", usage);
  out += "```\n";
  if (!command.argument.empty()) {
    out += fmt::format("\n`{}`: {}.\n", command.argument, escaped(command.argument_help));
  }
  if (!command.options.empty()) {
    by_group(
        command,
        [&](std::string_view group) {
          out += fmt::format("\n### {}\n\n| option | meaning |\n|---|---|\n", group);
        },
        [&](const OptionSpec& option) {
          std::string text = phrase(option);
          if (!option.details.empty()) text += fmt::format(". {}", option.details);
          out += fmt::format("| `{}` | {} |\n", signature(option), escaped(text));
        });
  }
  if (!command.examples.empty()) {
    out += "\n### Examples\n\n```\n";
    for (const ExampleSpec& example : command.examples) {
      out += fmt::format("# {}\n{}\n", example.says, example.line);
    }
    out += "```\n";
  }
  return out;
}

}  // namespace

std::string program_help() {
  std::string out = fmt::format("{}\n\nUsage: kerf COMMAND [OPTION...]\n\nCommands:\n", kTagline);
  for (const CommandSpec& command : commands()) {
    if (!command.hidden) out += fmt::format("  {:<12}{}\n", command.name, command.summary);
  }
  const CommandSpec* plan = find_command("plan");
  out += "\nStart with:\n";
  for (std::size_t i = 0; plan != nullptr && i < plan->examples.size() && i < 3; ++i) {
    out += fmt::format("  {:<53}{}\n", plan->examples[i].line, plan->examples[i].says);
  }
  return out +
         "\nkerf COMMAND --help explains a command. kubectl kerf COMMAND is the same where\n"
         "kubectl-kerf, a link to kerf, is in PATH.\n";
}

std::string command_help(const CommandSpec& command) {
  std::string out;
  for (std::size_t i = 0; i < command.usage.size(); ++i) {
    out += fmt::format("{} kerf {}\n", i == 0 ? "Usage:" : "      ", command.usage[i]);
  }
  out += fmt::format("\n{}\n", wrapped(command.about, 0, 0));
  if (!command.argument.empty()) {
    const std::string text = fmt::format("{} is {}.", command.argument, command.argument_help);
    out += fmt::format("\n{}\n", wrapped(text, 0, 0));
  }
  by_group(
      command, [&](std::string_view group) { out += fmt::format("\n{}:\n", group); },
      [&](const OptionSpec& option) {
        // Options without a short name stand under the others' long ones.
        const bool aligned = option.short_name.empty();
        out += row((aligned ? "    " : "") + signature(option), phrase(option));
      });
  if (!command.examples.empty()) out += "\nExamples:\n";
  for (const ExampleSpec& example : command.examples) {
    out += fmt::format("  {:<62}  {}\n", example.line, example.says);
  }
  if (!command.options.empty()) out += exit_codes_help();
  return out;
}

std::string reference_markdown() {
  std::string out = "# Command line\n\n<!-- Printed by `kerf reference`; change it there. -->\n\n";
  out += fmt::format(
      "{} It reads files, or a cluster through your kubectl, and prints; it changes nothing in a "
      "cluster and keeps no credentials.\n\n| command | |\n|---|---|\n",
      kTagline);
  for (const CommandSpec& command : commands()) {
    if (!command.hidden) {
      out += fmt::format("| [`kerf {0}`](#kerf-{0}) | {1} |\n", command.name, command.summary);
    }
  }
  out +=
      "\n`kerf --version` and `kerf --help` are `kerf version` and `kerf help`. Options follow "
      "the command, before, between or after its arguments; `--` ends them. `--output json` and "
      "`--output=json` are the same.\n\nWith `kubectl-kerf`, a link to `kerf` that the build puts "
      "beside it, in `PATH`, `kubectl kerf plan` is `kerf plan`, and so for each "
      "command.\n\n## Exit codes\n\n| code | meaning |\n|---|---|\n";
  for (const ExitSpec& exit : exit_codes()) {
    out += fmt::format("| {} | {} |\n", static_cast<int>(exit.code), exit.says);
  }
  out +=
      "\nErrors go to standard error as `file:line:column: what is wrong, what was expected`. "
      "Progress is one line there, only on a terminal and only for work longer than a second.\n"
      "\n## Environment\n\n| variable | meaning |\n|---|---|\n"
      "| `NO_COLOR` | not empty: no colours unless `--color always` |\n"
      "| `LC_ALL`, `LC_CTYPE`, `LANG` | the first that is not empty: without UTF-8 in it output "
      "is ASCII |\n"
      "| `TERM` | `dumb`: no colours and no progress |\n";
  for (const CommandSpec& command : commands()) {
    if (!command.hidden) out += command_markdown(command);
  }
  return out;
}

}  // namespace kerf::cli
