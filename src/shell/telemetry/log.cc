// Log: the threshold, the repeats, and one lock around the output.
#include "shell/telemetry/log.h"

#include <time.h>

#include <deque>
#include <map>
#include <mutex>
#include <utility>

#include "shell/telemetry/line_output.h"
#include "shell/telemetry/log_line.h"

namespace kerf::telemetry {
namespace {

constexpr std::int64_t kRepeatMs = 10'000;
constexpr std::size_t kRemembered = 256;  // lines that may repeat

Log::Now system_now() {
  const auto ms = [](clockid_t clock) {
    timespec t{};
    ::clock_gettime(clock, &t);
    return std::int64_t{t.tv_sec} * 1000 + t.tv_nsec / 1'000'000;
  };
  return {ms(CLOCK_REALTIME), ms(CLOCK_MONOTONIC)};
}

}  // namespace

std::string_view to_string(Level level) {
  switch (level) {
    case Level::Debug: return "debug";
    case Level::Info: return "info";
    case Level::Warning: return "warning";
    case Level::Error: return "error";
  }
  return "error";
}

bool parse_level(std::string_view text, Level& level) {
  for (const Level candidate : {Level::Debug, Level::Info, Level::Warning, Level::Error}) {
    if (to_string(candidate) != text) continue;
    level = candidate;
    return true;
  }
  return false;
}

struct Log::Core {
  explicit Core(Options o) : options(std::move(o)), output(options.fd) {
    if (!options.now) options.now = &system_now;
  }
  ~Core() { forget(options.now(), true); }

  void write(Level level, std::string_view component, std::string_view message, Fields fields);
  void forget(const Now& now, bool all);
  void emit(const Now& now, std::string_view body, std::uint64_t repeated);

  Options options;
  std::mutex mutex;  // guards what follows
  LineOutput output;
  std::uint64_t lost = 0;
  // By body: how often it came since it was written. `written` has the same ones, oldest first.
  std::map<std::string, std::uint64_t, std::less<>> counts;
  struct Written {
    std::int64_t steady_ms = 0;
    std::map<std::string, std::uint64_t, std::less<>>::iterator line;
  };
  std::deque<Written> written;
};

void Log::Core::emit(const Now& now, std::string_view body, std::uint64_t repeated) {
  if (lost > 0) {
    const std::string notice = line_body(
        Level::Warning, "log", "log lines were lost, nobody read them in time", {{"lost", lost}});
    if (output.write(finished_line(now.wall_ms, notice, 0))) lost = 0;
  }
  if (!output.write(finished_line(now.wall_ms, body, repeated))) ++lost;
}

/// Forgets the lines whose time has passed; those that came again meanwhile are written, and
/// remembered from now on.
void Log::Core::forget(const Now& now, bool all) {
  for (std::size_t n = written.size(); n > 0; --n) {
    const bool due = all || now.steady_ms - written.front().steady_ms >= kRepeatMs;
    if (!due && written.size() < kRemembered) return;
    const Written line = written.front();
    written.pop_front();
    const std::uint64_t count = std::exchange(line.line->second, 0);
    if (count > 0) emit(now, line.line->first, count);
    if (count > 0 && due && !all) written.push_back({now.steady_ms, line.line});
    else counts.erase(line.line);
  }
}

void Log::Core::write(Level level, std::string_view component, std::string_view message,
                      Fields fields) {
  std::string body = line_body(level, component, message, fields);
  const Now now = options.now();
  const std::lock_guard lock(mutex);
  forget(now, false);
  const auto [line, is_new] = counts.try_emplace(std::move(body), 0);
  if (!is_new) {
    ++line->second;
    return;
  }
  written.push_back({now.steady_ms, line});
  emit(now, line->first, 0);
}

Log::Log() : Log(Options{}) {}

Log::Log(Options options)
    : core_(std::make_shared<Core>(std::move(options))), component_(core_->options.component) {}

Log::~Log() = default;

Log Log::named(std::string_view component) const {
  Log other = *this;
  other.component_ = component;
  return other;
}

bool Log::enabled(Level level) const { return level >= core_->options.threshold; }

void Log::write(Level level, std::string_view message, Fields fields) const noexcept {
  if (!enabled(level)) return;
  try {
    core_->write(level, component_, message, fields);
  } catch (...) {
    // No memory: the line is lost, the program goes on.
  }
}

void Log::debug(std::string_view message, Fields fields) const noexcept {
  write(Level::Debug, message, fields);
}
void Log::info(std::string_view message, Fields fields) const noexcept {
  write(Level::Info, message, fields);
}
void Log::warning(std::string_view message, Fields fields) const noexcept {
  write(Level::Warning, message, fields);
}
void Log::error(std::string_view message, Fields fields) const noexcept {
  write(Level::Error, message, fields);
}

void Log::flush(bool all) const noexcept {
  try {
    const Now now = core_->options.now();
    const std::lock_guard lock(core_->mutex);
    core_->forget(now, all);
  } catch (...) {
    // As in write().
  }
}

}  // namespace kerf::telemetry
