// The document of `kerf cost -o json`; docs/reference/cost.schema.json says what fields hold.
#include <map>

#include "report/cost.h"
#include "report/json_parts.h"
#include "report/text.h"

namespace kerf::report {

using codec::Node;

namespace {

void set_cost(Node& node, MicroUsdPerHour paid, MicroUsdPerHour list) {
  node.set("usd_per_hour", json_usd(paid));
  node.set("usd_per_month", json_usd(paid * kHoursPerMonth));
  node.set("list_usd_per_hour", json_usd(list));
}

/// What is known of a group of pods.
struct Sum {
  MicroUsdPerHour paid, list;
  double gpus = 0;
  std::int64_t pods = 0;  ///< that run
};

void set_sum(Node& node, const Sum& sum) {
  set_cost(node, sum.paid, sum.list);
  node.set("gpus", Node::of(sum.gpus));
  node.set("pods", json_count(sum.pods));
}

Node json_workloads(const Standing& in, const std::vector<Sum>& sums) {
  Node list = Node::sequence();
  for (std::size_t w = 0; w < sums.size(); ++w) {
    const cluster::Workload& workload = in.cluster.demand.workloads[w];
    Node out = Node::mapping();
    out.set("kind", json_text(workload.kind));
    out.set("namespace", json_text(workload.ns));
    out.set("name", json_text(workload.name));
    set_sum(out, sums[w]);
    list.push(std::move(out));
  }
  return list;
}

Node json_pods(const Standing& in, const std::vector<double>& held) {
  Node list = Node::sequence();
  for (std::uint32_t p = 0; p < in.cluster.demand.pods.size(); ++p) {
    const cluster::PodFacts& facts = in.cluster.pods.at(p);
    if (facts.node == cluster::kNone) continue;
    Node out = Node::mapping();
    set_pod(out, in.cluster.demand, p);
    out.set("node", json_text(in.cluster.nodes.at(facts.node).name));
    const std::string devices = devices_text(in, p);
    out.set("devices", devices.empty() ? Node::null() : json_text(devices));
    set_cost(out, in.ledger.pods.at(p), in.list.pods.at(p));
    out.set("gpus", Node::of(held[p]));
    list.push(std::move(out));
  }
  return list;
}

Node json_gpu(const plan::GpuLedger& gpu, const plan::GpuLedger& list) {
  Node out = Node::mapping();
  set_cost(out, gpu.price, list.price);
  out.set("idle_usd_per_hour", json_usd(gpu.idle));
  out.set("list_idle_usd_per_hour", json_usd(list.idle));
  out.set("waste", gpu.idle.micro > 0    ? json_text(plan::to_string(gpu.waste))
                   : list.idle.micro > 0 ? json_text(plan::to_string(list.waste))
                                         : Node::null());
  return out;
}

Node json_nodes(const Standing& in) {
  Node nodes = Node::sequence();
  for (const std::uint32_t n : dearest_first(in.cluster)) {
    const cluster::StandingNode& node = in.cluster.nodes[n];
    const plan::NodeLedger& paid = in.ledger.nodes.at(n);
    const plan::NodeLedger& list = in.list.nodes.at(n);
    Node gpus = Node::sequence();
    for (std::size_t g = 0; g < paid.gpus.size(); ++g)
      gpus.push(json_gpu(paid.gpus[g], list.gpus.at(g)));
    Node out = Node::mapping();
    out.set("name", json_text(node.name));
    out.set("instance_type", json_text(type_of(in, node).name));
    out.set("capacity_type", json_text(market::to_string(node.capacity_type)));
    out.set("owned", Node::of(node.owned));
    set_cost(out, paid.price, list.price);
    out.set("gpus", std::move(gpus));
    nodes.push(std::move(out));
  }
  return nodes;
}

Node json_wastes(const Standing& in) {
  Node list = Node::sequence();
  for (int w = 0; w < plan::kWastes; ++w) {
    const auto waste = static_cast<plan::Waste>(w);
    const auto at = static_cast<std::size_t>(w);
    Node out = Node::mapping();
    out.set("cause", json_text(plan::to_string(waste)));
    out.set("meaning", json_text(meaning(waste)));
    set_cost(out, in.ledger.wastes[at], in.list.wastes[at]);
    list.push(std::move(out));
  }
  return list;
}

}  // namespace

Node cost_json(const Standing& in) {
  const cluster::Demand& demand = in.cluster.demand;
  const std::vector<double> held = gpus_held(in);
  std::vector<Sum> workloads(demand.workloads.size());
  for (std::size_t w = 0; w < workloads.size(); ++w) {
    workloads[w].paid = in.ledger.workloads.at(w);
    workloads[w].list = in.list.workloads.at(w);
  }
  for (std::size_t p = 0; p < demand.pods.size(); ++p) {
    if (state_of(in.cluster.pods.at(p)) != PodState::Runs) continue;
    Sum& sum = workloads.at(demand.pods[p].workload);
    sum.gpus += held[p];
    ++sum.pods;
  }
  std::map<std::string, Sum> namespaces;
  for (std::size_t w = 0; w < workloads.size(); ++w) {
    Sum& sum = namespaces[demand.workloads[w].ns];
    sum.paid += workloads[w].paid;
    sum.list += workloads[w].list;
    sum.gpus += workloads[w].gpus;
    sum.pods += workloads[w].pods;
  }
  Node spaces = Node::sequence();
  for (const auto& [name, sum] : namespaces) {
    Node out = Node::mapping();
    out.set("name", json_text(name));
    set_sum(out, sum);
    spaces.push(std::move(out));
  }
  Node bill = Node::mapping();
  set_cost(bill, in.ledger.bill, in.list.bill);
  Node others = Node::mapping();
  set_cost(others, in.ledger.others, in.list.others);
  Node root = Node::mapping();
  root.set("apiVersion", Node::of("kerf.dev/cost/v1alpha1"));
  root.set("kind", Node::of("Cost"));
  set_source(root, in);
  root.set("market", json_prices(in.market));
  root.set("bill", std::move(bill));
  root.set("namespaces", std::move(spaces));
  root.set("workloads", json_workloads(in, workloads));
  root.set("pods", json_pods(in, held));
  root.set("nodes", json_nodes(in));
  root.set("other_pods", std::move(others));
  root.set("idle", json_wastes(in));
  root.set("notes", json_notes(in));
  return root;
}

}  // namespace kerf::report
