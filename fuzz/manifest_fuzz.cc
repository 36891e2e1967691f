// Manifests: any YAML is read or refused, and a Demand that comes out is sound.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "codec/catalogue.h"
#include "codec/manifest.h"
#include "codec/yaml.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const kerf::codec::Limits limits{
      .bytes = 1u << 20, .depth = 64, .nodes = 100'000, .documents = 100, .scalar_bytes = 1u << 20};
  const auto documents = kerf::codec::parse_yaml(text, "fuzz.yaml", limits);
  if (!documents) return 0;
  kerf::cluster::Demand demand;
  const auto read =
      kerf::codec::read_manifests(*documents, {}, kerf::codec::builtin_catalogue(), demand);
  if (!read) {
    KERF_ASSERT(read.error().message().starts_with("fuzz.yaml:"), "an error names its file");
    return 0;
  }
  std::int64_t pods = 0;
  for (const kerf::cluster::Workload& workload : demand.workloads) pods += workload.pods;
  KERF_ASSERT(pods == static_cast<std::int64_t>(demand.pods.size()), "each pod has its workload");
  for (const kerf::cluster::Pod& pod : demand.pods) {
    KERF_ASSERT(pod.shape < demand.shapes.size(), "each pod has its shape");
    KERF_ASSERT(pod.workload < demand.workloads.size(), "each pod has its workload");
  }
  for (const kerf::cluster::PodShape& shape : demand.shapes) {
    KERF_ASSERT(!shape.gpu.empty() || !shape.unplaceable.empty(), "CPU-only pods are not planned");
    KERF_ASSERT(shape.requests.cpu_milli >= 0 && shape.requests.memory_mib >= 0 &&
                    shape.requests.disk_mib >= 0 && shape.requests.pods == 1,
                "requests are not negative");
    for (const kerf::cluster::GpuRequest& request : shape.gpu) {
      KERF_ASSERT(request.count >= 1 && request.count <= 1'000'000, "counts are bounded");
    }
  }
  return 0;
}
