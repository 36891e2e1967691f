// What the terminal can show, the progress line, and how the program ends when it is interrupted.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "cli/plan_arguments.h"
#include "core/plan/planner.h"

namespace kerf::cli {

/// The environment, as far as output depends on it.
struct Surroundings {
  bool stdin_is_terminal = false;
  bool stdout_is_terminal = false;
  bool stderr_is_terminal = false;
  bool no_colour = false;  ///< NO_COLOR is set and not empty
  bool dumb = false;       ///< TERM is "dumb" or not set: no escape sequences
  bool utf8 = false;       ///< the locale's encoding, by LC_ALL, LC_CTYPE, LANG

  static Surroundings look();
};

bool wants_colour(ColourWhen when, const Surroundings& around, bool to_file);
/// True for "en_US.UTF-8", "C.utf8": the first of the three that is not empty decides.
bool is_utf8_locale(const char* lc_all, const char* lc_ctype, const char* lang);

/// SIGPIPE becomes an error of write; SIGINT and SIGTERM erase the progress line, end what Kerf has
/// started (kubectl), then the program as they would have.
void install_signal_handlers();

/// One line on standard error that is written over. Shows nothing before a second has passed.
class ProgressLine {
 public:
  /// `enabled`: standard error is a terminal with escape sequences, and nobody asked for quiet.
  explicit ProgressLine(bool enabled);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void show(const plan::Progress& progress);
  void show(std::string_view what);
  void erase();

 private:
  using Clock = std::chrono::steady_clock;
  bool enabled_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_ = start_;
};

/// "planning: improve, $21.96 an hour so far, at least $20.10 (3 s)".
std::string progress_text(const plan::Progress& progress, std::int64_t seconds);

/// Writes a line to standard error.
void say(std::string_view text);

}  // namespace kerf::cli
