// Random clusters that stand, for the tests of what is told of them.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "core/cluster/cluster.h"
#include "core/gpu/geometry.h"
#include "core/plan/geometries.h"
#include "core/plan/plan_testing.h"

namespace kerf::plan::testing {

/// Types of every kind: Ampere and later, fractional, without MIG, with one GPU and with eight.
inline const std::vector<std::string>& standing_types() {
  static const std::vector<std::string> types = {"g4dn.xlarge",  "g4dn.12xlarge", "g6.12xlarge",
                                                 "g6f.2xlarge",  "g6f.4xlarge",   "g7e.12xlarge",
                                                 "p4d.24xlarge", "p5.48xlarge",   "p5.4xlarge"};
  return types;
}

inline std::uint32_t type_index(const market::Market& market, const std::string& name) {
  return static_cast<std::uint32_t>(market.type_named(name) - market.types.data());
}

/// The form of that kind, or of that profile, as gpu::forms_of has it.
inline gpu::Form form_of(const gpu::Model& model, std::uint8_t fraction, gpu::FormKind kind,
                         std::uint8_t profile_or_replicas = 0) {
  for (const gpu::Form& form : gpu::forms_of(model, fraction, {})) {
    if (form.kind != kind) continue;
    if (kind == gpu::FormKind::Slice && form.profile != profile_or_replicas) continue;
    if (kind == gpu::FormKind::TimeSliced && form.replicas != profile_or_replicas) continue;
    return form;
  }
  return {};
}

struct StandingOptions {
  bool odd = true;  ///< nodes that are down, cordoned, owned, unpriced; foreign holders
};

/// Nodes with devices, of which pods hold many; requests are those that the devices serve.
class RandomCluster {
 public:
  RandomCluster(std::uint64_t seed, std::size_t nodes, const market::Market& market,
                StandingOptions options = {})
      : chance_(seed), market_(market), options_(options) {
    for (std::size_t n = 0; n < nodes; ++n) add_node(n);
    const std::uint64_t waiting = chance_.below(4);
    for (std::uint64_t i = 0; i < waiting; ++i)
      add_pod(portable(static_cast<std::int32_t>(5 + 5 * chance_.below(3))), 500, cluster::kNone);
  }
  cluster::Cluster take() { return std::move(cluster_); }

 private:
  bool one_in(std::uint64_t n) { return chance_.below(n) == 0; }

  void add_node(std::size_t n) {
    cluster::StandingNode node;
    std::string number = std::to_string(n);
    node.name = "node-" + std::string(4 - std::min<std::size_t>(number.size(), 4), '0') + number;
    node.type = type_index(market_, standing_types()[chance_.below(standing_types().size())]);
    const market::InstanceType& type = market_.types[node.type];
    node.zone = one_in(2) ? "us-east-1a" : "us-east-1b";
    node.list_price = {static_cast<std::int64_t>(500'000 + chance_.below(60'000'000))};
    node.price = node.list_price;
    if (one_in(4)) {
      node.capacity_type = market::CapacityType::Spot;
      node.price = {node.list_price.micro * 3 / 7};
    }
    node.allocatable = market::allocatable(type);
    node.layout = cluster::LayoutFrom::Seen;
    node.gpus.resize(static_cast<std::size_t>(type.gpu_count));
    if (options_.odd) {
      node.ready = !one_in(8);
      node.cordoned = one_in(10);
      node.kept = one_in(6);
      if (one_in(8)) node.layout = cluster::LayoutFrom::Nothing;
      if (one_in(6)) node.owned = true, node.price = {};
      if (one_in(8)) node.unpriced = true, node.price = {}, node.list_price = {};
    }
    cluster_.nodes.push_back(std::move(node));
    if (cluster_.nodes.back().layout != cluster::LayoutFrom::Nothing) fill(n);
  }

  void fill(std::size_t n) {
    cluster::StandingNode& node = cluster_.nodes[n];
    const market::InstanceType& type = market_.types[node.type];
    const gpu::Model& model = market_.model_of(type);
    const bool whole_node = one_in(2);
    const bool cuttable = model.cuttable() && type.gpu_fraction == 1;
    for (cluster::StandingGpu& gpu : node.gpus) {
      const bool cut = cuttable && (gpu::mode_is_the_nodes(model, 1) ? !whole_node : one_in(2));
      if (cut) {
        const auto table = tables_.of(model);
        const auto state = static_cast<gpu::Geometry::State>(chance_.below(table->states()));
        for (const gpu::Placed placed : table->layout(state))
          gpu.slices.push_back(
              {form_of(model, 1, gpu::FormKind::Slice, placed.profile), placed.start});
      } else if (type.gpu_fraction > 1) {
        gpu.slices.push_back({form_of(model, type.gpu_fraction, gpu::FormKind::Fraction)});
      } else if (one_in(3)) {
        const std::uint8_t replicas = one_in(2) ? 3 : 4;
        for (std::uint8_t i = 0; i < replicas; ++i)
          gpu.slices.push_back({form_of(model, 1, gpu::FormKind::TimeSliced, replicas), i});
      } else if (!one_in(6)) {
        gpu.slices.push_back({form_of(model, 1, gpu::FormKind::Whole)});
      }
    }
    hand_out(n, model);
  }

  cluster::GpuRequest request_for(const gpu::Model& model, const gpu::Form& form) {
    if (form.kind == gpu::FormKind::Slice) return slice(model.profiles[form.profile].name);
    if (form.kind == gpu::FormKind::Whole) return whole();
    cluster::GpuRequest request = portable(std::max<std::int32_t>(form.nominal_gb / 2, 1));
    request.isolation = cluster::Isolation::Shared;
    return request;
  }

  void hand_out(std::size_t n, const gpu::Model& model) {
    cluster::StandingNode& node = cluster_.nodes[n];
    std::vector<std::pair<gpu::Form, cluster::StandingSlice*>> free;
    for (cluster::StandingGpu& gpu : node.gpus)
      for (cluster::StandingSlice& slice : gpu.slices) free.emplace_back(slice.form, &slice);
    for (std::size_t i = 0; i < free.size(); ++i) {
      if (!free[i].second->free() || one_in(4)) continue;
      if (options_.odd && one_in(10)) {
        free[i].second->holder = "other/tool-" + std::to_string(i);
        continue;
      }
      cluster::GpuRequest request = request_for(model, free[i].first);
      std::vector<cluster::StandingSlice*> mine = {free[i].second};
      if (free[i].first.kind <= gpu::FormKind::Slice && one_in(5)) {
        for (std::size_t k = i + 1; k < free.size() && mine.size() < 2; ++k)
          if (free[k].first == free[i].first && free[k].second->free())
            mine.push_back(free[k].second);
        request.count = static_cast<std::int64_t>(mine.size());
      }
      const auto cpu = static_cast<std::int64_t>(250 * (1 + chance_.below(2)));
      const std::uint32_t pod = add_pod(request, cpu, static_cast<std::uint32_t>(n));
      for (cluster::StandingSlice* slice : mine) slice->pod = pod;
      node.pods.push_back(pod);
      node.used = node.used + Resources{cpu, 1024, 0, 1};
    }
    if (options_.odd && one_in(3)) {  // something else takes most of a resource
      const Resources left = node.allocatable - node.used;
      Resources other;
      if (one_in(2)) other.cpu_milli = left.cpu_milli - 100;
      else other.memory_mib = left.memory_mib - 100;
      node.used_by_others = max(other, {});
      node.used = node.used + node.used_by_others;
    }
  }

  std::uint32_t add_pod(const cluster::GpuRequest& request, std::int64_t cpu, std::uint32_t node) {
    cluster::PodShape made = shape(request, cpu, 1024);
    cluster::Demand& demand = cluster_.demand;
    made.labels = {{"app", "app-" + std::to_string(demand.intern(made))}};
    const std::uint32_t index = demand.intern(made);
    auto [workload, fresh] =
        workloads_.try_emplace(index, static_cast<std::uint32_t>(demand.workloads.size()));
    if (fresh) {
      cluster::Workload owner;
      owner.kind = "Deployment";
      owner.ns = "default";
      owner.name = "w" + std::to_string(workload->second);
      demand.workloads.push_back(std::move(owner));
    }
    cluster::Workload& owner = demand.workloads[workload->second];
    const auto pod = static_cast<std::uint32_t>(demand.pods.size());
    demand.pods.push_back(
        {owner.name + "-" + std::to_string(owner.pods++), index, workload->second});
    cluster::PodFacts facts;
    facts.node = node;
    if (options_.odd && one_in(5)) facts.fixed = "bare pod";
    cluster_.pods.push_back(std::move(facts));
    return pod;
  }

  Prng chance_;
  const market::Market& market_;
  StandingOptions options_;
  Geometries tables_;
  cluster::Cluster cluster_;
  std::map<std::uint32_t, std::uint32_t> workloads_;  ///< by shape
};

/// What stands, read as a plan: the same nodes, devices and pods.
inline Plan as_plan(const cluster::Cluster& cluster) {
  Plan plan;
  for (std::uint32_t n = 0; n < cluster.nodes.size(); ++n) {
    const cluster::StandingNode& node = cluster.nodes[n];
    NodePlan made;
    made.type = node.type;
    made.capacity_type = node.capacity_type;
    made.zones = {node.zone};
    made.price = node.price;
    made.owned = node.owned;
    made.allocatable = node.allocatable;
    made.pods = node.pods;
    std::map<std::uint32_t, gpu::Devices> held;
    for (const cluster::StandingGpu& gpu : node.gpus) {
      GpuPlan& planned = made.gpus.emplace_back();
      for (const cluster::StandingSlice& slice : gpu.slices) {
        planned.slices.push_back({slice.form, slice.start, slice.pod, false});
        if (slice.pod == cluster::kNone) continue;
        gpu::Devices& devices = held[slice.pod];
        if (devices.empty()) devices.push_back({slice.form, 0});
        ++devices[0].second;
      }
    }
    std::vector<MicroUsdPerHour> costs =
        split(made.price, std::vector<std::int64_t>(made.pods.size(), 1));
    for (std::size_t i = 0; i < made.pods.size(); ++i) {
      const cluster::PodShape& shape =
          cluster.demand.shapes[cluster.demand.pods[made.pods[i]].shape];
      made.used = made.used + shape.requests;
      plan.placements.push_back(
          {made.pods[i], n, held.at(made.pods[i])[0].first, held.at(made.pods[i]), costs[i], {}});
    }
    plan.bill += made.price;
    plan.nodes.push_back(std::move(made));
  }
  std::sort(plan.placements.begin(), plan.placements.end(),
            [](const Placement& a, const Placement& b) { return a.pod < b.pod; });
  return plan;
}

}  // namespace kerf::plan::testing
