// Checks of what has to come about when nothing goes wrong any more.
#include <algorithm>
#include <numeric>

#include "core/control/names.h"
#include "core/online/purchase.h"
#include "sim/check.h"

namespace kerf::sim {

using control::kMinute;
using control::Node;
using control::NodeClaim;
using control::Pod;

namespace {

/// What is done about a change is done within this.
constexpr std::int64_t kSoonMs = 15 * kMinute;
/// A layout that is wanted stands within this, or the agent says why not.
constexpr std::int64_t kLayoutMs = 3 * kMinute;

bool holds_gpu(const Pod& pod) { return !pod.shape.gpu.empty() && !pod.done(); }

bool has_taint(const Node& node, const char* key) {
  return std::any_of(node.taints.begin(), node.taints.end(),
                     [&](const auto& taint) { return taint.key == key; });
}

// --- Rest ----------------------------------------------------------------------------------------

/// When nothing changes outside, there is a time after which nothing is asked for.
class Rest : public Checker {
 public:
  using Checker::Checker;

  void effect(const controller::Effect& effect) override {
    static constexpr const char* kWhat[] = {"PutLayout", "CreateClaim", "DeleteClaim", "Nominate",
                                            "Publish",   "Withdraw",    "Evict",       "PatchNode",
                                            "PutStatus", "Note",        "Solve",       "WakeAt"};
    const Instant now = checks_.world().now();
    if (is_asked_by_time(now)) return;
    recent_.emplace_back(now, kWhat[effect.action.index()]);
  }

  void noted(const controller::Record& record) override {
    if (record.what == controller::What::Move) moves_.push_back(record.at);
  }

  void stepped() override {
    const market::Market* feed = checks_.world().prices().feed().get();
    if (feed == feed_) return;
    feed_ = feed;
    feed_at_ = checks_.world().now();
  }

  /// What users, kubelets and Karpenter do; the controller's own writes and what follows from them
  /// are followed by quiet soon enough.
  void changed(const Change& change) override {
    if (change.kind == Kind::Pod && (!change.before || !change.after))
      outside_ = checks_.world().now();
    if (change.kind == Kind::Node && (!change.before || !change.after))
      outside_ = checks_.world().now();
  }

  void calm_ends() override {
    if (!checks_.options().steady || checks_.calm_since() == 0) return;
    const Instant now = checks_.world().now();
    // What was bought or moved last may be moved again after the cool-down.
    std::int64_t cool = 0;
    for (const auto& policy : checks_.world().api().all<control::SlicePolicy>())
      cool = std::max(cool, policy.consolidation.cool_down_ms);
    const Instant quiet = std::max(outside_, checks_.calm_since()) + kSoonMs + cool;
    if (now - quiet < kSoonMs) return;
    std::map<std::string, int> what;
    int count = 0;
    for (const auto& [at, name] : recent_)
      if (at > quiet) {
        ++what[name];
        ++count;
      }
    if (count == 0) return;
    std::string text;
    for (const auto& [name, times] : what) text += " " + std::to_string(times) + " " + name;
    checks_.breach(Promise::ComesToRest, "nothing changes since minute " +
                                             std::to_string(quiet / kMinute) +
                                             " and there is more to do:" + text);
  }

 private:
  /// New prices are looked at, even if they are the old ones; and an hour after a move was written
  /// down, at most some minutes before it was made, another one is allowed. What follows is theirs.
  bool is_asked_by_time(Instant now) const {
    return now < feed_at_ + 2 * kMinute ||
           std::any_of(moves_.begin(), moves_.end(), [&](Instant at) {
             return now >= at + 54 * kMinute && now <= at + 62 * kMinute;
           });
  }

  std::vector<std::pair<Instant, const char*>> recent_;
  std::vector<Instant> moves_;
  Instant outside_ = 0;
  const market::Market* feed_ = nullptr;
  Instant feed_at_ = 0;
};

// --- Nodes ---------------------------------------------------------------------------------------

/// Layouts are reached, empty nodes go back, and without the controller all slices can be had.
class Nodes : public Checker {
 public:
  using Checker::Checker;

  void changed(const Change& change) override {
    const Instant now = checks_.world().now();
    if (const auto* gpus = change.is<control::GpuNode>()) {
      const auto* was = change.was<control::GpuNode>();
      if (was == nullptr || was->meta.generation != gpus->meta.generation)
        wanted_since_[change.key.name] = now;
    }
    for (const Pod* pod : {change.was<Pod>(), change.is<Pod>()})
      if (pod != nullptr && !pod->node.empty() && holds_gpu(*pod)) used_[pod->node] = now;
    for (const Pod* pod : {change.was<Pod>(), change.is<Pod>()})
      if (pod != nullptr && !pod->nominated.empty()) used_[pod->nominated] = now;
    if (change.kind == Kind::Node && change.before == nullptr) used_[change.key.name] = now;
    if (const Node* node = change.is<Node>(); node != nullptr && !in_service(*node))
      used_[change.key.name] = now;
  }

  void calm_ends() override {
    for (const Node& node : checks_.world().api().all<Node>()) {
      const control::SlicePolicy* policy = policy_of(checks_.world().api(), node.meta.labels);
      if (policy == nullptr || policy->mode != control::Mode::Act || node.meta.deleted != 0)
        continue;
      reached(node);
      given_back(node, *policy);
    }
  }

  void alone_ends() override {
    for (const Node& node : checks_.world().api().all<Node>()) {
      Machine* machine = checks_.world().karpenter().machine(node.meta.name);
      const auto* gpus = checks_.world().api().find<control::GpuNode>(node.meta.name);
      if (machine == nullptr || !machine->on() || gpus == nullptr || !in_service(node)) continue;
      if (gpus->status.degraded != control::Degraded::No) continue;
      all_offered(node, *machine, *gpus);
    }
  }

 private:
  static bool in_service(const Node& node) {
    return node.ready && !node.cordoned && node.meta.deleted == 0 &&
           !has_taint(node, control::kUncutTaint) && !has_taint(node, control::kDisruptedTaint);
  }

  /// What is lost and held by a pod that runs on cannot be made anew before that ends.
  static bool has_lost(const control::GpuNodeStatus& status) {
    for (const control::GpuStatus& gpu : status.gpus)
      for (const control::SliceStatus& slice : gpu.slices)
        if (gpu.lost || slice.state == cluster::SliceState::Lost) return true;
    return false;
  }

  void reached(const Node& node) {
    World& world = checks_.world();
    const Instant now = world.now();
    const auto* gpus = world.api().find<control::GpuNode>(node.meta.name);
    Machine* machine = world.karpenter().machine(node.meta.name);
    if (machine == nullptr || !machine->on() || !node.ready) return;
    if (gpus == nullptr) {
      if (now - node.meta.created > kSoonMs)
        checks_.breach(Promise::Converges, "nobody says how " + node.meta.name + " is to be cut");
      return;
    }
    const control::GpuNodeStatus& status = gpus->status;
    const bool is_new = now - wanted_since_[node.meta.name] < kLayoutMs;
    if (is_new || status.degraded != control::Degraded::No || has_lost(status)) return;
    if (!status.cut || status.observed_generation != gpus->meta.generation)
      checks_.breach(
          Promise::Converges,
          node.meta.name + " has not reached its layout and is not degraded: " + status.message);
    for (std::size_t g = 0; g < status.gpus.size(); ++g)
      for (const control::SliceStatus& slice : status.gpus[g].slices) {
        const std::vector<InstanceView> all = machine->instances();
        const bool is_slice = slice.form != "whole" && !slice.form.starts_with("replica/");
        const bool stands =
            !is_slice || std::any_of(all.begin(), all.end(), [&](const InstanceView& instance) {
              return instance.gpu == static_cast<int>(g) && instance.form == slice.form &&
                     instance.start == slice.start && instance.uuid == slice.uuid;
            });
        if (!stands)
          checks_.breach(Promise::Converges, node.meta.name + " reports " + slice.form + "@" +
                                                 std::to_string(slice.start) +
                                                 ", which does not stand");
      }
  }

  void given_back(const Node& node, const control::SlicePolicy& policy) {
    World& world = checks_.world();
    if (!policy.warm.empty() || !policy.buys.headroom.empty() || !in_service(node)) return;
    for (const Key& key : world.api().pods_on(node.meta.name))
      if (const Pod* pod = world.api().find<Pod>(key); pod != nullptr && holds_gpu(*pod)) return;
    const auto used = used_.find(node.meta.name);
    const Instant since = std::max(checks_.calm_since(), used == used_.end() ? 0 : used->second);
    if (world.now() - since < kSoonMs) return;
    checks_.breach(Promise::GivesBack, node.meta.name + " is empty since minute " +
                                           std::to_string(since / kMinute) + " and is kept");
  }

  /// Every slice that stands complete is one that kubelet has healthy, and that the API offers.
  void all_offered(const Node& node, const Machine& machine, const control::GpuNode& gpus) {
    const auto healthy = machine.kubelet().devices().allocatable_ids();
    control::Amounts offers;
    for (std::size_t g = 0; g < gpus.status.gpus.size(); ++g) {
      if (gpus.status.gpus[g].lost) continue;
      for (const control::SliceStatus& slice : gpus.status.gpus[g].slices) {
        if (slice.state == cluster::SliceState::Lost) continue;
        const std::string id =
            control::device_id(static_cast<std::uint32_t>(g), slice.form, slice.start);
        const auto at = healthy.find(slice.resource);
        if (at == healthy.end() || !at->second.contains(id))
          checks_.breach(Promise::AloneSchedulable, "the controller is away, and " + id + " of " +
                                                        node.meta.name + " is not offered");
        else ++offers[slice.resource];
      }
    }
    for (const auto& [resource, count] : offers) {
      const auto at = node.allocatable_of.find(resource);
      if (at == node.allocatable_of.end() || at->second < count)
        checks_.breach(Promise::AloneSchedulable, "the controller is away, and " + node.meta.name +
                                                      " offers less of " + resource +
                                                      " than its kubelet");
    }
  }

  std::map<std::string, Instant> wanted_since_;
  std::map<std::string, Instant> used_;
};

// --- Served --------------------------------------------------------------------------------------

/// A pod that could be bought for is not left waiting.
class Served : public Checker {
 public:
  using Checker::Checker;

  void noted(const controller::Record& record) override {
    if (record.what == controller::What::Disagrees) disagreed_.insert(record.about);
  }

  void changed(const Change& change) override {
    // A node that came or went, an instance that could not be had: there is a new try.
    if (change.kind == Kind::NodeClaim && (!change.before || !change.after))
      tried_ = checks_.world().now();
  }

  void calm_ends() override {
    const ApiServer& api = checks_.world().api();
    const Instant now = checks_.world().now();
    if (now - std::max(checks_.calm_since(), tried_) < kSoonMs) return;
    for (const Pod& pod : api.all<Pod>()) {
      if (!pod.node.empty() || pod.meta.deleted != 0 || pod.done() || pod.gated ||
          pod.shape.gpu.empty())
        continue;
      if (now - pod.meta.created < kSoonMs || disagreed_.contains(key_of(pod.meta))) continue;
      const control::SlicePolicy* policy = governing(api, pod);
      if (policy == nullptr || policy->mode != control::Mode::Act || excused(*policy, pod))
        continue;
      if (can_be_bought(*policy, pod))
        checks_.breach(Promise::Served, key_of(pod.meta).text() + " waits since minute " +
                                            std::to_string(pod.meta.created / kMinute) +
                                            " and a node for it can be bought: " + pod.message);
    }
  }

 private:
  bool excused(const control::SlicePolicy& policy, const Pod& pod) const {
    for (const cluster::GpuRequest& request : pod.shape.gpu)
      if (!control::buys_for(policy, cluster::resource_name(request))) return true;
    const auto bought = policy.status.kept.purchases.find(pod.meta.uid);
    if (bought != policy.status.kept.purchases.end() && bought->second >= kPurchasesPerPod)
      return true;
    // Judged with other pods or by shares of nodes: not worked out anew here.
    return !pod.shape.spread.empty() || !pod.shape.affinity.empty() ||
           !pod.shape.anti_affinity.empty() || policy.budgets.contains(pod.meta.ns);
  }

  /// Alone, or with the rest of its group, within what the limits leave; of what is in stock.
  bool can_be_bought(const control::SlicePolicy& policy, const Pod& pod) const {
    World& world = checks_.world();
    market::Market stock = *world.prices().feed();
    std::erase_if(stock.offerings, [&](const market::Offering& offering) {
      const Prices::Offered* truth =
          world.prices().find(offering.type, offering.zone, offering.capacity_type);
      return truth == nullptr || !truth->available;
    });
    cluster::Policy buys = policy.buys;
    buys.headroom.clear();
    for (const NodeClaim& claim : world.api().all<NodeClaim>()) {
      if (policy_of(world.api(), claim.meta.labels) != &policy) continue;
      const market::InstanceType* type = stock.type_named(claim.type);
      if (buys.limit_gpus) *buys.limit_gpus -= type->gpu_count;
      MicroUsdPerHour most;
      for (const Prices::Offered& offered : world.prices().offered())
        if (world.prices().base().types[offered.offering.type].name == claim.type)
          most = std::max(most, offered.offering.price);
      if (buys.limit_per_hour) buys.limit_per_hour->micro -= most.micro;
    }
    if (buys.limit_gpus && *buys.limit_gpus <= 0) return false;
    if (buys.limit_per_hour && buys.limit_per_hour->micro <= 0) return false;
    cluster::Demand demand;
    demand.workloads.push_back({});
    std::int64_t count = 1;
    for (const auto& group : world.api().all<control::Workload>())
      if (group.meta.uid == pod.owner.uid) count = std::max<std::int64_t>(1, group.at_once);
    const std::uint32_t shape = demand.intern(pod.shape);
    for (std::int64_t i = 0; i < count; ++i)
      demand.pods.push_back({pod.meta.name + "/" + std::to_string(i), shape, 0});
    std::vector<std::uint32_t> all(demand.pods.size());
    std::iota(all.begin(), all.end(), 0U);
    return online::buy(demand, all, stock, buys).unplaced.empty();
  }

  std::set<Key> disagreed_;
  Instant tried_ = 0;
};

}  // namespace

std::unique_ptr<Checker> check_rest(Checks& checks) { return std::make_unique<Rest>(checks); }
std::unique_ptr<Checker> check_nodes(Checks& checks) { return std::make_unique<Nodes>(checks); }
std::unique_ptr<Checker> check_served(Checks& checks) { return std::make_unique<Served>(checks); }

}  // namespace kerf::sim
