// World: one simulated cluster: everything around Kerf's two minds, and the minds.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sim/api_server.h"
#include "sim/controller_host.h"
#include "sim/evictions.h"
#include "sim/karpenter.h"
#include "sim/kubelet_nodes.h"
#include "sim/prices.h"
#include "sim/scheduler.h"
#include "sim/workloads.h"

namespace kerf::sim {

/// What there is at the start, and how everything behaves. Plain data.
struct WorldSpec {
  std::uint64_t seed = 1;
  Instant start = 0;  ///< of the clock; 0 is a Thursday, 00:00 UTC
  std::shared_ptr<const market::Market> market;
  PriceOptions prices;
  std::vector<control::SlicePolicy> policies;
  std::vector<control::NodeClass> node_classes;
  std::vector<control::PriorityClass> priorities;
  std::vector<BudgetSpec> budgets;
  std::vector<WorkloadSpec> workloads;

  ControllerHostOptions controller;
  KarpenterOptions karpenter;
  MachineOptions machines;
  SchedulerOptions scheduler;
  WorkloadOptions controllers;
  NodeMonitorOptions nodes;
};

/// A run repeats exactly: the same spec, the same hash at the same time, in every build.
class World {
 public:
  explicit World(WorldSpec spec);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  void run_until(Instant time) { clock_.run_until(time); }
  /// One callback; false: nothing waits.
  bool step() { return clock_.step(); }

  const WorldSpec& spec() const { return spec_; }
  Clock& clock() { return clock_; }
  Instant now() const { return clock_.now(); }
  ApiServer& api() { return api_; }
  Prices& prices() { return prices_; }
  ControllerLease& lease() { return lease_; }
  Scheduler& scheduler() { return scheduler_; }
  Workloads& workloads() { return workloads_; }
  Evictions& evictions() { return evictions_; }
  Karpenter& karpenter() { return karpenter_; }
  ControllerHost& controller() { return controller_; }

  /// Of all objects, machines, minds and chance.
  std::uint64_t hash() const;

 private:
  WorldSpec spec_;
  Clock clock_;
  ApiServer api_;
  Prices prices_;
  ControllerLease lease_;
  NodeMonitor nodes_;
  Scheduler scheduler_;
  Workloads workloads_;
  Evictions evictions_;
  Karpenter karpenter_;
  ControllerHost controller_;
};

}  // namespace kerf::sim
