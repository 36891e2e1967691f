// Devices: each pod holds as many devices as it asks for, each of a kind that serves the request.
#include <algorithm>
#include <cstdlib>
#include <set>

#include "core/check/audit.h"

namespace kerf::check {
namespace {

using cluster::GpuRequest;
using cluster::GpuRequestKind;
using cluster::Isolation;
using gpu::Form;
using gpu::FormKind;

/// A portable request is met by nominal memory; what may be shared says its suffix,
/// which the policy's floor can only make stricter. Isolation is ordered from the strictest.
std::string why_not_portable(const GpuRequest& request, const Form& form, const gpu::Model& model,
                             const cluster::Policy& policy) {
  const Isolation isolation = std::min(request.isolation, policy.isolation_floor);
  if (form.nominal_gb < request.gib) {
    return fmt::format("has {} GB where {} are asked for", form.nominal_gb, request.gib);
  }
  switch (form.kind) {
    case FormKind::Slice:
      if (model.profiles[form.profile].special()) return "is of a profile with special engines";
      return "";
    case FormKind::Whole:
    case FormKind::Fraction: return "";
    case FormKind::TimeSliced:
      return isolation == Isolation::Shared ? "" : "takes turns, and its memory is not enforced";
    case FormKind::Mps:
      return isolation == Isolation::Isolated ? "shares its engine with others" : "";
  }
  return "is of an unknown kind";
}

/// The fewest slots that are at least the share of all slots; 0 if there is no such profile.
int fewest_slots(const gpu::Model& model, std::int32_t share_milli) {
  int least = 0;
  for (const gpu::Profile& profile : model.profiles) {
    const bool enough = profile.slots * 1000 >= share_milli * model.slots;
    if (enough && (least == 0 || profile.slots < least)) least = profile.slots;
  }
  return least;
}

/// The compute slices nearest to the share of all, ties to the smaller; 0 without profiles.
int nearest_compute(const gpu::Model& model, std::int32_t share_milli) {
  int best = 0;
  int best_distance = 0;
  for (const gpu::Profile& profile : model.profiles) {
    const int distance =
        std::abs(profile.compute_slices * 1000 - share_milli * model.compute_slices);
    const bool nearer = best == 0 || distance < best_distance ||
                        (distance == best_distance && profile.compute_slices < best);
    if (nearer) {
      best = profile.compute_slices;
      best_distance = distance;
    }
  }
  return best;
}

struct Device {
  std::size_t node = 0;
  const Form* form = nullptr;
};

/// Devices by pod, in the order of nodes, GPUs and slices.
std::vector<std::vector<Device>> devices_by_pod(const Audit& audit) {
  std::vector<std::vector<Device>> held(audit.demand.pods.size());
  for (std::size_t i = 0; i < audit.plan.nodes.size(); ++i) {
    for (const plan::GpuPlan& gpu : audit.plan.nodes[i].gpus) {
      for (const plan::SlicePlan& slice : gpu.slices) {
        if (slice.pod != plan::kNoPod) held[slice.pod].push_back({i, &slice.form});
      }
    }
  }
  return held;
}

bool profile_exists(const Form& form, const gpu::Model& model) {
  return form.kind != FormKind::Slice || form.profile < model.profiles.size();
}

/// `held` is on one node.
void check_kinds(Audit& audit, std::uint32_t pod, const std::vector<Device>& held) {
  const auto& requests = audit.shape_of(pod).gpu;
  const gpu::Model& model = audit.model_of(audit.plan.nodes[held.front().node]);
  std::vector<const Form*> forms;
  for (const Device& device : held) {
    if (!profile_exists(*device.form, model)) return;  // said by check_geometry
    forms.push_back(device.form);
  }
  Int128 asked = 0;
  for (const GpuRequest& request : requests) asked += request.count;
  if (asked != static_cast<Int128>(forms.size())) {
    audit.complain("{} holds {} devices and asks for {}", audit.pod_name(pod), forms.size(),
                   static_cast<std::int64_t>(asked));
    return;
  }
  if (pair_off(requests, forms, model, audit.policy)) return;
  for (const Form* form : forms) {
    std::string why;
    for (const GpuRequest& request : requests) {
      why = why_not_served(request, *form, model, audit.policy);
      if (why.empty()) break;
    }
    if (!why.empty()) {
      audit.complain("{} asks for {} and holds {}, which {}", audit.pod_name(pod),
                     request_name(requests.back()), form_name(*form, model), why);
      return;
    }
  }
  audit.complain("{} holds devices that do not share out among its requests", audit.pod_name(pod));
}

}  // namespace

std::string why_not_served(const GpuRequest& request, const Form& form, const gpu::Model& model,
                           const cluster::Policy& policy) {
  switch (request.kind) {
    case GpuRequestKind::Whole:
      if (form.kind != FormKind::Whole) return "is not a whole GPU";
      return form.nominal_gb >= request.gib ? "" : "has too little memory";
    case GpuRequestKind::Slice:
      if (form.kind != FormKind::Slice) return "is not a MIG slice";
      return model.profiles[form.profile].name == request.profile ? "" : "is another profile";
    case GpuRequestKind::Portable: return why_not_portable(request, form, model, policy);
    case GpuRequestKind::ShareOfMemory:
      if (form.kind != FormKind::Slice) return "is not a MIG slice";
      return model.profiles[form.profile].slots == fewest_slots(model, request.share_milli)
                 ? ""
                 : "is not of the fewest memory slots that suffice";
    case GpuRequestKind::ShareOfCompute:
      if (form.kind != FormKind::Slice) return "is not a MIG slice";
      return model.profiles[form.profile].compute_slices ==
                     nearest_compute(model, request.share_milli)
                 ? ""
                 : "is not of the nearest number of compute slices";
  }
  return "answers a request of an unknown kind";
}

// Bipartite matching by augmenting paths. Devices of a node are few (at most 8 GPUs x 12 slots), so
// devices x places is a few thousand at most.
bool pair_off(const std::vector<GpuRequest>& requests, const std::vector<const Form*>& devices,
              const gpu::Model& model, const cluster::Policy& policy) {
  std::vector<std::size_t> places;  // request of each place
  for (std::size_t r = 0; r < requests.size(); ++r) {
    if (requests[r].count < 0 ||
        requests[r].count > static_cast<std::int64_t>(devices.size() - places.size())) {
      return false;
    }
    places.insert(places.end(), static_cast<std::size_t>(requests[r].count), r);
  }
  if (places.size() != devices.size()) return false;

  std::vector<std::optional<std::size_t>> device_in(places.size());
  std::set<std::size_t> visited;
  const auto seat = [&](const auto& self, std::size_t device) -> bool {
    for (std::size_t place = 0; place < places.size(); ++place) {
      if (!why_not_served(requests[places[place]], *devices[device], model, policy).empty() ||
          !visited.insert(place).second) {
        continue;
      }
      if (!device_in[place] || self(self, *device_in[place])) {
        device_in[place] = device;
        return true;
      }
    }
    return false;
  };
  for (std::size_t device = 0; device < devices.size(); ++device) {
    visited.clear();
    if (!seat(seat, device)) return false;
  }
  return true;
}

void check_devices(Audit& audit) {
  const auto held = devices_by_pod(audit);
  std::vector<const plan::Placement*> placement_of(held.size(), nullptr);
  for (const plan::Placement& placement : audit.plan.placements) {
    placement_of[placement.pod] = &placement;
  }
  for (std::uint32_t pod = 0; pod < held.size(); ++pod) {
    const auto& devices = held[pod];
    const plan::Placement* const placement = placement_of[pod];
    if (placement == nullptr) {
      if (!devices.empty()) {
        audit.complain("{} is not placed and holds a device of {}", audit.pod_name(pod),
                       audit.node_name(devices.front().node));
      }
      continue;
    }
    if (devices.empty()) {
      if (!audit.shape_of(pod).gpu.empty()) {
        audit.complain("{} is placed and holds no device", audit.pod_name(pod));
      }
      continue;
    }
    const auto elsewhere = std::find_if(devices.begin(), devices.end(), [&](const Device& device) {
      return device.node != placement->node;
    });
    if (elsewhere != devices.end()) {
      audit.complain("{} is placed on {} and holds a device of {}", audit.pod_name(pod),
                     audit.node_name(placement->node), audit.node_name(elsewhere->node));
      continue;
    }
    if (std::none_of(devices.begin(), devices.end(),
                     [&](const Device& device) { return *device.form == placement->form; })) {
      audit.complain("{} holds no device of the form that its placement names",
                     audit.pod_name(pod));
    }
    check_kinds(audit, pod, devices);
  }
}

std::string form_name(const Form& form, const gpu::Model& model) {
  switch (form.kind) {
    case FormKind::Whole: return "a whole " + model.key;
    case FormKind::Slice:
      return profile_exists(form, model) ? model.profiles[form.profile].name + " of " + model.key
                                         : "an unknown profile of " + model.key;
    case FormKind::Fraction: return fmt::format("1/{} of {}", form.fraction, model.key);
    case FormKind::TimeSliced:
      return fmt::format("one of {} turns of {}", form.replicas, model.key);
    case FormKind::Mps: return fmt::format("one of {} MPS shares of {}", form.replicas, model.key);
  }
  return model.key;
}

std::string request_name(const GpuRequest& request) {
  switch (request.kind) {
    case GpuRequestKind::Whole: return "nvidia.com/gpu";
    case GpuRequestKind::Slice: {
      std::string name = "nvidia.com/mig-" + request.profile;
      std::replace(name.begin(), name.end(), '+', '.');
      return name;
    }
    case GpuRequestKind::Portable: {
      const char* const suffix = request.isolation == Isolation::Isolated ? "-isolated"
                                 : request.isolation == Isolation::Shared ? "-shared"
                                                                          : "";
      return fmt::format("kerf.dev/gpu-{}gi{}", request.gib, suffix);
    }
    case GpuRequestKind::ShareOfMemory:
      return fmt::format("{}/1000 of a GPU's memory", request.share_milli);
    case GpuRequestKind::ShareOfCompute:
      return fmt::format("{}/1000 of a GPU's compute", request.share_milli);
  }
  return "a GPU";
}

}  // namespace kerf::check
