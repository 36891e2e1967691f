// Judges pairs of GPUs, and says how the planned one would lie on the standing one.
#include "core/plan/gpu_fits.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "core/plan/free_room.h"

namespace kerf::plan {

using cluster::StandingSlice;
using gpu::FormKind;
using gpu::Geometry;

bool is_slices(const GpuPlan& gpu) {
  return !gpu.slices.empty() && gpu.slices[0].form.kind == FormKind::Slice;
}
bool is_others(const StandingSlice& slice) { return slice.pod == kNoPod && !slice.holder.empty(); }

Arrangements::Table* Arrangements::of(const gpu::Model& model) {
  if (!model.cuttable()) return nullptr;
  auto [it, fresh] = tables_.try_emplace(model.key);
  Table& table = it->second;
  if (!fresh) return &table;
  table.geometry = std::make_shared<Geometry>(model);
  for (std::size_t s = 0; s < table.geometry->states(); ++s) {
    std::uint64_t mask = 0;
    for (const gpu::Placed placed : table.geometry->layout(static_cast<Geometry::State>(s)))
      mask |= std::uint64_t{1} << *table.geometry->item(placed);
    table.masks.push_back(mask);
  }
  return &table;
}

GpuFits::GpuFits(const NodePair& nodes, Arrangements::Table* table)
    : nodes_(nodes), table_(table), count_(nodes.planned.gpus.size()) {
  for (const std::vector<SeatPart>& parts : nodes_.seats.gpus) {
    std::map<std::uint32_t, int>& wanted = wanted_.emplace_back();
    for (const SeatPart& part : parts) ++wanted[part.kind];
  }
  for (std::size_t h = 0; h < count_; ++h) there_.push_back(read(h));
  for (std::size_t g = 0; g < count_; ++g)
    for (std::size_t h = 0; h < count_; ++h) fits_.push_back(fit(g, h));
}

GpuFits::There GpuFits::read(std::size_t h) const {
  There there;
  const std::vector<SeatPart>& parts = nodes_.running.gpus[h];
  there.parts.assign(parts.size(), 0);
  std::vector<std::uint64_t> bits;
  for (const StandingSlice& slice : nodes_.standing.gpus[h].slices) {
    const std::uint64_t bit = bit_of(slice);
    bits.push_back((there.all & bit) == 0 ? bit : 0);  // named twice: whose it is is not known
    there.all |= bit;
    if (is_others(slice) && slice.form.kind == FormKind::Slice)
      there.others.push_back({slice.form.profile, slice.start});
  }
  for (std::size_t p = 0; p < parts.size(); ++p) {
    const std::vector<std::uint32_t>& mine = parts[p].slices;
    if (std::any_of(mine.begin(), mine.end(), [&](std::uint32_t s) { return bits[s] == 0; }))
      continue;
    for (const std::uint32_t s : mine) there.parts[p] |= bits[s];
  }
  there.order.resize(parts.size());
  std::iota(there.order.begin(), there.order.end(), 0);
  std::stable_sort(there.order.begin(), there.order.end(), [&](auto a, auto b) {
    return std::tuple(parts[a].kind, !fixed(parts[a].pod)) <
           std::tuple(parts[b].kind, !fixed(parts[b].pod));
  });
  return there;
}

std::uint64_t GpuFits::bit_of(const StandingSlice& slice) const {
  if (slice.form.kind != FormKind::Slice || table_ == nullptr) return 0;
  const auto item = table_->geometry->item({slice.form.profile, slice.start});
  return item ? std::uint64_t{1} << *item : 0;
}

// --- one pair ------------------------------------------------------------------------------

GpuFit GpuFits::fit(std::size_t g, std::size_t h) const {
  if (is_slices(nodes_.planned.gpus[g])) return fit_slices(g, h);
  const std::vector<SlicePlan>& wanted = nodes_.planned.gpus[g].slices;
  const std::vector<StandingSlice>& there = nodes_.standing.gpus[h].slices;
  const auto others = std::count_if(there.begin(), there.end(), is_others);
  GpuFit fit;
  fit.ok = true;
  if (wanted.empty()) {
    fit.spare = static_cast<int>(there.size());
    return fit;
  }
  if (uncut_alike(g, h)) {
    const auto held = std::count_if(wanted.begin(), wanted.end(), [](const SlicePlan& slice) {
      return slice.pod != kNoPod || slice.headroom;
    });
    fit.ok = held + others <= static_cast<std::ptrdiff_t>(there.size());
    count_stays(
        g, h, [](std::size_t) { return true; }, fit);
  } else {
    fit.ok = others == 0;
    fit.made = static_cast<int>(wanted.size());
    fit.spare = static_cast<int>(there.size());
  }
  return fit;
}

/// Both are handed out the same way without being cut.
bool GpuFits::uncut_alike(std::size_t g, std::size_t h) const {
  const std::vector<SlicePlan>& wanted = nodes_.planned.gpus[g].slices;
  const std::vector<StandingSlice>& there = nodes_.standing.gpus[h].slices;
  return !wanted.empty() && wanted.size() == there.size() && !is_slices(nodes_.planned.gpus[g]) &&
         std::all_of(there.begin(), there.end(), [&](const StandingSlice& slice) {
           return same_device(slice.form, wanted[0].form);
         });
}

GpuFit GpuFits::fit_slices(std::size_t g, std::size_t h) const {
  const std::vector<SlicePlan>& wanted = nodes_.planned.gpus[g].slices;
  const There& there = there_[h];
  GpuFit best;
  if (table_ == nullptr) return best;
  for (const StandingSlice& slice : nodes_.standing.gpus[h].slices)
    if (is_others(slice) && slice.form.kind != FormKind::Slice) return best;
  for (const Geometry::State state : states_of(wanted)) {
    const std::uint64_t mask = table_->masks[state];
    if (!there.others.empty() && !legal_beside(state, there.others)) continue;
    GpuFit fit;
    fit.ok = true;
    fit.state = state;
    fit.made = std::popcount(mask & ~there.all);
    fit.spare = std::popcount(there.all & ~mask);
    count_stays(
        g, h, [&](std::size_t p) { return there.parts[p] != 0 && (there.parts[p] & ~mask) == 0; },
        fit);
    for (std::size_t p = 0; p < nodes_.model.profiles.size(); ++p)
      fit.open -= table_->geometry->room(state, p) * nodes_.model.profiles[p].slots;
    if (!best.ok || std::tuple(fit.order(), fit.open) < std::tuple(best.order(), best.open))
      best = fit;
  }
  return best;
}

const std::vector<Geometry::State>& GpuFits::states_of(const std::vector<SlicePlan>& wanted) const {
  gpu::Counts counts(nodes_.model.profiles.size(), 0);
  for (const SlicePlan& slice : wanted) ++counts[slice.form.profile];
  auto [it, fresh] = table_->exactly.try_emplace(counts);
  if (fresh) it->second = table_->geometry->exactly(counts);
  return it->second;
}

bool GpuFits::legal_beside(Geometry::State state, const gpu::Layout& others) const {
  gpu::Layout both = table_->geometry->layout(state);
  both.insert(both.end(), others.begin(), others.end());
  return table_->geometry->state(both).has_value();
}

/// Of each kind no more stay than are planned.
template <class Keeps>
void GpuFits::count_stays(std::size_t g, std::size_t h, Keeps keeps, GpuFit& fit) const {
  const std::vector<SeatPart>& parts = nodes_.running.gpus[h];
  std::uint32_t kind = kNoPod;
  int room = 0;
  for (const std::uint32_t p : there_[h].order) {
    if (parts[p].kind != kind) {
      kind = parts[p].kind;
      const auto wanted = wanted_[g].find(kind);
      room = wanted == wanted_[g].end() ? 0 : wanted->second;
    }
    if (room == 0 || !keeps(p)) continue;
    --room;
    --fit.left;
    if (fixed(parts[p].pod)) --fit.fixed_left;
  }
}

void GpuFits::take_start(SlicePlan& slice, std::size_t h, const SeatPart& stays,
                         std::vector<bool>& taken) const {
  for (const std::uint32_t t : stays.slices) {
    const StandingSlice& there = nodes_.standing.gpus[h].slices[t];
    if (taken[t] || !same_device(there.form, slice.form)) continue;
    taken[t] = true;
    slice.start = there.start;
    return;
  }
}

/// Everybody else on the GPU gets what is left of the starts, in order.
void GpuFits::place_rest(std::size_t g, std::size_t h, GpuPlan& gpu,
                         std::vector<bool>& placed) const {
  if (is_slices(gpu) || uncut_alike(g, h)) {
    std::vector<gpu::Placed> open;
    if (is_slices(gpu)) open = table_->geometry->layout(at(g, h).state);
    else
      for (const StandingSlice& slice : nodes_.standing.gpus[h].slices)
        open.push_back({gpu.slices[0].form.profile, slice.start});
    for (std::size_t s = 0; s < placed.size(); ++s)
      if (placed[s])
        open.erase(std::find(open.begin(), open.end(),
                             gpu::Placed{gpu.slices[s].form.profile, gpu.slices[s].start}));
    // Replicas that others hold stay with nobody of the plan.
    const auto next = [&](std::uint8_t profile, bool held) {
      const auto of_others = [&](const gpu::Placed& place) {
        return std::any_of(nodes_.standing.gpus[h].slices.begin(),
                           nodes_.standing.gpus[h].slices.end(), [&](const StandingSlice& slice) {
                             return is_others(slice) && slice.start == place.start;
                           });
      };
      return std::find_if(open.begin(), open.end(), [&](const gpu::Placed& place) {
        return place.profile == profile && !(held && of_others(place));
      });
    };
    for (const bool held : {true, false})
      for (std::size_t s = 0; s < placed.size(); ++s) {
        SlicePlan& slice = gpu.slices[s];
        if (placed[s] || held != (slice.pod != kNoPod || slice.headroom)) continue;
        const auto place = next(slice.form.profile, held);
        slice.start = place->start;
        open.erase(place);
      }
  }
  std::stable_sort(gpu.slices.begin(), gpu.slices.end(),
                   [](const SlicePlan& a, const SlicePlan& b) { return a.start < b.start; });
}

GpuFits::Kept GpuFits::kept(std::size_t g, std::size_t h, const Together& together) const {
  const std::vector<SeatPart>& seats = nodes_.seats.gpus[g];
  const std::vector<SeatPart>& parts = nodes_.running.gpus[h];
  Kept kept;
  const bool slices = is_slices(nodes_.planned.gpus[g]);
  if (!slices && !uncut_alike(g, h)) return kept;
  const std::uint64_t mask = slices ? table_->masks[at(g, h).state] : 0;
  std::vector<bool> used(seats.size(), false);
  for (const std::uint32_t p : there_[h].order) {
    if (slices && (there_[h].parts[p] == 0 || (there_[h].parts[p] & ~mask) != 0)) continue;
    for (std::size_t s = 0; s < seats.size(); ++s) {
      if (used[s] || seats[s].kind != parts[p].kind) continue;
      const auto pair = together.find(parts[p].pod);
      if (parts[p].spans && (pair == together.end() || pair->second != seats[s].pod)) continue;
      used[s] = true;
      kept.emplace_back(s, p);
      break;
    }
  }
  return kept;
}

GpuPlan GpuFits::put(std::size_t g, std::size_t h, const Kept& kept) const {
  GpuPlan gpu = nodes_.planned.gpus[g];
  std::vector<bool> placed(gpu.slices.size(), false);
  std::vector<bool> taken(nodes_.standing.gpus[h].slices.size(), false);
  for (const auto& [part, running] : kept) {
    const SeatPart& stays = nodes_.running.gpus[h][running];
    for (const std::uint32_t s : nodes_.seats.gpus[g][part].slices) {
      take_start(gpu.slices[s], h, stays, taken);
      placed[s] = true;
    }
  }
  place_rest(g, h, gpu, placed);
  return gpu;
}

}  // namespace kerf::plan
