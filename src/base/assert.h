// KERF_ASSERT: a condition that only a bug in Kerf can break; stays on in release builds.
#pragma once

namespace kerf {

/// Prints the place and the condition to stderr and aborts. Never returns.
[[noreturn]] void assert_failed(const char* condition, const char* file, int line,
                                const char* why) noexcept;

}  // namespace kerf

/// `why` says what the caller was promised; an operating error is a Result, never an assert.
#define KERF_ASSERT(condition, why)                               \
  do {                                                            \
    if (!(condition)) [[unlikely]]                                \
      ::kerf::assert_failed(#condition, __FILE__, __LINE__, why); \
  } while (false)
