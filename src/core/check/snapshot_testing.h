// A fleet as it stands in a cluster, for the tests of check_snapshot and touched_pods.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/check/fleet_testing.h"
#include "core/check/labels.h"
#include "core/check/snapshot.h"

namespace kerf::check::testing {

using cluster::Slice;
using cluster::SliceState;
using gpu::GpuMode;

/// The fleet with every form, as it stands: each node in zone a, the p4d in MIG mode, one slice
/// free. Nodes and pods are numbered as in the plan; the pod that cannot be placed is left out.
struct Stands {
  Fleet fleet;
  cluster::Snapshot snapshot;

  Stands() {
    const char* const gpus[] = {"h100", "a100", "t4", "t4g", "l4"};
    for (std::size_t i = 0; i < fleet.market.types.size(); ++i)
      fleet.market.types[i].gpu_label = gpus[i];
    const char* const names[] = {"p5", "p4d", "turns", "any", "part"};
    for (const plan::NodePlan& plan : fleet.plan.nodes) {
      cluster::Node node;
      node.name = names[snapshot.nodes.size()];
      node.type = plan.type;
      node.zone = "us-east-1a";
      node.price = plan.price;
      node.allocatable = plan.allocatable;
      node.labels = market::node_labels(fleet.market, fleet.market.types[plan.type], node.zone,
                                        node.capacity_type);
      node.labels[kHostnameLabel] = node.name;
      if (node.name == "p4d") node.mode = GpuMode::Cut;
      for (const plan::GpuPlan& gpu : plan.gpus) {
        node.gpus.emplace_back();
        for (const plan::SlicePlan& slice : gpu.slices) {
          const bool held = slice.pod != plan::kNoPod;
          node.gpus.back().slices.push_back({slice.form, slice.start,
                                             held ? SliceState::Used : SliceState::Free, !held,
                                             held ? slice.pod : cluster::kNone});
        }
      }
      snapshot.nodes.push_back(std::move(node));
    }
    snapshot.shapes = fleet.demand.shapes;
    for (const plan::Placement& placement : fleet.plan.placements) {
      cluster::Running pod;
      pod.name = fleet.demand.pods[placement.pod].name;
      pod.shape = fleet.demand.pods[placement.pod].shape;
      pod.node = placement.node;
      snapshot.pods.push_back(std::move(pod));
    }
  }

  cluster::Node& p5() { return snapshot.nodes[0]; }
  cluster::Node& p4d() { return snapshot.nodes[1]; }
  cluster::Node& turns() { return snapshot.nodes[2]; }
  cluster::Node& any() { return snapshot.nodes[3]; }
  cluster::Node& part() { return snapshot.nodes[4]; }
  Slice& small() { return p4d().gpus[1].slices[0]; }  ///< 1g.5gb@0 of pod small-0
  Slice& ten() { return p4d().gpus[1].slices[1]; }    ///< 2g.10gb@2 of pod ten-0
  Slice& video() { return p5().gpus[1].slices[0]; }   ///< 1g.10gb+me@0 of pod video-0
  Slice& free() { return p5().gpus[1].slices[1]; }    ///< 1g.10gb@1 of nobody
  cluster::PodShape& shape(std::uint32_t pod) { return snapshot.shapes[snapshot.pods[pod].shape]; }
  /// Another one like this pod, without devices.
  std::uint32_t again(std::uint32_t pod, const std::string& name) {
    snapshot.pods.push_back(snapshot.pods[pod]);
    snapshot.pods.back().name = name;
    return static_cast<std::uint32_t>(snapshot.pods.size() - 1);
  }

  std::vector<std::string> complaints() const {
    return check_snapshot(snapshot, fleet.market, fleet.policy);
  }
};

using StandingBreaches = std::vector<Breach<Stands>>;

inline void expect_holds(const std::string& what, const std::function<void(Stands&)>& change) {
  Stands stands;
  change(stands);
  EXPECT_EQ(listed(stands.complaints()), "no complaint") << what;
}

}  // namespace kerf::check::testing
