// CDI entries: one of each device that stands; written anew when what they are made of changes.
#include "core/agent/mind.h"

namespace kerf::agent {

void Agent::Mind::hear(const CdiStale&) {
  doubt_told(suspect_);  // instances may have other ids under the same UUIDs
  for (auto& [id, entry] : cdi_) {
    entry.stale = next_id_;
    entry.retry.ok();  // why it failed may be past
  }
  for (auto& [id, write] : cdi_writes_) write.stale = next_id_;
}

/// One that is stale counts until it is written anew: nothing becomes unhealthy meanwhile.
bool Agent::Mind::has_cdi(std::uint32_t index, const DeviceKey& key, const Device& device) const {
  const std::string uuid = gpus_[index].uuid_of(device);
  const auto entry = cdi_.find(id_of(index, key));
  return !uuid.empty() && entry != cdi_.end() && entry->second.uuid == uuid;
}

bool Agent::Mind::is_cdi_due(std::uint32_t index, const DeviceKey& key, const Device& device) {
  const Gpu& gpu = gpus_[index];
  if (gpu.uuid_of(device).empty()) return false;
  const auto entry = cdi_.find(id_of(index, key));
  if (entry == cdi_.end()) return true;
  if (has_cdi(index, key, device)) {
    const EffectId stale = entry->second.stale;
    if (stale == 0 || looked_id_ < stale || gpu.lost()) return false;
  }
  return due(entry->second.retry.at);
}

void Agent::Mind::write_cdi() {
  if (!looked_ || frozen()) return;
  std::set<std::string> busy;
  for (const auto& [id, write] : cdi_writes_) busy.insert(write.device);
  each([&](std::uint32_t index, const DeviceKey& key, Device& device) {
    const std::string id = id_of(index, key);
    if (busy.contains(id) || !is_cdi_due(index, key, device)) return;
    const Gpu& gpu = gpus_[index];
    WriteCdi write{id, gpu.uuid_of(device), gpu.seen.uuid, kNoInstance, kNoInstance};
    if (device.instance) {
      write.gi = device.instance->gi;
      write.ci = device.instance->computes[0].id;
    }
    const std::string uuid = write.uuid;
    cdi_writes_[emit(std::move(write))] = {id, uuid, 0};
  });
  for (const auto& [id, entry] : cdi_) {
    const auto name = parse_device_id(id);
    const Device* device = by_id(id);
    const bool blind = name && name->gpu < gpus_.size() && gpus_[name->gpu].lost();
    const bool needed = device != nullptr && (device->exists() || !device->listed.empty());
    if (blind || needed || busy.contains(id) || !due(entry.retry.at)) continue;
    cdi_writes_[emit(RemoveCdi{id})] = {id, "", 0};
  }
}

void Agent::Mind::cdi_done(const CdiWrite& write, Code code) {
  if (code == Code::Success && write.uuid.empty()) {
    cdi_.erase(write.device);
    return;
  }
  Cdi& entry = cdi_[write.device];
  if (code == Code::Success) entry = {write.uuid, write.stale, {}};
  else if (write.stale == 0) entry.retry.fail(now_, options_.retry_ms, options_.retry_max_ms);
}

}  // namespace kerf::agent
