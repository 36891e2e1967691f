// A hash of what no two runs share.
#include "shell/runtime/run_name.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>

#include "base/hash.h"

namespace kerf::runtime {

std::string run_name() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  Hasher hasher;
  hasher.add(std::int64_t{std::chrono::duration_cast<std::chrono::nanoseconds>(now).count()});
  hasher.add(std::int64_t{::getpid()});
  return fmt::format("{:08x}", hasher.value() & 0xffffffff);
}

}  // namespace kerf::runtime
