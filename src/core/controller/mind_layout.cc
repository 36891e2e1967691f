// What is cut, offered and withdrawn on each machine: the controller's half of the transaction.
#include <algorithm>
#include <utility>

#include "core/control/names.h"
#include "core/controller/mind.h"
#include "core/online/layout_change.h"

namespace kerf::controller {

using cluster::SliceState;
using control::amount_of;
using control::Amounts;
using control::GpuNodeSpec;
using control::WantedSlice;
using online::Device;
using online::DeviceAt;

namespace {

const WantedSlice* find(const GpuNodeSpec& spec, std::uint32_t gpu, const std::string& form,
                        std::uint8_t start) {
  if (gpu >= spec.gpus.size()) return nullptr;
  for (const WantedSlice& slice : spec.gpus[gpu].slices)
    if (slice.form == form && slice.start == start) return &slice;
  return nullptr;
}

/// What the API may offer now: devices that kubelet has, or is told to have.
struct Offered {
  std::uint32_t gpu = 0;
  std::string form;
  std::uint8_t start = 0;
  std::string resource;
};
std::vector<Offered> offered_now(const Machine& machine) {
  std::vector<Offered> offered;
  const control::GpuNode& node = *machine.gpus;
  for (std::uint32_t g = 0; g < node.status.gpus.size(); ++g)
    for (const control::SliceStatus& slice : node.status.gpus[g].slices)
      if (slice.published) offered.push_back({g, slice.form, slice.start, slice.resource});
  for (std::uint32_t g = 0; g < node.spec.gpus.size(); ++g)
    for (const WantedSlice& slice : node.spec.gpus[g].slices) {
      const bool known = std::any_of(offered.begin(), offered.end(), [&](const Offered& o) {
        return o.gpu == g && o.form == slice.form && o.start == slice.start;
      });
      if (slice.published && !known)
        offered.push_back({g, slice.form, slice.start, slice.resource});
    }
  return offered;
}

/// An agent that was registered, and is not any more: it ends, or kubelet does. What is free is not
/// there for a pod that is on its way.
bool is_off_duty(const control::GpuNodeStatus& status) {
  return !status.ready && !status.epoch.empty();
}

/// What the API offers beyond what is to be there, lowered to that: kubelet's own status may raise
/// what was lowered by what it had a moment ago. Whoever did it, it is lowered again.
Amounts beyond(const Machine& machine, const Amounts& now, const Amounts& staying) {
  Amounts lower;
  // Another plugin serves a name: what it offers is not Kerf's to lower.
  if (machine.gpus->status.degraded == control::Degraded::ForeignPlugin) return lower;
  // "nvidia.com/gpu" may be another plugin's; it is Kerf's where a slice of its has that name.
  const auto has_name = [](const auto& gpus, const std::string& resource) {
    for (const auto& gpu : gpus)
      for (const auto& slice : gpu.slices)
        if (slice.resource == resource) return true;
    return false;
  };
  for (const auto& [resource, count] : machine.node->allocatable_of) {
    const bool ours = now.contains(resource) || resource.starts_with("nvidia.com/mig-") ||
                      resource.starts_with("kerf.dev/") ||
                      has_name(machine.gpus->spec.gpus, resource) ||
                      has_name(machine.gpus->status.gpus, resource);
    if (ours && count > amount_of(staying, resource))
      lower[resource] = amount_of(staying, resource);
  }
  return lower;
}

}  // namespace

/// A resource may have parked slices unless somebody may preempt its users: preemption looks only
/// at what is used, and would end a pod although a free slice is parked beside it.
bool Controller::Mind::may_park(const std::string& resource) const {
  const auto lowest = lowest_users_.find(resource);
  return lowest == lowest_users_.end() || !preempting_ || *preempting_ <= lowest->second;
}

/// A pending pod of that shape for which nothing is offered ends a less important user of what it
/// asks for: the scheduler does so as soon as the pod is there, and does not wait for its place.
bool Controller::Mind::would_preempt(const cluster::PodShape& shape) const {
  if (!preempting_ || shape.priority > *preempting_) return false;
  for (const std::string& resource : resources_of(shape)) {
    const auto lowest = lowest_users_.find(resource);
    if (lowest != lowest_users_.end() && lowest->second < shape.priority) return true;
  }
  return false;
}

/// Who is the least important user of each resource, and how important who preempts can be.
void Controller::Mind::find_priorities() {
  lowest_users_.clear();
  for (const auto& [name, machine] : fleet_)
    for (const Seat& seat : machine.seats) {
      if (seat.pod == nullptr) continue;
      for (const std::string& resource : seat.resources) {
        const auto at = lowest_users_.try_emplace(resource, seat.shape->priority).first;
        at->second = std::min(at->second, seat.shape->priority);
      }
    }
  preempting_.reset();
  for (const auto& [key, priority] : store_.all<control::PriorityClass>())
    if (priority.preempts && !key.name.starts_with("system-"))
      preempting_ = std::max(preempting_.value_or(priority.value), priority.value);
}

bool Controller::Mind::stays_offered(const Machine& machine, const Standing& slice) {
  if (slice.lent) return true;
  if (machine.leaving || machine.making_room) return false;
  MachineMemory& memory = machines_[machine.name];
  const std::string id = id_of(machine, slice.at);
  if (!slice.published) {
    memory.free_since.erase(id);
    return !slice.resource.empty() && !may_park(slice.resource);
  }
  const auto [since, fresh] = memory.free_since.try_emplace(id, now_);
  const Instant over = since->second + options_.park_after_ms;
  if (now_ < over) {
    wake_at(over);
    return true;
  }
  return !may_park(slice.resource);
}

GpuNodeSpec Controller::Mind::target(const Machine& machine) {
  GpuNodeSpec spec;
  spec.gpus.resize(static_cast<std::size_t>(machine.instance->gpu_count));
  // Whoever waits for a node that never comes is served elsewhere once it goes.
  const bool given_up = machines_[machine.name].closing == "never-came";
  const online::SliceTable& table =
      tables_->of(*machine.model, machine.mode, machine.instance->gpu_fraction, {});
  for (std::uint32_t g = 0; g < spec.gpus.size(); ++g) {
    std::vector<WantedSlice>& wanted = spec.gpus[g].slices;
    const auto want = [&](const gpu::Form& form, std::uint8_t start, std::string resource,
                          bool offered) {
      if (resource.empty()) resource = control::natural_resource(*machine.model, form);
      wanted.push_back(
          {control::form_text(*machine.model, form), start, std::move(resource), offered});
    };
    cluster::Gpu gpu;
    std::vector<Device> missing;
    std::vector<DeviceAt> seated;
    for (const Seat& seat : machine.seats)
      for (std::size_t d = 0; d < seat.devices.size(); ++d) {
        const DeviceAt& at = seat.devices[d];
        if (at.gpu != g) continue;
        seated.push_back(at);
        machines_[machine.name].free_since.erase(id_of(machine, at));
        const bool shielded = seat.pod != nullptr && shielded_.contains(seat.pod->meta.uid);
        const Standing* stands = standing_at(machine, at);
        // What was lent while nobody was here is written down first, then taken back like all.
        const bool lent = stands != nullptr && stands->lent;
        want(at.form, at.start, seat.resources[d],
             (seat.offered && !shielded && !given_up) || lent);
        if (stands != nullptr)
          gpu.slices.push_back({at.form, at.start, SliceState::Used, false, cluster::kNone});
        else missing.push_back({*table.unit(at.form), at.start});
      }
    for (const Standing& slice : machine.slices) {
      if (slice.at.gpu != g) continue;
      if (std::find(seated.begin(), seated.end(), slice.at) != seated.end()) continue;
      if (slice.state == SliceState::Retiring) continue;
      SliceState state = slice.state;
      if (state == SliceState::Creating) state = SliceState::Free;
      gpu.slices.push_back({slice.at.form, slice.at.start, state, false, cluster::kNone});
      if (state == SliceState::Used || state == SliceState::Lost)
        want(slice.at.form, slice.at.start, slice.resource, slice.published);
    }
    const online::SliceChange change = online::change_for(table, gpu, missing);
    for (const Standing& slice : machine.slices) {
      const bool is_free = slice.state == SliceState::Free || slice.state == SliceState::Creating;
      if (slice.at.gpu != g || !is_free ||
          std::find(seated.begin(), seated.end(), slice.at) != seated.end())
        continue;
      const bool goes = std::any_of(change.destroy.begin(), change.destroy.end(), [&](auto& d) {
        return d.form == slice.at.form && d.start == slice.at.start;
      });
      if (!goes) want(slice.at.form, slice.at.start, slice.resource, stays_offered(machine, slice));
    }
    for (const cluster::Slice& made : change.create) {
      const DeviceAt at{g, made.form, made.start};
      if (std::find(seated.begin(), seated.end(), at) == seated.end())
        want(made.form, made.start, "", false);
    }
    std::sort(wanted.begin(), wanted.end(), [](const WantedSlice& a, const WantedSlice& b) {
      return std::tie(a.start, a.form) < std::tie(b.start, b.form);
    });
  }
  return spec;
}

void Controller::Mind::lay_out() {
  find_priorities();
  shielded_.clear();
  for (const auto& [name, mind] : policies_)
    for (const Transaction& transaction : mind.transactions)
      for (const MoveState& move : transaction.moves)
        if (move.phase != Phase::Prepare && move.phase != Phase::Done) shielded_.insert(move.uid);
  for (const auto& [name, machine] : fleet_) {
    MachineMemory& memory = machines_[name];
    if (memory.first_seen == 0) {
      memory.first_seen = now_;
      // What was there before is not published again: whoever did it may have, and kubelet does.
      if (machine.gpus != nullptr) {
        memory.published_epoch = machine.gpus->status.epoch;
        memory.published_generation = machine.gpus->meta.generation;
      }
    }
    if (acting(machine.policy) == nullptr || machine.node == nullptr || machine.is_withheld())
      continue;
    // A new node may be seen before it is known which claim it is of, and so what is wanted of it.
    if (machine.uncut && machine.claim == nullptr) continue;
    watch_layout(machine);
    tell_of_losses(machine);
    if (machine.sound) take_or_give(machine, target(machine));
    if (machine.gpus == nullptr) continue;
    nominate(machine);
    publish(machine);
    open(machine);
    label(machine);
  }
  take_back_nominations();
}

void Controller::Mind::take_or_give(const Machine& machine, const GpuNodeSpec& wanted) {
  const std::string& node = machine.node->meta.name;
  const Key key{"", node};
  MachineMemory& memory = machines_[machine.name];
  const bool first = machine.gpus == nullptr;
  const bool same = !first && machine.gpus->spec == wanted;
  if (!first && !withdrawn(machine, wanted, same)) return;
  if (!is_free(Kind::GpuNode, key)) return;
  // Written with the layout; alone only where it has become another one.
  const std::string told =
      first ? "" : control::label_of(machine.gpus->meta.annotations, control::kUsdPerHour);
  const bool priced =
      machine.price.micro == 0 || told.empty() || told == format_exact(machine.price);
  if (same && priced) return;
  ask(Kind::GpuNode, key, first ? 0 : machine.gpus->meta.version,
      PutLayout{node, first ? 0 : machine.gpus->meta.version, wanted, machine.price});
  if (same) return;
  memory.wanted_since = now_;
  const std::string before = first ? "" : text_of(machine, machine.gpus->spec);
  const std::string then = text_of(machine, wanted);
  if (before == then) return;  // something is offered, or not any more
  note({now_, What::Cut, Kind::GpuNode, key, machine.policy, {before, then}, {}, {}});
}

/// Is everything that the wanted layout takes away out of the API's offer, and long enough that
/// whoever was bound before has its devices? Lowers the offer until then, and until the agent has
/// marked the devices: kubelet's own status may raise it meanwhile.
bool Controller::Mind::withdrawn(const Machine& machine, const GpuNodeSpec& wanted, bool same) {
  MachineMemory& memory = machines_[machine.name];
  Amounts now;
  Amounts staying;
  for (const Offered& device : offered_now(machine)) {
    ++now[device.resource];
    const WantedSlice* stays = find(wanted, device.gpu, device.form, device.start);
    const bool offered = stays != nullptr && stays->published && stays->resource == device.resource;
    staying[device.resource] += offered ? 1 : 0;
  }
  // Not what is held: whoever ends would make room for a pod that comes when nobody can admit it.
  if (is_off_duty(machine.gpus->status))
    for (auto& [resource, count] : staying) count = 0;
  Amounts lowered;
  for (const auto& [resource, count] : staying)
    if (count < now[resource]) lowered[resource] = count;
  const control::Node& node = *machine.node;
  Amounts again = beyond(machine, now, staying);
  for (const auto& [resource, count] : lowered) again.erase(resource);
  const auto lower = [&](const Amounts& amounts) {
    const Key key{"", node.meta.name};
    if (is_free(Kind::Node, key))
      ask(Kind::Node, key, node.meta.version, Withdraw{node.meta.name, node.meta.version, amounts});
  };
  if (lowered.empty()) {
    memory.withdrawing = false;
    if (!again.empty()) lower(again);
    return true;
  }
  if (!memory.withdrawing || memory.amounts != lowered) {
    memory.withdrawing = true;
    memory.amounts = lowered;
    memory.low_since = 0;
  }
  const bool low = std::all_of(lowered.begin(), lowered.end(), [&](const auto& entry) {
    return amount_of(node.allocatable_of, entry.first) <= entry.second;
  });
  if (!low) {
    if (!same) memory.low_since = 0;
    again.insert(lowered.begin(), lowered.end());
    lower(again);
    return false;
  }
  if (memory.low_since == 0) memory.low_since = now_;
  if (now_ < memory.low_since + options_.withdraw_ms) {
    wake_at(memory.low_since + options_.withdraw_ms);
    return false;
  }
  return std::all_of(machine.seats.begin(), machine.seats.end(),
                     [](const Seat& seat) { return seat.pod == nullptr || seat.known; });
}

std::string Controller::Mind::text_of(const Machine& machine, const GpuNodeSpec& spec) const {
  std::string text;
  for (const control::WantedGpu& gpu : spec.gpus) {
    text += text.empty() ? "" : " ";
    text += machine.model->key + " [";
    for (std::size_t s = 0; s < gpu.slices.size(); ++s)
      text += (s == 0 ? "" : " ") + gpu.slices[s].form + "@" + std::to_string(gpu.slices[s].start);
    text += "]";
  }
  return text;
}

std::string Controller::Mind::text_of(const Machine& machine,
                                      const std::vector<DeviceAt>& devices) const {
  std::string text;
  for (const DeviceAt& at : devices) {
    text += text.empty() ? "" : " ";
    text += "gpu" + std::to_string(at.gpu) + "/" + control::form_text(*machine.model, at.form) +
            "@" + std::to_string(at.start);
  }
  return text;
}

}  // namespace kerf::controller
