// RoomUse: values of GPU states by what runs, and the cost of places.
#include "core/online/room_use.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

namespace kerf::online {

namespace {

constexpr std::int64_t kPod = 1024;  ///< the use of room for one average pod

/// The longest row of this unit that can follow each state.
std::vector<std::int32_t> longest_rows(const GpuTable& table, Unit unit) {
  std::vector<std::int32_t> rows(table.states(), -1);
  std::vector<GpuState> open;
  for (std::size_t s = 0; s < table.states(); ++s) {
    open.push_back(static_cast<GpuState>(s));
    while (!open.empty()) {
      const GpuState state = open.back();
      std::int32_t longest = 0;
      bool known = true;
      for (const GpuState next : table.after(state, unit)) {
        if (rows[next] < 0) {
          open.push_back(next);
          known = false;
        } else {
          longest = std::max(longest, rows[next] + 1);
        }
      }
      if (!known) continue;
      rows[state] = longest;
      open.pop_back();
    }
  }
  return rows;
}

std::int32_t part_of(const GpuTable& table, Unit unit) {
  return table.fits(0, unit) ? GpuTable::kWhole - table.idle(table.after(0, unit).front()) : 0;
}

}  // namespace

std::vector<std::int32_t> RoomUse::values(const GpuTable& table,
                                          const std::vector<std::int64_t>& devices) {
  std::vector<std::int64_t> sums(table.states());
  std::int64_t all = 0;
  for (std::size_t u = 0; u < devices.size(); ++u) {
    if (devices[u] == 0) continue;
    const auto unit = static_cast<Unit>(u);
    all += devices[u];
    const std::vector<std::int32_t> rows = longest_rows(table, unit);
    for (std::size_t s = 0; s < sums.size(); ++s)
      sums[s] += devices[u] * rows[s] * part_of(table, unit);
  }
  std::vector<std::int32_t> values;
  for (std::size_t s = 0; s < sums.size(); ++s)
    values.push_back(all == 0 ? table.idle(static_cast<GpuState>(s))
                              : static_cast<std::int32_t>(sums[s] / all));
  return values;
}

RoomUse::RoomUse(const Standing& standing) : standing_(&standing) {
  const std::vector<Kind>& kinds = standing.asks().kinds();
  std::vector<std::vector<std::int64_t>> devices;
  std::vector<std::int64_t> pods(kinds.size());
  for (const Kind& kind : kinds) devices.emplace_back(kind.gpus->units());
  kinds_.resize(kinds.size());
  std::int64_t gpus = 0;
  for (NodeId n = 0; n < standing.nodes(); ++n) {
    if (!standing.stands(n)) continue;
    gpus += std::ssize(standing.room(n).gpus);
    per_gpu_ = per_gpu_ + standing.node(n).allocatable;
    const KindId k = standing.room(n).kind;
    for (const PodId pod : standing.pods_on(n)) {
      ++pods[k];
      kinds_[k].each = kinds_[k].each + standing.shape_at(standing.pod(pod).shape).requests;
      for (const DeviceAt& device : standing.devices_of(pod))
        ++devices[k][standing.asks().slices(k).unit(device.form).value()];
    }
  }
  if (gpus > 0)
    per_gpu_ = {per_gpu_.cpu_milli / gpus, per_gpu_.memory_mib / gpus, per_gpu_.disk_mib / gpus,
                per_gpu_.pods / gpus};
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    KindUse& kind = kinds_[k];
    const GpuTable& table = *kinds[k].gpus;
    kind.table = &table;
    kind.value = values(table, devices[k]);
    for (std::size_t u = 0; u < devices[k].size(); ++u)
      kind.gpu_each += devices[k][u] * part_of(table, static_cast<Unit>(u));
    if (const std::int64_t n = pods[k]; n > 0) {
      kind.gpu_each /= n;
      kind.each = {kind.each.cpu_milli / n, kind.each.memory_mib / n, kind.each.disk_mib / n,
                   kind.each.pods / n};
    } else {
      kind.gpu_each = GpuTable::kWhole;
    }
    kind.best_after.resize(table.states() * table.units());
    for (std::size_t s = 0; s < table.states(); ++s)
      for (std::size_t u = 0; u < table.units(); ++u) {
        GpuState& best = kind.best_after[s * table.units() + u];
        std::int32_t most = -1;
        for (const GpuState to : table.after(static_cast<GpuState>(s), static_cast<Unit>(u)))
          if (kind.value[to] > most) {
            most = kind.value[to];
            best = to;
          }
      }
  }
}

std::int64_t RoomUse::use(const KindUse& kind, std::int64_t value, const Resources& left) const {
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  const auto count = [&](std::int64_t there, std::int64_t each) {
    if (each > 0) least = std::min(least, there * kPod / each);
  };
  count(value, kind.gpu_each);
  count(left.cpu_milli, kind.each.cpu_milli);
  count(left.memory_mib, kind.each.memory_mib);
  count(left.disk_mib, kind.each.disk_mib);
  count(left.pods, kind.each.pods);
  // Below a pod room is worth less than its share: n * n / (n + 1).
  return least * least / (least + kPod);
}

std::int64_t RoomUse::value_of(const KindUse& kind, const NodeRoom& room) const {
  std::int64_t value = 0;
  for (const GpuState state : room.gpus) value += kind.value[state];
  return value;
}

std::int64_t RoomUse::take(const KindUse& kind, const NodeRoom& room, const Way& way,
                           std::vector<Step>* steps) const {
  const std::size_t units = kind.table->units();
  const bool single = way.size() == 1 && way[0].second == 1;
  std::vector<GpuState> changed;
  if (!single) changed = room.gpus;
  const std::vector<GpuState>& gpus = single ? room.gpus : changed;
  std::int64_t lost = 0;
  // Units of a way are in the order of forms, large slices after small ones: the last first.
  for (auto part = way.rbegin(); part != way.rend(); ++part)
    for (std::int32_t n = 0; n < part->second; ++n) {
      std::int32_t least = std::numeric_limits<std::int32_t>::max();
      Step step;
      for (std::uint32_t g = 0; g < gpus.size(); ++g) {
        if (!kind.table->fits(gpus[g], part->first)) continue;
        const GpuState to = kind.best_after[gpus[g] * units + part->first];
        const std::int32_t loss = kind.value[gpus[g]] - kind.value[to];
        if (loss >= least) continue;
        least = loss;
        step = {g, to};
      }
      if (least == std::numeric_limits<std::int32_t>::max()) return -1;
      lost += least;
      if (!single) changed[step.gpu] = step.to;
      if (steps != nullptr) steps->push_back(step);
    }
  return lost;
}

std::int64_t RoomUse::cost_of(const KindUse& kind, const NodeRoom& room, std::int64_t before,
                              std::int64_t after, const Resources& need) const {
  const Resources left = room.left - need;
  const std::int64_t lost =
      std::max<std::int64_t>(use(kind, before, room.left) - use(kind, after, left), 0);
  std::int64_t rest = after * kPod / std::max<std::int64_t>(kind.gpu_each, 1);
  if (kind.each.cpu_milli > 0) rest += left.cpu_milli * kPod / kind.each.cpu_milli;
  return (lost << 24) + std::min<std::int64_t>(rest, (1 << 24) - 1);
}

std::int64_t RoomUse::cost(ShapeId shape, const NodeRoom& room) const {
  const Ask& ask = standing_->asks().asks()[standing_->ask_of(shape)];
  const std::vector<Way>& ways = ask.ways[room.kind];
  if (ways.empty() || !ask.need.fits(room.left)) return -1;
  const KindUse& kind = kinds_[room.kind];
  const std::int64_t before = value_of(kind, room);
  std::int64_t least = -1;
  for (const Way& way : ways) {
    const std::int64_t lost = take(kind, room, way, nullptr);
    if (lost < 0) continue;
    const std::int64_t cost = cost_of(kind, room, before, before - lost, ask.need);
    if (least < 0 || cost < least) least = cost;
  }
  return least;
}

std::optional<RoomUse::Fit> RoomUse::best(ShapeId shape, const NodeRoom& room) const {
  const Ask& ask = standing_->asks().asks()[standing_->ask_of(shape)];
  const std::vector<Way>& ways = ask.ways[room.kind];
  if (ways.empty() || !ask.need.fits(room.left)) return std::nullopt;
  const KindUse& kind = kinds_[room.kind];
  const std::int64_t before = value_of(kind, room);
  std::optional<Fit> best;
  for (const Way& way : ways) {
    Fit fit;
    const std::int64_t lost = take(kind, room, way, &fit.steps);
    if (lost < 0) continue;
    fit.cost = cost_of(kind, room, before, before - lost, ask.need);
    if (!best || fit.cost < best->cost) best = std::move(fit);
  }
  return best;
}

std::vector<RoomUse::Fit> RoomUse::all(ShapeId shape, const NodeRoom& room) const {
  const Ask& ask = standing_->asks().asks()[standing_->ask_of(shape)];
  const std::vector<Way>& ways = ask.ways[room.kind];
  if (ways.empty() || !ask.need.fits(room.left)) return {};
  const KindUse& kind = kinds_[room.kind];
  const std::int64_t before = value_of(kind, room);
  std::vector<Fit> found;
  std::set<std::vector<GpuState>>
      seen;  // GPUs after it, sorted: others are the same by another name
  for (const Way& way : ways) {
    std::vector<Unit> units;
    for (auto part = way.rbegin(); part != way.rend(); ++part)
      units.insert(units.end(), static_cast<std::size_t>(part->second), part->first);
    std::vector<GpuState> gpus = room.gpus;
    std::vector<Step> steps;
    const auto extend = [&](const auto& self, std::size_t next) -> void {
      if (next == units.size()) {
        std::vector<GpuState> after = gpus;
        std::sort(after.begin(), after.end());
        if (!seen.insert(after).second) return;
        std::int64_t value = 0;
        for (const GpuState state : gpus) value += kind.value[state];
        found.push_back({cost_of(kind, room, before, value, ask.need), steps});
        return;
      }
      std::set<GpuState> tried;
      for (std::uint32_t g = 0; g < gpus.size(); ++g) {
        const GpuState from = gpus[g];
        if (!tried.insert(from).second) continue;
        for (const GpuState to : kind.table->after(from, units[next])) {
          gpus[g] = to;
          steps.push_back({g, to});
          self(self, next + 1);
          steps.pop_back();
        }
        gpus[g] = from;
      }
    };
    extend(extend, 0);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Fit& a, const Fit& b) { return a.cost < b.cost; });
  return found;
}

std::int64_t RoomUse::hardness(ShapeId shape) const {
  const Ask& ask = standing_->asks().asks()[standing_->ask_of(shape)];
  std::int64_t hardest = 0;
  const auto part = [&](std::int64_t need, std::int64_t each) {
    if (each > 0) hardest = std::max(hardest, need * 1000 / each);
  };
  part(ask.need.cpu_milli, per_gpu_.cpu_milli);
  part(ask.need.memory_mib, per_gpu_.memory_mib);
  part(ask.need.disk_mib, per_gpu_.disk_mib);
  std::int64_t gpu = 0;
  for (std::size_t k = 0; k < ask.ways.size(); ++k) {
    if (ask.ways[k].empty()) continue;
    std::int64_t parts = 0;
    for (const auto& [unit, n] : ask.ways[k].front()) parts += n * part_of(*kinds_[k].table, unit);
    if (gpu == 0 || parts < gpu) gpu = parts;
  }
  part(gpu, GpuTable::kWhole);
  return hardest;
}

}  // namespace kerf::online
