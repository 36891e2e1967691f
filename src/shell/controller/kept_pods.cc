// Takes pods apart.
#include "shell/controller/kept_pods.h"

#include <utility>

namespace kerf::shell {

std::unique_ptr<KeptPod> KeptPods::keep(control::Pod pod) {
  auto common = std::make_shared<PodTemplateOf>();
  common->labels = std::move(pod.meta.labels);
  common->annotations = std::move(pod.meta.annotations);
  common->shape = std::move(pod.shape);
  common->owner = std::move(pod.owner);
  common->scheduler = std::move(pod.scheduler);
  auto kept = std::make_unique<KeptPod>();
  kept->common = *templates_.insert(std::move(common)).first;
  kept->node = std::move(pod.node);
  kept->nominated = std::move(pod.nominated);
  kept->message = std::move(pod.message);
  kept->reason = std::move(pod.reason);
  kept->devices = std::move(pod.devices);
  kept->version = pod.meta.version;
  kept->generation = pod.meta.generation;
  kept->created = pod.meta.created;
  kept->deleted = pod.meta.deleted;
  kept->judged = pod.judged;
  kept->phase = pod.phase;
  kept->gated = pod.gated;
  kept->mirror = pod.mirror;
  kept->admitted = pod.admitted;
  kept->unschedulable = pod.unschedulable;
  return kept;
}

control::Pod KeptPods::whole(const KeptPod& kept, const control::Key& key, const std::string& uid) {
  control::Pod pod;
  pod.meta.ns = key.ns;
  pod.meta.name = key.name;
  pod.meta.uid = uid;
  pod.meta.version = kept.version;
  pod.meta.generation = kept.generation;
  pod.meta.created = kept.created;
  pod.meta.deleted = kept.deleted;
  pod.meta.labels = kept.common->labels;
  pod.meta.annotations = kept.common->annotations;
  pod.shape = kept.common->shape;
  pod.owner = kept.common->owner;
  pod.scheduler = kept.common->scheduler;
  pod.gated = kept.gated;
  pod.mirror = kept.mirror;
  pod.node = kept.node;
  pod.nominated = kept.nominated;
  pod.phase = kept.phase;
  pod.admitted = kept.admitted;
  pod.unschedulable = kept.unschedulable;
  pod.judged = kept.judged;
  pod.message = kept.message;
  pod.reason = kept.reason;
  pod.devices = kept.devices;
  return pod;
}

void KeptPods::forget(std::unique_ptr<KeptPod> kept) {
  if (kept == nullptr) return;
  const auto at = templates_.find(kept->common);
  kept.reset();
  if (at != templates_.end() && at->use_count() == 1) templates_.erase(at);
}

}  // namespace kerf::shell
