// Machines as other parts want them: as nodes that stand, by device ids, by resource names.
#include <algorithm>
#include <utility>

#include "core/control/names.h"
#include "core/controller/fleet.h"
#include "core/plan/admission.h"

namespace kerf::controller {

std::int64_t milli_of(const gpu::Model& model, const gpu::Form& form) {
  if (form.kind == gpu::FormKind::Slice && model.slots > 0)
    return 1000 * model.profiles[form.profile].slots / model.slots;
  return form.replicas > 1 ? 1000 / form.replicas : 1000;
}

const Standing* standing_at(const Machine& machine, const online::DeviceAt& at) {
  for (const Standing& slice : machine.slices)
    if (slice.at == at) return &slice;
  return nullptr;
}

using cluster::SliceState;
using control::Node;
using online::DeviceAt;

MicroUsdPerHour price_of(const market::Market& market, const Node& node) {
  const std::string type = control::label_of(node.meta.labels, control::kTypeLabel);
  const std::string zone = control::label_of(node.meta.labels, control::kZoneLabel);
  const auto capacity =
      market::parse_capacity_type(control::label_of(node.meta.labels, control::kCapacityLabel))
          .value_or(market::CapacityType::OnDemand);
  for (const auto* list : {&market.offerings, &market.off_sale})
    for (const market::Offering& offering : *list)
      if (market.types[offering.type].name == type && offering.capacity_type == capacity &&
          (offering.zone.empty() || offering.zone == zone))
        return offering.price;
  return {};
}

std::string id_of(const Machine& machine, const DeviceAt& at) {
  return control::device_id(at.gpu, control::form_text(*machine.model, at.form), at.start);
}

std::int64_t published(const Machine& machine, const std::string& resource) {
  return std::count_if(machine.slices.begin(), machine.slices.end(), [&](const Standing& slice) {
    return slice.published && slice.resource == resource;
  });
}

std::int64_t offered(const Machine& machine, const std::string& resource) {
  if (machine.node == nullptr) return 0;
  const auto at = machine.node->allocatable_of.find(resource);
  return at == machine.node->allocatable_of.end() ? 0 : at->second;
}

std::vector<DeviceAt> devices_of(const plan::NodePlan& node, std::uint32_t pod) {
  std::vector<DeviceAt> devices;
  for (std::uint32_t g = 0; g < node.gpus.size(); ++g)
    for (const plan::SlicePlan& slice : node.gpus[g].slices)
      if (slice.pod == pod) devices.push_back({g, slice.form, slice.start});
  return devices;
}

plan::NodePlan renumbered(plan::NodePlan node,
                          const std::function<std::uint32_t(std::uint32_t)>& number) {
  for (std::uint32_t& pod : node.pods) pod = number(pod);
  for (plan::GpuPlan& gpu : node.gpus)
    for (plan::SlicePlan& slice : gpu.slices)
      if (slice.pod != plan::kNoPod) slice.pod = number(slice.pod);
  return node;
}

std::vector<DeviceAt> devices_of(const Machine& machine,
                                 const std::vector<control::HeldDevice>& held) {
  std::vector<DeviceAt> devices;
  for (const control::HeldDevice& device : held) {
    const auto at =
        std::find_if(machine.slices.begin(), machine.slices.end(),
                     [&](const Standing& slice) { return device.id == id_of(machine, slice.at); });
    if (at != machine.slices.end()) devices.push_back(at->at);
  }
  return devices;
}

namespace {

/// What stands on its GPUs, less what seats hold, and what DaemonSets hold.
void add_slices(const Machine& machine, cluster::Node& node) {
  const auto held = [&](const DeviceAt& at) {
    return std::any_of(machine.seats.begin(), machine.seats.end(), [&](const Seat& seat) {
      return std::find(seat.devices.begin(), seat.devices.end(), at) != seat.devices.end();
    });
  };
  for (const Standing& slice : machine.slices) {
    if (slice.at.gpu >= node.gpus.size() || held(slice.at)) continue;
    cluster::Slice as{slice.at.form, slice.at.start, slice.state, slice.published, cluster::kNone};
    if (as.state == SliceState::Creating) as.state = SliceState::Free;
    if (as.state == SliceState::Used) as.state = SliceState::Retiring;
    node.gpus[slice.at.gpu].slices.push_back(as);
  }
  // A DaemonSet's devices are not there for others, and nothing that is counted as a pod.
  for (const Seat& seat : machine.seats)
    for (const DeviceAt& at : seat.devices)
      if (seat.daemon && at.gpu < node.gpus.size())
        node.gpus[at.gpu].slices.push_back(
            {at.form, at.start, SliceState::Retiring, false, cluster::kNone});
}

}  // namespace

cluster::Node as_node(const Machine& machine) {
  cluster::Node node;
  node.name = machine.name;
  node.type = machine.type;
  node.capacity_type = machine.capacity_type;
  node.zone = machine.zone;
  node.price = machine.price;
  node.allocatable = machine.allocatable;
  node.mode = machine.mode;
  node.closed = machine.closed() || machine.making_room || !machine.sound;
  node.gpus.resize(static_cast<std::size_t>(machine.instance->gpu_count));
  // Where what is in use contradicts itself nothing is decided: the machine only counts.
  if (machine.sound) add_slices(machine, node);
  if (machine.node != nullptr) {
    node.labels = machine.node->meta.labels;
    node.labels.emplace("kubernetes.io/hostname", machine.node->meta.name);
    node.labels[control::kNodeNameField] = machine.node->meta.name;  // a DaemonSet's pod names it
    for (const cluster::Taint& taint : machine.node->taints)
      if (taint.key != control::kSlicesTaint && taint.key != control::kUncutTaint &&
          taint.key != control::kDisruptedTaint && !taint.key.starts_with("node.kubernetes.io/") &&
          !taint.key.starts_with("karpenter.sh/"))
        node.taints.push_back(taint);
  } else {
    node.labels = machine.claim->meta.labels;
    for (const cluster::Taint& taint : machine.claim->taints)
      if (taint.key != control::kSlicesTaint) node.taints.push_back(taint);
  }
  return node;
}

std::vector<std::string> resources_of(const cluster::PodShape& shape) {
  std::vector<std::string> names;
  for (const cluster::GpuRequest& request : shape.gpu)
    names.insert(names.end(), static_cast<std::size_t>(request.count),
                 cluster::resource_name(request));
  return names;
}

std::vector<std::string> resources_for(const cluster::PodShape& shape, const market::Market& market,
                                       const market::InstanceType& type,
                                       const cluster::Policy& policy,
                                       const std::vector<DeviceAt>& devices) {
  std::vector<std::string> names(devices.size());
  std::vector<std::pair<std::size_t, const cluster::GpuRequest*>> by_choice;
  std::vector<std::vector<gpu::Form>> forms;
  for (const cluster::GpuRequest& request : shape.gpu) {
    forms.push_back(plan::forms_for(request, market, type, policy));
    by_choice.emplace_back(forms.size() - 1, &request);
  }
  std::stable_sort(by_choice.begin(), by_choice.end(), [&](const auto& a, const auto& b) {
    return forms[a.first].size() < forms[b.first].size();
  });
  for (const auto& [at, request] : by_choice) {
    std::int64_t left = request->count;
    for (std::size_t d = 0; d < devices.size() && left > 0; ++d) {
      if (!names[d].empty()) continue;
      if (std::find(forms[at].begin(), forms[at].end(), devices[d].form) == forms[at].end())
        continue;
      names[d] = cluster::resource_name(*request);
      --left;
    }
  }
  return names;
}

}  // namespace kerf::controller
