// The terminal: who is looking, in which encoding, and a line of progress that leaves no trace.
#include "cli/terminal.h"

#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <csignal>
#include <cstdlib>

#include "shell/runtime/child.h"

namespace kerf::cli {
namespace {

/// Back to the first column, and erase to the end of the line.
constexpr std::string_view kErase = "\r\x1b[K";

/// Read by the signal handler: is there a line to erase?
volatile std::sig_atomic_t line_is_shown = 0;

/// What standard error says of its own trouble has no reader.
void write_stderr(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

/// Only calls that are safe in a handler. SA_RESETHAND has restored the default action.
extern "C" void end_by_signal(int signal) {
  if (line_is_shown != 0) write_stderr(kErase);
  runtime::end_children();
  std::raise(signal);
}

bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

}  // namespace

Surroundings Surroundings::look() {
  Surroundings around;
  around.stdin_is_terminal = ::isatty(STDIN_FILENO) == 1;
  around.stdout_is_terminal = ::isatty(STDOUT_FILENO) == 1;
  around.stderr_is_terminal = ::isatty(STDERR_FILENO) == 1;
  around.no_colour = is_set("NO_COLOR");
  around.dumb = !is_set("TERM") || std::string_view(std::getenv("TERM")) == "dumb";
  around.utf8 = is_utf8_locale(std::getenv("LC_ALL"), std::getenv("LC_CTYPE"), std::getenv("LANG"));
  return around;
}

bool wants_colour(ColourWhen when, const Surroundings& around, bool to_file) {
  switch (when) {
    case ColourWhen::Always: return true;
    case ColourWhen::Never: return false;
    case ColourWhen::Auto: break;
  }
  return around.stdout_is_terminal && !around.no_colour && !around.dumb && !to_file;
}

bool is_utf8_locale(const char* lc_all, const char* lc_ctype, const char* lang) {
  for (const char* value : {lc_all, lc_ctype, lang}) {
    if (value == nullptr || *value == '\0') continue;
    std::string lower = value;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return lower.find("utf-8") != std::string::npos || lower.find("utf8") != std::string::npos;
  }
  return false;
}

void install_signal_handlers() {
  std::signal(SIGPIPE, SIG_IGN);
  struct sigaction action {};
  action.sa_handler = end_by_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before {};
    sigaction(signal, nullptr, &before);
    // `nohup kerf ...` and shells without job control have it ignored on purpose.
    if (before.sa_handler != SIG_IGN) sigaction(signal, &action, nullptr);
  }
}

ProgressLine::ProgressLine(bool enabled) : enabled_(enabled) {}

ProgressLine::~ProgressLine() { erase(); }

void ProgressLine::show(const plan::Progress& progress) {
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - start_).count();
  show(progress_text(progress, seconds));
}

void ProgressLine::show(std::string_view what) {
  constexpr auto kSilent = std::chrono::seconds(1);
  constexpr auto kEvery = std::chrono::milliseconds(100);
  const Clock::time_point now = Clock::now();
  if (!enabled_ || now - start_ < kSilent || (line_is_shown != 0 && now - last_ < kEvery)) return;
  last_ = now;
  line_is_shown = 1;
  write_stderr(fmt::format("{}{}", kErase, what.substr(0, 79)));
}

void ProgressLine::erase() {
  if (line_is_shown == 0) return;
  write_stderr(kErase);
  line_is_shown = 0;
}

std::string progress_text(const plan::Progress& progress, std::int64_t seconds) {
  std::string text = fmt::format("planning: {}", progress.stage);
  if (progress.bill.micro > 0) {
    text += fmt::format(", {} an hour so far", format_usd(progress.bill));
  }
  if (progress.bound.micro > 0) text += fmt::format(", at least {}", format_usd(progress.bound));
  return text + fmt::format(" ({} s)", seconds);
}

void say(std::string_view text) { write_stderr(fmt::format("{}\n", text)); }

}  // namespace kerf::cli
