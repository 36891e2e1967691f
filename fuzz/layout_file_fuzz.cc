// Layout files: any text is read or refused with its file's name, and what is read can be written.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "codec/gpu_node.h"
#include "codec/layout_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kerf;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto spec = codec::read_layout_file(text, "fuzz.yaml");
  if (!spec) {
    KERF_ASSERT(spec.error().message().starts_with("fuzz.yaml:"), "an error names its file");
    return 0;
  }
  KERF_ASSERT(!spec->gpus.empty() && spec->gpus.size() <= 16, "a layout is of a node");
  const auto again = codec::read_layout_file(codec::gpu_node_spec_json(*spec), "again.json");
  KERF_ASSERT(again.has_value() && *again == *spec, "a layout reads back the same");
  return 0;
}
