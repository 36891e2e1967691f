// Price processes in integers: replayed, mean-reverting, out of stock; and the feed that trails
// them.
#include "sim/prices.h"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

#include "base/assert.h"

namespace kerf::sim {
namespace {

using market::CapacityType;

constexpr std::int64_t kLowest = kPpm / 10;

auto key(const market::Offering& offering) {
  return std::tuple(offering.type, std::string_view(offering.zone), offering.capacity_type);
}

std::string name_of(const market::Market& market, const market::Offering& offering) {
  return market.types[offering.type].name + "/" + offering.zone + "/" +
         std::string(market::to_string(offering.capacity_type));
}

std::vector<std::string> zones_of(const market::Market& market, const PriceOptions& options) {
  if (!options.zones.empty()) return options.zones;
  const std::vector<std::string> named = market.zones();
  return named.empty() ? market::assumed_zones(market) : named;
}

MicroUsdPerHour at_ratio(std::int64_t on_demand, std::int64_t ratio) {
  return {static_cast<std::int64_t>(static_cast<Int128>(on_demand) * ratio / kPpm)};
}

}  // namespace

SpotRatios spot_ratios(const std::string& type) {
  struct Row {
    std::string_view type;
    SpotRatios ratios;
  };
  static constexpr std::array<Row, 7> kSample = {{
      {"p4d.24xlarge", {543'000, 297'000, 938'000}},
      {"p4de.24xlarge", {676'000, 519'000, 733'000}},
      {"p5.48xlarge", {330'000, 170'000, kPpm}},
      {"p5.4xlarge", {811'000, 408'000, kPpm}},
      {"p5en.48xlarge", {276'000, 148'000, 328'000}},
      {"p6-b200.48xlarge", {224'000, 100'000, 314'000}},
      {"p6-b300.48xlarge", {112'000, kLowest, 200'000}},
  }};
  for (const Row& row : kSample) {
    if (row.type == type) return row.ratios;
  }
  return {450'000, 300'000, 700'000};
}

Prices::Prices(std::shared_ptr<const market::Market> base, PriceOptions options, std::uint64_t seed,
               Instant start)
    : base_(std::move(base)), options_(std::move(options)), now_(start) {
  expand();
  begin_processes(seed, start);
  refresh_feed(true);
  due_.insert({start + options_.refresh_ms, {What::Refresh, 0}});
}

/// Offerings for the whole region become one for each zone; spot is added beside on-demand.
void Prices::expand() {
  const std::vector<std::string> zones = zones_of(*base_, options_);
  const auto wanted = [&](const std::string& zone) {
    return std::find(zones.begin(), zones.end(), zone) != zones.end();
  };
  std::vector<market::Offering> all;
  for (const market::Offering& offering : base_->offerings) {
    if (!offering.zone.empty()) {
      if (wanted(offering.zone)) all.push_back(offering);
      continue;
    }
    for (const std::string& zone : zones) {
      all.push_back(offering);
      all.back().zone = zone;
    }
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return key(a) < key(b); });
  for (const market::Offering& offering : all) {
    offered_.push_back({offering, true, 0});
    if (!options_.spot || offering.capacity_type != CapacityType::OnDemand) continue;
    market::Offering spot = offering;
    spot.capacity_type = CapacityType::Spot;
    const bool there = std::any_of(all.begin(), all.end(),
                                   [&](const auto& other) { return key(other) == key(spot); });
    if (!there) offered_.push_back({spot, true, 0});
  }
  std::sort(offered_.begin(), offered_.end(),
            [](const Offered& a, const Offered& b) { return key(a.offering) < key(b.offering); });
}

void Prices::begin_processes(std::uint64_t seed, Instant start) {
  for (const Offered& offered : offered_) {
    const std::string name = name_of(*base_, offered.offering);
    processes_.push_back({Dice(seed, "price/" + name), Dice(seed, "stock/" + name)});
  }
  std::map<std::tuple<std::uint32_t, std::string>, std::int64_t> on_demand;
  for (const Offered& offered : offered_) {
    const market::Offering& offering = offered.offering;
    if (offering.capacity_type == CapacityType::OnDemand)
      on_demand[{offering.type, offering.zone}] = offering.price.micro;
  }
  for (std::size_t i = 0; i < offered_.size(); ++i) {
    const market::Offering& offering = offered_[i].offering;
    if (offering.capacity_type == CapacityType::Spot)
      begin_spot(i, on_demand[{offering.type, offering.zone}]);
    if (options_.up_ms > 0 && offering.capacity_type != CapacityType::Reserved)
      due_.insert({start + about(processes_[i].stock, options_.up_ms), {What::Flip, i}});
  }
  if (options_.kind == PriceOptions::Kind::MeanReverting)
    due_.insert({start + options_.step_ms, {What::Step, 0}});
  if (options_.kind != PriceOptions::Kind::Replayed) return;
  std::stable_sort(options_.history.begin(), options_.history.end(),
                   [](const PricePoint& a, const PricePoint& b) { return a.at < b.at; });
  for (std::size_t i = 0; i < options_.history.size(); ++i)
    due_.insert({std::max(start, options_.history[i].at), {What::Replay, i}});
}

/// A spot price that the market gives is its mean; else the zone's mean is drawn between the
/// sample's bounds, half of the zones below the median.
void Prices::begin_spot(std::size_t index, std::int64_t on_demand) {
  if (on_demand <= 0) return;
  market::Offering& offering = offered_[index].offering;
  Process& process = processes_[index];
  process.on_demand = on_demand;
  const auto given = std::find_if(
      base_->offerings.begin(), base_->offerings.end(), [&](const market::Offering& other) {
        return other.type == offering.type && other.capacity_type == CapacityType::Spot &&
               (other.zone.empty() || other.zone == offering.zone);
      });
  if (given != base_->offerings.end()) {
    process.mean =
        static_cast<std::int64_t>(static_cast<Int128>(offering.price.micro) * kPpm / on_demand);
  } else {
    const SpotRatios ratios = spot_ratios(base_->types[offering.type].name);
    const bool below = process.dice.chance(500);
    process.mean = below ? process.dice.between(ratios.low, ratios.median)
                         : process.dice.between(ratios.median, ratios.high);
    offering.price = at_ratio(on_demand, process.mean);
  }
  process.ratio = process.mean;
}

std::size_t Prices::index_of(std::uint32_t type, const std::string& zone,
                             CapacityType capacity_type) const {
  const auto wanted = std::tuple(type, std::string_view(zone), capacity_type);
  const auto at = std::lower_bound(
      offered_.begin(), offered_.end(), wanted,
      [](const Offered& offered, const auto& other) { return key(offered.offering) < other; });
  if (at == offered_.end() || key(at->offering) != wanted) return offered_.size();
  return static_cast<std::size_t>(at - offered_.begin());
}

const Prices::Offered* Prices::find(std::uint32_t type, const std::string& zone,
                                    CapacityType capacity_type) const {
  const std::size_t index = index_of(type, zone, capacity_type);
  return index == offered_.size() ? nullptr : &offered_[index];
}

std::int64_t Prices::about(Dice& dice, std::int64_t length) const {
  return dice.between(length - length / 2, length + length / 2);
}

Instant Prices::next_change() const { return due_.empty() ? kNever : due_.begin()->first; }

void Prices::advance(Instant now) {
  KERF_ASSERT(now >= now_, "time never goes back");
  while (!due_.empty() && due_.begin()->first <= now) {
    const Due due = *due_.begin();
    due_.erase(due_.begin());
    now_ = due.first;
    happen(due.second.first, due.second.second);
  }
  now_ = now;
}

void Prices::happen(What what, std::size_t index) {
  switch (what) {
    case What::Step:
      step();
      due_.insert({now_ + options_.step_ms, {What::Step, 0}});
      return;
    case What::Replay: {
      const PricePoint& point = options_.history[index];
      for (std::size_t i = 0; i < offered_.size(); ++i) {
        market::Offering& offering = offered_[i].offering;
        if (base_->types[offering.type].name == point.type && offering.zone == point.zone &&
            offering.capacity_type == point.capacity_type)
          offering.price = point.price;
      }
      return;
    }
    case What::Flip: {
      Process& process = processes_[index];
      process.up = !process.up;
      due_.insert({now_ + about(process.stock, process.up ? options_.up_ms : options_.down_ms),
                   {What::Flip, index}});
      update_available(index);
      return;
    }
    case What::Held: update_available(index); return;
    case What::Refresh:
      due_.insert({now_ + options_.refresh_ms, {What::Refresh, 0}});
      refresh_feed(true);
      return;
    case What::Returned: refresh_feed(false); return;
  }
}

void Prices::step() {
  for (std::size_t i = 0; i < offered_.size(); ++i) {
    Process& process = processes_[i];
    if (process.on_demand == 0) continue;
    const std::int64_t pull = (process.mean - process.ratio) * options_.pull_ppm / kPpm;
    const std::int64_t push = process.dice.between(-options_.swing_ppm, options_.swing_ppm);
    process.ratio = std::clamp(process.ratio + pull + push, kLowest, kPpm);
    offered_[i].offering.price = at_ratio(process.on_demand, process.ratio);
  }
}

void Prices::update_available(std::size_t index) {
  const Process& process = processes_[index];
  offered_[index].available = process.up && process.held_out_until <= now_;
}

/// Prices are taken over at a refresh only; what a launch found out of stock is left out at once.
void Prices::refresh_feed(bool prices) {
  if (feed_stopped_) return;
  if (prices) {
    feed_prices_.clear();
    for (const Offered& offered : offered_) feed_prices_.push_back(offered.offering.price);
    feed_as_of_ = now_;
  }
  auto market = std::make_shared<market::Market>(*base_);
  market->offerings.clear();
  for (std::size_t i = 0; i < offered_.size(); ++i) {
    if (offered_[i].refused_until > now_) continue;
    market->offerings.push_back(offered_[i].offering);
    market->offerings.back().price = feed_prices_[i];
  }
  feed_ = std::move(market);
}

void Prices::refused(std::uint32_t type, const std::string& zone, CapacityType capacity_type) {
  const std::size_t index = index_of(type, zone, capacity_type);
  if (index == offered_.size()) return;
  offered_[index].refused_until = now_ + options_.refused_ms;
  due_.insert({offered_[index].refused_until, {What::Returned, index}});
  refresh_feed(false);
}

void Prices::stop_feed(bool stopped) {
  if (stopped && !feed_stopped_) feed_stopped_since_ = now_;
  feed_stopped_ = stopped;
  refresh_feed(true);
}

void Prices::hold_out(std::uint32_t type, const std::string& zone, CapacityType capacity_type,
                      Instant until) {
  for (std::size_t i = 0; i < offered_.size(); ++i) {
    const market::Offering& offering = offered_[i].offering;
    if (offering.type != type || offering.capacity_type != capacity_type) continue;
    if (!zone.empty() && offering.zone != zone) continue;
    processes_[i].held_out_until = until;
    due_.insert({until, {What::Held, i}});
    update_available(i);
  }
}

void Prices::set_price(std::uint32_t type, const std::string& zone, CapacityType capacity_type,
                       MicroUsdPerHour price) {
  const std::size_t index = index_of(type, zone, capacity_type);
  KERF_ASSERT(index < offered_.size(), "that offering exists");
  offered_[index].offering.price = price;
}

void Prices::add_to(Hasher& hasher) const {
  for (const Offered& offered : offered_) {
    hasher.add(offered.offering.price.micro);
    hasher.add(offered.available);
    hasher.add(offered.refused_until);
  }
  hasher.add(feed_as_of_);
  for (const market::Offering& offering : feed_->offerings) {
    hasher.add(offering.type);
    hasher.add(offering.zone);
    hasher.add(static_cast<std::int32_t>(offering.capacity_type));
    hasher.add(offering.price.micro);
  }
}

}  // namespace kerf::sim
