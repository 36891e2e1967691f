// Ranking: always what scoring every node anew would give, and no look at nodes that stood still.
#include "core/online/ranking.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "base/prng.h"

namespace kerf::online {
namespace {

/// Scores from a table that tests change.
class Table final : public Scorer {
 public:
  std::map<std::pair<AskId, NodeIndex>, std::int64_t> scores;
  std::optional<std::int64_t> score(AskId ask, NodeIndex node) override {
    const auto at = scores.find({ask, node});
    if (at == scores.end()) return std::nullopt;
    return at->second;
  }
};

TEST(Ranking, LooksOnlyAtNodesThatChanged) {
  Table table;
  Ranking ranking(table);
  for (NodeIndex node = 0; node < 1000; ++node) {
    table.scores[{0, node}] = 1000 - node;
    ranking.add(node, 0);
  }
  EXPECT_EQ(ranking.best(0)->node, 999U);
  EXPECT_EQ(ranking.scored(), 1000U);
  EXPECT_EQ(ranking.best(0)->node, 999U);
  EXPECT_EQ(ranking.scored(), 1000U) << "nothing changed";
  table.scores[{0, 5}] = 0;
  ranking.changed(5);
  ranking.changed(5);
  EXPECT_EQ(ranking.best(0)->node, 5U);
  EXPECT_EQ(ranking.scored(), 1001U) << "one node changed, twice";
}

TEST(Ranking, TiesGoToTheRankThenTheIndex) {
  Table table;
  Ranking ranking(table);
  for (NodeIndex node = 0; node < 4; ++node) {
    table.scores[{0, node}] = 7;
    ranking.add(node, node == 2 ? 1 : 5);
  }
  auto walk = ranking.walk(0);
  std::vector<NodeIndex> order;
  while (const auto next = walk.next()) order.push_back(next->node);
  EXPECT_EQ(order, (std::vector<NodeIndex>{2, 0, 1, 3}));
}

TEST(Ranking, IsWhatScoringEverythingAnewGives) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Prng prng(seed);
    Table table;
    Ranking ranking(table);
    std::map<NodeIndex, std::uint32_t> ranks;
    for (int step = 0; step < 200; ++step) {
      const auto node = static_cast<NodeIndex>(prng.below(40));
      const bool present = ranks.count(node) != 0;
      if (!present) {
        ranks[node] = static_cast<std::uint32_t>(prng.below(5));
      } else if (prng.below(6) == 0) {
        ranks.erase(node);
        ranking.removed(node);
        continue;
      }
      for (AskId ask = 0; ask < 3; ++ask) {
        if (prng.below(4) == 0) table.scores.erase({ask, node});
        else table.scores[{ask, node}] = static_cast<std::int64_t>(prng.below(10)) - 3;
      }
      if (present) ranking.changed(node);
      else ranking.add(node, ranks[node]);
      const auto ask = static_cast<AskId>(prng.below(3));
      std::vector<std::tuple<std::int64_t, std::uint32_t, NodeIndex>> expected;
      for (const auto& [n, rank] : ranks)
        if (const auto score = table.score(ask, n)) expected.emplace_back(*score, rank, n);
      std::sort(expected.begin(), expected.end());
      const auto best = ranking.best(ask);
      ASSERT_EQ(best.has_value(), !expected.empty()) << seed;
      auto walk = ranking.walk(ask);
      for (const auto& [score, rank, n] : expected) {
        const auto next = walk.next();
        ASSERT_TRUE(next.has_value()) << seed;
        EXPECT_EQ(*next, (Ranking::Ranked{n, score})) << seed << " step " << step;
      }
      EXPECT_FALSE(walk.next().has_value());
    }
  }
}

}  // namespace
}  // namespace kerf::online
