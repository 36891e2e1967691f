// FreeRoom: what is held of one GPU, as parts of it, and what else could be made beside it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/gpu/form.h"
#include "core/gpu/geometry.h"
#include "core/gpu/parts.h"

namespace kerf::plan {

/// A device that somebody holds.
struct HeldDevice {
  gpu::Form form;
  std::uint8_t start = 0;  ///< as SlicePlan::start
};

/// The same way of handing out a GPU, whatever is known of its memory.
bool same_device(const gpu::Form& a, const gpu::Form& b);

/// One GPU with what is held of it. Devices that nobody holds do not count: they can be cut anew.
class FreeRoom {
 public:
  /// `table` (null where the model cannot be cut) must outlive this object. Devices that are not
  /// legal together leave room for nothing.
  FreeRoom(const gpu::Geometry* table, gpu::GpuMode mode, std::vector<HeldDevice> held);

  /// The most further devices of this form alone; it must be one of the GPU's model.
  std::int64_t most(const gpu::Form& form) const;

 private:
  const gpu::Geometry* table_;
  gpu::GpuMode mode_;
  std::vector<HeldDevice> held_;
  std::optional<gpu::Geometry::State> state_;  ///< of held slices, where all are slices
};

}  // namespace kerf::plan
