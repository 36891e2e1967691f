// kubelet's device manager: lists, choices, records, and the crash that it is known for.
#include "sim/kubelet_devices.h"

#include <algorithm>

#include "base/assert.h"

namespace kerf::sim {
namespace {

Grant reject(std::string why) {
  return {Grant::Kind::Rejected,
          {},
          "Allocate failed due to " + std::move(why) + ", which is unexpected"};
}

void shuffle(std::vector<std::string>& ids, Dice& dice) {
  for (std::size_t i = ids.size(); i > 1; --i)
    std::swap(ids[i - 1],
              ids[static_cast<std::size_t>(dice.between(0, static_cast<std::int64_t>(i) - 1))]);
}

void add_pods(Hasher& hasher, const std::map<std::string, PodDevices>& pods) {
  hasher.add(static_cast<std::uint64_t>(pods.size()));
  for (const auto& [uid, pod] : pods) {
    hasher.add(uid);
    hasher.add(pod.hidden);
    for (const auto& [resource, ids] : pod.ids) {
      hasher.add(resource);
      for (const std::string& id : ids) hasher.add(id);
    }
  }
}

}  // namespace

void DeviceManager::registered(const std::string& resource) {
  Resource& entry = resources_[resource];
  entry.plugin = true;
  entry.listed.clear();
}

void DeviceManager::list(const std::string& resource, const std::vector<PluginDevice>& devices) {
  const auto entry = resources_.find(resource);
  if (entry == resources_.end() || !entry->second.plugin) return;
  entry->second.listed.clear();
  for (const PluginDevice& device : devices) entry->second.listed[device.id] = device.healthy;
}

void DeviceManager::unplugged(const std::string& resource, control::Instant now) {
  const auto entry = resources_.find(resource);
  if (entry == resources_.end() || !entry->second.plugin) return;
  entry->second.plugin = false;
  entry->second.gone_at = now;
  for (auto& [id, healthy] : entry->second.listed) healthy = false;
}

bool DeviceManager::has_plugin(const std::string& resource) const {
  const auto entry = resources_.find(resource);
  return entry != resources_.end() && entry->second.plugin;
}

bool DeviceManager::forgotten(const Resource& resource, control::Instant now) const {
  return !resource.plugin && now - resource.gone_at >= kForgetAfter;
}

control::Amounts DeviceManager::capacity(control::Instant now) const {
  control::Amounts amounts;
  for (const auto& [name, resource] : resources_) {
    if (forgotten(resource, now)) continue;
    amounts[name] = static_cast<std::int64_t>(resource.listed.size());
  }
  return amounts;
}

control::Amounts DeviceManager::allocatable(control::Instant now) const {
  control::Amounts amounts;
  for (const auto& [name, resource] : resources_) {
    if (forgotten(resource, now)) continue;
    amounts[name] = std::count_if(resource.listed.begin(), resource.listed.end(),
                                  [](const auto& device) { return device.second; });
  }
  return amounts;
}

std::map<std::string, std::set<std::string>> DeviceManager::allocatable_ids() const {
  std::map<std::string, std::set<std::string>> all;
  for (const auto& [name, resource] : resources_) {
    for (const auto& [id, healthy] : resource.listed) {
      if (healthy) all[name].insert(id);
    }
  }
  return all;
}

std::vector<PodDevices> DeviceManager::pod_resources() const {
  std::vector<PodDevices> pods;
  for (const auto& [uid, pod] : recorded_) {
    if (!pod.hidden) pods.push_back(pod);
  }
  return pods;
}

std::vector<PodDevices> DeviceManager::checkpoint() const {
  std::vector<PodDevices> pods;
  for (const auto& [uid, pod] : recorded_) pods.push_back(pod);
  return pods;
}

std::vector<std::string> DeviceManager::free(const std::string& resource, Dice& dice) const {
  std::vector<std::string> ids;
  const auto entry = resources_.find(resource);
  if (entry == resources_.end()) return ids;
  for (const auto& [id, healthy] : entry->second.listed) {
    if (healthy && !entry->second.used.contains(id)) ids.push_back(id);
  }
  shuffle(ids, dice);
  return ids;
}

/// A pod that was recorded before a restart or a reboot needs the very devices that it had.
Grant DeviceManager::keep(const PodDevices& pod, const std::string& resource,
                          std::int64_t count) const {
  const std::set<std::string>& ids = pod.ids.at(resource);
  const Resource& entry = resources_.at(resource);
  if (static_cast<std::int64_t>(ids.size()) != count)
    return reject("pod is already bound to a different number of devices of " + resource);
  for (const std::string& id : ids) {
    const auto device = entry.listed.find(id);
    if (device == entry.listed.end() || !device->second)
      return reject(
          "previously allocated devices are no longer healthy; cannot allocate "
          "unhealthy devices " +
          resource);
  }
  return {Grant::Kind::Kept, {}, ""};
}

Grant DeviceManager::choose(const std::string& pod, const std::string& uid,
                            const std::string& resource, std::int64_t count,
                            const std::vector<std::string>& preferred, Dice& dice) {
  const auto entry = resources_.find(resource);
  if (entry == resources_.end() || !entry->second.plugin)
    return reject("cannot allocate unregistered device " + resource);
  const auto healthy = std::count_if(entry->second.listed.begin(), entry->second.listed.end(),
                                     [](const auto& device) { return device.second; });
  if (healthy == 0)
    return reject("no healthy devices present; cannot allocate unhealthy devices " + resource);
  const auto had = recorded_.find(uid);
  if (had != recorded_.end() && had->second.ids.contains(resource))
    return keep(had->second, resource, count);

  std::vector<std::string> rest = free(resource, dice);
  if (static_cast<std::int64_t>(rest.size()) < count) {
    return reject("requested number of devices unavailable for " + resource + ". Requested: " +
                  std::to_string(count) + ", Available: " + std::to_string(rest.size()));
  }
  Grant grant{Grant::Kind::Call, {}, ""};
  const auto take = [&](const std::string& id) {
    const auto at = std::find(rest.begin(), rest.end(), id);
    if (at == rest.end() || static_cast<std::int64_t>(grant.ids.size()) == count) return;
    grant.ids.push_back(id);
    rest.erase(at);
  };
  for (const std::string& id : preferred) take(id);
  while (static_cast<std::int64_t>(grant.ids.size()) < count) take(std::string(rest.front()));
  PodDevices& flying = flying_[uid];
  flying.pod = pod;
  flying.uid = uid;
  for (const std::string& id : grant.ids) {
    entry->second.used[id] = uid;
    flying.ids[resource].insert(id);
  }
  return grant;
}

bool DeviceManager::answered(const std::string& uid, const std::string& resource, bool hidden) {
  const auto flying = flying_.find(uid);
  KERF_ASSERT(flying != flying_.end() && flying->second.ids.contains(resource),
              "an answer follows a call");
  const Resource& entry = resources_.at(resource);
  const std::set<std::string> ids = std::move(flying->second.ids[resource]);
  for (const std::string& id : ids) {
    if (!entry.listed.contains(id)) return false;
  }
  PodDevices& pod = recorded_[uid];
  pod.pod = flying->second.pod;
  pod.uid = uid;
  pod.hidden = pod.hidden || hidden;
  pod.ids[resource] = ids;
  flying->second.ids.erase(resource);
  if (flying->second.ids.empty()) flying_.erase(flying);
  return true;
}

void DeviceManager::refused(const std::string& uid, const std::string& resource) {
  const auto flying = flying_.find(uid);
  if (flying == flying_.end()) return;
  for (const std::string& id : flying->second.ids[resource]) resources_.at(resource).used.erase(id);
  flying->second.ids.erase(resource);
  if (flying->second.ids.empty()) flying_.erase(flying);
}

void DeviceManager::free_pod(const std::string& uid) {
  for (auto& [name, resource] : resources_)
    std::erase_if(resource.used, [&](const auto& device) { return device.second == uid; });
  recorded_.erase(uid);
  flying_.erase(uid);
}

std::vector<control::HeldDevice> DeviceManager::devices_of(const std::string& uid) const {
  std::vector<control::HeldDevice> devices;
  const auto pod = recorded_.find(uid);
  if (pod == recorded_.end()) return devices;
  for (const auto& [resource, ids] : pod->second.ids) {
    for (const std::string& id : ids) devices.push_back({resource, id});
  }
  return devices;
}

std::set<std::string> DeviceManager::holders(const std::string& id) const {
  std::set<std::string> pods;
  for (const auto* known : {&recorded_, &flying_}) {
    for (const auto& [uid, pod] : *known) {
      for (const auto& [resource, ids] : pod.ids) {
        if (ids.contains(id)) pods.insert(pod.pod);
      }
    }
  }
  return pods;
}

void DeviceManager::restart() {
  flying_.clear();
  resources_.clear();
  for (const auto& [uid, pod] : recorded_) {
    for (const auto& [resource, ids] : pod.ids) {
      Resource& entry = resources_[resource];
      entry.gone_at = -kForgetAfter;  // it is not in memory: node status keeps the name, with 0
      for (const std::string& id : ids) entry.used[id] = uid;
    }
  }
}

void DeviceManager::add_to(Hasher& hasher) const {
  for (const auto& [name, resource] : resources_) {
    hasher.add(name);
    hasher.add(resource.plugin);
    hasher.add(resource.gone_at);
    for (const auto& [id, healthy] : resource.listed) {
      hasher.add(id);
      hasher.add(healthy);
    }
    for (const auto& [id, uid] : resource.used) {
      hasher.add(id);
      hasher.add(uid);
    }
  }
  add_pods(hasher, recorded_);
  add_pods(hasher, flying_);
}

}  // namespace kerf::sim
