// main() of kerf-fake-driver, which is also the simulated machine's nvidia-smi.
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "fakedriver/tool/commands.h"
#include "fakedriver/tool/options.h"
#include "fakedriver/tool/smi.h"

int main(int argc, char** argv) {
  namespace tool = kerf::fakedriver::tool;
  try {
    const std::string_view name = argc > 0 ? argv[0] : "";
    std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
    if (name == "nvidia-smi" || name.ends_with("/nvidia-smi")) return tool::smi(words);
    auto options = tool::read_options(std::move(words));
    const auto done = options ? tool::run(*options) : tl::unexpected(options.error());
    if (done) return 0;
    std::fprintf(stderr, "kerf-fake-driver: %s\n", done.error().message().c_str());
    return done.error().code() == kerf::ErrorCode::InvalidArgument ? 2 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "kerf-fake-driver: internal error: %s\n", error.what());
  }
  return 3;
}
