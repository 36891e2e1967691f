// GpuKind: corners from the exact geometry, and the search that parts a set of units over GPUs.
#include "core/plan/gpu_kind.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"

namespace kerf::plan {

namespace {

constexpr std::int64_t kSearchSteps = 50'000;

/// Corners of the MIG part: maximal sets of slices over the profiles that are units.
void add_slice_corners(const gpu::Model& model, const std::vector<gpu::Form>& units,
                       Geometries& tables, std::vector<UnitCounts>& corners) {
  std::vector<std::size_t> profiles;
  std::vector<std::size_t> unit_of;
  for (std::size_t u = 0; u < units.size(); ++u) {
    if (units[u].kind != gpu::FormKind::Slice) continue;
    profiles.push_back(units[u].profile);
    unit_of.push_back(u);
  }
  if (profiles.empty()) return;
  for (const gpu::Counts& counts : tables.of(model)->maximal_counts(profiles)) {
    UnitCounts corner;
    for (std::size_t i = 0; i < profiles.size(); ++i) corner.n[unit_of[i]] = counts[profiles[i]];
    corners.push_back(corner);
  }
}

}  // namespace

std::int32_t form_weight(const gpu::Model& model, const gpu::Form& form) {
  switch (form.kind) {
    case gpu::FormKind::Slice: {
      const gpu::Profile& profile = model.profiles[form.profile];
      // The larger of its two shares: a 3g takes half of the memory and 3/7 of the compute.
      std::int32_t memory = GpuKind::kWholeWeight * profile.slots / model.slots;
      std::int32_t compute = GpuKind::kWholeWeight * profile.compute_slices / model.compute_slices;
      return std::max(memory, compute);
    }
    case gpu::FormKind::TimeSliced:
    case gpu::FormKind::Mps: return GpuKind::kWholeWeight / form.replicas;
    case gpu::FormKind::Whole:
    case gpu::FormKind::Fraction: return GpuKind::kWholeWeight;
  }
  return GpuKind::kWholeWeight;
}

bool UnitCounts::within(const UnitCounts& room) const {
  for (std::size_t i = 0; i < kMax; ++i)
    if (n[i] > room.n[i]) return false;
  return true;
}

UnitCounts UnitCounts::plus(const UnitCounts& other, int times) const {
  UnitCounts sum = *this;
  for (std::size_t i = 0; i < kMax; ++i) {
    if (other.n[i] == 0) continue;  // most are
    int value = n[i] + other.n[i] * times;
    KERF_ASSERT(value >= 0 && value <= 255, "a node holds at most 255 of a unit");
    sum.n[i] = static_cast<std::uint8_t>(value);
  }
  return sum;
}

UnitCounts UnitCounts::minus(const UnitCounts& other) const {
  UnitCounts rest = *this;
  for (std::size_t i = 0; i < kMax; ++i)
    rest.n[i] = static_cast<std::uint8_t>(n[i] > other.n[i] ? n[i] - other.n[i] : 0);
  return rest;
}

UnitCounts UnitCounts::clamp(const UnitCounts& room) const {
  UnitCounts least = *this;
  for (std::size_t i = 0; i < kMax; ++i) least.n[i] = std::min(n[i], room.n[i]);
  return least;
}

std::size_t UnitCountsHash::operator()(const UnitCounts& counts) const {
  static_assert(UnitCounts::kMax == 24);
  std::array<std::uint64_t, 3> words;
  std::memcpy(words.data(), counts.n.data(), 24);
  std::uint64_t h = 0;
  for (std::uint64_t word : words) {
    h = (h ^ word) * 0x9e3779b97f4a7c15ULL;
    h ^= h >> 29;
  }
  return h;
}

std::size_t KnownSets::slot(const UnitCounts& counts) const {
  const std::size_t mask = table_.size() - 1;
  std::size_t at = UnitCountsHash{}(counts)&mask;
  while (!table_[at].counts.zero() && !(table_[at].counts == counts)) at = (at + 1) & mask;
  return at;
}

const KnownSets::Known* KnownSets::find(const UnitCounts& counts) const {
  if (table_.empty()) return nullptr;
  const Known& known = table_[slot(counts)];
  return known.counts.zero() ? nullptr : &known;
}

KnownSets::Known& KnownSets::at(const UnitCounts& counts) {
  if (2 * (used_ + 1) > table_.size()) {
    const std::vector<Known> old = std::move(table_);
    table_.assign(std::max<std::size_t>(64, 2 * old.size()), {});
    for (const Known& known : old)
      if (!known.counts.zero()) table_[slot(known.counts)] = known;
  }
  Known& known = table_[slot(counts)];
  if (known.counts.zero()) {
    known.counts = counts;
    ++used_;
  }
  return known;
}

GpuKind::GpuKind(const gpu::Model& model, GpuMode mode, std::vector<gpu::Form> units,
                 Geometries* tables)
    : model_(&model), mode_(mode), units_(std::move(units)) {
  KERF_ASSERT(units_.size() <= UnitCounts::kMax, "a GPU has at most 24 forms");
  Geometries own;
  add_slice_corners(model, units_, tables != nullptr ? *tables : own, corners_);
  for (std::size_t u = 0; u < units_.size(); ++u) {
    weights_.push_back(form_weight(model, units_[u]));
    by_weight_.push_back(u);
    if (units_[u].kind == gpu::FormKind::Slice) continue;
    UnitCounts corner;
    corner.n[u] = units_[u].replicas;
    corners_.push_back(corner);
  }
  std::stable_sort(by_weight_.begin(), by_weight_.end(),
                   [this](std::size_t a, std::size_t b) { return weights_[a] > weights_[b]; });
  single_ = units_.size() == 1;

  // Inequalities that refuse most impossible sets before any search: by weight, by memory slots, by
  // compute slices, each unit alone, and every prefix of the heaviest units.
  add_inequality(weights_);
  std::vector<std::int32_t> slots(units_.size()), compute(units_.size()), heavy(units_.size());
  for (std::size_t u = 0; u < units_.size(); ++u) {
    bool slice = units_[u].kind == gpu::FormKind::Slice;
    slots[u] = slice ? model.profiles[units_[u].profile].slots : 0;
    compute[u] = slice ? model.profiles[units_[u].profile].compute_slices : 0;
  }
  add_inequality(slots);
  add_inequality(compute);
  for (std::size_t u : by_weight_) {
    std::vector<std::int32_t> alone(units_.size());
    alone[u] = 1;
    add_inequality(alone);
    heavy[u] = 1;
    add_inequality(heavy);
  }
}

void GpuKind::add_inequality(const std::vector<std::int32_t>& w) {
  Inequality inequality;
  std::copy(w.begin(), w.end(), inequality.w.begin());
  for (const UnitCounts& corner : corners_) {
    std::int32_t sum = 0;
    for (std::size_t u = 0; u < units_.size(); ++u) sum += inequality.w[u] * corner.n[u];
    inequality.limit = std::max(inequality.limit, sum);
  }
  if (inequality.limit > 0) inequalities_.push_back(inequality);
}

bool GpuKind::rejected(const UnitCounts& counts, int gpus) const {
  for (const Inequality& inequality : inequalities_) {
    std::int32_t sum = 0;
    for (std::size_t u = 0; u < units_.size(); ++u) sum += inequality.w[u] * counts.n[u];
    if (sum > inequality.limit * gpus) return true;
  }
  return false;
}

std::int64_t GpuKind::weight(const UnitCounts& counts) const {
  std::int64_t sum = 0;
  for (std::size_t u = 0; u < units_.size(); ++u) sum += std::int64_t{weights_[u]} * counts.n[u];
  return sum;
}

std::int64_t GpuKind::heaviest() const {
  std::int64_t most = 0;
  for (const UnitCounts& corner : corners_) most = std::max(most, weight(corner));
  return most;
}

bool GpuKind::covers(const UnitCounts& counts, int gpus) const {
  if (counts.zero()) return true;
  if (single_) return counts.n[0] <= corners_[0].n[0] * gpus;
  if (const KnownSets::Known* known = known_.find(counts)) {
    if (known->enough <= gpus) return true;
    if (known->too_few >= gpus) return false;
  }
  if (rejected(counts, gpus)) return false;
  std::int64_t steps = kSearchSteps;
  bool found = search(counts, gpus, nullptr, steps);
  if (found) {
    KnownSets::Known& known = known_.at(counts);
    known.enough = std::min(known.enough, static_cast<std::uint8_t>(gpus));
  }
  return found;
}

std::optional<std::vector<UnitCounts>> GpuKind::part(const UnitCounts& counts, int gpus) const {
  std::vector<UnitCounts> parts;
  std::int64_t steps = kSearchSteps;
  if (!covers(counts, gpus) || !search(counts, gpus, &parts, steps)) return std::nullopt;
  return parts;
}

// Depth-first: the heaviest unit left must lie on some GPU, so one GPU is given each corner that
// has it, the fullest first. Sets known to need more GPUs are remembered, so no set fails twice.
// Cost: for the counts of one 8-GPU node a few dozen steps; bounded by kSearchSteps.
bool GpuKind::search(const UnitCounts& counts, int gpus, std::vector<UnitCounts>* parts,
                     std::int64_t& steps) const {
  if (counts.zero()) return true;
  if (gpus == 0 || rejected(counts, gpus)) return false;
  if (const KnownSets::Known* known = known_.find(counts); known && known->too_few >= gpus)
    return false;
  if (--steps < 0) {
    exact_ = false;
    return false;
  }
  std::size_t heaviest = 0;
  for (std::size_t u : by_weight_) {
    if (counts.n[u] == 0) continue;
    heaviest = u;
    break;
  }
  std::vector<std::pair<std::int32_t, UnitCounts>> choices;
  for (const UnitCounts& corner : corners_) {
    if (corner.n[heaviest] == 0) continue;
    UnitCounts taken = corner.clamp(counts);
    std::int32_t fill = 0;
    for (std::size_t u = 0; u < units_.size(); ++u) fill += weights_[u] * taken.n[u];
    choices.emplace_back(fill, taken);
  }
  std::sort(choices.begin(), choices.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second > b.second;
  });
  for (std::size_t i = 0; i < choices.size(); ++i) {
    const UnitCounts& taken = choices[i].second;
    bool dominated = false;  // by a choice that takes more: nothing is lost by skipping this one
    for (std::size_t j = 0; j < i && !dominated; ++j) dominated = taken.within(choices[j].second);
    if (dominated) continue;
    if (search(counts.minus(taken), gpus - 1, parts, steps)) {
      if (parts != nullptr) parts->push_back(taken);
      return true;
    }
    if (steps < 0) return false;
  }
  KnownSets::Known& known = known_.at(counts);
  known.too_few = std::max(known.too_few, static_cast<std::uint8_t>(gpus));
  return false;
}

}  // namespace kerf::plan
