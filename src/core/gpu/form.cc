// The forms in which a GPU is handed out, their names, and which one never takes more room.
#include "core/gpu/form.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "core/gpu/legality.h"

namespace kerf::gpu {
namespace {

Form share(const Model& model, FormKind kind, int parts) {
  Form form;
  form.kind = kind;
  form.nominal_gb = model.nominal_gb / parts;
  form.memory_mib = model.memory_mib / parts;
  return form;
}

/// Engines that count: 0 where the profile's or the whole GPU's number is unknown, because then
/// Geometry holds nothing against it either.
Usage::EngineCounts counted_engines(const Model& model, const Profile& profile) {
  const Usage::EngineCounts limits = engine_counts(model.full_profile().engines);
  Usage::EngineCounts counts = engine_counts(profile.engines);
  for (std::size_t kind = 0; kind < counts.size(); ++kind) {
    if (limits[kind] < 0 || counts[kind] < 0) counts[kind] = 0;
  }
  return counts;
}

/// True if the bound on instances of `a` can never be what keeps a further `a` away where a `b`
/// could have been: starts or slots run out first, or a `b` beside that many of `a` is illegal.
bool instances_never_bind(const Model& model, const Profile& a, const Profile& b) {
  const int most = a.max_instances;
  if (most >= std::min<int>(static_cast<int>(a.starts.size()), model.slots / a.slots)) return true;
  if (most * a.slots + b.slots > model.slots) return true;
  const Usage::EngineCounts limits = engine_counts(model.full_profile().engines);
  const Usage::EngineCounts of_a = counted_engines(model, a);
  const Usage::EngineCounts of_b = counted_engines(model, b);
  for (std::size_t kind = 0; kind < limits.size(); ++kind) {
    if (limits[kind] >= 0 && most * of_a[kind] + of_b[kind] > limits[kind]) return true;
  }
  return false;
}

}  // namespace

bool mode_is_the_nodes(const Model& model, std::uint8_t fraction) {
  return model.generation == Generation::Ampere && model.cuttable() && fraction == 1;
}

bool allowed_in(GpuMode mode, const Form& form) {
  if (mode == GpuMode::Any) return true;
  return (form.kind == FormKind::Slice) == (mode == GpuMode::Cut);
}

std::vector<Form> forms_of(const Model& model, std::uint8_t fraction,
                           const SharingOptions& sharing) {
  KERF_ASSERT(fraction > 0, "a device is a whole GPU or a fraction of one");
  if (fraction > 1) {
    Form form = share(model, FormKind::Fraction, fraction);
    form.fraction = fraction;
    return {form};
  }
  std::vector<Form> forms = {share(model, FormKind::Whole, 1)};
  if (model.cuttable()) {
    for (std::size_t p = 0; p < model.profiles.size(); ++p) {
      Form form;
      form.kind = FormKind::Slice;
      form.profile = static_cast<std::uint8_t>(p);
      form.nominal_gb = model.profiles[p].nominal_gb;
      form.memory_mib = model.profiles[p].memory_mib;
      forms.push_back(form);
    }
  }
  const auto add_shares = [&](FormKind kind, const std::vector<std::uint8_t>& replicas) {
    for (const std::uint8_t r : replicas) {
      if (r < 2) continue;  // one replica is the whole GPU
      Form form = share(model, kind, r);
      form.replicas = r;
      forms.push_back(form);
    }
  };
  add_shares(FormKind::TimeSliced, sharing.time_slicing_replicas);
  if (sharing.offer_mps) add_shares(FormKind::Mps, sharing.mps_replicas);
  return forms;
}

std::string describe(const Model& model, const Form& form) {
  switch (form.kind) {
    case FormKind::Whole: return "whole " + model.key;
    case FormKind::Slice: return model.profiles.at(form.profile).name;
    case FormKind::Fraction: return fmt::format("1/{} {}", form.fraction, model.key);
    case FormKind::TimeSliced:
      return fmt::format("1/{} of {}, time-sliced", form.replicas, model.key);
    case FormKind::Mps: return fmt::format("1/{} of {}, MPS", form.replicas, model.key);
  }
  return "?";
}

std::string full_name(const Model& model, const Form& form) {
  switch (form.kind) {
    case FormKind::Slice: return describe(model, form) + " " + model.key;
    case FormKind::TimeSliced: return fmt::format("1/{} {}, time-sliced", form.replicas, model.key);
    case FormKind::Mps: return fmt::format("1/{} {}, MPS", form.replicas, model.key);
    case FormKind::Whole:
    case FormKind::Fraction: return describe(model, form);
  }
  return "?";
}

std::string full_name(const Model& model, const Devices& devices) {
  if (devices.size() == 1 && devices[0].second == 1) return full_name(model, devices[0].first);
  const bool slices = std::all_of(devices.begin(), devices.end(), [](const auto& entry) {
    return entry.first.kind == FormKind::Slice;
  });
  std::string text;
  for (const auto& [form, count] : devices) {
    if (!text.empty()) text += " + ";
    if (count > 1) text += fmt::format("{} x ", count);
    text += slices ? describe(model, form) : full_name(model, form);
  }
  return slices ? text + " " + model.key : text;
}

bool dominates(const Model& model, const Form& a, const Form& b) {
  if (a.kind != FormKind::Slice || b.kind != FormKind::Slice) return false;
  if (a.profile == b.profile) return true;
  const Profile& pa = model.profiles.at(a.profile);
  const Profile& pb = model.profiles.at(b.profile);
  if (pa.slots > pb.slots ||
      !std::includes(pa.starts.begin(), pa.starts.end(), pb.starts.begin(), pb.starts.end())) {
    return false;
  }
  const Usage::EngineCounts of_a = counted_engines(model, pa);
  const Usage::EngineCounts of_b = counted_engines(model, pb);
  for (std::size_t kind = 0; kind < of_a.size(); ++kind) {
    if (of_a[kind] > of_b[kind]) return false;
  }
  return instances_never_bind(model, pa, pb);
}

}  // namespace kerf::gpu
