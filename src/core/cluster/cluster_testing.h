// Hand-made clusters for tests: nodes with devices, pods that hold them, pods that wait.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "core/cluster/cluster.h"
#include "core/market/market.h"

namespace kerf::cluster::testing {

inline GpuRequest whole(std::int64_t count = 1) {
  GpuRequest request;
  request.count = count;
  return request;
}
inline GpuRequest slice(const std::string& profile) {
  GpuRequest request;
  request.kind = GpuRequestKind::Slice;
  request.profile = profile;
  return request;
}
inline GpuRequest portable(std::int32_t gib, Isolation isolation = Isolation::Enforced) {
  GpuRequest request;
  request.kind = GpuRequestKind::Portable;
  request.gib = gib;
  request.isolation = isolation;
  return request;
}

/// A cluster that grows. The market is given in, so that this header needs no codec.
struct Town {
  market::Market market;
  Cluster cluster;

  explicit Town(market::Market of) : market(std::move(of)) { cluster.source = "a test"; }

  /// A node whose GPUs are all free as `form` (a profile's name or "whole").
  std::uint32_t node(const std::string& type, const std::string& form = "whole") {
    StandingNode node;
    const market::InstanceType* found = market.type_named(type);
    KERF_ASSERT(found != nullptr, "the type is shipped");
    node.name = "node-" + std::to_string(cluster.nodes.size());
    node.type = static_cast<std::uint32_t>(found - market.types.data());
    node.zone = "us-east-1a";
    for (const market::Offering& one : market.offerings)
      if (one.type == node.type && one.capacity_type == market::CapacityType::OnDemand &&
          !one.count)
        node.price = node.list_price = one.price;
    node.allocatable = market::allocatable(*found);
    node.layout = LayoutFrom::Counted;
    node.labels = market::node_labels(market, *found, node.zone, node.capacity_type);
    const gpu::Model& model = market.model_of(*found);
    for (int g = 0; g < found->gpu_count; ++g) {
      StandingGpu gpu;
      for (const gpu::Form& one : gpu::forms_of(model, found->gpu_fraction, {}))
        if (form == "whole"
                ? one.by_nature()
                : one.kind == gpu::FormKind::Slice && model.profiles[one.profile].name == form)
          for (std::size_t s = 0;
               s < (form == "whole" ? 1 : model.profiles[one.profile].starts.size()); ++s)
            gpu.slices.push_back(
                {one, form == "whole" ? std::uint8_t{0} : model.profiles[one.profile].starts[s]});
      node.gpus.push_back(std::move(gpu));
    }
    cluster.nodes.push_back(std::move(node));
    return static_cast<std::uint32_t>(cluster.nodes.size() - 1);
  }

  /// A workload of like pods; returns its index.
  std::uint32_t workload(const std::string& name, const GpuRequest& asks,
                         const std::string& ns = "team") {
    PodShape shape;
    shape.ns = ns;
    shape.labels = {{"app", name}};
    shape.requests = {1000, 4096, 0, 1};
    shape.gpu = {asks};
    shapes_.push_back(shape);
    Workload entry;
    entry.kind = "Deployment";
    entry.ns = ns;
    entry.name = name;
    entry.asks = describe(shape.gpu);
    cluster.demand.workloads.push_back(entry);
    return static_cast<std::uint32_t>(cluster.demand.workloads.size() - 1);
  }
  PodShape& shape(std::uint32_t workload) { return shapes_.at(workload); }

  /// A pod that runs on the first free devices of the node, or waits.
  std::uint32_t pod(std::uint32_t workload, std::uint32_t node = kNone) {
    const auto index = static_cast<std::uint32_t>(cluster.demand.pods.size());
    Workload& entry = cluster.demand.workloads.at(workload);
    cluster.demand.pods.push_back({entry.name + "-" + std::to_string(entry.pods++),
                                   cluster.demand.intern(shapes_.at(workload)), workload});
    PodFacts facts;
    facts.node = node;
    cluster.pods.push_back(facts);
    if (node == kNone) return index;
    StandingNode& on = cluster.nodes.at(node);
    on.pods.push_back(index);
    on.used = on.used + shapes_[workload].requests;
    std::int64_t wanted = shapes_[workload].gpu.front().count;
    for (StandingGpu& gpu : on.gpus)
      for (StandingSlice& slice : gpu.slices)
        if (wanted > 0 && slice.free()) {
          slice.pod = index;
          --wanted;
        }
    KERF_ASSERT(wanted == 0, "the node has the devices");
    return index;
  }

 private:
  std::vector<PodShape> shapes_;  ///< by workload
};

}  // namespace kerf::cluster::testing
