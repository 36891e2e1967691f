// parse_command: the words after kerfd as plain structs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace kerf::daemon {

struct AgentOptions {
  bool inventory = false;
  bool json = false;                        ///< else a table
  std::optional<std::string> nvml_library;  ///< nullopt: the driver's, as the loader finds it
};

/// What to do. Help and version go before all else.
struct Command {
  enum class Kind { Help, AgentHelp, Version, Agent };
  Kind kind = Kind::Help;
  AgentOptions agent;
};

/// Errors are for people: they say which word is wrong, and what may stand there.
Result<Command> parse_command(const std::vector<std::string>& words);

}  // namespace kerf::daemon
