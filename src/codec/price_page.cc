// Pages of Karpenter's metrics: the gauges of price and availability, put together.
#include <fmt/format.h>

#include <map>
#include <tuple>
#include <utility>

#include "codec/price_file.h"
#include "codec/prometheus.h"

namespace kerf::codec {
namespace {

using market::CapacityType;

/// Ends of the names of Karpenter's two gauges (pkg/controllers/metrics/metrics.go of the AWS
/// provider); whatever stands before them is the exporter's namespace.
constexpr std::string_view kPriceSeries = "_instance_type_offering_price_estimate";
constexpr std::string_view kAvailableSeries = "_instance_type_offering_available";

/// Type, zone and capacity type: what names an offering on a page.
using OfferingName = std::tuple<std::string, std::string, CapacityType>;

Result<OfferingName> read_offering_name(const Sample& sample) {
  const auto label = [&sample](std::string_view name) -> Result<std::string> {
    const std::string* value = sample.label(name);
    if (value != nullptr && !value->empty()) return *value;
    return invalid(fmt::format("label {} is missing from {}", name, sample.name));
  };
  KERF_TRY(std::string type, label("instance_type"));
  KERF_TRY(std::string zone, label("zone"));
  KERF_TRY(const std::string capacity_text, label("capacity_type"));
  KERF_TRY(const CapacityType capacity, read_capacity_type(capacity_text));
  if (region_of(zone).empty()) {
    return invalid(
        fmt::format("zone '{}': expected a zone's name, such as us-east-1a", zone.substr(0, 40)));
  }
  return OfferingName(std::move(type), std::move(zone), capacity);
}

Result<bool> read_available(std::string_view value) {
  if (value == "1") return true;
  if (value == "0") return false;
  return invalid(fmt::format("availability is 0 or 1, got '{}'", value.substr(0, 40)));
}

/// Whether an offering can be had, and the line that says so.
struct Availability {
  bool available = true;
  std::uint32_t line = 0;
};

/// Puts the two series together. Karpenter shows 0 for a price that it does not know; that is no
/// price. A reservation's is the on-demand price divided by ten million, so 0 after rounding.
void apply_availability(const std::map<OfferingName, Availability>& availability,
                        std::vector<PriceLine>& lines) {
  for (PriceLine& line : lines) {
    const auto found = availability.find(OfferingName(line.type, line.zone, line.capacity));
    line.known = line.price.micro > 0 || line.capacity == CapacityType::Reserved;
    line.available = found == availability.end() ? line.known : found->second.available;
  }
}

}  // namespace

Result<PriceFile> read_price_page(std::string_view text, std::string_view file) {
  PriceFile out;
  out.source = fmt::format("Karpenter metrics page {}", base_name(file));
  std::map<OfferingName, Availability> availability;
  PrometheusReader page(text, file, {.bytes = kPriceFileBytesMax, .lines = kPriceFileLinesMax});
  Sample sample;
  while (true) {
    KERF_TRY(const bool more, page.next(sample));
    if (!more) break;
    const bool is_price = sample.name.ends_with(kPriceSeries);
    if (!is_price && !sample.name.ends_with(kAvailableSeries)) continue;
    Result<OfferingName> name = read_offering_name(sample);
    if (!name) return tl::unexpected(price_error(file, sample.line, name.error().message()));
    if (is_price) {
      const Result<MicroUsdPerHour> price = read_price(sample.value);
      if (!price) return tl::unexpected(price_error(file, sample.line, price.error().message()));
      const auto& [type, zone, capacity] = *name;
      out.lines.push_back({.line = sample.line,
                           .type = type,
                           .region = region_of(zone),
                           .zone = zone,
                           .capacity = capacity,
                           .price = *price});
      continue;
    }
    const Result<bool> available = read_available(sample.value);
    if (!available) {
      return tl::unexpected(price_error(file, sample.line, available.error().message()));
    }
    const auto [entry, added] =
        availability.try_emplace(*std::move(name), Availability{*available, sample.line});
    if (!added && entry->second.available != *available) {
      return tl::unexpected(
          price_error(file, sample.line,
                      fmt::format("another availability of this offering than on line {}",
                                  entry->second.line)));
    }
  }
  if (out.lines.empty()) {
    return fail(ErrorCode::NotFound,
                fmt::format("{}: no series ...{}; expected a page of Karpenter's metrics (AWS "
                            "provider, port 8080, /metrics of the leader)",
                            file, kPriceSeries));
  }
  apply_availability(availability, out.lines);
  return out;
}

}  // namespace kerf::codec
