// Nodes, placements and workloads of the plan document.
#include <map>

#include "core/gpu/geometry.h"
#include "report/figures.h"
#include "report/json_parts.h"
#include "report/text.h"

namespace kerf::report {

using codec::Node;

namespace {

Node json_slice(const plan::SlicePlan& slice, const gpu::Model& model,
                const cluster::Demand& demand) {
  Node node = Node::mapping();
  set_form(node, model, slice.form);
  node.set("start", json_count(slice.start));
  node.set("memory_mib",
           slice.form.memory_mib > 0 ? json_count(slice.form.memory_mib) : Node::null());
  node.set("headroom", Node::of(slice.headroom));
  if (slice.pod != plan::kNoPod) {
    set_pod(node, demand, slice.pod);
  } else {
    for (const char* key : {"namespace", "pod", "workload"}) node.set(key, Node::null());
  }
  return node;
}

Node json_gpu(const plan::GpuPlan& gpu, const gpu::Model& model, const cluster::Demand& demand) {
  const gpu::Layout layout = layout_of(gpu);
  Node slices = Node::sequence();
  for (const plan::SlicePlan& slice : gpu.slices) slices.push(json_slice(slice, model, demand));
  Node node = Node::mapping();
  node.set("model", Node::of(model.key));
  node.set("layout", layout.empty() ? Node::null() : Node::of(gpu::format_layout(model, layout)));
  node.set("slices", std::move(slices));
  return node;
}

Node json_node(const plan::NodePlan& plan, std::size_t index, const cluster::Demand& demand,
               const market::Market& market) {
  const market::InstanceType& type = market.types.at(plan.type);
  Node zones = Node::sequence();
  for (const std::string& zone : plan.zones) zones.push(json_text(zone));
  Node labels = Node::mapping();
  for (const auto& [key, value] : plan.labels) labels.set(valid_utf8(key), json_text(value));
  Node gpus = Node::sequence();
  for (const plan::GpuPlan& gpu : plan.gpus)
    gpus.push(json_gpu(gpu, model_of(market, plan), demand));
  Node node = Node::mapping();
  node.set("name", Node::of(node_name(index)));
  node.set("instance_type", json_text(type.name));
  node.set("capacity_type", json_text(market::to_string(plan.capacity_type)));
  node.set("zones", std::move(zones));
  node.set("usd_per_hour", json_usd(plan.price));
  node.set("owned", Node::of(plan.owned));
  node.set("labels", std::move(labels));
  node.set("allocatable", json_resources(plan.allocatable));
  node.set("used", json_resources(plan.used));
  node.set("gpus", std::move(gpus));
  return node;
}

/// Pods by form and model, for each workload.
using FormCount = std::map<std::pair<std::string, std::string>, std::int64_t>;

Node json_forms(const FormCount& forms) {
  Node list = Node::sequence();
  for (const auto& [form, pods] : forms) {
    Node node = Node::mapping();
    node.set("form", json_text(form.first));
    node.set("model", json_text(form.second));
    node.set("pods", json_count(pods));
    list.push(std::move(node));
  }
  return list;
}

}  // namespace

Node json_nodes(const plan::Plan& plan, const cluster::Demand& demand,
                const market::Market& market) {
  Node list = Node::sequence();
  for (std::size_t n = 0; n < plan.nodes.size(); ++n)
    list.push(json_node(plan.nodes[n], n, demand, market));
  return list;
}

Node json_placements(const plan::Plan& plan, const cluster::Demand& demand,
                     const market::Market& market) {
  Node list = Node::sequence();
  for (const plan::Placement& placement : plan.placements) {
    Node node = Node::mapping();
    set_pod(node, demand, placement.pod);
    node.set("node", Node::of(node_name(placement.node)));
    const gpu::Model& model = model_of(market, plan.nodes.at(placement.node));
    set_form(node, model, placement.form);
    node.set("devices", json_text(gpu::full_name(model, plan::devices_of(placement))));
    node.set("usd_per_hour", json_usd(placement.cost));
    node.set("reason", json_reason(placement.reason));
    list.push(std::move(node));
  }
  return list;
}

Node json_workloads(const plan::Plan& plan, const cluster::Demand& demand,
                    const market::Market& market) {
  struct Sum {
    std::int64_t pods = 0;
    std::int64_t placed = 0;
    MicroUsdPerHour cost;
    FormCount forms;
  };
  std::vector<Sum> sums(demand.workloads.size());
  for (const cluster::Pod& pod : demand.pods) ++sums.at(pod.workload).pods;
  for (const plan::Placement& placement : plan.placements) {
    Sum& sum = sums.at(demand.pods.at(placement.pod).workload);
    const gpu::Model& model = model_of(market, plan.nodes.at(placement.node));
    ++sum.placed;
    sum.cost += placement.cost;
    ++sum.forms[{gpu::full_name(model, plan::devices_of(placement)), model.key}];
  }
  Node list = Node::sequence();
  for (std::size_t w = 0; w < demand.workloads.size(); ++w) {
    const cluster::Workload& workload = demand.workloads[w];
    Node baselines = Node::sequence();
    for (const plan::Baseline& baseline : plan.baselines) {
      if (w >= baseline.per_workload.size()) continue;
      Node node = Node::mapping();
      node.set("name", json_text(baseline.name));
      node.set("usd_per_hour", json_usd(baseline.per_workload[w]));
      node.set("usd_per_month", json_usd({baseline.months.at(w)}));
      baselines.push(std::move(node));
    }
    Node node = Node::mapping();
    node.set("kind", json_text(workload.kind));
    node.set("namespace", json_text(workload.ns));
    node.set("name", json_text(workload.name));
    node.set("source", json_text(workload.source));
    node.set("asks", json_text(workload.asks));
    node.set("pods", json_count(sums[w].pods));
    node.set("placed", json_count(sums[w].placed));
    node.set("transient", Node::of(workload.transient));
    node.set("hours_per_month", Node::of(workload.transient ? workload.hours_per_month
                                                            : static_cast<double>(kHoursPerMonth)));
    node.set("usd_per_hour", json_usd(sums[w].cost));
    node.set("usd_per_month", json_usd({plan.workloads.at(w).month_micro_usd}));
    node.set("forms", json_forms(sums[w].forms));
    node.set("baselines", std::move(baselines));
    list.push(std::move(node));
  }
  return list;
}

}  // namespace kerf::report
