// What stands is offered: who is named for it, what the API says of it, when a node takes pods.
#include <algorithm>
#include <utility>

#include "core/control/names.h"
#include "core/controller/mind.h"

namespace kerf::controller {

using cluster::SliceState;
using control::amount_of;
using control::Amounts;
using control::WantedSlice;
using online::DeviceAt;

namespace {

constexpr std::int64_t kNominateAgainMs = 2 * control::kSecond;
constexpr std::int64_t kFailedMs = 15 * control::kMinute;

Amounts published(const control::GpuNodeStatus& status) {
  Amounts amounts;
  for (const control::GpuStatus& gpu : status.gpus)
    for (const control::SliceStatus& slice : gpu.slices)
      if (slice.published) ++amounts[slice.resource];
  return amounts;
}

/// Everything that is wanted stands, and kubelet has what is to be offered.
bool stands_as_wanted(const control::GpuNode& node) {
  const control::GpuNodeStatus& status = node.status;
  for (std::size_t g = 0; g < node.spec.gpus.size(); ++g)
    for (const WantedSlice& wanted : node.spec.gpus[g].slices) {
      if (g >= status.gpus.size()) return false;
      const auto& there = status.gpus[g].slices;
      const bool stands = std::any_of(there.begin(), there.end(), [&](const auto& slice) {
        return slice.form == wanted.form && slice.start == wanted.start &&
               (slice.state == SliceState::Free || slice.state == SliceState::Used) &&
               slice.resource == wanted.resource && (slice.published || !wanted.published);
      });
      if (!stands) return false;
    }
  return true;
}

/// The same, and nothing else stands. What somebody else made beside it keeps nobody from what is
/// there: the node is degraded, and takes nothing new.
bool is_reached(const control::GpuNode& node) {
  const control::GpuNodeStatus& status = node.status;
  if (status.observed_generation != node.meta.generation) return false;
  return status.cut ||
         (status.degraded == control::Degraded::ForeignInstances && stands_as_wanted(node));
}

/// What is to be changed of a node's labels, so that they say what its GPUs are.
PatchNode labels_patch(const Machine& machine) {
  PatchNode patch{machine.node->meta.name, machine.node->meta.version, {}, false, {}};
  const control::Labels& wanted = machine.gpus->status.labels;
  const control::Labels& labels = machine.node->meta.labels;
  if (wanted.empty()) return patch;  // the agent does not know them yet
  for (const auto& [key, value] : wanted)
    if (control::label_of(labels, key.c_str()) != value) patch.labels[key] = value;
  for (const auto& [key, value] : labels)
    if (key.starts_with("nvidia.com/mig-") && !wanted.contains(key))
      patch.remove_labels.push_back(key);
  return patch;
}

/// Its devices stand, and kubelet has confirmed them under their names.
bool are_confirmed(const Machine& machine, const Seat& seat) {
  for (std::size_t d = 0; d < seat.devices.size(); ++d) {
    const Standing* slice = standing_at(machine, seat.devices[d]);
    if (slice == nullptr || !slice->published || slice->resource != seat.resources[d]) return false;
  }
  return true;
}

}  // namespace

void Controller::Mind::nominate(const Machine& machine) {
  const std::string& node = machine.node->meta.name;
  for (const Seat& seat : machine.seats) {
    const control::Pod* pod = waiting_for(seat);
    if (pod == nullptr || !is_ready(machine, seat)) continue;
    Reservation& reservation = reservations_.at(seat.id);
    if (pod->nominated == node) {
      reservation.nominated = std::max<Instant>(reservation.nominated, 1);
      continue;
    }
    if (reservation.nominated != 0 && now_ < reservation.nominated + kNominateAgainMs) {
      wake_at(reservation.nominated + kNominateAgainMs);
      continue;
    }
    // Cleared by an attempt that failed: again when the room can be seen.
    if (reservation.nominated != 0 && !is_visible(machine, seat)) continue;
    const Key key = control::key_of(pod->meta);
    if (!is_free(Kind::Pod, key)) continue;
    reservation.naming = ask(Kind::Pod, key, pod->meta.version,
                             Nominate{key, pod->meta.uid, pod->meta.version, node});
    reservation.nominated = now_;
    named_[pod->meta.uid] = node;
  }
}

/// A place that was given up is no reason for the scheduler to keep it, nor for Karpenter not to
/// buy for the pod. What the scheduler named itself is its own affair: it preempts there.
void Controller::Mind::take_back_nominations() {
  for (auto at = named_.begin(); at != named_.end();) {
    const auto& [uid, node] = *at;
    const control::Pod* pod = store_.pod(uid);
    if (pod == nullptr || !is_pending(*pod)) {
      at = named_.erase(at);
      continue;
    }
    const Key key = control::key_of(pod->meta);
    const control::SlicePolicy* policy = governing(*pod);
    const bool given_up = pod->nominated == node && !reservations_.contains("pod/" + uid) &&
                          policy != nullptr && policy->mode == control::Mode::Act;
    if (given_up && is_free(Kind::Pod, key))
      ask(Kind::Pod, key, pod->meta.version, Nominate{key, uid, pod->meta.version, ""});
    ++at;
  }
}

bool Controller::Mind::is_ready(const Machine& machine, const Seat& seat) {
  return are_confirmed(machine, seat) && machine.seen_by_agent && machine.gpus->status.ready;
}

/// Its devices are in the node's allocatable, and the node takes pods.
bool Controller::Mind::is_visible(const Machine& machine, const Seat& seat) {
  if (!machine.in_service || machine.is_withheld() || !are_confirmed(machine, seat)) return false;
  return std::all_of(seat.resources.begin(), seat.resources.end(), [&](const auto& resource) {
    return offered(machine, resource) >= controller::published(machine, resource);
  });
}

/// All pods that devices are ready for have been nominated, and the API server knows it.
bool Controller::Mind::all_nominated(const Machine& machine) const {
  for (const Seat& seat : machine.seats) {
    const control::Pod* pod = waiting_for(seat);
    if (pod == nullptr || !is_ready(machine, seat)) continue;
    if (reservations_.at(seat.id).nominated == 0 || !is_free(Kind::Pod, control::key_of(pod->meta)))
      return false;
  }
  return true;
}

void Controller::Mind::publish(const Machine& machine) {
  MachineMemory& memory = machines_[machine.name];
  const control::GpuNodeStatus& status = machine.gpus->status;
  const std::int64_t generation = machine.gpus->meta.generation;
  if (memory.withdrawing || !machine.seen_by_agent || !status.ready || status.epoch.empty() ||
      status.observed_generation != generation || !machine.node->ready)
    return;
  if (memory.published_epoch == status.epoch && memory.published_generation == generation) return;
  // Once, so all of it: an agent may say of one resource sooner than of another.
  if (!stands_as_wanted(*machine.gpus)) return;
  Amounts raised;
  for (const auto& [resource, count] : published(status))
    if (amount_of(machine.node->allocatable_of, resource) < count) raised[resource] = count;
  const Key key{"", machine.node->meta.name};
  if (raised.empty() || !all_nominated(machine) || !is_free(Kind::Node, key) ||
      flight_.busy(Kind::GpuNode, key, now_))
    return;
  ask(Kind::Node, key, machine.node->meta.version,
      Publish{key.name, machine.node->meta.version, std::move(raised)});
  memory.published_epoch = status.epoch;
  memory.published_generation = generation;
}

/// A new node takes pods once its first layout is verified and offered.
void Controller::Mind::open(const Machine& machine) {
  const control::GpuNodeStatus& status = machine.gpus->status;
  if (!machine.uncut || machine.unregistered || !machine.node->ready || !status.ready ||
      !is_reached(*machine.gpus) || !all_nominated(machine))
    return;
  for (const auto& [resource, count] : published(status))
    if (amount_of(machine.node->allocatable_of, resource) < count) return;
  const Key key{"", machine.node->meta.name};
  if (!is_free(Kind::Node, key)) return;
  PatchNode patch = labels_patch(machine);
  patch.remove_uncut = true;
  ask(Kind::Node, key, machine.node->meta.version, std::move(patch));
}

/// The labels of GPU Feature Discovery, which pods select nodes by, follow the layout.
void Controller::Mind::label(const Machine& machine) {
  const Key key{"", machine.node->meta.name};
  if (machine.uncut || !machine.seen_by_agent || !is_free(Kind::Node, key)) return;
  PatchNode patch = labels_patch(machine);
  if (patch.labels.empty() && patch.remove_labels.empty()) return;
  ask(Kind::Node, key, machine.node->meta.version, std::move(patch));
}

/// A pod whose slice is lost runs on without a GPU; only people know whether to restart it.
void Controller::Mind::tell_of_losses(const Machine& machine) {
  for (const Seat& seat : machine.seats) {
    if (seat.pod == nullptr || !seat.known) continue;
    std::vector<std::string> lost = {machine.name};
    for (const DeviceAt& at : seat.devices) {
      const Standing* slice = standing_at(machine, at);
      if (slice != nullptr && slice->state == SliceState::Lost) lost.push_back(id_of(machine, at));
    }
    if (lost.size() == 1) continue;
    const Key key = control::key_of(seat.pod->meta);
    note({now_, What::Lost, Kind::Pod, key, machine.policy, std::move(lost), {}, {}});
  }
}

/// A layout that is not reached in time is given up: what was to be placed there goes elsewhere.
void Controller::Mind::watch_layout(const Machine& machine) {
  MachineMemory& memory = machines_[machine.name];
  if (machine.gpus == nullptr) return;
  const control::GpuNodeStatus& status = machine.gpus->status;
  const std::int64_t generation = machine.gpus->meta.generation;
  const bool reached = is_reached(*machine.gpus);
  if (memory.failed && now_ >= memory.failed_until) {
    // As long as it is the same layout that is not reached nobody is sent there.
    memory.failed = !reached && machine.node->ready && memory.wanted == generation;
    if (memory.failed) memory.failed_until = now_ + kFailedMs;
    else memory.wanted = 0;
  }
  if (memory.failed) {
    wake_at(memory.failed_until);
    return;
  }
  if (reached || !machine.node->ready) {
    memory.wanted = 0;
    return;
  }
  if (memory.wanted == 0) memory.wanted_since = now_;
  memory.wanted = generation;
  const Instant over = memory.wanted_since + options_.layout_deadline_ms;
  if (now_ < over) {
    wake_at(over);
    return;
  }
  // What its agent says is in the way may go: the node is unusable until then, and no longer.
  using control::Degraded;
  if (status.degraded == Degraded::No || status.degraded == Degraded::CutFailed ||
      status.degraded == Degraded::IllegalLayout) {
    memory.failed = true;
    memory.failed_until = now_ + kFailedMs;
    wake_at(memory.failed_until);
  }
  note({now_,
        What::Failed,
        Kind::GpuNode,
        {"", machine.node->meta.name},
        machine.policy,
        {control::to_string(status.degraded), status.message},
        {},
        {}});
}

}  // namespace kerf::controller
