// From --region, --prices, --policy and their companions to a Market and a Policy.
#include "cli/purchase.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "base/quote.h"
#include "cli/files.h"
#include "cli/suggest.h"
#include "codec/catalogue.h"
#include "codec/policy.h"
#include "codec/prices.h"
#include "codec/yaml.h"
#include "core/plan/live.h"

namespace kerf::cli {
namespace {

using market::CapacityType;
using market::Market;

constexpr std::string_view kDefaultRegion = "us-east-1";
constexpr std::size_t kPriceBytesMax = std::size_t{64} << 20;
constexpr std::size_t kPolicyBytesMax = std::size_t{1} << 20;

std::string counted(std::size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

bool has_prices_by_zone(const Market& market) { return !market.zones().empty(); }

/// Zones of another region do not exist here: one price for each type, the lowest that it has.
void forget_zones(Market& market) {
  std::map<std::pair<std::uint32_t, CapacityType>, MicroUsdPerHour> lowest;
  for (const market::Offering& offering : market.offerings) {
    const auto [entry, added] =
        lowest.try_emplace({offering.type, offering.capacity_type}, offering.price);
    if (!added) entry->second = std::min(entry->second, offering.price);
  }
  market.offerings.clear();
  for (const auto& [key, price] : lowest) {
    market.offerings.push_back({key.first, "", key.second, price});
  }
}

Result<Market> market_from_file(const PlanArguments& arguments, std::vector<std::string>& notes) {
  const std::string& file = *arguments.prices;
  KERF_TRY(std::string text, read_file(file, kPriceBytesMax));
  KERF_TRY(Market market, codec::builtin_market(codec::builtin_regions().front()));
  const std::string wanted =
      arguments.price_region.value_or(arguments.region.value_or(std::string()));
  auto loaded = codec::load_prices(std::move(text), display_name(file), wanted, market);
  if (!loaded) {
    if (loaded.error().code() != ErrorCode::NotFound || wanted.empty() || arguments.price_region) {
      return tl::unexpected(std::move(loaded).error());
    }
    return fail(ErrorCode::NotFound,
                fmt::format("{}. To plan for {} at the prices of another region add --price-region",
                            loaded.error().message(), wanted));
  }
  if (loaded->unknown_types > 0) {
    notes.push_back(fmt::format("Left out of {}: {} without an NVIDIA GPU that Kerf knows.",
                                display_name(file), counted(loaded->unknown_types, "type")));
  }
  if (loaded->unavailable > 0) {
    notes.push_back(fmt::format("Left out of {}: {} not available now.", display_name(file),
                                counted(loaded->unavailable, "offering")));
  }
  if (market.region.empty()) market.region = kDefaultRegion;
  return market;
}

Result<cluster::Policy> load_policy(const std::string& file, const gpu::Catalogue& gpus) {
  KERF_TRY(const std::string text, read_text(file, kPolicyBytesMax));
  KERF_TRY(const auto documents, codec::parse_yaml(text, display_name(file)));
  if (documents.size() != 1) {
    return invalid(fmt::format("{}: expected one SlicePolicy, the file has {} documents",
                               display_name(file), documents.size()));
  }
  return codec::read_policy(documents.front(), gpus);
}

/// True if something of this capacity type has a price.
bool offers(const Market& market, CapacityType type) {
  return std::any_of(market.offerings.begin(), market.offerings.end(),
                     [&](const market::Offering& o) { return o.capacity_type == type; });
}

Result<void> check_capacity_types(const cluster::Policy& policy, const Market& market,
                                  bool owns_some, std::vector<std::string>& notes) {
  std::vector<std::string_view> absent;
  for (const CapacityType type : policy.capacity_types) {
    if (!offers(market, type)) absent.push_back(market::to_string(type));
  }
  if (absent.empty()) return {};
  const std::string what =
      fmt::format("no {} prices in {}", fmt::join(absent, " and no "), market.price_source);
  if (absent.size() == policy.capacity_types.size() && !owns_some) {
    return fail(ErrorCode::NotFound,
                fmt::format("{}; give a price table or a saved page of Karpenter's metrics that "
                            "has them with --prices FILE",
                            what));
  }
  notes.push_back(fmt::format("There are {}; planned without.", what));
  return {};
}

tl::unexpected<Error> no_such_type(std::string_view option, const std::string& item,
                                   const Market& market) {
  std::vector<std::string> names;
  std::set<std::string> families;
  for (const market::InstanceType& type : market.types) {
    names.push_back(type.name);
    families.insert(type.family());
  }
  if (families.contains(item)) {
    return fail(
        ErrorCode::NotFound,
        option == "--types"
            ? fmt::format("--types: {} is a family; write {}.* for all of its types", item, item)
            : fmt::format("{}: {} is a family; name one of its types", option, item));
  }
  const std::vector<std::string> near = nearest(item, names);
  return fail(ErrorCode::NotFound,
              near.empty() ? fmt::format("{}: no instance type with NVIDIA GPUs is called {}; "
                                         "families are {}",
                                         option, quoted(item), fmt::join(families, ", "))
                           : fmt::format("{}: no instance type is called {}{}", option,
                                         quoted(item), did_you_mean(near)));
}

}  // namespace

Result<Market> load_market(const PlanArguments& arguments, std::vector<std::string>& notes) {
  const std::string region = arguments.region.value_or(std::string(kDefaultRegion));
  Market market;
  if (arguments.prices) {
    KERF_TRY(market, market_from_file(arguments, notes));
  } else {
    KERF_TRY(market, codec::builtin_market(arguments.price_region.value_or(region)));
  }
  if (arguments.price_region && market.region != region) {
    market.price_source += fmt::format(" of {}", market.region);
    notes.push_back(fmt::format("Planned for {} at the prices of {}, which may differ.", region,
                                market.region));
    if (has_prices_by_zone(market)) forget_zones(market);
    market.region = region;
  }
  return market;
}

Result<void> apply_discounts(const std::vector<Discount>& discounts, Market& market) {
  const Discount* general = nullptr;
  std::set<CapacityType> done;
  for (const Discount& discount : discounts) {
    if (!discount.capacity) {
      general = &discount;
      continue;
    }
    const std::string_view name = market::to_string(*discount.capacity);
    if (!offers(market, *discount.capacity)) {
      return fail(ErrorCode::NotFound,
                  fmt::format("--discount: no {} prices in {}", name, market.price_source));
    }
    codec::discount(market, *discount.capacity, (100 - discount.percent) / 100);
    done.insert(*discount.capacity);
  }
  for (const Discount& discount : discounts) {  // said only now: the error above quotes the source
    if (!discount.capacity) continue;
    market.price_source +=
        fmt::format(", {} % off {}", discount.percent, market::to_string(*discount.capacity));
  }
  if (general == nullptr) return {};
  for (const CapacityType type :
       {CapacityType::OnDemand, CapacityType::Spot, CapacityType::Reserved}) {
    if (!done.contains(type)) codec::discount(market, type, (100 - general->percent) / 100);
  }
  market.price_source +=
      fmt::format(", {} % off{}", general->percent, done.empty() ? "" : " the rest");
  return {};
}

Result<void> check_types(const std::vector<std::string>& items, const Market& market) {
  std::set<std::uint32_t> priced;
  for (const market::Offering& offering : market.offerings) priced.insert(offering.type);
  for (const std::string& item : items) {
    bool known = false;
    bool has_price = false;
    for (std::uint32_t i = 0; i < market.types.size(); ++i) {
      if (!cluster::glob_matches(item, market.types[i].name)) continue;
      known = true;
      has_price = has_price || priced.contains(i);
    }
    if (!known) return no_such_type("--types", item, market);
    if (!has_price) {
      return fail(ErrorCode::NotFound,
                  fmt::format("--types: {} has no price in {}; give one with --prices FILE", item,
                              market.price_source));
    }
  }
  return {};
}

Result<void> add_owned(const std::map<std::string, std::int64_t>& owned, Market& market) {
  for (const auto& [name, count] : owned) {
    const market::InstanceType* type = market.type_named(name);
    if (type == nullptr) return no_such_type("--owned", name, market);
    market::Offering offering;
    offering.type = static_cast<std::uint32_t>(type - market.types.data());
    offering.capacity_type = CapacityType::Reserved;
    offering.count = count;
    market.offerings.push_back(offering);
  }
  std::stable_sort(market.offerings.begin(), market.offerings.end(),
                   [](const market::Offering& a, const market::Offering& b) {
                     return std::tuple(a.type, a.zone, a.capacity_type, !a.count.has_value()) <
                            std::tuple(b.type, b.zone, b.capacity_type, !b.count.has_value());
                   });
  return {};
}

Result<void> check_zones(const std::vector<std::string>& zones, const Market& market) {
  const std::vector<std::string> known = market.zones();
  for (const std::string& zone : zones) {
    if (!known.empty() && std::find(known.begin(), known.end(), zone) == known.end()) {
      return fail(ErrorCode::NotFound,
                  fmt::format("--zones: {} has no prices for {}; it has {}", market.price_source,
                              quoted(zone), fmt::join(known, ", ")));
    }
    if (zone.size() <= market.region.size() || !zone.starts_with(market.region)) {
      return invalid(fmt::format("--zones: {} is no zone of {}; expected names such as {}a{}",
                                 quoted(zone), market.region, market.region,
                                 zone == market.region ? "" : ", or another --region"));
    }
  }
  return {};
}

namespace {

/// Nothing but what is owned, at its on-demand price, so that no more of it is used than needed.
Result<void> leave_owned(const std::map<std::string, std::int64_t>& owned, Purchase& out) {
  KERF_CHECK_OK(add_owned(owned, out.market));
  out.market = plan::at_list_price(std::move(out.market));
  std::erase_if(out.market.offerings, [](const market::Offering& one) { return !one.count; });
  out.policy.capacity_types = {CapacityType::Reserved};
  return {};
}

}  // namespace

Result<void> apply_policy(const PlanArguments& arguments, const std::vector<CapacityType>& usual,
                          const std::map<std::string, std::int64_t>& owned, Purchase& out) {
  if (arguments.policy) {
    KERF_TRY(out.policy, load_policy(*arguments.policy, out.market.gpus));
  } else {
    out.policy.capacity_types = usual;
  }
  if (!arguments.types.empty()) {
    KERF_CHECK_OK(check_types(arguments.types, out.market));
    out.policy.instance_types = arguments.types;
    out.policy.families.clear();
  }
  if (!arguments.zones.empty()) {
    KERF_CHECK_OK(check_zones(arguments.zones, out.market));
    out.policy.zones = arguments.zones;
  }
  if (!arguments.capacity_types.empty()) out.policy.capacity_types = arguments.capacity_types;
  KERF_CHECK_OK(check_capacity_types(out.policy, out.market, !owned.empty(), out.notes));
  if (arguments.owned_only) {
    if (owned.empty()) {
      return invalid(
          "--owned-only: nothing is owned; say what is with --owned TYPE=N, or read a cluster that "
          "has reserved nodes");
    }
    return leave_owned(owned, out);
  }
  return add_owned(owned, out.market);
}

Result<Purchase> prepare_purchase(const PlanArguments& arguments) {
  Purchase out;
  KERF_TRY(out.market, load_market(arguments, out.notes));
  KERF_CHECK_OK(apply_discounts(arguments.discounts, out.market));
  KERF_CHECK_OK(apply_policy(arguments, {CapacityType::OnDemand}, arguments.owned, out));
  return out;
}

}  // namespace kerf::cli
