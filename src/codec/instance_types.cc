// The EC2 half of the shipped data: instance types, and the market at shipped prices.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "base/assert.h"
#include "codec/builtin.h"
#include "codec/catalogue.h"
#include "codec/csv.h"
#include "codec/price_file.h"
#include "codec/prices.h"

namespace kerf::codec {
namespace {

using market::InstanceType;

constexpr std::string_view kTypesFile = "ec2_types.csv";
constexpr std::string_view kPricesFile = "ec2_prices.csv";

/// Reads cells of one row by column name; the first error is kept, later reads give nothing.
class RowReader {
 public:
  RowReader(const CsvTable& table, const CsvRow& row) : table_(table), row_(row) {}

  /// The cell if it is not empty.
  std::string text(std::string_view name) {
    const std::optional<std::size_t> column = find(name);
    if (!column) return {};
    if (row_.cells[*column].empty()) keep(table_.error(row_, name, "empty"));
    return std::string(row_.cells[*column]);
  }

  /// A whole number from `least` to `most`.
  std::int64_t integer(std::string_view name, std::int64_t least, std::int64_t most) {
    const std::optional<std::size_t> column = find(name);
    if (!column) return least;
    const Result<std::int64_t> value = table_.integer(row_, *column);
    if (!value) {
      keep(value.error());
    } else if (*value < least || *value > most) {
      keep(table_.error(row_, name,
                        fmt::format("{} is not between {} and {}", *value, least, most)));
    } else {
      return *value;
    }
    return least;
  }

  std::int32_t small(std::string_view name, std::int32_t least) {
    return static_cast<std::int32_t>(
        integer(name, least, std::numeric_limits<std::int32_t>::max()));
  }

  double not_negative(std::string_view name) {
    const std::optional<std::size_t> column = find(name);
    if (!column) return 0;
    const Result<double> value = table_.real(row_, *column);
    if (!value) {
      keep(value.error());
      return 0;
    }
    if (*value < 0) keep(table_.error(row_, name, "negative"));
    return *value;
  }

  /// One of the two words: true for the first.
  bool either(std::string_view name, std::string_view yes, std::string_view no) {
    const std::string value = text(name);
    if (value != yes && value != no) {
      keep(table_.error(row_, name, fmt::format("'{}'; expected {} or {}", value, yes, no)));
    }
    return value == yes;
  }

  void keep(Error error) {
    if (!error_) error_ = std::move(error);
  }
  const std::optional<Error>& error() const { return error_; }

 private:
  std::optional<std::size_t> find(std::string_view name) {
    Result<std::size_t> column = table_.require(name);
    if (column) return *column;
    keep(std::move(column).error());
    return std::nullopt;
  }

  const CsvTable& table_;
  const CsvRow& row_;
  std::optional<Error> error_;
};

Result<InstanceType> read_type(const CsvTable& table, const CsvRow& row,
                               const gpu::Catalogue& gpus) {
  RowReader cells(table, row);
  InstanceType type;
  type.name = cells.text("instance_type");
  type.arch = cells.either("arch", "amd64", "arm64") ? "amd64" : "arm64";
  type.vcpu = cells.small("vcpu", 1);
  type.memory_mib = cells.integer("memory_mib", 1, std::int64_t{1} << 40);
  type.gpu_model = cells.text("gpu_model");
  type.gpu_count = cells.small("gpu_count", 1);
  type.gpu_fraction = static_cast<std::uint8_t>(cells.integer("gpu_fraction", 1, 255));
  type.gpu_memory_mib = cells.small("gpu_memory_mib", 1);
  type.nominal_gb = cells.small("nominal_gb", 1);
  type.local_nvme_gb = cells.integer("local_nvme_gb", 0, std::int64_t{1} << 40);
  type.network_gbps = cells.not_negative("network_gbps");
  type.max_pods = cells.small("max_pods", 1);
  type.bare_metal = cells.either("bare_metal", "true", "false");
  type.gpu_label = cells.text("gpu_label");
  if (cells.error()) return tl::unexpected(*cells.error());

  const auto wrong = [&](std::string_view column, std::string_view message) {
    return tl::unexpected(table.error(row, column, message));
  };
  if (type.family().empty() || type.size().empty()) {
    return wrong("instance_type", "expected family.size, such as g6.xlarge");
  }
  const gpu::Model* model = gpus.find(type.gpu_model);
  if (model == nullptr) {
    return wrong("gpu_model", fmt::format("'{}' is not in the GPU catalogue", type.gpu_model));
  }
  type.gpu_model = model->key;
  if (type.gpu_fraction == 1 && type.nominal_gb != model->nominal_gb) {
    return wrong("nominal_gb", fmt::format("{}, but the catalogue says {} for a whole {}",
                                           type.nominal_gb, model->nominal_gb, model->key));
  }
  if (type.gpu_fraction > 1 && type.gpu_count != 1) {
    return wrong("gpu_count", "a fractional instance has one device");
  }
  if (type.gpu_fraction > 1 && type.nominal_gb * type.gpu_fraction > model->nominal_gb) {
    return wrong("nominal_gb", fmt::format("{} parts of {} GB are more than a whole {}",
                                           type.gpu_fraction, type.nominal_gb, model->key));
  }
  return type;
}

/// A shipped file is there and is right: anything else is a bug.
std::string shipped(std::string_view name) {
  const std::optional<std::string_view> text = builtin_file(name);
  KERF_ASSERT(text.has_value(), "the data files are built into the program");
  return std::string(*text);
}

const std::vector<InstanceType>& shipped_types() {
  static const std::vector<InstanceType> types = [] {
    auto parsed = parse_instance_types(shipped(kTypesFile), builtin_catalogue());
    KERF_ASSERT(parsed.has_value(), "the shipped ec2_types.csv parses");
    return *std::move(parsed);
  }();
  return types;
}

}  // namespace

Result<std::vector<InstanceType>> parse_instance_types(std::string csv,
                                                       const gpu::Catalogue& gpus) {
  KERF_TRY(const CsvTable table, CsvTable::parse(std::move(csv), std::string(kTypesFile)));
  std::vector<InstanceType> types;
  types.reserve(table.rows().size());
  std::set<std::string> names;
  for (const CsvRow& row : table.rows()) {
    KERF_TRY(InstanceType type, read_type(table, row, gpus));
    if (!names.insert(type.name).second) {
      return tl::unexpected(
          table.error(row, "instance_type", fmt::format("{} is there twice", type.name)));
    }
    types.push_back(std::move(type));
  }
  if (types.empty()) return invalid(fmt::format("{}: a header, but no types", kTypesFile));
  return types;
}

std::vector<std::string> builtin_regions() {
  const Result<PriceFile> prices = read_price_table(shipped(kPricesFile), kPricesFile);
  KERF_ASSERT(prices.has_value(), "the shipped ec2_prices.csv parses");
  std::set<std::string> regions;
  for (const PriceLine& line : prices->lines) regions.insert(line.region);
  return {regions.begin(), regions.end()};
}

Result<market::Market> builtin_market(std::string_view region) {
  const std::vector<std::string> regions = builtin_regions();
  if (std::find(regions.begin(), regions.end(), region) == regions.end()) {
    return fail(ErrorCode::NotFound,
                fmt::format("no prices for region '{}' are shipped. Give a price table or a saved "
                            "page of Karpenter's metrics with --prices FILE, or plan at the "
                            "shipped prices of another region with --price-region {}",
                            region, fmt::join(regions, " or --price-region ")));
  }
  market::Market market;
  market.gpus = builtin_catalogue();
  market.types = shipped_types();
  const Result<PriceNote> note = load_prices(shipped(kPricesFile), kPricesFile, region, market);
  KERF_ASSERT(note.has_value() && note->unknown_types == 0, "the shipped prices are for our types");
  market.price_source = "shipped price table";
  return market;
}

}  // namespace kerf::codec
