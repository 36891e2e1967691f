// Patterns in kubectl's standard error, the weightiest first.
#include "shell/kubectl/answer.h"

#include <algorithm>
#include <utility>

#include "report/text.h"

namespace kerf::kubectl {
namespace {

constexpr std::size_t kColumnsMax = 300;

struct Pattern {
  std::string_view words;
  Answer answer;
};
/// The first that any line has decides: a plugin's failure is told as a failure to connect, and
/// where there is no connection there seem to be no resources either.
constexpr Pattern kPatterns[] = {
    {"getting credentials: ", Answer::Refused},
    {"error: exec plugin", Answer::Refused},
    {"(Unauthorized)", Answer::Refused},
    {"You must be logged in to the server", Answer::Refused},
    {"no configuration has been provided", Answer::NoContext},
    {"current-context is not set", Answer::NoContext},
    {"context was not found for specified context", Answer::NoContext},
    {"error loading config file", Answer::NoContext},
    {"error: invalid configuration", Answer::NoContext},
    {"error: context \"", Answer::NoContext},  // ... does not exist
    {"error: stat ", Answer::NoContext},
    {"The connection to the server ", Answer::Unreachable},
    {"Unable to connect to the server", Answer::Unreachable},
    {"the server doesn't have a resource type", Answer::Absent},
    {"could not find the requested resource", Answer::Absent},
    {"no matches for kind", Answer::Absent},
    {"(Forbidden)", Answer::Forbidden},
};

std::string_view trimmed(std::string_view line) {
  const std::size_t first = line.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
}

/// The first line for which `is` holds; "" if there is none.
template <class Is>
std::string_view find_line(std::string_view text, Is is) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    if (!line.empty() && is(line)) return line;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return {};
}

/// Lines of client-go's log ("E1130 10:35:01.2 ...] ..."): of each try, and of other servers behind
/// the API server too. What kubectl ends with decides.
bool is_log_line(std::string_view line) {
  return line.size() > 5 && (line[0] == 'E' || line[0] == 'W' || line[0] == 'I') &&
         std::all_of(line.begin() + 1, line.begin() + 5,
                     [](char c) { return c >= '0' && c <= '9'; });
}

std::string shown(std::string_view line) {
  return report::elided(report::printable(line, false), kColumnsMax, false);
}

/// The line that says why, as kubectl ends; a warning is no reason.
std::string first_words(std::string_view err) {
  std::string_view line = find_line(
      err, [](std::string_view one) { return !is_log_line(one) && !one.starts_with("Warning:"); });
  if (line.empty()) line = find_line(err, [](std::string_view) { return true; });
  return shown(line);
}

}  // namespace

Judged judge(const runtime::ChildOutcome& outcome) {
  if (outcome.ok()) return {};
  if (outcome.timed_out) return {Answer::Slow, shown(outcome.words())};
  if (outcome.stopped || outcome.signal != 0) return {Answer::Failed, shown(outcome.words())};
  for (const Pattern& pattern : kPatterns) {
    const std::string_view line = find_line(outcome.err, [&](std::string_view one) {
      return !is_log_line(one) && one.find(pattern.words) != std::string_view::npos;
    });
    if (!line.empty()) return {pattern.answer, shown(line)};
  }
  std::string words = first_words(outcome.err);
  if (words.empty()) words = shown(outcome.words());
  return {Answer::Failed, std::move(words)};
}

std::string_view advice(Answer answer) {
  switch (answer) {
    case Answer::Refused:
      return "Log in as your cluster needs it (aws sso login, for example) and try kubectl get "
             "nodes: what works there works here.";
    case Answer::NoContext:
      return "kubectl config get-contexts lists what you have; choose one with --context, or "
             "another file with --kubeconfig.";
    case Answer::Unreachable:
      return "Is a VPN or proxy needed, or is the context one of a cluster that is gone? Try "
             "kubectl get nodes: what works there works here.";
    case Answer::Slow:
      return "Does it ask for a password or a code? It cannot here: log in first, until kubectl "
             "get "
             "nodes answers by itself.";
    default: return {};
  }
}

}  // namespace kerf::kubectl
