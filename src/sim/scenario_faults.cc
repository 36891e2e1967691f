// Faults as a list in YAML: in a scenario, or in a file of their own.
#include <fmt/format.h>

#include <utility>

#include "base/quote.h"
#include "codec/duration.h"
#include "codec/yaml.h"
#include "sim/scenario_parts.h"

namespace kerf::sim {
namespace {

using codec::Field;
using codec::store;

constexpr std::int64_t kNumberMax = 1'000'000;

/// The value of a name that a function knows; else the error lists what is near or known.
template <class T>
Result<void> read_named(const Field& field, std::optional<T> (*named)(std::string_view),
                        std::string_view what, T& into) {
  KERF_TRY(const std::string text, field.text());
  const std::optional<T> value = named(text);
  if (!value) return field.wrong(fmt::format("{} is no {}", quoted(text), what));
  into = *value;
  return {};
}

Result<void> read_what(const Field& field, FaultKind& into) {
  KERF_TRY(const std::string text, field.text());
  if (const auto kind = fault_named(text)) {
    into = *kind;
    return {};
  }
  std::vector<std::string_view> known;
  for (int i = 0; i < static_cast<int>(FaultKind::kCount); ++i)
    known.emplace_back(to_string(static_cast<FaultKind>(i)));
  const std::string_view near = codec::nearest_name(text, known);
  return field.wrong(fmt::format("{} is no fault; {}", quoted(text),
                                 near.empty() ? fmt::format("known are {}", fmt::join(known, ", "))
                                              : fmt::format("did you mean {}?", near)));
}

/// "30s", or {least: 10s, most: 60s}.
Result<void> read_length(const Field& field, Range& into) {
  if (field.node().is_scalar()) {
    KERF_TRY(into.least, codec::duration_ms(field));
    into.most = into.least;
    return {};
  }
  KERF_CHECK_OK(field.object(
      {{"least", [&](const Field& f) { return store(codec::duration_ms(f), into.least); }, true},
       {"most", [&](const Field& f) { return store(codec::duration_ms(f), into.most); }, true}}));
  if (into.most < into.least) return field.wrong("most is below least");
  return {};
}

Result<void> read_flag(const Field& field, bool& into) {
  if (field.node().kind != codec::Node::Kind::Bool) return field.expected("true or false");
  into = field.node().boolean;
  return {};
}

Result<void> read_who(const Field& field, Who& into) {
  KERF_TRY(const std::size_t word, field.one_of({"controller", "agents", "all"}));
  constexpr Who kWho[] = {Who::Controller, Who::Agents, Who::All};
  into = kWho[word];
  return {};
}

Result<void> read_capacity_type(const Field& field, std::optional<market::CapacityType>& into) {
  into = market::parse_capacity_type(field.node().text);
  if (!into) return field.expected("one of on-demand, spot, reserved");
  return {};
}

Result<void> check_preset(const Field& field, const FaultSpec& spec) {
  const bool watch = spec.what == FaultKind::Watch;
  if (!watch && spec.what != FaultKind::Write) return {};
  if (watch ? watch_faults(spec.preset).has_value() : write_faults(spec.preset).has_value())
    return {};
  std::vector<std::string_view> known;
  if (watch) known.assign(std::begin(kWatchPresets), std::end(kWatchPresets));
  else known.assign(std::begin(kWritePresets), std::end(kWritePresets));
  return field.wrong(
      fmt::format("preset: {} is none of {}", quoted(spec.preset), fmt::join(known, ", ")));
}

Result<FaultSpec> read_fault(const Field& field) {
  FaultSpec spec;
  const auto time = [](std::int64_t& into) {
    return [&into](const Field& f) { return store(codec::duration_ms(f), into); };
  };
  const auto number = [](std::int64_t& into) {
    return [&into](const Field& f) { return store(f.integer(0, kNumberMax), into); };
  };
  const auto text = [](std::string& into) {
    return [&into](const Field& f) { return store(f.text(), into); };
  };
  const auto flag = [](bool& into) {
    return [&into](const Field& f) { return read_flag(f, into); };
  };
  std::int64_t xid = spec.xid;
  KERF_CHECK_OK(field.object(
      {{"what", [&](const Field& f) { return read_what(f, spec.what); }, true},
       {"at", time(spec.at_ms)},
       {"every", time(spec.every_ms)},
       {"until", time(spec.until_ms)},
       {"count", number(spec.count)},
       {"node", text(spec.node)},
       {"for", [&](const Field& f) { return read_length(f, spec.for_ms); }},
       {"effect", number(spec.effect)},
       {"number", number(spec.number)},
       {"xid", number(xid)},
       {"operation",
        [&](const Field& f) {
          return read_named(f, &operation_named, "driver operation", spec.operation);
        }},
       {"code",
        [&](const Field& f) { return read_named(f, &return_named, "driver answer", spec.code); }},
       {"done", flag(spec.done)},
       {"comes-back", flag(spec.comes_back)},
       {"force", flag(spec.force)},
       {"preset", text(spec.preset)},
       {"who", [&](const Field& f) { return read_who(f, spec.who); }},
       {"resource", text(spec.resource)},
       {"type", text(spec.type)},
       {"zone", text(spec.zone)},
       {"capacity-type", [&](const Field& f) { return read_capacity_type(f, spec.capacity_type); }},
       {"percent", number(spec.percent)}}));
  spec.xid = static_cast<std::uint32_t>(xid);
  if (spec.every_ms > 0 && spec.every_ms < control::kSecond)
    return field.wrong("every: expected 1s or more");
  KERF_CHECK_OK(check_preset(field, spec));
  return spec;
}

}  // namespace

Result<std::vector<FaultSpec>> read_faults(const Field& field) {
  KERF_TRY(const std::vector<Field> entries, field.items(kScenarioFaultsMax));
  std::vector<FaultSpec> faults;
  for (const Field& entry : entries) {
    KERF_TRY(FaultSpec spec, read_fault(entry));
    faults.push_back(std::move(spec));
  }
  return faults;
}

Result<std::vector<FaultSpec>> read_fault_file(const std::string& name, std::string_view text) {
  codec::Limits limits;
  limits.bytes = kScenarioBytesMax;
  limits.nodes = 100'000;
  KERF_TRY(const auto documents, codec::parse_yaml(text, name, limits));
  if (documents.size() != 1)
    return invalid(
        fmt::format("{}: expected one document, the file has {}", name, documents.size()));
  const Field root(documents[0].file, documents[0].root);
  if (root.node().kind == codec::Node::Kind::Sequence) return read_faults(root);
  std::vector<FaultSpec> faults;
  KERF_CHECK_OK(root.object(
      {{"name", [](const Field& f) { return codec::checked(f.text()); }},
       {"description", [](const Field& f) { return codec::checked(f.text(4096)); }},
       {"faults", [&](const Field& f) { return store(read_faults(f), faults); }, true}}));
  return faults;
}

}  // namespace kerf::sim
