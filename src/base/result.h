// Result<T>: a value or an Error whose code says what the caller may do about it.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace kerf {

/// Closed list. Each code is named after what the caller can do.
enum class ErrorCode {
  InvalidArgument,  ///< The input is wrong: tell the user what and where. Retrying is useless.
  NotFound,         ///< The thing named does not exist.
  Unsupported,      ///< Legal input that Kerf does not handle: tell the user.
  TooLarge,         ///< A size bound was passed: tell the user the bound.
  Conflict,         ///< Somebody else changed it: read again.
  Expired,          ///< The position in a stream is gone: list again.
  Unavailable,      ///< Not now: retry later.
};

/// The code's name as logs and JSON print it, e.g. "InvalidArgument".
std::string_view to_string(ErrorCode code);

/// An operating error: a code and a message for people, to which each layer adds what it was doing.
class Error {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  ErrorCode code() const { return code_; }
  /// One or more lines, innermost cause last, without a final newline.
  const std::string& message() const { return message_; }

  /// The same error with "doing: " in front of its message.
  Error within(std::string_view doing) &&;

 private:
  ErrorCode code_;
  std::string message_;
};

template <class T>
using Result = tl::expected<T, Error>;

/// `return fail(ErrorCode::NotFound, "...");` in any function that returns a Result.
inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error(code, std::move(message)));
}

/// Shorthand for the most frequent code.
inline tl::unexpected<Error> invalid(std::string message) {
  return fail(ErrorCode::InvalidArgument, std::move(message));
}

}  // namespace kerf

#define KERF_CONCAT_INNER(a, b) a##b
#define KERF_CONCAT(a, b) KERF_CONCAT_INNER(a, b)

/// KERF_TRY(auto x, f()); declares x from f()'s value, or returns f()'s error to the caller.
#define KERF_TRY(declaration, expression)                                       \
  auto KERF_CONCAT(kerf_try_, __LINE__) = (expression);                         \
  if (!KERF_CONCAT(kerf_try_, __LINE__)) [[unlikely]]                           \
    return tl::unexpected(std::move(KERF_CONCAT(kerf_try_, __LINE__)).error()); \
  declaration = *std::move(KERF_CONCAT(kerf_try_, __LINE__))

/// KERF_CHECK_OK(f()); the same for a Result<void> or a value that is not needed.
#define KERF_CHECK_OK(expression)                              \
  do {                                                         \
    auto kerf_check_ok = (expression);                         \
    if (!kerf_check_ok) [[unlikely]]                           \
      return tl::unexpected(std::move(kerf_check_ok).error()); \
  } while (false)
