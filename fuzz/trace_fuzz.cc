// Traces: any text is read or refused under every map, and what is read is consistent.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/assert.h"
#include "codec/catalogue.h"
#include "codec/trace.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using kerf::cluster::Demand;
using kerf::codec::TraceMap;

void check(const Demand& demand) {
  std::int64_t pods = 0;
  for (const auto& workload : demand.workloads) pods += workload.pods;
  KERF_ASSERT(pods == static_cast<std::int64_t>(demand.pods.size()),
              "workloads count every pod once");
  for (const auto& pod : demand.pods) {
    KERF_ASSERT(!pod.name.empty(), "every pod has a name");
    KERF_ASSERT(pod.workload < demand.workloads.size(), "a pod's workload exists");
    const auto& shape = demand.shapes.at(pod.shape);
    KERF_ASSERT(shape.gpu.size() == 1 && shape.gpu[0].count >= 1, "a planned pod asks for GPUs");
    KERF_ASSERT(shape.requests.cpu_milli >= 0 && shape.requests.memory_mib >= 0,
                "requests are not negative");
  }
  std::vector<std::string> names;
  for (const auto& pod : demand.pods) names.push_back(pod.name);
  std::sort(names.begin(), names.end());
  KERF_ASSERT(std::adjacent_find(names.begin(), names.end()) == names.end(),
              "pod names are distinct");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  constexpr std::array kMaps = {TraceMap::Memory, TraceMap::Nearest, TraceMap::Share,
                                TraceMap::Whole};
  for (const TraceMap map : kMaps) {
    Demand demand;
    const kerf::codec::TraceOptions options{map, "H100-94"};
    if (kerf::codec::read_trace(text, "fuzz.csv", options, kerf::codec::builtin_catalogue(),
                                demand)) {
      check(demand);
    } else {
      KERF_ASSERT(demand.pods.empty() && demand.workloads.empty() && demand.shapes.empty(),
                  "a refused trace adds nothing");
    }
  }
  return 0;
}
