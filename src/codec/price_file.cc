// What price tables and metrics pages have in common: prices, capacity types, names of places.
#include "codec/price_file.h"

#include <fmt/format.h>

#include <algorithm>

namespace kerf::codec {
namespace {

/// No instance costs this much an hour; a file that says so is not in dollars per hour.
constexpr MicroUsdPerHour kPriceMax = {10'000'000'000};

}  // namespace

Result<MicroUsdPerHour> read_price(std::string_view text) {
  KERF_TRY(const MicroUsdPerHour price, parse_usd_per_hour(text));
  if (price > kPriceMax) {
    return invalid(fmt::format("{} is more than any instance costs; expected dollars per hour",
                               format_usd(price)));
  }
  return price;
}

Result<market::CapacityType> read_capacity_type(std::string_view text) {
  if (const auto type = market::parse_capacity_type(text)) return *type;
  return invalid(fmt::format("'{}' is no capacity type; expected on-demand, spot or reserved",
                             text.substr(0, 40)));
}

bool is_place_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

std::string region_of(std::string_view zone) {
  const std::size_t number = zone.find_first_of("0123456789");
  if (!is_place_name(zone) || number == zone.npos || number < 2 || zone[number - 1] != '-') {
    return {};
  }
  const std::size_t end = std::min(zone.find_first_not_of("0123456789", number), zone.size());
  return end < zone.size() ? std::string(zone.substr(0, end)) : std::string();
}

std::string_view base_name(std::string_view file) {
  if (file == "-") return "standard input";
  return file.substr(file.find_last_of('/') + 1);
}

Error price_error(std::string_view file, std::uint32_t line, std::string_view message) {
  return Error(ErrorCode::InvalidArgument, fmt::format("{}:{}: {}", file, line, message));
}

}  // namespace kerf::codec
