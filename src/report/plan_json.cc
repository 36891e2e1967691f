// The plan document from the top; docs/reference/plan.schema.json says what each field holds.
#include "report/plan_json.h"

#include <cmath>

#include "report/assumptions.h"
#include "report/figures.h"
#include "report/json_parts.h"

namespace kerf::report {

using codec::Node;

namespace {

Node texts(const std::vector<std::string>& list) {
  Node node = Node::sequence();
  for (const std::string& text : list) node.push(json_text(text));
  return node;
}

Node json_demand(const cluster::Demand& demand) {
  Node overhead = Node::mapping();
  overhead.set("daemonsets", json_resources(demand.overhead.daemonsets));
  overhead.set("source", json_text(overhead_source(demand)));
  overhead.set("root_volume_gib", json_count(demand.overhead.root_volume_gib));
  Node node = Node::mapping();
  node.set("described", json_text(demand.described));
  node.set("pods", json_count(static_cast<std::int64_t>(demand.pods.size())));
  node.set("cpu_only_pods", json_count(demand.cpu_only_pods));
  node.set("cpu_only_milli", json_count(demand.cpu_only_milli));
  node.set("node_overhead", std::move(overhead));
  return node;
}

Node json_market(const market::Market& market) {
  Node node = Node::mapping();
  node.set("region", json_text(market.region));
  node.set("price_date", json_text(market.price_date));
  node.set("price_source", json_text(market.price_source));
  node.set("unpriced", texts(market.unpriced));
  Node owned = Node::sequence();
  for (const auto& [type, nodes] : owned_nodes(market)) {
    Node entry = Node::mapping();
    entry.set("instance_type", json_text(type));
    entry.set("nodes", json_count(nodes));
    owned.push(std::move(entry));
  }
  node.set("owned", std::move(owned));
  return node;
}

Node json_policy(const cluster::Policy& policy) {
  Node capacity = Node::sequence();
  for (const market::CapacityType type : policy.capacity_types)
    capacity.push(json_text(market::to_string(type)));
  Node node = Node::mapping();
  node.set("name", policy.name.empty() ? Node::null() : json_text(policy.name));
  node.set("capacity_types", std::move(capacity));
  node.set("limit_usd_per_hour",
           policy.limit_per_hour ? json_usd(*policy.limit_per_hour) : Node::null());
  node.set("limit_gpus", policy.limit_gpus ? json_count(*policy.limit_gpus) : Node::null());
  return node;
}

Node json_owned(const plan::Plan& plan, const market::Market& market) {
  const OwnedUse use = owned_use(plan, market);
  if (use.nodes == 0) return Node::null();
  Node node = Node::mapping();
  node.set("nodes", json_count(use.nodes));
  node.set("on_demand_usd_per_hour", json_usd(use.on_demand));
  node.set("unpriced_nodes", json_count(use.unpriced));
  return node;
}

Node json_cost(const plan::Plan& plan, const market::Market& market) {
  Node node = Node::mapping();
  node.set("usd_per_hour", json_usd(plan.bill));
  node.set("transient_usd_per_hour", json_usd(plan.transient_part));
  node.set("usd_per_month", json_usd({plan.month_micro_usd}));
  node.set("owned", json_owned(plan, market));
  return node;
}

Node json_bound(const plan::Bound& bound) {
  Node node = Node::mapping();
  node.set("usd_per_hour", json_usd(bound.per_hour));
  node.set("method", json_text(bound.method));
  node.set("optimal", Node::of(bound.optimal));
  node.set("relaxed", texts(bound.relaxed));
  node.set("given", bound.given.empty() ? Node::null() : json_text(bound.given));
  node.set("search_steps", json_count(bound.search_nodes));
  return node;
}

Node json_gap(const plan::Plan& plan) {
  const double gap = plan::gap_percent(plan);
  return std::isfinite(gap) ? Node::of(gap) : Node::null();
}

Node json_baselines(const plan::Plan& plan) {
  Node list = Node::sequence();
  for (const plan::Baseline& baseline : plan.baselines) {
    Node fleet = Node::sequence();
    for (const auto& [type, nodes] : baseline.fleet) {
      Node entry = Node::mapping();
      entry.set("instance_type", json_text(type));
      entry.set("nodes", json_count(nodes));
      fleet.push(std::move(entry));
    }
    Node node = Node::mapping();
    node.set("name", json_text(baseline.name));
    node.set("usd_per_hour", json_usd(baseline.per_hour));
    node.set("transient_usd_per_hour", json_usd(baseline.transient_part));
    node.set("usd_per_month", json_usd({baseline.month_micro_usd}));
    node.set("nodes", json_count(baseline.nodes));
    node.set("unplaced", json_count(static_cast<std::int64_t>(baseline.unplaced.size())));
    node.set("comparable", Node::of(comparable(plan, baseline)));
    node.set("fleet", std::move(fleet));
    list.push(std::move(node));
  }
  return list;
}

Node json_levers(const plan::Plan& plan) {
  Node list = Node::sequence();
  for (const plan::Lever& lever : plan.levers) {
    Node node = Node::mapping();
    node.set("name", json_text(lever.name));
    node.set("before_usd_per_hour", json_usd(lever.before));
    node.set("after_usd_per_hour", json_usd(lever.after));
    node.set("saving_usd_per_hour", json_usd(lever.before - lever.after));
    node.set("comparable", Node::of(lever.comparable));
    list.push(std::move(node));
  }
  return list;
}

Node json_jobs_apart(const plan::Plan& plan) {
  if (!plan.jobs_apart) return Node::null();
  Node node = Node::mapping();
  node.set("always_on_usd_per_hour", json_usd(plan.jobs_apart->always_on));
  node.set("jobs_usd_per_hour", json_usd(plan.jobs_apart->jobs));
  return node;
}

Node json_actions(const plan::Plan& plan, const market::Market& market) {
  Node list = Node::sequence();
  for (const plan::Action& action : plan.actions) {
    Node nodes = Node::sequence();
    for (const std::uint32_t node : action.nodes) nodes.push(Node::of(node_name(node)));
    Node node = Node::mapping();
    node.set("kind", json_text(plan::to_string(action.kind)));
    node.set("count", json_count(action.count));
    node.set("instance_type", json_text(market.types.at(action.type).name));
    node.set("capacity_type", json_text(market::to_string(action.capacity_type)));
    node.set("usd_per_hour", json_usd(action.per_hour));
    node.set("nodes", std::move(nodes));
    list.push(std::move(node));
  }
  return list;
}

Node json_unplaced(const plan::Plan& plan, const cluster::Demand& demand) {
  Node list = Node::sequence();
  for (const plan::Unplaced& entry : plan.unplaced) {
    Node node = Node::mapping();
    set_pod(node, demand, entry.pod);
    node.set("reason", json_reason(entry.reason));
    list.push(std::move(node));
  }
  return list;
}

Node json_utilisation(const plan::Utilisation& use) {
  Node stranded = Node::mapping();
  stranded.set("geometry_usd_per_hour", json_usd(use.stranded_geometry));
  stranded.set("cpu_usd_per_hour", json_usd(use.stranded_cpu));
  stranded.set("memory_usd_per_hour", json_usd(use.stranded_memory));
  Node node = Node::mapping();
  node.set("gpus", json_count(use.gpus));
  node.set("gpu_memory", Node::of(use.gpu_memory));
  node.set("cpu", Node::of(use.cpu));
  node.set("memory", Node::of(use.memory));
  node.set("idle_usd_per_hour", json_usd(use.idle));
  node.set("stranded", std::move(stranded));
  node.set("free_usd_per_hour", json_usd(use.free));
  return node;
}

Node json_left_out(const cluster::Demand& demand) {
  Node list = Node::sequence();
  for (const cluster::LeftOut& entry : demand.left_out) {
    Node node = Node::mapping();
    node.set("what", json_text(entry.what));
    node.set("why", json_text(entry.why));
    node.set("count", json_count(entry.count));
    list.push(std::move(node));
  }
  return list;
}

}  // namespace

Node plan_json(const plan::Plan& plan, const cluster::Demand& demand, const market::Market& market,
               const cluster::Policy& policy, const char* solver_version) {
  std::vector<std::string> notes = plan.notes;
  notes.insert(notes.end(), demand.notes.begin(), demand.notes.end());
  for (std::string& note : assumptions(plan, demand, policy)) notes.push_back(std::move(note));
  Node root = Node::mapping();
  root.set("apiVersion", Node::of("kerf.dev/plan/v1alpha1"));
  root.set("kind", Node::of("Plan"));
  root.set("market", json_market(market));
  root.set("demand", json_demand(demand));
  root.set("policy", json_policy(policy));
  root.set("cost", json_cost(plan, market));
  root.set("bound", json_bound(plan.bound));
  root.set("gap_percent", json_gap(plan));
  root.set("baselines", json_baselines(plan));
  root.set("levers", json_levers(plan));
  root.set("jobs_apart", json_jobs_apart(plan));
  root.set("actions", json_actions(plan, market));
  root.set("workloads", json_workloads(plan, demand, market));
  root.set("nodes", json_nodes(plan, demand, market));
  root.set("placements", json_placements(plan, demand, market));
  root.set("unplaced", json_unplaced(plan, demand));
  root.set("utilisation", json_utilisation(plan.utilisation));
  root.set("notes", texts(notes));
  root.set("left_out", json_left_out(demand));
  root.set("solver", solver_version == nullptr ? Node::null() : json_text(solver_version));
  return root;
}

}  // namespace kerf::report
