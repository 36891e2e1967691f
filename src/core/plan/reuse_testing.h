// What must hold of every plan that was put onto a cluster, said without reuse().
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "core/plan/reuse.h"

namespace kerf::plan::testing {

/// What the devices of a node's GPUs come to, whatever their order.
inline std::multiset<std::vector<std::tuple<gpu::FormKind, int, int>>> contents(
    const NodePlan& node) {
  std::multiset<std::vector<std::tuple<gpu::FormKind, int, int>>> all;
  for (const GpuPlan& gpu : node.gpus) {
    std::vector<std::tuple<gpu::FormKind, int, int>> forms;
    for (const SlicePlan& slice : gpu.slices)
      forms.emplace_back(slice.form.kind, slice.form.profile, slice.form.replicas);
    std::sort(forms.begin(), forms.end());
    all.insert(std::move(forms));
  }
  return all;
}

/// What reuse() must leave as it was, and what must agree with what it says.
inline void expect_same_plan(const cluster::Cluster& cluster, const Plan& before, const Plan& after,
                             const Reuse& reuse) {
  const cluster::Demand& demand = cluster.demand;
  ASSERT_EQ(before.nodes.size(), after.nodes.size());
  EXPECT_EQ(before.bill, after.bill);
  EXPECT_EQ(before.unplaced.size(), after.unplaced.size());
  std::vector<std::multiset<std::uint32_t>> shapes_before(before.nodes.size()),
      shapes_after(before.nodes.size());
  std::vector<std::int64_t> cost(before.nodes.size(), 0);
  for (const Placement& p : before.placements) {
    shapes_before[p.node].insert(demand.pods[p.pod].shape);
    cost[p.node] += p.cost.micro;
  }
  for (const Placement& p : after.placements) {
    shapes_after[p.node].insert(demand.pods[p.pod].shape);
    cost[p.node] -= p.cost.micro;
    EXPECT_TRUE(std::binary_search(after.nodes[p.node].pods.begin(), after.nodes[p.node].pods.end(),
                                   p.pod));
  }
  std::set<std::uint32_t> used;
  for (std::size_t n = 0; n < after.nodes.size(); ++n) {
    EXPECT_EQ(contents(before.nodes[n]), contents(after.nodes[n]));
    EXPECT_EQ(shapes_before[n], shapes_after[n]);
    EXPECT_EQ(cost[n], 0);
    EXPECT_EQ(before.nodes[n].used, after.nodes[n].used);
    std::set<std::uint32_t> holders;
    for (const GpuPlan& gpu : after.nodes[n].gpus)
      for (const SlicePlan& slice : gpu.slices)
        if (slice.pod != kNoPod) holders.insert(slice.pod);
    EXPECT_EQ(std::vector<std::uint32_t>(holders.begin(), holders.end()), after.nodes[n].pods);
    const std::uint32_t s = reuse.standing[n];
    EXPECT_EQ(after.nodes[n].name, s == cluster::kNone ? "" : cluster.nodes[s].name);
    if (s != cluster::kNone) {
      EXPECT_TRUE(used.insert(s).second) << "a node stands for one";
    }
  }
  EXPECT_EQ(used.size() + reuse.returned.size(), cluster.nodes.size());
}

/// By pod: standing node, GPU, start and form of each device.
using DevicesHeld = std::set<std::tuple<std::uint32_t, std::size_t, int, gpu::FormKind, int, int>>;

/// Says without reuse() which running pods keep their devices, and compares.
inline void expect_stays(const cluster::Cluster& cluster, const Plan& after, const Reuse& reuse) {
  std::map<std::uint32_t, DevicesHeld> now, then;
  const auto note = [](std::map<std::uint32_t, DevicesHeld>& all, std::uint32_t node,
                       std::size_t gpu, const auto& slice) {
    if (slice.pod != cluster::kNone)
      all[slice.pod].emplace(node, gpu, slice.start, slice.form.kind, slice.form.profile,
                             slice.form.replicas);
  };
  for (std::uint32_t n = 0; n < cluster.nodes.size(); ++n)
    for (std::size_t g = 0; g < cluster.nodes[n].gpus.size(); ++g)
      for (const auto& slice : cluster.nodes[n].gpus[g].slices) note(now, n, g, slice);
  for (std::uint32_t n = 0; n < after.nodes.size(); ++n)
    for (std::size_t g = 0; g < after.nodes[n].gpus.size(); ++g)
      for (const auto& slice : after.nodes[n].gpus[g].slices)
        note(then, reuse.standing[n], g, slice);
  std::vector<std::uint32_t> moved;
  std::int64_t stay = 0, fixed = 0;
  for (std::uint32_t pod = 0; pod < cluster.pods.size(); ++pod) {
    if (cluster.pods[pod].node == cluster::kNone) continue;
    const auto a = now.find(pod), b = then.find(pod);
    if (a != now.end() && b != then.end() && a->second == b->second) {
      ++stay;
      continue;
    }
    moved.push_back(pod);
    fixed += cluster.pods[pod].fixed.empty() ? 0 : 1;
  }
  std::vector<std::uint32_t> said;
  for (const PodMove& move : reuse.moves) {
    said.push_back(move.pod);
    EXPECT_EQ(move.from, cluster.pods[move.pod].node);
    if (move.to != cluster::kNone) {
      const std::vector<std::uint32_t>& pods = after.nodes[move.to].pods;
      EXPECT_TRUE(std::binary_search(pods.begin(), pods.end(), move.pod));
    }
  }
  EXPECT_EQ(said, moved);
  EXPECT_EQ(reuse.stay, stay);
  EXPECT_EQ(reuse.fixed, fixed);
}

}  // namespace kerf::plan::testing
