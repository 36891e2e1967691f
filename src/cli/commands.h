// The commands and options of kerf as data: parsing, help, reference and completion all read it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace kerf::cli {

/// What a shell can offer for a value.
enum class Completes : std::uint8_t {
  Nothing,
  Choices,  ///< those of `choices`
  Files,    ///< files and folders
  InstanceTypes,
  GpuModels,
  Regions,
};

struct OptionSpec {
  std::string_view name = {};          ///< "--output"
  std::string_view short_name = {};    ///< "-o" or ""
  std::string_view value = {};         ///< "FORMAT"; empty: a flag
  std::string_view group = {};         ///< heading in help and reference
  std::string_view help = {};          ///< for --help: a phrase
  std::string_view details = {};       ///< for the reference: further sentences, or ""
  std::string_view choices = {};       ///< "table|json", or ""
  std::string_view unless_given = {};  ///< the default for people, or ""
  Completes completes = Completes::Nothing;
  bool repeats = false;
};

struct ExampleSpec {
  std::string_view line = {};
  std::string_view says = {};
};

struct CommandSpec {
  std::string_view name = {};
  std::vector<std::string_view> usage = {};  ///< without "kerf "
  std::string_view summary = {};             ///< for the list of commands: a phrase
  std::string_view about = {};               ///< a paragraph
  std::string_view argument = {};            ///< "PATH", or "" where the command takes none
  std::string_view argument_help = {};
  std::string_view argument_choices = {};  ///< "bash|zsh|fish", or ""
  Completes completes = Completes::Nothing;
  bool many_arguments = false;
  bool hidden = false;  ///< not in the list of commands
  std::vector<OptionSpec> options = {};
  std::vector<ExampleSpec> examples = {};
};

/// All commands, in the order in which help lists them.
const std::vector<CommandSpec>& commands();
const CommandSpec* find_command(std::string_view name);
/// Options that every command has.
const std::vector<OptionSpec>& common_options();
/// The command's options, then the common ones.
std::vector<OptionSpec> all_options(const CommandSpec& command);
/// "table|json" -> {"table", "json"}.
std::vector<std::string_view> split_choices(std::string_view choices);

/// What the program's exit status says.
enum ExitCode : int { kPlaced = 0, kUnplaced = 1, kBadInput = 2, kInternal = 3 };
struct ExitSpec {
  ExitCode code = kPlaced;
  std::string_view says = {};
};
std::span<const ExitSpec> exit_codes();

}  // namespace kerf::cli
