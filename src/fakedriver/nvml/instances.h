// What the calls about GPU instances and about compute instances share: handles, placements, lists,
// structs that carry a version.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "fakedriver/nvml/calls.h"

namespace kerf::fakedriver::nvml {

inline nvmlabi::GpuInstance handle(simgpu::GpuInstance i) {
  return pointer<nvmlabi::GpuInstance>(i.value);
}
inline nvmlabi::ComputeInstance handle(simgpu::ComputeInstance i) {
  return pointer<nvmlabi::ComputeInstance>(i.value);
}

inline nvmlabi::Placement placement(const simgpu::Placement& from) {
  return {from.start, from.size};
}
/// Starts and sizes past a byte are none of any board's, so 255 stands for them.
inline simgpu::Placement placement(const nvmlabi::Placement& from) {
  return {static_cast<std::uint8_t>(std::min(from.start, 255U)),
          static_cast<std::uint8_t>(std::min(from.size, 255U))};
}
/// Without a buffer the length is the answer, not an error.
inline Return copy_placements(const std::vector<simgpu::Placement>& found, nvmlabi::Placement* to,
                              unsigned* count) {
  if (to != nullptr)
    return copy_list(found, to, count, [](const simgpu::Placement& p) { return placement(p); });
  *count = static_cast<unsigned>(found.size());
  return nvmlabi::kSuccess;
}

/// Lists that have no way to ask for their length: the caller has to bring room for all instances
/// of the profile.
template <class From, class To>
void whole_list(const std::vector<From>& from, To* to, unsigned* count) {
  std::ranges::transform(from, to, [](From i) { return handle(i); });
  *count = static_cast<unsigned>(from.size());
}

/// What differs between the versions of a profile's struct. `gfx` is the bit of its capabilities.
template <class Info>
Return fill_version(const std::string& name, unsigned gfx, Info& to) {
  if constexpr (requires { to.is_p2p_supported; }) to.is_p2p_supported = 0;
  if constexpr (requires { to.capabilities; }) to.capabilities = name.ends_with("+gfx") ? gfx : 0U;
  if constexpr (requires { to.name; }) return copy_text(name, to.name, sizeof to.name);
  else return nvmlabi::kSuccess;
}

/// `ask(struct)` with `info` as the struct whose version the caller has written into its first
/// field.
template <class Version2, class Version3, class Ask>
Return versioned(void* info, Ask ask) {
  if (info == nullptr) return refuse();
  unsigned version = 0;
  std::memcpy(&version, info, sizeof version);
  if (version == nvmlabi::struct_version<Version2>(2)) return ask(*static_cast<Version2*>(info));
  if (version == nvmlabi::struct_version<Version3>(3)) return ask(*static_cast<Version3*>(info));
  return refuse(nvmlabi::kArgumentVersionMismatch);
}

}  // namespace kerf::fakedriver::nvml
