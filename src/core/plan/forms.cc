// forms_for: which forms of a GPU serve a request.
#include <algorithm>
#include <cstdlib>
#include <limits>

#include "core/plan/admission.h"

namespace kerf::plan {
namespace {

using cluster::GpuRequest;
using cluster::GpuRequestKind;
using cluster::Isolation;
using gpu::Form;
using gpu::FormKind;
using gpu::Model;

bool serves_portable(const Model& model, const Form& form, std::int32_t gib, Isolation isolation) {
  if (form.nominal_gb < gib) return false;
  switch (form.kind) {
    case FormKind::Slice: return !model.profiles[form.profile].special();
    case FormKind::TimeSliced: return isolation == Isolation::Shared;
    case FormKind::Mps: return isolation != Isolation::Isolated;
    case FormKind::Whole:
    case FormKind::Fraction: return true;
  }
  return false;
}

/// Slots of the plain profiles that `memory` means for this share; 0 = none is large enough.
int slots_for(const Model& model, std::int32_t share_milli) {
  int fewest = 0;
  for (const gpu::Profile& profile : model.profiles) {
    if (profile.special() || profile.slots * 1000 < share_milli * model.slots) continue;
    if (fewest == 0 || profile.slots < fewest) fewest = profile.slots;
  }
  return fewest;
}

/// The plain profile that `nearest` means; the smaller in compute, then in slots, where two are as
/// near.
std::size_t nearest_profile(const Model& model, std::int32_t share_milli) {
  std::size_t best = model.profiles.size();
  int best_distance = std::numeric_limits<int>::max();
  for (std::size_t p = 0; p < model.profiles.size(); ++p) {
    const gpu::Profile& profile = model.profiles[p];
    if (profile.special()) continue;
    const int distance =
        std::abs(profile.compute_slices * 1000 - share_milli * model.compute_slices);
    const auto size = [&](std::size_t i) {
      return std::pair{model.profiles[i].compute_slices, model.profiles[i].slots};
    };
    if (distance > best_distance) continue;
    if (distance == best_distance && size(best) <= size(p)) continue;
    best_distance = distance;
    best = p;
  }
  return best;
}

}  // namespace

std::vector<Form> forms_for(const GpuRequest& request, const market::Market& market,
                            const market::InstanceType& type, const cluster::Policy& policy) {
  const Model& model = market.model_of(type);
  std::vector<Form> forms = gpu::forms_of(model, type.gpu_fraction, policy.sharing);
  const auto keep = [&](auto&& serves) {
    std::erase_if(forms, [&](const Form& form) { return !serves(form); });
    return forms;
  };
  const auto slice = [](const Form& form) { return form.kind == FormKind::Slice; };
  switch (request.kind) {
    case GpuRequestKind::Whole:
      return keep([&](const Form& form) {
        return form.kind == FormKind::Whole && form.nominal_gb >= request.gib;
      });
    case GpuRequestKind::Slice:
      return keep([&](const Form& form) {
        return slice(form) && model.profiles[form.profile].name == request.profile;
      });
    case GpuRequestKind::Portable: {
      const Isolation isolation = std::min(request.isolation, policy.isolation_floor);
      return keep(
          [&](const Form& form) { return serves_portable(model, form, request.gib, isolation); });
    }
    case GpuRequestKind::ShareOfMemory: {
      const int slots = slots_for(model, request.share_milli);
      return keep([&](const Form& form) {
        return slice(form) && !model.profiles[form.profile].special() &&
               model.profiles[form.profile].slots == slots;
      });
    }
    case GpuRequestKind::ShareOfCompute: {
      const std::size_t nearest = nearest_profile(model, request.share_milli);
      return keep([&](const Form& form) { return slice(form) && form.profile == nearest; });
    }
  }
  return {};
}

}  // namespace kerf::plan
