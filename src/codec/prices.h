// Price files and saved pages of Karpenter's metrics -> offerings.
#pragma once

#include <string>
#include <string_view>

#include "core/market/market.h"

namespace kerf::codec {

/// What load_prices found beside the offerings that it made.
struct PriceNote {
  std::size_t offerings = 0;
  std::size_t unknown_types = 0;  ///< instance types that Kerf does not know, each counted once
  std::size_t unavailable = 0;    ///< offerings of known types that the page calls not available
};

/// Replaces the offerings of `market` (its types stay) by those of a file, which is one of
///  - a price table: CSV with columns instance_type, usd_per_hour and optional region, zone,
///    capacity_type (default on-demand); comment lines "# date: 2026-07-20", "# region: eu-west-1".
///    0 is a price: that of what is owned. A type is priced by zone or for the whole region;
///  - a page of Karpenter's metrics (Prometheus text): ..._offering_price_estimate gives the price,
///    ..._offering_available 0 removes the offering. The region is the zones' ("us-east-1a"). 0 is
///    no price, except for reserved capacity.
/// Recognised by content. At most 64 MiB and 1,000,000 lines (TooLarge). Errors say file and line:
/// a negative or absurd price, two prices for one offering, an unknown capacity type, no series of
/// the right name at all, no type that Kerf knows. `region_wanted` empty: the file's only region; a
/// region that the file lacks is NotFound, and the message names those it has; a file that names no
/// region is taken to be for `region_wanted`. Types without a price go to `unpriced`. On an error
/// `market` is as it was.
Result<PriceNote> load_prices(std::string text, std::string_view file,
                              std::string_view region_wanted, market::Market& market);

/// Multiplies every price of a capacity type by `factor` (0 to 1000, nine decimals count), rounded
/// half up: 0.88 for 12 % off.
void discount(market::Market& market, market::CapacityType type, double factor);

}  // namespace kerf::codec
