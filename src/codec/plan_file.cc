// Reading a plan document: what is compared must be there and of its type.
#include "codec/plan_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/quote.h"
#include "codec/json.h"
#include "codec/strict_fields.h"

namespace kerf::codec {
namespace {

constexpr Limits kLimits{.bytes = kPlanFileBytesMax,
                         .depth = 32,
                         .nodes = 40'000'000,
                         .documents = 1,
                         .scalar_bytes = 64u << 10};
constexpr std::string_view kVersion = "kerf.dev/plan/v1alpha1";
constexpr std::size_t kListMost = 4'000'000;
constexpr std::size_t kTextMost = 64u << 10;
constexpr std::int64_t kCountMost = 1'000'000'000'000;

Field sub(const Field& field, std::string_view name, const Node& node) {
  return {field.file(), node,
          field.path().empty() ? std::string(name) : fmt::format("{}.{}", field.path(), name)};
}

Result<Field> need(const Field& field, std::string_view name) {
  if (field.node().kind != Node::Kind::Mapping) return field.expected("a mapping");
  const Node* found = field.node().find(name);
  if (found == nullptr)
    return field.wrong(fmt::format("{} is missing: every plan of this version has it", name));
  return sub(field, name, *found);
}

Result<std::string> text(const Field& field, std::string_view name) {
  KERF_TRY(const Field value, need(field, name));
  if (value.node().kind != Node::Kind::String) return value.expected("a string");
  return value.node().text;
}

/// "" for null.
Result<std::string> text_or_null(const Field& field, std::string_view name) {
  KERF_TRY(const Field value, need(field, name));
  if (value.node().is_null()) return std::string();
  return text(field, name);
}

Result<bool> flag(const Field& field, std::string_view name) {
  KERF_TRY(const Field value, need(field, name));
  if (value.node().kind != Node::Kind::Bool) return value.expected("true or false");
  return value.node().boolean;
}

Result<std::int64_t> count(const Field& field, std::string_view name) {
  KERF_TRY(const Field value, need(field, name));
  return value.integer(0, kCountMost);
}

Result<MicroUsdPerHour> usd(const Field& field, std::string_view name) {
  KERF_TRY(const Field value, need(field, name));
  if (value.node().kind != Node::Kind::Int && value.node().kind != Node::Kind::Float)
    return value.expected("dollars as a number");
  return value.usd_per_hour();
}

Result<std::int64_t> month(const Field& field) {
  KERF_TRY(const MicroUsdPerHour value, usd(field, "usd_per_month"));
  return value.micro;
}

template <class Each>
Result<void> each(const Field& field, std::string_view name, Each read) {
  KERF_TRY(const Field list, need(field, name));
  if (list.node().kind != Node::Kind::Sequence) return list.expected("a list");
  if (list.node().items.size() > kListMost)
    return list.wrong(fmt::format("more than {} entries", kListMost));
  for (std::size_t i = 0; i < list.node().items.size(); ++i)
    KERF_CHECK_OK(
        read(Field(list.file(), list.node().items[i], fmt::format("{}[{}]", list.path(), i))));
  return {};
}

Result<void> read_kind(const Field& root) {
  const Node* version = root.node().find("apiVersion");
  if (version == nullptr || version->kind != Node::Kind::String)
    return root.wrong("it has no apiVersion; expected a plan as kerf plan -o json writes it");
  if (version->text == kVersion) return {};
  if (version->text.starts_with("kerf.dev/plan/"))
    return root.wrong(
        fmt::format("a plan of version {}; this Kerf reads {}", shown(version->text), kVersion));
  const Node* kind = root.node().find("kind");
  const bool named = kind != nullptr && kind->kind == Node::Kind::String;
  return root.wrong(fmt::format("{} of {} is no plan; expected what kerf plan -o json writes",
                                named ? shown(kind->text) : "a document", shown(version->text)));
}

Result<void> read_input(const Field& root, PlanFile& out) {
  KERF_TRY(const Field market, need(root, "market"));
  KERF_TRY(out.region, text(market, "region"));
  KERF_TRY(out.price_date, text(market, "price_date"));
  KERF_TRY(out.price_source, text(market, "price_source"));
  KERF_TRY(const Field demand, need(root, "demand"));
  KERF_TRY(out.described, text(demand, "described"));
  KERF_TRY(out.pods, count(demand, "pods"));
  KERF_TRY(const Field policy, need(root, "policy"));
  KERF_TRY(out.policy, text_or_null(policy, "name"));
  KERF_CHECK_OK(each(policy, "capacity_types", [&](const Field& entry) -> Result<void> {
    if (entry.node().kind != Node::Kind::String) return entry.expected("a string");
    out.capacity_types.push_back(entry.node().text);
    return {};
  }));
  KERF_TRY(const Field limit, need(policy, "limit_usd_per_hour"));
  if (!limit.node().is_null()) {
    KERF_TRY(out.limit_per_hour, usd(policy, "limit_usd_per_hour"));
  }
  KERF_TRY(const Field gpus, need(policy, "limit_gpus"));
  if (!gpus.node().is_null()) {
    KERF_TRY(out.limit_gpus, count(policy, "limit_gpus"));
  }
  return {};
}

Result<void> read_cost(const Field& root, PlanFile& out) {
  KERF_TRY(const Field cost, need(root, "cost"));
  KERF_TRY(out.per_hour, usd(cost, "usd_per_hour"));
  KERF_TRY(out.month_micro_usd, month(cost));
  KERF_TRY(const Field bound, need(root, "bound"));
  KERF_TRY(out.bound, usd(bound, "usd_per_hour"));
  KERF_TRY(out.bound_method, text(bound, "method"));
  KERF_TRY(out.optimal, flag(bound, "optimal"));
  return each(root, "baselines", [&](const Field& entry) -> Result<void> {
    PlanFile::Baseline one;
    KERF_TRY(one.name, text(entry, "name"));
    KERF_TRY(one.per_hour, usd(entry, "usd_per_hour"));
    KERF_TRY(one.month_micro_usd, month(entry));
    KERF_TRY(one.comparable, flag(entry, "comparable"));
    out.baselines.push_back(std::move(one));
    return {};
  });
}

Result<void> read_workload(const Field& entry, PlanFile& out) {
  PlanFile::Workload one;
  KERF_TRY(one.kind, text(entry, "kind"));
  KERF_TRY(one.ns, text(entry, "namespace"));
  KERF_TRY(one.name, text(entry, "name"));
  KERF_TRY(one.asks, text(entry, "asks"));
  KERF_TRY(one.pods, count(entry, "pods"));
  KERF_TRY(one.placed, count(entry, "placed"));
  KERF_TRY(one.per_hour, usd(entry, "usd_per_hour"));
  KERF_TRY(one.month_micro_usd, month(entry));
  KERF_CHECK_OK(each(entry, "forms", [&](const Field& form) -> Result<void> {
    PlanFile::Forms got;
    KERF_TRY(got.form, text(form, "form"));
    KERF_TRY(got.model, text(form, "model"));
    KERF_TRY(got.pods, count(form, "pods"));
    one.forms.push_back(std::move(got));
    return {};
  }));
  out.workloads.push_back(std::move(one));
  return {};
}

Result<void> read_node(const Field& entry, PlanFile& out) {
  PlanFile::Node one;
  KERF_TRY(one.type, text(entry, "instance_type"));
  KERF_TRY(one.capacity_type, text(entry, "capacity_type"));
  KERF_TRY(one.owned, flag(entry, "owned"));
  KERF_TRY(one.per_hour, usd(entry, "usd_per_hour"));
  out.nodes.push_back(std::move(one));
  return {};
}

Result<void> read_pod(const Field& entry, bool placed, PlanFile& out) {
  PlanFile::Pod one;
  one.placed = placed;
  KERF_TRY(one.ns, text(entry, "namespace"));
  KERF_TRY(one.name, text(entry, "pod"));
  KERF_TRY(one.workload, text(entry, "workload"));
  if (!placed) {
    KERF_TRY(const Field reason, need(entry, "reason"));
    KERF_TRY(one.why, text(reason, "text"));
  }
  out.placements.push_back(std::move(one));
  return {};
}

}  // namespace

Result<PlanFile> read_plan_file(std::string_view text_in, std::string_view file) {
  KERF_TRY(const Document document, parse_json(text_in, file, kLimits));
  const Field root(file, document.root);
  if (document.root.kind != Node::Kind::Mapping)
    return root.wrong("expected a plan as kerf plan -o json writes it");
  KERF_CHECK_OK(read_kind(root));
  PlanFile out;
  out.file = file;
  KERF_CHECK_OK(read_input(root, out));
  KERF_CHECK_OK(read_cost(root, out));
  KERF_CHECK_OK(
      each(root, "workloads", [&](const Field& entry) { return read_workload(entry, out); }));
  KERF_CHECK_OK(each(root, "nodes", [&](const Field& entry) { return read_node(entry, out); }));
  KERF_CHECK_OK(
      each(root, "placements", [&](const Field& entry) { return read_pod(entry, true, out); }));
  KERF_CHECK_OK(
      each(root, "unplaced", [&](const Field& entry) { return read_pod(entry, false, out); }));
  return out;
}

}  // namespace kerf::codec
