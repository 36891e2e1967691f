// Who wants a place, and which places are kept for whom.
#include <algorithm>
#include <limits>
#include <utility>

#include "core/control/names.h"
#include "core/controller/mind.h"

namespace kerf::controller {

using control::Pod;
using control::PodPhase;
using control::SlicePolicy;
using control::Workload;

namespace {

constexpr std::int64_t kNominatedByOthersMs = control::kMinute;
constexpr std::int64_t kHeirMs = 5 * control::kMinute;

bool is_plain(const Pod& pod) {
  return !pod.gated && !pod.mirror && pod.scheduler == "default-scheduler" &&
         !pod.shape.gpu.empty();
}

std::string room_name(For whom, const std::string& resource, std::int64_t number) {
  return (whom == For::Warm ? "warm/" : "headroom/") + resource + "/" + std::to_string(number);
}

}  // namespace

// --- Reservations --------------------------------------------------------------------------------

/// A pod that its owner made in the place of one that had to go, or that a group was waiting for,
/// takes the place that is kept for it.
void Controller::Mind::inherit() {
  std::map<std::string, std::vector<std::string>> heirs;  // owner -> ids
  for (const auto& [id, reservation] : reservations_)
    if (reservation.whom == For::Successor || reservation.whom == For::Member)
      heirs[reservation.owner].push_back(id);
  if (heirs.empty()) return;
  for (const auto& [key, pod] : store_.all<Pod>()) {
    if (!is_pending(pod) || !is_plain(pod)) continue;
    const auto ids = heirs.find(family(pod));
    const std::string own = "pod/" + pod.meta.uid;
    if (ids == heirs.end() || reservations_.contains(own)) continue;
    for (std::string& id : ids->second) {
      const auto at = reservations_.find(id);
      if (at == reservations_.end() || !(*at->second.shape == pod.shape)) continue;
      // A successor comes after the one it replaces has been told to go.
      if (at->second.whom == For::Successor && !at->second.may_come) continue;
      Reservation reservation = std::move(at->second);
      reservations_.erase(at);
      reservation.id = own;
      reservation.whom = For::Pod;
      reservation.offered = true;
      reservation.heir_of = id;
      reservation.since = now_;
      reservations_.emplace(own, std::move(reservation));
      break;
    }
  }
}

/// What was bought, or cut and nominated, for pods that still wait is theirs, by a run before this
/// one or before the policy observed for a while: the claim says for whom it was bought, the pod
/// where it was nominated to.
void Controller::Mind::recover() {
  std::set<std::string> begin;
  for (const auto& [key, policy] : store_.all<SlicePolicy>()) {
    if (policy.mode != control::Mode::Act) recovered_.erase(policy.meta.name);
    else if (recovered_.insert(policy.meta.name).second) begin.insert(policy.meta.name);
  }
  if (begin.empty()) return;
  std::map<std::string, const Machine*> by_node;
  for (const auto& [name, machine] : fleet_) {
    if (!begin.contains(machine.policy)) continue;
    if (machine.node != nullptr) by_node[machine.node->meta.name] = &machine;
    if (machine.claim == nullptr) continue;
    for (const std::string& uid : control::bought_for(machine.claim->meta.annotations))
      if (const Pod* pod = store_.pod(uid)) recover(machine, *pod);
  }
  for (const auto& [key, pod] : store_.all<Pod>()) {
    const auto machine = by_node.find(pod.nominated);
    if (machine != by_node.end()) recover(*machine->second, pod);
  }
  rebuild();
}

void Controller::Mind::recover(const Machine& machine, const Pod& pod) {
  const std::string id = "pod/" + pod.meta.uid;
  if (!is_pending(pod) || !is_plain(pod) || reservations_.contains(id) || machine.is_withheld())
    return;
  const SlicePolicy* policy = governing(pod);
  if (policy == nullptr || policy->meta.name != machine.policy) return;
  Reservation reservation;
  reservation.resources = resources_of(pod.shape);
  for (const std::string& resource : reservation.resources) {
    const auto is_taken = [&](const online::DeviceAt& at) {
      const auto among = [&](const std::vector<online::DeviceAt>& devices) {
        return std::find(devices.begin(), devices.end(), at) != devices.end();
      };
      return among(reservation.devices) ||
             std::any_of(machine.seats.begin(), machine.seats.end(),
                         [&](const Seat& seat) { return among(seat.devices); }) ||
             std::any_of(reservations_.begin(), reservations_.end(), [&](const auto& entry) {
               return entry.second.machine == machine.name && among(entry.second.devices);
             });
    };
    const auto slice =
        std::find_if(machine.slices.begin(), machine.slices.end(), [&](const Standing& one) {
          const bool is_free =
              one.state == cluster::SliceState::Free || one.state == cluster::SliceState::Creating;
          return is_free && one.resource == resource && !is_taken(one.at);
        });
    if (slice == machine.slices.end()) return;
    reservation.devices.push_back(slice->at);
  }
  reservation.id = id;
  reservation.policy = machine.policy;
  reservation.machine = machine.name;
  reservation.owner = family(pod);
  reservation.shape = std::make_shared<const cluster::PodShape>(pod.shape);
  reservation.since = now_;
  reservations_.emplace(id, std::move(reservation));
}

/// Its machine goes, and not because Kerf empties it.
bool Controller::Mind::is_going(const Pod& pod) const {
  const auto machine = fleet_.find(machine_of(pod));
  return machine != fleet_.end() && machine->second.going;
}

/// True if there were any: the fleet has seats for them.
bool Controller::Mind::forget_stale_reservations() {
  const std::set<std::string> rooms = wanted_room();
  for (auto& [id, reservation] : reservations_) {  // a place can be taken once its node is there
    const auto machine = fleet_.find(reservation.machine);
    if (machine != fleet_.end() && machine->second.coming()) reservation.since = now_;
  }
  const auto is_stale = [&](const Reservation& reservation) {
    const auto machine = fleet_.find(reservation.machine);
    if (machine == fleet_.end() || machine->second.is_withheld()) return true;
    // Nobody works on its machine any more: whoever waits is another policy's to serve. If the
    // policy acts again, `recover` finds the place.
    if (acting(reservation.policy) == nullptr) return true;
    const Machine& there = machine->second;
    const auto seat = std::find_if(there.seats.begin(), there.seats.end(),
                                   [&](const Seat& one) { return one.id == reservation.id; });
    // Another pod has the room; unless that moves away for it.
    if (seat == there.seats.end()) return !waits_for_room(reservation);
    if (reservation.whom == For::Pod) {
      const Pod* pod = pod_of(reservation.id);
      if (pod == nullptr || pod->done() || pod->meta.deleted != 0) return true;
      if (!pod->node.empty())
        return there.node == nullptr || pod->node != there.node->meta.name ||
               (pod->admitted && seat->pod != nullptr && seat->known);
      return there.unusable;
    }
    if (reservation.whom == For::Successor || reservation.whom == For::Member) {
      if (!reservation.may_come) return !is_moving(reservation.id);
      if (now_ >= reservation.since + kHeirMs) {
        const Pod* pod = store_.pod(reservation.id.substr(5));
        if (reservation.whom == For::Successor && pod != nullptr && is_going(*pod))
          did_not_leave_.insert(reservation.id);
        return true;
      }
      wake_at(reservation.since + kHeirMs);
    }
    return there.unusable ||
           (is_room(reservation.whom) && (there.leaving || !rooms.contains(reservation.id)));
  };
  const std::size_t stale =
      std::erase_if(reservations_, [&](const auto& entry) { return is_stale(entry.second); });
  const auto gone = [&](const std::string& uid) { return store_.pod(uid) == nullptr; };
  std::erase_if(disagreed_, [&](const auto& entry) {
    if (now_ < entry.second) wake_at(entry.second);
    return now_ >= entry.second || gone(entry.first);
  });
  std::erase_if(nominated_by_others_, [&](const auto& entry) { return gone(entry.first); });
  std::erase_if(opened_, gone);
  std::erase_if(did_not_leave_, [&](const std::string& heir) {
    const Pod* pod = store_.pod(heir.substr(5));
    return pod == nullptr || !is_going(*pod);
  });
  return stale > 0;
}

// --- Demand --------------------------------------------------------------------------------------

bool Controller::Mind::is_demand(const SlicePolicy& policy, const Pod& pod) const {
  if (!is_pending(pod) || !is_plain(pod) || !pod.unschedulable) return false;
  if (disagreed_.contains(pod.meta.uid) || reservations_.contains("pod/" + pod.meta.uid))
    return false;
  if (governing(pod) != &policy) return false;
  for (const cluster::GpuRequest& request : pod.shape.gpu) {
    const std::string name = cluster::resource_name(request);
    if (!control::buys_for(policy, name)) return false;
    for (const auto& [key, other] : store_.all<control::DeviceClass>())
      if (other.resource == name) return false;
  }
  return true;
}

std::vector<Want> Controller::Mind::wants(const SlicePolicy& policy) {
  std::vector<Want> wants;
  add_pods(policy, wants);
  add_successors(policy, wants);
  if (!wants.empty()) add_members(policy, wants);
  add_room(policy, wants);
  return wants;
}

void Controller::Mind::add_pods(const SlicePolicy& policy, std::vector<Want>& wants) {
  PolicyMind& mind = policies_[policy.meta.name];
  mind.barred = {};
  for (const auto& [key, pod] : store_.all<Pod>()) {
    if (!is_demand(policy, pod)) {
      if (is_pending(pod) && governing(pod) == &policy) say_why_not(policy, pod);
      continue;
    }
    if (pod.kept_out) {
      bar(policy, pod, {"NotTolerated"});
      note({now_, What::Wait, Kind::Pod, key, policy.meta.name, {"NotTolerated"}, {}, {}});
      continue;
    }
    if (!pod.nominated.empty()) {
      // By the scheduler, which makes room for it by preemption; or by Kerf before it started anew.
      const auto ours = named_.find(pod.meta.uid);
      const auto [since, fresh] = nominated_by_others_.try_emplace(pod.meta.uid, now_);
      if ((ours == named_.end() || ours->second != pod.nominated) &&
          now_ < since->second + kNominatedByOthersMs) {
        wake_at(since->second + kNominatedByOthersMs);
        continue;
      }
    }
    Want want;
    want.id = "pod/" + pod.meta.uid;
    want.name = key.text();
    want.owner = family(pod);
    want.shape = &pod.shape;
    want.pod = &pod;
    const auto bought = mind.kept.purchases.find(pod.meta.uid);
    const bool exhausted =
        bought != mind.kept.purchases.end() && bought->second >= options_.purchases_per_pod;
    if (exhausted) {
      bar(policy, pod, {"PurchasesSpent"});
      note({now_,
            What::GaveUp,
            Kind::Pod,
            key,
            policy.meta.name,
            {std::to_string(bought->second)},
            {},
            {}});
    }
    // A DaemonSet's pod is of its own node: nothing is bought for it.
    want.may_buy = !exhausted && !is_daemon(pod) && within_budget(policy, pod.meta.ns);
    want.may_open = want.may_buy && !opened_.contains(pod.meta.uid);
    wants.push_back(std::move(want));
  }
}

/// Counts as waiting; its Event is told by whoever knows more.
void Controller::Mind::bar(const SlicePolicy& policy, const Pod& pod,
                           std::vector<std::string> why) {
  policies_[policy.meta.name].barred.add(control::key_of(pod.meta).text(), std::move(why));
}

/// Of pods that are pending and no demand.
void Controller::Mind::say_why_not(const SlicePolicy& policy, const Pod& pod) {
  if (disagreed_.contains(pod.meta.uid)) bar(policy, pod, {"SchedulerDisagrees"});
  if (!pod.unread || !pod.unschedulable) return;
  std::vector<std::string> why = {"Unsupported"};
  for (const auto& [field, words] : pod.shape.unplaceable) {
    why.push_back(field);
    why.push_back(words);
    break;
  }
  bar(policy, pod, why);
  note({now_,
        What::Wait,
        Kind::Pod,
        control::key_of(pod.meta),
        policy.meta.name,
        std::move(why),
        {},
        {}});
}

/// Pods on machines that go without Kerf having moved them: interrupted, expired, deleted by hand.
/// A place is kept for some minutes, once: whom a budget keeps there for longer is pending first.
void Controller::Mind::add_successors(const SlicePolicy& policy, std::vector<Want>& wants) {
  for (const auto& [name, machine] : fleet_) {
    if (!machine.going || machine.leaving || machine.policy != policy.meta.name) continue;
    for (const Seat& seat : machine.seats) {
      if (seat.pod == nullptr || seat.pod->owner.kind.empty() || is_daemon(*seat.pod) ||
          seat.pod->meta.deleted != 0 || seat.pod->done() || governing(*seat.pod) != &policy)
        continue;
      const std::string id = "heir/" + seat.pod->meta.uid;
      if (reservations_.contains(id) || inherited(id) || did_not_leave_.contains(id)) continue;
      Want want;
      want.id = id;
      want.whom = For::Successor;
      want.name = control::key_of(seat.pod->meta).text();
      want.owner = family(*seat.pod);
      want.shape = seat.shape;
      want.may_buy = within_budget(policy, seat.pod->meta.ns);
      wants.push_back(std::move(want));
    }
  }
}

/// Pods that a group with a pending pod has not made yet.
void Controller::Mind::add_members(const SlicePolicy& policy, std::vector<Want>& wants) {
  std::set<std::string> waiting;
  for (const Want& want : wants)
    if (want.whom == For::Pod) waiting.insert(want.owner);
  std::map<std::string, std::int64_t> members;
  for (const auto& [key, pod] : store_.all<Pod>())
    if (!pod.done()) ++members[family(pod)];
  for (const auto& [id, reservation] : reservations_)
    if (reservation.whom == For::Member) ++members[reservation.owner];
  for (const auto& [key, group] : store_.all<Workload>()) {
    if (!waiting.contains(group.family())) continue;
    const std::int64_t there = members[group.family()];
    for (std::int64_t i = there; i < group.at_once; ++i) {
      Want want;
      want.id = "member/" + group.meta.uid + "/" + std::to_string(i);
      if (reservations_.contains(want.id)) continue;
      want.whom = For::Member;
      want.name = key.text() + "/" + std::to_string(i);
      want.owner = group.family();
      want.shape = &group.shape;
      want.may_buy = within_budget(policy, group.meta.ns);
      wants.push_back(std::move(want));
    }
  }
}

/// The ids of all room that policies want now.
std::set<std::string> Controller::Mind::wanted_room() const {
  std::set<std::string> ids;
  for (const auto& [key, policy] : store_.all<SlicePolicy>()) {
    const auto add = [&](For whom, const cluster::GpuRequest& request, std::int64_t count) {
      for (std::int64_t i = 0; i < count; ++i)
        ids.insert(room_name(whom, cluster::resource_name(request), i) + "/" + policy.meta.name);
    };
    for (const control::Warm& warm : policy.warm) add(For::Warm, warm.request, warm.count);
    for (const cluster::Headroom& room : policy.buys.headroom)
      add(For::Headroom, room.request, room.count);
  }
  return ids;
}

/// Warm slices and headroom: like pods that are less important than all others.
void Controller::Mind::add_room(const SlicePolicy& policy, std::vector<Want>& wants) {
  PolicyMind& mind = policies_[policy.meta.name];
  const auto add = [&](For whom, const cluster::GpuRequest& request, std::int64_t count,
                       const Resources& each) {
    const std::string resource = cluster::resource_name(request);
    cluster::PodShape shape;
    shape.ns = policy.meta.name;
    shape.gpu = {request};
    shape.requests = each;
    shape.requests.pods = 1;
    shape.priority = std::numeric_limits<std::int32_t>::min();
    const auto kept = mind.room.try_emplace({whom, resource}, shape).first;
    for (std::int64_t i = 0; i < count; ++i) {
      Want want;
      want.whom = whom;
      want.name = room_name(whom, resource, i);
      want.id = want.name + "/" + policy.meta.name;
      want.shape = &kept->second;
      if (!reservations_.contains(want.id)) wants.push_back(std::move(want));
    }
  };
  for (const control::Warm& warm : policy.warm) {
    cluster::GpuRequest request = warm.request;
    request.count = 1;
    add(For::Warm, request, warm.count, {});
  }
  for (const cluster::Headroom& room : policy.buys.headroom)
    add(For::Headroom, room.request, room.count, room.each);
}

}  // namespace kerf::controller
