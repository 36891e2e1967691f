// How each kind of workload keeps the pods it wants: one reconcile at a time.
#include <algorithm>
#include <tuple>

#include "sim/workloads.h"

namespace kerf::sim {

using control::Pod;
using control::PodPhase;

namespace {

bool runs(const Pod& pod) { return pod.phase == PodPhase::Running; }

/// First whom it costs least to give up: without a node, not running, youngest.
void sort_for_giving_up(std::vector<const Pod*>& pods) {
  std::sort(pods.begin(), pods.end(), [](const Pod* a, const Pod* b) {
    return std::tuple(!a->node.empty(), runs(*a), -a->meta.created, b->meta.name) <
           std::tuple(!b->node.empty(), runs(*b), -b->meta.created, a->meta.name);
  });
}

}  // namespace

void Workloads::reconcile(const Key& key) {
  const auto found = instances_.find(key);
  if (found == instances_.end()) return;
  switch (found->second.spec.kind) {
    case WorkloadKind::Deployment: return keep_deployment(found->second);
    case WorkloadKind::StatefulSet: return keep_stateful(found->second);
    case WorkloadKind::Job: return keep_job(found->second);
    case WorkloadKind::Bare: return keep_bare(found->second);
  }
}

Workloads::Pods Workloads::pods_of(const Instance& instance) const {
  Pods result;
  for (const Key& key : instance.pods) {
    const Pod* pod = api_.find<Pod>(key);
    if (!pod || pod->done() || pod->meta.deleted != 0) continue;
    (is_current(instance, *pod) ? result.current : result.old).push_back(pod);
    result.available += runs(*pod) ? 1 : 0;
  }
  return result;
}

void Workloads::give_up(std::vector<const Pod*> pods, std::int64_t count) {
  sort_for_giving_up(pods);
  for (std::int64_t i = 0; i < count && i < static_cast<std::int64_t>(pods.size()); ++i)
    api_.erase(Kind::Pod, control::key_of(pods[static_cast<std::size_t>(i)]->meta));
}

void Workloads::keep_deployment(Instance& instance) {
  const WorkloadSpec& spec = instance.spec;
  const Pods pods = pods_of(instance);
  const auto current = static_cast<std::int64_t>(pods.current.size());
  const auto old = static_cast<std::int64_t>(pods.old.size());
  const std::int64_t surge = old > 0 ? spec.max_surge : 0;
  const std::int64_t missing =
      std::min(spec.replicas - current, spec.replicas + surge - current - old);
  if (current > spec.replicas) give_up(pods.current, current - spec.replicas);
  if (old > 0) give_up_old(instance, pods);
  for (std::int64_t i = 0; i < missing; ++i)
    make(instance, spec.name + "-" + std::to_string(instance.revision) + "-" +
                       std::to_string(instance.made + 1));
}

/// Old pods that do not run go as far as enough pods remain, running or becoming so; those that run
/// as far as enough run.
void Workloads::give_up_old(const Instance& instance, const Pods& pods) {
  const WorkloadSpec& spec = instance.spec;
  const std::int64_t least = std::max<std::int64_t>(0, spec.replicas - spec.max_unavailable);
  const auto starting = std::count_if(pods.current.begin(), pods.current.end(),
                                      [](const Pod* pod) { return !runs(*pod); });
  const auto all = static_cast<std::int64_t>(pods.current.size() + pods.old.size());
  std::vector<const Pod*> idle;
  std::vector<const Pod*> running;
  for (const Pod* pod : pods.old) (runs(*pod) ? running : idle).push_back(pod);
  give_up(idle, all - least - starting);
  give_up(running, pods.available - least);
}

/// One deed at a time, in order; the next follows when pods changed.
void Workloads::keep_stateful(Instance& instance) {
  const WorkloadSpec& spec = instance.spec;
  const auto name_of = [&](std::int64_t ordinal) {
    return spec.name + "-" + std::to_string(ordinal);
  };
  for (std::int64_t i = 0; i < spec.replicas; ++i) {
    const Key key{spec.ns, name_of(i)};
    const Pod* pod = api_.find<Pod>(key);
    if (!pod) return make(instance, key.name);
    if (pod->done()) {
      api_.erase(Kind::Pod, key);
      return;
    }
    if (pod->meta.deleted != 0) return;
    // One of an old revision that cannot start is replaced, else a bad template would stay for
    // ever.
    if (!runs(*pod) && is_current(instance, *pod)) return;
    if (!runs(*pod)) {
      api_.erase(Kind::Pod, key);
      return;
    }
  }
  std::int64_t last = -1;
  for (const Key& key : instance.pods)
    last = std::max<std::int64_t>(last, std::stoll(key.name.substr(spec.name.size() + 1)));
  for (std::int64_t i = last; i >= 0; --i) {
    const Key key{spec.ns, name_of(i)};
    const Pod* pod = api_.find<Pod>(key);
    if (!pod || (i < spec.replicas && is_current(instance, *pod))) continue;
    if (pod->meta.deleted == 0) api_.erase(Kind::Pod, key);
    return;
  }
}

void Workloads::keep_job(Instance& instance) {
  const WorkloadSpec& spec = instance.spec;
  if (instance.over) return;
  if (instance.succeeded >= spec.completions) return finish_job(instance, true);
  if (instance.failures > spec.backoff_limit) return finish_job(instance, false);
  const Key key{spec.ns, spec.name};
  const std::int64_t want = std::min(spec.replicas, spec.completions - instance.succeeded);
  api_.mutate<control::Workload>(key, [&](control::Workload& it) { it.at_once = want; });
  const Pods pods = pods_of(instance);
  const auto active = static_cast<std::int64_t>(pods.current.size());
  if (active > want) return give_up(pods.current, active - want);
  if (active < want && clock_.now() < instance.not_before)
    return soon(key, instance.not_before - clock_.now());
  for (std::int64_t i = active; i < want; ++i)
    make(instance, spec.name + "-" + std::to_string(instance.made + 1));
}

void Workloads::finish_job(Instance& instance, bool completed) {
  const Key key{instance.spec.ns, instance.spec.name};
  instance.over = true;
  ++(completed ? counts_.completed : counts_.given_up);
  const Pods pods = pods_of(instance);
  give_up(pods.current, static_cast<std::int64_t>(pods.current.size()));
  api_.erase(Kind::Workload, key);
  instance.steps.push_back(clock_.after(options_.keeps_done_ms, [this, key] { remove(key); }));
}

void Workloads::keep_bare(Instance& instance) {
  const WorkloadSpec& spec = instance.spec;
  const bool first = instance.made == 0;
  for (std::int64_t i = 0; first && i < spec.replicas; ++i)
    make(instance, spec.replicas == 1 ? spec.name : spec.name + "-" + std::to_string(i));
  if (!first && instance.pods.empty()) remove({spec.ns, spec.name});
}

}  // namespace kerf::sim
