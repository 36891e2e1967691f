// Numbers of the driver's device nodes: /proc/driver/nvidia-caps/mig-minors and /proc/devices.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "core/agent/words.h"

namespace kerf::codec {

/// Grants a GPU instance, or a compute instance in it. `gpu` is the GPU's device minor (N of
/// /dev/nvidiaN), not its index.
struct MigCapability {
  std::uint32_t gpu = 0;
  std::uint32_t gi = 0;
  std::uint32_t ci = agent::kNoInstance;
  auto operator<=>(const MigCapability&) const = default;
};

/// N of /dev/nvidia-caps/nvidia-cap<N> for each.
using MigMinors = std::map<MigCapability, std::uint32_t>;

/// Reads mig-minors: lines such as "gpu0/gi1/access 12" and "gpu0/gi1/ci0/access 13". Lines of
/// other capabilities ("config 1", "monitor 2") are passed over. InvalidArgument with the line's
/// number: a line without a number, a malformed name of a GPU's capability, a capability twice. At
/// most 1 MiB (TooLarge).
Result<MigMinors> read_mig_minors(std::string_view text, std::string_view file);

/// Major numbers of character devices; nullopt: the driver has not registered that one.
struct DeviceMajors {
  std::optional<std::uint32_t> gpu;   ///< /dev/nvidia<N>, nvidiactl and nvidia-modeset: 195
  std::optional<std::uint32_t> uvm;   ///< nvidia-uvm, nvidia-uvm-tools
  std::optional<std::uint32_t> caps;  ///< /dev/nvidia-caps/nvidia-cap<N>
  bool operator==(const DeviceMajors&) const = default;
};

/// Reads /proc/devices; lines that it does not know are passed over. At most 1 MiB (TooLarge).
Result<DeviceMajors> read_device_majors(std::string_view text, std::string_view file);

}  // namespace kerf::codec
