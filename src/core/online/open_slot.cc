// open_slot: the fewest pods of one node whose moves make room for a pending pod.
#include <algorithm>
#include <tuple>
#include <utility>

#include "core/online/consolidate.h"
#include "core/online/draft.h"
#include "core/online/room_use.h"
#include "core/online/sources.h"

namespace kerf::online {

namespace {

constexpr std::size_t kMost = 3;  ///< pods moved

class SlotSearch {
 public:
  SlotSearch(const Standing& standing, const ConsolidateLimits& limits, ShapeId pending)
      : standing_(standing),
        allowance_(standing, limits),
        draft_(standing),
        use_(standing),
        pending_(pending),
        steps_(limits.steps) {}

  bool fits_already() const {
    for (NodeId n = 0; n < standing_.nodes(); ++n)
      if (draft_.may_start(pending_, n) && use_.cost(pending_, standing_.room(n)) >= 0) return true;
    return false;
  }

  /// With exactly so many moves.
  std::optional<Proposal> run(std::size_t moves) {
    // Half of what is left may go into the list.
    const std::int64_t rest = steps_ / 2;
    steps_ -= rest;
    list(moves);
    steps_ = std::max<std::int64_t>(steps_, 0) + rest;
    std::sort(choices_.begin(), choices_.end());
    for (const auto& [hardness, node, pods] : choices_) {
      if (steps_ <= 0) break;
      if (auto proposal = attempt(node, pods)) return proposal;
    }
    return std::nullopt;
  }

 private:
  /// Choices of so many pods of each node without which CPU and the like suffice.
  void list(std::size_t moves) {
    choices_.clear();
    const std::vector<std::vector<Way>>& ways =
        standing_.asks().asks()[standing_.ask_of(pending_)].ways;
    for (NodeId n = 0; n < standing_.nodes(); ++n) {
      if (!standing_.stands(n) || standing_.node(n).closed || ways[standing_.room(n).kind].empty())
        continue;
      std::vector<PodId> chosen;
      choose(n, 0, moves, standing_.room(n).left, 0, chosen);
    }
  }

  void choose(NodeId node, std::size_t from, std::size_t more, const Resources& left,
              std::int64_t hardness, std::vector<PodId>& chosen) {
    if (--steps_ < 0) return;
    if (more == 0) {
      if (standing_.shape_at(pending_).requests.fits(left))
        choices_.emplace_back(hardness, node, chosen);
      return;
    }
    const std::vector<PodId>& pods = standing_.pods_on(node);
    for (std::size_t i = from; i + more <= pods.size(); ++i) {
      const ShapeId shape = standing_.pod(pods[i]).shape;
      if (standing_.pod(pods[i]).fixed || draft_.constrained(shape)) continue;
      chosen.push_back(pods[i]);
      choose(node, i + 1, more - 1, left + standing_.shape_at(shape).requests,
             hardness + use_.hardness(shape), chosen);
      chosen.pop_back();
    }
  }

  std::optional<Proposal> attempt(NodeId node, const std::vector<PodId>& pods) {
    if (!Allowance(allowance_).take(pods) || leaves_lonely(node, pods)) return std::nullopt;
    --steps_;
    const std::size_t mark = draft_.mark();
    for (const PodId pod : pods) draft_.lift(pod);
    std::optional<Proposal> proposal;
    if (const auto fit = use_.best(pending_, draft_.room(node))) {
      const std::vector<DeviceAt> slot = draft_.devices_for(node, fit->steps);
      if (settle(node, pods, 0)) proposal = describe(node, pods, slot);
    }
    draft_.rollback(mark);
    return proposal;
  }

  /// Is somebody there who needs others on the node, or in the zone?
  bool leaves_lonely(NodeId node, const std::vector<PodId>& moved) const {
    const std::vector<PodId>& pods = standing_.pods_on(node);
    return std::any_of(pods.begin(), pods.end(), [&](PodId pod) {
      return std::find(moved.begin(), moved.end(), pod) == moved.end() &&
             !standing_.shape_at(standing_.pod(pod).shape).affinity.empty();
    });
  }

  bool settle(NodeId but, const std::vector<PodId>& pods, std::size_t next) {
    if (next == pods.size()) return draft_.may_start(pending_, but);
    const ShapeId shape = standing_.pod(pods[next]).shape;
    std::vector<std::pair<std::int64_t, NodeId>> places;
    for (NodeId n = 0; n < standing_.nodes() && steps_ > 0; ++n) {
      if (n == but || !draft_.may_go(pods[next], n)) continue;
      --steps_;
      const std::int64_t cost = use_.cost(shape, draft_.room(n));
      if (cost >= 0) places.emplace_back(cost, n);
    }
    std::sort(places.begin(), places.end());
    for (const auto& [cost, n] : places)
      for (const RoomUse::Fit& fit : use_.all(shape, draft_.room(n))) {
        if (--steps_ < 0) return false;
        const std::size_t mark = draft_.mark();
        draft_.put(pods[next], n, draft_.devices_for(n, fit.steps));
        if (settle(but, pods, next + 1)) return true;
        draft_.rollback(mark);
      }
    return false;
  }

  Proposal describe(NodeId node, const std::vector<PodId>& pods,
                    const std::vector<DeviceAt>& slot) const {
    Proposal proposal;
    proposal.kind = ProposalKind::OpenSlot;
    for (const PodId pod : pods)
      proposal.moves.push_back({pod, node, draft_.node_of(pod), false, draft_.devices_of(pod)});
    proposal.disruption = std::ssize(pods);
    proposal.slot_shape = pending_;
    proposal.slot_node = node;
    proposal.slot = slot;
    return proposal;
  }

  const Standing& standing_;
  Allowance allowance_;
  Draft draft_;
  RoomUse use_;
  ShapeId pending_;
  std::int64_t steps_;
  std::vector<std::tuple<std::int64_t, NodeId, std::vector<PodId>>> choices_;
};

}  // namespace

std::optional<Proposal> open_slot(const Standing& standing, const ConsolidateLimits& limits,
                                  ShapeId pending, MicroUsdPerHour worth) {
  if (!limits.open) return std::nullopt;
  SlotSearch search(standing, limits, pending);
  if (search.fits_already()) return std::nullopt;
  for (std::size_t moves = 1; moves <= kMost; ++moves) {
    if (!pays(worth, static_cast<std::int64_t>(moves), limits)) break;
    if (auto proposal = search.run(moves)) {
      proposal->saving = worth;
      return proposal;
    }
  }
  return std::nullopt;
}

}  // namespace kerf::online
