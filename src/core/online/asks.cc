// Asks: who is admitted where, and in which units.
#include "core/online/asks.h"

#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "core/plan/admission.h"
#include "core/plan/pattern.h"
#include "core/plan/problem.h"

namespace kerf::online {

namespace {

using cluster::PodShape;
using cluster::Requirements;

constexpr std::int64_t kMaxDevices = 240;  ///< of one pod; more than any node has
constexpr std::size_t kMaxWays = 64;       ///< of one ask on one kind; real pods have a few

/// The part of a shape that decides which nodes serve it.
PodShape served_part(const PodShape& shape) {
  PodShape part = plan::admission_part(shape);
  part.requests = shape.requests;
  part.unplaceable = shape.unplaceable;
  return part;
}

bool all_match(const Requirements& all, const std::map<std::string, std::string>& labels) {
  return std::all_of(all.begin(), all.end(), [&](const cluster::Requirement& requirement) {
    return cluster::matches(requirement, labels);
  });
}

bool selects(const PodShape& shape, const std::map<std::string, std::string>& labels) {
  if (!all_match(shape.node_selector, labels)) return false;
  return shape.node_affinity.empty() ||
         std::any_of(shape.node_affinity.begin(), shape.node_affinity.end(),
                     [&](const Requirements& term) { return all_match(term, labels); });
}

bool tolerates_all(const PodShape& shape, const std::vector<cluster::Taint>& taints) {
  return std::all_of(taints.begin(), taints.end(), [&](const cluster::Taint& taint) {
    return cluster::tolerates(shape.tolerations, taint);
  });
}

/// `way` with n more of the unit.
Way with(Way way, Unit unit, std::int64_t n) {
  const auto at = std::lower_bound(way.begin(), way.end(), std::pair{unit, std::int32_t{0}});
  if (at != way.end() && at->first == unit) at->second += static_cast<std::int32_t>(n);
  else way.insert(at, {unit, static_cast<std::int32_t>(n)});
  return way;
}

/// Part of a GPU, summed over the way's devices.
std::int64_t size_of(const Way& way, const SliceTable& slices) {
  std::int64_t size = 0;
  for (const auto& [unit, n] : way)
    size += std::int64_t{n} * plan::form_weight(slices.model(), slices.forms()[unit]);
  return size;
}

}  // namespace

Asks::Asks(const market::Market& market, const cluster::Policy& policy, SliceTables* kept)
    : market_(market), policy_(policy), kept_(kept) {}

AskId Asks::ask(const PodShape& shape) {
  const auto [at, fresh] =
      ask_index_.try_emplace(served_part(shape), static_cast<AskId>(asks_.size()));
  if (!fresh) return at->second;
  const PodShape& part = at->first;
  look_at(part);
  Ask ask;
  ask.need = part.requests;
  ask.worth = price_of_one(part, market_, policy_, &geometries());
  for (KindId kind = 0; kind < kinds_.size(); ++kind)
    ask.ways.push_back(ways(part, keys_[kind], kind));
  asks_.push_back(std::move(ask));
  examples_.push_back(part);
  return at->second;
}

void Asks::look_at(const PodShape& shape) {
  const std::size_t before = labels_.size();
  for (const auto& requirement : shape.node_selector) labels_.insert(requirement.key);
  for (const auto& term : shape.node_affinity)
    for (const auto& requirement : term) labels_.insert(requirement.key);
  if (labels_.size() != before) ++generation_;
}

KindId Asks::kind(const cluster::Node& node) {
  std::map<std::string, std::string> seen;
  for (const std::string& key : labels_)
    if (const auto at = node.labels.find(key); at != node.labels.end()) seen.insert(*at);
  KindKey key{node.type, node.zone, node.mode, std::move(seen), node.taints};
  const auto [at, fresh] = kind_index_.try_emplace(key, static_cast<KindId>(kinds_.size()));
  if (!fresh) return at->second;
  KERF_ASSERT(kinds_.size() < std::numeric_limits<KindId>::max(), "kinds are numbered in 16 bits");
  const market::InstanceType& type = market_.types[node.type];
  const SliceTable& table =
      slice_tables().of(market_.model_of(type), node.mode, type.gpu_fraction, policy_.sharing);
  tables_.push_back(&table);
  kinds_.push_back({&table.table()});
  keys_.push_back(std::move(key));
  for (AskId ask = 0; ask < asks_.size(); ++ask)
    asks_[ask].ways.push_back(ways(examples_[ask], keys_.back(), at->second));
  return at->second;
}

std::vector<Way> Asks::ways(const PodShape& shape, const KindKey& node, KindId kind) const {
  const auto& [type_index, zone, mode, labels, taints] = node;
  const market::InstanceType& type = market_.types[type_index];
  if (!shape.unplaceable.empty() || !selects(shape, labels) || !tolerates_all(shape, taints))
    return {};
  if (shape.volume_zone_bound && std::find(shape.volume_zones.begin(), shape.volume_zones.end(),
                                           zone) == shape.volume_zones.end())
    return {};
  const std::vector<std::string>& allowed = policy_.architectures;
  if (!allowed.empty() && !plan::names_arch(shape) &&
      std::find(allowed.begin(), allowed.end(), type.arch) == allowed.end())
    return {};
  const SliceTable& slices = *tables_[kind];
  std::vector<Way> ways = {{}};
  for (const cluster::GpuRequest& request : shape.gpu) {
    if (request.count > kMaxDevices) return {};
    std::vector<Way> longer;
    for (const gpu::Form& form : plan::forms_for(request, market_, type, policy_))
      if (const auto unit = slices.unit(form))
        for (const Way& way : ways)
          if (longer.size() < kMaxWays) longer.push_back(with(way, *unit, request.count));
    ways = std::move(longer);
  }
  std::stable_sort(ways.begin(), ways.end(), [&](const Way& a, const Way& b) {
    return size_of(a, slices) < size_of(b, slices);
  });
  return ways;
}

MicroUsdPerHour price_of_one(const PodShape& shape, const market::Market& market,
                             const cluster::Policy& policy, plan::Geometries* tables) {
  cluster::Demand demand;
  demand.shapes = {shape};
  demand.workloads.emplace_back();
  demand.pods.push_back({"one", 0, 0});
  cluster::Policy own = policy;
  own.headroom.clear();
  const plan::Problem problem =
      plan::compile(demand, {0}, market, own, plan::Coupled::AsPlanned, tables);
  std::int64_t least = 0;
  for (std::uint32_t m = 0; m < problem.machines.size(); ++m) {
    const plan::Machine& machine = problem.machines[m];
    for (std::uint32_t c = 0; c < machine.candidates.size(); ++c) {
      const std::int64_t most = plan::Room(problem, m).most(c, 1'000);
      if (most == 0) continue;
      const std::int64_t each = machine.price.micro / most;
      if (least == 0 || each < least) least = each;
    }
  }
  return {least};
}

}  // namespace kerf::online
