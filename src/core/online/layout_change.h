// What one GPU's list of slices becomes when devices are taken, given back, or cut.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/cluster/node.h"
#include "core/online/slice_table.h"

namespace kerf::online {

/// A GPU's slices that stand, or would, without the GPU's number.
struct SliceChange {
  std::vector<cluster::Slice> destroy;  ///< free slices that are in the way
  std::vector<cluster::Slice> create;   ///< devices that are not there yet
};

/// The state that follows from all slices that are not free.
std::optional<GpuState> state_of(const SliceTable& slices, const cluster::Gpu& gpu);

/// The least that has to be cut so that `wanted` are there beside what is in use. Free slices that
/// may stay, stay: those in the way go, then, where engines or counts do not suffice for the rest,
/// the widest first. Whole GPUs and fractions are there by nature: nothing is created for them.
/// Replicas come all at once. `wanted` must be legal beside what is in use.
SliceChange change_for(const SliceTable& slices, const cluster::Gpu& gpu,
                       std::span<const Device> wanted);

/// The GPU after the change, with `wanted` in use by `pod`.
void take(const SliceTable& slices, cluster::Gpu& gpu, std::span<const Device> wanted,
          std::uint32_t pod);
/// The GPU after `pod` let go of what it has there: slices and replicas stay, free and parked.
void give_back(cluster::Gpu& gpu, std::uint32_t pod);

}  // namespace kerf::online
