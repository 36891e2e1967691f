// Which instance types the requirements of a NodePool leave.
#include "codec/node_pools.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <set>
#include <vector>

#include "codec/lenient_fields.h"
#include "core/control/names.h"

namespace kerf::codec {
namespace {

using cluster::Operator;
using cluster::Requirement;
using market::CapacityType;

constexpr std::size_t kRequirementsMax = 1'000;
constexpr std::size_t kValuesMax = 10'000;
constexpr const char* kFile = "cluster";

/// Karpenter's Gte and Lte as Gt and Lt of the next integer.
std::optional<Requirement> requirement_of(const std::string& key, const std::string& op,
                                          std::vector<std::string> values) {
  static const std::map<std::string, Operator> kOperators = {
      {"In", Operator::In},         {"NotIn", Operator::NotIn},
      {"Exists", Operator::Exists}, {"DoesNotExist", Operator::DoesNotExist},
      {"Gt", Operator::Gt},         {"Lt", Operator::Lt},
      {"Gte", Operator::Gt},        {"Lte", Operator::Lt}};
  const auto known = kOperators.find(op);
  if (known == kOperators.end()) return std::nullopt;
  if (op == "Gte" || op == "Lte") {
    std::int64_t value = 0;
    if (values.size() != 1) return std::nullopt;
    const auto [end, error] =
        std::from_chars(values[0].data(), values[0].data() + values[0].size(), value);
    if (error != std::errc() || end != values[0].data() + values[0].size()) return std::nullopt;
    // What is out of bounds restricts nothing that a label can say.
    if (value <= std::numeric_limits<std::int64_t>::min() + 1 ||
        value >= std::numeric_limits<std::int64_t>::max() - 1)
      return std::nullopt;
    values[0] = std::to_string(op == "Gte" ? value - 1 : value + 1);
  }
  std::sort(values.begin(), values.end());
  return Requirement{key, known->second, std::move(values)};
}

Result<std::vector<Requirement>> read_requirements(const Node& item) {
  std::vector<Requirement> out;
  KERF_TRY(const std::optional<Field> spec, given_mapping(Field(kFile, item), "spec"));
  KERF_TRY(const std::optional<Field> pod, given_mapping(spec, "template"));
  KERF_TRY(const std::optional<Field> claim, given_mapping(pod, "spec"));
  KERF_TRY(const std::vector<Field> entries, given_list(claim, "requirements", kRequirementsMax));
  for (const Field& entry : entries) {
    KERF_TRY(const std::string key, given_text(entry, "key", 512));
    KERF_TRY(const std::string op, given_text(entry, "operator"));
    KERF_TRY(std::vector<std::string> values, given_texts(entry, "values", kValuesMax, 253));
    if (auto one = requirement_of(key, op, std::move(values))) out.push_back(*std::move(one));
  }
  return out;
}

cluster::NodePool pool_of(const std::vector<Requirement>& requirements,
                          const market::Market& market) {
  cluster::NodePool pool;
  std::set<std::string> models;
  for (const market::InstanceType& type : market.types) {
    const auto labels = market::node_labels(market, type, "", CapacityType::OnDemand);
    const bool buys =
        std::all_of(requirements.begin(), requirements.end(), [&](const Requirement& one) {
          return one.key == control::kCapacityLabel || one.key == control::kZoneLabel ||
                 !market::is_well_known_label(one.key) || cluster::matches(one, labels);
        });
    if (buys) models.insert(type.gpu_model);
  }
  pool.models.assign(models.begin(), models.end());
  bool said = false;
  for (const CapacityType type :
       {CapacityType::OnDemand, CapacityType::Spot, CapacityType::Reserved}) {
    const std::map<std::string, std::string> labels = {
        {control::kCapacityLabel, std::string(market::to_string(type))}};
    bool allowed = true;
    for (const Requirement& one : requirements) {
      if (one.key != control::kCapacityLabel) continue;
      said = true;
      allowed = allowed && cluster::matches(one, labels);
    }
    if (allowed) pool.capacity_types.push_back(type);
  }
  if (!said) pool.capacity_types = {CapacityType::OnDemand};
  return pool;
}

}  // namespace

std::map<std::string, cluster::NodePool> read_node_pools(const KindReading& pools,
                                                         const market::Market& market) {
  std::map<std::string, cluster::NodePool> out;
  for (const Node& item : pools.items) {
    const Node* metadata = item.find("metadata");
    const Node* name = metadata == nullptr ? nullptr : metadata->find("name");
    const auto requirements = read_requirements(item);
    if (name == nullptr || !requirements) continue;
    cluster::NodePool pool = pool_of(*requirements, market);
    if (!pool.models.empty()) out.emplace(name->text, std::move(pool));
  }
  return out;
}

}  // namespace kerf::codec
