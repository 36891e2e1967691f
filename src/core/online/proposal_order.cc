// best_first: the best of those whose predecessors are out, again and again; then done in a draft.
#include "core/online/proposal_order.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "core/online/draft.h"

namespace kerf::online {

namespace {

/// A proposal's part in what happens on a node.
struct Touch {
  std::size_t proposal = 0;
  bool sends_on = false;     ///< a pod leaves a node that is not given back
  bool constrained = false;  ///< a pod comes or leaves for which other pods count
};

std::map<NodeId, std::vector<Touch>> touches(const Standing& standing,
                                             const std::vector<Proposal>& proposals) {
  std::map<NodeId, std::vector<Touch>> on;
  for (std::size_t p = 0; p < proposals.size(); ++p) {
    const auto touch = [&](NodeId node, bool sends_on, bool constrained) {
      std::vector<Touch>& list = on[node];
      if (list.empty() || list.back().proposal != p) list.push_back({p, false, false});
      list.back().sends_on = list.back().sends_on || sends_on;
      list.back().constrained = list.back().constrained || constrained;
    };
    for (const Move& move : proposals[p].moves) {
      const ShapeId shape = standing.pod(move.pod).shape;
      const bool constrained = standing.company().constrained(shape);
      const std::vector<NodeId>& returns = proposals[p].returns;
      const bool stays = std::find(returns.begin(), returns.end(), move.from) == returns.end();
      touch(move.from, stays, constrained);
      if (!move.bought) touch(move.to, false, constrained);
    }
  }
  return on;
}

/// Saves more per pod moved; ties: given earlier.
struct Better {
  const std::vector<Proposal>& proposals;
  bool operator()(std::size_t a, std::size_t b) const {
    const Int128 per_a = Int128{proposals[a].saving.micro} * proposals[b].disruption;
    const Int128 per_b = Int128{proposals[b].saving.micro} * proposals[a].disruption;
    return per_a != per_b ? per_a > per_b : a < b;
  }
};

/// Makes the moves in the draft, in an order in which each pod may go where it goes and has room;
/// false: there is none, and nothing is done.
bool make_moves(Draft& draft, std::vector<Move>& moves) {
  const Standing& standing = draft.standing();
  const std::size_t start = draft.mark();
  std::vector<Move> made;
  std::vector<Move> left = moves;
  for (std::size_t before = 0; !left.empty() && left.size() != before;) {
    before = left.size();
    std::vector<Move> waiting;
    for (Move& move : left) {
      const std::size_t mark = draft.mark();
      draft.lift(move.pod);
      const Resources& need = standing.shape_at(standing.pod(move.pod).shape).requests;
      if (move.bought) {
        made.push_back(std::move(move));
      } else if (need.fits(draft.room(move.to).left) && draft.free(move.to, move.devices) &&
                 draft.may_go(move.pod, move.to)) {
        draft.put(move.pod, move.to, move.devices);
        made.push_back(std::move(move));
      } else {
        draft.rollback(mark);
        waiting.push_back(std::move(move));
      }
    }
    left = std::move(waiting);
  }
  if (!left.empty()) {
    draft.rollback(start);
    return false;
  }
  moves = std::move(made);
  return true;
}

}  // namespace

std::vector<Proposal> best_first(const Standing& standing, std::vector<Proposal> proposals) {
  std::vector<std::vector<std::size_t>> after(proposals.size());
  std::vector<int> before(proposals.size());
  for (const auto& [node, list] : touches(standing, proposals))
    for (std::size_t j = 0; j < list.size(); ++j)
      for (std::size_t i = 0; i < j; ++i)
        if (list[i].sends_on || list[i].constrained || list[j].constrained) {
          after[list[i].proposal].push_back(list[j].proposal);
          ++before[list[j].proposal];
        }
  std::set<std::size_t, Better> ready{Better{proposals}};
  for (std::size_t p = 0; p < proposals.size(); ++p)
    if (before[p] == 0) ready.insert(p);
  std::vector<Proposal> out;
  Draft draft(standing);
  while (!ready.empty()) {
    const std::size_t next = *ready.begin();
    ready.erase(ready.begin());
    for (const std::size_t p : after[next])
      if (--before[p] == 0) ready.insert(p);
    out.push_back(proposals[next]);
    if (!make_moves(draft, out.back().moves)) out.pop_back();
  }
  return out;
}

}  // namespace kerf::online
