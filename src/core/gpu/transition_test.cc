// Tests of choosing a layout: arrange, transition, containing and exactly, against plain search.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>
#include <tuple>

#include "base/prng.h"
#include "codec/catalogue.h"
#include "core/gpu/geometry.h"

namespace kerf::gpu {
namespace {

using State = Geometry::State;

const Model& model(std::string_view key) { return *codec::builtin_catalogue().find(key); }

Placed placed(const Model& m, std::string_view name, int start) {
  return {static_cast<std::uint8_t>(m.profile_named(name).value()),
          static_cast<std::uint8_t>(start)};
}

Counts counts_of(const Model& m, const std::vector<std::string>& names) {
  Counts counts(m.profiles.size(), 0);
  for (const std::string& name : names) ++counts[m.profile_named(name).value()];
  return counts;
}

std::set<Placed> set_of(const Layout& layout) { return {layout.begin(), layout.end()}; }

/// The layout as it is compared: by start, then profile.
std::vector<std::pair<int, int>> key_of(const Layout& layout) {
  std::vector<std::pair<int, int>> key;
  for (const Placed p : layout) key.emplace_back(p.start, p.profile);
  return key;
}

int room_left(const Geometry& g, State s) {
  int sum = 0;
  for (std::size_t p = 0; p < g.model().profiles.size(); ++p) {
    sum += g.room(s, p) * g.model().profiles[p].slots;
  }
  return sum;
}

bool at_least(const Counts& have, const std::vector<int>& need) {
  for (std::size_t p = 0; p < have.size(); ++p) {
    if (have[p] < need[p]) return false;
  }
  return true;
}

using Rank = std::tuple<int, int, int, std::vector<std::pair<int, int>>>;

/// The best target by definition: sets of slices, no masks.
std::optional<State> plain_transition(const Geometry& g, State from, const Layout& untouched,
                                      const Counts& wanted) {
  const std::set<Placed> before = set_of(g.layout(from));
  std::vector<int> need(wanted.begin(), wanted.end());
  for (const Placed p : untouched) ++need[p.profile];
  std::optional<State> best;
  Rank least;
  for (std::size_t i = 0; i < g.states(); ++i) {
    const auto s = static_cast<State>(i);
    if (!at_least(g.counts(s), need)) continue;
    const std::set<Placed> after = set_of(g.layout(s));
    const bool keeps = std::all_of(untouched.begin(), untouched.end(),
                                   [&](Placed p) { return after.contains(p); });
    if (!keeps) continue;
    const auto lost =
        std::count_if(before.begin(), before.end(), [&](Placed p) { return !after.contains(p); });
    const auto made =
        std::count_if(after.begin(), after.end(), [&](Placed p) { return !before.contains(p); });
    Rank rank = {static_cast<int>(lost), static_cast<int>(made), -room_left(g, s),
                 key_of(g.layout(s))};
    if (!best || rank < least) {
      best = s;
      least = std::move(rank);
    }
  }
  return best;
}

/// Compares one call with the search, and the lists with the two layouts.
void check_transition(const Geometry& g, State from, const Layout& untouched,
                      const Counts& wanted) {
  const auto got = g.transition(from, untouched, wanted);
  const auto expected = plain_transition(g, from, untouched, wanted);
  ASSERT_EQ(got.has_value(), expected.has_value()) << format_layout(g.model(), g.layout(from));
  if (!got) return;
  ASSERT_EQ(got->to, *expected) << format_layout(g.model(), g.layout(from)) << " keeping "
                                << format_layout(g.model(), untouched) << ": "
                                << format_layout(g.model(), g.layout(got->to)) << " instead of "
                                << format_layout(g.model(), g.layout(*expected));
  std::set<Placed> slices = set_of(g.layout(from));
  for (const Placed p : got->destroy) ASSERT_EQ(slices.erase(p), 1u);
  for (const Placed p : got->create) ASSERT_TRUE(slices.insert(p).second);
  ASSERT_EQ(slices, set_of(g.layout(got->to)));
  for (const Placed p : untouched) ASSERT_TRUE(slices.contains(p));
}

Layout subset_of(const Layout& layout, std::size_t bits) {
  Layout part;
  for (std::size_t i = 0; i < layout.size(); ++i) {
    if ((bits >> i & 1) != 0) part.push_back(layout[i]);
  }
  return part;
}

TEST(Transition, IsTheLeastChangeForEveryStateOfAnA30) {
  const Geometry g(model("A30"));
  std::set<Counts> wanted;
  for (std::size_t s = 0; s < g.states(); ++s) wanted.insert(g.counts(static_cast<State>(s)));
  wanted.insert(counts_of(g.model(), {"4g.24gb", "1g.6gb"}));  // never possible
  int impossible = 0;
  for (std::size_t i = 0; i < g.states(); ++i) {
    const auto from = static_cast<State>(i);
    for (std::size_t bits = 0; bits < (std::size_t{1} << g.layout(from).size()); ++bits) {
      const Layout untouched = subset_of(g.layout(from), bits);
      for (const Counts& counts : wanted) {
        ASSERT_NO_FATAL_FAILURE(check_transition(g, from, untouched, counts));
        if (!g.transition(from, untouched, counts)) ++impossible;
      }
    }
  }
  EXPECT_GT(impossible, 0);
}

TEST(Transition, IsTheLeastChangeForSampledStatesOfLargerGpus) {
  for (const char* key : {"A100-40", "RTX-PRO-6000"}) {
    const Geometry g(model(key));
    Prng random(2026);
    for (int n = 0; n < 150; ++n) {
      const auto from = static_cast<State>(random.below(g.states()));
      const Layout untouched =
          subset_of(g.layout(from), random.below(std::uint64_t{1} << g.layout(from).size()));
      Counts wanted(g.model().profiles.size(), 0);
      for (std::uint64_t k = random.below(4); k > 0; --k) ++wanted[random.below(wanted.size())];
      ASSERT_NO_FATAL_FAILURE(check_transition(g, from, untouched, wanted)) << key;
    }
  }
}

TEST(Transition, ChangesNothingWhereNothingMoreIsWanted) {
  const Geometry g(model("A100-40"));
  const Counts nothing(g.model().profiles.size(), 0);
  for (std::size_t i = 0; i < g.states(); ++i) {
    const auto s = static_cast<State>(i);
    const auto same = g.transition(s, {}, nothing);
    ASSERT_TRUE(same);
    ASSERT_EQ(same->to, s);
    const auto taken = g.transition(s, g.layout(s), nothing);
    ASSERT_TRUE(taken);
    ASSERT_EQ(taken->to, s);
  }
}

TEST(Transition, DestroysOnlyWhatStandsInTheWay) {
  const Model& m = model("A100-40");
  const Geometry g(m);
  const Layout layout = {placed(m, "1g.5gb", 0), placed(m, "1g.5gb", 4), placed(m, "2g.10gb", 2)};
  const State from = *g.state(layout);
  const Layout busy = {placed(m, "2g.10gb", 2)};
  const auto change = g.transition(from, busy, counts_of(m, {"3g.20gb"}));
  ASSERT_TRUE(change);
  EXPECT_EQ(format_layout(m, change->destroy), "A100-40 [1g.5gb@4]");
  EXPECT_EQ(format_layout(m, change->create), "A100-40 [3g.20gb@4]");
  EXPECT_EQ(format_layout(m, g.layout(change->to)), "A100-40 [1g.5gb@0 2g.10gb@2 3g.20gb@4]");
  const Layout all_busy = {placed(m, "1g.5gb", 4), placed(m, "2g.10gb", 2)};
  EXPECT_FALSE(g.transition(from, all_busy, counts_of(m, {"3g.20gb"})));
}

TEST(Arrange, FindsTheLayoutThatTheDriversOwnOrderMisses) {
  // nvidia-smi mig -cgi 19,19,14,9 fails: the driver puts 1g at 6, then 4, 2g at 0.
  const Model& m = model("A100-40");
  const Geometry g(m);
  const State driver =
      *g.state(Layout{placed(m, "1g.5gb", 6), placed(m, "1g.5gb", 4), placed(m, "2g.10gb", 0)});
  const std::size_t three = *m.profile_named("3g.20gb");
  EXPECT_EQ(g.starts(driver, three), 0);
  EXPECT_EQ(g.room(driver, three), 0);
  const Counts counts = counts_of(m, {"1g.5gb", "1g.5gb", "2g.10gb", "3g.20gb"});
  const auto found = g.arrange(counts);
  ASSERT_TRUE(found);
  EXPECT_EQ(g.counts(*found), counts);
  EXPECT_FALSE(g.containing(counts).empty());
  const auto again = g.transition(driver, {}, counts);
  ASSERT_TRUE(again);
  EXPECT_EQ(format_layout(m, g.layout(again->to)),
            "A100-40 [2g.10gb@0 1g.5gb@2 1g.5gb@3 3g.20gb@4]");
  EXPECT_EQ(format_layout(m, again->destroy), "A100-40 [1g.5gb@4 1g.5gb@6]");
}

TEST(Arrange, KeepsFixedSlicesAndLeavesTheMostRoom) {
  for (const char* key : {"A30", "A100-40", "RTX-PRO-6000"}) {
    const Geometry g(model(key));
    Prng random(7);
    for (int n = 0; n < 200; ++n) {
      const auto seed = static_cast<State>(random.below(g.states()));
      const Layout part =
          subset_of(g.layout(seed), random.below(std::uint64_t{1} << g.layout(seed).size()));
      const State fixed = *g.state(part);
      const auto found = g.arrange(g.counts(seed), fixed);
      ASSERT_TRUE(found) << "the state itself is one";
      ASSERT_EQ(g.counts(*found), g.counts(seed));
      const std::set<Placed> slices = set_of(g.layout(*found));
      for (const Placed p : part) ASSERT_TRUE(slices.contains(p));
      for (const State other : g.exactly(g.counts(seed))) {
        const std::set<Placed> theirs = set_of(g.layout(other));
        if (!std::all_of(part.begin(), part.end(), [&](Placed p) { return theirs.contains(p); })) {
          continue;
        }
        ASSERT_GE(room_left(g, *found), room_left(g, other));
        if (room_left(g, *found) == room_left(g, other)) {
          ASSERT_LE(key_of(g.layout(*found)), key_of(g.layout(other)));
        }
      }
    }
  }
}

TEST(Arrange, SaysNoWhereTheCountsFitButTheFixedSlicesStandInTheWay) {
  const Model& m = model("A100-40");
  const Geometry g(m);
  const State fixed = *g.state(Layout{placed(m, "1g.5gb", 0), placed(m, "1g.5gb", 4)});
  const Counts counts = counts_of(m, {"1g.5gb", "1g.5gb", "3g.20gb"});
  EXPECT_TRUE(g.arrange(counts));
  EXPECT_FALSE(g.arrange(counts, fixed));
  EXPECT_FALSE(g.arrange(counts_of(m, {"4g.20gb", "4g.20gb"})));
}

TEST(Arrange, PutsALoneSmallSliceWhereItHurtsLeast) {
  const Model& m = model("A100-40");
  const Geometry g(m);
  const auto found = g.arrange(counts_of(m, {"1g.5gb"}));
  ASSERT_TRUE(found);
  int best = 0;
  for (const State s : g.exactly(counts_of(m, {"1g.5gb"}))) best = std::max(best, room_left(g, s));
  EXPECT_EQ(room_left(g, *found), best);
  EXPECT_EQ(format_layout(m, g.layout(*found)), "A100-40 [1g.5gb@6]");
}

TEST(Containing, ListsExactlyTheStatesWithThoseCounts) {
  const Geometry g(model("A30"));
  for (std::size_t i = 0; i < g.states(); ++i) {
    const Counts& counts = g.counts(static_cast<State>(i));
    std::vector<State> more;
    std::vector<State> same;
    for (std::size_t s = 0; s < g.states(); ++s) {
      const auto state = static_cast<State>(s);
      if (at_least(g.counts(state), {counts.begin(), counts.end()})) more.push_back(state);
      if (g.counts(state) == counts) same.push_back(state);
    }
    ASSERT_EQ(g.containing(counts), more);
    ASSERT_EQ(g.exactly(counts), same);
  }
}

}  // namespace
}  // namespace kerf::gpu
