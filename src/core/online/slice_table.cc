// Numbers what one GPU can hold, whatever it is cut or shared into, and links the numbers.
#include "core/online/slice_table.h"

#include <algorithm>
#include <iterator>

#include "base/assert.h"

namespace kerf::online {

namespace {

bool is_slice(const gpu::Form& form) { return form.kind == gpu::FormKind::Slice; }

std::vector<gpu::Form> allowed_forms(const gpu::Model& model, gpu::GpuMode mode,
                                     std::uint8_t fraction, const gpu::SharingOptions& sharing) {
  std::vector<gpu::Form> forms = gpu::forms_of(model, fraction, sharing);
  std::erase_if(forms, [&](const gpu::Form& form) { return !gpu::allowed_in(mode, form); });
  KERF_ASSERT(forms.size() <= 0xff, "units are numbers of 8 bits");
  return forms;
}

}  // namespace

SliceTable::SliceTable(const gpu::Model& model, gpu::GpuMode mode, std::uint8_t fraction,
                       const gpu::SharingOptions& sharing)
    : model_(model), forms_(allowed_forms(model, mode, fraction, sharing)) {
  if (std::any_of(forms_.begin(), forms_.end(), is_slice))
    geometry_ = std::make_unique<gpu::Geometry>(model_);
  number_states();
  std::vector<std::int32_t> idle;
  std::vector<int> open;
  for (std::size_t s = 0; s < devices_.size(); ++s) {
    idle.push_back(GpuTable::kWhole - part_in_use(static_cast<GpuState>(s)));
    open.push_back(open_slots(static_cast<GpuState>(s)));
  }
  std::vector<std::vector<GpuState>> after = steps();
  for (std::vector<GpuState>& next : after)
    std::sort(next.begin(), next.end(), [&](GpuState a, GpuState b) {
      return open[a] != open[b] ? open[a] > open[b] : a < b;
    });
  table_ = std::make_unique<GpuTable>(forms_.size(), after, std::move(idle));
}

void SliceTable::number_states() {
  if (geometry_) slice_unit_.resize(model_.profiles.size());
  for (std::size_t u = 0; u < forms_.size(); ++u)
    if (is_slice(forms_[u])) slice_unit_[forms_[u].profile] = static_cast<Unit>(u);
  devices_.resize(geometry_ ? geometry_->states() : 1);
  for (std::size_t s = 0; geometry_ && s < devices_.size(); ++s) {
    for (const gpu::Placed placed : geometry_->layout(static_cast<gpu::Geometry::State>(s)))
      devices_[s].push_back({slice_unit_[placed.profile].value(), placed.start});
    std::sort(devices_[s].begin(), devices_[s].end());
  }
  for (std::size_t u = 0; u < forms_.size(); ++u) {
    first_.push_back(is_slice(forms_[u]) ? 0 : static_cast<GpuState>(devices_.size()));
    if (is_slice(forms_[u])) continue;
    std::vector<Device> held;
    for (std::uint8_t k = 0; k < forms_[u].replicas; ++k) {
      held.push_back({static_cast<Unit>(u), k});
      devices_.push_back(held);
    }
  }
  KERF_ASSERT(devices_.size() <= 0xffff, "states are numbers of 16 bits");
}

std::vector<std::vector<GpuState>> SliceTable::steps() const {
  const std::size_t units = forms_.size();
  std::vector<std::vector<GpuState>> after(devices_.size() * units);
  for (std::size_t s = 0; geometry_ && s < geometry_->states(); ++s) {
    const auto state = static_cast<gpu::Geometry::State>(s);
    for (std::size_t i = 0; i < geometry_->items().size(); ++i)
      if ((geometry_->addable(state) >> i & 1) != 0)
        after[s * units + slice_unit_[geometry_->items()[i].profile].value()].push_back(
            geometry_->added(state, static_cast<gpu::Geometry::Item>(i)));
  }
  for (std::size_t u = 0; u < units; ++u) {
    if (is_slice(forms_[u])) continue;
    after[u].push_back(first_[u]);
    for (GpuState k = 1; k < forms_[u].replicas; ++k) {
      const std::size_t held = first_[u] + k - 1u;
      after[held * units + u].push_back(static_cast<GpuState>(held + 1));
    }
  }
  return after;
}

std::int32_t SliceTable::part_in_use(GpuState state) const {
  const std::vector<Device>& held = devices_[state];
  if (held.empty()) return 0;
  if (const gpu::Form& form = forms_[held[0].unit]; !is_slice(form))
    return GpuTable::kWhole * static_cast<std::int32_t>(held.size()) / form.replicas;
  std::int32_t slots = 0;
  std::int32_t compute = 0;
  for (const Device& device : held) {
    const gpu::Profile& profile = model_.profiles[forms_[device.unit].profile];
    slots += profile.slots;
    compute += profile.compute_slices;
  }
  return std::max(GpuTable::kWhole * slots / model_.slots,
                  GpuTable::kWhole * compute / model_.compute_slices);
}

int SliceTable::open_slots(GpuState state) const {
  if (!geometry_ || state >= geometry_->states()) return 0;
  int sum = 0;
  for (std::size_t p = 0; p < model_.profiles.size(); ++p)
    if (!model_.profiles[p].special())
      sum += geometry_->room(state, p) * int{model_.profiles[p].slots};
  return sum;
}

std::optional<Unit> SliceTable::unit(const gpu::Form& form) const {
  const auto at = std::find(forms_.begin(), forms_.end(), form);
  if (at == forms_.end()) return std::nullopt;
  return static_cast<Unit>(at - forms_.begin());
}

std::optional<GpuState> SliceTable::state(std::span<const Device> in_use) const {
  if (in_use.empty()) return GpuState{0};
  const Unit unit = in_use[0].unit;
  if (unit >= forms_.size()) return std::nullopt;
  if (!is_slice(forms_[unit])) {
    std::vector<bool> held(forms_[unit].replicas);
    for (const Device& device : in_use) {
      if (device.unit != unit || device.start >= held.size() || held[device.start])
        return std::nullopt;
      held[device.start] = true;
    }
    return static_cast<GpuState>(first_[unit] + in_use.size() - 1);
  }
  gpu::Layout layout;
  for (const Device& device : in_use) {
    if (device.unit >= forms_.size() || !is_slice(forms_[device.unit])) return std::nullopt;
    layout.push_back({forms_[device.unit].profile, device.start});
  }
  return geometry_->state(layout);
}

Device SliceTable::added(GpuState from, GpuState to) const {
  const std::vector<Device>& before = devices_[from];
  const std::vector<Device>& after = devices_[to];
  KERF_ASSERT(after.size() == before.size() + 1 &&
                  std::includes(after.begin(), after.end(), before.begin(), before.end()),
              "one device is added");
  return *std::mismatch(before.begin(), before.end(), after.begin()).second;
}

std::vector<Device> SliceTable::all_added(GpuState from, GpuState to) const {
  std::vector<Device> added;
  std::set_difference(devices_[to].begin(), devices_[to].end(), devices_[from].begin(),
                      devices_[from].end(), std::back_inserter(added));
  return added;
}

}  // namespace kerf::online
