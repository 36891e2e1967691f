// The member "cluster" of a plan document: docs/reference/plan.schema.json.
#include <string>
#include <utility>

#include "codec/timestamp.h"
#include "report/json_parts.h"
#include "report/live.h"
#include "report/plan_json.h"
#include "report/text.h"

namespace kerf::report {

using codec::Node;

namespace {

Node json_today(const plan::Today& today) {
  Node node = Node::mapping();
  node.set("usd_per_hour", json_usd(today.bill));
  node.set("usd_per_hour_on_demand", json_usd(today.list));
  node.set("nodes", json_count(today.nodes));
  node.set("gpus", json_count(today.gpus));
  node.set("owned_nodes", json_count(today.owned));
  node.set("owned_usd_per_hour_on_demand", json_usd(today.owned_value));
  node.set("price_assumed_nodes", json_count(today.price_assumed));
  node.set("unpriced_nodes", json_count(today.unpriced));
  node.set("pods_running", json_count(today.running));
  node.set("pods_waiting", json_count(today.waiting));
  node.set("empty_nodes", json_count(today.empty_nodes));
  node.set("empty_usd_per_hour", json_usd(today.empty));
  return node;
}

const char* action_of(const LiveView& view, std::size_t n) {
  if (view.live.reuse.standing[n] == cluster::kNone) return "buy";
  return view.live.reuse.cut[n] ? "cut" : "keep";
}

Node json_nodes_of(const LiveView& view) {
  Node list = Node::sequence();
  for (std::size_t n = 0; n < view.live.plan.nodes.size(); ++n) {
    const std::uint32_t standing = view.live.reuse.standing[n];
    Node node = Node::mapping();
    node.set("name", Node::of(node_name(n)));
    node.set("action", Node::of(action_of(view, n)));
    node.set("standing", standing == cluster::kNone ? Node::null()
                                                    : json_text(view.cluster.nodes[standing].name));
    list.push(std::move(node));
  }
  return list;
}

Node json_returned(const LiveView& view) {
  Node list = Node::sequence();
  for (const std::uint32_t n : view.live.reuse.returned) {
    const cluster::StandingNode& standing = view.cluster.nodes[n];
    Node node = Node::mapping();
    node.set("name", json_text(standing.name));
    node.set("instance_type", json_text(view.market.types.at(standing.type).name));
    node.set("usd_per_hour", json_usd(standing.price));
    list.push(std::move(node));
  }
  return list;
}

Node json_moves(const LiveView& view) {
  Node list = Node::sequence();
  for (const plan::PodMove& move : view.live.reuse.moves) {
    Node node = Node::mapping();
    set_pod(node, view.live.demand.planned, move.pod);
    node.set("from", json_text(view.cluster.nodes[move.from].name));
    node.set("to", move.to == cluster::kNone ? Node::null() : Node::of(node_name(move.to)));
    const std::string& fixed = view.cluster.pods[move.pod].fixed;
    node.set("fixed", fixed.empty() ? Node::null() : json_text(fixed));
    list.push(std::move(node));
  }
  return list;
}

Node json_what_if(const plan::WhatIf& cost) {
  Node node = Node::mapping();
  node.set("usd_per_hour", json_usd(cost.bill));
  node.set("nodes", json_count(cost.nodes));
  node.set("owned_nodes", json_count(cost.owned));
  node.set("unplaced", json_count(cost.unplaced));
  return node;
}

Node json_sizes(const plan::LivePlan& live) {
  Node list = Node::sequence();
  for (const plan::LivePlan::Size& size : live.sizes) {
    Node node = json_what_if(size.cost);
    node.set("gib", json_count(size.gib));
    list.push(std::move(node));
  }
  return list;
}

Node json_cluster(const LiveView& view) {
  const plan::LivePlan& live = view.live;
  Node node = Node::mapping();
  node.set("source", json_text(view.cluster.source));
  node.set("read", view.cluster.read_ms == 0
                       ? Node::null()
                       : Node::of(codec::timestamp_text(view.cluster.read_ms)));
  node.set("described", json_text(view.headline));
  node.set("today", json_today(live.today));
  node.set("cpu_nodes", json_count(view.cluster.cpu_nodes));
  node.set("nodes", json_nodes_of(view));
  node.set("returned", json_returned(view));
  node.set("moves", json_moves(view));
  node.set("pods_that_stay", json_count(live.reuse.stay));
  node.set("whole_gpu_pods", json_count(static_cast<std::int64_t>(live.demand.whole.size())));
  node.set("unknown_gpu_pods", json_count(static_cast<std::int64_t>(live.demand.unknown.size())));
  node.set("if_whole_asked_for_memory", json_sizes(live));
  node.set("pods_by_profile", json_count(live.by_name));
  node.set("if_profiles_asked_for_memory",
           live.by_memory ? json_what_if(*live.by_memory) : Node::null());
  node.set("autoscaled_least", live.least ? json_what_if(*live.least) : Node::null());
  node.set("autoscaled_most", live.most ? json_what_if(*live.most) : Node::null());
  Node notes = Node::sequence();
  for (const std::string& note : view.notes) notes.push(json_text(note));
  node.set("not_read", std::move(notes));
  return node;
}

}  // namespace

Node live_json(const LiveView& view, const char* solver_version) {
  Node root =
      plan_json(view.live.plan, view.live.demand.planned, view.market, view.policy, solver_version);
  root.set("cluster", json_cluster(view));
  return root;
}

}  // namespace kerf::report
