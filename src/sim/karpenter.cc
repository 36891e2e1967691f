// From a NodeClaim to an initialized node, and the prices along the way.
#include "sim/karpenter.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "core/control/names.h"
#include "simgpu/boards.h"

namespace kerf::sim {

using control::Node;
using control::NodeClaim;
using What = KarpenterEvent::What;

namespace {

gpu::GpuMode mode_of(const NodeClaim& claim) {
  const auto label = claim.meta.labels.find(control::kModeLabel);
  if (label == claim.meta.labels.end() || label->second == "whole") return gpu::GpuMode::Whole;
  return label->second == "cut" ? gpu::GpuMode::Cut : gpu::GpuMode::Any;
}

bool contains(const std::vector<std::string>& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

}  // namespace

Karpenter::Karpenter(const MachineWorld& world, Prices& prices, KarpenterOptions options)
    : world_(world),
      api_(world.api),
      clock_(world.api.clock()),
      prices_(prices),
      options_(std::move(options)),
      dice_(world.seed, "karpenter") {
  listeners_ = {api_.listen(Kind::NodeClaim, [this](const Change& c) { claim_changed(c); }),
                api_.listen(Kind::Node, [this](const Change& c) { node_changed(c); }),
                api_.listen(Kind::Pod, [this](const Change& c) { pod_changed(c); })};
  apply_prices();
}

Karpenter::~Karpenter() {
  for (const std::uint64_t listener : listeners_) api_.unlisten(listener);
  for (auto& [name, claim] : claims_) {
    for (Timer* timer : {&claim.step, &claim.deadline, &claim.expiry, &claim.drain,
                         &claim.instance.interruption, &claim.instance.death})
      clock_.cancel(*timer);
  }
  clock_.cancel(price_timer_);
}

Karpenter::Claim* Karpenter::find(const std::string& name) {
  const auto claim = claims_.find(name);
  return claim == claims_.end() ? nullptr : &claim->second;
}

Karpenter::Claim* Karpenter::of_node(const std::string& node) {
  const auto claim = by_node_.find(node);
  return claim == by_node_.end() ? nullptr : find(claim->second);
}

void Karpenter::later(std::int64_t delay_ms, std::function<void()> step) {
  clock_.after(delay_ms, [alive = std::weak_ptr(alive_), step = std::move(step)] {
    if (!alive.expired()) step();
  });
}

void Karpenter::note(What what, const Claim& claim) {
  events_.push_back({clock_.now(), what, claim.name, claim.instance.node});
}

/// While any claim has no instance, cluster.Synced is false and Karpenter stands still.
void Karpenter::update_stall() {
  const bool stalled = !unlaunched_.empty();
  if (stalled && stalled_since_ == 0) stalled_since_ = std::max<Instant>(clock_.now(), 1);
  if (stalled || stalled_since_ == 0) return;
  stalled_ms_ += clock_.now() - stalled_since_;
  stalled_since_ = 0;
}

std::int64_t Karpenter::stalled_ms() const {
  return stalled_ms_ + (stalled_since_ == 0 ? 0 : clock_.now() - stalled_since_);
}

// --- Launch --------------------------------------------------------------------------------------

void Karpenter::claim_changed(const Change& change) {
  const NodeClaim* was = change.was<NodeClaim>();
  const NodeClaim* is = change.is<NodeClaim>();
  if (is == nullptr) return;
  if (was == nullptr) begin(*is);
  else if (was->meta.deleted == 0 && is->meta.deleted != 0) {
    later(options_.see.draw(dice_), [this, name = is->meta.name] { terminate(name); });
  }
}

void Karpenter::begin(const NodeClaim& object) {
  const std::string name = object.meta.name;
  api_.add_finalizer(Kind::NodeClaim, Key{"", name}, kTermination);
  Claim& claim = claims_[name];
  claim.name = name;
  claim.uid = object.meta.uid;
  unlaunched_.insert(name);
  update_stall();
  if (object.expire_after_ms > 0) {
    claim.expiry = clock_.after(object.expire_after_ms, [this, name] {
      note(What::Expired, claims_.at(name));
      api_.erase(Kind::NodeClaim, Key{"", name});
    });
  }
  claim.deadline = clock_.after(options_.launch_timeout_ms,
                                [this, name] { give_up(name, What::LaunchTimeout); });
  if (hanging_launches_ > 0) {
    --hanging_launches_;
    return;
  }
  claim.step = clock_.after(options_.see.draw(dice_) + options_.launch.draw(dice_),
                            [this, name] { launch(name); });
}

/// The cheapest that is available of what the claim allows; ties by zone, then capacity type. A
/// type whose GPUs cannot be simulated is never in stock. `tried`: what is out of stock and was
/// asked for all the same. An offering that was refused lately is not asked for again.
const Prices::Offered* Karpenter::cheapest(const NodeClaim& claim,
                                           std::vector<const Prices::Offered*>& tried) const {
  const Prices::Offered* best = nullptr;
  const auto key = [](const Prices::Offered& offered) {
    return std::tuple(offered.offering.price, std::string_view(offered.offering.zone),
                      offered.offering.capacity_type);
  };
  for (const Prices::Offered& offered : prices_.offered()) {
    const market::Offering& offering = offered.offering;
    if (prices_.base().types[offering.type].name != claim.type) continue;
    if (!claim.zones.empty() && !contains(claim.zones, offering.zone)) continue;
    if (std::find(claim.capacity_types.begin(), claim.capacity_types.end(),
                  offering.capacity_type) == claim.capacity_types.end())
      continue;
    if (offered.refused_until > clock_.now()) continue;
    const bool known = simgpu::find_board(prices_.base().types[offering.type].gpu_model) != nullptr;
    if (!offered.available || !known) tried.push_back(&offered);
    else if (best == nullptr || key(offered) < key(*best)) best = &offered;
  }
  return best;
}

void Karpenter::launch(const std::string& name) {
  Claim* claim = find(name);
  const NodeClaim* object = api_.find<NodeClaim>(name);
  if (claim == nullptr || object == nullptr || object->meta.deleted != 0) return;
  const control::NodeClass* node_class = api_.find<control::NodeClass>(object->node_class);
  if (node_class == nullptr || !node_class->ready) {
    give_up(name, What::NodeClassNotReady);
    return;
  }
  std::vector<const Prices::Offered*> tried;
  const Prices::Offered* best = cheapest(*object, tried);
  std::vector<market::Offering> refused;
  for (const Prices::Offered* offered : tried) {
    if (best == nullptr || offered->offering.price < best->offering.price)
      refused.push_back(offered->offering);
  }
  if (best != nullptr) launched(*claim, *object, *best);
  change_prices([&](Prices& prices) {
    for (const market::Offering& offering : refused)
      prices.refused(offering.type, offering.zone, offering.capacity_type);
  });
  if (best == nullptr) give_up(name, What::InsufficientCapacity);
}

void Karpenter::launched(Claim& claim, const NodeClaim& object, const Prices::Offered& offered) {
  const std::string name = claim.name;
  Instance& instance = claim.instance;
  ++instances_;
  instance.id = "aws:///" + offered.offering.zone + "/i-" + std::to_string(instances_);
  instance.type = offered.offering.type;
  instance.zone = offered.offering.zone;
  instance.capacity_type = offered.offering.capacity_type;
  bill_.open(instance.id, {object.type, instance.zone, instance.capacity_type, name, clock_.now(),
                           clock_.now(), true, offered.offering.price, 0});
  unlaunched_.erase(name);
  update_stall();
  note(What::Launched, claim);
  clock_.cancel(claim.deadline);
  const std::int64_t age = clock_.now() - object.meta.created;
  claim.deadline = clock_.after(options_.registration_timeout_ms - age,
                                [this, name] { give_up(name, What::RegistrationTimeout); });
  if (failing_registrations_ > 0) --failing_registrations_;
  else claim.step = clock_.after(options_.boot.draw(dice_), [this, name] { boot(name); });
  if (instance.capacity_type == market::CapacityType::Spot && options_.spot_life_ms > 0) {
    const std::int64_t life =
        dice_.between(options_.spot_life_ms / 2, options_.spot_life_ms * 3 / 2);
    instance.interruption = clock_.after(life, [this, name] {
      const Claim* it = find(name);
      if (it == nullptr) return;
      if (it->instance.node.empty()) api_.erase(Kind::NodeClaim, Key{"", name});
      else interrupt(it->instance.node);
    });
  }
  api_.mutate<NodeClaim>(Key{"", name}, [&](NodeClaim& changed) {
    changed.provider_id = instance.id;
    changed.zone = instance.zone;
    changed.capacity_type = instance.capacity_type;
    changed.meta.labels["karpenter.sh/nodepool"] = "";
  });
}

void Karpenter::give_up(const std::string& name, What why) {
  Claim* claim = find(name);
  if (claim == nullptr) return;
  clock_.cancel(claim->step);
  note(why, *claim);
  api_.erase(Kind::NodeClaim, Key{"", name});
}

// --- Registration --------------------------------------------------------------------------------

Node Karpenter::node_of(const Claim& claim, const NodeClaim& object) const {
  const market::Market& market = prices_.base();
  const market::InstanceType& type = market.types[claim.instance.type];
  Node node;
  node.meta.name = claim.instance.node;
  node.meta.labels =
      market::node_labels(market, type, claim.instance.zone, claim.instance.capacity_type);
  for (const auto& [key, value] : object.meta.labels) node.meta.labels[key] = value;
  node.meta.labels["kubernetes.io/hostname"] = node.meta.name;
  node.meta.labels["karpenter.sh/registered"] = "true";
  node.meta.annotations = object.meta.annotations;
  node.provider_id = claim.instance.id;
  node.taints = object.taints;
  node.taints.insert(node.taints.end(), object.startup_taints.begin(), object.startup_taints.end());
  node.allocatable = market::allocatable(type, options_.overhead);
  return node;
}

/// kubelet runs: the Node is there with all that its claim says.
void Karpenter::boot(const std::string& name) {
  Claim* claim = find(name);
  const NodeClaim* object = api_.find<NodeClaim>(name);
  if (claim == nullptr || object == nullptr || object->meta.deleted != 0) return;
  Instance& instance = claim->instance;
  const market::InstanceType& type = prices_.base().types[instance.type];
  instance.node = "ip-" + instance.id.substr(instance.id.rfind('-') + 1);
  by_node_[instance.node] = name;
  const std::vector<std::string> boards(static_cast<std::size_t>(type.gpu_count), type.gpu_model);
  instance.machine = std::make_unique<Machine>(world_, instance.node, boards, mode_of(*object));
  clock_.cancel(claim->deadline);
  Node node = node_of(*claim, *object);
  api_.create(std::move(node));
  api_.add_finalizer(Kind::Node, Key{"", instance.node}, kTermination);
  instance.machine->power_on();
  note(What::Registered, *claim);
  api_.mutate<NodeClaim>(Key{"", name},
                         [&](NodeClaim& changed) { changed.node = claim->instance.node; });
}

void Karpenter::node_changed(const Change& change) {
  Claim* claim = of_node(change.key.name);
  if (claim == nullptr) return;
  const Node* was = change.was<Node>();
  const Node* is = change.is<Node>();
  if (is == nullptr) return;
  if (was != nullptr && was->meta.deleted == 0 && is->meta.deleted != 0)
    api_.erase(Kind::NodeClaim, Key{"", claim->name});
  if (!claim->instance.there && !is->ready) collect(claim->name);
  const NodeClaim* object = api_.find<NodeClaim>(claim->name);
  if (object != nullptr && !object->initialized && is->ready)
    later(options_.see.draw(dice_), [this, name = claim->name] { check_initialized(name); });
}

/// Node ready, startup taints gone. No resource requests: Kerf's claims have none.
void Karpenter::check_initialized(const std::string& name) {
  Claim* claim = find(name);
  const NodeClaim* object = api_.find<NodeClaim>(name);
  if (claim == nullptr || object == nullptr || object->initialized) return;
  const Node* node = api_.find<Node>(claim->instance.node);
  if (node == nullptr || !node->ready) return;
  for (const cluster::Taint& taint : object->startup_taints) {
    for (const cluster::Taint& there : node->taints)
      if (there.key == taint.key && there.effect == taint.effect) return;
  }
  note(What::Initialized, *claim);
  api_.mutate<NodeClaim>(Key{"", name}, [](NodeClaim& changed) { changed.initialized = true; });
  api_.mutate<Node>(Key{"", claim->instance.node}, [](Node& changed) {
    changed.meta.labels["karpenter.sh/initialized"] = "true";
  });
}

// --- Prices --------------------------------------------------------------------------------------

void Karpenter::prices_due() {
  change_prices([](Prices&) {});
}

void Karpenter::change_prices(const std::function<void(Prices&)>& change) {
  bill_.settle_all(clock_.now());
  prices_.advance(clock_.now());
  change(prices_);
  apply_prices();
  if (prices_changed_) prices_changed_();
}

/// A spot instance is charged what spot costs now.
void Karpenter::apply_prices() {
  for (const auto& [name, claim] : claims_) {
    const Instance& instance = claim.instance;
    if (instance.id.empty() || !instance.there) continue;
    const Prices::Offered* offered =
        prices_.find(instance.type, instance.zone, instance.capacity_type);
    if (offered != nullptr) bill_.set_rate(instance.id, offered->offering.price);
  }
  clock_.cancel(price_timer_);
  if (prices_.next_change() != kNever)
    price_timer_ = clock_.at(prices_.next_change(), [this] { prices_due(); });
}

}  // namespace kerf::sim
