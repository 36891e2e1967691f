// The few fields of Nodes, Leases and ResourceSlices that an agent needs.
#include "codec/node_view.h"

#include "base/quantity.h"
#include "codec/extended_resource.h"
#include "codec/lenient_fields.h"
#include "codec/timestamp.h"
#include "core/control/names.h"

namespace kerf::codec {
namespace {

constexpr std::size_t kEntriesMax = 10'000;
constexpr std::size_t kValueBytesMax = 1u << 20;  // annotations may be large
constexpr std::size_t kSlicesMax = 100'000;

}  // namespace

Result<std::map<std::string, std::int64_t>> read_extended_amounts(
    const std::optional<Field>& status, std::string_view key) {
  KERF_TRY(const std::optional<Field> amounts, given_mapping(status, key));
  std::map<std::string, std::int64_t> read;
  if (!amounts) return read;
  KERF_TRY(const auto members, amounts->members(kEntriesMax));
  for (const auto& [name, field] : members) {
    if (!is_extended_resource(name)) continue;
    KERF_TRY(const std::string text, field.number_text());
    const Result<Quantity> quantity = parse_quantity(text);
    const Result<std::int64_t> amount =
        quantity ? to_integer(*quantity) : tl::unexpected(quantity.error());
    if (amount) read.emplace(name, *amount);
  }
  return read;
}

Result<NodeView> read_node_view(const Field& node) {
  NodeView view;
  KERF_TRY(const std::optional<Field> metadata, given_mapping(node, "metadata"));
  KERF_TRY(view.name, given_text(metadata, "name"));
  KERF_TRY(view.uid, given_text(metadata, "uid"));
  KERF_TRY(view.labels, given_labels(metadata, "labels", kEntriesMax, kValueBytesMax));
  KERF_TRY(auto annotations, given_labels(metadata, "annotations", kEntriesMax, kValueBytesMax));
  const auto layout = annotations.find(control::kLayoutAnnotation);
  if (layout != annotations.end()) view.layout = std::move(layout->second);
  KERF_TRY(const std::optional<Field> spec, given_mapping(node, "spec"));
  KERF_TRY(view.unschedulable, given_flag(spec, "unschedulable"));
  KERF_TRY(const std::optional<Field> status, given_mapping(node, "status"));
  KERF_TRY(view.capacity, read_extended_amounts(status, "capacity"));
  KERF_TRY(view.allocatable, read_extended_amounts(status, "allocatable"));
  return view;
}

Result<LeaseView> read_lease_view(const Field& lease) {
  LeaseView view;
  KERF_TRY(const std::optional<Field> spec, given_mapping(lease, "spec"));
  KERF_TRY(view.holder, given_text(spec, "holderIdentity", 4096));
  KERF_TRY(view.renewed, given_text(spec, "renewTime"));
  if (view.renewed.empty()) return view;
  const Result<std::int64_t> at = parse_timestamp(view.renewed);
  if (!at) return spec->wrong(Error(at.error()).within("renewTime"));
  view.renewed_ms = *at;
  return view;
}

Result<std::set<std::pair<std::string, std::string>>> read_resource_slices(const Field& list) {
  std::set<std::pair<std::string, std::string>> found;
  KERF_TRY(const std::vector<Field> items, given_list(list, "items", kSlicesMax));
  for (const Field& item : items) {
    KERF_TRY(const std::optional<Field> spec, given_mapping(item, "spec"));
    KERF_TRY(std::string driver, given_text(spec, "driver"));
    KERF_TRY(std::string node, given_text(spec, "nodeName"));
    if (!driver.empty()) found.emplace(std::move(driver), std::move(node));
  }
  return found;
}

}  // namespace kerf::codec
