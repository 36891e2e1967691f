// JSON: any text is read or refused; what is read and written again reads back the same.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "codec/json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  kerf::codec::Limits limits;
  limits.bytes = 1 << 16;
  limits.depth = 24;
  limits.nodes = 20'000;
  limits.scalar_bytes = 1 << 14;
  const auto document = kerf::codec::parse_json(text, "fuzz.json", limits);
  if (!document) {
    KERF_ASSERT(document.error().message().starts_with("fuzz.json:"), "errors name the file");
    return 0;
  }
  const std::string written = kerf::codec::write_json(document->root);
  const auto again = kerf::codec::parse_json(written, "again.json");
  KERF_ASSERT(again, "what is written is JSON");
  KERF_ASSERT(kerf::codec::write_json(again->root) == written, "it reads back the same");
  return 0;
}
