// PriceFile: what a price table or a metrics page says, before it meets a market; codec only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/market/market.h"

namespace kerf::codec {

/// Bounds on a price file: TooLarge beyond them.
inline constexpr std::size_t kPriceFileBytesMax = 64u << 20;
inline constexpr std::uint32_t kPriceFileLinesMax = 1'000'000;

/// One price as a file states it.
struct PriceLine {
  std::uint32_t line = 0;
  std::string type;
  std::string region;  ///< empty: not stated
  std::string zone;    ///< empty: the whole region
  market::CapacityType capacity = market::CapacityType::OnDemand;
  MicroUsdPerHour price;
  bool available = true;
  bool known = true;  ///< false: the source has no price, it only lists the offering
};

/// What a file says, before a region is chosen.
struct PriceFile {
  std::vector<PriceLine> lines;
  std::string date = "date not stated";
  std::string source;  ///< for Market::price_source
};

/// Reads a CSV table of prices; formats: codec/prices.h.
Result<PriceFile> read_price_table(std::string text, std::string_view file);
/// Reads a page of Karpenter's metrics.
Result<PriceFile> read_price_page(std::string_view text, std::string_view file);

/// Dollars per hour of one instance: not negative, and no more than any instance could cost.
Result<MicroUsdPerHour> read_price(std::string_view text);
Result<market::CapacityType> read_capacity_type(std::string_view text);

/// Lower-case letters, digits and hyphens, as all names of regions and zones are.
bool is_place_name(std::string_view text);
/// "us-east-1" of "us-east-1a" and of "us-east-1-bos-1a": the name up to its first number. Empty if
/// the text is no zone's name; zone ids ("use1-az1") are none.
std::string region_of(std::string_view zone);

/// The file's name without its folders; "standard input" for "-".
std::string_view base_name(std::string_view file);
/// "file:line: message".
Error price_error(std::string_view file, std::uint32_t line, std::string_view message);

}  // namespace kerf::codec
