// The text of a log line, appended piece by piece into a bound.
#include "shell/telemetry/log_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <ctime>
#include <type_traits>
#include <variant>
#include <vector>

#include "base/quote.h"

namespace kerf::telemetry {
namespace {

// {"time":"2026-11-29T16:00:00.123Z", before the body; ,"repeated":18446744073709551615} and the
// line end behind it.
constexpr std::size_t kAroundBytes = 36 + 34;
constexpr std::size_t kBodyBytesMax = kLineBytesMax - kAroundBytes;
constexpr std::size_t kNameBytesMax = 66;
constexpr std::size_t kComponentBytesMax = 66;
constexpr std::size_t kMessageBytesMax = kBodyBytesMax / 2;
// ,"left_out":18446744073709551615
constexpr std::size_t kLeftOutBytes = 33;
// A number, or a string's quotes and a few letters.
constexpr std::size_t kValueBytesMin = 32;

constexpr std::array<std::string_view, 6> kReserved = {"time",    "level",    "component",
                                                       "message", "repeated", "left_out"};

/// The JSON text of the character at `at` and how many bytes it takes there.
std::size_t escape(std::string_view text, std::size_t at, std::string& out) {
  const char c = text[at];
  switch (c) {
    case '"': out += "\\\""; return 1;
    case '\\': out += "\\\\"; return 1;
    case '\n': out += "\\n"; return 1;
    case '\r': out += "\\r"; return 1;
    case '\t': out += "\\t"; return 1;
    default: break;
  }
  const auto byte = static_cast<unsigned char>(c);
  if (byte < 0x20 || byte == 0x7f) {
    out += fmt::format("\\u{:04x}", byte);
    return 1;
  }
  const std::size_t length = utf8_length(text, at);
  if (length == 0) {
    out += "\xef\xbf\xbd";
    return 1;
  }
  const std::string_view character = text.substr(at, length);
  if (character == "\xc2\x85") out += "\\u0085";
  else if (character == "\xe2\x80\xa8") out += "\\u2028";
  else if (character == "\xe2\x80\xa9") out += "\\u2029";
  else out += character;
  return length;
}

void append_double(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  out.append(text.data(), end);
}

void append_value(std::string& out, const Value& value, std::size_t bytes_max) {
  std::visit(
      [&](const auto& v) {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, bool>) out += v ? "true" : "false";
        else if constexpr (std::is_same_v<T, double>) append_double(out, v);
        else if constexpr (std::is_same_v<T, std::string_view>)
          append_json_string(out, v, bytes_max);
        else out += std::to_string(v);
      },
      value.get());
}

/// `,"name":` with a name that is not in the line yet.
std::string key_of(std::string_view name, std::vector<std::string>& names) {
  std::string key;
  append_json_string(key, name, kNameBytesMax);
  const auto taken = [&] {
    const std::string_view bare = std::string_view(key).substr(1, key.size() - 2);
    return std::find(kReserved.begin(), kReserved.end(), bare) != kReserved.end() ||
           std::find(names.begin(), names.end(), key) != names.end();
  };
  while (taken()) key.insert(key.size() - 1, 1, '_');
  names.push_back(key);
  return "," + key + ":";
}

}  // namespace

void append_json_string(std::string& out, std::string_view text, std::size_t bytes_max) {
  const std::size_t start = out.size();
  out += '"';
  std::size_t cut = out.size();  // the last place where "..." and the quote would fit
  for (std::size_t at = 0; at < text.size();) {
    at += escape(text, at, out);
    const std::size_t size = out.size() - start;
    if (size + 1 > bytes_max) {
      out.resize(cut);
      out += "...";
      break;
    }
    if (size + 4 <= bytes_max) cut = out.size();
  }
  out += '"';
}

std::string line_body(Level level, std::string_view component, std::string_view message,
                      Fields fields) {
  std::string body;
  body.reserve(256);
  body += "\"level\":\"";
  body += to_string(level);
  body += "\",\"component\":";
  append_json_string(body, component, kComponentBytesMax);
  body += ",\"message\":";
  append_json_string(body, message, kMessageBytesMax);

  std::vector<std::string> names;
  names.reserve(fields.size());
  std::size_t left = fields.size();
  for (const Field& field : fields) {
    const std::string key = key_of(field.name, names);
    const std::size_t room = kBodyBytesMax - kLeftOutBytes - body.size();
    if (room < key.size() + kValueBytesMin) break;
    // What the others do not use is the next one's; none takes the last one's share.
    const std::size_t share = std::max(room / left, key.size() + kValueBytesMin);
    body += key;
    append_value(body, field.value, share - key.size());
    --left;
  }
  if (left > 0) body += ",\"left_out\":" + std::to_string(left);
  return body;
}

std::string finished_line(std::int64_t wall_ms, std::string_view body, std::uint64_t repeated) {
  std::string line;
  line.reserve(kAroundBytes + body.size());
  line += "{\"time\":\"";
  line += time_text(wall_ms);
  line += "\",";
  line += body;
  if (repeated > 0) line += ",\"repeated\":" + std::to_string(repeated);
  line += "}\n";
  return line;
}

std::string time_text(std::int64_t wall_ms) {
  constexpr std::int64_t kFirst = -62'167'219'200'000;  // 0000-01-01
  constexpr std::int64_t kLast = 253'402'300'799'999;   // 9999-12-31
  wall_ms = std::clamp(wall_ms, kFirst, kLast);
  std::int64_t seconds = wall_ms / 1000;
  std::int64_t ms = wall_ms % 1000;
  if (ms < 0) {
    ms += 1000;
    --seconds;
  }
  const std::time_t time = seconds;
  std::tm t{};
  ::gmtime_r(&time, &t);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", t.tm_year + 1900, t.tm_mon + 1,
                     t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, ms);
}

}  // namespace kerf::telemetry
