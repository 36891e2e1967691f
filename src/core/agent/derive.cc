// Devices of each GPU, derived anew in each step from what is seen, wanted, written and held.
#include "core/agent/mind.h"

namespace kerf::agent {

void Agent::Mind::hear(const Looked& event) {
  if (!operation_ || operation_->id != event.effect) return;
  operation_.reset();
  if (looking_for_doubt_) doubt_pause_.fail(now_, options_.doubt_ms, options_.doubt_max_ms);
  if (event.code != Code::Success) {
    doubt_ = true;
    look_code_ = event.code;
    look_retry_.fail(now_, options_.retry_ms, options_.retry_max_ms);
    return;
  }
  look_retry_.ok();
  looked_ = true;
  looked_id_ = event.effect;
  looked_at_ = now_;
  place(event.gpus);
  for (Gpu& gpu : gpus_) {
    gpu.unverified = gpu.unread = false;
    if (!gpu.lost()) gpu.begun.clear();  // else nobody knows what became of it
  }
}

void Agent::Mind::derive() {
  if (!looked_) return;
  for (std::uint32_t i = 0; i < gpus_.size(); ++i) {
    want(i);
    attach(i);
  }
  spread_holders();
  for (std::uint32_t i = 0; i < gpus_.size(); ++i) {
    stand(i);
    forget(i);
  }
}

Device& Agent::Mind::device(std::uint32_t index, const DeviceKey& key, const Shape& shape) {
  const auto [found, made] = gpus_[index].devices.try_emplace(key);
  Device& device = found->second;
  if (!made) return device;
  device.shape = shape;
  if (const Entry* entry = entry_of(index, key)) device.lost = entry->lost;
  if (now_ - started_at_ < options_.grant_ms) {
    device.grant = kPerhaps;
    device.granted = started_at_;
  }
  return device;
}

const Entry* Agent::Mind::entry_in(const Journal& journal, std::uint32_t index,
                                   const DeviceKey& key) {
  if (index >= journal.gpus.size()) return nullptr;
  for (const Entry& entry : journal.gpus[index].devices)
    if (entry.start == key.first && entry.form == key.second) return &entry;
  return nullptr;
}

bool Agent::Mind::is_marked_going(const Journal& journal, std::uint32_t index,
                                  const DeviceKey& key) {
  const Entry* entry = entry_in(journal, index, key);
  return entry != nullptr && entry->mark == Mark::Going;
}

void Agent::Mind::want(std::uint32_t index) {
  Gpu& gpu = gpus_[index];
  for (auto& [key, device] : gpu.devices) {
    device.wanted = device.published = false;
    const Entry* entry = entry_of(index, key);
    device.resource = !device.listed.empty() ? device.listed : entry ? entry->resource : "";
  }
  for (const control::WantedSlice& slice : layout_of(index).slices) {
    const auto shape = shape_of(gpu.model, slice.form, slice.start);
    if (!shape) continue;
    Device& it = device(index, {slice.start, slice.form}, *shape);
    it.wanted = true;
    it.resource = slice.resource;
    it.published = slice.published;
  }
}

/// What is to stand on it: by the spec, else by the journal, and by the boot layout beside it.
control::WantedGpu Agent::Mind::layout_of(std::uint32_t index) {
  Gpu& gpu = gpus_[index];
  gpu.ruled = gpu.followed = false;
  gpu.illegal.clear();
  const control::GpuNodeSpec* spec = nullptr;
  if (wanted_) spec = &wanted_->spec;
  else if (boot_layout_ && journal_.uid.empty()) spec = &*boot_layout_;
  control::WantedGpu layout;
  if (spec != nullptr && spec->gpus.size() != gpus_.size()) {
    gpu.illegal = "the layout has " + std::to_string(spec->gpus.size()) + " GPUs, here are " +
                  std::to_string(gpus_.size());
  } else if (spec != nullptr) {
    layout = spec->gpus[index];
    gpu.illegal = illegal(gpu.model, layout);
    // Of a GPU that was never seen alive nothing is known, and nothing can be done.
    if (gpu.lost() && !gpu.alive) gpu.illegal.clear();
    gpu.followed = gpu.illegal.empty();
    gpu.ruled = gpu.followed && wanted_;
  }
  if (gpu.ruled) return layout;
  control::WantedGpu kept;
  if (index < journal_.gpus.size())
    for (const Entry& entry : journal_.gpus[index].devices)
      if (entry.mark != Mark::Going)
        kept.slices.push_back({entry.form, entry.start, entry.resource, entry.published});
  if (gpu.followed) add_beside(gpu.model, layout, kept);
  return kept;
}

void Agent::Mind::attach(std::uint32_t index) {
  Gpu& gpu = gpus_[index];
  gpu.foreign.clear();
  std::map<DeviceKey, const SeenInstance*> here;
  for (const SeenInstance& instance : gpu.seen.instances) {
    const auto form = form_of(gpu.model, instance.profile, instance.start);
    const DeviceKey key{instance.start, form.value_or("")};
    bool ours = form && (gpu.devices.contains(key) || entry_of(index, key) != nullptr);
    // kubelet knows it by an id that only Kerf gives.
    for (const Told& told : told_)
      for (const Holders* holders : {&told.asked, &told.seen})
        for (const Holder& holder : holders->devices)
          ours = ours || (form && holder.device == id_of(index, key));
    if (!ours) {
      gpu.foreign.push_back(instance);
      continue;
    }
    const auto shape = shape_of(gpu.model, *form, instance.start);
    Device& it = device(index, key, *shape);
    const Entry* entry = entry_of(index, key);
    if (it.resource.empty() && entry) it.resource = entry->resource;
    here[key] = &instance;
  }
  for (auto& [key, device] : gpu.devices) {
    const auto found = here.find(key);
    if (found != here.end()) {
      device.instance = *found->second;
      continue;
    }
    if (device.instance) {  // it is gone, and what was wrong with it
      device.instance.reset();
      device.lost = false;
      device.compute_failures = 0;
    }
  }
}

void Agent::Mind::spread_holders() {
  each([](std::uint32_t, const DeviceKey&, Device& device) { device.held = {}; });
  std::set<const Device*> named;
  for (int s = 0; s < kSources; ++s)
    for (const bool asked : {true, false})
      for (const Holder& holder : (asked ? told_[s].asked : told_[s].seen).devices) {
        const auto name = parse_device_id(holder.device);
        if (!name || name->gpu >= gpus_.size()) continue;
        const auto shape = shape_of(gpus_[name->gpu].model, name->form, name->start);
        if (!shape) continue;
        Device& it = device(name->gpu, {name->start, name->form}, *shape);
        (asked ? it.held[s].asked : it.held[s].seen) = true;
        if (it.resource.empty()) it.resource = holder.resource;
        if (holder.pod.empty()) continue;
        it.pod = holder.pod;
        named.insert(&it);
      }
  for (int s = 0; s < kSources; ++s)
    for (const bool asked : {true, false})
      for (const Process& process : (asked ? told_[s].asked : told_[s].seen).processes)
        if (const auto index = index_of(process.gpu)) spread(gpus_[*index], process, s, asked);
  // kubelet's checkpoint knows of a pod for some time after its end, by uid: it is the one that was
  // named last, unless the device was given away since.
  each([&](std::uint32_t, const DeviceKey&, Device& device) {
    if (named.contains(&device)) return;
    if (!device.is_held() || device.grant > kPerhaps || device.held_by(Source::PodResources))
      device.pod.clear();
  });
}

/// A process on a GPU that is not cut is of those who are known to be there; where nobody is, it
/// may have any replica.
void Agent::Mind::spread(Gpu& gpu, const Process& process, int source, bool asked) {
  std::map<DeviceKey, Device>& devices = gpu.devices;
  const auto by_name = [](const auto& entry) {
    const Device& it = entry.second;
    return it.virt() && (it.grant > kPerhaps || it.held_by(Source::PodResources) ||
                         it.held_by(Source::Checkpoint));
  };
  const bool named = std::any_of(devices.begin(), devices.end(), by_name);
  for (auto& entry : devices) {
    Device& it = entry.second;
    const bool on = process.gi == kNoInstance ? it.virt() && it.stood && (!named || by_name(entry))
                                              : it.instance && it.instance->gi == process.gi;
    if (on) (asked ? it.held[source].asked : it.held[source].seen) = true;
  }
}

/// Whole GPUs and replicas need no driver: they are there as soon as nothing else is.
void Agent::Mind::stand(std::uint32_t index) {
  Gpu& gpu = gpus_[index];
  if (!gpu.recalled && index < journal_.gpus.size()) {
    for (const Entry& entry : journal_.gpus[index].devices) {
      const auto shape = shape_of(gpu.model, entry.form, entry.start);
      if (!shape || shape->kind == Shape::Kind::Slice || entry.mark == Mark::Making) continue;
      Device& it = device(index, {entry.start, entry.form}, *shape);
      it.stood = true;
      if (it.resource.empty()) it.resource = entry.resource;
    }
  }
  gpu.recalled = true;
  for (auto& [key, device] : gpu.devices) {
    if (!device.virt() || gpu.lost()) continue;
    if (gpu.seen.mode) device.stood = false;
    else if (device.wanted && !device.stood) device.stood = has_room(gpu, key, device);
  }
}

void Agent::Mind::forget(std::uint32_t index) {
  std::erase_if(gpus_[index].devices, [](const auto& entry) {
    const Device& device = entry.second;
    return !device.wanted && !device.exists() && device.listed.empty() && !device.is_held();
  });
}

}  // namespace kerf::agent
