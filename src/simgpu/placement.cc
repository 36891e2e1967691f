// Legality of GPU instances, the driver's own choice of placement, and ids.
#include "simgpu/placement.h"

#include <cstddef>

#include "base/assert.h"

namespace kerf::simgpu {

namespace {

std::array<int, 5> engines_of(const BoardProfile& profile) {
  const BoardEngines& e = profile.engines;
  return {e.copy, e.decoders, e.encoders, e.jpeg, e.ofa};
}

std::size_t index_of(const Board& board, const BoardProfile& profile) {
  return static_cast<std::size_t>(&profile - board.profiles.data());
}

}  // namespace

Occupancy::Occupancy(const Board& board, const std::vector<GpuInstanceState>& instances)
    : board_(&board), of_profile_(board.profiles.size(), 0) {
  for (const GpuInstanceState& instance : instances)
    add(board.profiles[instance.profile], instance.start);
}

bool Occupancy::fits(const BoardProfile& profile, std::uint8_t start) const {
  if ((units_ & bits_of(profile.size, start)) != 0) return false;
  if (of_profile_[index_of(*board_, profile)] >= profile.max_instances) return false;
  const std::array<int, 5> needed = engines_of(profile);
  const std::array<int, 5> most = engines_of(board_->full());
  for (std::size_t kind = 0; kind < needed.size(); ++kind) {
    if (most[kind] < 0 || needed[kind] < 0) continue;
    if (engines_[kind] + needed[kind] > most[kind]) return false;
  }
  return true;
}

void Occupancy::add(const BoardProfile& profile, std::uint8_t start) {
  units_ |= bits_of(profile.size, start);
  ++of_profile_[index_of(*board_, profile)];
  const std::array<int, 5> needed = engines_of(profile);
  for (std::size_t kind = 0; kind < needed.size(); ++kind)
    if (needed[kind] > 0) engines_[kind] += needed[kind];
}

std::vector<std::uint8_t> auto_placement_order(const Board& board, const BoardProfile& profile) {
  if (board.units == 8 && profile.size == 1) return {6, 4, 5, 0, 1, 2, 3};
  if (board.units == 8 && profile.size == 2)
    return profile.compute_slices == 1 ? std::vector<std::uint8_t>{6, 4, 0, 2}
                                       : std::vector<std::uint8_t>{4, 0, 2};
  if (board.units == 8 && profile.compute_slices == 3) return {4, 0};
  return {profile.starts.begin(), profile.starts.end()};
}

std::uint32_t gpu_instance_id_at(const Board& board, const BoardProfile& profile,
                                 std::uint8_t start, std::uint8_t mask) {
  const std::uint32_t parts = board.units / profile.size;  // 1, 2, 4, 8
  const std::uint32_t part = start / profile.size;
  KERF_ASSERT(parts == 1 || parts == 2 || parts == 4 || parts == 8,
              "profiles are whole boards, halves, quarters or eighths");
  // The ids are those of a binary tree in breadth-first order; the mask's top bits swap halves.
  return parts - 1 + (part ^ ((mask & 7U) * parts / 8));
}

std::vector<ComputeProfile> compute_profiles(std::uint8_t compute_slices) {
  switch (compute_slices) {
    case 1: return {{0, 1, {0}}};
    case 2: return {{0, 1, {0, 1}}, {1, 2, {0}}};
    case 3: return {{0, 1, {0, 1, 2}}, {1, 2, {0}}, {2, 3, {0}}};
    case 4: return {{0, 1, {0, 1, 2, 3}}, {1, 2, {0, 2}}, {3, 4, {0}}};
    case 7:
      return {{0, 1, {0, 1, 2, 3, 4, 5, 6}},
              {1, 2, {0, 2, 4}},
              {2, 3, {0, 4}},
              {3, 4, {0}},
              {4, 7, {0}}};
    default: return {};
  }
}

std::string compute_instance_name(const BoardProfile& whole, std::uint8_t slices) {
  const std::string name(whole.name);
  return slices < whole.compute_slices ? std::to_string(slices) + "c." + name : name;
}

int multiprocessors(const Board& board, const BoardProfile& whole, std::uint8_t slices) {
  if (slices == whole.compute_slices) return whole.multiprocessors;
  for (const BoardProfile& p : board.profiles)
    if (p.profile <= 4 && p.compute_slices == slices) return p.multiprocessors;
  return 0;
}

}  // namespace kerf::simgpu
