// Price files and saved pages of Karpenter's metrics -> offerings.
#pragma once

#include <string>
#include <string_view>

#include "core/market/market.h"

namespace kerf::codec {

/// Replaces the offerings of `market` (its types stay) by those of a file, which is one of
///  - a price table: CSV with columns instance_type, usd_per_hour and optional region, zone,
///    capacity_type (default on-demand); comment lines "# date: 2026-07-20", "# region: eu-west-1";
///  - a page of Karpenter's metrics (Prometheus text): ..._offering_price_estimate gives the price,
///    ..._offering_available 0 removes the offering. The region is the zones' ("us-east-1a").
/// Recognised by content. Errors carry file and line: a negative or absurd price, two prices for one
/// offering, an unknown capacity type, no series of the right name at all. Instance types that Kerf
/// does not know are counted in the note that comes back, not refused (a page lists every type).
struct PriceNote {
  std::size_t offerings = 0;
  std::size_t unknown_types = 0;
  std::size_t unavailable = 0;
};
Result<PriceNote> load_prices(std::string text, std::string_view file, std::string_view region_wanted,
                              market::Market& market);

/// `--discount 0.12` and the like: multiplies every price of a capacity type, rounded half up.
void discount(market::Market& market, market::CapacityType type, double factor);

}  // namespace kerf::codec
