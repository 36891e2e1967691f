// Small standing clusters for the tests of core/online: nodes by type, pods by slice.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/prng.h"
#include "core/check/snapshot.h"
#include "core/gpu/geometry.h"
#include "core/online/scarcity.h"
#include "core/online/standing.h"
#include "core/plan/plan_testing.h"

namespace kerf::online::testing {

using plan::testing::portable;
using plan::testing::shape;
using plan::testing::slice;
using plan::testing::whole;

/// An empty node of that type as it stands once it is bought.
inline cluster::Node node_of(const market::Market& market, const cluster::Policy& policy,
                             const std::string& type, const std::string& name,
                             gpu::GpuMode mode = gpu::GpuMode::Any, const std::string& zone = "") {
  plan::NodePlan plan;
  while (market.types.at(plan.type).name != type) ++plan.type;
  const market::InstanceType& instance = market.types[plan.type];
  plan.zones = {zone.empty() ? market.region + "a" : zone};
  plan.allocatable = market::allocatable(instance);
  plan.gpus.resize(static_cast<std::size_t>(instance.gpu_count));
  for (const market::Offering& offering : market.offerings)
    if (offering.type == plan.type && offering.capacity_type == plan.capacity_type)
      plan.price = offering.price;
  cluster::Node node = as_node(plan, market, policy, name);
  if (node.mode != gpu::GpuMode::Any)
    node.mode = mode == gpu::GpuMode::Any ? gpu::GpuMode::Cut : mode;
  return node;
}

/// A market, a policy and what stands in it. Standing points into it, so it stays where it is.
struct Ground {
  market::Market market;
  cluster::Policy policy;
  Standing standing;

  explicit Ground(const std::vector<std::string>& types, cluster::Policy given = {})
      : market(plan::testing::market(types)), policy(std::move(given)), standing(market, policy) {}
  Ground(const Ground&) = delete;
  Ground& operator=(const Ground&) = delete;

  NodeId node(const std::string& type, gpu::GpuMode mode = gpu::GpuMode::Any,
              const std::string& zone = "") {
    const std::string name = "node-" + std::to_string(standing.nodes());
    return standing.add(node_of(market, policy, type, name, mode, zone));
  }

  /// "1g.10gb@3" or "whole" on a GPU of the node.
  DeviceAt device(NodeId node, std::uint32_t gpu, const std::string& text) const {
    const gpu::Model& model = market.model_of(market.types[standing.node(node).type]);
    const std::size_t at = text.find('@');
    for (const gpu::Form& form : gpu::forms_of(model, 1, policy.sharing)) {
      if (at == std::string::npos && form.kind == gpu::FormKind::Whole) return {gpu, form, 0};
      if (form.kind == gpu::FormKind::Slice &&
          model.profiles[form.profile].name == text.substr(0, at))
        return {gpu, form, static_cast<std::uint8_t>(std::stoi(text.substr(at + 1)))};
    }
    ADD_FAILURE() << model.key << " has no " << text;
    return {};
  }

  /// A pod that runs there; its app label is its name up to the last '-'.
  PodId run(const std::string& name, cluster::PodShape pod, NodeId node,
            const std::vector<DeviceAt>& devices) {
    cluster::Running running;
    running.name = name;
    pod.labels.emplace("app", name.substr(0, name.rfind('-')));
    pod.requests.pods = 1;
    running.shape = standing.shape(pod);
    running.node = node;
    EXPECT_TRUE(standing.fits(running.shape, node, devices)) << name;
    return standing.run(running, devices);
  }

  /// The node's GPU as a layout: what is in use and what is free.
  std::string layout(NodeId node, std::uint32_t gpu, bool free) const {
    gpu::Layout layout;
    for (const cluster::Slice& slice : standing.node(node).gpus[gpu].slices)
      if ((slice.state == cluster::SliceState::Free) == free &&
          slice.form.kind == gpu::FormKind::Slice)
        layout.push_back({slice.form.profile, slice.start});
    return gpu::format_layout(market.model_of(market.types[standing.node(node).type]), layout);
  }

  std::vector<std::string> faults() const {
    return check::check_snapshot(standing.snapshot(), market, policy);
  }
};

/// The prices of scarce rooms as they are now, worked out from nothing.
inline void set_prices(Potential& potential, const Standing& standing) {
  Scarcity scarcity(potential, standing.asks().kinds(), standing.asks().asks());
  for (NodeId node = 0; node < standing.nodes(); ++node)
    if (standing.stands(node) && !standing.node(node).closed)
      scarcity.set(node, &standing.room(node));
  scarcity.reprice();
}

}  // namespace kerf::online::testing
