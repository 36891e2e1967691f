// JsonItems: however the bytes are cut the outcome is one, and it agrees with the reader of whole
// texts.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "codec/json.h"
#include "codec/json_items.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using namespace kerf;

struct Outcome {
  std::string items;
  std::string error;
};

Outcome split(std::string_view text, std::size_t step) {
  Outcome outcome;
  codec::JsonItems items("fuzz",
                         [&](const codec::Node& item) -> Result<void> {
                           outcome.items += codec::write_json_line(item) + "\n";
                           return {};
                         },
                         {.item_bytes_max = 1u << 16, .bytes_max = 1u << 20});
  Result<void> read;
  for (std::size_t at = 0; read && at < text.size(); at += step)
    read = items.feed(text.substr(at, step));
  if (read) read = items.end();
  if (!read) outcome.error = read.error().message();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 1u << 15) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Outcome whole = split(text, size + 1);
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}}) {
    const Outcome pieces = split(text, step);
    KERF_ASSERT(pieces.items == whole.items, "the cut does not matter");
    KERF_ASSERT(pieces.error.empty() == whole.error.empty(), "the cut does not matter");
  }
  const auto document = codec::parse_json(text, "fuzz");
  if (!document) {
    KERF_ASSERT(!whole.error.empty(), "what is no JSON is refused");
    return 0;
  }
  const codec::Node* const items = document->root.find("items");
  if (!whole.error.empty() || items == nullptr) return 0;
  std::string expected;
  for (const codec::Node& item : items->items) expected += codec::write_json_line(item) + "\n";
  KERF_ASSERT(expected == whole.items, "the items are those of the text");
  return 0;
}
