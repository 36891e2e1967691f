// Buying and giving back: claims, offerings that could not be had, limits by namespace.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "core/control/names.h"
#include "core/controller/mind.h"
#include "core/plan/coupling_zones.h"

namespace kerf::controller {

using control::NodeClaim;
using control::SlicePolicy;
using online::DeviceAt;

namespace {

std::string hex(std::uint64_t number) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text(16, '0');
  for (std::size_t i = 16; i-- > 0; number >>= 4) text[i] = kDigits[number & 15];
  return text;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ",") + part;
  return text;
}

/// Does anything tie the pod to a zone?
bool is_bound_to_zone(const cluster::PodShape& shape) {
  const auto by_label = [](const cluster::Requirement& one) { return plan::is_zone(one.key); };
  const auto by_topology = [](const auto& one) { return plan::is_zone(one.topology_key); };
  const auto any = [](const auto& list, const auto& is) {
    return std::any_of(list.begin(), list.end(), is);
  };
  return shape.volume_zone_bound || any(shape.node_selector, by_label) ||
         any(shape.node_affinity,
             [&](const cluster::Requirements& term) { return any(term, by_label); }) ||
         any(shape.spread, by_topology) || any(shape.affinity, by_topology) ||
         any(shape.anti_affinity, by_topology);
}

/// Zones and capacity types that cost at most a tenth more, so that Karpenter has a choice where
/// something is out (DESIGN 11): zones first, then capacity types that cost no more in any of them.
void widen(NodeClaim& claim, const plan::NodePlan& node, const market::Market& market,
           const cluster::Policy& policy) {
  const auto within = [&](const market::Offering& offering) {
    return offering.type == node.type && !offering.zone.empty() &&
           cluster::allows(policy, market.types[offering.type], offering) &&
           Int128{offering.price.micro} * 10 <= Int128{node.price.micro} * 11;
  };
  std::set<std::string> zones(claim.zones.begin(), claim.zones.end());
  for (const market::Offering& offering : market.offerings)
    if (offering.capacity_type == node.capacity_type && within(offering))
      zones.insert(offering.zone);
  std::map<market::CapacityType, std::pair<std::int64_t, std::int64_t>> others;  // good, dear
  for (const market::Offering& offering : market.offerings) {
    if (offering.type != node.type || offering.capacity_type == node.capacity_type ||
        !zones.contains(offering.zone))
      continue;
    ++(within(offering) ? others[offering.capacity_type].first
                        : others[offering.capacity_type].second);
  }
  claim.zones.assign(zones.begin(), zones.end());
  for (const auto& [type, counts] : others)
    if (counts.first > 0 && counts.second == 0) claim.capacity_types.push_back(type);
}

std::string mode_text(const gpu::Model& model, gpu::GpuMode mode) {
  return model.cuttable() && mode != gpu::GpuMode::Whole ? "cut" : "whole";
}

}  // namespace

std::vector<Key> Controller::Mind::pods_of(const std::vector<std::string>& uids) const {
  std::vector<Key> pods;
  for (const std::string& uid : uids)
    if (const control::Pod* pod = store_.pod(uid)) pods.push_back(control::key_of(pod->meta));
  return pods;
}

int Controller::Mind::unlaunched() const {
  std::int64_t count = std::ssize(creating_);
  for (const auto& [key, claim] : store_.all<NodeClaim>())
    count += !claim.launched() && claim.meta.deleted == 0 && !creating_.contains(key.name) ? 1 : 0;
  // What may not be made keeps nobody else from buying.
  for (const auto& [policy, mind] : policies_)
    for (const auto& [name, to_buy] : mind.to_buy) count -= to_buy.forbidden_since != 0 ? 1 : 0;
  return static_cast<int>(count);
}

std::shared_ptr<const market::Market> Controller::Mind::on_sale() {
  const std::size_t before = refused_.size();
  std::erase_if(refused_, [&](const auto& entry) { return now_ >= entry.second; });
  if (refused_.size() != before) on_sale_.reset();
  for (const auto& [offering, until] : refused_) wake_at(until);
  if (on_sale_ != nullptr) return on_sale_;
  ++market_number_;
  if (refused_.empty()) return on_sale_ = market_;
  auto left = std::make_shared<market::Market>(*market_);
  std::erase_if(left->offerings, [&](const market::Offering& offering) {
    return refused_.contains(
        {left->types[offering.type].name, offering.zone, offering.capacity_type});
  });
  return on_sale_ = left;
}

/// It cannot be had now. `why`: the API server's words; "" = Karpenter could not launch it.
void Controller::Mind::refused(const NodeClaim& claim, const std::string& why) {
  if (market_ == nullptr) return;  // it was told of its end before it knew what is on sale
  const std::string name = claim.meta.name;
  for (const market::Offering& offering : market_->offerings) {
    const bool asked = market_->types[offering.type].name == claim.type &&
                       (claim.zones.empty() || offering.zone.empty() ||
                        std::count(claim.zones.begin(), claim.zones.end(), offering.zone) > 0) &&
                       std::count(claim.capacity_types.begin(), claim.capacity_types.end(),
                                  offering.capacity_type) > 0;
    if (asked)
      refused_[{claim.type, offering.zone, offering.capacity_type}] = now_ + options_.refused_ms;
  }
  on_sale_.reset();
  const auto policy = claim.meta.labels.find(control::kPolicyLabel);
  if (policy != claim.meta.labels.end()) {
    PolicyMind& mind = policies_[policy->second];
    uncount(mind, claim);  // nothing was bought
    mind.to_buy.erase(name);
    Record record;
    record.what = What::Refused;
    record.kind = Kind::NodeClaim;
    record.about = {"", name};
    record.policy = policy->second;
    record.args = {claim.type, joined(claim.zones)};
    if (!why.empty()) record.args.push_back(why);
    record.pods = pods_of(control::bought_for(claim.meta.annotations));
    note(std::move(record));
  }
  std::erase_if(reservations_, [&](const auto& entry) { return entry.second.machine == name; });
  creating_.erase(name);  // last: `claim` may be the one in there
}

// --- Buying --------------------------------------------------------------------------------------

void Controller::Mind::buy(const SlicePolicy& policy, const Problem& problem,
                           const online::Purchase& purchase) {
  int room = options_.unlaunched - unlaunched();
  for (const plan::NodePlan& node : purchase.nodes) {
    if (room <= 0) return;  // the rest is asked for again when these are launched
    std::vector<std::uint32_t> pods;
    std::vector<std::string> uids;
    for (const std::uint32_t pod : node.pods) {
      const std::string& id = problem.ids[pod];
      if (reservations_.contains(id) && problem.whom[pod] == For::Pod) continue;
      if (problem.whom[pod] == For::Pod) {
        const control::Pod* there = pod_of(id);
        if (there == nullptr || !there->node.empty() || there->meta.deleted != 0) continue;
        uids.push_back(there->meta.uid);
      }
      pods.push_back(pod);
    }
    if (pods.size() != node.pods.size()) continue;  // not what is needed any more: ask again
    if (!affordable(policy, problem, node)) continue;
    const std::string name =
        add_claim(policy, problem, node, uids,
                  {{"a node for each pod, for all that is bought with it", purchase.apart}});
    if (name.empty()) continue;
    rebuild();
    for (const std::uint32_t pod : pods) reserve(policy, problem, pod, name, devices_of(node, pod));
    rebuild();
    --room;
  }
}

/// Everything that Karpenter has to know of one planned node.
NodeClaim Controller::Mind::claim_for(const SlicePolicy& policy, const Problem& problem,
                                      const plan::NodePlan& node, const std::string& name) const {
  const market::Market& market = *problem.market;
  const market::InstanceType& type = market.types[node.type];
  const gpu::Model& model = market.model_of(type);
  const cluster::Node as = online::as_node(node, market, policy.buys, name);
  NodeClaim claim;
  claim.meta.name = name;
  claim.meta.labels = policy.buys.node_labels;
  for (const auto& [key, value] : node.labels) claim.meta.labels[key] = value;
  claim.meta.labels[control::kPolicyLabel] = policy.meta.name;
  claim.meta.labels[control::kModeLabel] = mode_text(model, as.mode);
  claim.meta.labels[control::kManagedLabel] = "true";
  claim.meta.labels[control::kOperandsLabel] = "false";
  claim.node_class =
      mode_text(model, as.mode) == "whole" ? policy.node_class_whole : policy.node_class_cut;
  if (const auto* made_from = store_.find<control::NodeClass>(claim.node_class))
    claim.meta.annotations[control::kNodeClassHash] = made_from->hash;
  claim.type = type.name;
  claim.zones = node.zones;
  claim.capacity_types = {node.capacity_type};
  const bool bound = std::any_of(node.pods.begin(), node.pods.end(), [&](std::uint32_t pod) {
    return is_bound_to_zone(problem.pending.shapes[problem.pending.pods[pod].shape]);
  });
  if (!bound) widen(claim, node, market, policy.buys);
  claim.taints = policy.buys.node_taints;
  claim.taints.push_back({control::kSlicesTaint, "", "NoSchedule"});
  claim.startup_taints = {{control::kUncutTaint, "", "NoSchedule"}};
  claim.expire_after_ms = kExpireAfterMs;
  claim.layout.gpus.resize(node.gpus.size());
  for (std::size_t g = 0; g < node.gpus.size(); ++g)
    for (const plan::SlicePlan& slice : node.gpus[g].slices) {
      control::WantedSlice wanted{control::form_text(model, slice.form), slice.start,
                                  control::natural_resource(model, slice.form), false};
      if (slice.pod != plan::kNoPod) {
        const cluster::PodShape& shape =
            problem.pending.shapes[problem.pending.pods[slice.pod].shape];
        const std::vector<DeviceAt> devices = devices_of(node, slice.pod);
        const std::vector<std::string> names =
            resources_for(shape, market, type, policy.buys, devices);
        for (std::size_t d = 0; d < devices.size(); ++d)
          if (devices[d] == DeviceAt{static_cast<std::uint32_t>(g), slice.form, slice.start})
            wanted.resource = names[d];
        wanted.published =
            problem.whom[slice.pod] == For::Pod || problem.whom[slice.pod] == For::Warm;
      }
      claim.layout.gpus[g].slices.push_back(std::move(wanted));
    }
  return claim;
}

/// Writes down a purchase that will be made; "" if the same need has been bought for already.
std::string Controller::Mind::add_claim(const SlicePolicy& policy, const Problem& problem,
                                        const plan::NodePlan& node,
                                        const std::vector<std::string>& uids,
                                        std::vector<Alternative> others) {
  PolicyMind& mind = policies_[policy.meta.name];
  Hasher hasher;
  hasher.add(policy.meta.uid);
  hasher.add(problem.market->types[node.type].name);
  for (const std::uint32_t pod : node.pods) hasher.add(problem.ids[pod]);
  for (const std::string& uid : uids) {
    const auto count = mind.kept.purchases.find(uid);
    hasher.add(count == mind.kept.purchases.end() ? std::int64_t{0} : count->second);
  }
  const std::string name = "kerf-" + hex(hasher.value());
  if (creating_.contains(name) || store_.find<NodeClaim>(name) != nullptr ||
      !is_free(Kind::NodeClaim, {"", name}))
    return "";
  ToBuy to_buy;
  to_buy.claim = claim_for(policy, problem, node, name);
  // Karpenter deletes a claim whose NodeClass is not ready, as if it could not be had.
  const auto* made_from = store_.find<control::NodeClass>(to_buy.claim.node_class);
  if (made_from == nullptr || !made_from->ready) {
    for (const std::string& uid : uids)
      if (const control::Pod* pod = store_.pod(uid))
        has_to_wait(policy.meta.name, *pod, {"NodeClassNotReady", to_buy.claim.node_class});
    return "";
  }
  to_buy.claim.meta.annotations[control::kBoughtFor] = joined(uids);
  for (const std::string& uid : uids) ++mind.kept.purchases[uid];
  to_buy.noted = must_keep(mind);
  to_buy.since = now_;
  to_buy.price = node.price;
  to_buy.pods = node.pods.size();
  creating_[name] = to_buy.claim;
  Record record;
  record.what = What::Buy;
  record.kind = Kind::NodeClaim;
  record.about = {"", name};
  record.policy = policy.meta.name;
  record.price = node.price;
  record.pods = pods_of(uids);
  record.args = {to_buy.claim.type, std::string(market::to_string(node.capacity_type)),
                 joined(to_buy.claim.zones), std::to_string(node.pods.size())};
  record.others = std::move(others);
  note(std::move(record));
  mind.to_buy[name] = std::move(to_buy);
  return name;
}

/// True if a claim was given up that had not been seen yet: the fleet has it no more.
bool Controller::Mind::create_claims() {
  bool given_up = false;
  int under_way = unlaunched();  // more than that wait for their turn
  for (const auto& [policy, mind] : policies_)
    for (const auto& [name, to_buy] : mind.to_buy)
      under_way -=
          to_buy.asked || to_buy.forbidden_since != 0 || store_.find<NodeClaim>(name) != nullptr
              ? 0
              : 1;
  for (auto& [policy, mind] : policies_) {
    for (auto at = mind.to_buy.begin(); at != mind.to_buy.end();) {
      auto& [name, to_buy] = *at;
      const bool seen = store_.find<NodeClaim>(name) != nullptr;
      const bool lost = to_buy.asked && is_free(Kind::NodeClaim, {"", name}) &&
                        now_ >= to_buy.since + Flight::kLate;
      const bool wanted = std::any_of(reservations_.begin(), reservations_.end(),
                                      [&](auto& r) { return r.second.machine == name; }) ||
                          is_awaited(mind, name);
      if (seen || lost || (!to_buy.asked && (!wanted || acting(policy) == nullptr))) {
        if (!seen && !to_buy.asked) uncount(mind, to_buy.claim);
        if (!seen) {
          creating_.erase(name);
          given_up = true;
          wake_at(now_ + 1);  // whoever it was for is looked at again
        }
        at = mind.to_buy.erase(at);
        continue;
      }
      if (!to_buy.asked && mind.written >= to_buy.noted && under_way < options_.unlaunched &&
          is_free(Kind::NodeClaim, {"", name})) {
        ++under_way;
        ask(Kind::NodeClaim, Key{"", name}, 0, CreateClaim{to_buy.claim});
        to_buy.asked = true;
        to_buy.since = now_;
      }
      if (to_buy.asked) wake_at(to_buy.since + Flight::kLate);
      ++at;
    }
  }
  return given_up;
}

/// The purchase came to nothing: it does not count against the pods.
void Controller::Mind::uncount(PolicyMind& mind, const NodeClaim& claim) {
  for (const std::string& uid : control::bought_for(claim.meta.annotations)) {
    const auto count = mind.kept.purchases.find(uid);
    if (count != mind.kept.purchases.end() && --count->second == 0)
      mind.kept.purchases.erase(count);
  }
  must_keep(mind);
}

bool Controller::Mind::is_awaited(const PolicyMind& mind, const std::string& claim) const {
  return std::any_of(mind.transactions.begin(), mind.transactions.end(), [&](const auto& t) {
    return std::count(t.bought.begin(), t.bought.end(), claim) > 0;
  });
}

// --- Giving back ---------------------------------------------------------------------------------

/// A claim that has not become a node in service in time, or whose node has not been ready for as
/// long.
void Controller::Mind::give_up_claims() {
  for (const auto& [name, machine] : fleet_) {
    MachineMemory& memory = machines_[name];
    const bool came = machine.node != nullptr && !machine.uncut;
    const bool away = came && !machine.node->ready;
    if (!away) memory.away_since = 0;
    else if (memory.away_since == 0) memory.away_since = now_;
    if ((came && memory.closing == "never-came") || (!away && memory.closing == "lost"))
      memory.closing.clear();
    if ((came && !away) || machine.claim == nullptr || creating_.contains(name) || machine.going ||
        acting(machine.policy) == nullptr)
      continue;
    // By both clocks, the API server's and this one's: later, never sooner.
    const Instant since =
        away ? memory.away_since : std::max(machine.claim->meta.created, memory.first_seen);
    const Instant over = since + options_.node_deadline_ms;
    if (now_ < over) {
      wake_at(over);
    } else if (memory.closing.empty() || (away && memory.closing != "lost")) {
      memory.closing = away ? "lost" : "never-came";
      wake_at(now_ + 1);  // layouts follow
    }
  }
}

void Controller::Mind::give_back() {
  for (const auto& [name, machine] : fleet_) {
    MachineMemory& memory = machines_[name];
    if (memory.closing.empty() || machine.claim == nullptr || machine.going ||
        creating_.contains(name) || acting(machine.policy) == nullptr)
      continue;
    const bool lost = memory.closing == "lost";
    // Who was told to end on a node that is lost never says that it has.
    const bool held = std::any_of(machine.seats.begin(), machine.seats.end(), [&](const Seat& s) {
      return s.pod != nullptr && !s.daemon && !(lost && s.pod->meta.deleted != 0);
    });
    if (memory.closing == "empty" && (held || machine.strangers)) {
      memory.closing.clear();  // somebody came
      memory.empty_since = 0;
      continue;
    }
    // Where the startup taint is on, or the node is cordoned or not ready, nobody can be bound,
    // whatever is offered there.
    const bool closed =
        (machine.uncut && memory.closing == "never-came") || machine.cordoned || lost;
    if (held || machine.strangers || (!closed && !nothing_offered(machine))) continue;
    const Key key{"", name};
    if (!is_free(Kind::NodeClaim, key)) continue;
    ask(Kind::NodeClaim, key, machine.claim->meta.version,
        DeleteClaim{name, machine.claim->meta.uid});
    note({now_,
          What::Return,
          Kind::NodeClaim,
          key,
          machine.policy,
          {memory.closing},
          machine.price,
          {}});
  }
}

/// Nobody with a GPU request can be bound to the machine any more. What its DaemonSets hold does
/// not count: that goes with the node.
bool Controller::Mind::nothing_offered(const Machine& machine) const {
  if (machine.node == nullptr) return true;
  const Key key{"", machine.node->meta.name};
  if (flight_.busy(Kind::GpuNode, key, now_) || flight_.busy(Kind::Node, key, now_)) return false;
  control::Amounts held;
  std::set<std::string> ids;
  for (const Seat& seat : machine.seats)
    for (std::size_t d = 0; seat.daemon && d < seat.devices.size(); ++d) {
      ++held[seat.resources[d]];
      ids.insert(id_of(machine, seat.devices[d]));
    }
  for (const auto& [resource, count] : machine.node->allocatable_of)
    if (count > held[resource] &&
        (resource.starts_with("nvidia.com/") || resource.starts_with("kerf.dev/")))
      return false;
  if (machine.gpus == nullptr) return true;
  const auto offered = [&](const auto& gpus, const auto& is_offered) {
    for (std::uint32_t g = 0; g < gpus.size(); ++g)
      for (const auto& slice : gpus[g].slices)
        if (is_offered(slice) && !ids.contains(control::device_id(g, slice.form, slice.start)))
          return true;
    return false;
  };
  if (offered(machine.gpus->spec.gpus, [](const auto& slice) { return slice.published; }))
    return false;
  // An agent that has not parked them in the time that a layout has is not there: kubelet has none.
  return machines_.at(machine.name).failed ||
         !offered(machine.gpus->status.gpus, [](const control::SliceStatus& slice) {
           return slice.published || slice.state == cluster::SliceState::Used;
         });
}

}  // namespace kerf::controller
