// mig-minors and /proc/devices: any text is read or refused; what is read prints and reads the
// same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "codec/mig_minors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kerf;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto majors = codec::read_device_majors(text, "devices");
  KERF_ASSERT(majors.has_value() || size > (1u << 20), "lines that it does not know do not matter");
  const auto minors = codec::read_mig_minors(text, "minors");
  if (!minors) {
    KERF_ASSERT(minors.error().message().starts_with("minors:"), "an error names its file");
    return 0;
  }
  std::string printed;
  for (const auto& [capability, minor] : *minors) {
    printed += "gpu" + std::to_string(capability.gpu) + "/gi" + std::to_string(capability.gi);
    if (capability.ci != agent::kNoInstance) printed += "/ci" + std::to_string(capability.ci);
    printed += "/access " + std::to_string(minor) + "\n";
  }
  if (printed.size() > (1u << 20)) return 0;
  const auto again = codec::read_mig_minors(printed, "again");
  KERF_ASSERT(again.has_value() && *again == *minors, "numbers read back the same");
  return 0;
}
