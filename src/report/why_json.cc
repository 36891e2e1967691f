// The document of `kerf why -o json`; docs/reference/why.schema.json says what fields hold.
#include "report/json_parts.h"
#include "report/text.h"
#include "report/why.h"

namespace kerf::report {

using codec::Node;

namespace {

Node json_price(const std::optional<plan::PodPrice>& price) {
  if (!price) return Node::null();
  Node out = Node::mapping();
  out.set("shared_usd_per_hour", json_usd(price->shared));
  out.set("alone_usd_per_hour", json_usd(price->alone));
  return out;
}

Node json_pod(const Standing& in, std::uint32_t pod) {
  const cluster::PodFacts& facts = in.cluster.pods.at(pod);
  const auto text = [](const std::string& value) {
    return value.empty() ? Node::null() : json_text(value);
  };
  const bool runs = state_of(facts) == PodState::Runs;
  Node out = Node::mapping();
  set_pod(out, in.cluster.demand, pod);
  out.set("state", json_text(to_string(state_of(facts))));
  out.set("node", text(runs ? in.cluster.nodes.at(facts.node).name : facts.elsewhere));
  out.set("devices", text(devices_text(in, pod)));
  out.set("usd_per_hour", runs ? json_usd(in.ledger.pods.at(pod)) : Node::null());
  out.set("list_usd_per_hour", runs ? json_usd(in.list.pods.at(pod)) : Node::null());
  out.set("waits", text(facts.waits));
  out.set("nominated", text(facts.nominated));
  out.set("fixed", text(facts.fixed));
  return out;
}

Node json_obstacles(const Standing& in, const Why& why) {
  Node list = Node::sequence();
  for (const plan::ObstacleGroup& group : why.obstacles) {
    Node nodes = Node::sequence();
    for (const std::uint32_t n : group.nodes) nodes.push(json_text(in.cluster.nodes.at(n).name));
    Node out = Node::mapping();
    out.set("obstacle", json_text(plan::to_string(group.obstacle)));
    out.set("detail", group.detail.empty() ? Node::null() : json_text(group.detail));
    out.set("nodes", std::move(nodes));
    list.push(std::move(out));
  }
  return list;
}

}  // namespace

Node why_json(const Standing& in, const Why& why) {
  const cluster::Demand& demand = in.cluster.demand;
  const cluster::Workload& workload = demand.workloads.at(why.target.workload);
  Node target = Node::mapping();
  target.set("kind", json_text(workload.kind));
  target.set("namespace", json_text(workload.ns));
  target.set("name", json_text(workload.name));
  target.set("pod",
             why.target.pod ? json_text(demand.pods.at(*why.target.pod).name) : Node::null());
  Node pods = Node::sequence();
  for (const std::uint32_t pod : why.pods) pods.push(json_pod(in, pod));
  Node forms = Node::sequence();
  for (const plan::Alternative& form : why.alternatives.forms) {
    Node out = Node::mapping();
    out.set("form", json_text(form.form));
    out.set("instance_type", json_text(form.type));
    out.set("shared_usd_per_hour", json_usd(form.price.shared));
    out.set("alone_usd_per_hour", json_usd(form.price.alone));
    forms.push(std::move(out));
  }
  Node constraints = Node::sequence();
  for (const plan::Constraint& one : why.alternatives.constraints) {
    Node out = Node::mapping();
    out.set("name", json_text(one.name));
    out.set("without", json_price(one.without));
    out.set("saving_usd_per_hour", json_usd(one.saving));
    out.set("saving_alone_usd_per_hour", json_usd(one.saving_alone));
    constraints.push(std::move(out));
  }
  const bool asked = !why.pods.empty();
  Node root = Node::mapping();
  root.set("apiVersion", Node::of("kerf.dev/why/v1alpha1"));
  root.set("kind", Node::of("Why"));
  set_source(root, in);
  root.set("market", json_prices(in.market));
  root.set("target", std::move(target));
  root.set("asks", json_text(workload.asks));
  root.set("pods", std::move(pods));
  root.set("obstacles", json_obstacles(in, why));
  root.set("forms", std::move(forms));
  root.set("least", json_price(why.alternatives.least));
  root.set("why_not",
           asked && !why.alternatives.least ? json_reason(why.alternatives.why_not) : Node::null());
  root.set("constraints", std::move(constraints));
  root.set("notes", json_notes(in));
  return root;
}

}  // namespace kerf::report
