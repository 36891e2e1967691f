// What a kubelet does with a pod: admission with its devices, containers, the end.
#include <algorithm>

#include "base/assert.h"
#include "core/cluster/demand.h"
#include "sim/kubelet.h"

namespace kerf::sim {

using control::Pod;
using control::PodPhase;

Kubelet::Local* Kubelet::find(const std::string& uid) {
  const auto local = pods_.find(uid);
  return local == pods_.end() ? nullptr : &local->second;
}

/// A step of kubelet's own: void if the process ends meanwhile.
void Kubelet::after(Local& local, Range range, void (Kubelet::*then)(const std::string&)) {
  clock_.cancel(local.timer);
  local.timer =
      clock_.after(range.draw(dice_), [this, uid = local.uid, then] { (this->*then)(uid); });
}

void Kubelet::pod_changed(const Key& pod) {
  if (!up_ || cut_) return;
  later(options_.see.draw(dice_), [this, pod] { look(pod); });
}

/// Compares what is there with what it runs under that name.
void Kubelet::look(const Key& key) {
  if (!up_ || cut_) return;
  const Pod* pod = api_.find<Pod>(key);
  if (pod != nullptr && pod->node != node_) pod = nullptr;
  std::vector<std::string> gone;
  for (const auto& [uid, local] : pods_) {
    if (local.key == key && (pod == nullptr || pod->meta.uid != uid)) gone.push_back(uid);
  }
  for (const std::string& uid : gone) tell_to_end(pods_.at(uid));
  if (pod == nullptr) return;
  Local* local = find(pod->meta.uid);
  if (local != nullptr) {
    if (pod->meta.deleted != 0) tell_to_end(*local);
    return;
  }
  if (pod->done()) return;
  if (pod->meta.deleted != 0) {
    api_.pod_terminated(key);
    return;
  }
  Local fresh;
  fresh.key = key;
  fresh.uid = pod->meta.uid;
  const auto flag = pod->meta.annotations.find(kInitDevices);
  if (!pod->shape.gpu.empty()) {
    fresh.hidden = flag != pod->meta.annotations.end() ? flag->second == "true"
                                                       : dice_.chance(options_.init_milli);
  }
  enqueue(pods_.emplace(fresh.uid, fresh).first->second);
}

// --- Admission -----------------------------------------------------------------------------------

void Kubelet::enqueue(Local& local) {
  queue_.push_back(local.uid);
  admit_next();
}

/// Pods are admitted one by one, in the order in which they came.
void Kubelet::admit_next() {
  while (up_ && admission_.uid.empty() && !queue_.empty()) {
    const std::string uid = queue_.front();
    queue_.erase(queue_.begin());
    Local* local = find(uid);
    if (local == nullptr || local->stage != Stage::Queued) continue;
    const Pod* pod = api_.find<Pod>(local->key);
    if (local->ending || pod == nullptr || pod->meta.uid != uid) {
      finish(uid);
      continue;
    }
    local->stage = Stage::Admitting;
    admission_ = {};
    admission_.uid = uid;
    control::Amounts wants;
    for (const cluster::GpuRequest& request : pod->shape.gpu)
      wants[cluster::resource_name(request)] += request.count;
    admission_.wants.assign(wants.begin(), wants.end());
    next_resource();
  }
}

/// Of the current admission: the next resource, or the end of it.
void Kubelet::next_resource() {
  if (admission_.at == admission_.wants.size()) admitted();
  else ask_plugin();
}

/// GetPreferredAllocation is asked where there is a choice; without a plugin choose() says why not.
void Kubelet::ask_plugin() {
  const auto [resource, count] = admission_.wants[admission_.at];
  const auto plugin = plugins_.find(resource);
  const std::vector<std::string> free = devices_.free(resource, dice_);
  const bool had = !devices_.devices_of(admission_.uid).empty();
  if (plugin == plugins_.end() || had || static_cast<std::int64_t>(free.size()) <= count) {
    choose({});
    return;
  }
  admission_.plugin = plugin->second;
  admission_.call = ++calls_;
  admission_.plugin->prefer(admission_.call, resource, free, count);
}

void Kubelet::preferred(std::uint64_t call, const std::vector<std::string>& ids) {
  if (!up_ || call == 0 || call != admission_.call) return;
  admission_.call = 0;
  admission_.plugin = nullptr;
  choose(ids);
}

void Kubelet::choose(const std::vector<std::string>& preferred) {
  const auto [resource, count] = admission_.wants[admission_.at];
  const Local& local = pods_.at(admission_.uid);
  const Grant grant =
      devices_.choose(local.key.text(), local.uid, resource, count, preferred, dice_);
  switch (grant.kind) {
    case Grant::Kind::Rejected: {
      const bool unavailable = grant.why.find("requested number") != std::string::npos;
      const bool old = grant.why.find("previously") != std::string::npos;
      reject(unavailable ? Rejection::Cause::Unavailable
             : old       ? Rejection::Cause::OldDevices
                         : Rejection::Cause::Unregistered,
             grant.why);
      return;
    }
    case Grant::Kind::Kept:
      ++admission_.at;
      next_resource();
      return;
    case Grant::Kind::Call:
      admission_.plugin = plugins_.at(resource);
      admission_.call = ++calls_;
      admission_.plugin->allocate(admission_.call, resource, grant.ids);
      return;
  }
}

void Kubelet::allocated(std::uint64_t call, bool granted, const std::string& why) {
  if (!up_ || call == 0 || call != admission_.call) return;
  admission_.call = 0;
  admission_.plugin = nullptr;
  const std::string resource = admission_.wants[admission_.at].first;
  if (!granted) {
    reject(Rejection::Cause::Plugin, "Allocate failed due to rpc error: " + why);
    return;
  }
  if (!devices_.answered(admission_.uid, resource, pods_.at(admission_.uid).hidden)) {
    panic();
    return;
  }
  if (changed_) changed_();
  ++admission_.at;
  next_resource();
}

void Kubelet::admitted() {
  Local& local = pods_.at(admission_.uid);
  admission_ = {};
  if (local.ending) {
    finish(local.uid);
  } else {
    local.stage = Stage::Starting;
    local.admitted = true;
    write_pod(local);
    after(local, options_.container, &Kubelet::run);
  }
  admit_next();
}

/// For good: nothing makes a rejected pod run.
void Kubelet::reject(Rejection::Cause cause, const std::string& why) {
  Local& local = pods_.at(admission_.uid);
  admission_ = {};
  devices_.free_pod(local.uid);
  if (changed_) changed_();
  rejections_.push_back({clock_.now(), local.key.text(), local.uid, cause, why});
  local.stage = Stage::Over;
  local.phase = PodPhase::Failed;
  local.reason = "UnexpectedAdmissionError";
  local.message = why;
  write_pod(local);
  if (local.ending) over(local.uid);
  admit_next();
}

// --- Containers ----------------------------------------------------------------------------------

void Kubelet::run(const std::string& uid) {
  Local* local = find(uid);
  if (local == nullptr || local->stage != Stage::Starting) return;
  const Pod* pod = api_.find<Pod>(local->key);
  if (pod == nullptr || pod->meta.uid != uid || local->ending) {
    finish(uid);
    return;
  }
  local->stage = Stage::Running;
  local->phase = PodPhase::Running;
  runtime_.started(*pod, devices_.devices_of(uid));
  const std::int64_t length = runs_for_ms(*pod);
  local->failed = fails(*pod);
  if (length > 0) local->end = clock_.after(length, [this, uid] { containers_ended(uid); });
  write_pod(*local);
}

/// Grace is the containers' own time to end; what has not begun to run ends at once.
void Kubelet::tell_to_end(Local& local) {
  if (local.ending) return;
  local.ending = true;
  switch (local.stage) {
    case Stage::Queued:
    case Stage::Admitting: return;  // found by admission
    case Stage::Starting:
      local.stage = Stage::Ended;
      after(local, options_.notice, &Kubelet::finish);
      return;
    case Stage::Running: {
      const Pod* pod = api_.find<Pod>(local.key);
      const bool there = pod != nullptr && pod->meta.uid == local.uid;
      const std::int64_t length = there ? ends_in_ms(*pod) : control::kSecond;
      if (clock_.waits(local.end) && local.end.at <= clock_.now() + length) return;
      clock_.cancel(local.end);
      local.end = clock_.after(length, [this, uid = local.uid] { containers_ended(uid); });
      return;
    }
    case Stage::Ended: return;
    case Stage::Over: after(local, options_.report, &Kubelet::over); return;
  }
}

/// Happens whether kubelet is there or not; it learns of it when it is.
void Kubelet::containers_ended(const std::string& uid) {
  Local* local = find(uid);
  if (local == nullptr || local->stage != Stage::Running) return;
  local->stage = Stage::Ended;
  runtime_.stopped(uid);
  if (up_) after(*local, options_.notice, &Kubelet::finish);
}

/// Nothing of it runs: its devices are free from now on.
void Kubelet::finish(const std::string& uid) {
  Local* local = find(uid);
  if (local == nullptr) return;
  devices_.free_pod(uid);
  if (changed_) changed_();
  const bool ran = local->stage == Stage::Ended && local->phase == PodPhase::Running;
  local->stage = Stage::Over;
  if (ran && !local->ending) {
    local->phase = local->failed ? PodPhase::Failed : PodPhase::Succeeded;
    local->reason = local->failed ? "Error" : "Completed";
  }
  after(*local, options_.report, &Kubelet::over);
}

/// Tells the API server; a pod that is being deleted goes.
void Kubelet::over(const std::string& uid) {
  Local* local = find(uid);
  if (local == nullptr || local->stage != Stage::Over) return;
  const Pod* pod = api_.find<Pod>(local->key);
  const bool there = pod != nullptr && pod->meta.uid == uid;
  if (there && !cut_) {
    if (local->ending || pod->meta.deleted != 0) {
      local->ending = true;
      api_.pod_terminated(local->key);
    } else {
      write_pod(*local);
    }
  }
  if (!there || (!cut_ && local->ending)) pods_.erase(uid);
}

/// Says what is so now. Cut off: said on return.
void Kubelet::write_pod(const Local& local) {
  if (cut_ || !up_) return;
  const Pod* pod = api_.find<Pod>(local.key);
  if (pod == nullptr || pod->meta.uid != local.uid || pod->done()) return;
  if (local.stage == Stage::Over && local.ending) return;
  const bool runs = local.stage == Stage::Running && !local.hidden;
  const std::vector<control::HeldDevice> devices =
      runs ? devices_.devices_of(local.uid) : pod->devices;
  api_.mutate<Pod>(local.key, [&](Pod& changed) {
    changed.admitted = changed.admitted || local.admitted;
    changed.phase = local.phase;
    if (!local.reason.empty()) changed.reason = local.reason;
    if (!local.message.empty()) changed.message = local.message;
    changed.devices = devices;
  });
}

}  // namespace kerf::sim
