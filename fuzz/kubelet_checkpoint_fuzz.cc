// kubelet's checkpoint: any file is read or refused; every device has a resource and a pod's uid.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "codec/kubelet_checkpoint.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kerf;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto checkpoint = codec::read_kubelet_checkpoint(text, "fuzz.json");
  if (!checkpoint) {
    KERF_ASSERT(checkpoint.error().message().starts_with("fuzz.json:"), "an error names its file");
    return 0;
  }
  KERF_ASSERT(checkpoint->devices.size() == checkpoint->pod_uids.size(), "one uid for each device");
  for (const agent::Holder& holder : checkpoint->devices)
    KERF_ASSERT(!holder.resource.empty() && holder.pod.empty(), "a device is of a resource");
  return 0;
}
