// Nodes, Leases and ResourceSlices: any object is read or refused; amounts and times are sane.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "codec/json.h"
#include "codec/node_view.h"
#include "codec/timestamp.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kerf;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto at = codec::parse_timestamp(text)) {
    const auto again = codec::parse_timestamp(codec::timestamp_text(*at));
    KERF_ASSERT(again.has_value() && *again == *at / 1000 * 1000, "a time reads back the same");
  }
  const codec::Limits limits{
      .bytes = 1u << 20, .depth = 32, .nodes = 100'000, .documents = 1, .scalar_bytes = 1u << 20};
  const auto document = codec::parse_json(text, "fuzz.json", limits);
  if (!document) return 0;
  const codec::Field root("fuzz.json", document->root);
  const auto node = codec::read_node_view(root);
  if (node) {
    for (const auto& [name, amount] : node->allocatable)
      KERF_ASSERT(amount >= 0 && name.find('/') != name.npos, "an amount is of a resource");
  } else {
    KERF_ASSERT(node.error().message().starts_with("fuzz.json:"), "an error names its file");
  }
  const auto lease = codec::read_lease_view(root);
  KERF_ASSERT(!lease || lease->renewed_ms >= 0, "a time is not negative");
  const auto slices = codec::read_resource_slices(root);
  if (!slices) return 0;
  for (const auto& [driver, on] : *slices) KERF_ASSERT(!driver.empty(), "a slice has a driver");
  return 0;
}
