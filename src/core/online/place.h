// Placer: where pending pods go: free slices, the least harmful re-cut, or a purchase for the rest.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "core/cluster/demand.h"
#include "core/online/potential.h"
#include "core/online/purchase.h"
#include "core/online/ranking.h"
#include "core/online/scarcity.h"
#include "core/online/standing.h"

namespace kerf::online {

/// How decisions of different kinds are put on one scale, in dollars.
struct PlaceOptions {
  /// How long a placement counts: harm is a rate, a re-cut is paid once.
  std::int64_t minutes = 60;
  /// What re-cutting one GPU costs, in micro-dollars: its room and a pod wait for some seconds.
  std::int64_t cut_micro_usd = 10'000;
  /// Other nodes that a decision names beside the one chosen.
  std::size_t others = 2;
  /// Work that a purchase may cost (purchase.h).
  std::int64_t buy_steps = 2000;
};

/// One place for one pod and what it costs.
struct Place {
  NodeId node = 0;
  std::vector<DeviceAt> devices;
  std::vector<Cut> cuts;       ///< empty: free slices do
  MicroUsdPerHour harm;        ///< what the room on the node is worth less afterwards
  std::int64_t micro_usd = 0;  ///< harm over PlaceOptions::minutes, and the cuts
};

/// Where a pending pod goes.
struct Placed {
  std::uint32_t pod = 0;  ///< index in the demand given
  PodId as = 0;           ///< what it is in Standing from now on
  Place place;
  std::vector<Place> others;  ///< what else was possible, best first, at most PlaceOptions::others
  MicroUsdPerHour buying;  ///< what its like cost where they are bought for; 0 = nothing serves it
};

struct Decision {
  std::vector<Placed> placed;  ///< in the order in which they were decided
  Purchase purchase;           ///< for the pods that fit nowhere, together; indices as given
};

/// Assumptions: what stands is paid for, so a pod that fits goes there, whatever it harms; nothing
/// that runs is moved (consolidate.h does that). A node bought may be standing (Standing::add) long
/// before it is ready: its room counts.
///
/// Rules. Each pod, the most important first (priority, then what its like cost to buy, then name),
/// goes to the place of least cost: harm, which is what the room of the node is worth less to the
/// demand expected next (potential.h), plus re-cuts (of a pod with several devices: those of one of
/// the ways that leave the same rooms, not of all). Ties: lower node, then the order of
/// Potential::fits. Constraints between pods are judged node by node in that order (company.h).
/// Pods that need each other on one node are placed together or bought for together: nodes in the
/// order of what is best for the dearest of them, and there the first way found in which all of
/// them fit, larger devices first, each at its places in order of cost. What fits nowhere is bought
/// for together (purchase.h), with zones that spread and affinity leave open, the cheapest of them.
///
/// Bound: the search for such a way goes back kTogetherSteps times at most for each group; then the
/// remaining nodes are tried without going back, so that a group that fits may be bought for.
///
/// Cost: a pod is decided without a look at nodes that did not change since a pod of the same ask
/// was (ranking.h). A change of the expectation changes everything, and where rooms for an expected
/// ask become scarce, the nodes that have them change too (scarcity.h).
class Placer final : private Scorer {
 public:
  static constexpr std::int64_t kTogetherSteps = 5000;

  /// `standing` outlives this, and take_changes() is left to it.
  Placer(Standing& standing, Expectation expectation, PlaceOptions options = {},
         Potential::Options potential = {});

  /// Demand expected next, from now on.
  void expect(Expectation expectation);

  /// The best place on what stands for a pod of this shape; nullopt if it fits nowhere.
  std::optional<Place> find(ShapeId shape);
  /// All places, one for each node that has room, best first, until `each` says stop (true).
  void for_each_place(ShapeId shape, const std::function<bool(const Place&)>& each);

  /// Decides for pods of `demand` (indices), all of them pending. Those placed run in `standing`
  /// afterwards; nodes bought are not there yet.
  Decision decide(const cluster::Demand& demand, const std::vector<std::uint32_t>& pods);

  /// How often a node was scored.
  std::uint64_t scored() const { return ranking_.scored(); }

 private:
  std::optional<std::int64_t> score(AskId ask, NodeIndex node) override;
  std::optional<Place> best_on(AskId ask, NodeId node);
  Place place_of(NodeId node, const Potential::Scored& scored) const;
  /// The devices of a fit, on those of like GPUs where least has to be cut.
  std::vector<DeviceAt> devices_of(NodeId node, const Fit& fit) const;
  std::int64_t cost(std::int64_t harm, std::size_t cuts) const;
  bool takes_pods(NodeId node) const;
  /// The node may be worth another sum now.
  void look_at(NodeId node);
  /// Takes in what changed in `standing_`.
  void catch_up();
  Placed run(const cluster::Demand& demand, std::uint32_t pod, std::vector<Place> places);
  bool settle(const cluster::Demand& demand, std::uint32_t pod, std::vector<Placed>& placed);
  class Together;
  /// All of them on one node, or none (place_together.cc).
  bool settle_together(const cluster::Demand& demand, const std::vector<std::uint32_t>& pods,
                       std::vector<Placed>& placed);

  Standing& standing_;
  PlaceOptions options_;
  Potential potential_;
  Scarcity scarcity_;
  Ranking ranking_;
  NodeId ranked_ = 0;  ///< nodes that ranking_ knows of
};

}  // namespace kerf::online
