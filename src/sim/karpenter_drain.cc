// From a NodeClaim that is deleted, an interruption or a lost instance to nothing left.
#include <algorithm>
#include <utility>

#include "core/control/names.h"
#include "sim/karpenter.h"

namespace kerf::sim {

using control::Node;
using control::NodeClaim;
using control::Pod;
using What = KarpenterEvent::What;

namespace {

/// What a drain leaves where it is: mirror pods, what is done, what tolerates the taint.
bool stays(const Pod& pod) {
  if (pod.mirror || pod.done() || pod.owner.kind == "DaemonSet") return true;
  const cluster::Taint taint{control::kDisruptedTaint, "", "NoSchedule"};
  return cluster::tolerates(pod.shape.tolerations, taint);
}

bool must_not_be_disrupted(const Pod& pod) {
  const auto note = pod.meta.annotations.find(control::kDoNotDisrupt);
  return note != pod.meta.annotations.end() && note->second == "true";
}

}  // namespace

Machine* Karpenter::machine(const std::string& node) {
  Claim* claim = of_node(node);
  return claim == nullptr ? nullptr : claim->instance.machine.get();
}

std::vector<std::string> Karpenter::nodes() const {
  std::vector<std::string> names;
  for (const auto& [name, claim] : claims_) {
    const Machine* machine = claim.instance.machine.get();
    if (machine != nullptr && machine->on()) names.push_back(claim.instance.node);
  }
  std::sort(names.begin(), names.end());
  return names;
}

// --- A claim that is being deleted ---------------------------------------------------------------

void Karpenter::terminate(const std::string& name) {
  Claim* claim = find(name);
  if (claim == nullptr || claim->draining || claim->ending) return;
  clock_.cancel(claim->step);
  clock_.cancel(claim->deadline);
  if (claim->instance.node.empty() || !claim->instance.there) {
    end_instance(name);
    return;
  }
  claim->draining = true;
  api_.erase(Kind::Node, Key{"", claim->instance.node});
  api_.mutate<Node>(Key{"", claim->instance.node}, [](Node& changed) {
    const cluster::Taint taint{control::kDisruptedTaint, "", "NoSchedule"};
    if (std::find(changed.taints.begin(), changed.taints.end(), taint) == changed.taints.end())
      changed.taints.push_back(taint);
  });
  drain(name);
}

/// Evicts what may be evicted; comes again when a pod has gone, and after a while for those that
/// were refused.
void Karpenter::drain(const std::string& name) {
  Claim* claim = find(name);
  if (claim == nullptr || !claim->draining || claim->ending) return;
  bool left = false;
  bool refused = false;
  const std::set<Key> keys = api_.pods_on(claim->instance.node);
  for (const Key& key : keys) {
    const Pod* pod = api_.find<Pod>(key);
    if (pod == nullptr || stays(*pod)) continue;
    left = true;
    if (pod->meta.deleted != 0 || must_not_be_disrupted(*pod)) continue;
    refused |= !evict(*pod);
  }
  if (!left) {
    end_instance(name);
    return;
  }
  if (refused && !clock_.waits(claim->drain)) {
    claim->drain = clock_.after(options_.evict_again.draw(dice_), [this, name] { drain(name); });
  }
}

bool Karpenter::evict(const Pod& pod) {
  Request request;
  request.client = "karpenter";
  request.verb = Verb::Evict;
  request.kind = Kind::Pod;
  request.key = key_of(pod.meta);
  request.uid = pod.meta.uid;
  const Code code = api_.write(request).code;
  return code == Code::Ok || code == Code::NotFound;
}

void Karpenter::pod_changed(const Change& change) {
  const Pod* was = change.was<Pod>();
  const Pod* is = change.is<Pod>();
  const Pod* pod = is != nullptr ? is : was;
  Claim* claim = pod->node.empty() ? nullptr : of_node(pod->node);
  if (claim == nullptr || !claim->draining || claim->ending) return;
  const bool matters = is == nullptr || was == nullptr || was->node != is->node ||
                       is->done() != was->done() ||
                       must_not_be_disrupted(*is) != must_not_be_disrupted(*was);
  if (matters) later(options_.see.draw(dice_), [this, name = claim->name] { drain(name); });
}

// --- The instance --------------------------------------------------------------------------------

/// The call that terminates it; what is left on it dies with it.
void Karpenter::end_instance(const std::string& name) {
  Claim* claim = find(name);
  if (claim == nullptr || claim->ending) return;
  claim->ending = true;
  clock_.cancel(claim->drain);
  if (claim->instance.id.empty()) {
    gone(name);
    return;
  }
  claim->step = clock_.after(options_.shut_down.draw(dice_), [this, name] {
    instance_died(claims_.at(name));
    gone(name);
  });
}

/// EC2 charges it no more.
void Karpenter::instance_died(Claim& claim) {
  Instance& instance = claim.instance;
  if (!instance.there || instance.id.empty()) return;
  instance.there = false;
  bill_.close(instance.id, clock_.now());
  clock_.cancel(instance.interruption);
  clock_.cancel(instance.death);
  if (instance.machine) instance.machine->terminate();
}

void Karpenter::gone(const std::string& name) {
  Claim& claim = claims_.at(name);
  note(What::Terminated, claim);
  for (Timer* timer : {&claim.step, &claim.deadline, &claim.expiry, &claim.drain,
                       &claim.instance.interruption, &claim.instance.death})
    clock_.cancel(*timer);
  unlaunched_.erase(name);
  update_stall();
  Claim over = std::move(claim);
  claims_.erase(name);
  by_node_.erase(over.instance.node);
  if (over.instance.machine && gone_) gone_(*over.instance.machine);
  if (!over.instance.node.empty()) {
    api_.erase(Kind::Node, Key{"", over.instance.node});
    api_.drop_finalizer(Kind::Node, Key{"", over.instance.node}, kTermination);
  }
  api_.erase(Kind::NodeClaim, Key{"", name});
  api_.drop_finalizer(Kind::NodeClaim, Key{"", name}, kTermination);
}

// --- Faults --------------------------------------------------------------------------------------

void Karpenter::interrupt(const std::string& node) {
  Claim* claim = of_node(node);
  if (claim == nullptr || !claim->instance.there || clock_.waits(claim->instance.death)) return;
  const std::string name = claim->name;
  note(What::Interrupted, *claim);
  claim->instance.death = clock_.after(options_.notice_ms, [this, name] {
    Claim* dying = find(name);
    if (dying == nullptr || !dying->instance.there) return;
    note(What::InstanceGone, *dying);
    instance_died(*dying);
  });
  api_.erase(Kind::NodeClaim, Key{"", name});
}

void Karpenter::lose_instance(const std::string& node) {
  Claim* claim = of_node(node);
  if (claim == nullptr || !claim->instance.there) return;
  note(What::InstanceGone, *claim);
  instance_died(*claim);
  // A node that never was ready does not change by it.
  const Node* left = api_.find<Node>(node);
  if (left != nullptr && !left->ready) collect(claim->name);
}

/// Garbage collection: the instance is gone and the Node is not ready. A drain is over at once.
void Karpenter::collect(const std::string& name) {
  later(options_.collect.draw(dice_), [this, name] {
    Claim* claim = find(name);
    if (claim == nullptr || claim->instance.there || claim->ending) return;
    api_.erase(Kind::NodeClaim, Key{"", name});
    claim->draining = false;
    end_instance(name);
  });
}

void Karpenter::add_to(Hasher& hasher) const {
  for (const auto& [name, claim] : claims_) {
    hasher.add(name);
    hasher.add(claim.instance.id);
    hasher.add(claim.draining);
    hasher.add(claim.ending);
    hasher.add(claim.instance.there);
    if (claim.instance.machine) claim.instance.machine->add_to(hasher);
  }
  bill_.add_to(hasher);
  hasher.add(static_cast<std::uint64_t>(events_.size()));
  hasher.add(stalled_ms_);
  dice_.add_to(hasher);
}

}  // namespace kerf::sim
