// Reads mig-parted's files (github.com/NVIDIA/mig-parted api/spec/v1), as strictly as it does.
#include "codec/mig_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/quote.h"
#include "codec/gpu_node_status.h"
#include "codec/strict_fields.h"
#include "codec/yaml.h"

namespace kerf::codec {
namespace {

using agent::MigConfigEntry;
using agent::MigDeviceFilter;

constexpr Limits kLimits{
    .bytes = 1u << 20, .depth = 16, .nodes = 200'000, .documents = 16, .scalar_bytes = 4'096};
constexpr std::size_t kConfigsMax = 1'000;
constexpr std::size_t kEntriesMax = 256;
constexpr std::size_t kFiltersMax = 256;
constexpr std::size_t kDevicesMax = 64;
constexpr std::size_t kProfilesMax = 64;
constexpr std::int64_t kCountMax = 64;
constexpr std::int64_t kIndexMax = 1'000'000;

/// "0x20B010DE", or the same in decimal digits.
std::optional<std::uint32_t> pci_id(std::string_view text) {
  const int base = text.starts_with("0x") || text.starts_with("0X") ? 16 : 10;
  if (base == 16) text.remove_prefix(2);
  std::uint32_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id, base);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole ? std::optional(id) : std::nullopt;
}

Result<MigDeviceFilter> read_filter(const Field& field) {
  KERF_TRY(const std::string text, field.text());
  const std::size_t colon = text.find(':');
  const std::string_view whole = text;
  const auto device = pci_id(whole.substr(0, colon));
  MigDeviceFilter filter;
  if (device && colon == std::string::npos) {
    filter.device = *device;
    return filter;
  }
  const auto subsystem =
      colon == std::string::npos ? std::nullopt : pci_id(whole.substr(colon + 1));
  if (!device || !subsystem) {
    return field.wrong(quoted(text) +
                       "; expected a PCI id, device before vendor, such as 0x20B010DE, or "
                       "<id>:<id of the subsystem>");
  }
  filter.device = *device;
  filter.subsystem = subsystem;
  return filter;
}

Result<void> read_filters(const Field& field, MigConfigEntry& entry) {
  const Node& node = field.node();
  const bool none = (node.kind == Node::Kind::String && node.text.empty()) ||
                    (node.kind == Node::Kind::Sequence && node.items.empty());
  if (none) return {};
  std::vector<Field> fields = {field};
  if (node.kind == Node::Kind::Sequence) {
    KERF_TRY(fields, field.items(kFiltersMax));
  }
  for (const Field& each : fields) {
    KERF_TRY(const MigDeviceFilter filter, read_filter(each));
    entry.filters.push_back(filter);
  }
  return {};
}

Result<void> read_devices(const Field& field, MigConfigEntry& entry) {
  const Node& node = field.node();
  if (node.kind == Node::Kind::String && node.text == "all") return {};
  if (node.kind != Node::Kind::Sequence) return field.expected("all, or a list of GPU indices");
  entry.devices.emplace();
  if (node.items.empty()) return {};
  KERF_TRY(const std::vector<Field> fields, field.items(kDevicesMax));
  for (const Field& each : fields) {
    KERF_TRY(const std::int64_t index, each.integer(0, kIndexMax));
    entry.devices->push_back(index);
  }
  return {};
}

/// "1g.5gb", "1g.5gb+me,gfx", "1c.3g.20gb": the form alone, as mig-parted checks it here.
bool is_profile(std::string_view text) {
  std::size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
  if (digits > 0 && digits <= 4 && text.substr(digits).starts_with("c."))
    text.remove_prefix(digits + 2);
  return is_mig_profile_name(text);
}

Result<void> read_slices(const Field& field, MigConfigEntry& entry) {
  KERF_TRY(const auto members, field.members(kProfilesMax));
  for (const auto& [profile, count] : members) {
    if (!is_profile(profile))
      return count.wrong(quoted(profile) + " is no MIG profile; expected a name such as 1g.10gb");
    KERF_TRY(entry.slices[profile], count.integer(0, kCountMax));
  }
  const bool any =
      std::ranges::any_of(entry.slices, [](const auto& slice) { return slice.second > 0; });
  if (!entry.slices.empty() && !any)
    return field.wrong("every count is 0; for a GPU with nothing cut write {}");
  return {};
}

Result<MigConfigEntry> read_entry(const Field& field) {
  MigConfigEntry entry;
  std::optional<Field> slices;
  KERF_CHECK_OK(
      field.object({{"device-filter", [&](const Field& f) { return read_filters(f, entry); }},
                    {"devices", [&](const Field& f) { return read_devices(f, entry); }, true},
                    {"mig-enabled",
                     [&](const Field& f) -> Result<void> {
                       if (f.node().kind != Node::Kind::Bool) return f.expected("true or false");
                       entry.mig = f.node().boolean;
                       return {};
                     },
                     true},
                    {"mig-devices", [&](const Field& f) -> Result<void> {
                       slices = f;
                       return read_slices(f, entry);
                     }}}));
  if (entry.mig && !slices)
    return field.wrong("mig-devices is missing; with mig-enabled: true it says what to cut");
  if (!entry.mig && !entry.slices.empty())
    return slices->wrong("slices of a GPU whose MIG mode is off (mig-enabled: false)");
  return entry;
}

Result<void> read_configs(const Field& field, agent::MigConfig& config) {
  KERF_TRY(const auto members, field.members(kConfigsMax));
  for (const auto& [name, entries] : members) {
    KERF_TRY(const std::vector<Field> fields, entries.items(kEntriesMax));
    for (const Field& each : fields) {
      KERF_TRY(MigConfigEntry entry, read_entry(each));
      config.configs[name].push_back(std::move(entry));
    }
  }
  if (config.configs.empty()) return field.wrong("no configuration; expected at least one");
  return {};
}

}  // namespace

Result<agent::MigConfig> read_mig_config(std::string_view text, std::string_view file) {
  KERF_TRY(const std::vector<Document> documents, parse_yaml(text, file, kLimits));
  if (documents.size() != 1) {
    return invalid(fmt::format("{}: {} documents; expected one, with version and mig-configs", file,
                               documents.size()));
  }
  agent::MigConfig config;
  const Field root(file, documents.front().root);
  KERF_CHECK_OK(root.object(
      {{"version",
        [](const Field& f) -> Result<void> {
          KERF_TRY(const std::string version, f.text());
          if (version == "v1") return {};
          return f.wrong(quoted(version) + "; expected v1, the only version there is");
        },
        true},
       {"mig-configs", [&](const Field& f) { return read_configs(f, config); }, true}}));
  return config;
}

}  // namespace kerf::codec
