// Sources: nodes that may be emptied, and the choice of those that are emptied together.
#pragma once

#include <cstdint>
#include <vector>

#include "core/online/consolidate.h"
#include "core/online/emptying.h"

namespace kerf::online {

/// Is this much saved for that many pods moved worth it?
bool pays(MicroUsdPerHour saving, std::int64_t moves, const ConsolidateLimits& limits);

/// Nodes that the limits let be emptied one by one, most dollars saved per pod first; ties to more
/// idle GPUs, then to the lower number.
std::vector<Source> sources(const Standing& standing, const ConsolidateLimits& limits);

/// What is left of moves and budgets when some nodes are emptied.
class Allowance {
 public:
  Allowance(const Standing& standing, const ConsolidateLimits& limits)
      : standing_(&standing), moves_(limits.moves), budgets_(standing.budgets()) {}
  std::int64_t moves() const { return moves_; }
  /// Takes what moving these pods uses, or nothing if it does not suffice.
  bool take(const std::vector<PodId>& pods);
  void give_back(const std::vector<PodId>& pods);

 private:
  void spend(const std::vector<PodId>& pods, std::int64_t by);

  const Standing* standing_;
  std::int64_t moves_;
  std::vector<std::int64_t> budgets_;
};

/// Where a pod is in a draft.
struct Seat {
  PodId pod = 0;
  NodeId node = 0;
  std::vector<DeviceAt> devices;
};

std::vector<Seat> seats_of(const Draft& draft, const std::vector<PodId>& pods);
/// Moves all of them to their seats at once.
void seat(Draft& draft, const std::vector<Seat>& seats);

/// Empties sources in the draft so that as much as possible is saved; ties to fewer pods moved.
/// Returns which are empty, and takes what they use from the allowance.
///
/// Rules: tries all that the allowance lets be tried together (Emptying), then adds to what was
/// emptied the best others, many at first, then half as many each time that nothing more was saved.
/// More moves for more saved are taken if the difference pays for itself.
std::vector<bool> empty_together(Draft& draft, const RoomUse& use,
                                 const std::vector<Source>& sources, const std::vector<bool>& shut,
                                 Allowance& allowance, const ConsolidateLimits& limits,
                                 std::int64_t& steps);

}  // namespace kerf::online
