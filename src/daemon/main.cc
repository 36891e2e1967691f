// main() of kerfd: an exception that nobody caught ends in one line and exit code 3.
#include <cstdlib>
#include <exception>
#include <new>
#include <string>
#include <vector>

#include "daemon/program.h"

int main(int argc, char** argv) {
  using kerf::daemon::say;
  if (!kerf::daemon::open_standard_files()) {
    say("kerfd: standard output is closed");
    return kerf::daemon::kBadInput;
  }
  try {
    const int code =
        kerf::daemon::run_program(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
    // Nothing is left to write. gRPC's threads may still run, and abort when the library's own
    // objects are destroyed under them (seen with 1.51.1).
    std::_Exit(code);
  } catch (const std::bad_alloc&) {
    say("kerfd: not enough memory");
  } catch (const std::exception& error) {
    say(std::string("kerfd: internal error: ") + error.what());
  } catch (...) {
    say("kerfd: internal error");
  }
  return kerf::daemon::kInternal;
}
