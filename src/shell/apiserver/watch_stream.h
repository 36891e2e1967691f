// WatchStream: the bytes of a watch, in any pieces, become events.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "codec/document.h"

namespace kerf::apiserver {

struct WatchEvent {
  enum class Type : std::uint8_t {
    Added,
    Modified,
    Deleted,
    Bookmark,  ///< only metadata.resourceVersion means something
    Error,     ///< the object is a Status; the stream ends after it
    Other,     ///< a type that Kerf does not know
  };
  Type type = Type::Other;
  std::string type_text;  ///< as the server wrote it
  codec::Node object;     ///< a mapping
};

/// One JSON object a line: {"type": "ADDED", "object": {...}}. After an error (which next()
/// repeats) nothing more is read: the stream is to be left. Work and memory are proportional to the
/// bytes fed; at most one unfinished line of `line_bytes_max` is kept. One thread.
class WatchStream {
 public:
  explicit WatchStream(std::size_t line_bytes_max = 8u << 20) : line_bytes_max_(line_bytes_max) {}

  void feed(std::string_view bytes);
  /// The next event that is complete; nullopt: feed more. InvalidArgument: the line is not an
  /// event. TooLarge: it is longer than line_bytes_max.
  Result<std::optional<WatchEvent>> next();
  /// Is part of an event here, whose rest has not come?
  bool mid_event() const { return start_ != buffer_.size(); }

 private:
  std::string buffer_;
  std::size_t start_ = 0;    ///< of the line that is next
  std::size_t scanned_ = 0;  ///< there is no end of line before it
  std::size_t line_bytes_max_;
  std::optional<Error> error_;
};

}  // namespace kerf::apiserver
