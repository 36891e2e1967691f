// The end of the line for a broken promise: print and abort.
#include "base/assert.h"

#include <fmt/format.h>

#include <cstdlib>

namespace kerf {

void assert_failed(const char* condition, const char* file, int line, const char* why) noexcept {
  fmt::print(stderr, "kerf: internal error: {} ({}:{}: {})\n", why, file, line, condition);
  std::abort();
}

}  // namespace kerf
