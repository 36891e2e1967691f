// Geometry: what one GPU is cut into is legal and truthful, and MIG mode is one per node on Ampere.
//
// Rules, from NVIDIA's MIG User Guide and nvml.h: the slots of slices are disjoint and each starts
// at one of its profile's starts; a profile is there at most max_instances times; engines of all
// slices together are at most those of the profile that takes the whole GPU, kind by kind where
// both are known. Ampere switches MIG mode by a reset, so that all GPUs of a node share one mode.
#include <algorithm>
#include <array>
#include <set>

#include "core/check/audit.h"

namespace kerf::check {
namespace {

using gpu::FormKind;

constexpr std::size_t kEngines = 5;
constexpr std::array<const char*, kEngines> kEngineNames = {"copy engines", "decoders", "encoders",
                                                            "JPEG engines", "OFA engines"};

std::array<std::int32_t, kEngines> engines_of(const gpu::Profile& profile) {
  const gpu::Engines& e = profile.engines;
  return {e.copy, e.decoders, e.encoders, e.jpeg, e.ofa};
}

void check_engines(Audit& audit, const std::string& where, const gpu::Model& model,
                   const plan::GpuPlan& gpu) {
  const gpu::Profile* const full = widest(model);
  if (full == nullptr) return;
  std::array<std::int32_t, kEngines> used{};
  for (const plan::SlicePlan& slice : gpu.slices) {
    const auto engines = engines_of(model.profiles[slice.form.profile]);
    for (std::size_t kind = 0; kind < kEngines; ++kind) used[kind] += std::max(engines[kind], 0);
  }
  const auto limits = engines_of(*full);
  for (std::size_t kind = 0; kind < kEngines; ++kind) {
    if (limits[kind] >= 0 && used[kind] > limits[kind]) {
      audit.complain("{}: its slices need {} {} and the GPU has {}", where, used[kind],
                     kEngineNames[kind], limits[kind]);
    }
  }
}

void check_slices(Audit& audit, const std::string& where, const gpu::Model& model,
                  const plan::GpuPlan& gpu) {
  if (!can_be_cut(model)) {
    audit.complain("{}: {} is cut, and its placements are not known", where, model.key);
    return;
  }
  std::vector<bool> taken(model.slots, false);
  std::vector<int> instances(model.profiles.size(), 0);
  for (const plan::SlicePlan& slice : gpu.slices) {
    if (slice.form.profile >= model.profiles.size()) {
      audit.complain("{}: {} has no profile {}", where, model.key, slice.form.profile);
      return;
    }
    const gpu::Profile& profile = model.profiles[slice.form.profile];
    if (std::find(profile.starts.begin(), profile.starts.end(), slice.start) ==
            profile.starts.end() ||
        slice.start + profile.slots > model.slots) {
      audit.complain("{}: {} cannot start at slot {}", where, profile.name, slice.start);
      continue;
    }
    for (std::size_t slot = slice.start; slot < slice.start + std::size_t{profile.slots}; ++slot) {
      if (taken[slot]) {
        audit.complain("{}: slices overlap at slot {}", where, slot);
        break;
      }
      taken[slot] = true;
    }
    if (++instances[slice.form.profile] == profile.max_instances + 1) {
      audit.complain("{}: more than {} slices of {}", where, profile.max_instances, profile.name);
    }
  }
  check_engines(audit, where, model, gpu);
}

/// Whole GPUs, fractions and replicas: how many and numbered how.
void check_uncut(Audit& audit, const std::string& where, const plan::GpuPlan& gpu) {
  const gpu::Form& first = gpu.slices.front().form;
  const bool shared = first.kind == FormKind::TimeSliced || first.kind == FormKind::Mps;
  const std::size_t room = shared ? first.replicas : 1;
  if (gpu.slices.size() > room) {
    audit.complain("{}: {} holders where there is room for {}", where, gpu.slices.size(), room);
  }
  std::set<int> starts;
  for (const plan::SlicePlan& slice : gpu.slices) {
    if (slice.form.replicas != first.replicas) {
      audit.complain("{}: replicas of two sizes on one GPU", where);
    }
    if (slice.start >= room || !starts.insert(slice.start).second) {
      audit.complain("{}: holder number {} is out of range or there twice", where, slice.start);
    }
  }
}

bool offered(const std::vector<std::uint8_t>& replicas, std::uint8_t wanted) {
  return std::find(replicas.begin(), replicas.end(), wanted) != replicas.end();
}

/// The kind is one that this type and this policy have, and the figures of the form are true.
void check_form(Audit& audit, const std::string& where, const market::InstanceType& type,
                const gpu::Model& model, const gpu::Form& form) {
  const gpu::SharingOptions& sharing = audit.policy.sharing;
  const bool fractional = type.gpu_fraction > 1;
  std::int32_t nominal = type.nominal_gb;
  switch (form.kind) {
    case FormKind::Whole: break;
    case FormKind::Fraction:
      if (form.fraction != type.gpu_fraction) {
        audit.complain("{}: says 1/{} of a GPU where the type has 1/{}", where, form.fraction,
                       type.gpu_fraction);
      }
      break;
    case FormKind::Slice:
      if (form.profile >= model.profiles.size()) return;  // said by check_slices
      nominal = model.profiles[form.profile].nominal_gb;
      break;
    case FormKind::TimeSliced:
    case FormKind::Mps: {
      const bool mps = form.kind == FormKind::Mps;
      if ((mps && !sharing.offer_mps) || form.replicas < 2 ||
          !offered(mps ? sharing.mps_replicas : sharing.time_slicing_replicas, form.replicas)) {
        audit.complain("{}: {} among {} is not offered by the policy", where,
                       mps ? "MPS" : "time slicing", form.replicas);
      }
      nominal = form.replicas == 0 ? 0 : nominal / form.replicas;
      break;
    }
  }
  if ((form.kind == FormKind::Fraction) != fractional) {
    audit.complain("{}: {} cannot be had of {}", where, form_name(form, model), type.name);
  }
  if (form.nominal_gb != nominal) {
    audit.complain("{}: {} is given as {} GB and has {} GB", where, form_name(form, model),
                   form.nominal_gb, nominal);
  }
}

enum class Mode : std::uint8_t { Unknown, Cut, Uncut };

}  // namespace

bool can_be_cut(const gpu::Model& model) {
  return !model.profiles.empty() && model.slots > 0 &&
         std::all_of(model.profiles.begin(), model.profiles.end(), [](const gpu::Profile& p) {
           return p.status != gpu::Status::Unverified && !p.starts.empty() && p.slots > 0;
         });
}

const gpu::Profile* widest(const gpu::Model& model) {
  for (const gpu::Profile& profile : model.profiles) {
    if (profile.slots == model.slots && !profile.special()) return &profile;
  }
  return nullptr;
}

void check_geometry(Audit& audit) {
  for (std::size_t i = 0; i < audit.plan.nodes.size(); ++i) {
    const plan::NodePlan& node = audit.plan.nodes[i];
    const market::InstanceType& type = audit.type_of(node);
    const gpu::Model& model = audit.model_of(node);
    if (node.gpus.size() != static_cast<std::size_t>(std::max(type.gpu_count, 0))) {
      audit.complain("{} is planned with {} GPUs and has {}", audit.node_name(i), node.gpus.size(),
                     type.gpu_count);
    }
    Mode mode = Mode::Unknown;
    for (std::size_t g = 0; g < node.gpus.size(); ++g) {
      const plan::GpuPlan& gpu = node.gpus[g];
      if (gpu.slices.empty()) continue;
      const std::string where = fmt::format("{}, GPU {}", audit.node_name(i), g);
      const FormKind kind = gpu.slices.front().form.kind;
      bool one_kind = true;
      for (const plan::SlicePlan& slice : gpu.slices) {
        check_form(audit, where, type, model, slice.form);
        one_kind = one_kind && slice.form.kind == kind;
        if (slice.headroom && slice.pod != plan::kNoPod) {
          audit.complain("{}: a slice is kept free and held by {}", where,
                         audit.pod_name(slice.pod));
        }
      }
      if (!one_kind) {
        audit.complain("{}: forms of two kinds on one GPU", where);
        continue;
      }
      if (kind == FormKind::Slice) {
        check_slices(audit, where, model, gpu);
      } else {
        check_uncut(audit, where, gpu);
      }
      const Mode wanted = kind == FormKind::Slice ? Mode::Cut : Mode::Uncut;
      if (model.generation == gpu::Generation::Ampere && mode != Mode::Unknown && mode != wanted) {
        audit.complain("{}: MIG is on for some GPUs and off for others, and {} has one mode a node",
                       where, model.key);
      }
      mode = wanted;
    }
  }
}

}  // namespace kerf::check
