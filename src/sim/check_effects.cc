// Checks of what the controller asks for: moves, Observe, and one effect at a time.
#include <algorithm>
#include <deque>
#include <optional>

#include "core/control/names.h"
#include "sim/check.h"

namespace kerf::sim {

using control::kMinute;
using control::kSecond;
using control::Node;
using control::NodeClaim;
using control::Pod;

namespace {

/// The least that the controller waits after an answer that says no (Flight::kBackOff / 4).
constexpr std::int64_t kConflictMs = 250;

/// What an effect is about. No kind: Note, Solve.
struct Target {
  std::optional<Kind> kind;
  Key key;
  Version version = 0;
};

Target target_of(const controller::Action& action) {
  struct Of {
    Target operator()(const controller::PutLayout& e) const {
      return {Kind::GpuNode, {"", e.node}, e.version};
    }
    Target operator()(const controller::CreateClaim& e) const {
      return {Kind::NodeClaim, {"", e.claim.meta.name}, 0};
    }
    Target operator()(const controller::DeleteClaim& e) const {
      return {Kind::NodeClaim, {"", e.name}, 0};
    }
    Target operator()(const controller::Nominate& e) const { return {Kind::Pod, e.pod, e.version}; }
    Target operator()(const controller::Publish& e) const {
      return {Kind::Node, {"", e.node}, e.version};
    }
    Target operator()(const controller::Withdraw& e) const {
      return {Kind::Node, {"", e.node}, e.version};
    }
    Target operator()(const controller::Evict& e) const { return {Kind::Pod, e.pod, 0}; }
    Target operator()(const controller::PatchNode& e) const {
      return {Kind::Node, {"", e.node}, e.version};
    }
    Target operator()(const controller::PutStatus& e) const {
      return {Kind::SlicePolicy, {"", e.policy}, e.version};
    }
    Target operator()(const controller::Note&) const { return {}; }
    Target operator()(const controller::Solve&) const { return {}; }
    Target operator()(const controller::WakeAt&) const { return {}; }
  };
  return std::visit(Of{}, action);
}

Version version_of(const ApiServer& api, const Target& target) {
  const Value* value = api.find_value(*target.kind, target.key);
  return value == nullptr ? 0 : control::meta_of(**value).version;
}

// --- Promises 3 and 4 ----------------------------------------------------------------------------

/// No pod is told to go before there is a place for the next one; none for money while prices are
/// old.
class Moves : public Checker {
 public:
  using Checker::Checker;

  void changed(const Change& change) override {
    if (change.kind == Kind::Pod && change.is<Pod>() != nullptr) {
      const Pod* was = change.was<Pod>();
      if (!change.is<Pod>()->node.empty() && (was == nullptr || was->node.empty()))
        bound_at_[change.is<Pod>()->meta.uid] = checks_.world().now();
    }
    if (change.kind == Kind::NodeClaim && change.is<NodeClaim>() != nullptr &&
        change.is<NodeClaim>()->meta.deleted != 0 && !change.is<NodeClaim>()->node.empty())
      checks_.troubles().shake(change.is<NodeClaim>()->node, checks_.world().now());
    if (const auto* gpus = change.is<control::GpuNode>()) remember(*gpus);
  }

  void effect(const controller::Effect& effect) override {
    if (const auto* evict = std::get_if<controller::Evict>(&effect.action)) evicted(*evict);
    if (const auto* gone = std::get_if<controller::DeleteClaim>(&effect.action)) returned(*gone);
  }

  void noted(const controller::Record& record) override {
    if (record.what != controller::What::Move) return;
    World& world = checks_.world();
    // A page that answers is fresh, however long ago Karpenter took over what stands on it.
    if (!world.prices().feed_stopped()) return;
    const std::int64_t age = world.now() - world.prices().feed_stopped_since();
    if (age <= kPriceAgeMs) return;
    if (has_to_go(record.args[0])) return;
    checks_.breach(Promise::StalePrices, record.about.text() + " is moved although prices are " +
                                             std::to_string(age / kMinute) + " minutes old");
  }

 private:
  /// Of a machine (named by its claim): its NodeClass is another by now, or its time is nearly
  /// over.
  bool has_to_go(const std::string& name) const {
    const ApiServer& api = checks_.world().api();
    const auto* claim = api.find<NodeClaim>(name);
    if (claim == nullptr) return true;
    const auto* made_from = api.find<control::NodeClass>(claim->node_class);
    const auto hash = claim->meta.annotations.find(control::kNodeClassHash);
    if (made_from == nullptr || hash == claim->meta.annotations.end() ||
        hash->second != made_from->hash)
      return true;
    return checks_.world().now() > claim->meta.created + claim->expire_after_ms * 3 / 4;
  }

  void evicted(const controller::Evict& evict) {
    World& world = checks_.world();
    const Pod* pod = world.api().find<Pod>(evict.pod);
    if (pod == nullptr || pod->meta.uid != evict.uid || pod->meta.deleted != 0 || pod->done())
      return;
    const std::string name = evict.pod.text();
    const auto stays = pod->meta.annotations.find(control::kDoNotDisrupt);
    if (pod->owner.kind.empty())
      checks_.breach(Promise::ProvenDestination, name + " is evicted and nobody makes it again");
    else if (stays != pod->meta.annotations.end() && stays->second == "true")
      checks_.breach(Promise::ProvenDestination, name + " is evicted and must not be disrupted");
    for (const Node& node : world.api().all<Node>())
      if (node.meta.name != pod->node && has_room(node, *pod)) return;
    if (checks_.streams_are_wrong()) return;
    // What it relies on may have gone a moment ago.
    for (const std::string& node : checks_.troubles().since(world.now() - kMinute))
      if (node != pod->node && had_room(node, *pod)) return;
    checks_.breach(Promise::ProvenDestination,
                   name + " is evicted from " + pod->node + " and no node has a place for it");
  }

  /// What was free on each node, by name, whenever that changed in the last minute, and before.
  void remember(const control::GpuNode& node) {
    control::Amounts free;
    for (std::size_t g = 0; g < node.status.gpus.size(); ++g)
      for (const control::SliceStatus& slice : node.status.gpus[g].slices)
        if (slice.state == cluster::SliceState::Free) ++free[slice.resource];
    auto& times = free_[node.meta.name];
    times.emplace_back(checks_.world().now(), std::move(free));
    while (times.size() > 1 && times[1].first < checks_.world().now() - kMinute) times.pop_front();
  }

  /// Devices enough were free there at some time within the last minute, whatever became of them.
  bool had_room(const std::string& node, const Pod& pod) const {
    const auto times = free_.find(node);
    if (times == free_.end()) return false;
    return std::any_of(times->second.begin(), times->second.end(), [&](const auto& then) {
      return std::all_of(pod.shape.gpu.begin(), pod.shape.gpu.end(), [&](const auto& request) {
        const auto free = then.second.find(cluster::resource_name(request));
        return free != then.second.end() && free->second >= request.count;
      });
    });
  }

  /// Devices that stand and that nobody holds, under the right names; CPU and memory.
  bool has_room(const Node& node, const Pod& pod) const {
    World& world = checks_.world();
    const auto* gpus = world.api().find<control::GpuNode>(node.meta.name);
    Machine* machine = world.karpenter().machine(node.meta.name);
    if (gpus == nullptr || machine == nullptr || !machine->on() || !node.ready || node.cordoned ||
        node.meta.deleted != 0)
      return false;
    std::map<std::string, std::int64_t> free;
    for (std::size_t g = 0; g < gpus->spec.gpus.size() && g < gpus->status.gpus.size(); ++g)
      for (const control::WantedSlice& wanted : gpus->spec.gpus[g].slices)
        for (const control::SliceStatus& is : gpus->status.gpus[g].slices)
          if (is.form == wanted.form && is.start == wanted.start &&
              is.state == cluster::SliceState::Free &&
              machine->kubelet()
                  .devices()
                  .holders(control::device_id(static_cast<std::uint32_t>(g), is.form, is.start))
                  .empty())
            ++free[wanted.resource];
    for (const cluster::GpuRequest& request : pod.shape.gpu)
      if (free[cluster::resource_name(request)] < request.count) return false;
    Resources used;
    for (const Key& key : world.api().pods_on(node.meta.name))
      if (const Pod* other = world.api().find<Pod>(key); other != nullptr && !other->done())
        used = used + other->shape.requests;
    used = used + pod.shape.requests;
    return used.cpu_milli <= node.allocatable.cpu_milli &&
           used.memory_mib <= node.allocatable.memory_mib;
  }

  /// Giving a node back evicts what is on it.
  void returned(const controller::DeleteClaim& gone) {
    World& world = checks_.world();
    const auto* claim = world.api().find<NodeClaim>(gone.name);
    if (claim == nullptr || claim->meta.uid != gone.uid || claim->meta.deleted != 0 ||
        claim->node.empty())
      return;
    for (const Key& key : world.api().pods_on(claim->node)) {
      const Pod* pod = world.api().find<Pod>(key);
      if (pod == nullptr || pod->done() || pod->meta.deleted != 0 || pod->shape.gpu.empty())
        continue;
      const Instant bound = bound_at_[pod->meta.uid];
      if (world.now() - bound < checks_.controller_sees_ms() ||
          checks_.troubles().is_troubled(claim->node, world.now()))
        continue;
      checks_.breach(Promise::ProvenDestination,
                     claim->node + " is given back while " + key.text() + " is on it");
    }
  }

  std::map<std::string, std::deque<std::pair<Instant, control::Amounts>>> free_;  ///< by node
  std::map<std::string, Instant> bound_at_;
};

// --- Promises 5 and 6 ----------------------------------------------------------------------------

/// A policy in Observe: nothing is written but its status.
class Observes : public Checker {
 public:
  explicit Observes(Checks& checks) : Checker(checks) {
    for (const auto& policy : checks.world().api().all<control::SlicePolicy>())
      if (policy.mode == control::Mode::Act) acted_.insert(policy.meta.name);
  }

  void changed(const Change& change) override {
    const auto* is = change.is<control::SlicePolicy>();
    const auto* was = change.was<control::SlicePolicy>();
    if (is == nullptr) return;
    if (is->mode == control::Mode::Act) acted_.insert(is->meta.name);
    if (was != nullptr && was->mode != is->mode) since_[is->meta.name] = checks_.world().now();
  }

  void effect(const controller::Effect& effect) override {
    const Target target = target_of(effect.action);
    if (!target.kind || *target.kind == Kind::SlicePolicy) return;
    const control::SlicePolicy* policy = policy_of_target(target, effect.action);
    if (policy == nullptr || policy->mode == control::Mode::Act) return;
    const auto since = since_.find(policy->meta.name);
    if (since != since_.end() &&
        checks_.world().now() < since->second + checks_.controller_sees_ms())
      return;
    checks_.breach(Promise::ObserveTouchesNothing, policy->meta.name + " observes, and " +
                                                       control::to_string(*target.kind) + " " +
                                                       target.key.text() + " is written");
  }

  /// As if RBAC allowed no more, where no policy has ever acted.
  void arrived(const Request& request) override {
    if (request.client != "controller" || !acted_.empty()) return;
    if (request.kind == Kind::SlicePolicy && request.part == Part::Status &&
        request.verb == Verb::Update)
      return;
    checks_.breach(Promise::ObserveWritesNothing, std::string(control::to_string(request.kind)) +
                                                      " " + request.key.text() + " is written");
  }

 private:
  const control::SlicePolicy* policy_of_target(const Target& target,
                                               const controller::Action& action) const {
    const ApiServer& api = checks_.world().api();
    if (const auto* create = std::get_if<controller::CreateClaim>(&action))
      return policy_of(api, create->claim.meta.labels);
    if (*target.kind == Kind::Pod) {
      const Pod* pod = api.find<Pod>(target.key);
      return pod == nullptr ? nullptr : governing(api, *pod);
    }
    const Kind kind = *target.kind == Kind::GpuNode ? Kind::Node : *target.kind;
    const Value* value = api.find_value(kind, target.key);
    return value == nullptr ? nullptr : policy_of(api, control::meta_of(**value).labels);
  }

  std::set<std::string> acted_;
  std::map<std::string, Instant> since_;
};

// --- One effect at a time ------------------------------------------------------------------------

class Effects : public Checker {
 public:
  using Checker::Checker;

  void fault(const FaultDone& done) override {
    const Instant now = checks_.world().now();
    if (done.what == FaultKind::LoseLease && now >= following_until_) {
      following_ = now;
      following_until_ = done.until;
      runs_ = checks_.world().controller().runs();
      asked_.clear();
    }
    if (done.what == FaultKind::Write) unsure_until_ = std::max(unsure_until_, done.until);
  }

  void arrived(const Request& request) override {
    if (request.client != "controller") return;
    const auto asked = asked_.find({request.kind, request.key});
    if (asked == asked_.end()) return;
    asked->second.arrived = true;
    const Value* value = checks_.world().api().find_value(request.kind, request.key);
    const Version is = value == nullptr ? 0 : control::meta_of(**value).version;
    asked->second.accepted = request.version == 0 || request.version == is;
  }

  void effect(const controller::Effect& effect) override {
    World& world = checks_.world();
    const Instant now = world.now();
    if (world.controller().runs() != runs_) {
      runs_ = world.controller().runs();
      asked_.clear();
      following_until_ = 0;
    }
    const Target target = target_of(effect.action);
    const std::int64_t loop = world.spec().controller.loop.most;
    if (now > following_ + loop && now < following_until_)
      checks_.breach(
          Promise::EffectsInOrder,
          "another process leads, and " + describe(effect.action, target) + " is asked for");
    if (!target.kind) return;
    const Version decided = target.version != 0 ? target.version : version_of(world.api(), target);
    const auto [entry, fresh] = asked_.try_emplace({*target.kind, target.key});
    Asked& before = entry->second;
    if (!fresh) {
      // After a conflict a quarter of a second passes; without an answer ten. Faults may answer in
      // the server's place. One that was accepted and changed nothing leaves the version as it is.
      const bool soon =
          !before.accepted && decided <= before.version && now < before.at + kConflictMs;
      const bool flying =
          !before.arrived && now < before.at + 10 * kSecond && now >= unsure_until_ + 30 * kSecond;
      if (soon || flying)
        checks_.breach(Promise::EffectsInOrder, describe(effect.action, target) +
                                                    " is asked for while one on it is in flight");
    }
    before = {decided, now, false, false};
  }

 private:
  struct Asked {
    Version version = 0;
    Instant at = 0;
    bool arrived = false;
    bool accepted = false;
  };

  static std::string describe(const controller::Action& action, const Target& target) {
    if (!target.kind) return action.index() == 9 ? "Note" : "Solve";
    return "effect " + std::to_string(action.index()) + " on " + control::to_string(*target.kind) +
           " " + target.key.text();
  }

  std::map<std::pair<Kind, Key>, Asked> asked_;
  std::uint64_t runs_ = 0;
  Instant following_ = 0;
  Instant following_until_ = 0;
  Instant unsure_until_ = -30 * kSecond;
};

}  // namespace

std::unique_ptr<Checker> check_moves(Checks& checks) { return std::make_unique<Moves>(checks); }
std::unique_ptr<Checker> check_observe(Checks& checks) {
  return std::make_unique<Observes>(checks);
}
std::unique_ptr<Checker> check_effects(Checks& checks) { return std::make_unique<Effects>(checks); }

}  // namespace kerf::sim
