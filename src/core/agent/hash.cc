// The hash of the mind's state.
#include "base/hash.h"

#include "core/agent/mind.h"

namespace kerf::agent {
namespace {

void add(Hasher& hash, const Retry& retry) {
  hash.add(retry.failures);
  hash.add(retry.at);
}

void add(Hasher& hash, const SeenInstance& instance) {
  hash.add(instance.gi);
  hash.add(std::uint32_t{instance.profile});
  hash.add(std::uint32_t{instance.start});
  for (const SeenCompute& compute : instance.computes) {
    hash.add(compute.id);
    hash.add(std::uint32_t{compute.slices});
    hash.add(compute.uuid);
  }
}

void add(Hasher& hash, const Device& device) {
  hash.add(device.wanted);
  hash.add(device.resource);
  hash.add(device.published);
  hash.add(device.instance.has_value());
  if (device.instance) add(hash, *device.instance);
  for (const Held& held : device.held) {
    hash.add(held.asked);
    hash.add(held.seen);
  }
  for (const bool flag :
       {device.drained, device.stood, device.lost, device.lent, device.healthy, device.taken})
    hash.add(flag);
  hash.add(device.compute_failures);
  hash.add(device.listed);
  hash.add(device.quiet);
  hash.add(device.grant);
  hash.add(device.granted);
}

void add(Hasher& hash, const Gpu& gpu) {
  hash.add(gpu.seen.uuid);
  for (const bool flag : {gpu.seen.mode, gpu.seen.lost, gpu.missing, gpu.alive, gpu.ruled,
                          gpu.followed, gpu.recalled, gpu.unverified, gpu.unread})
    hash.add(flag);
  for (const SeenInstance& instance : gpu.seen.instances) add(hash, instance);
  for (const auto& [key, device] : gpu.devices) {
    hash.add(std::uint32_t{key.first});
    hash.add(key.second);
    add(hash, device);
  }
  for (const auto& [start, form] : gpu.begun) {
    hash.add(std::uint32_t{start});
    hash.add(form);
  }
  add(hash, gpu.retry);
}

}  // namespace

std::uint64_t Agent::Mind::hash() const {
  static const std::vector<control::WantedGpu> kNoGpus;
  Hasher hash;
  hash.add(now_);
  hash.add(next_id_);
  for (const bool flag : {started_, kubelet_up_, away_, foreign_driver_, looked_, doubt_, doubted_,
                          suspect_, looking_for_doubt_, journal_sure_, report_void_,
                          reported_.has_value(), unreadable_.has_value(), older_.has_value()})
    hash.add(flag);
  hash.add(to_text(journal_));
  hash.add(wanted_ ? wanted_->uid : "");
  hash.add(wanted_ ? wanted_->generation : 0);
  hash.add(boot_layout_ ? std::int64_t(boot_layout_->gpus.size()) : -1);
  for (const control::WantedGpu& gpu : boot_layout_ ? boot_layout_->gpus : kNoGpus)
    for (const control::WantedSlice& slice : gpu.slices) {
      hash.add(slice.form);
      hash.add(std::uint32_t{slice.start});
      hash.add(slice.resource);
      hash.add(slice.published);
    }
  hash.add(told_uid_);
  if (unreadable_) hash.add(unreadable_->generation), hash.add(unreadable_->why);
  if (older_) hash.add(older_->generation), hash.add(older_->followed), hash.add(older_->since);
  hash.add(doubt_heard_);
  hash.add(looked_id_);
  hash.add(registrations_);
  hash.add(renewed_seen_);
  for (const std::string& name : foreign_plugins_) hash.add(name);
  for (const Gpu& gpu : gpus_) add(hash, gpu);
  for (const Told& told : told_) {
    hash.add(told.asking);
    hash.add(told.asked_id);
    hash.add(told.asked_at);
    hash.add(told.polls);
    add(hash, told.retry);
  }
  for (const auto& [device, entry] : cdi_) {
    hash.add(device);
    hash.add(entry.uuid);
    hash.add(entry.stale);
    add(hash, entry.retry);
  }
  for (const auto& [id, write] : cdi_writes_) {
    hash.add(id);
    hash.add(write.stale);
  }
  for (const auto& [name, resource] : resources_) {
    hash.add(name);
    hash.add(resource.serving);
    hash.add(resource.sent);
    hash.add(resource.taken);
    hash.add(resource.void_now);
    add(hash, resource.retry);
  }
  for (const EffectId id :
       {writing_id_, confirming_, reporting_id_, operation_ ? operation_->id : 0})
    hash.add(id);
  for (const Retry& retry :
       {look_retry_, doubt_pause_, journal_retry_, confirm_retry_, report_retry_})
    add(hash, retry);
  return hash.value();
}

}  // namespace kerf::agent
