// GpuContents: every legal layout of one GPU, slot by slot, and sums of them over several GPUs.
#include "core/check/gpu_contents.h"

#include <algorithm>
#include <set>

#include "core/check/audit.h"

namespace kerf::check {
namespace {

using gpu::Form;
using gpu::FormKind;

constexpr std::size_t kEngines = 5;

std::array<std::int32_t, kEngines> engines_of(const gpu::Profile& profile) {
  const gpu::Engines& e = profile.engines;
  return {e.copy, e.decoders, e.encoders, e.jpeg, e.ofa};
}

/// Fills one GPU from slot 0 on.
class Layouts {
 public:
  explicit Layouts(const gpu::Model& model)
      : model_(model), counts_(model.profiles.size(), 0), limits_{-1, -1, -1, -1, -1} {
    if (const gpu::Profile* const full = widest(model)) limits_ = engines_of(*full);
    place(0);
  }
  const std::set<FormCounts>& found() const { return found_; }

 private:
  /// Engines that are not known are not held against anything.
  bool take(const gpu::Profile& profile, int times) {
    const auto engines = engines_of(profile);
    bool within = true;
    for (std::size_t kind = 0; kind < kEngines; ++kind) {
      used_[kind] += times * std::max(engines[kind], 0);
      within = within && (limits_[kind] < 0 || used_[kind] <= limits_[kind]);
    }
    return within;
  }

  void place(std::size_t slot) {
    if (slot >= model_.slots) {
      found_.insert(counts_);
      return;
    }
    // What the rest of the GPU makes of the same counts at the same slot is known.
    if (!seen_.insert({slot, counts_}).second) return;
    place(slot + 1);
    for (std::size_t i = 0; i < model_.profiles.size(); ++i) {
      const gpu::Profile& profile = model_.profiles[i];
      const bool starts =
          std::find(profile.starts.begin(), profile.starts.end(), slot) != profile.starts.end();
      if (!starts || slot + profile.slots > model_.slots || counts_[i] >= profile.max_instances) {
        continue;
      }
      if (take(profile, 1)) {
        ++counts_[i];
        place(slot + profile.slots);
        --counts_[i];
      }
      take(profile, -1);
    }
  }

  const gpu::Model& model_;
  FormCounts counts_;
  std::array<std::int32_t, kEngines> limits_;
  std::array<std::int32_t, kEngines> used_{};
  std::set<std::pair<std::size_t, FormCounts>> seen_;
  std::set<FormCounts> found_;
};

bool covers(const FormCounts& a, const FormCounts& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] < b[i]) return false;
  }
  return true;
}

}  // namespace

std::vector<FormCounts> maximal(std::vector<FormCounts> vectors) {
  std::sort(vectors.begin(), vectors.end(), std::greater<>());
  vectors.erase(std::unique(vectors.begin(), vectors.end()), vectors.end());
  std::vector<FormCounts> kept;  // what covers a vector stands before it in this order
  for (FormCounts& vector : vectors) {
    if (std::none_of(kept.begin(), kept.end(),
                     [&](const FormCounts& other) { return covers(other, vector); })) {
      kept.push_back(std::move(vector));
    }
  }
  return kept;
}

bool covered(const std::vector<FormCounts>& vectors, const FormCounts& counts) {
  return std::any_of(vectors.begin(), vectors.end(),
                     [&](const FormCounts& vector) { return covers(vector, counts); });
}

GpuContents::GpuContents(const market::InstanceType& type, const gpu::Model& model,
                         gpu::GpuMode mode, const cluster::Policy& policy) {
  const bool cut = mode != gpu::GpuMode::Whole;
  const bool uncut = mode != gpu::GpuMode::Cut;
  Form form;
  form.nominal_gb = type.nominal_gb;
  if (type.gpu_fraction > 1) {
    form.kind = FormKind::Fraction;
    form.fraction = type.gpu_fraction;
    if (uncut) {
      forms_.push_back(form);
      add_corner(0, 1);
    }
    return;
  }
  if (uncut) {
    forms_.push_back(form);
    add_corner(0, 1);
  }
  if (cut && can_be_cut(model)) add_slices(model);
  const auto share = [&](FormKind kind, const std::vector<std::uint8_t>& replicas) {
    for (const std::uint8_t among : replicas) {
      form = {};
      form.kind = kind;
      form.replicas = among;
      form.nominal_gb = among == 0 ? 0 : type.nominal_gb / among;
      if (among < 2 || find(form) >= 0) continue;
      forms_.push_back(form);
      add_corner(forms_.size() - 1, among);
    }
  };
  if (uncut) {
    share(FormKind::TimeSliced, policy.sharing.time_slicing_replicas);
    if (policy.sharing.offer_mps) share(FormKind::Mps, policy.sharing.mps_replicas);
  }
  for (FormCounts& corner : corners_) corner.resize(forms_.size(), 0);
  corners_ = maximal(std::move(corners_));
}

void GpuContents::add_corner(std::size_t form, std::uint8_t count) {
  FormCounts corner(form + 1, 0);
  corner[form] = count;
  corners_.push_back(std::move(corner));
}

void GpuContents::add_slices(const gpu::Model& model) {
  const std::size_t first = forms_.size();
  for (std::size_t i = 0; i < model.profiles.size(); ++i) {
    Form form;
    form.kind = FormKind::Slice;
    form.profile = static_cast<std::uint8_t>(i);
    form.nominal_gb = model.profiles[i].nominal_gb;
    forms_.push_back(form);
  }
  const Layouts layouts(model);
  for (const FormCounts& counts :
       maximal(std::vector<FormCounts>(layouts.found().begin(), layouts.found().end()))) {
    FormCounts corner(first, 0);
    corner.insert(corner.end(), counts.begin(), counts.end());
    corners_.push_back(std::move(corner));
  }
}

int GpuContents::find(const Form& form) const {
  for (std::size_t i = 0; i < forms_.size(); ++i) {
    const Form& other = forms_[i];
    const bool shared = form.kind == FormKind::TimeSliced || form.kind == FormKind::Mps;
    if (other.kind == form.kind &&
        (form.kind != FormKind::Slice || other.profile == form.profile) &&
        (!shared || other.replicas == form.replicas) &&
        (form.kind != FormKind::Fraction || other.fraction == form.fraction)) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

bool GpuRoom::fits(const Units& units, int gpus) {
  if (units == Units{}) return true;
  if (gpus <= 0) return false;
  const auto [at, fresh] = known_on_fewer_.try_emplace({units, gpus}, false);
  if (!fresh) return at->second;
  std::size_t first = 0;
  while (units[first] == 0) ++first;
  for (const FormCounts& corner : corners_) {
    // Some GPU holds one of the first form; that one is filled now.
    if (corner.size() <= first || corner[first] == 0) continue;
    Units left = units;
    for (std::size_t i = 0; i < corner.size(); ++i) {
      left[i] = static_cast<std::uint16_t>(left[i] - std::min<std::uint16_t>(left[i], corner[i]));
    }
    if (fits(left, gpus - 1)) {
      known_on_fewer_[{units, gpus}] = true;
      return true;
    }
  }
  return false;
}

}  // namespace kerf::check
