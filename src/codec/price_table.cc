// Price tables: CSV with one price a row.
#include <fmt/format.h>

#include <optional>
#include <utility>

#include "codec/csv.h"
#include "codec/price_file.h"

namespace kerf::codec {
namespace {

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// The columns of a price table, and the region that its comments state.
struct TableColumns {
  std::size_t type = 0;
  std::size_t price = 0;
  std::optional<std::size_t> region;
  std::optional<std::size_t> zone;
  std::optional<std::size_t> capacity;
  std::string stated_region;
};

Result<PriceLine> read_row(const CsvTable& table, const CsvRow& row, const TableColumns& columns) {
  const auto cell = [&row](std::optional<std::size_t> column) {
    return column ? row.cells[*column] : std::string_view();
  };
  const auto wrong = [&](std::string_view column, std::string_view message) {
    return tl::unexpected(table.error(row, column, message));
  };
  PriceLine line;
  line.line = row.line;
  line.type = cell(columns.type);
  if (line.type.empty()) return wrong("instance_type", "empty; expected a name such as g6.xlarge");

  const Result<MicroUsdPerHour> price = read_price(cell(columns.price));
  if (!price) return wrong("usd_per_hour", price.error().message());
  line.price = *price;

  if (const std::string_view text = cell(columns.capacity); !text.empty()) {
    const Result<market::CapacityType> capacity = read_capacity_type(text);
    if (!capacity) return wrong("capacity_type", capacity.error().message());
    line.capacity = *capacity;
  }
  line.region = cell(columns.region);
  if (!line.region.empty() && !is_place_name(line.region)) {
    return wrong("region", "expected a region's name, such as us-east-1");
  }
  if (line.region.empty()) line.region = columns.stated_region;
  line.zone = cell(columns.zone);
  if (!line.zone.empty()) {
    const std::string region = region_of(line.zone);
    if (region.empty()) {
      return wrong("zone",
                   "expected a zone's name, such as us-east-1a (its id, such as use1-az1, "
                   "names another zone in every account)");
    }
    if (line.region.empty()) line.region = region;
    if (line.region != region) {
      return wrong("zone", fmt::format("{} is not in region {}", line.zone, line.region));
    }
  }
  return line;
}

}  // namespace

Result<PriceFile> read_price_table(std::string text, std::string_view file) {
  KERF_TRY(const CsvTable table,
           CsvTable::parse(std::move(text), std::string(file), kPriceFileBytesMax));
  if (table.rows().size() > kPriceFileLinesMax) {
    return fail(ErrorCode::TooLarge,
                fmt::format("{}: more than {} prices", file, kPriceFileLinesMax));
  }
  TableColumns columns;
  KERF_TRY(columns.type, table.require("instance_type"));
  KERF_TRY(columns.price, table.require("usd_per_hour"));
  columns.region = table.column("region");
  columns.zone = table.column("zone");
  columns.capacity = table.column("capacity_type");

  PriceFile out;
  out.source = base_name(file);
  for (const std::string& comment : table.comments()) {
    std::string_view rest = trim(comment);
    if (rest.starts_with("date:")) {
      out.date = trim(rest.substr(5));
      if (out.date.empty() || out.date.size() > 40) {
        return invalid(
            fmt::format("{}: comment 'date:': expected a date, such as 2026-07-20", file));
      }
    } else if (rest.starts_with("region:")) {
      columns.stated_region = trim(rest.substr(7));
      if (!is_place_name(columns.stated_region)) {
        return invalid(
            fmt::format("{}: comment 'region:': expected a region's name, such as "
                        "us-east-1",
                        file));
      }
    }
  }
  out.lines.reserve(table.rows().size());
  for (const CsvRow& row : table.rows()) {
    KERF_TRY(PriceLine line, read_row(table, row, columns));
    out.lines.push_back(std::move(line));
  }
  if (out.lines.empty()) return invalid(fmt::format("{}: a header, but no prices", file));
  return out;
}

}  // namespace kerf::codec
