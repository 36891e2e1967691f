// How the scheduler's view follows what it sees.
#include "sim/scheduler_view.h"

#include <utility>

#include "base/assert.h"
#include "core/cluster/demand.h"

namespace kerf::sim {

using control::Pod;

control::Amounts devices_of(const cluster::PodShape& shape) {
  control::Amounts result;
  for (const cluster::GpuRequest& request : shape.gpu)
    result[cluster::resource_name(request)] += request.count;
  return result;
}

const NodeSeen* SchedulerView::node(const std::string& name) const {
  const auto found = nodes_.find(name);
  return found == nodes_.end() ? nullptr : &found->second;
}

const PodSeen* SchedulerView::pod(const Key& key) const {
  const auto found = pods_.find(key);
  return found == pods_.end() ? nullptr : &found->second;
}

const std::map<std::string, std::int64_t>& SchedulerView::of_owner(const std::string& uid) const {
  static const std::map<std::string, std::int64_t> kNowhere;
  const auto found = of_owner_.find(uid);
  return found == of_owner_.end() ? kNowhere : found->second;
}

void SchedulerView::drop_if_empty(const std::string& name) {
  const auto found = nodes_.find(name);
  if (found == nodes_.end()) return;
  const NodeSeen& seen = found->second;
  if (!seen.value && seen.pods.empty() && seen.nominated.empty()) nodes_.erase(found);
}

void SchedulerView::see_node(const std::string& name, const Value& value) {
  NodeSeen& seen = nodes_[name];
  ++generation_;
  node_count_ += (value ? 1 : 0) - (seen.value ? 1 : 0);
  seen.value = value;
  drop_if_empty(name);
}

/// Counts the pod where it is: on its node, or as nominated.
void SchedulerView::put(const Key& key, PodSeen& seen) {
  const Pod& pod = seen.pod();
  if (seen.node.empty()) {
    if (pod.nominated.empty()) return;
    nodes_[pod.nominated].nominated.insert(key);
    ++generation_;
    return;
  }
  if (pod.done()) return;
  NodeSeen& node = nodes_[seen.node];
  ++generation_;
  node.pods.insert(key);
  node.used = node.used + pod.shape.requests;
  for (const auto& [name, count] : seen.devices) node.used_of[name] += count;
  if (!pod.owner.uid.empty()) ++of_owner_[pod.owner.uid][seen.node];
  if (!pod.shape.anti_affinity.empty()) wary_.insert(key);
}

void SchedulerView::take_off(const Key& key, PodSeen& seen) {
  const Pod& pod = seen.pod();
  if (seen.node.empty()) {
    if (pod.nominated.empty()) return;
    nodes_[pod.nominated].nominated.erase(key);
    ++generation_;
    drop_if_empty(pod.nominated);
    return;
  }
  if (pod.done()) return;
  NodeSeen& node = nodes_[seen.node];
  ++generation_;
  node.pods.erase(key);
  node.used = node.used - pod.shape.requests;
  for (const auto& [name, count] : seen.devices) {
    const auto used = node.used_of.find(name);
    used->second -= count;
    if (used->second == 0) node.used_of.erase(used);
  }
  if (const auto owner = of_owner_.find(pod.owner.uid); owner != of_owner_.end()) {
    const auto on_node = owner->second.find(seen.node);
    if (--on_node->second == 0) owner->second.erase(on_node);
    if (owner->second.empty()) of_owner_.erase(owner);
  }
  wary_.erase(key);
  drop_if_empty(seen.node);
}

void SchedulerView::see_pod(const Key& key, const Value& value) {
  const auto found = pods_.find(key);
  std::string assumed;
  if (found != pods_.end()) {
    const std::string uid = found->second.pod().meta.uid;
    if (found->second.assumed && value && control::meta_of(*value).uid == uid)
      assumed = found->second.node;
    take_off(key, found->second);
    if (!value) {
      pods_.erase(found);
      return;
    }
  }
  if (!value) return;
  PodSeen seen;
  seen.value = value;
  seen.node = seen.pod().node;
  if (seen.node.empty() && !assumed.empty()) {
    seen.node = assumed;
    seen.assumed = true;
  }
  seen.devices = devices_of(seen.pod().shape);
  PodSeen& stored = pods_[key] = std::move(seen);
  put(key, stored);
}

void SchedulerView::assume(const Key& key, const std::string& node) {
  PodSeen& seen = pods_.at(key);
  KERF_ASSERT(seen.node.empty(), "a pod is placed once");
  take_off(key, seen);
  seen.node = node;
  seen.assumed = true;
  put(key, seen);
}

void SchedulerView::forget(const Key& key) {
  const auto found = pods_.find(key);
  if (found == pods_.end() || !found->second.assumed) return;
  take_off(key, found->second);
  found->second.node.clear();
  found->second.assumed = false;
  put(key, found->second);
}

void SchedulerView::clear() { *this = SchedulerView(); }

}  // namespace kerf::sim
