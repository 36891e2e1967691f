// Policies: any YAML is read or refused, and what is read obeys the bounds that plans rely on.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "codec/catalogue.h"
#include "codec/policy.h"
#include "codec/yaml.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const kerf::codec::Limits limits{
      .bytes = 1u << 20, .depth = 64, .nodes = 100'000, .documents = 100, .scalar_bytes = 1u << 20};
  const auto documents = kerf::codec::parse_yaml(text, "fuzz.yaml", limits);
  if (!documents) return 0;
  for (const kerf::codec::Document& document : *documents) {
    const auto policy = kerf::codec::read_policy(document, kerf::codec::builtin_catalogue());
    if (!policy) {
      KERF_ASSERT(policy.error().message().starts_with("fuzz.yaml:"), "an error names its file");
      continue;
    }
    KERF_ASSERT(!policy->name.empty(), "a policy has a name");
    KERF_ASSERT(!policy->architectures.empty() && !policy->capacity_types.empty(),
                "something may be bought");
    KERF_ASSERT(!policy->limit_per_hour || policy->limit_per_hour->micro >= 0,
                "limits are not negative");
    KERF_ASSERT(!policy->limit_gpus || *policy->limit_gpus >= 0, "limits are not negative");
    for (const auto& headroom : policy->headroom) {
      KERF_ASSERT(headroom.count >= 1 && headroom.request.count == 1 && headroom.each.pods == 1,
                  "headroom is for pods that ask for one device");
      KERF_ASSERT(headroom.each.cpu_milli >= 0 && headroom.each.memory_mib >= 0,
                  "headroom is not negative");
    }
    for (const std::uint8_t replicas : policy->sharing.time_slicing_replicas) {
      KERF_ASSERT(replicas >= 2 && replicas <= 16, "replicas share a GPU");
    }
  }
  return 0;
}
