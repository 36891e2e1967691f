// The market of a scenario: what is sold, how prices move, how long spot instances live.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/quote.h"
#include "codec/catalogue.h"
#include "codec/csv.h"
#include "codec/duration.h"
#include "core/cluster/policy.h"
#include "sim/scenario_parts.h"

namespace kerf::sim {
namespace {

using codec::Field;
using codec::store;

constexpr std::string_view kDefaultRegion = "us-east-1";
constexpr std::size_t kGlobsMax = 100;
constexpr std::size_t kZonesMax = 16;
constexpr std::size_t kHistoryRowsMax = 100'000;

/// Keeps the offerings of types that some pattern matches; each must match one.
Result<void> keep_types(const Field& field, market::Market& market) {
  KERF_TRY(const std::vector<Field> globs, field.items(kGlobsMax));
  std::vector<bool> kept(market.types.size(), false);
  for (const Field& entry : globs) {
    KERF_TRY(const std::string glob, entry.text());
    bool any = false;
    for (std::size_t i = 0; i < market.types.size(); ++i) {
      if (!cluster::glob_matches(glob, market.types[i].name)) continue;
      kept[i] = true;
      any = true;
    }
    if (!any)
      return entry.wrong(quoted(glob) +
                         " is no instance type with NVIDIA GPUs; expected names or patterns such "
                         "as g6.xlarge or p4d.*");
  }
  std::erase_if(market.offerings, [&](const market::Offering& o) { return !kept[o.type]; });
  if (market.offerings.empty()) return field.wrong("none of these types has a price");
  return {};
}

Result<void> check_zone(const Field& field, const std::string& region) {
  const std::string& zone = field.node().text;
  if (zone.size() > region.size() && zone.starts_with(region)) return {};
  return field.wrong(
      fmt::format("{} is no zone of {}; expected names such as {}a", quoted(zone), region, region));
}

Result<PricePoint> read_price_row(const codec::CsvTable& table, const codec::CsvRow& row,
                                  const std::vector<std::size_t>& columns, Instant start,
                                  const market::Market& market) {
  PricePoint point;
  const auto at = codec::parse_duration(row.cells[columns[0]]);
  if (!at) return tl::unexpected(table.error(row, "at", at.error().message()));
  point.at = start + *at;
  point.type = row.cells[columns[1]];
  if (market.type_named(point.type) == nullptr)
    return tl::unexpected(table.error(row, "instance_type", "no type with NVIDIA GPUs"));
  point.zone = row.cells[columns[2]];
  if (!point.zone.starts_with(market.region) || point.zone.size() == market.region.size())
    return tl::unexpected(table.error(row, "zone", "no zone of " + market.region));
  const auto capacity = market::parse_capacity_type(row.cells[columns[3]]);
  if (!capacity)
    return tl::unexpected(
        table.error(row, "capacity_type", "expected on-demand, spot or reserved"));
  point.capacity_type = *capacity;
  const auto price = parse_usd_per_hour(row.cells[columns[4]]);
  if (!price) return tl::unexpected(table.error(row, "usd_per_hour", price.error().message()));
  point.price = *price;
  return point;
}

/// CSV: at, instance_type, zone, capacity_type, usd_per_hour.
Result<std::vector<PricePoint>> read_history(const std::string& name, std::string text,
                                             Instant start, const market::Market& market) {
  KERF_TRY(const codec::CsvTable table, codec::CsvTable::parse(std::move(text), name, 16u << 20));
  if (table.rows().size() > kHistoryRowsMax)
    return fail(ErrorCode::TooLarge, fmt::format("{}: {} rows; at most {} are read", name,
                                                 table.rows().size(), kHistoryRowsMax));
  std::vector<std::size_t> columns;
  for (const char* column : {"at", "instance_type", "zone", "capacity_type", "usd_per_hour"}) {
    KERF_TRY(const std::size_t index, table.require(column));
    columns.push_back(index);
  }
  std::vector<PricePoint> history;
  for (const codec::CsvRow& row : table.rows()) {
    KERF_TRY(PricePoint point, read_price_row(table, row, columns, start, market));
    history.push_back(std::move(point));
  }
  return history;
}

Result<void> read_outages(const Field& field, PriceOptions& prices) {
  KERF_CHECK_OK(field.object(
      {{"every", [&](const Field& f) { return store(codec::duration_ms(f), prices.up_ms); }, true},
       {"last", [&](const Field& f) { return store(codec::duration_ms(f), prices.down_ms); },
        true}}));
  if (prices.up_ms < control::kMinute || prices.down_ms < control::kSecond)
    return field.wrong("expected every of 1m or more, and last of 1s or more");
  return {};
}

Result<bool> read_bool(const Field& field) {
  if (field.node().kind != codec::Node::Kind::Bool) return field.expected("true or false");
  return field.node().boolean;
}

/// The region decides what the other fields mean.
Result<market::Market> region_market(const Field* field) {
  std::string region(kDefaultRegion);
  const codec::Node* given = field == nullptr ? nullptr : field->node().find("region");
  if (given != nullptr && given->kind == codec::Node::Kind::String) region = given->text;
  return codec::builtin_market(region);
}

}  // namespace

Result<void> read_market(const Field* field, const ReadFile& read_file, WorldSpec& world) {
  Result<market::Market> market = region_market(field);
  if (!market) {
    return field->wrong(fmt::format("region: expected one with shipped prices: {}",
                                    fmt::join(codec::builtin_regions(), ", ")));
  }
  if (field == nullptr) {
    world.market = std::make_shared<const market::Market>(*std::move(market));
    return {};
  }
  PriceOptions& prices = world.prices;
  const auto read_process = [&](const Field& f) -> Result<void> {
    KERF_TRY(const std::size_t word, f.one_of({"constant", "meanReverting"}));
    prices.kind = word == 0 ? PriceOptions::Kind::Constant : PriceOptions::Kind::MeanReverting;
    return {};
  };
  const auto read_price_file = [&](const Field& f) -> Result<void> {
    KERF_TRY(const std::string name, f.text(1024));
    Result<std::string> text = read_file(name);
    if (!text) return f.wrong(text.error());
    prices.kind = PriceOptions::Kind::Replayed;
    KERF_TRY(prices.history, read_history(name, *std::move(text), world.start, *market));
    return {};
  };
  const auto read_zones = [&](const Field& f) {
    return store(
        f.texts(kZonesMax, [&](const Field& zone) { return check_zone(zone, market->region); }),
        prices.zones);
  };
  KERF_CHECK_OK(field->object(
      {{"region", [](const Field& f) { return codec::checked(f.text()); }},
       {"instanceTypes", [&](const Field& f) { return keep_types(f, *market); }},
       {"zones", read_zones},
       {"prices", read_process},
       {"priceFile", read_price_file},
       {"spot", [&](const Field& f) { return store(read_bool(f), prices.spot); }},
       {"spotLivesFor",
        [&](const Field& f) { return store(codec::duration_ms(f), world.karpenter.spot_life_ms); }},
       {"outages", [&](const Field& f) { return read_outages(f, prices); }}}));
  world.market = std::make_shared<const market::Market>(*std::move(market));
  return {};
}

}  // namespace kerf::sim
