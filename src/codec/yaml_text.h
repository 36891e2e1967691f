// The text around libyaml: what is checked before it reads, and how its complaints are put.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "codec/document.h"

namespace kerf::codec {

/// What people are told about a file with "{{ }}" where a value should be.
inline constexpr std::string_view kHelmTemplate =
    "this is a Helm template, render it first: helm template RELEASE CHART | kerf plan -";

/// Valid UTF-8 without NUL and other control characters, and only so many %TAG directives as
/// libyaml can take (its time grows with their square). Errors have their position.
Result<void> check_yaml_text(std::string_view text, std::string_view file);

/// JSON writes a character beyond U+FFFF as two escapes, "\ud83d\ude00"; YAML knows only
/// "\U0001f600". If the text starts like JSON and has such pairs, the same text with them put so
/// (blanks after the string keep all positions); else nullopt.
std::optional<std::string> join_surrogates(std::string_view text);

/// The n-th line (1-based) without its end, with line ends as libyaml counts them.
std::string_view line_of(std::string_view text, std::uint32_t number);

/// Where the first "{{" outside quotes stands in a line of the text; nullopt if there is none.
std::optional<Position> find_template(std::string_view text, std::uint32_t line);

/// True for plain text with an action that only Helm has: {{ .Values.x }}, {{- .Release.Name }}.
bool has_helm_action(std::string_view scalar);

/// A complaint of libyaml.
struct YamlProblem {
  std::string_view problem;  ///< "did not find expected key"
  Position at;
  std::string_view context;  ///< "while parsing a block mapping"; may be empty
  Position context_at;
};

struct Explanation {
  Position at;
  std::string message;
};

/// The complaint in Kerf's words, with what to do where that is known, and the place to look at: an
/// open quote is reported where it opens, not at the end of the file.
Explanation explain(const YamlProblem& problem, std::string_view text);

}  // namespace kerf::codec
