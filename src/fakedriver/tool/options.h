// Options of kerf-fake-driver, as plain structs.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "simgpu/driver.h"

namespace kerf::fakedriver::tool {

enum class Command { Help, Init, Show, Do, RunScript, Enter, Boards, Operations };

struct Options {
  Command command = Command::Help;
  std::string text;  ///< Help: what to print
  std::string folder;
  simgpu::Config config;           ///< Init
  bool mig = false;                ///< Init: MIG mode on, on the boards that have it
  std::vector<std::string> words;  ///< Do: an action; RunScript: a file; Enter: a command
  bool in_place = false;           ///< Enter: no mount namespace of its own
  bool keep_proc = false;          ///< Enter: no links in place of /proc
};

/// `words` without the program's name.
Result<Options> read_options(std::vector<std::string> words);

}  // namespace kerf::fakedriver::tool
