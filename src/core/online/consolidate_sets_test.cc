// consolidate and open_slot against exact search over sets of nodes and of pods, on small clusters.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>

#include "core/online/consolidate.h"
#include "core/online/consolidate_testing.h"

namespace kerf::online {
namespace {

using cluster::Running;
using testing::Ground;
using testing::moves_only;
using testing::shape;
using testing::slice;
using testing::types;

/// Can pods run together in the room there is? Exact: every place of every pod is tried, rooms that
/// were tried in vain are remembered. Pods are without constraints, so nodes and GPUs that are
/// alike may be exchanged.
class Packing {
 public:
  explicit Packing(Standing& standing) : standing_(standing) {}

  bool fits(std::vector<Running> pods) {
    vain_.clear();
    std::sort(pods.begin(), pods.end(),
              [](const Running& a, const Running& b) { return a.shape < b.shape; });
    return put(pods, 0);
  }

 private:
  using NodeKey = std::tuple<KindId, std::int64_t, std::int64_t, std::vector<GpuState>>;
  using Key = std::pair<std::size_t, std::vector<NodeKey>>;

  Key key(std::size_t next) const {
    Key key{next, {}};
    for (NodeId n = 0; n < standing_.nodes(); ++n) {
      if (!standing_.stands(n) || standing_.node(n).closed) continue;
      NodeRoom room = standing_.room(n);
      std::sort(room.gpus.begin(), room.gpus.end());
      key.second.emplace_back(room.kind, room.left.cpu_milli, room.left.memory_mib, room.gpus);
    }
    std::sort(key.second.begin(), key.second.end());
    return key;
  }

  bool put(const std::vector<Running>& pods, std::size_t next) {
    if (next == pods.size()) return true;
    const Key now = key(next);
    if (vain_.count(now) != 0) return false;
    for (NodeId n = 0; n < standing_.nodes(); ++n) {
      if (!standing_.stands(n) || never(pods[next].shape, n)) continue;
      for (const std::vector<DeviceAt>& devices :
           testing::places_on(standing_, pods[next].shape, n)) {
        Running pod = pods[next];
        pod.node = n;
        standing_.begin();
        standing_.run(pod, devices);
        const bool fit = put(pods, next + 1);
        standing_.rollback();
        if (fit) return true;
      }
    }
    vain_.insert(now);
    return false;
  }

  /// Closed, or short of CPU or memory: no place need be tried.
  bool never(ShapeId wanted, NodeId node) const {
    return standing_.node(node).closed ||
           !standing_.shape_at(wanted).requests.fits(standing_.room(node).left);
  }

  Standing& standing_;
  std::set<Key> vain_;
};

/// Nodes as bits.
using Nodes = std::uint32_t;

MicroUsdPerHour price_of(const Standing& standing, Nodes nodes) {
  MicroUsdPerHour sum;
  for (NodeId n = 0; n < standing.nodes(); ++n)
    if ((nodes >> n & 1) != 0) sum += standing.node(n).price;
  return sum;
}

Nodes empty_nodes(const Standing& standing) {
  Nodes empty = 0;
  for (NodeId n = 0; n < standing.nodes(); ++n)
    if (standing.pods_on(n).empty() && !standing.node(n).kept) empty |= Nodes{1} << n;
  return empty;
}

/// May these pods be moved at all?
bool movable(const Standing& standing, const std::vector<PodId>& pods) {
  std::vector<std::int64_t> budgets = standing.budgets();
  return std::all_of(pods.begin(), pods.end(), [&](PodId pod) {
    const std::uint32_t budget = standing.pod(pod).budget;
    return !standing.pod(pod).fixed && (budget == cluster::kNone || --budgets[budget] >= 0);
  });
}

std::vector<PodId> pods_on(const Standing& standing, Nodes nodes) {
  std::vector<PodId> pods;
  for (NodeId n = 0; n < standing.nodes(); ++n)
    if ((nodes >> n & 1) != 0)
      pods.insert(pods.end(), standing.pods_on(n).begin(), standing.pods_on(n).end());
  return pods;
}

/// Can these pods run elsewhere than on these nodes? They are taken up together.
bool fit_elsewhere(Standing& standing, Nodes nodes, const std::vector<PodId>& pods) {
  std::vector<Running> gone;
  standing.begin();
  for (NodeId n = 0; n < standing.nodes(); ++n)
    if ((nodes >> n & 1) != 0) standing.mark(n, true, false);
  for (const PodId pod : pods) {
    gone.push_back(standing.pod(pod));
    standing.release(pod);
  }
  const bool fit = Packing(standing).fits(std::move(gone));
  standing.rollback();
  return fit;
}

/// Which pods a search may move.
enum class Moving {
  Theirs,  ///< those of the nodes that go back, within limits and budgets
  All,     ///< every pod, whatever the limits say
};

bool can_go_back(Standing& standing, Nodes nodes, Moving moving, std::int64_t moves) {
  for (NodeId n = 0; n < standing.nodes(); ++n)
    if ((nodes >> n & 1) != 0 && standing.node(n).kept) return false;
  if (moving == Moving::All)
    return fit_elsewhere(standing, nodes, pods_on(standing, (Nodes{1} << standing.nodes()) - 1));
  const std::vector<PodId> pods = pods_on(standing, nodes);
  return std::ssize(pods) <= moves && movable(standing, pods) &&
         fit_elsewhere(standing, nodes, pods);
}

/// The most that giving nodes back can save, those of `surely` among them; and a set that does.
std::pair<MicroUsdPerHour, Nodes> most_saved(Standing& standing, Moving moving, Nodes surely,
                                             std::int64_t moves = 1'000'000) {
  std::vector<Nodes> sets;
  for (Nodes set = 0; set < Nodes{1} << standing.nodes(); ++set)
    if ((set & surely) == surely) sets.push_back(set);
  std::stable_sort(sets.begin(), sets.end(),
                   [&](Nodes a, Nodes b) { return price_of(standing, a) > price_of(standing, b); });
  for (const Nodes set : sets)
    if (can_go_back(standing, set, moving, moves)) return {price_of(standing, set), set};
  return {};
}

int count_of(Nodes nodes) {
  int count = 0;
  for (; nodes != 0; nodes &= nodes - 1) ++count;
  return count;
}

/// Does the proposals one by one; what is wrong with the first that does not hold.
std::string do_all(Standing& standing, const std::vector<Proposal>& proposals,
                   ConsolidateLimits limits) {
  for (const Proposal& proposal : proposals) {
    const std::string stale = why_stale(standing, limits, proposal);
    if (!stale.empty()) return stale;
    const MicroUsdPerHour before = standing.bill();
    carry_out(standing, proposal);
    if (before - standing.bill() != proposal.saving) return "another saving";
    if (!proposal.buys.empty()) return "a purchase";
    limits.moves -= proposal.disruption;
    if (limits.moves < 0) return "more moves";
    for (const std::int64_t left : standing.budgets())
      if (left < 0) return "a budget overdrawn";
    for (const std::string& fault :
         check::check_snapshot(standing.snapshot(), standing.market(), standing.policy()))
      return fault;
  }
  return "";
}

MicroUsdPerHour saved_by(const std::vector<Proposal>& proposals) {
  MicroUsdPerHour saved;
  for (const Proposal& proposal : proposals) saved += proposal.saving;
  return saved;
}

/// Sums over instances, in micro-dollars per hour.
struct Quality {
  int instances = 0;
  int empty_wanted = 0;  ///< an empty node had better stay in the place of another
  int below = 0;         ///< saved less than the best set with all empty nodes in it
  std::int64_t saved = 0, best = 0, best_with_empty = 0;
  std::string list;  ///< the instances below: seed and dollars

  std::int64_t milli_of(std::int64_t most) const { return saved * 1000 / most; }

  void add(std::uint64_t seed, MicroUsdPerHour save, MicroUsdPerHour most,
           MicroUsdPerHour with_empty) {
    if (most.micro == 0) return;
    ++instances;
    if (with_empty < most) ++empty_wanted;
    if (save < with_empty) {
      ++below;
      list += fmt::format(" {}: {}", seed, format_usd(with_empty - save));
    }
    saved += std::min(save, with_empty).micro;  // pods sent on may save more: no help for others
    best += most.micro;
    best_with_empty += with_empty.micro;
  }
};

/// Asks consolidate() and the exact search about one cluster, and does what is proposed.
void compare(std::uint64_t seed, Standing& standing, const ConsolidateLimits& limits,
             Quality& quality) {
  const Nodes empty = empty_nodes(standing);
  const MicroUsdPerHour best = most_saved(standing, Moving::Theirs, 0, limits.moves).first;
  const auto [with_empty, set] = most_saved(standing, Moving::Theirs, empty, limits.moves);
  const MicroUsdPerHour most = most_saved(standing, Moving::All, 0).first;
  const std::vector<Proposal> proposals = consolidate(standing, limits);
  const MicroUsdPerHour saved = saved_by(proposals);
  EXPECT_LE(saved, most) << seed << ": more than all pods packed anew would save";
  if (count_of(set & ~empty) <= 1) {
    EXPECT_GE(saved, with_empty) << seed << ": one node can be freed alone";
  }
  quality.add(seed, saved, best, with_empty);
  EXPECT_EQ(do_all(standing, proposals, limits), "") << seed;
}

TEST(ConsolidateSets, SavesNearlyWhatTheBestSetOfNodesWould) {
  Quality quality;
  for (std::uint64_t seed = 1; seed <= 160; ++seed) {
    Prng prng(seed);
    Ground ground(types());
    testing::small_cluster(ground, prng, 2 + prng.below(4), 2 + prng.below(6));
    compare(seed, ground.standing, moves_only(), quality);
  }
  // Measured: 136 instances; 1 below (two nodes could go by four moves, and one went by one);
  // $1,081.28 of $1,088.16. In 29 an empty node had better stay, which is not tried: $1,180.77 with
  // those.
  EXPECT_GT(quality.instances, 100);
  EXPECT_LE(quality.below, 1) << quality.list;
  EXPECT_GE(quality.milli_of(quality.best_with_empty), 990) << quality.list;
  EXPECT_GE(quality.milli_of(quality.best), 910);
}

TEST(ConsolidateSets, KeepsLimitsAndStillSavesNearlyWhatTheBestSetWould) {
  Quality quality;
  for (std::uint64_t seed = 1; seed <= 120; ++seed) {
    Prng prng(1000 + seed);
    Ground ground(types());
    testing::small_cluster(ground, prng, 2 + prng.below(4), 3 + prng.below(6));
    cluster::Snapshot snapshot = ground.standing.snapshot();
    for (Running& pod : snapshot.pods) {
      pod.fixed = prng.below(10) == 0;
      pod.budget = prng.below(3) == 0 ? static_cast<std::uint32_t>(prng.below(2)) : cluster::kNone;
    }
    for (cluster::Node& node : snapshot.nodes) node.kept = prng.below(8) == 0;
    snapshot.budgets = {static_cast<std::int64_t>(prng.below(2)), 2};
    ConsolidateLimits limits = moves_only();
    limits.moves = static_cast<std::int64_t>(1 + prng.below(5));
    Standing standing(snapshot, ground.market, ground.policy);
    compare(seed, standing, limits, quality);
  }
  // Measured: 93 instances; 1 below; $601.51 of $604.88; 11 with an empty node that had better
  // stay, $641.35 with those.
  EXPECT_GT(quality.instances, 70);
  EXPECT_LE(quality.below, 1) << quality.list;
  EXPECT_GE(quality.milli_of(quality.best_with_empty), 990) << quality.list;
  EXPECT_GE(quality.milli_of(quality.best), 930);
}

/// Nodes with pods everywhere, some of which must stay. `small`: about three on each node.
void crowded(Ground& ground, Prng& prng, bool small) {
  const std::uint64_t nodes = 2 + prng.below(3);
  for (std::uint64_t n = 0; n < nodes; ++n)
    ground.node(prng.below(5) == 0 ? "g7e.2xlarge" : "p5.4xlarge");
  const char* profiles[] = {"1g.10gb", "1g.10gb", "1g.20gb", "2g.20gb", "1g.24gb"};
  const std::uint64_t pods = small ? 3 * nodes + prng.below(3) : 3 + prng.below(8);
  for (std::uint64_t p = 0; p < pods; ++p) {
    Running pod;
    pod.name = "pod-" + std::to_string(p);
    cluster::PodShape wants = shape(slice(profiles[prng.below(small ? 2 : 5)]), 500, 1024);
    if (prng.below(4) == 0) wants.requests.cpu_milli = 6000;
    pod.shape = ground.standing.shape(wants);
    pod.fixed = prng.below(12) == 0;
    pod.budget = static_cast<std::uint32_t>(prng.below(4));
    if (pod.budget > 1) pod.budget = cluster::kNone;
    testing::run_somewhere(ground, prng, pod);
  }
  ground.standing.budgets() = {static_cast<std::int64_t>(prng.below(2)), 2};
  if (prng.below(4) == 0)
    ground.standing.mark(static_cast<NodeId>(prng.below(nodes)), true, prng.below(2) == 0);
}

/// Is there a place for the shape on the node once these are elsewhere, and are there places for
/// all of them?
bool opens(Standing& standing, ShapeId wanted, NodeId node, const std::vector<PodId>& pods) {
  if (!movable(standing, pods)) return false;
  const bool room = testing::without(standing, pods, [&](const std::vector<Running>&) {
    return !testing::places_on(standing, wanted, node).empty();
  });
  return room && fit_elsewhere(standing, Nodes{1} << node, pods);
}

/// The fewest pods of one node, 0 to 3, whose moves let the shape fit there; by trying all sets.
std::optional<int> fewest_moves(Standing& standing, ShapeId wanted) {
  std::optional<int> fewest;
  for (NodeId node = 0; node < standing.nodes(); ++node) {
    const std::vector<PodId> here = standing.pods_on(node);
    for (std::uint32_t set = 0; set < 1U << here.size(); ++set) {
      const int count = count_of(set);
      if (count > 3 || (fewest && *fewest <= count)) continue;
      std::vector<PodId> pods;
      for (std::size_t i = 0; i < here.size(); ++i)
        if ((set >> i & 1) != 0) pods.push_back(here[i]);
      if (opens(standing, wanted, node, pods)) fewest = count;
    }
  }
  return fewest;
}

TEST(OpenSlotSets, MovesAsFewPodsOfOneNodeAsTryingAllSetsOfUpToThree) {
  std::map<int, int> by_moves;
  int never = 0;
  for (std::uint64_t seed = 1; seed <= 240; ++seed) {
    Prng prng(seed);
    Ground ground(types());
    Standing& standing = ground.standing;
    const bool small = seed % 2 == 0;
    crowded(ground, prng, small);
    const char* profiles[] = {"3g.40gb", "4g.40gb", "4g.96gb", "7g.80gb"};
    const std::string profile = small ? "7g.80gb" : profiles[prng.below(4)];
    cluster::PodShape wants = shape(slice(profile), 4000, 1024);
    wants.requests.pods = 1;
    const ShapeId wanted = standing.shape(wants);
    const std::optional<int> fewest = fewest_moves(standing, wanted);
    ConsolidateLimits limits = moves_only();
    limits.moves = 3;
    const auto opened = open_slot(standing, limits, wanted, {6'880'000});
    ASSERT_EQ(opened.has_value(), fewest.value_or(0) > 0) << seed;
    ++(fewest ? by_moves[*fewest] : never);
    if (!opened) continue;
    EXPECT_EQ(std::ssize(opened->moves), *fewest) << seed;
    limits.moves = *fewest;
    EXPECT_EQ(why_stale(standing, limits, *opened), "") << seed;
    limits.moves = *fewest - 1;
    EXPECT_FALSE(open_slot(standing, limits, wanted, {6'880'000}).has_value()) << seed;
    const MicroUsdPerHour bill = standing.bill();
    carry_out(standing, *opened);
    EXPECT_EQ(standing.bill(), bill) << seed;
    for (const std::int64_t left : standing.budgets()) EXPECT_GE(left, 0) << seed;
    ASSERT_TRUE(standing.fits(wanted, opened->slot_node, opened->slot)) << seed;
    Running pod;
    pod.name = "wanted-0";
    pod.shape = wanted;
    pod.node = opened->slot_node;
    standing.run(pod, opened->slot);
    EXPECT_EQ(ground.faults(), std::vector<std::string>{}) << seed;
  }
  EXPECT_GT(by_moves[0], 20);
  EXPECT_GT(by_moves[1], 15);
  EXPECT_GT(by_moves[2], 10);
  EXPECT_GT(by_moves[3], 5);
  EXPECT_GT(never, 50);
}

}  // namespace
}  // namespace kerf::online
