// Potential: sequences of expected pods, filling a node with them, and the memory of results.
#include "core/online/potential.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <set>

#include "base/assert.h"
#include "base/money.h"
#include "base/prng.h"

namespace kerf::online {

namespace {

constexpr GpuState kNoState = std::numeric_limits<GpuState>::max();
constexpr std::uint32_t kNoView = std::numeric_limits<std::uint32_t>::max();
constexpr std::int64_t kLots = std::int64_t{1} << 60;
/// Sets of devices of one pod that are looked at on one node once some fit.
constexpr std::size_t kMostSets = 20'000;

/// How many items of `need` fit into `left`.
std::int64_t times(const Resources& need, const Resources& left) {
  std::int64_t n = kLots;
  const auto limit = [&](std::int64_t one, std::int64_t all) {
    if (one > 0) n = std::min(n, all / one);
  };
  limit(need.cpu_milli, left.cpu_milli);
  limit(need.memory_mib, left.memory_mib);
  limit(need.disk_mib, left.disk_mib);
  limit(need.pods, left.pods);
  return n;
}

}  // namespace

Potential::Potential(const std::vector<Kind>& kinds, const std::vector<Ask>& asks,
                     Expectation expectation, Options options)
    : kinds_(kinds), asks_(asks), options_(options) {
  KERF_ASSERT(options_.sequences > 0, "there is a sequence to take the mean of");
  expect(std::move(expectation));
}

void Potential::expect(Expectation expectation) {
  KERF_ASSERT(expectation.size() <= std::numeric_limits<std::uint16_t>::max(),
              "expected asks are numbered in 16 bits");
  expectation_ = std::move(expectation);
  prices_.assign(expectation_.size(), 0);
  views_.clear();
  view_of_kind_.clear();
  memory_.clear();
  draw_sequences();
}

void Potential::draw_sequences() {
  const std::size_t n = options_.sequences;
  const std::size_t m = expectation_.size();
  sequences_.assign(n, {});
  positions_.assign(n * m, {});
  if (m == 0) return;
  std::vector<std::int64_t> up_to(m);
  std::int64_t total = 0;
  for (std::size_t e = 0; e < m; ++e) up_to[e] = total += expectation_[e].weight;
  Prng prng(options_.seed);
  std::vector<std::size_t> order(n);
  for (std::size_t at = 0; at < kDraws; ++at) {
    for (std::size_t i = 0; i < n; ++i) order[i] = i;
    for (std::size_t i = n; i > 1; --i) std::swap(order[i - 1], order[prng.below(i)]);
    for (std::size_t i = 0; i < n; ++i) {
      // A point in stratum order[i] of n, in 1/2^32 of the total weight.
      const Int128 u = (Int128(order[i]) << 32) + Int128(prng.next() >> 32);
      const auto x = static_cast<std::int64_t>((u * total / Int128(n)) >> 32);
      const auto e =
          static_cast<std::size_t>(std::upper_bound(up_to.begin(), up_to.end(), x) - up_to.begin());
      sequences_[i][at] = static_cast<std::uint16_t>(e);
      positions_[i * m + e][at / 64] |= std::uint64_t{1} << (at % 64);
    }
  }
}

const Potential::View& Potential::view_of(KindId kind) {
  if (kind >= view_of_kind_.size()) view_of_kind_.resize(kinds_.size(), kNoView);
  std::uint32_t& known = view_of_kind_[kind];
  if (known != kNoView) return *views_[known];
  const std::vector<Served> served = served_by(kind);
  for (std::uint32_t v = 0; v < views_.size() && known == kNoView; ++v) {
    const std::vector<Served>& other = views_[v]->served;
    const bool alike =
        views_[v]->table == kinds_[kind].gpus &&
        std::equal(served.begin(), served.end(), other.begin(),
                   [](const Served& a, const Served& b) { return a.ways == b.ways; });
    if (alike) known = v;
  }
  if (known == kNoView) {
    known = static_cast<std::uint32_t>(views_.size());
    views_.push_back(std::make_unique<View>(make_view(kind)));
  }
  return *views_[known];
}

std::vector<Potential::Served> Potential::served_by(KindId kind) const {
  std::vector<Served> served;
  for (const Expected& expected : expectation_) {
    const Ask& ask = asks_[expected.ask];
    Served one;
    one.need = ask.need;
    one.worth = ask.worth.micro;
    if (kind < ask.ways.size()) one.ways = ask.ways[kind];
    served.push_back(std::move(one));
  }
  return served;
}

Potential::View Potential::make_view(KindId kind) const {
  View view;
  view.table = kinds_[kind].gpus;
  view.served = served_by(kind);
  const GpuTable& table = *view.table;
  for (std::size_t s = 0; s < table.states(); ++s) {
    for (std::size_t u = 0; u < table.units(); ++u) {
      const auto unit = static_cast<Unit>(u);
      auto to = table.after(static_cast<GpuState>(s), unit);
      view.first.push_back(to.empty() ? kNoState : table.room(to.front()));
      std::int32_t copies = 0;
      for (; !to.empty(); ++copies) to = table.after(to.front(), unit);
      view.copies.push_back(copies);
    }
  }
  for (Served& served : view.served) served.use = use_of(view, served);
  weigh_alone(view);
  return view;
}

Potential::Use Potential::use_of(const View& view, const Served& served) {
  Use use;
  use.served = !served.ways.empty();
  if (!use.served) return use;
  std::vector<GpuState> one = {0};
  use.spans = !put(view, served, one);
  for (const auto& [unit, count] : served.ways.front()) {
    const GpuState with = view.first[unit];
    if (with == kNoState) return Use();
    use.part += std::int64_t{count} * (GpuTable::kWhole - view.table->idle(with));
  }
  return use;
}

void Potential::weigh_alone(View& view) const {
  Int128 all = 0;
  Int128 spanning = 0;
  for (std::size_t e = 0; e < view.served.size(); ++e) {
    const Int128 demand = Int128(expectation_[e].weight) * view.served[e].worth;
    all += demand;
    if (view.served[e].use.spans) spanning += demand;
  }
  for (std::size_t e = 0; e < view.served.size(); ++e) {
    Served& served = view.served[e];
    const Int128 demand = (Int128(expectation_[e].weight) * served.worth) << 20;
    Int128 share = 0;
    if (all > 0) share += demand * options_.alone_milli / all;
    if (served.use.spans && spanning > 0) share += demand * options_.span_milli / spanning;
    served.alone = static_cast<std::int64_t>(share * served.worth / 1000);
  }
}

bool Potential::put_unit(const View& view, Unit unit, std::vector<GpuState>& gpus) {
  const std::size_t units = view.table->units();
  std::size_t best = gpus.size();
  std::int32_t least = std::numeric_limits<std::int32_t>::max();
  for (std::size_t g = 0; g < gpus.size(); ++g) {
    if (view.first[gpus[g] * units + unit] == kNoState) continue;
    const std::int32_t idle = view.table->idle(gpus[g]);
    if (idle >= least) continue;
    least = idle;
    best = g;
  }
  if (best == gpus.size()) return false;
  gpus[best] = view.first[gpus[best] * units + unit];
  return true;
}

bool Potential::put(const View& view, const Served& served, std::vector<GpuState>& gpus) {
  if (served.ways.size() == 1) {
    const Way& way = served.ways.front();
    if (way.empty()) return true;
    if (way.size() == 1 && way[0].second == 1) return put_unit(view, way[0].first, gpus);
  }
  return std::any_of(served.ways.begin(), served.ways.end(),
                     [&](const Way& way) { return put_way(view, way, gpus); });
}

/// Nothing is put where not all of it fits.
bool Potential::put_way(const View& view, const Way& way, std::vector<GpuState>& gpus) {
  const std::vector<GpuState> before = gpus;
  for (const auto& [unit, count] : way) {
    for (std::int32_t i = 0; i < count; ++i) {
      if (put_unit(view, unit, gpus)) continue;
      gpus = before;
      return false;
    }
  }
  return true;
}

/// Pods that do not fit once never will: their positions are struck out, so that a sequence costs
/// as many steps as pods are put, and one for each ask.
void Potential::run_sequence(std::size_t sequence, const View& view,
                             const std::vector<std::uint32_t>& live, Resources left,
                             Filled& filled) {
  const Draws* positions = positions_.data() + sequence * expectation_.size();
  Draws waiting{};  // positions not decided
  Draws paying{};   // of them, those of asks that are worth something
  for (const std::uint32_t e : live) {
    for (std::size_t w = 0; w < kWords; ++w) {
      waiting[w] |= positions[e][w];
      if (view.served[e].worth > 0) paying[w] |= positions[e][w];
    }
  }
  const Resources before = left;
  for (std::size_t w = 0; w < kWords; ++w) {
    while (waiting[w] != 0) {
      std::uint64_t more = 0;
      for (std::size_t v = w; v < kWords; ++v) more |= paying[v];
      if (more == 0) break;
      const auto bit = static_cast<std::size_t>(std::countr_zero(waiting[w]));
      const std::size_t e = sequences_[sequence][w * 64 + bit];
      const Served& served = view.served[e];
      if (served.need.fits(left) && put(view, served, gpus_)) {
        left = left - served.need;
        filled.worth += served.worth;
        waiting[w] &= waiting[w] - 1;
        paying[w] &= waiting[w];
        continue;
      }
      for (std::size_t v = w; v < kWords; ++v) {
        waiting[v] &= ~positions[e][v];
        paying[v] &= ~positions[e][v];
      }
    }
  }
  filled.used = max(filled.used, before - left);
}

Potential::Filled Potential::fill(const View& view, const Resources& left,
                                  const std::vector<GpuState>& rooms) {
  ++evaluations_;
  std::vector<std::uint32_t> live;
  for (std::uint32_t e = 0; e < view.served.size(); ++e) {
    const Served& served = view.served[e];
    if (served.ways.empty() || !served.need.fits(left)) continue;
    gpus_ = rooms;
    if (put(view, served, gpus_)) live.push_back(e);
  }
  Filled filled;
  for (std::size_t i = 0; i < sequences_.size(); ++i) {
    gpus_ = rooms;
    run_sequence(i, view, live, left, filled);
  }
  return filled;
}

/// Level 0: as if there were any amount of everything but GPUs; 1: the CPU that there is; 2: all.
/// What a lower level says holds if no sequence used more than there is.
const Potential::Filled& Potential::remembered(std::uint32_t view, const Resources& left,
                                               const std::vector<GpuState>& rooms, int level) {
  Resources limit{kLots, kLots, kLots, kLots};
  if (level >= 1) limit.cpu_milli = left.cpu_milli;
  if (level >= 2) limit = left;
  const auto add = [&](std::int64_t x) {
    key_.push_back(static_cast<char32_t>(x));
    key_.push_back(static_cast<char32_t>(x >> 32));
  };
  key_.clear();
  key_.push_back(static_cast<char32_t>(view * 4 + static_cast<std::uint32_t>(level)));
  if (level >= 1) add(limit.cpu_milli);
  if (level >= 2) {
    add(limit.memory_mib);
    add(limit.disk_mib);
    add(limit.pods);
  }
  key_.push_back(static_cast<char32_t>(rooms.size()));
  for (std::size_t g = 0; g < rooms.size(); g += 2) {
    const std::uint32_t next = g + 1 < rooms.size() ? rooms[g + 1] : 0;
    key_.push_back(static_cast<char32_t>(rooms[g] | next << 16));
  }
  const auto found = memory_.find(key_);
  if (found != memory_.end()) return found->second;
  if (memory_.size() >= options_.remembered_max) memory_.clear();
  return memory_[key_] = fill(*views_[view], limit, rooms);
}

std::int64_t Potential::fitting(const View& view, const Served& served, const Resources& left,
                                const std::vector<GpuState>& rooms) {
  if (served.ways.empty()) return 0;
  const std::int64_t limit = times(served.need, left);
  if (limit == 0) return 0;
  const std::size_t units = view.table->units();
  std::int64_t most = 0;
  for (const Way& way : served.ways) {
    std::int64_t fit = kLots;
    for (const auto& [unit, count] : way) {
      std::int64_t copies = 0;
      for (const GpuState g : rooms) copies += view.copies[g * units + unit];
      fit = std::min(fit, copies / count);
    }
    if (way.size() > 1 && fit > 0) {  // units that are in each other's way
      std::vector<GpuState> gpus = rooms;
      const std::int64_t at_most = std::min(fit, limit);
      for (fit = 0; fit < at_most && put_way(view, way, gpus);) ++fit;
    }
    most = std::max(most, fit);
  }
  return std::min(limit, most);
}

std::int64_t Potential::alone(const View& view, const Resources& left,
                              const std::vector<GpuState>& rooms) const {
  std::int64_t sum = 0;
  for (std::size_t e = 0; e < view.served.size(); ++e) {
    const std::int64_t one = view.served[e].alone + (prices_[e] << 20);
    if (one != 0) sum += one * fitting(view, view.served[e], left, rooms);
  }
  return sum >> 20;
}

void Potential::set_prices(std::vector<std::int64_t> prices) {
  KERF_ASSERT(prices.size() == expectation_.size(), "each expected ask has a price");
  prices_ = std::move(prices);
}

Potential::Use Potential::use(std::size_t expected, KindId kind) {
  return view_of(kind).served[expected].use;
}

std::int64_t Potential::fitting(std::size_t expected, const NodeRoom& room) {
  const View& view = view_of(room.kind);
  return fitting(view, view.served[expected], room.left, room.gpus);
}

std::int64_t Potential::worth_of(KindId kind, const Resources& left, std::vector<GpuState>& rooms) {
  std::sort(rooms.begin(), rooms.end());
  const View& view = view_of(kind);
  std::int64_t worth = 0;
  for (int level = 0; level < 3; ++level) {
    const Filled& filled = remembered(view_of_kind_[kind], left, rooms, level);
    worth = filled.worth;
    if (filled.used.fits(left)) break;
  }
  return worth / options_.sequences + alone(view, left, rooms);
}

std::int64_t Potential::worth(const NodeRoom& room) {
  const GpuTable& table = *kinds_[room.kind].gpus;
  after_.clear();
  for (const GpuState g : room.gpus) after_.push_back(table.room(g));
  return worth_of(room.kind, room.left, after_);
}

/// Calls each(fit, rooms afterwards) for every set of rooms that a pod of the ask can leave.
template <class Each>
void Potential::each_fit(AskId ask_id, const NodeRoom& room, Each each) {
  const Ask& ask = asks_[ask_id];
  if (room.kind >= ask.ways.size() || !ask.need.fits(room.left)) return;
  Fit fit;
  for (std::uint32_t w = 0; w < ask.ways[room.kind].size(); ++w) {
    fit.way = w;
    const Way& way = ask.ways[room.kind][w];
    if (way.size() == 1 && way[0].second == 1) each_fit_of_one(fit, way[0].first, room, each);
    else each_fit_of_many(fit, way, room, each);
  }
}

template <class Each>
void Potential::each_fit_of_one(Fit& fit, Unit unit, const NodeRoom& room, Each& each) {
  const GpuTable& table = *kinds_[room.kind].gpus;
  rooms_.clear();
  for (const GpuState g : room.gpus) rooms_.push_back(table.room(g));
  for (std::uint32_t g = 0; g < room.gpus.size(); ++g) {
    const auto here = rooms_.begin() + g;
    if (std::find(rooms_.begin(), here, *here) != here) continue;
    for (const GpuState to : table.after(room.gpus[g], unit)) {
      fit.gpus.assign(1, {g, to});
      after_ = rooms_;
      after_[g] = table.room(to);
      each(fit, after_);
    }
  }
}

template <class Each>
void Potential::each_fit_of_many(Fit& fit, const Way& way, const NodeRoom& room, Each& each) {
  const GpuTable& table = *kinds_[room.kind].gpus;
  std::vector<Unit> units;
  for (const auto& [unit, count] : way)
    units.insert(units.end(), static_cast<std::size_t>(count), unit);
  std::vector<GpuState> gpus = room.gpus;
  std::set<std::pair<std::size_t, std::vector<GpuState>>> seen;
  bool found = false;
  const auto go = [&](auto& self, std::size_t at) -> void {
    std::vector<GpuState> rooms;
    for (const GpuState g : gpus) rooms.push_back(table.room(g));
    std::sort(rooms.begin(), rooms.end());
    if ((found && seen.size() >= kMostSets) || !seen.insert({at, rooms}).second) return;
    if (at == units.size()) {
      found = true;
      fit.gpus.clear();
      for (std::uint32_t g = 0; g < gpus.size(); ++g)
        if (gpus[g] != room.gpus[g]) fit.gpus.emplace_back(g, gpus[g]);
      each(fit, rooms);
      return;
    }
    for (std::size_t g = 0; g < gpus.size(); ++g) {
      const GpuState from = gpus[g];
      for (const GpuState to : table.after(from, units[at])) {
        gpus[g] = to;
        self(self, at + 1);
      }
      gpus[g] = from;
    }
  };
  go(go, 0);
}

std::vector<Potential::Scored> Potential::fits(AskId ask, const NodeRoom& room) {
  std::vector<Scored> out;
  const std::int64_t before = worth(room);
  const Resources left = room.left - asks_[ask].need;
  each_fit(ask, room, [&](const Fit& fit, std::vector<GpuState>& rooms) {
    out.push_back({fit, before - worth_of(room.kind, left, rooms)});
  });
  std::stable_sort(out.begin(), out.end(),
                   [](const Scored& a, const Scored& b) { return a.harm < b.harm; });
  return out;
}

std::optional<std::int64_t> Potential::least_harm(AskId ask, const NodeRoom& room) {
  std::optional<std::int64_t> best;
  const Resources left = room.left - asks_[ask].need;
  each_fit(ask, room, [&](const Fit&, std::vector<GpuState>& rooms) {
    const std::int64_t worth = worth_of(room.kind, left, rooms);
    if (!best || worth > *best) best = worth;
  });
  if (best) best = worth(room) - *best;
  return best;
}

}  // namespace kerf::online
