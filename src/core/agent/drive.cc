// Driver operations: one at a time, each on what was read back after the last change; after a
// failure of any kind the driver is looked at before anything else is tried.
#include "core/agent/mind.h"

namespace kerf::agent {

using Kind = Operation::Kind;

void Agent::Mind::look() {
  looking_for_doubt_ = doubted_ || suspect_;
  // Only what is heard from here on is a reason to look again.
  doubt_ = doubted_ = suspect_ = false;
  operate({Kind::Look, 0, {}}, Look{});
}

/// Of what was told, and not too soon after the last one for that.
bool Agent::Mind::looks_for_doubt() { return (doubted_ || suspect_) && due(doubt_pause_.at); }

void Agent::Mind::operate(Operation operation, Action action) {
  if (operation.kind != Kind::Look) gpus_[operation.gpu].begun.insert(operation.key);
  operation.id = emit(std::move(action));
  operation_ = std::move(operation);
}

bool Agent::Mind::has_room(const Gpu& gpu, const DeviceKey& key, const Device& device) const {
  const auto overlaps = [&](const SeenInstance& instance) {
    if (device.virt()) return true;
    return device.shape.start < instance.start + instance.size &&
           instance.start < device.shape.start + device.shape.size;
  };
  for (const SeenInstance& instance : gpu.seen.instances)
    if (overlaps(instance)) return false;
  for (const auto& [other_key, other] : gpu.devices)
    if (other_key != key && other.virt() && (other.stood || !other.listed.empty()) &&
        clash(other.shape, device.shape))
      return false;
  return true;
}

bool Agent::Mind::destroy(std::uint32_t index) {
  Gpu& gpu = gpus_[index];
  for (auto& [key, device] : gpu.devices) {
    if (!is_going(index, key, device) || writing_id_ != 0) continue;
    if (device.virt()) {
      device.stood = false;
      continue;
    }
    const SeenInstance& instance = *device.instance;
    if (instance.gi == kNoInstance) continue;
    if (instance.computes.empty()) {
      operate({Kind::DestroyInstance, index, key},
              DestroyInstance{gpu.seen.uuid, instance.gi, instance.profile, instance.start});
      return true;
    }
    const SeenCompute& compute = instance.computes.back();
    if (compute.uuid.empty()) continue;
    operate({Kind::DestroyCompute, index, key},
            DestroyCompute{gpu.seen.uuid, instance.gi, instance.profile, instance.start, compute.id,
                           compute.uuid});
    return true;
  }
  return false;
}

bool Agent::Mind::create(std::uint32_t index) {
  Gpu& gpu = gpus_[index];
  if (!gpu.seen.mode) return false;
  for (auto& [key, device] : gpu.devices) {
    if (device.virt() || !device.wanted || device.instance) continue;
    if (!is_written(index, key) || !has_room(gpu, key, device)) continue;
    operate(
        {Kind::CreateInstance, index, key},
        CreateInstance{gpu.seen.uuid, device.shape.profile, device.shape.start, device.shape.size});
    return true;
  }
  return false;
}

bool Agent::Mind::create_compute(std::uint32_t index) {
  for (auto& [key, device] : gpus_[index].devices) {
    if (!device.wanted || !device.instance || !device.instance->computes.empty()) continue;
    if (device.drained || device.instance->gi == kNoInstance || !is_written(index, key)) continue;
    operate(
        {Kind::CreateCompute, index, key},
        CreateCompute{gpus_[index].seen.uuid, device.instance->gi, device.shape.compute_slices});
    return true;
  }
  return false;
}

/// Is there anything to do on it, now or later?
bool Agent::Mind::is_busy(const Gpu& gpu) const {
  for (const auto& [key, device] : gpu.devices) {
    const Leave leave = leave_of(gpu, device);
    if (leave == Leave::Destroy || leave == Leave::Remake) return true;
    if (device.wanted && gpu.uuid_of(device).empty()) return true;
  }
  return false;
}

void Agent::Mind::drive() {
  if (operation_) return;
  if (doubt_ || !looked_) {
    if (due(look_retry_.at)) look();
    return;
  }
  if (looks_for_doubt()) return look();
  if (doubted_) return;
  if (!frozen()) {
    std::vector<std::uint32_t> ready;
    for (std::uint32_t i = 0; i < gpus_.size(); ++i) {
      Gpu& gpu = gpus_[i];
      if (gpu.failed && !is_busy(gpu)) gpu.failed.reset(), gpu.retry.ok();
      if (!gpu.lost() && due(gpu.retry.at)) ready.push_back(i);
    }
    for (const std::uint32_t i : ready)
      if (destroy(i)) return;
    for (const std::uint32_t i : ready)
      if (create(i)) return;
    const auto unverified = [](const Gpu& gpu) { return gpu.unverified; };
    if (std::any_of(gpus_.begin(), gpus_.end(), unverified)) return look();
    for (const std::uint32_t i : ready)
      if (create_compute(i)) return;
  }
  const auto unread = [](const Gpu& gpu) { return gpu.unverified || gpu.unread; };
  if (std::any_of(gpus_.begin(), gpus_.end(), unread)) return look();
  if (due(looked_at_ + options_.look_every_ms)) look();
}

void Agent::Mind::operated(Code code) {
  const Operation operation = *operation_;
  operation_.reset();
  Gpu& gpu = gpus_[operation.gpu];
  const auto found = gpu.devices.find(operation.key);
  if (code != Code::Success) {
    doubt_ = true;
    gpu.retry.fail(now_, options_.retry_ms, options_.retry_max_ms);
    gpu.code = code;
    gpu.failed = operation;
    if (operation.kind == Kind::CreateCompute && found != gpu.devices.end())
      ++found->second.compute_failures;
    return;
  }
  if (gpu.failed && gpu.failed->same(operation)) {
    gpu.failed.reset();
    gpu.retry.ok();
  }
  done_to(gpu, operation);
}

/// What is seen of the GPU is corrected by what was done, until it is read back.
void Agent::Mind::done_to(Gpu& gpu, const Operation& operation) {
  const auto shape = shape_of(gpu.model, operation.key.second, operation.key.first);
  if (!shape) return;
  auto& instances = gpu.seen.instances;
  const auto it = std::find_if(instances.begin(), instances.end(), [&](const SeenInstance& seen) {
    return seen.profile == shape->profile && seen.start == shape->start;
  });
  (operation.kind == Kind::CreateInstance ? gpu.unverified : gpu.unread) = true;
  if (operation.kind == Kind::CreateInstance) {
    if (it == instances.end())
      instances.push_back({kNoInstance, shape->profile, shape->start, shape->size, {}});
  } else if (it == instances.end()) {
    return;
  } else if (operation.kind == Kind::CreateCompute) {
    it->computes.push_back({0, shape->compute_slices, ""});
  } else if (operation.kind == Kind::DestroyInstance) {
    instances.erase(it);
  } else if (!it->computes.empty()) {
    it->computes.pop_back();
  }
}

}  // namespace kerf::agent
