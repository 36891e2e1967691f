// Words, sums and orders that the reports of a standing cluster share.
#include "report/standing.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "codec/timestamp.h"
#include "report/json_parts.h"
#include "report/text.h"

namespace kerf::report {

using codec::Node;

const market::InstanceType& type_of(const Standing& in, const cluster::StandingNode& node) {
  return in.market.types.at(node.type);
}

const gpu::Model& model_of(const Standing& in, const cluster::StandingNode& node) {
  return in.market.model_of(type_of(in, node));
}

std::vector<std::uint32_t> dearest_first(const cluster::Cluster& cluster) {
  std::vector<std::uint32_t> order(cluster.nodes.size());
  for (std::uint32_t n = 0; n < order.size(); ++n) order[n] = n;
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    const cluster::StandingNode& x = cluster.nodes[a];
    const cluster::StandingNode& y = cluster.nodes[b];
    return std::tie(y.price, y.list_price, x.name) < std::tie(x.price, x.list_price, y.name);
  });
  return order;
}

std::string pod_text(const cluster::Demand& demand, std::uint32_t pod) {
  const cluster::Pod& entry = demand.pods.at(pod);
  return demand.shapes.at(entry.shape).ns + "/" + entry.name;
}

std::string holder_text(const cluster::Demand& demand, const cluster::StandingSlice& slice) {
  return slice.pod == cluster::kNone ? slice.holder : pod_text(demand, slice.pod);
}

std::string workload_text(const cluster::Workload& workload) {
  static constexpr std::pair<std::string_view, std::string_view> kBrief[] = {
      {"Deployment", "deploy"}, {"StatefulSet", "sts"},     {"ReplicaSet", "rs"},
      {"DaemonSet", "ds"},      {"LeaderWorkerSet", "lws"}, {"CronJob", "cj"}};
  for (const auto& [kind, brief] : kBrief)
    if (workload.kind == kind) return fmt::format("{}/{}", brief, workload.name);
  std::string kind = workload.kind;
  for (char& c : kind)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return fmt::format("{}/{}", kind, workload.name);
}

double device_part(const gpu::Model& model, const gpu::Form& form) {
  switch (form.kind) {
    case gpu::FormKind::Slice:
      if (form.profile >= model.profiles.size() || model.slots == 0) return 0;
      return static_cast<double>(model.profiles[form.profile].slots) / model.slots;
    case gpu::FormKind::TimeSliced:
    case gpu::FormKind::Mps: return 1.0 / std::max<int>(form.replicas, 1);
    case gpu::FormKind::Whole:
    case gpu::FormKind::Fraction: return 1;
  }
  return 0;
}

double gpu_part(const Standing& in, const cluster::StandingNode& node, const gpu::Form& form) {
  return device_part(model_of(in, node), form) / std::max<int>(type_of(in, node).gpu_fraction, 1);
}

std::vector<double> gpus_held(const Standing& in) {
  std::vector<double> held(in.cluster.demand.pods.size());
  for (const cluster::StandingNode& node : in.cluster.nodes)
    for (const cluster::StandingGpu& gpu : node.gpus)
      for (const cluster::StandingSlice& slice : gpu.slices)
        if (slice.pod != cluster::kNone) held.at(slice.pod) += gpu_part(in, node, slice.form);
  return held;
}

PodState state_of(const cluster::PodFacts& facts) {
  if (facts.node != cluster::kNone) return PodState::Runs;
  return facts.elsewhere.empty() ? PodState::Waits : PodState::Elsewhere;
}

std::string_view to_string(PodState state) {
  switch (state) {
    case PodState::Runs: return "runs";
    case PodState::Elsewhere: return "elsewhere";
    case PodState::Waits: return "waits";
  }
  return "?";
}

std::string_view state_of(const cluster::StandingNode& node) {
  if (!node.ready) return "not ready";
  if (node.layout == cluster::LayoutFrom::Nothing) return "offers no GPU";
  if (node.cordoned) return "cordoned";
  return node.kept ? "do-not-disrupt" : "ready";
}

bool in_trouble(const cluster::StandingNode& node) {
  return !node.ready || node.layout == cluster::LayoutFrom::Nothing;
}

std::string_view to_string(cluster::LayoutFrom layout) {
  switch (layout) {
    case cluster::LayoutFrom::Seen: return "seen";
    case cluster::LayoutFrom::Counted: return "counted";
    case cluster::LayoutFrom::Nothing: return "nothing";
  }
  return "?";
}

std::string_view meaning(plan::Waste waste) {
  switch (waste) {
    case plan::Waste::Down: return "on nodes that are not ready or offer no GPU";
    case plan::Waste::Empty: return "on nodes where no pod holds a GPU";
    case plan::Waste::Geometry: return "what is left is no device that any pod asks for";
    case plan::Waste::Cpu: return "the node has no CPU left for a pod there";
    case plan::Waste::Memory: return "the node has no memory, disk or pod slot left";
    case plan::Waste::Free: return "some pod could use it now";
  }
  return "?";
}

std::string_view remedy(plan::Waste waste) {
  switch (waste) {
    case plan::Waste::Down: return "mend driver and device plugin, or give the node back";
    case plan::Waste::Empty: return "give the node back";
    case plan::Waste::Geometry: return "cut the GPU otherwise: kerf plan says how";
    case plan::Waste::Cpu: return "smaller CPU requests, or types with more CPU per GPU";
    case plan::Waste::Memory: return "smaller memory requests, or types with more of it";
    case plan::Waste::Free: return "let pods come, or pack onto fewer nodes";
  }
  return "?";
}

std::string devices_text(const Standing& in, std::uint32_t pod) {
  const std::uint32_t index = in.cluster.pods.at(pod).node;
  if (index == cluster::kNone) return {};
  const cluster::StandingNode& node = in.cluster.nodes.at(index);
  gpu::Devices devices;
  for (const cluster::StandingGpu& gpu : node.gpus)
    for (const cluster::StandingSlice& slice : gpu.slices) {
      if (slice.pod != pod) continue;
      const auto same = std::find_if(devices.begin(), devices.end(),
                                     [&](const auto& one) { return one.first == slice.form; });
      if (same == devices.end()) devices.emplace_back(slice.form, 1);
      else ++same->second;
    }
  return devices.empty() ? std::string() : gpu::full_name(model_of(in, node), devices);
}

void set_source(Node& node, const Standing& in) {
  const std::int64_t at = in.cluster.read_ms;
  node.set("source", json_text(in.cluster.source));
  node.set("read_at", at > 0 && at <= codec::kTimestampMax ? Node::of(codec::timestamp_text(at))
                                                           : Node::null());
}

Node json_prices(const market::Market& market) {
  Node node = Node::mapping();
  node.set("region", json_text(market.region));
  node.set("price_date", json_text(market.price_date));
  node.set("price_source", json_text(market.price_source));
  return node;
}

Node json_notes(const Standing& in) {
  Node notes = Node::sequence();
  for (const std::string& note : in.notes) notes.push(json_text(note));
  return notes;
}

std::string gpus_text(double gpus) { return fmt::format("{:.2f}", gpus); }

}  // namespace kerf::report
