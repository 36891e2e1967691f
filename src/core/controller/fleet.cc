// Puts machines together: what stands on their GPUs, who sits where, what is kept for whom.
#include "core/controller/fleet.h"

#include <algorithm>
#include <set>
#include <utility>

#include "core/control/names.h"
#include "core/plan/admission.h"

namespace kerf::controller {

namespace {

using cluster::SliceState;
using control::GpuNodeSpec;
using control::Key;
using control::Node;
using control::NodeClaim;
using control::Pod;
using online::Device;
using online::DeviceAt;

bool has_taint(const std::vector<cluster::Taint>& taints, std::string_view key) {
  return std::any_of(taints.begin(), taints.end(), [&](const auto& t) { return t.key == key; });
}

MicroUsdPerHour price_of(const market::Market& market, const Machine& machine) {
  MicroUsdPerHour fallback;
  MicroUsdPerHour cheapest;
  // What cannot be had now costs whoever has it the same as before.
  for (const auto* list : {&market.offerings, &market.off_sale})
    for (const market::Offering& offering : *list) {
      if (offering.type != machine.type) continue;
      fallback = std::max(fallback, offering.price);
      if (offering.capacity_type != machine.capacity_type) continue;
      const bool here = offering.zone.empty() || offering.zone == machine.zone;
      if (here) return offering.price;
      const bool maybe =
          machine.zone.empty() && machine.claim != nullptr &&
          std::count(machine.claim->zones.begin(), machine.claim->zones.end(), offering.zone) > 0;
      if (maybe && (cheapest.micro == 0 || offering.price < cheapest)) cheapest = offering.price;
    }
  // No price at all any more: it is not known to be less than its dearest like.
  return cheapest.micro != 0 ? cheapest : fallback;
}

gpu::GpuMode mode_of(const Machine& machine, const std::string& text) {
  if (!gpu::mode_is_the_nodes(*machine.model, machine.instance->gpu_fraction))
    return gpu::GpuMode::Any;
  return text == "whole" ? gpu::GpuMode::Whole : gpu::GpuMode::Cut;
}

std::vector<Standing> from_spec(const Machine& machine, const GpuNodeSpec& spec) {
  std::vector<Standing> slices;
  for (std::uint32_t g = 0; g < spec.gpus.size(); ++g)
    for (const control::WantedSlice& wanted : spec.gpus[g].slices) {
      const auto form =
          control::parse_form(*machine.model, wanted.form, machine.instance->gpu_fraction);
      if (!form) continue;
      slices.push_back(
          {{g, *form, wanted.start}, wanted.resource, SliceState::Free, false, false, ""});
    }
  return slices;
}

/// While kubelet's list changes hands the status has no name for a slice: the spec has.
std::string name_of(const control::GpuNode& node, std::uint32_t gpu,
                    const control::SliceStatus& slice) {
  if (!slice.resource.empty() || gpu >= node.spec.gpus.size()) return slice.resource;
  for (const control::WantedSlice& wanted : node.spec.gpus[gpu].slices)
    if (wanted.form == slice.form && wanted.start == slice.start) return wanted.resource;
  return "";
}

/// The agent learns some seconds after everybody else that a pod has ended. What it held is free to
/// plan with; whether anybody still holds it the agent asks before it takes anything.
bool has_ended(const Store& store, const std::string& pod) {
  const auto slash = pod.find('/');
  if (slash == std::string::npos) return false;
  return store.has_gone(Key{pod.substr(0, slash), pod.substr(slash + 1)});
}

std::vector<Standing> from_status(const Machine& machine, const control::GpuNode& node,
                                  const Store& store) {
  const control::GpuNodeStatus& status = node.status;
  std::vector<Standing> slices;
  for (std::uint32_t g = 0; g < status.gpus.size(); ++g)
    for (const control::SliceStatus& slice : status.gpus[g].slices) {
      const auto form =
          control::parse_form(*machine.model, slice.form, machine.instance->gpu_fraction);
      if (!form) continue;
      slices.push_back({{g, *form, slice.start},
                        name_of(node, g, slice),
                        slice.state == SliceState::Used && has_ended(store, slice.pod)
                            ? SliceState::Free
                            : slice.state,
                        slice.published,
                        slice.lent,
                        slice.pod});
    }
  return slices;
}

/// Seats of one machine, each put down only beside those that it can stand beside.
class Seating {
 public:
  Seating(Machine& machine, const online::SliceTable& table) : machine_(machine), table_(table) {
    in_use_.resize(static_cast<std::size_t>(machine.instance->gpu_count));
  }

  /// What nobody that is known here holds and cannot be cut away.
  void block(const DeviceAt& at) {
    if (!put({at})) machine_.sound = false;
  }
  bool put(const std::vector<DeviceAt>& devices) {
    std::vector<std::vector<Device>> after = in_use_;
    for (const DeviceAt& at : devices) {
      const auto unit = table_.unit(at.form);
      if (at.gpu >= after.size() || !unit) return false;
      std::vector<Device>& gpu = after[at.gpu];
      const Device device{*unit, at.start};
      if (std::find(gpu.begin(), gpu.end(), device) != gpu.end()) return false;
      gpu.push_back(device);
      if (!table_.state(gpu)) return false;
    }
    in_use_ = std::move(after);
    return true;
  }
  bool taken(const DeviceAt& at) const {
    const auto unit = table_.unit(at.form);
    if (!unit || at.gpu >= in_use_.size()) return true;
    const std::vector<Device>& gpu = in_use_[at.gpu];
    return std::find(gpu.begin(), gpu.end(), Device{*unit, at.start}) != gpu.end();
  }

 private:
  Machine& machine_;
  const online::SliceTable& table_;
  std::vector<std::vector<Device>> in_use_;
};

class Builder {
 public:
  Builder(const Store& store, const market::Market& market, const market::NodeOverhead& overhead,
          const std::map<std::string, NodeClaim>& creating, const Reservations& reservations,
          online::SliceTables& tables)
      : store_(store),
        market_(market),
        overhead_(overhead),
        creating_(creating),
        reservations_(reservations),
        tables_(tables) {
    for (const auto& [key, pod] : store.all<Pod>())
      if (!pod.node.empty() && !pod.done()) bound_[pod.node].push_back(&pod);
    for (const auto& [id, reservation] : reservations)
      kept_[reservation.machine].push_back(&reservation);
    // Room for nobody gives way to pods.
    for (auto& [machine, kept] : kept_)
      std::stable_sort(kept.begin(), kept.end(),
                       [](const auto* a, const auto* b) { return a->whom < b->whom; });
  }

  Fleet build() {
    std::set<std::string> claimed;
    std::map<std::string, const Node*> by_provider;
    for (const auto& [key, node] : store_.all<Node>())
      if (!node.provider_id.empty()) by_provider[node.provider_id] = &node;
    for (const auto& [name, claim] : creating_)
      if (store_.find<NodeClaim>(name) == nullptr) add(name, &claim, nullptr);
    for (const auto& [key, claim] : store_.all<NodeClaim>()) {
      if (!claim.meta.labels.contains(control::kPolicyLabel)) continue;
      // The claim says which node it became; the node may have been seen before it said so.
      const Node* node = claim.node.empty() ? nullptr : store_.find<Node>(claim.node);
      const auto provided = by_provider.find(claim.provider_id);
      if (node == nullptr && provided != by_provider.end()) node = provided->second;
      if (node != nullptr) claimed.insert(node->meta.name);
      add(claim.meta.name, &claim, node);
    }
    for (const auto& [key, node] : store_.all<Node>())
      if (node.meta.labels.contains(control::kPolicyLabel) && !claimed.contains(key.name))
        add(key.name, nullptr, &node);
    return std::move(fleet_);
  }

 private:
  void add(const std::string& name, const NodeClaim* claim, const Node* node) {
    Machine machine;
    machine.name = name;
    machine.claim = claim;
    machine.node = node;
    if (node != nullptr) machine.gpus = store_.find<control::GpuNode>(node->meta.name);
    // Karpenter copies the claim's labels to the Node some time after kubelet made it.
    control::Labels labels = node != nullptr ? node->meta.labels : control::Labels();
    if (claim != nullptr) labels.insert(claim->meta.labels.begin(), claim->meta.labels.end());
    machine.policy = control::label_of(labels, control::kPolicyLabel);
    const market::InstanceType* type = market_.type_named(
        claim != nullptr ? claim->type : control::label_of(labels, control::kTypeLabel));
    if (type == nullptr) return;
    machine.type = static_cast<std::uint32_t>(type - market_.types.data());
    machine.instance = &market_.types[machine.type];
    machine.model = &market_.model_of(*machine.instance);
    machine.mode = mode_of(machine, control::label_of(labels, control::kModeLabel));
    place(machine, labels);
    judge(machine);
    seat(machine);
    fleet_.emplace(name, std::move(machine));
  }

  void place(Machine& machine, const control::Labels& labels) const {
    machine.zone = control::label_of(labels, control::kZoneLabel);
    const NodeClaim* claim = machine.claim;
    if (machine.zone.empty() && claim != nullptr && claim->launched()) machine.zone = claim->zone;
    if (machine.zone.empty() && claim != nullptr && claim->zones.size() == 1)
      machine.zone = claim->zones.front();
    if (const auto given =
            market::parse_capacity_type(control::label_of(labels, control::kCapacityLabel)))
      machine.capacity_type = *given;
    else if (claim != nullptr && claim->launched()) machine.capacity_type = claim->capacity_type;
    else if (claim != nullptr && !claim->capacity_types.empty())
      machine.capacity_type = claim->capacity_types.front();
    // A machine without a claim is not Kerf's to give back: it saves nothing.
    if (claim != nullptr) machine.price = price_of(market_, machine);
  }

  void judge(Machine& machine) const {
    const Node* node = machine.node;
    const control::GpuNode* gpus = machine.gpus;
    machine.seen_by_agent =
        gpus != nullptr && std::ssize(gpus->status.gpus) == machine.instance->gpu_count;
    machine.unregistered =
        node != nullptr && (has_taint(node->taints, control::kUnregisteredTaint) ||
                            (machine.claim != nullptr && machine.claim->node.empty()));
    machine.uncut =
        machine.unregistered || (node != nullptr && has_taint(node->taints, control::kUncutTaint));
    machine.in_service = node != nullptr && node->ready && machine.seen_by_agent && !machine.uncut;
    machine.going = (machine.claim != nullptr && machine.claim->meta.deleted != 0) ||
                    (machine.claim != nullptr && machine.claim->initialized && node == nullptr) ||
                    (node != nullptr && (node->meta.deleted != 0 ||
                                         has_taint(node->taints, control::kDisruptedTaint)));
    machine.cordoned = node != nullptr && node->cordoned;
    // A node that was in service and is not ready may come back; until then it takes nobody.
    if (node != nullptr && !node->ready && !machine.uncut) machine.unusable = true;
    if (gpus != nullptr && gpus->status.degraded != control::Degraded::No) machine.unusable = true;
    // Its claim is gone, and its instance with it; or it is not known yet which claim it is of.
    if (machine.claim == nullptr && machine.uncut) machine.unusable = true;
    if (machine.seen_by_agent) machine.slices = from_status(machine, *gpus, store_);
    else if (gpus != nullptr) machine.slices = from_spec(machine, gpus->spec);
    else if (machine.claim != nullptr) machine.slices = from_spec(machine, machine.claim->layout);
  }

  void seat(Machine& machine) {
    Seating seating(machine,
                    tables_.of(*machine.model, machine.mode, machine.instance->gpu_fraction, {}));
    std::vector<const Pod*> unknown;
    Resources others;
    if (machine.node != nullptr) {
      const auto bound = bound_.find(machine.node->meta.name);
      if (bound != bound_.end()) sit(machine, bound->second, seating, unknown, others);
    }
    std::int64_t unnamed = 0;
    for (const Standing& slice : machine.slices)
      unnamed += is_unnamed(slice) && !seating.taken(slice.at) ? 1 : 0;
    for (const Pod* pod : unknown) unnamed -= std::ssize(resources_of(pod->shape));
    std::erase_if(unknown, [&](const Pod* pod) {
      return find_unnamed(machine, *pod, unnamed <= 0, seating);
    });
    block_strangers(machine, seating);
    for (const Pod* pod : unknown) guess(machine, *pod, seating);
    const bool said = machine.node != nullptr && (machine.node->ready || !machine.uncut);
    machine.allocatable = said ? machine.node->allocatable - max(others, overhead_.daemonsets)
                               : market::allocatable(*machine.instance, overhead_);
    const auto kept = kept_.find(machine.name);
    if (kept != kept_.end())
      for (const Reservation* reservation : kept->second) keep(machine, *reservation, seating);
    // What retires makes room for whoever has it reserved; other room it still takes.
    std::erase_if(machine.slices, [&](const Standing& slice) {
      return slice.state == SliceState::Retiring && !seating.taken(slice.at) &&
             !seating.put({slice.at});
    });
  }

  /// Pods that are bound and whose devices are known; those of others come later.
  void sit(Machine& machine, const std::vector<const Pod*>& pods, Seating& seating,
           std::vector<const Pod*>& unknown, Resources& others) {
    for (const Pod* pod : pods) {
      const bool daemon = pod->owner.kind == "DaemonSet";
      if (pod->shape.gpu.empty() || daemon) others = others + pod->shape.requests;
      if (pod->shape.gpu.empty()) {
        machine.strangers |= !daemon && !pod->mirror && !is_over(machine, *pod);
        continue;
      }
      std::vector<DeviceAt> devices = devices_of(machine, pod->devices);
      if (devices.empty()) devices = held_by(machine, pod->meta);
      if (devices.size() != resources_of(pod->shape).size()) {
        unknown.push_back(pod);
        continue;
      }
      if (seating.put(devices)) add_seat(machine, *pod, std::move(devices), true);
      else find_no_seat(machine, *pod);
    }
  }

  /// Told to end where nobody will ever say that it has.
  static bool is_over(const Machine& machine, const Pod& pod) {
    return pod.meta.deleted != 0 && machine.node != nullptr && !machine.node->ready;
  }

  /// It is there, and the machine is not empty, whatever it holds.
  static void find_no_seat(Machine& machine, const Pod& pod) {
    machine.sound = false;
    machine.unseated.push_back(&pod);
    machine.strangers |= pod.owner.kind != "DaemonSet" && !is_over(machine, pod);
  }

  static std::vector<DeviceAt> held_by(const Machine& machine, const control::Meta& pod) {
    std::vector<DeviceAt> devices;
    for (const Standing& slice : machine.slices)
      if (slice.state == SliceState::Used && slice.pod == control::key_of(pod).text())
        devices.push_back(slice.at);
    return devices;
  }

  static void block_strangers(Machine& machine, Seating& seating) {
    for (const Standing& slice : machine.slices)
      if ((slice.state == SliceState::Used || slice.state == SliceState::Lost) &&
          !seating.taken(slice.at))
        seating.block(slice.at);
  }

  void add_seat(Machine& machine, const Pod& pod, std::vector<DeviceAt> devices, bool known) {
    Seat seat;
    seat.id = "pod/" + pod.meta.uid;
    seat.pod = &pod;
    seat.shape = &pod.shape;
    seat.daemon = pod.owner.kind == "DaemonSet";
    seat.resources = resources_of(pod.shape);
    seat.devices = std::move(devices);
    seat.known = known;
    for (std::size_t d = 0; known && d < seat.devices.size(); ++d)
      for (const Standing& slice : machine.slices)
        if (slice.at == seat.devices[d] && !slice.resource.empty())
          seat.resources[d] = slice.resource;
    machine.seats.push_back(std::move(seat));
  }

  /// It runs, and nobody names it as the holder of its devices (those of ordinary init containers
  /// are not told): it has those that somebody without a name holds. Where more are held than such
  /// pods are known, somebody has just gone, and it is a guess until the agent has seen that.
  bool find_unnamed(Machine& machine, const Pod& pod, bool sure, Seating& seating) {
    if (!pod.admitted) return false;
    std::vector<DeviceAt> devices;
    for (const std::string& resource : resources_of(pod.shape)) {
      const Standing* held = nullptr;
      for (const Standing& slice : machine.slices) {
        if (!is_unnamed(slice) || slice.resource != resource || seating.taken(slice.at) ||
            std::find(devices.begin(), devices.end(), slice.at) != devices.end())
          continue;
        // What is not offered any more was somebody's who has been told to go. Where nobody has,
        // the first is as good as any, and the same one whatever is offered.
        if (held == nullptr || (!sure && slice.published && !held->published)) held = &slice;
      }
      if (held != nullptr) devices.push_back(held->at);
    }
    if (devices.size() != resources_of(pod.shape).size() || !seating.put(devices)) return false;
    add_seat(machine, pod, std::move(devices), sure);
    return true;
  }
  static bool is_unnamed(const Standing& slice) {
    return slice.state == SliceState::Used && slice.pod.empty();
  }

  /// Bound, and nobody has said yet which devices it got: those kept for it, or any that are
  /// offered.
  void guess(Machine& machine, const Pod& pod, Seating& seating) {
    const auto kept = reservations_.find("pod/" + pod.meta.uid);
    std::vector<DeviceAt> devices;
    if (kept != reservations_.end() && kept->second.machine == machine.name)
      devices = kept->second.devices;
    if (!devices.empty() && seating.put(devices)) {
      add_seat(machine, pod, std::move(devices), false);
      return;
    }
    devices.clear();
    for (const std::string& resource : resources_of(pod.shape)) {
      const auto free =
          std::find_if(machine.slices.begin(), machine.slices.end(), [&](const Standing& slice) {
            return slice.resource == resource && slice.published &&
                   slice.state == SliceState::Free && !seating.taken(slice.at) &&
                   std::find(devices.begin(), devices.end(), slice.at) == devices.end();
          });
      if (free != machine.slices.end()) devices.push_back(free->at);
    }
    if (devices.size() == resources_of(pod.shape).size() && seating.put(devices))
      add_seat(machine, pod, std::move(devices), false);
    else find_no_seat(machine, pod);
  }

  void keep(Machine& machine, const Reservation& reservation, Seating& seating) const {
    for (const Seat& seat : machine.seats)
      if (seat.id == reservation.id) return;  // it has come
    if (!seating.put(reservation.devices)) return;
    Seat seat;
    seat.id = reservation.id;
    seat.kept_shape = reservation.shape;
    seat.shape = seat.kept_shape.get();
    seat.devices = reservation.devices;
    seat.resources = reservation.resources;
    seat.offered = reservation.offered;
    machine.seats.push_back(std::move(seat));
  }

  const Store& store_;
  const market::Market& market_;
  const market::NodeOverhead& overhead_;
  const std::map<std::string, NodeClaim>& creating_;
  const Reservations& reservations_;
  online::SliceTables& tables_;
  std::map<std::string, std::vector<const Pod*>> bound_;
  std::map<std::string, std::vector<const Reservation*>> kept_;
  Fleet fleet_;
};

}  // namespace

Fleet build_fleet(const Store& store, const market::Market& market,
                  const market::NodeOverhead& overhead,
                  const std::map<std::string, control::NodeClaim>& creating,
                  const Reservations& reservations, online::SliceTables& tables) {
  return Builder(store, market, overhead, creating, reservations, tables).build();
}

}  // namespace kerf::controller
