// Matches nodes, puts each planned node onto its standing one, and lets like pods change places.
#include "core/plan/reuse.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "base/assert.h"
#include "core/plan/account.h"
#include "core/plan/reseat.h"
#include "core/plan/reuse_nodes.h"
#include "core/plan/seats.h"

namespace kerf::plan {

using cluster::kNone;

namespace {

class Reuser {
 public:
  Reuser(const cluster::Cluster& cluster, const market::Market& market, Plan& plan)
      : cluster_(cluster), market_(market), plan_(plan), reader_(cluster, cluster.demand) {
    KERF_ASSERT(cluster.pods.size() == cluster.demand.pods.size(),
                "facts are parallel to the demand's pods");
  }

  Reuse run() {
    for (const NodePlan& node : plan_.nodes) seats_.push_back(reader_.planned(node));
    for (std::uint32_t n = 0; n < cluster_.nodes.size(); ++n)
      running_.push_back(reader_.standing(n));
    reuse_.standing =
        match_nodes(cluster_, market_, plan_, reader_, seats_, running_,
                    [&](std::uint32_t p, std::uint32_t s) { return reseated(p, s).has_value(); });
    seat_for_.assign(cluster_.pods.size(), kNoPod);
    taken_.assign(cluster_.pods.size(), false);
    reuse_.cut.assign(plan_.nodes.size(), false);
    for (std::uint32_t p = 0; p < plan_.nodes.size(); ++p) put(p);
    seat_rest();
    change_places();
    list_moves();
    list_returned();
    list_actions();
    return std::move(reuse_);
  }

 private:
  std::optional<Reseated> reseated(std::uint32_t planned, std::uint32_t standing) {
    return reseat(plan_.nodes[planned], seats_[planned], cluster_.nodes[standing],
                  running_[standing], cluster_.pods, market_, arrangements_);
  }

  void put(std::uint32_t p) {
    const std::uint32_t s = reuse_.standing[p];
    plan_.nodes[p].name.clear();
    if (s == kNone) return;
    std::optional<Reseated> made = reseated(p, s);
    if (!made) {  // its layout is none of the model's: what could be kept of it is not known
      reuse_.standing[p] = kNone;
      return;
    }
    NodePlan& node = plan_.nodes[p];
    node.name = cluster_.nodes[s].name;
    node.gpus = std::move(made->gpus);
    reuse_.cut[p] = made->cut;
    for (const auto& [seat, pod] : made->stays) give(seat, pod, true);
  }

  void give(std::uint32_t seat, std::uint32_t pod, bool stays) {
    seat_for_[pod] = seat;
    taken_[seat] = true;
    if (stays) stays_.insert(pod);
  }

  // --- who else sits where -------------------------------------------------------------------

  /// Seats are known by the pod that had them. Of each group: pods that run on a node take what is
  /// left there, pods that run anywhere come before those that wait, all in order.
  void seat_rest() {
    std::map<std::uint32_t, std::vector<std::uint32_t>> groups;
    std::set<std::uint32_t> with_runners;
    node_of_.assign(cluster_.pods.size(), kNone);
    std::vector<bool> placed(cluster_.pods.size(), false);
    const auto enter = [&](std::uint32_t pod) {
      groups[reader_.group(pod)].push_back(pod);
      if (cluster_.pods[pod].node != kNone) with_runners.insert(reader_.group(pod));
    };
    for (std::uint32_t n = 0; n < plan_.nodes.size(); ++n)
      for (const std::uint32_t pod : plan_.nodes[n].pods) {
        node_of_[pod] = n;
        placed[pod] = true;
        enter(pod);
      }
    for (const Unplaced& entry : plan_.unplaced) enter(entry.pod);
    for (auto& [group, pods] : groups) {
      std::sort(pods.begin(), pods.end());
      if (with_runners.count(group) != 0) {
        seat_group(pods);
        continue;
      }
      for (const std::uint32_t pod : pods) give(pod, pod, false);
    }
  }

  void seat_group(const std::vector<std::uint32_t>& pods) {
    std::map<std::uint32_t, std::vector<std::uint32_t>> open;  // seats by standing node, last first
    for (auto it = pods.rbegin(); it != pods.rend(); ++it)
      if (!taken_[*it] && node_of_[*it] != kNone)
        if (const std::uint32_t s = reuse_.standing[node_of_[*it]]; s != kNone)
          open[s].push_back(*it);
    for (const std::uint32_t pod : pods) {
      if (seat_for_[pod] != kNoPod) continue;
      const auto seats = open.find(cluster_.pods[pod].node);
      if (seats == open.end() || seats->second.empty()) continue;
      give(seats->second.back(), pod, !holds_device(pod));
      seats->second.pop_back();
    }
    std::vector<std::uint32_t> rest, seats;
    for (const std::uint32_t pod : pods) {
      if (seat_for_[pod] == kNoPod) rest.push_back(pod);
      if (!taken_[pod]) seats.push_back(pod);
    }
    std::stable_partition(rest.begin(), rest.end(), [&](std::uint32_t pod) {
      return cluster_.pods[pod].node != kNone || !cluster_.pods[pod].elsewhere.empty();
    });
    std::stable_partition(seats.begin(), seats.end(),
                          [&](std::uint32_t seat) { return node_of_[seat] != kNone; });
    for (std::size_t i = 0; i < rest.size(); ++i) give(seats[i], rest[i], false);
  }

  /// Of a pod that runs: is it known which device it has? If not, it may be any.
  bool holds_device(std::uint32_t pod) const {
    const std::uint32_t node = cluster_.pods[pod].node;
    if (node == kNone) return false;
    const std::vector<Seat>& seats = running_[node].pods;
    const auto at =
        std::lower_bound(seats.begin(), seats.end(), pod,
                         [](const Seat& seat, std::uint32_t key) { return seat.pod < key; });
    return at != seats.end() && at->pod == pod;
  }

  void change_places() {
    std::vector<std::uint32_t> sits(cluster_.pods.size(), kNoPod);  // by seat
    bool changed = false;
    for (std::uint32_t pod = 0; pod < seat_for_.size(); ++pod) {
      if (seat_for_[pod] == kNoPod) continue;
      sits[seat_for_[pod]] = pod;
      changed = changed || seat_for_[pod] != pod;
    }
    if (!changed) return;
    for (NodePlan& node : plan_.nodes) {
      for (std::uint32_t& pod : node.pods) pod = sits[pod];
      std::sort(node.pods.begin(), node.pods.end());
      for (GpuPlan& gpu : node.gpus)
        for (SlicePlan& slice : gpu.slices)
          if (slice.pod != kNoPod) slice.pod = sits[slice.pod];
    }
    for (Placement& placement : plan_.placements) placement.pod = sits[placement.pod];
    for (Unplaced& entry : plan_.unplaced) entry.pod = sits[entry.pod];
    const auto by_pod = [](const auto& a, const auto& b) { return a.pod < b.pod; };
    std::sort(plan_.placements.begin(), plan_.placements.end(), by_pod);
    std::sort(plan_.unplaced.begin(), plan_.unplaced.end(), by_pod);
    tally(cluster_.demand, market_, plan_);
  }

  // --- what there is to do -------------------------------------------------------------------

  void list_moves() {
    for (std::uint32_t pod = 0; pod < cluster_.pods.size(); ++pod) {
      const cluster::PodFacts& facts = cluster_.pods[pod];
      if (facts.node == kNone) continue;
      if (stays_.count(pod) != 0) {
        ++reuse_.stay;
        continue;
      }
      const std::uint32_t seat = seat_for_[pod];
      reuse_.moves.push_back({pod, facts.node, seat == kNoPod ? kNone : node_of_[seat]});
      if (!facts.fixed.empty()) ++reuse_.fixed;
    }
  }

  void list_returned() {
    std::vector<bool> used(cluster_.nodes.size(), false);
    for (const std::uint32_t s : reuse_.standing)
      if (s != kNone) used[s] = true;
    for (std::uint32_t s = 0; s < used.size(); ++s)
      if (!used[s] && !cluster_.nodes[s].shared) reuse_.returned.push_back(s);
  }

  /// The action of that kind for that type, made where there is none yet.
  Action& action(ActionKind kind, std::uint32_t type, market::CapacityType capacity) {
    const auto at = std::find_if(plan_.actions.begin(), plan_.actions.end(), [&](const Action& a) {
      return a.kind == kind && a.type == type && a.capacity_type == capacity;
    });
    if (at != plan_.actions.end()) return *at;
    plan_.actions.push_back({kind, 0, type, capacity, {}, {}});
    return plan_.actions.back();
  }

  void list_actions() {
    plan_.actions.clear();
    const auto of_nodes = [&](ActionKind kind, auto&& wanted) {
      for (std::uint32_t n = 0; n < plan_.nodes.size(); ++n) {
        if (!wanted(n)) continue;
        const NodePlan& node = plan_.nodes[n];
        Action& entry = action(kind, node.type, node.capacity_type);
        ++entry.count;
        entry.nodes.push_back(n);
        if (kind == ActionKind::Buy) entry.per_hour += node.price;
      }
    };
    const auto stands = [&](std::uint32_t n) { return reuse_.standing[n] != kNone; };
    // Where nothing stands, nothing is known of where the owned nodes are: as account() has it.
    const auto there = [&](std::uint32_t n) {
      return stands(n) || (cluster_.nodes.empty() && plan_.nodes[n].owned);
    };
    of_nodes(ActionKind::Keep, [&](std::uint32_t n) { return there(n) && !reuse_.cut[n]; });
    of_nodes(ActionKind::Cut, [&](std::uint32_t n) { return stands(n) && reuse_.cut[n]; });
    for (const std::uint32_t s : reuse_.returned) {
      const cluster::StandingNode& node = cluster_.nodes[s];
      Action& entry = action(ActionKind::Return, node.type, node.capacity_type);
      ++entry.count;
      entry.per_hour = entry.per_hour - node.price;
    }
    of_nodes(ActionKind::Buy, [&](std::uint32_t n) { return !there(n); });
    for (const PodMove& move : reuse_.moves) {
      if (move.to == kNone) continue;
      const NodePlan& node = plan_.nodes[move.to];
      ++action(ActionKind::Move, node.type, node.capacity_type).count;
    }
  }

  const cluster::Cluster& cluster_;
  const market::Market& market_;
  Plan& plan_;
  SeatReader reader_;
  Arrangements arrangements_;
  std::vector<Seats> seats_;             ///< by planned node
  std::vector<Seats> running_;           ///< by standing node
  std::vector<std::uint32_t> seat_for_;  ///< by pod: the pod whose seat it takes
  std::vector<bool> taken_;              ///< by seat
  std::vector<std::uint32_t> node_of_;   ///< by seat: planned node; kNone = not placed
  std::set<std::uint32_t> stays_;
  Reuse reuse_;
};

}  // namespace

Reuse reuse(const cluster::Cluster& cluster, const market::Market& market, Plan& plan) {
  return Reuser(cluster, market, plan).run();
}

}  // namespace kerf::plan
