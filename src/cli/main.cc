// main() of kerf: an exception that nobody caught ends in one line and exit code 3.
#include <exception>
#include <new>
#include <string>
#include <vector>

#include "cli/program.h"
#include "cli/terminal.h"

int main(int argc, char** argv) {
  using kerf::cli::say;
  try {
    return kerf::cli::run_program(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
  } catch (const std::bad_alloc&) {
    say("kerf: not enough memory for this input");
  } catch (const std::exception& error) {
    say(std::string("kerf: internal error: ") + error.what());
  } catch (...) {
    say("kerf: internal error");
  }
  return kerf::cli::kInternal;
}
