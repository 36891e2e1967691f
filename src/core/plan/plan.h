// Plan: which nodes, cut how, with which pod where, at what cost, and how far from the cheapest.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/money.h"
#include "base/resources.h"
#include "core/cluster/demand.h"
#include "core/cluster/policy.h"
#include "core/gpu/form.h"
#include "core/market/market.h"
#include "core/plan/certificate.h"
#include "core/plan/reason.h"

namespace kerf::plan {

inline constexpr std::uint32_t kNoPod = 0xffffffff;

/// One device that a pod can hold: a MIG slice, the whole GPU, a fraction or a replica.
struct SlicePlan {
  gpu::Form form;
  std::uint8_t start = 0;      ///< Slice: first slot. Replicas: 0, 1, ... Else 0.
  std::uint32_t pod = kNoPod;  ///< index in Demand::pods; kNoPod = free, or headroom (below)
  bool headroom = false;       ///< kept free on purpose
};

/// One GPU of a node. All forms of a GPU are of one kind; slices are disjoint and legal together.
struct GpuPlan {
  std::vector<SlicePlan> slices;  ///< by start; empty: the GPU stands idle
};

/// One node to buy.
struct NodePlan {
  std::uint32_t type = 0;  ///< index in Market::types
  market::CapacityType capacity_type = market::CapacityType::OnDemand;
  std::vector<std::string> zones;  ///< any of these; empty = any zone of the region
  MicroUsdPerHour price;
  std::vector<GpuPlan> gpus;        ///< exactly InstanceType::gpu_count
  std::vector<std::uint32_t> pods;  ///< ascending indices in Demand::pods
  Resources used;                   ///< sum of the pods' requests (headroom too)
  Resources allocatable;
  /// Labels beyond the well-known ones that its pods select by: the node must carry them.
  std::vector<std::pair<std::string, std::string>> labels;
  /// A node that is owned (market::Offering::count, price 0): used, not bought.
  bool owned = false;
  /// The node that stands and is this one; empty = none does, or none was looked for.
  std::string name = {};
};

/// Why a pod is where it is.
struct Placement {
  std::uint32_t pod = 0;
  std::uint32_t node = 0;
  gpu::Form form;        ///< of its (first) device
  gpu::Devices devices;  ///< all of them, by form; empty = one of `form`
  MicroUsdPerHour cost;  ///< its part of the node's price; the parts add up to the price
  Reason reason;
};

struct Unplaced {
  std::uint32_t pod = 0;
  Reason reason;
};

/// A plan for an empty cluster buys, and keeps the owned nodes that it uses; the other kinds are
/// for standing nodes.
enum class ActionKind : std::uint8_t { Keep, Cut, Move, Buy, Return };
std::string_view to_string(ActionKind kind);
struct Action {
  ActionKind kind = ActionKind::Buy;
  std::int64_t count = 1;  ///< like nodes together
  std::uint32_t type = 0;  ///< Market::types
  market::CapacityType capacity_type = market::CapacityType::OnDemand;
  std::vector<std::uint32_t> nodes;  ///< Plan::nodes
  MicroUsdPerHour per_hour;          ///< change of the bill by the whole action
};

/// A proven lower bound on the bill of any fleet that serves exactly the pods placed.
struct Bound {
  MicroUsdPerHour per_hour;
  std::string method;                ///< "exact", "aggregated-lp", "column-generation",
                                     ///< "integer-nodes", "none"
  bool optimal = false;              ///< the plan's bill equals the least possible
  std::vector<std::string> relaxed;  ///< constraints that the bound leaves out
  std::int64_t search_nodes = 0;     ///< branch and bound steps spent
  /// Rule that the fleets in question obey beside the constraints; empty = none.
  std::string given = {};
};

/// The same demand served another way, by the same rules.
struct Baseline {
  /// "whole-gpu", "whole-gpu-best-types", "static-mig"; "time-slicing" where some request may be a
  /// time-sliced replica; "whole-gpu-same-model" in the plan of a cluster.
  std::string name;
  MicroUsdPerHour per_hour;
  std::int64_t nodes = 0;
  std::vector<std::uint32_t> unplaced;        ///< pods that this way cannot serve, ascending
  std::vector<MicroUsdPerHour> per_workload;  ///< by Demand::workloads; adds up to per_hour
  MicroUsdPerHour transient_part;             ///< as Plan::transient_part
  std::int64_t month_micro_usd = 0;           ///< as Plan::month_micro_usd
  std::vector<std::int64_t> months;           ///< by workload, as WorkloadCost::month_micro_usd
  std::vector<std::pair<std::string, std::int64_t>> fleet;  ///< type name, nodes; by name
};

/// One lever's part of what a plan saves against whole GPUs as Karpenter packs them, on demand and
/// with nothing owned. The parts of all levers add up to that saving, to the micro-dollar.
struct Lever {
  /// In this order, those that there are: "types" (whole GPUs, their types chosen as well as the
  /// planner can), "slicing" (the pods' own requests), "spot", "reserved" (what the policy may buy
  /// beyond on-demand capacity), "owned" (nodes that are owned).
  std::string name;
  MicroUsdPerHour before;  ///< the bill without this lever and all later ones
  MicroUsdPerHour after;   ///< the bill with it; before - after is its part, and may be negative
  /// Both bills serve the same pods. Where false, the part says nothing.
  bool comparable = true;
};

/// What is bought and not used, in dollars of the hour, by what keeps it from being used.
struct Utilisation {
  std::int64_t gpus = 0;
  double gpu_memory = 0;  ///< part of the GPU memory slots bought that pods hold, 0..1
  double cpu = 0;         ///< part of allocatable that pods ask for
  double memory = 0;
  MicroUsdPerHour idle;               ///< price share of GPU room that no pod holds
  MicroUsdPerHour stranded_geometry;  ///< of it: no legal start or slice size is left for it
  MicroUsdPerHour stranded_cpu;       ///< of it: the node's CPU is used up
  MicroUsdPerHour stranded_memory;    ///< of it: the node's memory (or disk, or pod count) is
  MicroUsdPerHour free;               ///< of it: could still be used
};

/// How one workload fares, for the table that people read.
struct WorkloadCost {
  MicroUsdPerHour per_hour;          ///< its pods' parts of the node prices while all of them run
  std::int64_t month_micro_usd = 0;  ///< its part of the month; core/plan/month.h has the rules
  std::int64_t placed = 0;
  /// Forms given, most frequent first: "1g.10gb A100-80" (gpu::full_name) and how many pods.
  std::vector<std::pair<std::string, std::int64_t>> forms;
};

/// What two fleets would cost, one for what is always on and one for Jobs.
struct JobsApart {
  MicroUsdPerHour always_on;
  MicroUsdPerHour jobs;  ///< while all of them run
};

struct Plan {
  std::vector<NodePlan> nodes;        ///< ordered by price (dearest first), type name, content
  std::vector<Placement> placements;  ///< by pod
  std::vector<Unplaced> unplaced;     ///< by pod
  std::vector<Action> actions;
  MicroUsdPerHour bill;  ///< sum of node prices
  /// Price of the nodes that only Jobs and CronJobs hold: paid only while these run.
  MicroUsdPerHour transient_part;
  std::int64_t month_micro_usd = 0;  ///< micro-dollars; rules: core/plan/month.h
  Bound bound;
  /// Where it was asked for (PlanOptions::certificate): the proof of the bound, or of the part of
  /// it that can be written down.
  std::optional<Certificate> certificate;
  std::vector<Baseline> baselines;
  std::vector<Lever> levers;  ///< where asked for (PlanOptions::levers)
  /// Set where Jobs share nodes with pods that are always on: the other way, for comparison.
  std::optional<JobsApart> jobs_apart;
  Utilisation utilisation;
  std::vector<WorkloadCost> workloads;  ///< by Demand::workloads
  std::vector<std::string> notes;       ///< assumptions made while planning
  std::int64_t classes = 0;             ///< kinds of pods that the planner told apart
};

/// (bill - bound) / bound in percent, 0 if the bound is optimal; infinity if the bound is 0.
double gap_percent(const Plan& plan);

/// Hours a month of the longest Job that is placed, 0 if none is; nullopt where some Job's hours
/// are not given.
std::optional<double> longest_job(const Plan& plan, const cluster::Demand& demand);

/// Placement::devices, or one of its form.
gpu::Devices devices_of(const Placement& placement);

}  // namespace kerf::plan
