// Problem and Solution: a search that leaves the mind as data and comes back as data.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/cluster/demand.h"
#include "core/cluster/node.h"
#include "core/cluster/policy.h"
#include "core/controller/reservation.h"
#include "core/market/market.h"
#include "core/online/consolidate.h"
#include "core/online/place.h"

namespace kerf::controller {

enum class Search : std::uint8_t {
  Place,        ///< pending pods: free slices, re-cuts, purchases
  Consolidate,  ///< what to give back, and which pods to move for it
  Vacate,       ///< where the pods of nodes that have to go would go
  Compare,      ///< what everything would cost if it were bought now
};

struct Problem {
  Search search = Search::Place;
  std::string policy;  ///< its name
  std::shared_ptr<const market::Market> market;
  cluster::Policy buys;  ///< limits are those that remain
  cluster::Snapshot standing;
  cluster::Demand pending;
  std::vector<std::string> ids;     ///< by pod of `pending`: the reservation that it would have
  std::vector<For> whom;            ///< by pod of `pending`
  std::vector<std::string> owners;  ///< by pod of `pending`: uid of who makes it
  /// Room that is kept for nobody makes way for pods: from here on `pending` has what is reserved
  /// already, and `room` says which pods of `standing` these are.
  std::size_t room_from = 0;
  std::vector<std::uint32_t> room;
  std::vector<bool> may_buy;          ///< by pod of `pending`: false = only what stands will do
  std::vector<bool> may_open;         ///< by pod of `pending`: others may be moved for it
  std::vector<std::string> running;   ///< by pod of `standing`: "pod/<uid>", or a reservation
  std::vector<std::uint32_t> moving;  ///< Vacate: by pod of `pending`: which pod of `standing`
  std::string about;                  ///< Vacate: the machine
  std::string why;                    ///< Vacate
  std::vector<std::pair<cluster::PodShape, std::int64_t>> expected;
  online::ConsolidateLimits limits;
  online::PlaceOptions options;
};

struct Solution {
  bool room_moved = false;    ///< Place: Problem::room went; what is left of it is in `decision`
  online::Decision decision;  ///< Place, Vacate: nodes as in Problem::standing
  std::vector<online::Proposal> proposals;  ///< Consolidate; Place: at most one that opens a slot
  online::Purchase all;                     ///< Compare
};

/// Pure: the same answer for the same problem in every build. Bounded by the problem's steps.
/// `tables`: kept from one search to the next; the answer is the same with any.
Solution solve(const Problem& problem, online::SliceTables& tables);

}  // namespace kerf::controller
