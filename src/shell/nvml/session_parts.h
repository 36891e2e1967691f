// What the files of Session share: strings, numbers and codes of the driver made safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>

#include "shell/nvml/session.h"

namespace kerf::nvml {

inline constexpr std::uint64_t kMib = 1U << 20U;

/// NVML's number as the agent's code; what is no code at all is Unknown.
inline Code code_of(nvmlabi::Return code) {
  if (code < 0 || code > static_cast<int>(Code::Unknown)) return Code::Unknown;
  return static_cast<Code>(code);
}

/// Text that need not be terminated.
template <std::size_t n>
std::string text_of(const char (&buffer)[n]) {
  return {buffer, ::strnlen(buffer, n)};
}

template <class Small>
bool fits(std::uint64_t value) {
  return value <= std::numeric_limits<Small>::max();
}

template <class Raw>
std::optional<Code> refusal(bool ready, Generation now, const Stamped<Raw>& handle) {
  if (!ready) return Code::Uninitialized;
  if (handle.generation != now || handle.raw == nullptr) return Code::InvalidArgument;
  return std::nullopt;
}

template <class... Raw>
std::optional<Code> Session::refuse(const Stamped<Raw>&... handles) const {
  on_thread();
  if (!ready_) return Code::Uninitialized;
  std::optional<Code> code;
  ((code = code ? code : refusal(ready_, generation_, handles)), ...);
  return code;
}

}  // namespace kerf::nvml
