// What kubelet is told and asks: lists of devices, their confirmation, allocations.
#include "core/agent/mind.h"

namespace kerf::agent {

/// kubelet's device manager takes a list within milliseconds; it is asked less and less often.
constexpr std::int64_t kConfirmMaxMs = 1'000;

void Agent::Mind::hear(const Allocate& event) {
  std::string why;
  for (const std::string& id : event.devices)
    if (why.empty()) why = refusal(event.resource, id);
  const EffectId id = emit(Answer{event.call, why.empty(), why});
  if (!why.empty()) return;
  for (const std::string& name : event.devices) {
    Device& device = *by_id(name);  // from here on it is held: a cut that is under way is given up
    device.grant = id;
    device.granted = now_;
  }
}

std::string Agent::Mind::refusal(const std::string& resource, const std::string& id) {
  const auto name = parse_device_id(id);
  const Device* device = by_id(id);
  if (device == nullptr || device->listed != resource) return id + " is not served by Kerf";
  const Gpu& gpu = gpus_[name->gpu];
  const DeviceKey key{name->start, name->form};
  if (device->lost || gpu.lost()) return id + " is broken";
  if (is_going(name->gpu, key, *device) || gpu.begun.contains(key))
    return id + " is being cut away";
  if (!has_cdi(name->gpu, key, *device)) return id + " is not cut yet";
  return "";
}

bool Agent::Mind::wants_healthy(std::uint32_t index, const DeviceKey& key, Device& device) {
  const Gpu& gpu = gpus_[index];
  if (device.published || !device.wanted) device.lent = false;
  if (!device.wanted || device.lost || gpu.lost() || !has_cdi(index, key, device)) return false;
  if (leave_of(gpu, device) != Leave::No) return false;
  // What is being taken apart, or may be after a crash, is not offered before that is taken back.
  if (gpu.begun.contains(key) || entry_of(index, key) == nullptr) return false;
  if (is_marked_going(journal_, index, key)) return false;
  if (writing_ && is_marked_going(*writing_, index, key)) return false;
  if (device.published) return true;
  // Once lent it is taken back as everything is: the API offers it, and pods may be on their way.
  device.lent = device.lent || (away_ && !device.is_held());
  return device.lent;
}

/// The resource in whose list it belongs; "" = none.
std::string Agent::Mind::wants_list(const Gpu& gpu, const Device& device) {
  if (device.listed.empty()) {
    // What kubelet has given to a pod has to be there, or the pod is rejected.
    const bool known = device.held_by(Source::PodResources) || device.held_by(Source::Checkpoint);
    return known || !gpu.uuid_of(device).empty() ? device.resource : "";
  }
  if (leave_of(gpu, device) == Leave::Rename) return device.drained ? "" : device.listed;
  if (device.exists() || device.is_held() || device.grant != 0) return device.listed;
  if (device.wanted && device.resource == device.listed) return device.listed;
  // It is gone; an allocation that is under way must find it in the list all the same.
  const auto from = since(device);
  return from && due(*from) ? "" : device.listed;
}

void Agent::Mind::serve() {
  const Told& checkpoint = told_[static_cast<int>(Source::Checkpoint)];
  if (!kubelet_up_ || !looked_ || !checkpoint.answered || frozen()) return;
  std::map<std::string, std::vector<ServedDevice>> lists;
  for (const auto& [name, resource] : resources_) lists[name];
  each([&](std::uint32_t index, const DeviceKey& key, Device& device) {
    const bool healthy = wants_healthy(index, key, device);
    const std::string name = wants_list(gpus_[index], device);
    if (!name.empty()) lists[name].push_back({id_of(index, key), healthy});
  });
  for (auto& [name, list] : lists) {
    Resource& resource = resources_[name];
    if (resource.serving != 0) continue;
    std::sort(list.begin(), list.end());
    if (resource.sent != 0) {
      // The next list only when kubelet has this one: what it says it believes is then about this.
      if (!resource.taken || resource.list == list) continue;
    } else if (!resource.list.empty()) {
      list = resource.list;  // it may have got this one, or may yet
    }
    if (due(resource.retry.at)) send(name, resource, std::move(list));
  }
}

void Agent::Mind::send(const std::string& name, Resource& resource,
                       std::vector<ServedDevice> list) {
  each([&](std::uint32_t index, const DeviceKey& key, Device& device) {
    const std::string id = id_of(index, key);
    const auto found = std::find_if(list.begin(), list.end(),
                                    [&](const ServedDevice& served) { return served.id == id; });
    if (found != list.end()) {
      device.listed = name;
      if (found->healthy || device.healthy) device.quiet = kNever;
      device.healthy = found->healthy;
    } else if (device.listed == name) {
      device.listed.clear();
      device.healthy = false;
    } else {
      return;
    }
    device.taken = false;
  });
  resource.taken = false;
  resource.sent = 0;
  resource.list = list;
  resource.serving = emit(Serve{name, std::move(list)});
  confirm_retry_.ok();
}

void Agent::Mind::confirm() {
  if (confirming_ != 0 || !kubelet_up_) return;
  bool open = false;
  for (const auto& [name, resource] : resources_)
    open = open || (resource.sent != 0 && !resource.taken);
  const bool time = open ? due(confirm_retry_.at)
                         : !resources_.empty() && due(confirmed_at_ + options_.look_every_ms);
  if (time) confirming_ = emit(Confirm{});
}

void Agent::Mind::hear(const Confirmed& event) {
  if (confirming_ == 0 || confirming_ != event.effect) return;
  confirming_ = 0;
  confirmed_at_ = now_;
  bool open = !event.known;
  for (auto& [name, resource] : resources_) {
    if (!event.known || resource.sent == 0 || resource.sent > event.effect) continue;
    std::set<std::string> expected;
    for (const ServedDevice& served : resource.list)
      if (served.healthy) expected.insert(served.id);
    const auto found = event.healthy.find(name);
    const bool same = found == event.healthy.end() ? expected.empty() : expected == found->second;
    if (!same && resource.taken) drop(name, resource);  // kubelet lost it
    open = open || !same;
    if (!same || resource.taken) continue;
    resource.taken = resource.registered = true;
    each([&, &list = name](std::uint32_t, const DeviceKey&, Device& device) {
      if (device.listed != list) return;
      device.taken = device.healthy;
      if (!device.healthy && device.quiet == kNever) device.quiet = now_;
    });
  }
  if (open)
    confirm_retry_.fail(now_, event.known ? options_.confirm_ms : options_.retry_ms, kConfirmMaxMs);
  else confirm_retry_.ok();
}

void Agent::Mind::hear(const Dropped& event) {
  const auto found = resources_.find(event.resource);
  if (found != resources_.end()) drop(found->first, found->second);
}

/// The list stands as it is; it has to be served anew.
void Agent::Mind::drop(const std::string& name, Resource& resource) {
  resource.void_now = resource.serving != 0;
  resource.sent = 0;
  resource.taken = resource.registered = false;
  each([&name](std::uint32_t, const DeviceKey&, Device& device) {
    if (device.listed == name) device.taken = false;
  });
}

}  // namespace kerf::agent
