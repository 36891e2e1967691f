// A snapshot as a plan, so that the topics of check_plan can judge it.
#include "core/check/snapshot.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "core/check/audit.h"
#include "core/check/labels.h"

namespace kerf::check {

namespace {

using cluster::Snapshot;

plan::GpuPlan as_planned(const cluster::Gpu& gpu) {
  plan::GpuPlan planned;
  for (const cluster::Slice& slice : gpu.slices) {
    plan::SlicePlan one;
    one.form = slice.form;
    one.start = slice.start;
    if (slice.pod != cluster::kNone) one.pod = slice.pod;
    planned.slices.push_back(one);
  }
  return planned;
}

plan::NodePlan as_planned(const cluster::Node& node) {
  plan::NodePlan planned;
  planned.type = node.type;
  planned.capacity_type = node.capacity_type;
  if (!node.zone.empty()) planned.zones = {node.zone};
  planned.price = node.price;
  planned.allocatable = node.allocatable;
  for (const cluster::Gpu& gpu : node.gpus) planned.gpus.push_back(as_planned(gpu));
  return planned;
}

/// Labels that type and zone decide say nothing else on the node.
void check_labels(const Snapshot& snapshot, Audit& audit) {
  for (std::size_t n = 0; n < snapshot.nodes.size(); ++n) {
    const cluster::Node& node = snapshot.nodes[n];
    NodeLabels given = given_labels(audit, audit.plan.nodes[n]);
    given.erase(kHostnameLabel);
    if (!node.zone.empty()) given[kZoneLabel] = given[kZoneLabelBeta] = {node.zone};
    for (const auto& [key, values] : given) {
      const auto found = node.labels.find(key);
      if (found == node.labels.end() || values.empty() || values.front().empty()) continue;
      if (std::find(values.begin(), values.end(), found->second) == values.end())
        audit.complain("{} has the label {}={}, and its type and zone make it {}",
                       audit.node_name(n), key, found->second, values.front());
    }
  }
}

/// Free, retiring, lost: nobody can have such a slice.
const char* word_of(cluster::SliceState state) {
  switch (state) {
    case cluster::SliceState::Free: return "free";
    case cluster::SliceState::Retiring: return "retiring";
    case cluster::SliceState::Lost: return "lost";
    case cluster::SliceState::Creating:
    case cluster::SliceState::Used: break;
  }
  return "";
}

/// A slice in use is held by a pod, and no other slice is; slices go with the node's MIG mode.
void check_states(const Snapshot& snapshot, Audit& audit) {
  for (std::size_t n = 0; n < snapshot.nodes.size(); ++n) {
    const cluster::Node& node = snapshot.nodes[n];
    const gpu::Model& model = *audit.models[node.type];
    for (const cluster::Gpu& gpu : node.gpus) {
      for (const cluster::Slice& slice : gpu.slices) {
        const bool held = slice.state == cluster::SliceState::Used ||
                          slice.state == cluster::SliceState::Creating;
        if (!held && slice.pod != cluster::kNone)
          audit.complain("{}: a {} slice is held by a pod", audit.node_name(n),
                         word_of(slice.state));
        if (held && slice.pod == cluster::kNone)
          audit.complain("{}: a slice in use is held by no pod", audit.node_name(n));
        const bool cut = slice.form.kind == gpu::FormKind::Slice;
        const bool allowed =
            node.mode == gpu::GpuMode::Any || cut == (node.mode == gpu::GpuMode::Cut);
        if (!allowed)
          audit.complain("{}: {} does not go with the node's MIG mode", audit.node_name(n),
                         form_name(slice.form, model));
      }
    }
  }
}

}  // namespace

std::vector<std::string> check_snapshot(const Snapshot& snapshot, const market::Market& market,
                                        const cluster::Policy& policy) {
  cluster::Demand demand;
  demand.shapes = snapshot.shapes;
  demand.workloads.emplace_back();
  plan::Plan plan;
  for (const cluster::Node& node : snapshot.nodes) plan.nodes.push_back(as_planned(node));
  for (std::uint32_t p = 0; p < snapshot.pods.size(); ++p) {
    const cluster::Running& pod = snapshot.pods[p];
    if (pod.node >= plan.nodes.size() || pod.shape >= snapshot.shapes.size())
      return {"pod " + pod.name + " names a node or shape that does not exist"};
    demand.pods.push_back({pod.name, pod.shape, 0});
    plan::NodePlan& node = plan.nodes[pod.node];
    node.pods.push_back(p);
    node.used = node.used + snapshot.shapes[pod.shape].requests;
    plan::Placement placement;
    placement.pod = p;
    placement.node = pod.node;
    for (const plan::GpuPlan& gpu : node.gpus) {
      for (const plan::SlicePlan& slice : gpu.slices) {
        if (slice.pod != p) continue;
        if (placement.devices.empty()) placement.form = slice.form;
        if (!placement.devices.empty() && placement.devices.back().first == slice.form)
          ++placement.devices.back().second;
        else placement.devices.emplace_back(slice.form, 1);
      }
    }
    plan.placements.push_back(std::move(placement));
  }
  Audit audit{plan, demand, market, policy, {}, {}, &snapshot.nodes};
  if (!indices_hold(audit)) return std::move(audit.complaints);
  check_coverage(audit);
  check_geometry(audit);
  check_devices(audit);
  check_capacity(audit);
  check_admission(audit);
  check_coupling(audit);
  check_ports(audit);
  check_states(snapshot, audit);
  check_labels(snapshot, audit);
  return std::move(audit.complaints);
}

std::vector<std::string> touched_pods(const Snapshot& before, const Snapshot& after) {
  using Device = std::tuple<std::uint32_t, gpu::FormKind, std::uint8_t, std::uint8_t, std::uint8_t>;
  using Seat = std::vector<Device>;
  const auto seats = [](const Snapshot& snapshot) {
    std::map<std::pair<std::string, std::string>, std::pair<std::string, Seat>> all;
    for (std::uint32_t p = 0; p < snapshot.pods.size(); ++p) {
      const cluster::Running& pod = snapshot.pods[p];
      const cluster::Node& node = snapshot.nodes[pod.node];
      Seat seat;
      for (std::uint32_t g = 0; g < node.gpus.size(); ++g)
        for (const cluster::Slice& slice : node.gpus[g].slices)
          if (slice.pod == p)
            seat.emplace_back(g, slice.form.kind, slice.form.profile, slice.form.replicas,
                              slice.start);
      all[{snapshot.shapes[pod.shape].ns, pod.name}] = {node.name, std::move(seat)};
    }
    return all;
  };
  const auto old_seats = seats(before);
  const auto new_seats = seats(after);
  std::vector<std::string> touched;
  for (const auto& [pod, seat] : old_seats) {
    const auto now = new_seats.find(pod);
    if (now == new_seats.end()) touched.push_back("pod " + pod.second + " is gone");
    else if (now->second != seat)
      touched.push_back("pod " + pod.second + " was on " + seat.first + " and is on " +
                        now->second.first + ", or has other devices");
  }
  return touched;
}

}  // namespace kerf::check
