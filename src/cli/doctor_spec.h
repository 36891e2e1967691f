// The text of `kerf doctor`: its options and help as data.
#pragma once

#include "cli/commands.h"

namespace kerf::cli {

CommandSpec doctor_command();

}  // namespace kerf::cli
