// The one file that includes CLI11, which costs 10 s to compile; everything else is plain structs.
#include "cli/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/quote.h"
#include "cli/suggest.h"

namespace kerf::cli {
namespace {

std::string label(const OptionSpec& option) {
  return fmt::format("{}{}", option.name,
                     option.value.empty() ? "" : fmt::format(" {}", option.value));
}

Result<void> check_choice(std::string_view what, const std::string& value,
                          std::string_view choices) {
  if (choices.empty()) return {};
  std::vector<std::string> known;
  for (const std::string_view choice : split_choices(choices)) known.emplace_back(choice);
  if (std::find(known.begin(), known.end(), value) != known.end()) return {};
  return invalid(fmt::format("{}: {} is none of {}{}", what, kerf::quoted(value),
                             fmt::join(known, ", "), did_you_mean(nearest(value, known))));
}

tl::unexpected<Error> unknown_option(const CommandSpec& command, const std::string& word) {
  std::vector<std::string> known;
  for (const OptionSpec& option : all_options(command)) known.emplace_back(option.name);
  const std::string name = word.substr(0, word.find('='));
  if (command.many_arguments && (name == "-f" || name == "--filename" || name == "-R")) {
    return invalid(fmt::format("there is no option {}; a {} stands by itself: kerf {} deploy/",
                               name, command.argument, command.name));
  }
  return invalid(fmt::format("there is no option {}{}", kerf::quoted(name),
                             did_you_mean(nearest(name, known))));
}

/// What CLI11 accepts and people do not mean: `--types=`, and an option as another one's value.
Result<void> check_values_present(const CommandSpec& command,
                                  const std::vector<std::string>& words) {
  const std::vector<OptionSpec> options = all_options(command);
  const auto named = [&](std::string_view word) {
    return std::find_if(options.begin(), options.end(), [&](const OptionSpec& option) {
      return word == option.name || (!option.short_name.empty() && word == option.short_name);
    });
  };
  for (std::size_t i = 0; i < words.size() && words[i] != "--"; ++i) {
    const std::size_t equals = words[i].find('=');
    const auto option = named(std::string_view(words[i]).substr(0, equals));
    if (option == options.end()) continue;
    const bool is_flag = option->value.empty();
    if (is_flag && equals != std::string::npos) {
      return invalid(fmt::format("{} takes no value", option->name));
    }
    if (is_flag) continue;
    const bool next_is_value =
        i + 1 < words.size() && words[i + 1] != "--" &&
        named(words[i + 1].substr(0, words[i + 1].find('='))) == options.end();
    if (equals == std::string::npos ? !next_is_value : equals + 1 == words[i].size()) {
      return invalid(fmt::format("{} needs a value: {}", option->name, label(*option)));
    }
    if (equals == std::string::npos) ++i;
  }
  return {};
}

Result<void> check_arguments(const CommandSpec& command,
                             const std::vector<std::string>& arguments) {
  if (command.argument.empty() && !arguments.empty()) {
    const bool reads_files =
        std::any_of(command.options.begin(), command.options.end(),
                    [](const OptionSpec& option) { return option.name == "--snapshot"; });
    return invalid(fmt::format("takes no arguments, {} is one too many{}",
                               kerf::quoted(arguments[0]),
                               reads_files ? "; a file to read is given with --snapshot" : ""));
  }
  if (!command.many_arguments && arguments.size() > 1) {
    return invalid(fmt::format("takes one {}, {} is one too many", command.argument,
                               kerf::quoted(arguments[1])));
  }
  for (const std::string& argument : arguments) {
    if (argument.empty()) {
      return invalid(
          fmt::format("an empty {} was given; a variable may be unset", command.argument));
    }
    KERF_CHECK_OK(check_choice(command.argument, argument, command.argument_choices));
  }
  return {};
}

/// Runs CLI11 over the words. What it does not know comes back in `unknown`.
Result<ParsedOptions> run_parser(const CommandSpec& command, std::vector<std::string> words,
                                 std::vector<std::string>& unknown) {
  const std::vector<OptionSpec> options = all_options(command);
  std::vector<std::vector<std::string>> values(options.size());
  ParsedOptions parsed;
  try {
    CLI::App app;
    app.set_help_flag();
    app.allow_extras();
    std::vector<CLI::Option*> made;
    for (std::size_t i = 0; i < options.size(); ++i) {
      const OptionSpec& option = options[i];
      const std::string names = option.short_name.empty()
                                    ? std::string(option.name)
                                    : fmt::format("{},{}", option.short_name, option.name);
      if (option.value.empty()) {
        made.push_back(app.add_flag(names));
      } else {
        made.push_back(app.add_option(names, values[i])
                           ->allow_extra_args(false)
                           ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll));
      }
    }
    std::vector<std::string> positional;
    CLI::Option* argument = app.add_option("argument", positional);
    std::reverse(words.begin(), words.end());  // as CLI11 wants them
    app.parse(std::move(words));
    for (std::size_t i = 0; i < options.size(); ++i) {
      if (made[i]->count() == 0) continue;
      if (options[i].value.empty()) values[i] = {""};
      parsed.values[std::string(options[i].name)] = std::move(values[i]);
    }
    if (argument->count() > 0) parsed.arguments = std::move(positional);
    unknown = app.remaining();
  } catch (const CLI::Error& error) {
    return invalid(error.what());
  }
  return parsed;
}

}  // namespace

const std::string* ParsedOptions::value(std::string_view name) const {
  const auto found = values.find(name);
  return found == values.end() || found->second.empty() ? nullptr : &found->second.front();
}

Result<ParsedOptions> parse_options(const CommandSpec& command, std::vector<std::string> words) {
  const auto end = std::find(words.begin(), words.end(), "--");
  if (std::find(words.begin(), end, "--help") != end ||
      std::find(words.begin(), end, "-h") != end) {
    ParsedOptions help;
    help.values["--help"] = {""};
    return help;
  }
  KERF_CHECK_OK(check_values_present(command, words));
  std::vector<std::string> after(end == words.end() ? end : end + 1, words.end());
  words.erase(end, words.end());
  std::vector<std::string> unknown;
  KERF_TRY(ParsedOptions parsed, run_parser(command, std::move(words), unknown));
  if (!unknown.empty()) return unknown_option(command, unknown.front());
  std::move(after.begin(), after.end(), std::back_inserter(parsed.arguments));
  for (const OptionSpec& option : all_options(command)) {
    const auto found = parsed.values.find(option.name);
    if (found == parsed.values.end()) continue;
    if (!option.repeats && found->second.size() > 1) {
      return invalid(fmt::format("{} is given twice", option.name));
    }
    const bool is_list = option.value == "LIST";  // its items are checked where they are read
    for (const std::string& value : found->second) {
      if (!is_list) KERF_CHECK_OK(check_choice(option.name, value, option.choices));
    }
  }
  KERF_CHECK_OK(check_arguments(command, parsed.arguments));
  return parsed;
}

}  // namespace kerf::cli
