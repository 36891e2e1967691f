// environment(): getenv with a value of its own.
#include "shell/runtime/environment.h"

#include <cstdlib>

namespace kerf::runtime {

std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) return std::nullopt;
  return value;
}

}  // namespace kerf::runtime
