// The smallest pods that are in the task's way, one or two of a node.
#include "fgd/make_room.h"

#include <algorithm>
#include <utility>

namespace kerf::fgd {
namespace {

constexpr std::size_t kMost = 2;    ///< pods moved
constexpr std::size_t kTries = 64;  ///< sets of pods whose destinations are looked for

class RoomSearch {
 public:
  RoomSearch(const Cluster& cluster, Judge& judge, const Task& task)
      : cluster_(cluster), judge_(judge), task_(task) {}

  /// Looks at the sets of so many pods, the smallest together first, until kTries were tried.
  std::vector<Move> find(std::size_t moves) {
    std::vector<Set> sets;
    for (std::size_t node = 0; node < cluster_.nodes().size(); ++node) {
      const NodeState& state = cluster_.nodes()[node];
      if (!state.accepts(task_.models) || state.gpus < task_.gpus) continue;
      const std::vector<std::size_t>& pods = cluster_.pods_on(node);
      for (std::size_t a = 0; a < pods.size(); ++a) {
        if (moves == 1) add({0, node, {pods[a]}}, sets);
        for (std::size_t b = a + 1; moves == 2 && b < pods.size(); ++b)
          add({0, node, {pods[a], pods[b]}}, sets);
      }
    }
    std::stable_sort(sets.begin(), sets.end(),
                     [](const Set& a, const Set& b) { return a.milli < b.milli; });
    for (std::size_t tries = 0; tries < std::min(sets.size(), kTries); ++tries)
      consider(sets[tries]);
    return std::move(best_);
  }

 private:
  /// Pods of one node, without which the task fits there.
  struct Set {
    std::int64_t milli = 0;  ///< that they take
    std::size_t node = 0;
    std::vector<std::size_t> pods;
  };

  void add(Set set, std::vector<Set>& sets) const {
    NodeState state = cluster_.nodes()[set.node];
    for (const std::size_t pod : set.pods) {
      give_back(state, pod);
      set.milli += cluster_.pods()[pod].task->demand_milli();
    }
    if (state.fits(task_)) sets.push_back(std::move(set));
  }

  void consider(const Set& set) {
    const auto& [milli, node, pods] = set;
    const NodeState& before = cluster_.nodes()[node];
    NodeState state = before;
    for (const std::size_t pod : pods) give_back(state, pod);
    const std::optional<Judge::Place> placed = judge_.place(state, task_);
    if (!placed) return;
    state.take(task_, placed->gpus);
    std::int64_t harm = 0;
    std::vector<Move> moves;
    std::vector<std::pair<std::size_t, NodeState>> taken;  // as destinations would be
    for (const std::size_t pod : pods) {
      std::optional<std::int64_t> here = stay(node, state, pod, moves);
      if (!here) here = go(node, pod, taken, moves);
      if (!here) return;
      harm += *here;
    }
    harm += judge_.worth(before) - judge_.worth(state);
    if (!best_.empty() && harm >= least_) return;
    least_ = harm;
    best_ = std::move(moves);
  }

  void give_back(NodeState& state, std::size_t pod) const {
    state.give_back(*cluster_.pods()[pod].task, cluster_.pods()[pod].at.gpus);
  }

  /// On the node itself, where the room that it had there is free until the task comes.
  std::optional<std::int64_t> stay(std::size_t node, NodeState& state, std::size_t pod,
                                   std::vector<Move>& moves) {
    const Pod& moved = cluster_.pods()[pod];
    const std::optional<Judge::Place> place = judge_.place(state, *moved.task);
    if (!place) return std::nullopt;
    NodeState now = cluster_.nodes()[node];
    for (const Move& move : moves) give_back(now, move.pod);
    give_back(now, pod);
    for (const Move& move : moves)
      if (move.to.node == node) now.take(*cluster_.pods()[move.pod].task, move.to.gpus);
    if (!now.fits(*moved.task, place->gpus)) return std::nullopt;
    state.take(*moved.task, place->gpus);
    moves.push_back({pod, {node, place->gpus}});
    return 0;  // it counts in what the node is worth afterwards
  }

  std::optional<std::int64_t> go(std::size_t node, std::size_t pod,
                                 std::vector<std::pair<std::size_t, NodeState>>& taken,
                                 std::vector<Move>& moves) {
    const Task& moved = *cluster_.pods()[pod].task;
    std::optional<std::int64_t> harm;
    judge_.each_node(moved, [&](std::size_t to) {
      if (to == node) return false;
      const auto known = std::find_if(taken.begin(), taken.end(),
                                      [&](const auto& other) { return other.first == to; });
      NodeState state = known == taken.end() ? cluster_.nodes()[to] : known->second;
      const std::optional<Judge::Place> place = judge_.place(state, moved);
      if (!place) return false;
      harm = place->harm;
      state.take(moved, place->gpus);
      if (known == taken.end()) taken.emplace_back(to, state);
      else known->second = state;
      moves.push_back({pod, {to, place->gpus}});
      return true;
    });
    return harm;
  }

  const Cluster& cluster_;
  Judge& judge_;
  const Task& task_;
  std::int64_t least_ = 0;
  std::vector<Move> best_;
};

}  // namespace

std::vector<Move> make_room(const Cluster& cluster, Judge& judge, const Task& task,
                            std::int64_t moves_max) {
  for (std::size_t moves = 1; moves <= kMost; ++moves) {
    if (static_cast<std::int64_t>(moves) > moves_max) break;
    std::vector<Move> found = RoomSearch(cluster, judge, task).find(moves);
    if (!found.empty()) return found;
  }
  return {};
}

}  // namespace kerf::fgd
