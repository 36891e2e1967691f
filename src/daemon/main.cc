// main() of kerfd: an exception that nobody caught ends in one line and exit code 3.
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
    return kerf::daemon::run_program(
        std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
  } catch (const std::bad_alloc&) {
    say("kerfd: not enough memory");
  } catch (const std::exception& error) {
    say(std::string("kerfd: internal error: ") + error.what());
  } catch (...) {
    say("kerfd: internal error");
  }
  return kerf::daemon::kInternal;
}
