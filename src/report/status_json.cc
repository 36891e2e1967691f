// The document of `kerf status -o json`; docs/reference/status.schema.json says what fields hold.
#include "core/gpu/geometry.h"
#include "report/json_parts.h"
#include "report/status.h"
#include "report/text.h"

namespace kerf::report {

using codec::Node;

namespace {

Node json_slice(const Standing& in, const cluster::StandingNode& node,
                const cluster::StandingSlice& slice) {
  Node out = Node::mapping();
  set_form(out, model_of(in, node), slice.form);
  out.set("start", json_count(slice.start));
  const std::string holder = holder_text(in.cluster.demand, slice);
  out.set("holder", holder.empty() ? Node::null() : json_text(holder));
  out.set("planned", Node::of(slice.pod != cluster::kNone));
  return out;
}

Node json_gpu(const Standing& in, const cluster::StandingNode& node,
              const cluster::StandingGpu& gpu) {
  gpu::Layout layout;
  Node slices = Node::sequence();
  for (const cluster::StandingSlice& slice : gpu.slices) {
    if (slice.form.kind == gpu::FormKind::Slice)
      layout.push_back({slice.form.profile, slice.start});
    slices.push(json_slice(in, node, slice));
  }
  Node out = Node::mapping();
  out.set("model", json_text(model_of(in, node).key));
  out.set("layout", layout.empty() ? Node::null()
                                   : json_text(gpu::format_layout(model_of(in, node), layout)));
  out.set("slices", std::move(slices));
  return out;
}

Node json_node(const Standing& in, const cluster::StandingNode& node) {
  Node gpus = Node::sequence();
  for (const cluster::StandingGpu& gpu : node.gpus) gpus.push(json_gpu(in, node, gpu));
  Node out = Node::mapping();
  out.set("name", json_text(node.name));
  out.set("instance_type", json_text(type_of(in, node).name));
  out.set("capacity_type", json_text(market::to_string(node.capacity_type)));
  out.set("zone", node.zone.empty() ? Node::null() : json_text(node.zone));
  out.set("pool", node.pool.empty() ? Node::null() : json_text(node.pool));
  out.set("usd_per_hour", json_usd(node.price));
  out.set("list_usd_per_hour", json_usd(node.list_price));
  out.set("owned", Node::of(node.owned));
  out.set("price_assumed", Node::of(node.price_assumed));
  out.set("unpriced", Node::of(node.unpriced));
  out.set("shared", Node::of(node.shared));
  out.set("ready", Node::of(node.ready));
  out.set("cordoned", Node::of(node.cordoned));
  out.set("do_not_disrupt", Node::of(node.kept));
  out.set("allocatable", json_resources(node.allocatable));
  out.set("used", json_resources(node.used));
  out.set("layout", json_text(to_string(node.layout)));
  out.set("gpus", std::move(gpus));
  return out;
}

Node json_pods(const Standing& in) {
  Node list = Node::sequence();
  for (std::uint32_t p = 0; p < in.cluster.demand.pods.size(); ++p) {
    const cluster::PodFacts& facts = in.cluster.pods.at(p);
    const std::string devices = devices_text(in, p);
    Node out = Node::mapping();
    set_pod(out, in.cluster.demand, p);
    out.set("state", json_text(to_string(state_of(facts))));
    out.set("node", facts.node != cluster::kNone ? json_text(in.cluster.nodes.at(facts.node).name)
                    : facts.elsewhere.empty()    ? Node::null()
                                                 : json_text(facts.elsewhere));
    out.set("devices", devices.empty() ? Node::null() : json_text(devices));
    out.set("waits", facts.waits.empty() ? Node::null() : json_text(facts.waits));
    out.set("nominated", facts.nominated.empty() ? Node::null() : json_text(facts.nominated));
    out.set("fixed", facts.fixed.empty() ? Node::null() : json_text(facts.fixed));
    list.push(std::move(out));
  }
  return list;
}

}  // namespace

Node status_json(const Standing& in) {
  Node nodes = Node::sequence();
  for (const std::uint32_t n : dearest_first(in.cluster))
    nodes.push(json_node(in, in.cluster.nodes[n]));
  Node strange = Node::sequence();
  for (const cluster::StrangeNode& node : in.cluster.strange) {
    Node out = Node::mapping();
    out.set("name", json_text(node.name));
    out.set("instance_type", node.type.empty() ? Node::null() : json_text(node.type));
    out.set("gpus", json_count(node.gpus));
    out.set("why", json_text(node.why));
    strange.push(std::move(out));
  }
  Node cost = Node::mapping();
  cost.set("usd_per_hour", json_usd(in.ledger.bill));
  cost.set("usd_per_month", json_usd(in.ledger.bill * kHoursPerMonth));
  cost.set("list_usd_per_hour", json_usd(in.list.bill));
  Node root = Node::mapping();
  root.set("apiVersion", Node::of("kerf.dev/status/v1alpha1"));
  root.set("kind", Node::of("Status"));
  set_source(root, in);
  root.set("market", json_prices(in.market));
  root.set("cost", std::move(cost));
  root.set("cpu_nodes", json_count(in.cluster.cpu_nodes));
  root.set("nodes", std::move(nodes));
  root.set("pods", json_pods(in));
  root.set("strange_nodes", std::move(strange));
  root.set("notes", json_notes(in));
  return root;
}

}  // namespace kerf::report
