// The document of `kerf diff -o json`; docs/reference/diff.schema.json says what fields hold.
#include "report/diff.h"
#include "report/json_parts.h"
#include "report/text.h"

namespace kerf::report {

using codec::Node;

namespace {

Node json_side(const std::optional<WorkloadSide>& side) {
  if (!side) return Node::null();
  Node out = Node::mapping();
  out.set("asks", json_text(side->asks));
  out.set("pods", json_count(side->pods));
  out.set("placed", json_count(side->placed));
  out.set("forms", json_text(side->forms));
  out.set("usd_per_hour", json_usd(side->per_hour));
  return out;
}

Node json_amounts(const PlanDiff& diff) {
  Node list = Node::sequence();
  for (const AmountChange& one : diff.amounts) {
    Node out = Node::mapping();
    out.set("name", json_text(one.name));
    out.set("before_usd", one.before ? json_usd(*one.before) : Node::null());
    out.set("after_usd", one.after ? json_usd(*one.after) : Node::null());
    out.set("change_usd",
            one.before && one.after ? json_usd(*one.after - *one.before) : Node::null());
    list.push(std::move(out));
  }
  return list;
}

Node json_changes(const PlanDiff& diff) {
  Node list = Node::sequence();
  for (const NodeChange& one : diff.nodes) {
    Node out = Node::mapping();
    out.set("instance_type", json_text(one.type));
    out.set("capacity_type", json_text(one.capacity_type));
    out.set("owned", Node::of(one.owned));
    out.set("before", json_count(one.before));
    out.set("after", json_count(one.after));
    out.set("before_usd_per_hour", json_usd(one.hour_before));
    out.set("after_usd_per_hour", json_usd(one.hour_after));
    list.push(std::move(out));
  }
  return list;
}

}  // namespace

Node diff_json(const PlanDiff& diff) {
  Node inputs = Node::sequence();
  for (const InputChange& one : diff.inputs) {
    Node out = Node::mapping();
    out.set("what", json_text(one.what));
    out.set("before", json_text(one.before));
    out.set("after", json_text(one.after));
    inputs.push(std::move(out));
  }
  Node workloads = Node::sequence();
  for (const WorkloadChange& one : diff.workloads) {
    Node out = Node::mapping();
    out.set("kind", json_text(one.kind));
    out.set("namespace", json_text(one.ns));
    out.set("name", json_text(one.name));
    out.set("before", json_side(one.before));
    out.set("after", json_side(one.after));
    workloads.push(std::move(out));
  }
  Node pods = Node::sequence();
  for (const PodChange& one : diff.pods) {
    Node out = Node::mapping();
    out.set("change", json_text(to_string(one.kind)));
    out.set("namespace", json_text(one.ns));
    out.set("pod", json_text(one.name));
    out.set("workload", json_text(one.workload));
    out.set("why", json_text(one.why));
    pods.push(std::move(out));
  }
  const auto counts = [](std::int64_t before, std::int64_t after) {
    Node out = Node::mapping();
    out.set("before", json_count(before));
    out.set("after", json_count(after));
    return out;
  };
  Node root = Node::mapping();
  root.set("apiVersion", Node::of("kerf.dev/diff/v1alpha1"));
  root.set("kind", Node::of("Diff"));
  root.set("before", json_text(diff.before));
  root.set("after", json_text(diff.after));
  root.set("same", Node::of(diff.same()));
  root.set("comparable", Node::of(diff.inputs.empty()));
  root.set("inputs", std::move(inputs));
  root.set("amounts", json_amounts(diff));
  root.set("node_count", counts(diff.nodes_before, diff.nodes_after));
  root.set("unplaced_count", counts(diff.unplaced_before, diff.unplaced_after));
  root.set("nodes", json_changes(diff));
  root.set("workloads", std::move(workloads));
  root.set("pods", std::move(pods));
  return root;
}

}  // namespace kerf::report
