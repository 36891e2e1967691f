// YAML: any text is read within its limits or refused; what is read survives as JSON, read either
// way.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string_view>

#include "base/assert.h"
#include "codec/json.h"
#include "codec/yaml.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using kerf::codec::Limits;
using kerf::codec::Node;

struct Seen {
  std::size_t values = 0;
  std::size_t height = 0;
  std::size_t longest_key = 0;
};

void check(const Node& node, std::size_t depth, Seen& seen) {
  ++seen.values;
  KERF_ASSERT(node.at.line > 0 && node.at.column > 0, "every value has a position");
  if (node.is_scalar()) return;
  seen.height = std::max(seen.height, depth + 1);
  for (const Node& item : node.items) check(item, depth + 1, seen);
  KERF_ASSERT(node.key_at.size() == node.members.size(), "every key has a position");
  std::set<std::string_view> keys;
  for (const auto& [key, value] : node.members) {
    KERF_ASSERT(keys.insert(key).second, "keys are distinct");
    seen.longest_key = std::max(seen.longest_key, key.size());
    check(value, depth + 1, seen);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Limits limits;
  limits.bytes = 1 << 16;
  limits.depth = 24;
  limits.nodes = 20'000;
  limits.documents = 100;
  limits.scalar_bytes = 1 << 14;
  const auto documents = kerf::codec::parse_yaml(text, "fuzz.yaml", limits);
  if (!documents) {
    KERF_ASSERT(documents.error().message().starts_with("fuzz.yaml:"), "errors name the file");
    return 0;
  }
  KERF_ASSERT(documents->size() <= limits.documents, "documents are limited");
  std::size_t values = 0;
  for (const auto& document : *documents) {
    Seen seen;
    check(document.root, 0, seen);
    values += seen.values;
    KERF_ASSERT(seen.height <= limits.depth, "depth is limited");
    const std::string written = kerf::codec::write_json(document.root);
    const auto json = kerf::codec::parse_json(written, "json");
    KERF_ASSERT(json && kerf::codec::write_json(json->root) == written, "JSON reads back the same");
    constexpr std::size_t kYamlKeyMax = 150;  // of 1024 characters, each as "\u0000" at worst
    if (seen.longest_key > kYamlKeyMax) continue;
    const auto again = kerf::codec::parse_yaml(written, "json");
    KERF_ASSERT(again && again->size() == 1 && kerf::codec::write_json((*again)[0].root) == written,
                "JSON is YAML");
  }
  KERF_ASSERT(values <= limits.nodes, "values are limited");
  return 0;
}
