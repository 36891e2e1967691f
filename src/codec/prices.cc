// Prices: a price table or a page of Karpenter's metrics becomes a market's offerings.
#include "codec/prices.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "codec/price_file.h"
#include "codec/prometheus.h"

namespace kerf::codec {
namespace {

using market::CapacityType;
using market::Market;

std::string joined(const std::set<std::string>& names) {
  return fmt::format("{}", fmt::join(names, ", "));
}

/// The one region whose prices are meant. A file that states none is for the one that is wanted.
Result<std::string> choose_region(const PriceFile& prices, std::string_view file,
                                  std::string_view wanted) {
  std::set<std::string> regions;
  const PriceLine* unstated = nullptr;
  for (const PriceLine& line : prices.lines) {
    if (!line.region.empty()) regions.insert(line.region);
    if (line.region.empty() && unstated == nullptr) unstated = &line;
  }
  if (regions.empty()) return std::string(wanted);
  if (unstated != nullptr) {
    return tl::unexpected(
        price_error(file, unstated->line,
                    fmt::format("no region here, while other lines are for {}", joined(regions))));
  }
  if (wanted.empty()) {
    if (regions.size() == 1) return *regions.begin();
    return invalid(
        fmt::format("{}: prices of several regions ({}); say which one with "
                    "--price-region",
                    file, joined(regions)));
  }
  if (regions.contains(std::string(wanted))) return std::string(wanted);
  return fail(ErrorCode::NotFound, fmt::format("{}: no prices for region {}; the file has {}", file,
                                               wanted, joined(regions)));
}

/// Collects the offerings of one market; refuses what contradicts itself.
class Collector {
 public:
  Collector(std::string_view file, const Market& market) : file_(file), market_(market) {
    for (std::uint32_t i = 0; i < market.types.size(); ++i) by_name_[market.types[i].name] = i;
  }

  Result<void> add(const PriceLine& line) {
    const auto type = by_name_.find(line.type);
    if (type == by_name_.end()) {
      unknown_.insert(line.type);
      return {};
    }
    if (!line.known && line.available) {
      return tl::unexpected(price_error(
          file_, line.line,
          fmt::format("price 0 for {} {} in {}, which the page calls available; what you own "
                      "belongs into a price table (columns instance_type, usd_per_hour)",
                      market::to_string(line.capacity), line.type, line.zone)));
    }
    if (!line.known) return {};
    // All zones of a type and capacity type lie side by side; the whole region ("") is first.
    auto& zones = offerings_[{type->second, line.capacity}];
    if (!zones.empty() && zones.begin()->first.empty() != line.zone.empty()) {
      return contradiction(line, *zones.begin()->second,
                           "is priced by zone on one and for the whole region on the other");
    }
    const auto [entry, added] = zones.try_emplace(line.zone, &line);
    if (!added && entry->second->price != line.price) {
      return contradiction(line, *entry->second, "has two prices");
    }
    return {};
  }

  /// The offerings, sorted, and the types without any price, by name.
  void finish(PriceNote& note, std::vector<market::Offering>& offerings,
              std::vector<market::Offering>& off_sale, std::vector<std::string>& unpriced) const {
    note.unknown_types = unknown_.size();
    std::vector<bool> priced(market_.types.size(), false);
    for (const auto& [key, zones] : offerings_) {
      priced[key.first] = true;
      for (const auto& [zone, line] : zones) {
        if (!line->available) {
          ++note.unavailable;
          if (line->known) off_sale.push_back({key.first, zone, key.second, line->price});
        } else {
          offerings.push_back({key.first, zone, key.second, line->price});
        }
      }
    }
    for (auto* list : {&offerings, &off_sale})
      std::sort(list->begin(), list->end(), [](const auto& a, const auto& b) {
        return std::tie(a.type, a.zone, a.capacity_type) <
               std::tie(b.type, b.zone, b.capacity_type);
      });
    note.offerings = offerings.size();
    for (std::size_t i = 0; i < priced.size(); ++i) {
      if (!priced[i]) unpriced.push_back(market_.types[i].name);
    }
  }

  bool knows_none() const { return offerings_.empty(); }
  const std::set<std::string>& unknown() const { return unknown_; }

 private:
  tl::unexpected<Error> contradiction(const PriceLine& line, const PriceLine& earlier,
                                      std::string_view what) const {
    return tl::unexpected(
        price_error(file_, line.line,
                    fmt::format("{} {}{}{} {}: line {} says {}, line {} says {}", line.type,
                                market::to_string(line.capacity), line.zone.empty() ? "" : " in ",
                                line.zone, what, earlier.line, format_exact(earlier.price),
                                line.line, format_exact(line.price))));
  }

  std::string_view file_;
  const Market& market_;
  std::map<std::string_view, std::uint32_t> by_name_;
  std::map<std::pair<std::uint32_t, CapacityType>, std::map<std::string, const PriceLine*>>
      offerings_;
  std::set<std::string> unknown_;
};

}  // namespace

Result<PriceNote> load_prices(std::string text, std::string_view file,
                              std::string_view region_wanted, Market& market) {
  if (text.size() > kPriceFileBytesMax) {
    return fail(ErrorCode::TooLarge, fmt::format("{}: {} bytes; at most {} are read", file,
                                                 text.size(), kPriceFileBytesMax));
  }
  KERF_TRY(const PriceFile prices, PrometheusReader::recognizes(text)
                                       ? read_price_page(text, file)
                                       : read_price_table(std::move(text), file));
  KERF_TRY(std::string region, choose_region(prices, file, region_wanted));
  Collector collector(file, market);
  for (const PriceLine& line : prices.lines) {
    if (line.region.empty() || line.region == region) KERF_CHECK_OK(collector.add(line));
  }
  if (collector.knows_none() && !collector.unknown().empty()) {
    return fail(ErrorCode::NotFound,
                fmt::format("{}: no price of an instance type with NVIDIA GPUs; '{}' is none. "
                            "Expected names such as g6.xlarge",
                            file, collector.unknown().begin()->substr(0, 40)));
  }
  PriceNote note;
  std::vector<market::Offering> offerings;
  std::vector<market::Offering> off_sale;
  std::vector<std::string> unpriced;
  collector.finish(note, offerings, off_sale, unpriced);
  market.offerings = std::move(offerings);
  market.off_sale = std::move(off_sale);
  market.unpriced = std::move(unpriced);
  market.region = std::move(region);
  market.price_date = prices.date;
  market.price_source = prices.source;
  return note;
}

// The factor is taken to nine decimals, so that the product is exact integer arithmetic.
void discount(Market& market, CapacityType type, double factor) {
  KERF_ASSERT(factor >= 0 && factor <= 1000, "a factor on prices is between 0 and 1000");
  constexpr std::int64_t kUnit = 1'000'000'000;
  const Int128 scaled = std::llround(factor * static_cast<double>(kUnit));
  for (market::Offering& offering : market.offerings) {
    if (offering.capacity_type != type) continue;
    const Int128 product = offering.price.micro * scaled + kUnit / 2;
    offering.price.micro = static_cast<std::int64_t>(product / kUnit);
  }
}

}  // namespace kerf::codec
