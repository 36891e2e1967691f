// SlicePolicy.status: any JSON is taken as far as it goes, and comes back as it was taken.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "codec/json.h"
#include "codec/policy_status.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kerf;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const codec::Limits limits{
      .bytes = 1u << 20, .depth = 64, .nodes = 100'000, .documents = 1, .scalar_bytes = 1u << 20};
  const auto document = codec::parse_json(text, "fuzz.json", limits);
  if (!document) return 0;
  std::vector<std::string> troubles;
  const control::PolicyStatus read =
      codec::read_policy_status(codec::Field("fuzz.json", document->root, "status"), troubles);
  KERF_ASSERT(troubles.size() <= 20, "troubles are bounded");
  KERF_ASSERT(read.kept.demand.size() <= codec::kKeptDemandMax, "demand is bounded");
  for (const auto& [uid, count] : read.kept.purchases)
    KERF_ASSERT(!uid.empty() && count >= 1, "a purchase is of a pod");

  const codec::Node written =
      codec::policy_status_node(read, {}, &document->root, 1'795'968'000'000);
  const auto reread = codec::parse_json(codec::write_json(written), "again.json");
  KERF_ASSERT(reread.has_value(), "a status is JSON");
  std::vector<std::string> none;
  const control::PolicyStatus again =
      codec::read_policy_status(codec::Field("again.json", reread->root, "status"), none);
  KERF_ASSERT(none.empty() && again == read, "what was taken reads back the same");
  return 0;
}
