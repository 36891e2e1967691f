// parse_options: the words after a command, told apart into options and arguments.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/commands.h"

namespace kerf::cli {

/// What was given, as text.
struct ParsedOptions {
  std::map<std::string, std::vector<std::string>, std::less<>> values;  ///< by name; flags: {""}
  std::vector<std::string> arguments;

  bool given(std::string_view name) const { return values.contains(name); }
  /// The value of an option that is given at most once; nullptr if it is not given.
  const std::string* value(std::string_view name) const;
};

/// Reads `words` by the command's table. With --help among them everything else is forgiven. Errors
/// are for people: an unknown option (with the nearest), a value that is missing or not one of the
/// choices, an option given twice, too many or too few arguments.
Result<ParsedOptions> parse_options(const CommandSpec& command, std::vector<std::string> words);

}  // namespace kerf::cli
