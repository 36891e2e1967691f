// Plans a cluster: first what to do, then what it would be under other circumstances.
#include "core/plan/live.h"

#include <algorithm>
#include <map>

#include "core/cluster/replicas.h"
#include "core/market/owned.h"
#include "core/plan/baseline.h"
#include "core/plan/geometries.h"

namespace kerf::plan {

namespace {

WhatIf what_if(const Plan& plan) {
  return {plan.bill, static_cast<std::int64_t>(plan.nodes.size()),
          std::count_if(plan.nodes.begin(), plan.nodes.end(),
                        [](const NodePlan& node) { return node.owned; }),
          static_cast<std::int64_t>(plan.unplaced.size())};
}

bool holds_pods(const cluster::StandingNode& node) {
  if (!node.pods.empty()) return true;
  for (const cluster::StandingGpu& gpu : node.gpus)
    for (const cluster::StandingSlice& slice : gpu.slices)
      if (!slice.free()) return true;
  return false;
}

/// Pods of every autoscaled workload at its minimum or maximum.
std::map<std::uint32_t, std::int64_t> scales(const cluster::Cluster& cluster, bool most) {
  std::map<std::uint32_t, std::int64_t> pods;
  for (const cluster::Autoscaler& one : cluster.autoscalers)
    pods[one.workload] = most ? one.most : one.least;
  return pods;
}

}  // namespace

Today today_of(const cluster::Cluster& cluster) {
  Today today;
  for (const cluster::StandingNode& node : cluster.nodes) {
    const MicroUsdPerHour list = node.list_price.micro > 0 ? node.list_price : node.price;
    ++today.nodes;
    today.gpus += static_cast<std::int64_t>(node.gpus.size());
    today.bill += node.price;
    today.list += list;
    today.price_assumed += node.price_assumed ? 1 : 0;
    today.unpriced += node.unpriced ? 1 : 0;
    if (node.owned) {
      ++today.owned;
      today.owned_value += list;
    } else {
      today.spot_saves += list - node.price;
    }
    if (!holds_pods(node) && !node.owned) {
      ++today.empty_nodes;
      today.empty += node.price;
    }
  }
  for (const cluster::PodFacts& pod : cluster.pods)
    ++(pod.node != cluster::kNone || !pod.elsewhere.empty() ? today.running : today.waiting);
  return today;
}

market::Market at_list_price(market::Market market) {
  std::map<std::uint32_t, MicroUsdPerHour> list;
  for (const market::Offering& one : market.offerings) {
    if (one.count || one.capacity_type != market::CapacityType::OnDemand) continue;
    const auto [at, fresh] = list.try_emplace(one.type, one.price);
    if (!fresh) at->second = std::min(at->second, one.price);
  }
  for (market::Offering& one : market.offerings)
    if (const auto at = list.find(one.type); market::is_owned(one) && at != list.end())
      one.price = at->second;
  return market;
}

void call_owned(Plan& plan) {
  for (NodePlan& node : plan.nodes) node.owned = true;
  for (Action& action : plan.actions) {
    if (action.kind != ActionKind::Buy) continue;
    action.kind = ActionKind::Keep;
    action.per_hour = {};
  }
}

Baseline same_model_baseline(const LiveDemand& demand, const market::Market& market,
                             const cluster::Policy& policy) {
  Baseline baseline = whole_gpu_baseline(as_whole_gpus(demand.held, market.gpus), market, policy);
  baseline.name = "whole-gpu-same-model";
  return baseline;
}

LivePlan make_live_plan(const cluster::Cluster& cluster, const market::Market& market,
                        const cluster::Policy& policy, LpSolver& solver, const LiveOptions& options,
                        const std::function<void(const LivePlan&)>& first) {
  LivePlan live;
  live.today = today_of(cluster);
  live.demand = live_demand(cluster, market, policy, options.gpu,
                            options.owned_only ? Keeps::Memory : Keeps::Model);
  Geometries tables;
  PlanOptions own = options.plan;
  own.levers = false;
  if (own.tables == nullptr) own.tables = &tables;
  live.plan = make_plan(live.demand.planned, market, policy, solver, own);
  if (own.baselines)
    live.plan.baselines.insert(live.plan.baselines.begin(),
                               same_model_baseline(live.demand, market, policy));
  if (options.owned_only) call_owned(live.plan);
  cluster::Cluster as_planned = cluster;  // whose pods are alike is what the plan says
  as_planned.demand = live.demand.planned;
  live.reuse = reuse(as_planned, market, live.plan);
  if (first) first(live);

  PlanOptions other = own;
  other.baselines = false;
  other.certificate = false;
  other.progress = {};  // its figures are those of other plans
  const auto cost = [&](const cluster::Demand& demand) {
    return what_if(make_plan(demand, market, policy, solver, other));
  };
  const auto worth = [&](const cluster::Demand& demand) {
    if (live.today.owned == 0) return cost(demand);
    cluster::Policy all = policy;
    if (!all.capacity_types.empty()) all.capacity_types.push_back(market::CapacityType::Reserved);
    return what_if(make_plan(demand, at_list_price(market), all, solver, other));
  };
  if (options.levers) live.plan.levers = live_levers(cluster, live, market, policy, solver, own);
  if (options.sizes && !live.demand.whole.empty())
    for (const std::int32_t gib : kSizes)
      live.sizes.push_back({gib, worth(asking_for(live.demand.planned, live.demand.whole, gib))});
  if (options.sizes) {
    const cluster::Demand asking = by_memory(live.demand.planned, market.gpus, live.by_name);
    if (live.by_name > 0) live.by_memory = worth(asking);
  }
  if (options.autoscalers && !cluster.autoscalers.empty()) {
    live.least = cost(cluster::scaled(live.demand.planned, scales(cluster, false)).demand);
    live.most = cost(cluster::scaled(live.demand.planned, scales(cluster, true)).demand);
  }
  return live;
}

}  // namespace kerf::plan
