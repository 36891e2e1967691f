// GpuNodes: any object is read or refused; what is read is within bounds and reads back the same.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "codec/gpu_node.h"
#include "codec/json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kerf;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto layout = codec::gpu_node_spec_from_json(text);
  if (layout) {
    KERF_ASSERT(layout->gpus.size() <= 16, "GPUs are bounded");
    for (const control::WantedGpu& gpu : layout->gpus)
      KERF_ASSERT(gpu.slices.size() <= 64, "slices are bounded");
    const auto again = codec::gpu_node_spec_from_json(codec::gpu_node_spec_json(*layout));
    KERF_ASSERT(again.has_value() && *again == *layout, "a spec reads back the same");
  } else {
    KERF_ASSERT(layout.error().message().starts_with("annotation"), "an error names its source");
  }
  const codec::Limits limits{
      .bytes = 1u << 20, .depth = 32, .nodes = 100'000, .documents = 1, .scalar_bytes = 1u << 20};
  const auto document = codec::parse_json(text, "fuzz.json", limits);
  if (!document) return 0;
  const auto node = codec::read_gpu_node(codec::Field("fuzz.json", document->root));
  if (!node) {
    KERF_ASSERT(node.error().message().starts_with("fuzz.json:"), "an error names its file");
    return 0;
  }
  const codec::Node* status = document->root.find("status");
  const codec::Node written = codec::gpu_node_status_object(
      "n", "1", codec::gpu_node_status_node(node->status, {status, "2026-11-29T16:00:00Z"}));
  const auto reread = codec::parse_json(codec::write_json(written), "again.json", {});
  KERF_ASSERT(reread.has_value(), "a status is JSON");
  const auto again = codec::read_gpu_node(codec::Field("again.json", reread->root));
  KERF_ASSERT(again.has_value() && again->status == node->status, "a status reads back the same");
  return 0;
}
