// Boards: what each GPU board's driver was seen to answer about it, as constant tables.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace kerf::simgpu {

/// -1: not recorded, and not held against anything.
struct BoardEngines {
  std::int8_t copy = -1;
  std::int8_t decoders = -1;
  std::int8_t encoders = -1;
  std::int8_t jpeg = -1;
  std::int8_t ofa = -1;
};

/// A GPU instance profile of one board. Enum and id are different numbers.
struct BoardProfile {
  std::uint32_t profile = 0;  ///< NVML_GPU_INSTANCE_PROFILE_*
  std::uint32_t id = 0;       ///< nvmlGpuInstanceProfileInfo_t.id
  std::string_view name;
  std::uint8_t compute_slices = 0;
  std::uint8_t size = 0;  ///< placement units
  std::uint8_t max_instances = 0;
  std::int32_t memory_mib = 0;       ///< 0: not recorded
  std::int16_t multiprocessors = 0;  ///< 0: not recorded
  BoardEngines engines;
  std::span<const std::uint8_t> starts;  ///< as listed
};

enum class Architecture : std::uint8_t { NoMig, Ampere, HopperOrLater };

struct Board {
  std::string_view key;   ///< Kerf's model key
  std::string_view name;  ///< NVML's
  Architecture architecture = Architecture::NoMig;
  std::uint8_t units = 0;  ///< placement units; 0 without MIG
  std::uint8_t compute_slices = 0;
  std::int32_t memory_mib = 0;  ///< 0: not recorded
  std::span<const BoardProfile> profiles;

  bool mig() const { return architecture != Architecture::NoMig; }
  /// By NVML_GPU_INSTANCE_PROFILE_* or by id; nullptr.
  const BoardProfile* by_enum(std::uint32_t profile) const;
  const BoardProfile* by_id(std::uint32_t id) const;
  /// The profile that takes the whole GPU: its engines are all there are.
  const BoardProfile& full() const;
};

/// NVML_GPU_INSTANCE_PROFILE_COUNT (nvml.h 13.3): enums 0 to 0x11.
inline constexpr std::uint32_t kGpuInstanceProfileEnums = 0x12;
/// NVML_COMPUTE_INSTANCE_PROFILE_COUNT: enums 0 to 8.
inline constexpr std::uint32_t kComputeInstanceProfileEnums = 9;

/// Every board that can be simulated, MIG boards first. Boards whose placements nobody has seen
/// (RTX PRO 5000 and 4500, PG506) are left out.
std::span<const Board> boards();
/// nullptr: unknown.
const Board* find_board(std::string_view key);

}  // namespace kerf::simgpu
