// Lines of a watch, cut out of whatever pieces the network delivers.
#include "shell/apiserver/watch_stream.h"

#include <fmt/format.h>

#include <array>

#include "base/quote.h"
#include "codec/json.h"

namespace kerf::apiserver {
namespace {

constexpr std::array<std::pair<std::string_view, WatchEvent::Type>, 5> kTypes = {{
    {"ADDED", WatchEvent::Type::Added},
    {"MODIFIED", WatchEvent::Type::Modified},
    {"DELETED", WatchEvent::Type::Deleted},
    {"BOOKMARK", WatchEvent::Type::Bookmark},
    {"ERROR", WatchEvent::Type::Error},
}};

Result<WatchEvent> read_event(std::string_view line) {
  codec::Limits limits;
  limits.bytes = line.size();
  KERF_TRY(codec::Document document, codec::parse_json(line, "watch event", limits));
  WatchEvent event;
  bool typed = false;
  for (auto& [key, value] : document.root.members) {
    if (key == "type" && value.kind == codec::Node::Kind::String) {
      event.type_text = std::move(value.text);
      typed = true;
    } else if (key == "object" && value.kind == codec::Node::Kind::Mapping) {
      event.object = std::move(value);
    }
  }
  if (!typed || event.object.kind != codec::Node::Kind::Mapping) {
    return invalid(fmt::format(
        "watch event: expected {{\"type\": ..., \"object\": {{...}}}}, got {}", quoted(line)));
  }
  for (const auto& [text, type] : kTypes) {
    if (event.type_text == text) event.type = type;
  }
  return event;
}

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

}  // namespace

void WatchStream::feed(std::string_view bytes) {
  if (error_) return;
  buffer_.append(bytes);
}

Result<std::optional<WatchEvent>> WatchStream::next() {
  while (!error_) {
    const std::size_t end = buffer_.find('\n', scanned_);
    const std::size_t length = (end == std::string::npos ? buffer_.size() : end) - start_;
    if (length > line_bytes_max_) {
      error_ = Error(ErrorCode::TooLarge,
                     fmt::format("watch event: longer than {} bytes", line_bytes_max_));
      break;
    }
    if (end == std::string::npos) {
      // What was read goes before more comes: each byte is moved once at most.
      buffer_.erase(0, start_);
      start_ = 0;
      scanned_ = buffer_.size();
      if (buffer_.empty() && buffer_.capacity() > (256u << 10)) buffer_.shrink_to_fit();
      return std::nullopt;
    }
    const std::string_view line(buffer_.data() + start_, length);
    start_ = scanned_ = end + 1;
    if (is_blank(line)) continue;
    auto event = read_event(line);
    if (event) return std::optional<WatchEvent>(*std::move(event));
    error_ = std::move(event).error();
  }
  buffer_.clear();
  start_ = scanned_ = 0;
  return tl::unexpected(*error_);
}

}  // namespace kerf::apiserver
