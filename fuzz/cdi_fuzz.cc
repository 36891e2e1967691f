// CDI specs: any text is read or refused; a base stands in a spec of Kerf's as it was read.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "codec/cdi.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

/// A name with a letter or digit first and last, which ids of Kerf's have.
std::string id_of(std::string_view text) {
  return "gpu0/" + std::string(text.substr(0, 64)) + "@0";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kerf;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  codec::CdiEdits own;
  own.nodes.push_back({.path = "/dev/nvidia0"});
  const auto base = codec::read_cdi_base(text, "fuzz.yaml");
  if (base) {
    const agent::CdiEntry entry{"gpu0/whole@0", "GPU-0"};
    const std::string spec = codec::cdi_spec(entry, *base, own);
    const auto again = codec::read_cdi_base(spec, "spec.json");
    KERF_ASSERT(again.has_value() && *again == *base, "edits read back the same");
    const auto device = codec::read_cdi_entry(spec, "spec.json");
    KERF_ASSERT(device.has_value() && *device == entry, "a device reads back the same");
    KERF_ASSERT(codec::merged(*base, {}) == *base, "nothing changes nothing");
  } else {
    KERF_ASSERT(base.error().message().starts_with("fuzz.yaml:"), "an error names its file");
  }
  const auto entry = codec::read_cdi_entry(text, "fuzz.json");
  KERF_ASSERT(!entry || (!entry->device.empty() && !entry->uuid.empty()), "an entry is whole");
  const std::string name = codec::cdi_name(id_of(text));
  const bool plain = std::ranges::all_of(name, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == ':' || c == '-';
  });
  KERF_ASSERT(plain, "a CDI name has only what one may have");
  return 0;
}
