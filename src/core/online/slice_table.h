// SliceTable: the GpuTable of one GPU model, with the devices and layouts behind its numbers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/gpu/form.h"
#include "core/gpu/geometry.h"
#include "core/online/gpu_table.h"

namespace kerf::online {

/// A device on a GPU: its unit and, for a slice, its first slot; for a replica its number, from 0;
/// else 0.
struct Device {
  Unit unit = 0;
  std::uint8_t start = 0;
  auto operator<=>(const Device&) const = default;
};

/// Units are the forms of the model that the mode allows, in the order of gpu::forms_of. States:
/// nothing; every legal placed state of slices, numbered as gpu::Geometry numbers them; the whole
/// GPU or the fraction; 1 .. r of r replicas, form by form. A GPU holds forms of one kind at a
/// time. Two states of one set of slices differ, because devices in use stay where they are.
///
/// Best first in GpuTable::after: the state after which most can still be added, that is with the
/// greatest sum over plain profiles (no +me and the like) of room x slots; ties to the lower state.
///
/// Idle: GpuTable::kWhole less the part in use, which of slices is the larger of the shares of
/// memory slots and of compute slices that they hold together (plan::form_weight does the same for
/// one slice). Slots alone would be wrong: beside seven 1g.5gb the eighth slot of an A100 is of no
/// use, because compute has run out. Of k of r replicas the part is k / r.
///
/// Build: that of a gpu::Geometry, then states x units; a few ms for the largest model.
class SliceTable {
 public:
  /// `mode`: Cut allows slices only, Whole everything else, Any both. A model that cannot be cut
  /// has no slices; `fraction` as in gpu::forms_of. The model is copied.
  SliceTable(const gpu::Model& model, gpu::GpuMode mode, std::uint8_t fraction,
             const gpu::SharingOptions& sharing);

  const GpuTable& table() const { return *table_; }
  const gpu::Model& model() const { return model_; }
  const std::vector<gpu::Form>& forms() const { return forms_; }  ///< by Unit
  /// nullopt: the model has no such form, or the mode does not allow it.
  std::optional<Unit> unit(const gpu::Form& form) const;

  /// The state in which exactly these devices are in use (any order); nullopt if they are not legal
  /// together. What is there and cannot be cut away blocks its room like a device in use: count
  /// retiring and lost slices in.
  std::optional<GpuState> state(std::span<const Device> in_use) const;
  /// Devices in use in a state, sorted. Of replicas a state knows how many, not which: 0 .. k-1.
  std::span<const Device> devices(GpuState state) const { return devices_[state]; }
  /// The device that leads from one state to the other; `to` must be in after(from, unit) for some
  /// unit. Of a replica the number is that of replicas before it.
  Device added(GpuState from, GpuState to) const;
  /// All devices that a state has beside those of another that leads to it, sorted.
  std::vector<Device> all_added(GpuState from, GpuState to) const;

  /// Null if the model cannot be cut or the mode does not allow it.
  const gpu::Geometry* geometry() const { return geometry_.get(); }

 private:
  void number_states();
  /// By state, then unit: where adding one can lead, in no particular order.
  std::vector<std::vector<GpuState>> steps() const;
  std::int32_t part_in_use(GpuState state) const;
  int open_slots(GpuState state) const;

  gpu::Model model_;
  std::vector<gpu::Form> forms_;
  std::unique_ptr<gpu::Geometry> geometry_;
  std::vector<std::optional<Unit>> slice_unit_;  ///< by profile; empty without a geometry
  std::vector<GpuState> first_;  ///< by unit: the state with one such device; 0 for slices
  std::vector<std::vector<Device>> devices_;  ///< by state
  std::unique_ptr<GpuTable> table_;
};

}  // namespace kerf::online
