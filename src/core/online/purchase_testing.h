// Random pending pods with constraints, and a purchase as a plan that the checker can judge.
#pragma once

#include <numeric>
#include <string>
#include <vector>

#include "base/prng.h"
#include "core/online/purchase.h"
#include "core/plan/account.h"
#include "core/plan/plan_testing.h"
#include "core/plan/problem.h"

namespace kerf::online::testing {

inline std::vector<std::uint32_t> all_pods(const cluster::Demand& demand) {
  std::vector<std::uint32_t> pods(demand.pods.size());
  std::iota(pods.begin(), pods.end(), 0);
  return pods;
}

inline cluster::PodSelector own_app(const std::string& app) {
  cluster::PodSelector selector;
  selector.namespaces = {"default"};
  selector.labels = {{"app", cluster::Operator::In, {app}}};
  return selector;
}

/// Gives a shape of that app one constraint, or none.
inline void constrain(Prng& prng, const std::string& app, cluster::PodShape& shape) {
  const char* const host = "kubernetes.io/hostname";
  const char* const zone = "topology.kubernetes.io/zone";
  switch (prng.below(10)) {
    case 0: shape.host_ports = {{8080, "TCP", ""}}; break;
    case 1: shape.anti_affinity = {{own_app(app), host}}; break;
    case 2: shape.affinity = {{own_app(app), host}}; break;
    case 3: shape.spread = {{1, 1, zone, own_app(app)}}; break;
    case 4: shape.spread = {{2, 1, host, own_app(app)}}; break;
    case 5: shape.node_selector = {{zone, cluster::Operator::In, {"us-east-1b"}}}; break;
    case 6:
      shape.node_selector = {
          {"karpenter.k8s.aws/instance-family", cluster::Operator::NotIn, {"g4dn", "g6f"}}};
      break;
    default: break;
  }
}

/// Workloads of 1 to `most` pods as plan::testing::add_random makes them, many with constraints, of
/// priority 0, 10 or 20.
inline void add_constrained(Prng& prng, int kinds, std::uint64_t most, cluster::Demand& demand) {
  cluster::Demand plain;
  plan::testing::add_random(prng, kinds, most, plain);
  std::size_t pod = 0;
  for (const cluster::Workload& workload : plain.workloads) {
    cluster::PodShape shape = plain.shapes[plain.pods[pod].shape];
    pod += static_cast<std::size_t>(workload.pods);
    constrain(prng, workload.name, shape);
    shape.priority = static_cast<std::int32_t>(10 * prng.below(3));
    plan::testing::add(demand, workload.name, workload.pods, shape);
  }
}

/// All that a plan has beside nodes and unplaced pods, for check::check_plan. The purchase must be
/// for all pods of the demand.
inline plan::Plan as_plan(const Purchase& purchase, const cluster::Demand& demand,
                          const market::Market& market, const cluster::Policy& policy) {
  plan::Plan plan;
  plan.nodes = purchase.nodes;
  plan.unplaced = purchase.unplaced;
  std::vector<std::uint32_t> bought;
  for (const plan::NodePlan& node : purchase.nodes)
    bought.insert(bought.end(), node.pods.begin(), node.pods.end());
  std::sort(bought.begin(), bought.end());
  const plan::Problem problem =
      plan::compile(demand, bought, market, policy, plan::Coupled::AsPlanned);
  plan::Geometries tables;
  plan::account(problem, demand, market, tables, plan);
  plan.bound.method = "none";
  return plan;
}

}  // namespace kerf::online::testing
