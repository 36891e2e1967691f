// run_name(): a name for this run of the program.
#pragma once

#include <string>

namespace kerf::runtime {

/// Eight hexadecimal digits of process and time: differs between runs, and reads well in a log.
std::string run_name();

}  // namespace kerf::runtime
