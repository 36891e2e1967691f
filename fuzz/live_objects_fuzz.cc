// Live objects: any JSON is read or refused as every kind; what is read obeys the bounds of each.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "codec/catalogue.h"
#include "codec/json.h"
#include "codec/live_objects.h"
#include "codec/live_writes.h"
#include "codec/policy_status.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using namespace kerf;

/// Every object that is read has what the controller relies on.
template <class T>
void check_meta(const Result<T>& read) {
  if (!read) {
    KERF_ASSERT(!read.error().message().empty(), "an error says something");
    return;
  }
  KERF_ASSERT(!read->meta.name.empty() && !read->meta.uid.empty() && read->meta.version > 0,
              "an object has a name, a uid and a version");
}

void check_pod(const codec::Node& object, const codec::Surroundings& around) {
  const auto read = codec::read_live_pod(object, around, codec::builtin_catalogue());
  if (!read) return;
  const control::Pod& pod = read->pod;
  KERF_ASSERT(!pod.meta.name.empty() && !pod.meta.uid.empty() && pod.meta.version > 0,
              "an object has a name, a uid and a version");
  KERF_ASSERT(pod.shape.requests.pods == 1, "a pod is one pod");
  KERF_ASSERT(read->trouble.empty() || pod.shape.unplaceable.size() == 1,
              "a spec that cannot be read is placed nowhere");
  for (const cluster::GpuRequest& request : pod.shape.gpu)
    KERF_ASSERT(request.count >= 1 && request.count <= 1'000'000, "requests are bounded");
  const codec::Node written = codec::pod_shape_node(pod.shape);
  const auto again = codec::read_pod_shape(codec::Field("shape", written));
  KERF_ASSERT(!again.has_value() || *again == pod.shape, "a shape reads back the same");
}

void check_claim(const codec::Node& object) {
  const auto read = codec::read_node_claim(object);
  check_meta(read);
  if (!read) return;
  KERF_ASSERT(read->expire_after_ms >= 0, "a duration is not negative");
  (void)codec::write_json(codec::node_claim_object(*read, {}));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const codec::Limits limits{
      .bytes = 1u << 20, .depth = 64, .nodes = 100'000, .documents = 1, .scalar_bytes = 1u << 20};
  const auto document = codec::parse_json(text, "fuzz.json", limits);
  if (!document) return 0;
  const codec::Node& object = document->root;
  const codec::Surroundings around;
  check_pod(object, around);
  check_claim(object);
  check_meta(codec::read_live_node(object));
  check_meta(codec::read_budget(object));
  check_meta(codec::read_priority_class(object));
  check_meta(codec::read_node_class(object));
  check_meta(codec::read_device_class(object));
  const auto policy = codec::read_live_policy(object, codec::builtin_catalogue());
  check_meta(policy);
  const auto group = codec::read_workload_group(object, around, codec::builtin_catalogue());
  check_meta(group);
  if (group) {
    KERF_ASSERT(group->at_once >= 0 && group->at_once <= 1'000'000, "groups are bounded");
    KERF_ASSERT(group->at_once == 0 || !group->shape.gpu.empty(), "groups are of pods with a GPU");
  }
  return 0;
}
