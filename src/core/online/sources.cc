// Sources: the order in which nodes are worth emptying, and the search for the most of them.
#include "core/online/sources.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

namespace kerf::online {

namespace {

/// What a set of emptied sources is worth: more saved less what the moves cost, then fewer moved.
std::pair<std::int64_t, std::int64_t> worth(const std::vector<Source>& sources,
                                            const std::vector<bool>& empty,
                                            MicroUsdPerHour per_move) {
  std::int64_t saved = 0, moves = 0;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (!empty[i]) continue;
    saved += sources[i].saving.micro;
    moves += std::ssize(sources[i].pods);
  }
  return {saved - moves * per_move.micro, -moves};
}

/// Which sources to try together.
struct Choice {
  std::vector<int> opened;       ///< how often each was tried in vain
  std::size_t more = 0;          ///< so many beside the best known, at most
  std::int64_t most_shapes = 0;  ///< of pods, at most: each looks at all nodes
};

/// The sources of `best` and others that the allowance allows beside them: those tried in vain
/// least often, then the best.
std::vector<bool> with_others(const Standing& standing, const std::vector<Source>& sources,
                              const std::vector<bool>& best, const Choice& choice,
                              Allowance allowance) {
  std::vector<std::size_t> order(sources.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return best[a] != best[b] ? bool{best[a]} : choice.opened[a] < choice.opened[b];
  });
  std::vector<bool> chosen = best;
  std::set<ShapeId> shapes;
  std::size_t more = choice.more;
  for (const std::size_t i : order) {
    std::set<ShapeId> with = shapes;
    for (const PodId pod : sources[i].pods) with.insert(standing.pod(pod).shape);
    if (!best[i]) {
      if (more == 0) break;
      if (std::ssize(with) > choice.most_shapes || !allowance.take(sources[i].pods)) continue;
      chosen[i] = true;
      --more;
    }
    shapes = std::move(with);
  }
  return chosen;
}

}  // namespace

bool pays(MicroUsdPerHour saving, std::int64_t moves, const ConsolidateLimits& limits) {
  return saving.micro > 0 && saving >= limits.least_saving &&
         saving > limits.least_per_move * moves;
}

std::vector<Source> sources(const Standing& standing, const ConsolidateLimits& limits) {
  std::vector<Source> out;
  Allowance all(standing, limits);
  for (NodeId n = 0; n < standing.nodes(); ++n) {
    if (!standing.stands(n)) continue;
    const cluster::Node& node = standing.node(n);
    const std::vector<PodId>& pods = standing.pods_on(n);
    if (node.kept || node.closed || pods.empty() || !pays(node.price, std::ssize(pods), limits))
      continue;
    const auto fixed = [&](PodId pod) { return standing.pod(pod).fixed; };
    if (std::any_of(pods.begin(), pods.end(), fixed) || !all.take(pods)) continue;
    all.give_back(pods);
    out.push_back({n, node.price, pods});
  }
  const auto before = [&](const Source& a, const Source& b) {
    const std::int64_t per_a = a.saving.micro * std::ssize(b.pods);
    const std::int64_t per_b = b.saving.micro * std::ssize(a.pods);
    if (per_a != per_b) return per_a > per_b;
    const std::int64_t idle_a = standing.idle(a.node), idle_b = standing.idle(b.node);
    return idle_a != idle_b ? idle_a > idle_b : a.node < b.node;
  };
  std::sort(out.begin(), out.end(), before);
  return out;
}

void Allowance::spend(const std::vector<PodId>& pods, std::int64_t by) {
  moves_ -= by * std::ssize(pods);
  for (const PodId pod : pods)
    if (const std::uint32_t budget = standing_->pod(pod).budget; budget != cluster::kNone)
      budgets_[budget] -= by;
}

bool Allowance::take(const std::vector<PodId>& pods) {
  spend(pods, 1);
  const auto short_of = [&](PodId pod) {
    const std::uint32_t budget = standing_->pod(pod).budget;
    return budget != cluster::kNone && budgets_[budget] < 0;
  };
  if (moves_ >= 0 && std::none_of(pods.begin(), pods.end(), short_of)) return true;
  spend(pods, -1);
  return false;
}

void Allowance::give_back(const std::vector<PodId>& pods) { spend(pods, -1); }

std::vector<Seat> seats_of(const Draft& draft, const std::vector<PodId>& pods) {
  std::vector<Seat> seats;
  for (const PodId pod : pods) seats.push_back({pod, draft.node_of(pod), draft.devices_of(pod)});
  return seats;
}

void seat(Draft& draft, const std::vector<Seat>& seats) {
  for (const Seat& one : seats) draft.lift(one.pod);
  for (const Seat& one : seats) draft.put(one.pod, one.node, one.devices);
}

std::vector<bool> empty_together(Draft& draft, const RoomUse& use,
                                 const std::vector<Source>& sources, const std::vector<bool>& shut,
                                 Allowance& allowance, const ConsolidateLimits& limits,
                                 std::int64_t& steps) {
  Emptying emptying(draft, use, steps);
  std::vector<bool> best(sources.size());
  std::vector<Seat> where;  // of the pods of the best
  Choice choice{std::vector<int>(sources.size()), sources.size(), 0};
  const std::size_t start = draft.mark();
  while (choice.more > 0 && steps > 0) {
    choice.most_shapes = steps / 2 / static_cast<std::int64_t>(draft.standing().nodes());
    const std::vector<bool> chosen =
        with_others(draft.standing(), sources, best, choice, allowance);
    if (chosen == best) break;
    const std::vector<bool> empty = emptying.run(sources, chosen, shut);
    for (std::size_t i = 0; i < sources.size(); ++i)
      if (emptying.stuck()[i]) ++choice.opened[i];
    if (worth(sources, empty, limits.least_per_move) >
        worth(sources, best, limits.least_per_move)) {
      where.clear();
      for (std::size_t i = 0; i < sources.size(); ++i) {
        if (best[i]) allowance.give_back(sources[i].pods);
        best[i] = empty[i];
        if (!best[i]) continue;
        const std::vector<Seat> seats = seats_of(draft, sources[i].pods);
        where.insert(where.end(), seats.begin(), seats.end());
      }
      for (std::size_t i = 0; i < sources.size(); ++i)
        if (best[i]) allowance.take(sources[i].pods);
    } else {
      choice.more /= 2;
    }
    draft.rollback(start);
  }
  seat(draft, where);
  return best;
}

}  // namespace kerf::online
