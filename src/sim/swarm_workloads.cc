// What the policies of a drawn cluster say, and which pods come to it.
#include <algorithm>
#include <set>

#include "core/control/names.h"
#include "sim/swarm_draw.h"

namespace kerf::sim {

using control::kHour;
using control::kMinute;
using control::kSecond;

namespace {

constexpr const char* kTeams[] = {"default", "team", "batch"};

template <class T>
const T& one_of(Dice& dice, const std::vector<T>& list) {
  return list[static_cast<std::size_t>(dice.between(0, std::ssize(list) - 1))];
}

/// What a pod of this cluster may ask for: slices of its models, amounts of memory, whole GPUs.
std::vector<cluster::GpuRequest> requests_of(const market::Market& market) {
  std::vector<cluster::GpuRequest> requests;
  std::set<std::string> profiles;
  std::int32_t most = 0;
  for (const market::InstanceType& type : market.types) {
    most = std::max(most, type.nominal_gb);
    const gpu::Model& model = market.model_of(type);
    if (!model.cuttable()) continue;
    for (const gpu::Profile& profile : model.profiles)
      if (!profile.special() && profile.compute_slices <= 4) profiles.insert(profile.name);
  }
  for (const std::string& profile : profiles) {
    cluster::GpuRequest request;
    request.kind = cluster::GpuRequestKind::Slice;
    request.profile = profile;
    requests.push_back(request);
  }
  for (const std::int32_t gib : {4, 8, 16, 24}) {
    if (gib > most) continue;
    for (const auto isolation :
         {cluster::Isolation::Isolated, cluster::Isolation::Enforced, cluster::Isolation::Shared}) {
      cluster::GpuRequest request;
      request.kind = cluster::GpuRequestKind::Portable;
      request.gib = gib;
      request.isolation = isolation;
      requests.push_back(request);
    }
  }
  requests.emplace_back();  // nvidia.com/gpu
  return requests;
}

control::SlicePolicy draw_policy(Dice& dice, const std::string& name, const WorldSpec& world,
                                 const std::vector<cluster::GpuRequest>& requests) {
  control::SlicePolicy policy;
  policy.meta.name = name;
  policy.mode = dice.chance(900) ? control::Mode::Act : control::Mode::Observe;
  policy.node_class_cut = "cut";
  policy.node_class_whole = "whole";
  policy.buys.name = name;
  if (dice.chance(400)) policy.buys_for.push_back("nvidia.com/gpu");
  if (world.prices.spot && dice.chance(600))
    policy.buys.capacity_types = {market::CapacityType::OnDemand, market::CapacityType::Spot};
  policy.buys.limit_per_hour = MicroUsdPerHour{dice.between(3, 120) * 1'000'000};
  policy.buys.limit_gpus = dice.between(2, 24);
  control::Consolidation& moves = policy.consolidation;
  moves.least_saving = {dice.between(0, 500'000)};
  moves.cool_down_ms = dice.between(1, 15) * kMinute;
  moves.moves_per_hour = dice.between(0, 30);
  if (dice.chance(100)) {
    control::Window window;
    window.opens.push_back(static_cast<std::int32_t>(dice.between(0, 7 * 24 * 60 - 1)));
    window.duration_ms = dice.between(1, 24) * kHour;
    moves.windows.push_back(window);
  }
  if (dice.chance(250)) {
    control::Warm warm;
    warm.request = one_of(dice, requests);
    warm.count = dice.between(1, 2);
    policy.warm.push_back(warm);
  }
  if (dice.chance(200)) {
    cluster::Headroom room;
    room.request = one_of(dice, requests);
    room.count = 1;
    room.each = {1000, 2048, 0, 1};
    policy.buys.headroom.push_back(room);
  }
  if (dice.chance(250)) {
    control::NamespaceBudget budget;
    if (dice.chance(500)) budget.gpus = dice.between(1, 4);
    else budget.per_hour = MicroUsdPerHour{dice.between(1, 20) * 1'000'000};
    policy.budgets["team"] = budget;
  }
  return policy;
}

Arrivals draw_arrivals(Dice& dice, std::int64_t length_ms) {
  Arrivals arrivals;
  arrivals.until_ms = length_ms;
  switch (dice.between(0, 4)) {
    case 0:
    case 1: arrivals.from_ms = dice.between(0, length_ms * 3 / 4); break;
    case 2:
      arrivals.pattern = Arrivals::Pattern::Steady;
      arrivals.per_hour_milli = dice.between(1000, 10'000);
      break;
    case 3:
      arrivals.pattern = Arrivals::Pattern::Random;
      arrivals.per_hour_milli = dice.between(1000, 12'000);
      break;
    default:
      arrivals.pattern = Arrivals::Pattern::Burst;
      arrivals.together = dice.between(1, 3);
      arrivals.every_ms = dice.between(10, 40) * kMinute;
      arrivals.from_ms = dice.between(0, 10) * kMinute;
  }
  return arrivals;
}

void draw_constraints(Dice& dice, WorkloadSpec& workload, const WorldSpec& world) {
  cluster::PodShape& shape = workload.shape;
  if (dice.chance(100))
    shape.node_selector.push_back(
        {control::kZoneLabel, cluster::Operator::In, {one_of(dice, world.prices.zones)}});
  if (dice.chance(60)) {
    cluster::SpreadConstraint spread;
    spread.topology_key = dice.chance(500) ? "kubernetes.io/hostname" : control::kZoneLabel;
    spread.max_skew = static_cast<std::int32_t>(dice.between(1, 2));
    spread.selector.namespaces = {workload.ns};
    spread.selector.labels = {{"kind", cluster::Operator::In, {workload.name}}};
    shape.spread.push_back(spread);
  }
  if (dice.chance(40)) {
    cluster::AffinityTerm term;
    term.topology_key = "kubernetes.io/hostname";
    term.selector.namespaces = {workload.ns};
    term.selector.labels = {{"kind", cluster::Operator::In, {workload.name}}};
    shape.anti_affinity.push_back(term);
  }
  if (dice.chance(80)) workload.annotations[control::kDoNotDisrupt] = "true";
}

WorkloadSpec draw_workload(Dice& dice, const std::string& name, const SwarmCase& drawn,
                           const std::vector<cluster::GpuRequest>& requests) {
  WorkloadSpec workload;
  workload.name = name;
  workload.ns = kTeams[dice.between(0, 2)];
  workload.shape.ns = workload.ns;
  workload.shape.labels["kind"] = name;
  workload.shape.requests = {dice.between(1, 24) * 100, dice.between(1, 32) * 256, 0, 1};
  workload.shape.gpu = {one_of(dice, requests)};
  workload.shape.gpu[0].count = dice.chance(150) ? 2 : 1;
  const std::int64_t length = drawn.calm_at - drawn.world.start;
  workload.arrivals = draw_arrivals(dice, length);
  const bool repeats = workload.arrivals.pattern != Arrivals::Pattern::Once;
  workload.kind = static_cast<WorkloadKind>(dice.between(0, 3));
  workload.replicas = dice.between(1, repeats ? 2 : 5);
  if (workload.kind == WorkloadKind::Job || repeats)
    workload.runs_for = {kMinute, 40 * kMinute, dice.between(2, 15) * kMinute};
  if (workload.kind == WorkloadKind::Job) {
    workload.completions = workload.replicas * dice.between(1, 2);
    workload.fails_milli = dice.chance(300) ? 100 : 0;
  } else if (repeats) {
    workload.lives_for = {2 * kMinute, 60 * kMinute, dice.between(5, 25) * kMinute};
    workload.runs_for = {};
  }
  workload.max_unavailable = dice.between(0, 1);
  workload.max_surge = workload.max_unavailable == 0 ? 1 : dice.between(0, 1);
  if (workload.kind == WorkloadKind::Deployment && dice.chance(400)) {
    for (std::int64_t steps = dice.between(1, 3); steps > 0; --steps) {
      Step step;
      step.at_ms = dice.between(1, length / kMinute) * kMinute;
      step.what = dice.chance(600) ? Step::What::Scale : Step::What::Rollout;
      step.replicas = dice.between(0, 4);
      workload.steps.push_back(step);
    }
  }
  draw_constraints(dice, workload, drawn.world);
  return workload;
}

}  // namespace

void draw_policies(std::uint64_t seed, WorldSpec& world) {
  Dice dice(seed, "swarm/policies");
  world.node_classes.resize(2);
  world.node_classes[0].meta.name = "cut";
  world.node_classes[0].hash = "hash";
  world.node_classes[1].meta.name = "whole";
  world.node_classes[1].hash = "hash";
  const auto requests = requests_of(*world.market);
  world.policies.push_back(draw_policy(dice, "main", world, requests));
  if (dice.chance(300)) {
    world.policies.push_back(draw_policy(dice, "team", world, requests));
    world.policies.back().namespaces = {"team"};
    world.policies.back().priority = 10;
  }
}

void draw_workloads(std::uint64_t seed, SwarmCase& drawn) {
  WorldSpec& world = drawn.world;
  Dice dice(seed, "swarm/workloads");
  const auto requests = requests_of(*world.market);
  const std::int64_t count = dice.between(2, 6);
  for (std::int64_t i = 0; i < count; ++i)
    world.workloads.push_back(draw_workload(dice, "w" + std::to_string(i), drawn, requests));
  if (dice.chance(200)) {
    control::PriorityClass high;
    high.meta.name = "high";
    high.value = 1000;
    high.preempts = dice.chance(700);
    world.priorities.push_back(high);
    for (WorkloadSpec& workload : world.workloads)
      if (dice.chance(300)) workload.shape.priority = high.value;
  }
  for (const WorkloadSpec& workload : world.workloads) {
    if (!dice.chance(300)) continue;
    BudgetSpec budget;
    budget.ns = workload.ns;
    budget.name = workload.name;
    budget.selector.namespaces = {workload.ns};
    budget.selector.labels = {{"kind", cluster::Operator::In, {workload.name}}};
    if (dice.chance(500)) budget.max_unavailable = dice.between(0, 1);
    else budget.min_available = dice.between(0, 2);
    world.budgets.push_back(budget);
  }
}

}  // namespace kerf::sim
