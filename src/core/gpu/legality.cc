// The rules of what fits beside what on one GPU.
#include "core/gpu/legality.h"

#include <limits>

#include "base/assert.h"

namespace kerf::gpu {
namespace {

constexpr std::array<std::string_view, Usage::kEngineKinds> kEngineNames = {
    "copy engines", "decoders", "encoders", "JPEG engines", "OFA engines"};

}  // namespace

Usage::EngineCounts engine_counts(const Engines& engines) {
  return {engines.copy, engines.decoders, engines.encoders, engines.jpeg, engines.ofa};
}

Usage::Usage(const Model& model) : model_(&model), instances_(model.profiles.size(), 0) {
  KERF_ASSERT(model.cuttable(), "only models with known placements are cut");
  limits_ = engine_counts(model.full_profile().engines);
  for (int& limit : limits_) {
    if (limit < 0) limit = std::numeric_limits<int>::max();
  }
  for (const Profile& profile : model.profiles) {
    KERF_ASSERT(profile.slots <= 16, "slots are bits of 16");
    engines_.push_back(engine_counts(profile.engines));
    for (int& count : engines_.back()) {
      if (count < 0) count = 0;
    }
    widths_.push_back(static_cast<std::uint16_t>((1u << profile.slots) - 1));
  }
}

Usage::Conflict Usage::conflict(Placed placed) const {
  const std::size_t p = placed.profile;
  if ((slots_ & (widths_[p] << placed.start)) != 0) return Conflict::Slots;
  if (instances_[p] >= model_->profiles[p].max_instances) return Conflict::Instances;
  for (std::size_t kind = 0; kind < kEngineKinds; ++kind) {
    if (used_[kind] > limits_[kind] - engines_[p][kind]) return Conflict::Engines;
  }
  return Conflict::None;
}

void Usage::add(Placed placed) {
  const std::size_t p = placed.profile;
  slots_ = static_cast<std::uint16_t>(slots_ | (widths_[p] << placed.start));
  ++instances_[p];
  for (std::size_t kind = 0; kind < kEngineKinds; ++kind) used_[kind] += engines_[p][kind];
}

void Usage::remove(Placed placed) {
  const std::size_t p = placed.profile;
  slots_ = static_cast<std::uint16_t>(slots_ & ~(widths_[p] << placed.start));
  --instances_[p];
  for (std::size_t kind = 0; kind < kEngineKinds; ++kind) used_[kind] -= engines_[p][kind];
}

Usage::Shortage Usage::shortage(Placed placed) const {
  for (std::size_t kind = 0; kind < kEngineKinds; ++kind) {
    const int needed = engines_[placed.profile][kind];
    if (used_[kind] > limits_[kind] - needed) {
      return {kEngineNames[kind], used_[kind], needed, limits_[kind]};
    }
  }
  return {};
}

}  // namespace kerf::gpu
