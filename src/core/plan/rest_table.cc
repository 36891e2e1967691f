// Rows of cells, one for each weight. Steps are rounded down for items and node alike: whatever
// fits still fits then.
#include "core/plan/rest_table.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/money.h"

namespace kerf::plan {

namespace {

/// Entries of the whole table, as far as the fewest cells allow, and where there is no table.
constexpr std::size_t kEntries = 500'000, kTooMany = 4'000'000;
constexpr std::size_t kFewestCells = 64, kMostCells = 1024;
constexpr std::int64_t kMostWeights = 128;
/// Units that a row may come to; far from 2^31, as every item is rounded up.
constexpr std::int64_t kUnits = 1'000'000'000;
/// What a row may be worth, so that sums with what resources are worth fit into 64 bits.
constexpr std::int64_t kMost = std::int64_t{1} << 61;

}  // namespace

void RestTable::build(const std::vector<Way>& ways, const Resources& room, std::int64_t weight,
                      const Resources& prices) {
  prices_ = prices;
  by_cpu_ = prices.cpu_milli * room.cpu_milli >= prices.memory_mib * room.memory_mib;
  (by_cpu_ ? prices_.cpu_milli : prices_.memory_mib) = 0;
  choose_steps(ways, room, weight);
  std::vector<Cells> cells;
  for (const Way& way : ways) cells.push_back(cells_of(way));
  const std::size_t entries = weights_ * grid_;
  built_ = (ways.size() + 1) * entries <= kTooMany && choose_scale(cells);
  if (!built_) return;
  table_.resize(std::max(table_.size(), (ways.size() + 1) * entries));
  std::fill_n(table_.data() + ways.size() * entries, entries, 0);
  for (std::size_t w = ways.size(); w-- > 0;) {
    std::int32_t* row = table_.data() + w * entries;
    std::copy(row + entries, row + 2 * entries, row);
    add(cells[w], row);
  }
}

void RestTable::choose_steps(const std::vector<Way>& ways, const Resources& room,
                             std::int64_t weight) {
  weight_step_ = 0;
  for (const Way& way : ways) weight_step_ = std::gcd(weight_step_, way.weight);
  weight_step_ = std::max({weight_step_, weight / kMostWeights, std::int64_t{1}});
  weights_ = static_cast<std::size_t>(weight / weight_step_) + 1;
  const std::size_t grid =
      std::clamp(kEntries / (weights_ * (ways.size() + 1)), kFewestCells, kMostCells);
  step_ = gridded(room) / static_cast<std::int64_t>(grid) + 1;
  grid_ = static_cast<std::size_t>(gridded(room) / step_) + 1;
}

RestTable::Cells RestTable::cells_of(const Way& way) const {
  Cells cells;
  cells.weight = static_cast<std::size_t>(way.weight / weight_step_);
  cells.grid = static_cast<std::size_t>(gridded(way.need) / step_);
  cells.worth = std::max<std::int64_t>(0, way.worth - worth_of(way.need, prices_));
  std::int64_t fits = std::numeric_limits<std::int64_t>::max();
  if (cells.weight > 0) fits = static_cast<std::int64_t>((weights_ - 1) / cells.weight);
  if (cells.grid > 0) fits = std::min(fits, static_cast<std::int64_t>((grid_ - 1) / cells.grid));
  cells.most = std::min(way.most, fits);
  cells.plenty = way.most >= fits;
  return cells;
}

bool RestTable::choose_scale(const std::vector<Cells>& ways) {
  Int128 all = 0;
  std::int64_t dearest = 0;
  std::size_t lightest = weights_;
  for (const Cells& way : ways) {
    if (way.most <= 0 || way.worth <= 0) continue;
    all += Int128{way.worth} * way.most;
    dearest = std::max(dearest, way.worth);
    lightest = std::min(lightest, way.weight);
  }
  if (lightest > 0)
    all = std::min(all, Int128{dearest} * static_cast<std::int64_t>((weights_ - 1) / lightest));
  if (all > kMost) return false;
  scale_ = static_cast<std::int64_t>(all) / kUnits + 1;
  return true;
}

void RestTable::add(const Cells& way, std::int32_t* row) const {
  if (way.most <= 0 || way.worth <= 0) return;
  const std::int64_t worth = (way.worth + scale_ - 1) / scale_;
  if (way.plenty)
    return add_once(way.weight, way.grid, static_cast<std::int32_t>(worth), true, row);
  // In parcels of 1, 2, 4, ... items and the rest: any number up to the most can be made of them.
  std::int64_t left = way.most;
  for (std::int64_t parcel = 1; left > 0; parcel *= 2) {
    const std::int64_t n = std::min(parcel, left);
    left -= n;
    add_once(way.weight * static_cast<std::size_t>(n), way.grid * static_cast<std::size_t>(n),
             static_cast<std::int32_t>(worth * n), false, row);
  }
}

/// `again`: any number of times.
void RestTable::add_once(std::size_t weight, std::size_t grid, std::int32_t worth, bool again,
                         std::int32_t* row) const {
  if (weight >= weights_ || grid >= grid_) return;
  const std::size_t weights = weights_ - weight, cells = grid_ - grid;
  for (std::size_t i = 0; i < weights; ++i) {
    const std::size_t from = again ? i : weights - 1 - i;
    const std::int32_t* less = row + from * grid_;
    std::int32_t* more = row + (from + weight) * grid_ + grid;
    if (weight > 0 || again) {
      for (std::size_t c = 0; c < cells; ++c) more[c] = std::max(more[c], less[c] + worth);
    } else {  // within one row, an item that was just added must not be seen
      for (std::size_t c = cells; c-- > 0;) more[c] = std::max(more[c], less[c] + worth);
    }
  }
}

std::int64_t RestTable::worth(std::size_t w, const Resources& left, std::int64_t weight) const {
  const auto g = static_cast<std::size_t>(std::max<std::int64_t>(0, weight) / weight_step_);
  const auto c = static_cast<std::size_t>(std::max<std::int64_t>(0, gridded(left)) / step_);
  const std::size_t entry =
      (w * weights_ + std::min(g, weights_ - 1)) * grid_ + std::min(c, grid_ - 1);
  return table_[entry] * scale_ + worth_of(left, prices_);
}

}  // namespace kerf::plan
