// Problem: demand, market and policy compiled into classes of like items and machines to buy.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/money.h"
#include "base/resources.h"
#include "core/cluster/demand.h"
#include "core/cluster/policy.h"
#include "core/market/market.h"
#include "core/plan/admission.h"
#include "core/plan/geometries.h"
#include "core/plan/gpu_kind.h"
#include "core/plan/plan.h"

namespace kerf::plan {

/// Items that every part of the planner may exchange for one another: the same requests, the same
/// machines with the same forms, the same company. An item is one pod, or several that must share a
/// node (required pod affinity on the hostname).
struct ItemClass {
  Resources need;                     ///< of one item
  std::int64_t demand = 0;            ///< items
  std::uint32_t bundle = 1;           ///< pods per item
  std::vector<std::uint32_t> pods;    ///< demand * bundle indices; kNoPod = headroom
  std::vector<std::uint32_t> shapes;  ///< of the pods of one item, bundle entries
  std::int32_t per_node = std::numeric_limits<std::int32_t>::max();  ///< most items on one node
  LabelNeeds labels;  ///< labels that a node must be given for it
  bool headroom = false;
};

/// A way to hold one item of a class on a machine.
struct Candidate {
  std::uint32_t cls = 0;
  UnitCounts units;
};

/// Something to buy: offerings that differ for no class (zones of one price) are one machine.
struct Machine {
  std::uint32_t type = 0;
  market::CapacityType capacity_type = market::CapacityType::OnDemand;
  std::vector<std::string> zones;  ///< empty = any zone of the region
  MicroUsdPerHour price;
  Resources allocatable;
  std::uint16_t kind = 0;  ///< index in Problem::kinds
  std::int32_t gpus = 0;
  std::int64_t at_most = -1;  ///< nodes that can be had; -1 = any number
  /// Index in Problem::stocks; -1 = any number. Machines of one stock share its nodes: an owned
  /// type that can be cut or left whole is two machines and one stock.
  std::int32_t stock = -1;
  /// Not to be had: stands in for nodes that are missing where only limited machines serve a class,
  /// at a price above all others, so that every search can go on. A fleet that has one does not
  /// serve its pods; a bound that counts it is a bound all the same.
  bool missing = false;
  std::vector<Candidate> candidates;  ///< by class, then units
  /// Offers that were dropped because this one is as good in everything: no cheaper, no larger.
  struct Beaten {
    std::uint32_t type = 0;
    market::CapacityType capacity_type = market::CapacityType::OnDemand;
    std::vector<std::string> zones;
    MicroUsdPerHour price;
  };
  std::vector<Beaten> beaten;
};

struct Problem {
  std::vector<ItemClass> classes;
  std::vector<Machine> machines;
  std::vector<std::unique_ptr<GpuKind>> kinds;
  std::vector<std::int64_t> stocks;  ///< nodes that there are; Machine::at_most says the same
  std::int64_t limit_gpus = -1;      ///< GPUs that all nodes together may have; -1 = any number
  std::vector<Unplaced> unplaced;    ///< found impossible while compiling
  bool truncated = false;   ///< ways to serve somebody were left out: nothing can be proven
  bool restricted = false;  ///< zones or company were chosen here: a bound needs Coupled::ForBound
  bool company_chosen = false;       ///< Coupled::Gathered may be another problem
  std::vector<std::string> relaxed;  ///< in words: what a bound then leaves out
  std::vector<std::string> notes;

  /// May items of these classes share a node?
  bool may_share(std::uint32_t a, std::uint32_t b) const {
    return conflicts.empty() || !conflicts[a * classes.size() + b];
  }
  bool has_conflicts() const { return !conflicts.empty(); }
  std::vector<bool> conflicts;  ///< classes x classes, symmetric; empty = none anywhere
};

/// Which constraints between pods count. AsPlanned: zones are chosen and company is bundled, which
/// is sufficient but may be stricter than Kubernetes. ForBound: only what every fleet must obey.
/// Gathered: as planned, with all followers beside one leader and zones where the most pods are.
/// Unbundled: of ForBound, what a certificate tells; pods that must share a node are items of their
/// own.
enum class Coupled : std::uint8_t { AsPlanned, Gathered, ForBound, Unbundled };

/// Compiles. `pods` are the indices in Demand::pods to plan; headroom of the policy is added as
/// items without pods. Cost: linear in pods plus (distinct constraints x offerings), and for each
/// model of GPU that is not in `tables` yet some milliseconds. Whoever compiles often keeps the
/// tables (null: nothing is kept); the problem holds nothing of them and is the same with any.
Problem compile(const cluster::Demand& demand, const std::vector<std::uint32_t>& pods,
                const market::Market& market, const cluster::Policy& policy, Coupled coupled,
                Geometries* tables = nullptr);

}  // namespace kerf::plan
