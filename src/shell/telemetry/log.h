// Log: what happens, as one JSON object a line on standard error.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

namespace kerf::telemetry {

enum class Level { Debug, Info, Warning, Error };
/// "debug", "info", "warning", "error".
std::string_view to_string(Level level);
/// The inverse; false if there is no such level.
bool parse_level(std::string_view text, Level& level);

/// What a field may be. Strings are referred to, not copied: they must live until the call returns.
class Value {
 public:
  Value(bool value) : value_(value) {}
  Value(double value) : value_(value) {}
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  Value(T value) {
    if constexpr (std::signed_integral<T>) value_ = std::int64_t{value};
    else value_ = std::uint64_t{value};
  }
  Value(const char* value) : value_(std::string_view(value)) {}
  Value(std::string_view value) : value_(value) {}
  Value(const std::string& value) : value_(std::string_view(value)) {}

  const auto& get() const { return value_; }

 private:
  std::variant<bool, std::int64_t, std::uint64_t, double, std::string_view> value_;
};

struct Field {
  std::string_view name;
  Value value;
};
using Fields = std::initializer_list<Field>;

/// `log.info("slice is cut", {{"device", "gpu0/1g.10gb@3"}, {"ms", 12}})` writes
/// {"time":"2026-11-29T16:00:00.123Z","level":"info","component":"agent","message":"slice is cut",
/// "device":"gpu0/1g.10gb@3","ms":12} (one line). Any bytes make valid JSON: what is not UTF-8
/// becomes U+FFFD, NaN and infinity null; a field named as one of the four, or as one before it,
/// gets a "_" behind its name.
///
/// A line is one write() of at most 4096 bytes (PIPE_BUF: lines of several threads and processes do
/// not mix); what is longer is cut, with "..." where. Nobody waits for a reader that does not read:
/// after 100 ms a line is dropped, the following ones at once, until one can be written; then a
/// line says how many were lost.
///
/// A line that repeats exactly, but for its time, within 10 s of when it was last written is
/// counted and not written; it comes once more with "repeated": n at the first call, or flush(),
/// after that.
///
/// SIGPIPE is ignored in this process from the first Log on, unless it has a handler.
///
/// All members may be called from any thread. Copies share everything. Never throws.
class Log {
 public:
  /// Times are milliseconds: of the wall clock since 1970 for "time", of a steady clock for
  /// repeats.
  struct Now {
    std::int64_t wall_ms = 0;
    std::int64_t steady_ms = 0;
  };
  struct Options {
    std::string component = "agent";
    Level threshold = Level::Info;  ///< lines below it are not written
    int fd = 2;                     ///< kept open by the caller
    std::function<Now()> now;  ///< the system's clocks if empty; must be callable from any thread
  };

  Log();
  explicit Log(Options options);
  /// The last copy's end flushes.
  ~Log();
  Log(const Log&) = default;
  Log& operator=(const Log&) = default;

  /// The same log under another component's name.
  Log named(std::string_view component) const;

  void debug(std::string_view message, Fields fields = {}) const noexcept;
  void info(std::string_view message, Fields fields = {}) const noexcept;
  void warning(std::string_view message, Fields fields = {}) const noexcept;
  void error(std::string_view message, Fields fields = {}) const noexcept;
  void write(Level level, std::string_view message, Fields fields = {}) const noexcept;

  /// For lines that are costly to put together.
  bool enabled(Level level) const;
  /// Writes the repeats whose 10 s have passed; all that were counted if `all`. Call it now and
  /// then where nothing else may be logged for long, and at the program's end.
  void flush(bool all = false) const noexcept;

 private:
  struct Core;
  std::shared_ptr<Core> core_;
  std::string component_;
};

}  // namespace kerf::telemetry
