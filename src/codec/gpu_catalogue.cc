// Reads the GPU catalogue (data/gpu_models.csv, data/gpu_profiles.csv; formats: data/README.md).
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "base/assert.h"
#include "codec/builtin.h"
#include "codec/catalogue.h"
#include "codec/csv.h"

namespace kerf::codec {
namespace {

constexpr std::size_t kCatalogueBytesMax = 1u << 20;
constexpr int kSlotsMax = 16;  // gpu::Geometry keeps starts in 16 bits
constexpr std::size_t kProfilesMax = 64;

/// A row with the columns it is read by.
class Reader {
 public:
  explicit Reader(const CsvTable& table) : table_(table) {}
  void at(const CsvRow& row) { row_ = &row; }

  Result<std::string_view> text(std::string_view column) const {
    KERF_TRY(const std::size_t c, table_.require(column));
    return row_->cells[c];
  }
  Result<std::string_view> required(std::string_view column) const {
    KERF_TRY(const std::string_view cell, text(column));
    if (cell.empty()) return wrong(column, "must not be empty");
    return cell;
  }
  /// Between `least` and `most`; an empty cell is `unknown`.
  template <class T>
  Result<T> number(std::string_view column, int least, int most, int unknown) const {
    KERF_TRY(const std::string_view cell, text(column));
    if (cell.empty()) return static_cast<T>(unknown);
    return required_number<T>(column, least, most);
  }
  template <class T>
  Result<T> required_number(std::string_view column, int least, int most) const {
    KERF_TRY(const std::size_t c, table_.require(column));
    KERF_TRY(const std::int64_t value, table_.integer(*row_, c));
    if (value < least || value > most) {
      return wrong(column, fmt::format("expected {} to {}, got {}", least, most, value));
    }
    return static_cast<T>(value);
  }
  tl::unexpected<Error> wrong(std::string_view column, std::string_view message) const {
    return tl::unexpected(table_.error(*row_, column, message));
  }

 private:
  const CsvTable& table_;
  const CsvRow* row_ = nullptr;
};

/// Appends the parts of "a|b|c".
void append_parts(std::string_view text, char separator, std::vector<std::string>& out) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

constexpr int kMiBMax = 1 << 24;  // 16 TiB
constexpr int kGbMax = 16'384;
constexpr int kSmMax = 4'096;

Result<gpu::Model> read_model(const Reader& reader) {
  gpu::Model model;
  KERF_TRY(model.key, reader.required("key"));
  KERF_TRY(const std::string_view labels, reader.text("labels"));
  KERF_TRY(const std::string_view unverified, reader.text("labels_unverified"));
  append_parts(labels, '|', model.labels);
  append_parts(unverified, '|', model.labels);
  KERF_TRY(const std::string_view generation, reader.text("generation"));
  if (generation == "NoMig") {
    model.generation = gpu::Generation::NoMig;
  } else if (generation == "Ampere") {
    model.generation = gpu::Generation::Ampere;
  } else if (generation == "HopperOrLater") {
    model.generation = gpu::Generation::HopperOrLater;
  } else {
    return reader.wrong("generation", "expected NoMig, Ampere or HopperOrLater");
  }
  KERF_TRY(model.slots, reader.number<std::uint8_t>("slots", 1, kSlotsMax, 0));
  KERF_TRY(model.compute_slices, reader.number<std::uint8_t>("compute_slices", 1, kSlotsMax, 0));
  KERF_TRY(model.memory_mib, reader.number<std::int32_t>("memory_mib", 1, kMiBMax, 0));
  KERF_TRY(model.nominal_gb, reader.required_number<std::int32_t>("nominal_gb", 1, kGbMax));
  KERF_TRY(model.sm_count, reader.number<std::int32_t>("sm_count", 1, kSmMax, 0));
  KERF_TRY(model.source, reader.required("source"));
  return model;
}

Result<gpu::Status> read_status(const Reader& reader) {
  KERF_TRY(const std::string_view status, reader.text("status"));
  if (status == "verified") return gpu::Status::Verified;
  if (status == "derived") return gpu::Status::Derived;
  if (status == "unverified") return gpu::Status::Unverified;
  return reader.wrong("status", "expected verified, derived or unverified");
}

Result<std::vector<std::uint8_t>> read_starts(const Reader& reader, int slots, int model_slots) {
  KERF_TRY(const std::string_view cell, reader.text("starts"));
  std::vector<std::string> words;
  append_parts(cell, ' ', words);
  std::vector<std::uint8_t> starts;
  for (const std::string& word : words) {
    const bool digits = !word.empty() && word.size() <= 2 &&
                        word.find_first_not_of("0123456789") == std::string::npos;
    if (!digits) return reader.wrong("starts", "expected slot numbers, e.g. '0 2 4'");
    const int start = std::stoi(word);
    if (start + slots > model_slots) {
      return reader.wrong("starts", fmt::format("{} slots from {} do not fit the model's {}", slots,
                                                start, model_slots));
    }
    if (!starts.empty() && start <= starts.back()) {
      return reader.wrong("starts", "expected ascending slot numbers");
    }
    starts.push_back(static_cast<std::uint8_t>(start));
  }
  return starts;
}

Result<gpu::Profile> read_profile(const Reader& reader, const gpu::Model& model) {
  gpu::Profile profile;
  constexpr int kUnknownId = gpu::Profile::kUnknownId;
  KERF_TRY(profile.name, reader.required("name"));
  KERF_TRY(profile.id, reader.number<std::uint16_t>("id", 0, kUnknownId - 1, kUnknownId));
  KERF_TRY(profile.compute_slices,
           reader.required_number<std::uint8_t>("compute_slices", 1, model.compute_slices));
  KERF_TRY(profile.slots, reader.number<std::uint8_t>("slots", 1, model.slots, 0));
  KERF_TRY(profile.max_instances,
           reader.required_number<std::uint8_t>("max_instances", 1, kSlotsMax));
  KERF_TRY(profile.memory_mib, reader.number<std::int32_t>("memory_mib", 1, kMiBMax, 0));
  KERF_TRY(profile.nominal_gb, reader.required_number<std::int32_t>("nominal_gb", 1, kGbMax));
  KERF_TRY(profile.sm_count, reader.number<std::int32_t>("sm_count", 1, kSmMax, 0));
  constexpr int kEnginesMax = 1'000;
  KERF_TRY(profile.engines.copy, reader.number<std::int16_t>("copy_engines", 0, kEnginesMax, -1));
  KERF_TRY(profile.engines.decoders, reader.number<std::int16_t>("decoders", 0, kEnginesMax, -1));
  KERF_TRY(profile.engines.encoders, reader.number<std::int16_t>("encoders", 0, kEnginesMax, -1));
  KERF_TRY(profile.engines.jpeg, reader.number<std::int16_t>("jpeg", 0, kEnginesMax, -1));
  KERF_TRY(profile.engines.ofa, reader.number<std::int16_t>("ofa", 0, kEnginesMax, -1));
  KERF_TRY(profile.starts, read_starts(reader, profile.slots, model.slots));
  KERF_TRY(profile.status, read_status(reader));
  KERF_TRY(profile.source, reader.required("source"));
  if (profile.starts.empty() != (profile.status == gpu::Status::Unverified)) {
    return reader.wrong("status", "is 'unverified' exactly where no starts are given");
  }
  if (profile.starts.empty() != (profile.slots == 0)) {
    return reader.wrong("slots", "is given exactly where starts are");
  }
  return profile;
}

Result<void> read_models(const CsvTable& table, gpu::Catalogue& catalogue) {
  Reader reader(table);
  for (const CsvRow& row : table.rows()) {
    reader.at(row);
    KERF_TRY(gpu::Model model, read_model(reader));
    if (catalogue.find(model.key) != nullptr) {
      return reader.wrong("key", fmt::format("a second model '{}'", model.key));
    }
    for (const std::string& label : model.labels) {
      for (const gpu::Model& other : catalogue.models) {
        if (std::find(other.labels.begin(), other.labels.end(), label) != other.labels.end()) {
          return reader.wrong("labels", fmt::format("'{}' already means {}", label, other.key));
        }
      }
    }
    catalogue.models.push_back(std::move(model));
  }
  return {};
}

Result<void> read_profiles(const CsvTable& table, gpu::Catalogue& catalogue) {
  Reader reader(table);
  for (const CsvRow& row : table.rows()) {
    reader.at(row);
    KERF_TRY(const std::string_view key, reader.text("model"));
    const auto model = std::find_if(catalogue.models.begin(), catalogue.models.end(),
                                    [&](const gpu::Model& m) { return m.key == key; });
    if (model == catalogue.models.end()) {
      return reader.wrong("model", "no such key in the table of models");
    }
    if (model->generation == gpu::Generation::NoMig) {
      return reader.wrong("model", fmt::format("{} has no MIG (generation NoMig)", key));
    }
    KERF_TRY(gpu::Profile profile, read_profile(reader, *model));
    if (model->profile_named(profile.name)) {
      return reader.wrong("name", fmt::format("a second '{}' of {}", profile.name, key));
    }
    if (model->profiles.size() == kProfilesMax) {
      return reader.wrong("model", fmt::format("more than {} profiles", kProfilesMax));
    }
    model->profiles.push_back(std::move(profile));
  }
  return {};
}

gpu::Catalogue load_builtin() {
  const auto models = builtin_file("gpu_models.csv");
  const auto profiles = builtin_file("gpu_profiles.csv");
  KERF_ASSERT(models && profiles, "the catalogue ships in the program");
  auto catalogue = parse_catalogue(std::string(*models), std::string(*profiles));
  KERF_ASSERT(catalogue, "the shipped catalogue parses");
  return *std::move(catalogue);
}

}  // namespace

Result<gpu::Catalogue> parse_catalogue(std::string models_csv, std::string profiles_csv) {
  KERF_TRY(const CsvTable models,
           CsvTable::parse(std::move(models_csv), "gpu_models.csv", kCatalogueBytesMax));
  KERF_TRY(const CsvTable profiles,
           CsvTable::parse(std::move(profiles_csv), "gpu_profiles.csv", kCatalogueBytesMax));
  gpu::Catalogue catalogue;
  KERF_CHECK_OK(read_models(models, catalogue));
  KERF_CHECK_OK(read_profiles(profiles, catalogue));
  for (const gpu::Model& model : catalogue.models) {
    if (model.generation != gpu::Generation::NoMig && model.profiles.empty()) {
      return invalid(
          fmt::format("{}: no profile of {}, which has MIG", profiles.file(), model.key));
    }
  }
  return catalogue;
}

const gpu::Catalogue& builtin_catalogue() {
  static const gpu::Catalogue catalogue = load_builtin();
  return catalogue;
}

}  // namespace kerf::codec
