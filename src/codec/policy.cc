// The SlicePolicy reader: what may be bought here, the controller's part in policy_control.cc.
#include "codec/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/quantity.h"
#include "base/quote.h"
#include "codec/gpu_request.h"
#include "codec/policy_control.h"
#include "codec/price_file.h"
#include "codec/strict_fields.h"

namespace kerf::codec {
namespace {

using cluster::Policy;

constexpr std::size_t kEntriesMax = 1'000;
constexpr std::int64_t kGpusMax = 1'000'000;
constexpr std::size_t kHeadroomMax = 64;
constexpr std::int64_t kHeadroomPodsMax = 10'000;
// Every number of replicas is one more form of each GPU, which a plan holds at most 24 of.
constexpr std::size_t kReplicaChoicesMax = 8;
constexpr std::int64_t kReplicasMax = 16;

bool consists_of(std::string_view text, std::string_view extra) {
  return std::all_of(text.begin(), text.end(), [extra](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || extra.find(c) != extra.npos;
  });
}

Result<void> check_type_glob(const Field& field) {
  const std::string& glob = field.node().text;
  if (!consists_of(glob, "-.*")) {
    return field.wrong(quoted(glob) +
                       "; expected an instance type or a pattern with '*', such as "
                       "g6.xlarge or p4d.*");
  }
  if (glob.find_first_of(".*") == std::string::npos) {
    return field.wrong(
        fmt::format("{} is no instance type; for a whole family write {}.* or use "
                    "spec.families",
                    quoted(glob), glob));
  }
  return {};
}

Result<void> check_family(const Field& field) {
  const std::string& family = field.node().text;
  if (consists_of(family, "-")) return {};
  return field.wrong(quoted(family) +
                     "; expected a family such as g6 or p4d (types and patterns "
                     "belong in spec.instanceTypes)");
}

Result<void> check_architecture(const Field& field) {
  return checked(field.one_of({"amd64", "arm64"}));
}

Result<void> check_zone(const Field& field) {
  const std::string& zone = field.node().text;
  if (is_place_name(zone) && !region_of(zone).empty() && region_of(zone) != zone) return {};
  return field.wrong(quoted(zone) +
                     "; expected a zone's name, such as us-east-1a (its id, such as "
                     "use1-az1, names another zone in every account)");
}

Result<void> read_capacity_types(const Field& field, Policy& policy) {
  std::vector<market::CapacityType> types;
  const auto read_one = [&types](const Field& entry) -> Result<void> {
    const auto type = market::parse_capacity_type(entry.node().text);
    if (!type) return entry.expected("one of on-demand, spot, reserved");
    types.push_back(*type);
    return {};
  };
  KERF_CHECK_OK(checked(field.texts(3, read_one)));
  policy.capacity_types = std::move(types);
  return {};
}

Result<void> read_isolation_floor(const Field& field, Policy& policy) {
  constexpr cluster::Isolation kLevels[] = {
      cluster::Isolation::Isolated, cluster::Isolation::Enforced, cluster::Isolation::Shared};
  KERF_TRY(const std::size_t level, field.one_of({"Isolated", "Enforced", "Shared"}));
  policy.isolation_floor = kLevels[level];
  return {};
}

Result<void> read_limits(const Field& field, Policy& policy) {
  return field.object(
      {{"usdPerHour",
        [&](const Field& f) { return store(f.usd_per_hour(), policy.limit_per_hour); }},
       {"gpus", [&](const Field& f) { return store(f.integer(0, kGpusMax), policy.limit_gpus); }}});
}

Result<cluster::Headroom> read_headroom_entry(const Field& entry, const gpu::Catalogue& gpus) {
  cluster::Headroom headroom;
  headroom.each.pods = 1;
  const auto read_resource = [&](const Field& field) -> Result<void> {
    KERF_TRY(const std::string name, field.text());
    Result<cluster::GpuRequest> request = parse_gpu_resource(name, 1, gpus);
    if (!request) return field.wrong(request.error());
    headroom.request = *std::move(request);
    return {};
  };
  KERF_CHECK_OK(entry.object(
      {{"resource", read_resource, true},
       {"count",
        [&](const Field& f) { return store(f.integer(1, kHeadroomPodsMax), headroom.count); },
        true},
       {"cpu",
        [&](const Field& f) { return store(f.quantity(to_milli_ceil), headroom.each.cpu_milli); }},
       {"memory", [&](const Field& f) {
          return store(f.quantity(to_mib_ceil), headroom.each.memory_mib);
        }}}));
  return headroom;
}

Result<void> read_headroom(const Field& field, const gpu::Catalogue& gpus, Policy& policy) {
  KERF_TRY(const std::vector<Field> entries, field.items(kHeadroomMax));
  for (const Field& entry : entries) {
    KERF_TRY(cluster::Headroom headroom, read_headroom_entry(entry, gpus));
    policy.headroom.push_back(std::move(headroom));
  }
  return {};
}

Result<void> read_node_labels(const Field& field, Policy& policy) {
  const auto refuse = [](std::string_view key) -> std::string {
    if (!market::is_well_known_label(key)) return {};
    return "follows from what is bought and cannot be set; to restrict that, use "
           "spec.instanceTypes, families, architectures, zones or capacityTypes";
  };
  return store(field.labels(kEntriesMax, refuse), policy.node_labels);
}

Result<cluster::Taint> read_taint(const Field& entry) {
  cluster::Taint taint;
  const auto read_key = [&](const Field& field) -> Result<void> {
    KERF_TRY(taint.key, field.text());
    if (!is_label_key(taint.key)) return field.expected("a taint's key, such as example.com/team");
    return {};
  };
  const auto read_value = [&](const Field& field) -> Result<void> {
    if (field.node().kind != Node::Kind::String || !is_label_value(field.node().text)) {
      return field.expected("a string of up to 63 letters, digits, '-', '_' and '.'");
    }
    taint.value = field.node().text;
    return {};
  };
  const auto read_effect = [&](const Field& field) -> Result<void> {
    KERF_CHECK_OK(checked(field.one_of({"NoSchedule", "PreferNoSchedule", "NoExecute"})));
    taint.effect = field.node().text;
    return {};
  };
  KERF_CHECK_OK(entry.object(
      {{"key", read_key, true}, {"value", read_value}, {"effect", read_effect, true}}));
  return taint;
}

Result<void> read_node_taints(const Field& field, Policy& policy) {
  KERF_TRY(const std::vector<Field> entries, field.items(kEntriesMax));
  std::set<std::pair<std::string, std::string>> seen;
  for (const Field& entry : entries) {
    KERF_TRY(cluster::Taint taint, read_taint(entry));
    if (!seen.emplace(taint.key, taint.effect).second) {
      return entry.wrong("a taint with this key and effect is listed already");
    }
    policy.node_taints.push_back(std::move(taint));
  }
  return {};
}

Result<void> read_replicas(const Field& field, Policy& policy) {
  std::vector<std::uint8_t> replicas;
  if (field.node().kind == Node::Kind::Sequence && field.node().items.empty()) {
    policy.sharing.time_slicing_replicas.clear();  // [] is a choice here: no time-slicing
    return {};
  }
  KERF_TRY(const std::vector<Field> entries, field.items(kReplicaChoicesMax));
  for (const Field& entry : entries) {
    KERF_TRY(const std::int64_t count, entry.integer(2, kReplicasMax));
    const auto narrow = static_cast<std::uint8_t>(count);
    if (std::find(replicas.begin(), replicas.end(), narrow) != replicas.end()) {
      return entry.wrong(fmt::format("{} is listed twice", count));
    }
    replicas.push_back(narrow);
  }
  std::sort(replicas.begin(), replicas.end());
  policy.sharing.time_slicing_replicas = std::move(replicas);
  return {};
}

Result<void> read_sharing(const Field& field, Policy& policy) {
  return field.object(
      {{"timeSlicingReplicas", [&](const Field& f) { return read_replicas(f, policy); }}});
}

Result<void> read_spec(const Field& spec, const gpu::Catalogue& gpus, control::SlicePolicy& slice) {
  Policy& policy = slice.buys;
  const auto read_mode = [&slice](const Field& field) -> Result<void> {
    KERF_TRY(const std::size_t mode, field.one_of({"Observe", "Act"}));
    slice.mode = mode == 1 ? control::Mode::Act : control::Mode::Observe;
    return {};
  };
  const auto list = [](std::vector<std::string>& into, Result<void> (*check)(const Field&)) {
    return [&into, check](const Field& f) { return store(f.texts(kEntriesMax, check), into); };
  };
  KERF_CHECK_OK(spec.object({
      {"instanceTypes", list(policy.instance_types, check_type_glob)},
      {"families", list(policy.families, check_family)},
      {"architectures", list(policy.architectures, check_architecture)},
      {"zones", list(policy.zones, check_zone)},
      {"capacityTypes", [&](const Field& f) { return read_capacity_types(f, policy); }},
      {"isolationFloor", [&](const Field& f) { return read_isolation_floor(f, policy); }},
      {"limits", [&](const Field& f) { return read_limits(f, policy); }},
      {"headroom", [&](const Field& f) { return read_headroom(f, gpus, policy); }},
      {"nodeLabels", [&](const Field& f) { return read_node_labels(f, policy); }},
      {"nodeTaints", [&](const Field& f) { return read_node_taints(f, policy); }},
      {"sharing", [&](const Field& f) { return read_sharing(f, policy); }},
      {"mode", read_mode},
      {"priority",
       [&](const Field& f) { return store(f.integer(-1'000'000, 1'000'000), slice.priority); }},
      {"selector", [&](const Field& f) { return read_selector(f, slice); }},
      {"nodeClasses", [&](const Field& f) { return read_node_classes(f, slice); }},
      {"budgets", [&](const Field& f) { return read_budgets(f, slice); }},
      {"warm", [&](const Field& f) { return read_warm(f, gpus, slice); }},
      {"consolidation", [&](const Field& f) { return read_consolidation(f, slice); }},
      {"usage", check_usage},
      {"buysFor", [&](const Field& f) { return read_buys_for(f, gpus, slice); }},
  }));
  if (slice.mode == control::Mode::Act && (!policy.limit_per_hour || !policy.limit_gpus)) {
    return spec.wrong(
        "mode Act needs limits.usdPerHour and limits.gpus: what may be bought at most");
  }
  return {};
}

}  // namespace

Result<control::SlicePolicy> read_slice_policy(const Document& document,
                                               const gpu::Catalogue& gpus) {
  const Field root(document.file, document.root);
  if (document.root.kind != Node::Kind::Mapping) {
    return root.expected("a SlicePolicy manifest, a mapping with apiVersion, kind, metadata, spec");
  }
  if (const Node* kind = document.root.find("kind");
      kind != nullptr && kind->text != kSlicePolicyKind) {
    return Field(document.file, *kind, "kind").expected("SlicePolicy");
  }
  control::SlicePolicy policy;
  KERF_CHECK_OK(root.object({
      {"apiVersion", [](const Field& f) { return checked(f.one_of({kSlicePolicyApiVersion})); },
       true},
      {"kind", [](const Field& f) { return checked(f.one_of({kSlicePolicyKind})); }, true},
      {"metadata", check_metadata, true},
      {"spec", [&](const Field& f) { return read_spec(f, gpus, policy); }, true},
      {"status", [](const Field&) -> Result<void> { return {}; }},
  }));
  policy.meta.name = document.root.find("metadata")->find("name")->text;
  policy.buys.name = policy.meta.name;
  return policy;
}

Result<void> read_slice_policy_spec(const Field& spec, const gpu::Catalogue& gpus,
                                    control::SlicePolicy& policy) {
  return read_spec(spec, gpus, policy);
}

Result<Policy> read_policy(const Document& document, const gpu::Catalogue& gpus) {
  KERF_TRY(control::SlicePolicy policy, read_slice_policy(document, gpus));
  return std::move(policy.buys);
}

}  // namespace kerf::codec
