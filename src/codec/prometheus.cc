// The metrics page reader: one line at a time, by the grammar of Prometheus' text format 0.0.4.
#include "codec/prometheus.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <system_error>

#include "base/quote.h"

namespace kerf::codec {
namespace {

constexpr std::string_view kBlanks = " \t";

bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
}
bool is_name_char(char c) { return is_name_start(c) || (c >= '0' && c <= '9'); }

/// A number as Go's ParseFloat takes it from a page: decimal, NaN, Inf.
bool is_value(std::string_view text) {
  if (!text.empty() && (text.front() == '+' || text.front() == '-')) text.remove_prefix(1);
  if (text == "NaN" || text == "Inf") return true;
  if (text.empty() || text.front() < '0' || text.front() > '9') return false;
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  return code != std::errc::invalid_argument && end == text.data() + text.size();
}

bool is_timestamp(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc() && end == text.data() + text.size();
}

/// Reads one line; every error names what was expected and what stands there.
class LineScanner {
 public:
  explicit LineScanner(std::string_view line) : rest_(line) {}

  Result<void> sample(Sample& out, std::size_t labels_max) {
    out.labels.clear();
    KERF_TRY(out.name, name("a metric's name"));
    skip_blanks();
    if (take('{')) KERF_CHECK_OK(labels(out, labels_max));
    skip_blanks();
    out.value = word();
    if (!is_value(out.value)) return expected("a number", out.value);
    skip_blanks();
    const std::string_view timestamp = word();
    if (!timestamp.empty() && !is_timestamp(timestamp)) {
      return expected("a timestamp in milliseconds or the end of the line", timestamp);
    }
    skip_blanks();
    if (!rest_.empty()) return expected("the end of the line", rest_);
    return {};
  }

 private:
  static tl::unexpected<Error> expected(std::string_view what, std::string_view found) {
    return invalid(found.empty() ? fmt::format("expected {}, but the line ends there", what)
                                 : fmt::format("expected {}, got '{}'", what, shown(found)));
  }

  void skip_blanks() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(kBlanks), rest_.size()));
  }

  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  std::string_view word() {
    const std::size_t end = std::min(rest_.find_first_of(kBlanks), rest_.size());
    const std::string_view taken = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return taken;
  }

  Result<std::string_view> name(std::string_view what) {
    if (rest_.empty() || !is_name_start(rest_.front())) return expected(what, rest_);
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), is_name_char);
    const std::string_view taken = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(taken.size());
    return taken;
  }

  Result<void> labels(Sample& out, std::size_t labels_max) {
    while (true) {
      skip_blanks();
      if (take('}')) return {};
      if (out.labels.size() == labels_max) {
        return fail(ErrorCode::TooLarge, fmt::format("more than {} labels", labels_max));
      }
      KERF_TRY(const std::string_view key, name("a label's name or '}'"));
      if (out.label(key) != nullptr) return invalid(fmt::format("label '{}' twice", shown(key)));
      skip_blanks();
      if (!take('=')) return expected("'=' after the label's name", rest_);
      skip_blanks();
      KERF_TRY(std::string value, quoted());
      out.labels.emplace_back(key, std::move(value));
      skip_blanks();
      if (take('}')) return {};
      if (!take(',')) return expected("',' or '}' after a label", rest_);
    }
  }

  Result<std::string> quoted() {
    if (!take('"')) return expected("a label's value in double quotes", rest_);
    std::string value;
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return value;
      if (c != '\\') {
        value += c;
      } else if (take('\\')) {
        value += '\\';
      } else if (take('"')) {
        value += '"';
      } else if (take('n')) {
        value += '\n';
      } else {
        return expected("\\\\, \\\" or \\n after a backslash in a label's value", rest_);
      }
    }
    return invalid("a label's value has no closing quote");
  }

  std::string_view rest_;
};

/// Cuts the next line off; without its line end.
std::string_view cut_line(std::string_view text, std::size_t& pos) {
  const std::size_t end = std::min(text.find('\n', pos), text.size());
  std::string_view line = text.substr(pos, end - pos);
  if (line.ends_with('\r')) line.remove_suffix(1);
  pos = std::min(end + 1, text.size());
  return line;
}

bool is_blank(std::string_view line) { return line.find_first_not_of(kBlanks) == line.npos; }

bool is_comment(std::string_view line) {
  const std::size_t first = line.find_first_not_of(kBlanks);
  return first != line.npos && line[first] == '#';
}

}  // namespace

const std::string* Sample::label(std::string_view wanted) const {
  for (const auto& [key, text] : labels) {
    if (key == wanted) return &text;
  }
  return nullptr;
}

PrometheusReader::PrometheusReader(std::string_view text, std::string_view file, PageLimits limits)
    : text_(text), file_(file), limits_(limits) {}

Result<bool> PrometheusReader::next(Sample& out) {
  if (text_.size() > limits_.bytes) {
    return fail(ErrorCode::TooLarge, fmt::format("{}: {} bytes; at most {} are read", file_,
                                                 text_.size(), limits_.bytes));
  }
  while (pos_ < text_.size()) {
    if (line_ == limits_.lines) {
      return fail(ErrorCode::TooLarge, fmt::format("{}: more than {} lines", file_, limits_.lines));
    }
    const std::string_view line = cut_line(text_, pos_);
    ++line_;
    if (is_blank(line) || is_comment(line)) continue;
    out.line = line_;
    Result<void> read =
        LineScanner(line.substr(line.find_first_not_of(kBlanks))).sample(out, limits_.labels);
    if (!read) {
      return tl::unexpected(std::move(read).error().within(fmt::format("{}:{}", file_, line_)));
    }
    return true;
  }
  return false;
}

bool PrometheusReader::recognizes(std::string_view text) {
  bool described = false;
  for (std::size_t pos = 0; pos < text.size();) {
    std::string_view line = cut_line(text, pos);
    described = described || line.starts_with("# HELP ") || line.starts_with("# TYPE ");
    if (is_blank(line) || is_comment(line)) continue;
    line.remove_prefix(line.find_first_not_of(kBlanks));
    if (!is_name_start(line.front())) return false;
    const auto end = std::find_if_not(line.begin(), line.end(), is_name_char);
    return end != line.end() && (*end == '{' || kBlanks.find(*end) != kBlanks.npos);
  }
  return described;
}

}  // namespace kerf::codec
