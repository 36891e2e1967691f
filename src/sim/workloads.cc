// How workloads come, change and go, and how their pods are made.
#include "sim/workloads.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace kerf::sim {

using control::Owner;
using control::Pod;
using control::PodPhase;

namespace {

constexpr const char* kRevision = "pod-template-hash";

}  // namespace

const char* to_string(WorkloadKind kind) {
  switch (kind) {
    case WorkloadKind::Deployment: return "Deployment";
    case WorkloadKind::StatefulSet: return "StatefulSet";
    case WorkloadKind::Job: return "Job";
    case WorkloadKind::Bare: return "Bare";
  }
  return "?";
}

Workloads::Workloads(ApiServer& api, std::uint64_t seed, WorkloadOptions options)
    : api_(api), clock_(api.clock()), seed_(seed), options_(options) {
  listener_ = api_.listen(Kind::Pod, [this](const Change& change) { heard(change); });
}

Workloads::~Workloads() {
  api_.unlisten(listener_);
  for (Source& source : sources_) clock_.cancel(source.next);
  for (auto& [key, instance] : instances_) {
    clock_.cancel(instance.due);
    for (Timer& step : instance.steps) clock_.cancel(step);
  }
}

// --- Coming and going ----------------------------------------------------------------------------

void Workloads::add(const WorkloadSpec& spec) {
  KERF_ASSERT(!spec.name.empty(), "a workload has a name");
  Source source{
      spec, Dice(seed_, "arrivals/" + spec.ns + "/" + spec.name), clock_.now(), clock_.now(), 0, 0,
      {}};
  sources_.push_back(std::move(source));
  wait_for_arrival(sources_.size() - 1);
}

void Workloads::wait_for_arrival(std::size_t number) {
  Source& source = sources_[number];
  const auto next =
      next_arrival(source.spec.arrivals, source.added, source.last, source.arrivals, source.dice);
  if (!next) return;
  source.next =
      clock_.at(next->at, [this, number, together = next->together] { arrive(number, together); });
}

void Workloads::arrive(std::size_t number, std::int64_t together) {
  Source& source = sources_[number];
  const WorkloadSpec spec = source.spec;  // the vector may grow meanwhile
  const bool only = spec.arrivals.pattern == Arrivals::Pattern::Once && together == 1;
  ++source.arrivals;
  source.last = clock_.now();
  for (std::int64_t i = 0; i < together; ++i) {
    const std::int64_t count = ++sources_[number].instances;
    start(spec, only ? spec.name : spec.name + "-" + std::to_string(count));
  }
  wait_for_arrival(number);
}

void Workloads::start(const WorkloadSpec& spec, const std::string& name) {
  const Key key{spec.ns, name};
  if (instances_.contains(key)) return;
  ++counts_.instances;
  Instance& instance =
      instances_.emplace(key, Instance{spec, Dice(seed_, "instance/" + key.text())}).first->second;
  instance.spec.name = name;
  instance.spec.shape.labels.emplace("app", name);
  instance.uid = new_uid(key);
  if (spec.kind == WorkloadKind::Job) {
    control::Workload object;
    object.meta.ns = spec.ns;
    object.meta.name = name;
    object.meta.uid = instance.uid;
    object.kind = "Job";
    object.shape = instance.spec.shape;
    object.shape.ns = spec.ns;
    object.at_once = std::min(spec.replicas, spec.completions);
    api_.create(object);
  }
  for (const Step& step : spec.steps)
    instance.steps.push_back(clock_.after(step.at_ms, [this, key, step] { do_step(key, step); }));
  if (const std::int64_t lives = draw(instance.dice, spec.lives_for); lives > 0)
    instance.steps.push_back(clock_.after(lives, [this, key] { remove(key); }));
  soon(key);
}

void Workloads::do_step(const Key& instance, const Step& step) {
  switch (step.what) {
    case Step::What::Scale: scale(instance, step.replicas); return;
    case Step::What::Rollout: roll_out(instance, instances_.at(instance).spec.shape); return;
    case Step::What::Delete: remove(instance); return;
  }
}

bool Workloads::scale(const Key& key, std::int64_t replicas) {
  const auto found = instances_.find(key);
  if (found == instances_.end()) return false;
  found->second.spec.replicas = replicas;
  soon(key);
  return true;
}

bool Workloads::roll_out(const Key& key, const cluster::PodShape& shape) {
  const auto found = instances_.find(key);
  if (found == instances_.end()) return false;
  Instance& instance = found->second;
  const std::string app = instance.spec.shape.labels.at("app");
  instance.spec.shape = shape;
  instance.spec.shape.labels["app"] = app;
  ++instance.revision;
  if (instance.spec.kind == WorkloadKind::Deployment) instance.uid = new_uid(key);
  soon(key);
  return true;
}

bool Workloads::remove(const Key& key) {
  const auto found = instances_.find(key);
  if (found == instances_.end()) return false;
  Instance instance = std::move(found->second);
  instances_.erase(found);
  clock_.cancel(instance.due);
  for (Timer& step : instance.steps) clock_.cancel(step);
  std::erase_if(owners_, [&](const auto& entry) { return entry.second == key; });
  for (const Key& pod : instance.pods) api_.erase(Kind::Pod, pod);
  if (instance.spec.kind == WorkloadKind::Job) api_.erase(Kind::Workload, key);
  return true;
}

// --- What it hears -------------------------------------------------------------------------------

void Workloads::heard(const Change& change) {
  const Pod& pod = change.after ? *change.is<Pod>() : *change.was<Pod>();
  const auto owner = owners_.find(pod.owner.uid.empty() ? pod.meta.uid : pod.owner.uid);
  if (owner == owners_.end()) return;
  const Key key = owner->second;
  Instance& instance = instances_.at(key);
  if (change.after) instance.pods.insert(change.key);
  else instance.pods.erase(change.key);
  const Pod* was = change.was<Pod>();
  const bool ended = change.after && pod.done() && !(was && was->done());
  if (ended) count_end(instance, pod);
  // A mark of the scheduler's is nothing to a controller.
  const bool same = was && change.after && was->phase == pod.phase &&
                    was->meta.deleted == pod.meta.deleted && was->node == pod.node;
  if (!same) soon(key);
}

void Workloads::count_end(Instance& instance, const Pod& pod) {
  const Key key = control::key_of(pod.meta);
  const bool job = instance.spec.kind == WorkloadKind::Job;
  if (pod.phase == PodPhase::Failed) ++(pod.admitted ? counts_.failed : counts_.rejected);
  if (!job) {
    const bool bare = instance.spec.kind == WorkloadKind::Bare;
    forget_later(key, pod.meta.uid, bare ? options_.keeps_done_ms : options_.keeps_failed_ms);
    return;
  }
  if (pod.phase == PodPhase::Succeeded) {
    ++instance.succeeded;
    return;
  }
  std::int64_t delay = options_.retry_first_ms;
  for (std::int64_t i = 0; i < instance.failures && delay < options_.retry_most_ms; ++i) delay *= 2;
  ++instance.failures;
  instance.not_before = clock_.now() + std::min(delay, options_.retry_most_ms);
}

void Workloads::forget_later(const Key& pod, const std::string& uid, std::int64_t delay_ms) {
  clock_.after(delay_ms, [&api = api_, pod, uid] {
    const Pod* there = api.find<Pod>(pod);
    if (there && there->meta.uid == uid) api.erase(Kind::Pod, pod);
  });
}

void Workloads::soon(const Key& key, std::int64_t delay_ms) {
  Instance& instance = instances_.at(key);
  const Instant at = clock_.now() + delay_ms +
                     instance.dice.between(options_.reacts_least_ms, options_.reacts_most_ms);
  if (clock_.waits(instance.due) && instance.due.at <= at) return;
  clock_.cancel(instance.due);
  instance.due = clock_.at(at, [this, key] { reconcile(key); });
}

// --- Pods ----------------------------------------------------------------------------------------

std::string Workloads::new_uid(const Key& instance) {
  const std::string uid = "owner-" + std::to_string(++uids_);
  owners_.emplace(uid, instance);
  return uid;
}

bool Workloads::is_current(const Instance& instance, const Pod& pod) {
  const auto label = pod.meta.labels.find(kRevision);
  return label == pod.meta.labels.end() || label->second == std::to_string(instance.revision);
}

void Workloads::make(Instance& instance, const std::string& name) {
  const WorkloadSpec& spec = instance.spec;
  ++instance.made;
  ++counts_.pods;
  Dice dice(seed_, "pod/" + spec.ns + "/" + spec.name + "/" + std::to_string(instance.made));
  Pod pod;
  pod.meta.ns = spec.ns;
  pod.meta.name = name;
  // Workloads whose names begin alike may come to the same name; an ordinal is never given away.
  while (spec.kind != WorkloadKind::StatefulSet && api_.find<Pod>(control::key_of(pod.meta)))
    pod.meta.name += "x";
  pod.meta.uid = api_.new_uid(Kind::Pod);
  pod.meta.labels = spec.shape.labels;
  pod.meta.annotations = spec.annotations;
  pod.shape = spec.shape;
  if (const std::int64_t runs = draw(dice, spec.runs_for); runs > 0)
    pod.meta.annotations[kRunsForMs] = std::to_string(runs);
  pod.meta.annotations[kEndsInMs] = std::to_string(draw(dice, spec.ends_in));
  if (dice.chance(spec.fails_milli)) pod.meta.annotations[kFails] = "true";
  switch (spec.kind) {
    case WorkloadKind::Deployment:
      pod.owner = {"ReplicaSet", spec.name + "-" + std::to_string(instance.revision), instance.uid};
      pod.meta.labels[kRevision] = std::to_string(instance.revision);
      break;
    case WorkloadKind::StatefulSet:
      pod.owner = {"StatefulSet", spec.name, instance.uid};
      pod.meta.labels[kRevision] = std::to_string(instance.revision);
      break;
    case WorkloadKind::Job: pod.owner = {"Job", spec.name, instance.uid}; break;
    case WorkloadKind::Bare: owners_.emplace(pod.meta.uid, Key{spec.ns, spec.name}); break;
  }
  const bool made = api_.create(std::move(pod));
  KERF_ASSERT(made, "names of pods are not given twice");
}

std::optional<Wanted> Workloads::wanted(const Owner& owner) const {
  const auto found = owners_.find(owner.uid);
  if (owner.uid.empty() || found == owners_.end()) return std::nullopt;
  return Wanted{found->second.text(), instances_.at(found->second).spec.replicas};
}

std::vector<Key> Workloads::instances() const {
  std::vector<Key> result;
  for (const auto& entry : instances_) result.push_back(entry.first);
  return result;
}

void Workloads::add_to(Hasher& hasher) const {
  for (const Source& source : sources_) {
    source.dice.add_to(hasher);
    hasher.add(source.instances);
  }
  for (const auto& [key, instance] : instances_) {
    hasher.add(key.text());
    instance.dice.add_to(hasher);
    hasher.add(instance.spec.replicas);
    hasher.add(instance.revision);
    hasher.add(instance.made);
    hasher.add(instance.succeeded);
    hasher.add(instance.failures);
  }
  hasher.add(counts_.pods);
}

}  // namespace kerf::sim
