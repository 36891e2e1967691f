// What fits on a board beside what is there, where the driver would put it, and which id it gets.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "simgpu/boards.h"
#include "simgpu/state.h"

namespace kerf::simgpu {

/// What a placement takes, bit by bit.
constexpr std::uint32_t bits_of(std::uint8_t size, std::uint8_t start) {
  return ((1U << size) - 1U) << start;
}

/// What the GPU instances on one board take.
///
/// An instance fits if its units are free, its profile has fewer than max_instances, and for each
/// kind of engine the sum stays within what the full-GPU profile has (where both are recorded). The
/// sum gives +me, +me.all and -me their exclusions (nvml.h 12519-12526). On every board recorded
/// here units and engines already imply max_instances.
class Occupancy {
 public:
  Occupancy(const Board& board, const std::vector<GpuInstanceState>& instances);

  bool fits(const BoardProfile& profile, std::uint8_t start) const;
  void add(const BoardProfile& profile, std::uint8_t start);

 private:
  const Board* board_;
  std::uint32_t units_ = 0;          ///< taken, bit by bit
  std::vector<int> of_profile_;      ///< instances, by index in Board::profiles
  std::array<int, 5> engines_ = {};  ///< taken: copy, decoders, encoders, jpeg, ofa
};

/// The order in which create_gpu_instance tries the starts of a profile.
///
/// Recorded on 8-unit boards (MIG User Guide, "Instance Geometry"): 1g 6, 4, 5, 0, 1, 2, 3; 2g 4,
/// 0, 2; 3g 4, 0. So `19,19,14,9` puts 1g at 6 and 4, 2g at 0, and has no hole for 3g. Derived: 1g
/// with double memory 6, 4, 0, 2; other boards in listed order.
std::vector<std::uint8_t> auto_placement_order(const Board& board, const BoardProfile& profile);

/// The id of a GPU instance. Recorded on A100, H100 and RTX PRO 6000: the whole board is 0, halves
/// 1 and 2, quarters 3 to 6, eighths 7 to 14, and which is which differs (the halves were seen both
/// ways). Here `mask` (0 to 7) permutes the eighths, and halves and quarters with them. Instances
/// that do not overlap have different ids, and an id comes back when its place is used again.
std::uint32_t gpu_instance_id_at(const Board& board, const BoardProfile& profile,
                                 std::uint8_t start, std::uint8_t mask);

/// One way to part a GPU instance: NVML_COMPUTE_INSTANCE_PROFILE_* (also its id), slices, starts.
struct ComputeProfile {
  std::uint8_t profile = 0;
  std::uint8_t slices = 0;
  std::vector<std::uint8_t> starts;
};
/// Those of a GPU instance of that many compute slices. Recorded (go-nvml a100.go, -lcipp): 3g has
/// 1c x3, 2c x1, 3c; 4g 1c x4, 2c x2, 4c; 7g 1c x7, 2c x3, 3c x2, 4c, 7c. The special enums
/// (1_SLICE_REV1, 7_SLICE_NVL) and 6 and 8 slices were not seen on these boards.
std::vector<ComputeProfile> compute_profiles(std::uint8_t compute_slices);
/// "1c.3g.20gb"; one that takes all slices has the name of its GPU instance.
std::string compute_instance_name(const BoardProfile& whole, std::uint8_t slices);
/// SMs of a compute instance of so many slices: all of its GPU instance's, else those of the plain
/// profile of as many slices. 0: not recorded.
int multiprocessors(const Board& board, const BoardProfile& whole, std::uint8_t slices);

}  // namespace kerf::simgpu
