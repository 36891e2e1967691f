// Spread over zones: what each constraint counts in each zone, at least and at most.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/cluster/demand.h"
#include "core/plan/coupling_nodes.h"

namespace kerf::plan {

/// Pods get their zones one after the other; a constraint counts those that its selector matches
/// and that are on nodes which its own pod's node selector and affinity admit (nodeAffinityPolicy:
/// Honor). Where that depends on nodes not chosen yet, both readings have to hold. A constraint
/// holds for pods that come later too, so that it holds in whatever order they are created.
class SpreadTally {
 public:
  explicit SpreadTally(const cluster::Demand& demand) : demand_(demand) {}

  /// The zone spread constraints of the shape, judged over these zones.
  void add_carrier(std::uint32_t shape, const std::vector<std::string>& counted);
  /// May one more pod of the shape come to the zone?
  bool allows(std::uint32_t shape, const std::string& zone);
  void place(std::uint32_t shape, const std::string& zone);
  /// Pods there that the shape's own constraints may count.
  std::int64_t crowd(std::uint32_t shape, const std::string& zone) const;

 private:
  struct Term {
    std::uint32_t carrier = 0;
    const cluster::SpreadConstraint* spread = nullptr;
    std::vector<std::string> counted;
    std::map<std::string, std::int64_t> least;  ///< by zone: pods that count for sure
    std::map<std::string, std::int64_t> most;   ///< by zone: pods that may count
  };

  /// Whether the term counts a pod of the shape in that zone.
  OnNodes counts(const Term& term, std::uint32_t shape, const std::string& zone);

  const cluster::Demand& demand_;
  std::vector<Term> terms_;
  std::set<std::pair<std::uint32_t, std::string>> placed_;  ///< shape, zone
  /// By carrier, shape, zone.
  std::map<std::tuple<std::uint32_t, std::uint32_t, std::string>, OnNodes> known_;
  std::map<std::uint32_t, std::vector<bool>> matched_;  ///< by shape: the terms that match it
};

}  // namespace kerf::plan
