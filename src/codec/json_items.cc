// Splits a List by counting brackets outside of strings; each piece then meets the strict reader.
//
// Rules: the text of the list without the content of its first-level "items" is kept (the frame)
// and read at the end, so that what stands around the items is checked as strictly as they are. A
// piece begins at a '{' and ends where its brackets are balanced; whether they match is for the
// reader to say. Cost: each byte of an item is looked at once here and once by the reader; an item
// that lies within one call of feed() is not copied.
#include "codec/json_items.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>

#include "base/quote.h"
#include "codec/json.h"

namespace kerf::codec {
namespace {

constexpr std::string_view kItemsKey = "\"items\"";

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// Eight bytes at once: the lowest bit that is set is in the lowest byte of `word` that is `c`;
/// 0: none is.
std::uint64_t bytes_that_are(std::uint64_t word, unsigned char c) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  const std::uint64_t zero = word ^ (kOnes * c);
  return (zero - kOnes) & ~zero & (kOnes << 7);
}

/// Passes over bytes, eight at once, to the first for which `stops` has a bit; to the last seven at
/// least.
template <class Stops>
std::size_t pass_words(std::string_view bytes, std::size_t at, Stops stops) {
  std::uint64_t word = 0;
  for (; at + sizeof(word) <= bytes.size(); at += sizeof(word)) {
    std::memcpy(&word, bytes.data() + at, sizeof(word));
    const std::uint64_t found = stops(word);
    if (found == 0) continue;
    if constexpr (std::endian::native == std::endian::little)
      at += static_cast<std::size_t>(std::countr_zero(found)) / 8;
    break;
  }
  return at;
}

/// Follows strings and brackets.
class Nesting {
 public:
  /// Goes on until `depth` brackets are open, and no string, or to the end. Returns how many bytes
  /// were passed; stopped() tells the two apart.
  std::size_t pass_until(std::string_view bytes, std::size_t depth) {
    stopped_ = false;
    std::size_t at = 0;
    while (at < bytes.size()) {
      if (in_string_) {
        at = pass_string(bytes, at);
        continue;
      }
      at = pass_words(bytes, at, [](std::uint64_t word) {
        const std::uint64_t lower = word | 0x2020202020202020;  // '[' and '{', ']' and '}' are one
        return bytes_that_are(lower, '"') | bytes_that_are(lower, '{') | bytes_that_are(lower, '}');
      });
      if (at == bytes.size()) break;
      const char c = bytes[at++];
      // No other character of JSON's structure is above ']', and letters are passed over alike.
      if (c == '"') in_string_ = true;
      else if (c == '{' || c == '[') ++depth_;
      else if (c == '}' || c == ']') {
        if (depth_ > 0) --depth_;
        if (depth_ == depth) {
          stopped_ = true;
          return at;
        }
      }
    }
    return at;
  }

  void take(char c) { pass_until(std::string_view(&c, 1), static_cast<std::size_t>(-1)); }
  bool stopped() const { return stopped_; }
  bool in_string() const { return in_string_; }
  std::size_t depth() const { return depth_; }

 private:
  std::size_t pass_string(std::string_view bytes, std::size_t at) {
    if (escaped_) {
      escaped_ = false;
      return at + 1;
    }
    at = pass_words(bytes, at, [](std::uint64_t word) {
      return bytes_that_are(word, '"') | bytes_that_are(word, '\\');
    });
    while (at < bytes.size() && bytes[at] != '"' && bytes[at] != '\\') ++at;
    if (at == bytes.size()) return at;
    if (bytes[at] == '\\') escaped_ = true;
    else in_string_ = false;
    return at + 1;
  }

  std::size_t depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
  bool stopped_ = false;
};

}  // namespace

struct JsonItems::State {
  enum class At : std::uint8_t {
    Frame,   ///< in the list, outside of "items"
    Before,  ///< in "items": an item or ']' comes next; after a comma only an item
    Item,
    After,   ///< in "items": ',' or ']' comes next
    Behind,  ///< the list has ended
  };

  std::string source;
  Take take;
  Bounds bounds;
  At at = At::Frame;
  Nesting nesting;
  std::string frame;       ///< of the list
  std::size_t key_at = 0;  ///< where in the frame its last string of the first level began
  bool key_open = false;   ///< "items" was read there, and nothing since but ':' and blanks
  bool has_items = false;
  bool comma = false;  ///< Before: a comma was read
  std::string piece;   ///< what has come of an item, if it began in an earlier feed()
  std::size_t bytes = 0;
  std::size_t count = 0;
  std::optional<Error> error;

  Result<void> fail(ErrorCode code, std::string_view what) {
    error = Error(code, fmt::format("{}: {}", source, what));
    return tl::unexpected(*error);
  }
  Result<void> fail(const Error& what) {
    error = what;
    return tl::unexpected(what);
  }

  Result<void> feed(std::string_view text);
  Result<void> feed_frame(std::string_view& text);
  Result<void> feed_item(std::string_view& text);
  Result<void> feed_between(std::string_view& text);
  Result<void> hand_out(std::string_view text);
  Result<void> hand_out(Node node);
  Result<void> end();
};

/// Byte by byte: there is little of it.
Result<void> JsonItems::State::feed_frame(std::string_view& text) {
  while (!text.empty() && at == At::Frame) {
    const char c = text.front();
    text.remove_prefix(1);
    if (frame.size() >= bounds.item_bytes_max) {
      return fail(ErrorCode::TooLarge,
                  fmt::format("more than {} MiB without an item", bounds.item_bytes_max >> 20));
    }
    const bool was_in_string = nesting.in_string();
    const std::size_t was_depth = nesting.depth();
    nesting.take(c);
    if (was_depth == 1 && !was_in_string && c == '"') key_at = frame.size();
    frame += c;
    if (was_in_string) {
      key_open = was_depth == 1 && !nesting.in_string() &&
                 std::string_view(frame).substr(key_at) == kItemsKey;
      continue;
    }
    if (key_open && c == '[' && was_depth == 1) {
      has_items = true;
      at = At::Before;
      comma = false;
    }
    if (c != ':' && !is_blank(c)) key_open = false;
    if (was_depth == 1 && nesting.depth() == 0) at = At::Behind;
  }
  return {};
}

Result<void> JsonItems::State::feed_between(std::string_view& text) {
  const char c = text.front();
  if (is_blank(c)) {
    text.remove_prefix(1);
    return {};
  }
  if (at == At::Before && c == '{') {
    at = At::Item;
    return {};
  }
  const bool ends = c == ']' && !(at == At::Before && comma);
  const bool goes_on = c == ',' && at == At::After;
  if (!ends && !goes_on) {
    return fail(
        ErrorCode::InvalidArgument,
        fmt::format("after {} items: expected {}, got {}", count,
                    at == At::Before ? "an object" : "',' or ']'", quoted(text.substr(0, 1))));
  }
  text.remove_prefix(1);
  comma = goes_on;
  at = goes_on ? At::Before : At::Frame;
  if (ends) {
    nesting.take(c);
    frame += c;
  }
  return {};
}

Result<void> JsonItems::State::feed_item(std::string_view& text) {
  constexpr std::size_t kListDepth = 2;  // that of the list and of "items"
  const std::size_t passed = nesting.pass_until(text, kListDepth);
  if (piece.size() + passed > bounds.item_bytes_max) {
    return fail(ErrorCode::TooLarge, fmt::format("item {} has more than {} MiB", count + 1,
                                                 bounds.item_bytes_max >> 20));
  }
  const std::string_view part = text.substr(0, passed);
  text.remove_prefix(passed);
  if (!nesting.stopped()) {
    piece += part;
    return {};
  }
  at = At::After;
  if (piece.empty()) return hand_out(part);
  piece += part;
  const Result<void> done = hand_out(piece);
  piece.clear();
  return done;
}

Result<void> JsonItems::State::hand_out(std::string_view text) {
  Limits limits;
  limits.bytes = bounds.item_bytes_max;
  Result<Document> read = parse_json(text, fmt::format("{}: item {}", source, count + 1), limits);
  if (!read) return fail(read.error());
  return hand_out(std::move(read->root));
}

Result<void> JsonItems::State::hand_out(Node node) {
  ++count;
  const Result<void> taken = take(std::move(node));
  if (!taken) return fail(taken.error());
  return {};
}

Result<void> JsonItems::State::feed(std::string_view text) {
  if (error) return tl::unexpected(*error);
  bytes += text.size();
  if (bytes > bounds.bytes_max) {
    return fail(ErrorCode::TooLarge,
                fmt::format("more than {} MiB, the most that is read", bounds.bytes_max >> 20));
  }
  while (!text.empty()) {
    switch (at) {
      case At::Frame: KERF_CHECK_OK(feed_frame(text)); break;
      case At::Item: KERF_CHECK_OK(feed_item(text)); break;
      case At::Before:
      case At::After: KERF_CHECK_OK(feed_between(text)); break;
      case At::Behind: {
        const auto more = std::find_if_not(text.begin(), text.end(), is_blank);
        if (more != text.end())
          return fail(ErrorCode::InvalidArgument, "more text after the JSON value");
        text = {};
        break;
      }
    }
  }
  return {};
}

Result<void> JsonItems::State::end() {
  if (error) return tl::unexpected(*error);
  if (std::all_of(frame.begin(), frame.end(), is_blank))
    return fail(ErrorCode::InvalidArgument, "it is empty; expected JSON");
  if (at != At::Behind && nesting.depth() > 0) {
    return fail(ErrorCode::InvalidArgument,
                has_items ? fmt::format("it ends in the middle, after {} items", count)
                          : std::string("it ends in the middle"));
  }
  Limits limits;
  limits.bytes = bounds.item_bytes_max;
  Result<Document> read = parse_json(frame, source, limits);
  if (!read) return fail(read.error());
  Node& root = read->root;
  if (root.kind != Node::Kind::Mapping) {
    return fail(ErrorCode::InvalidArgument,
                fmt::format("expected a list of objects, got {}", describe(root.kind)));
  }
  const auto items = std::find_if(root.members.begin(), root.members.end(),
                                  [](const Node::Member& one) { return one.first == "items"; });
  if (items == root.members.end()) return hand_out(std::move(root));
  if (items->second.is_null()) return {};
  if (items->second.kind != Node::Kind::Sequence) {
    return fail(ErrorCode::InvalidArgument,
                fmt::format("items: expected a list, got {}", describe(items->second.kind)));
  }
  // Those of a key that was written with escapes.
  for (Node& item : items->second.items) KERF_CHECK_OK(hand_out(std::move(item)));
  return {};
}

JsonItems::JsonItems(std::string source, Take take)
    : JsonItems(std::move(source), std::move(take), Bounds()) {}

JsonItems::JsonItems(std::string source, Take take, Bounds bounds)
    : state_(std::make_unique<State>()) {
  state_->source = std::move(source);
  state_->take = std::move(take);
  state_->bounds = bounds;
}

JsonItems::~JsonItems() = default;

Result<void> JsonItems::feed(std::string_view bytes) { return state_->feed(bytes); }
Result<void> JsonItems::end() { return state_->end(); }
std::size_t JsonItems::items() const { return state_->count; }

}  // namespace kerf::codec
