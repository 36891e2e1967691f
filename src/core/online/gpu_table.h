// GpuTable: the states one GPU can be in as placement sees it, and what each device does to them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/plan/gpu_kind.h"

namespace kerf::online {

/// What is in use on one GPU, as a number. 0 = nothing is.
using GpuState = std::uint16_t;
/// A kind of device that a pod can hold on one GPU: a profile, the whole GPU, a part of it.
using Unit = std::uint8_t;

/// Plain tables, so that every search over GPUs is look-ups, whatever the GPU can be parted into
/// (MIG slices: slice_table.h). Only what is in use counts: free slices can be cut again.
///
/// Invariants (asserted): 0 is a state; every state is reachable from 0; adding a device never
/// leads back to a state passed before, and never to more idle; room(room(s)) = room(s).
class GpuTable {
 public:
  /// Idle part of a GPU in which nothing is in use.
  static constexpr std::int32_t kWhole = plan::GpuKind::kWholeWeight;

  /// `after[s * units + u]`: the distinct states to which adding unit u to state s can lead, the
  /// best first (the one after which most can still be added); empty where it does not fit.
  /// `idle[s]`: the part of the GPU not in use, in 1/kWhole.
  GpuTable(std::size_t units, const std::vector<std::vector<GpuState>>& after,
           std::vector<std::int32_t> idle);

  std::size_t states() const { return idle_.size(); }
  std::size_t units() const { return units_; }
  std::span<const GpuState> after(GpuState state, Unit unit) const {
    const std::size_t at = state * units_ + unit;
    return {after_.data() + begin_[at], begin_[at + 1] - begin_[at]};
  }
  bool fits(GpuState state, Unit unit) const { return !after(state, unit).empty(); }
  std::int32_t idle(GpuState state) const { return idle_[state]; }
  /// The least state from which the same sequences of units can follow, with the same idle part:
  /// states of one room are worth the same, whatever is in use where. O(1).
  GpuState room(GpuState state) const { return room_[state]; }

 private:
  std::vector<GpuState> fullest_first() const;
  void find_rooms(const std::vector<GpuState>& fullest_first);

  std::size_t units_;
  std::vector<std::uint32_t> begin_;  ///< states * units + 1 offsets into after_
  std::vector<GpuState> after_;
  std::vector<std::int32_t> idle_;
  std::vector<GpuState> room_;
};

}  // namespace kerf::online
