// Reads a PodShape that pod_shape.cc has written, or that somebody has edited since.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "codec/lenient_fields.h"
#include "codec/pod_shape.h"
#include "codec/policy_status.h"

namespace kerf::codec {
namespace {

using cluster::PodSelector;
using cluster::PodShape;
using cluster::Requirement;
using cluster::Requirements;

constexpr std::size_t kEntriesMax = 10'000;
constexpr std::size_t kWhyBytesMax = 16'384;
constexpr std::int64_t kAmountMax = std::int64_t{1} << 40;  // far above any node
constexpr std::int64_t kCountMax = 1'000'000;
constexpr std::int64_t kInt32Min = std::numeric_limits<std::int32_t>::min();
constexpr std::int64_t kInt32Max = std::numeric_limits<std::int32_t>::max();

/// `into` stays as it is where the field is not given.
template <std::size_t N, class T>
Result<void> read_word(const Field& mapping, std::string_view key,
                       const std::array<std::string_view, N>& words, T& into) {
  KERF_TRY(const std::optional<Field> field, given(mapping, key));
  if (!field) return {};
  KERF_TRY(const std::string word, given_text(mapping, key));
  const auto at = std::find(words.begin(), words.end(), word);
  if (at == words.end()) return field->expected(fmt::format("one of {}", fmt::join(words, ", ")));
  into = static_cast<T>(at - words.begin());
  return {};
}

template <class T>
Result<void> read_number(const std::optional<Field>& mapping, std::string_view key,
                         std::int64_t least, std::int64_t most, T& into) {
  KERF_TRY(const auto value, given_integer(mapping, key, least, most));
  if (value) into = static_cast<T>(*value);
  return {};
}

template <class T>
Result<void> read_list(const Field& mapping, std::string_view key, Result<T> (*read)(const Field&),
                       std::vector<T>& into) {
  KERF_TRY(const std::vector<Field> entries, given_list(mapping, key, kEntriesMax));
  for (const Field& entry : entries) {
    KERF_TRY(T value, read(entry));
    into.push_back(std::move(value));
  }
  return {};
}

Result<Resources> read_requests(const std::optional<Field>& field) {
  Resources resources;
  KERF_CHECK_OK(read_number(field, "cpuMilli", 0, kAmountMax, resources.cpu_milli));
  KERF_CHECK_OK(read_number(field, "memoryMib", 0, kAmountMax, resources.memory_mib));
  KERF_CHECK_OK(read_number(field, "diskMib", 0, kAmountMax, resources.disk_mib));
  KERF_CHECK_OK(read_number(field, "pods", 0, kAmountMax, resources.pods));
  return resources;
}

Result<cluster::GpuRequest> read_request(const Field& field) {
  cluster::GpuRequest request;
  KERF_CHECK_OK(read_word(field, "kind", kRequestKinds, request.kind));
  KERF_TRY(request.profile, given_text(field, "profile"));
  KERF_CHECK_OK(read_number(field, "gib", 0, kInt32Max, request.gib));
  KERF_CHECK_OK(read_word(field, "isolation", kIsolations, request.isolation));
  KERF_CHECK_OK(read_number(field, "shareMilli", 0, 999, request.share_milli));
  KERF_CHECK_OK(read_number(field, "count", 1, kCountMax, request.count));
  return request;
}

Result<Requirement> read_requirement_node(const Field& field) {
  Requirement requirement;
  KERF_TRY(requirement.key, given_text(field, "key", 512));
  KERF_CHECK_OK(read_word(field, "operator", kOperators, requirement.op));
  KERF_TRY(requirement.values, given_texts(field, "values", kEntriesMax, 512));
  return requirement;
}

Result<Requirements> read_term_of_node(const Field& field) {
  Requirements requirements;
  if (field.node().kind == Node::Kind::Sequence && field.node().items.empty()) return requirements;
  KERF_TRY(const std::vector<Field> entries, field.items(kEntriesMax));
  for (const Field& entry : entries) {
    KERF_TRY(Requirement requirement, read_requirement_node(entry));
    requirements.push_back(std::move(requirement));
  }
  return requirements;
}

Result<cluster::Toleration> read_toleration(const Field& field) {
  constexpr std::array<std::string_view, 2> kWords = {"Equal", "Exists"};
  cluster::Toleration toleration;
  KERF_TRY(toleration.key, given_text(field, "key", 512));
  KERF_CHECK_OK(read_word(field, "operator", kWords, toleration.exists));
  KERF_TRY(toleration.value, given_text(field, "value"));
  KERF_TRY(toleration.effect, given_text(field, "effect"));
  return toleration;
}

Result<PodSelector> read_selector_of(const Field& mapping) {
  PodSelector selector;
  KERF_TRY(const std::optional<Field> field, given_mapping(mapping, "selector"));
  if (!field) return mapping.wrong("selector is missing");
  KERF_TRY(selector.namespaces, given_texts(field, "namespaces", kEntriesMax, 253));
  KERF_TRY(selector.all_namespaces, given_flag(field, "allNamespaces"));
  KERF_CHECK_OK(read_list(*field, "labels", read_requirement_node, selector.labels));
  KERF_TRY(selector.none, given_flag(field, "none"));
  return selector;
}

Result<cluster::SpreadConstraint> read_spread(const Field& field) {
  cluster::SpreadConstraint spread;
  KERF_CHECK_OK(read_number(field, "maxSkew", 1, kInt32Max, spread.max_skew));
  KERF_CHECK_OK(read_number(field, "minDomains", 1, kInt32Max, spread.min_domains));
  KERF_TRY(spread.topology_key, given_text(field, "topologyKey", 512));
  KERF_TRY(spread.selector, read_selector_of(field));
  return spread;
}

Result<cluster::AffinityTerm> read_term(const Field& field) {
  cluster::AffinityTerm term;
  KERF_TRY(term.topology_key, given_text(field, "topologyKey", 512));
  KERF_TRY(term.selector, read_selector_of(field));
  return term;
}

Result<cluster::HostPort> read_port(const Field& field) {
  cluster::HostPort port;
  KERF_CHECK_OK(read_number(field, "port", 0, 65'535, port.port));
  KERF_TRY(const std::optional<Field> protocol, given(field, "protocol"));
  if (protocol) {
    KERF_TRY(port.protocol, given_text(field, "protocol"));
  }
  KERF_TRY(port.ip, given_text(field, "ip"));
  return port;
}

Result<cluster::Unplaceable> read_unplaceable(const Field& field) {
  cluster::Unplaceable one;
  KERF_TRY(one.field, given_text(field, "field", 1024));
  KERF_TRY(one.why, given_text(field, "why", kWhyBytesMax));
  return one;
}

}  // namespace

Result<PodShape> read_pod_shape(const Field& shape) {
  PodShape read;
  KERF_TRY(const std::optional<Field> ns, given(shape, "namespace"));
  if (ns) {
    KERF_TRY(read.ns, given_text(shape, "namespace"));
  }
  KERF_TRY(read.labels, given_labels(shape, "labels", kEntriesMax, 512));
  KERF_TRY(const std::optional<Field> requests, given_mapping(shape, "requests"));
  KERF_TRY(read.requests, read_requests(requests));
  KERF_CHECK_OK(read_list(shape, "gpu", read_request, read.gpu));
  KERF_CHECK_OK(read_list(shape, "nodeSelector", read_requirement_node, read.node_selector));
  KERF_CHECK_OK(read_list(shape, "nodeAffinity", read_term_of_node, read.node_affinity));
  KERF_CHECK_OK(read_list(shape, "tolerations", read_toleration, read.tolerations));
  KERF_CHECK_OK(read_list(shape, "spread", read_spread, read.spread));
  KERF_CHECK_OK(read_list(shape, "affinity", read_term, read.affinity));
  KERF_CHECK_OK(read_list(shape, "antiAffinity", read_term, read.anti_affinity));
  KERF_CHECK_OK(read_list(shape, "hostPorts", read_port, read.host_ports));
  KERF_TRY(read.volume_zone_bound, given_flag(shape, "volumeZoneBound"));
  KERF_TRY(read.volume_zones, given_texts(shape, "volumeZones", kEntriesMax, 253));
  KERF_CHECK_OK(read_number(shape, "priority", kInt32Min, kInt32Max, read.priority));
  KERF_CHECK_OK(read_list(shape, "unplaceable", read_unplaceable, read.unplaceable));
  return read;
}

}  // namespace kerf::codec
