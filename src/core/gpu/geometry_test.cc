// Tests of the geometry's tables against published counts and against a brute force of its own.
#include "core/gpu/geometry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>

#include "codec/catalogue.h"

namespace kerf::gpu {
namespace {

using State = Geometry::State;

const Model& model(std::string_view key) { return *codec::builtin_catalogue().find(key); }

/// A second 1g profile, of more memory: the same compute slices as a narrower plain one.
bool double_memory(const Model& m, const Profile& p) {
  return !p.special() && std::any_of(m.profiles.begin(), m.profiles.end(), [&](const Profile& q) {
    return !q.special() && q.compute_slices == p.compute_slices && q.slots < p.slots;
  });
}

/// The model with only the profiles of one of the sets that enumeration.txt names.
Model restricted(const Model& m, std::string_view set) {
  Model out = m;
  std::erase_if(out.profiles, [&](const Profile& p) {
    if (set == "all") return false;
    return p.special() || (set == "base" && double_memory(m, p));
  });
  return out;
}

/// Legal placed, legal multisets, maximal placed, maximal multisets.
using Tally = std::array<int, 4>;

Tally tally(const Model& m) {
  const Geometry g(m);
  std::set<Counts> legal;
  std::set<Counts> maximal;
  int maximal_placed = 0;
  for (std::size_t s = 0; s < g.states(); ++s) {
    const auto state = static_cast<State>(s);
    legal.insert(g.counts(state));
    if (!g.maximal(state)) continue;
    ++maximal_placed;
    maximal.insert(g.counts(state));
  }
  return {static_cast<int>(g.states()), static_cast<int>(legal.size()), maximal_placed,
          static_cast<int>(maximal.size())};
}

TEST(Geometry, HasTheKnownNumbersOfLayouts) {
  // 19 maximal layouts of the A100's plain profiles: the "19 configurations" of NVIDIA's figures.
  EXPECT_EQ(tally(restricted(model("A100-40"), "base")), (Tally{298, 38, 19, 14}));
  EXPECT_EQ(tally(restricted(model("A100-40"), "base+double-mem")), (Tally{723, 78, 78, 38}));
  EXPECT_EQ(tally(model("A100-40")), (Tally{2319, 128, 239, 64}));
  EXPECT_EQ(tally(restricted(model("A30"), "base")), (Tally{26, 10, 5, 4}));
  EXPECT_EQ(tally(model("A30")), (Tally{76, 20, 17, 8}));
  EXPECT_EQ(tally(restricted(model("RTX-PRO-6000"), "base")), (Tally{26, 10, 5, 4}));
  EXPECT_EQ(tally(model("RTX-PRO-6000")), (Tally{717, 115, 302, 64}));
}

TEST(Geometry, AgreesWithTheIndependentEnumerationOfEveryModel) {
  std::ifstream in(KERF_SHARED_DIR "/data/mig/enumeration.txt");
  if (!in) GTEST_SKIP() << "no reference data at " KERF_SHARED_DIR "/data/mig";
  const std::map<std::string, std::string> keys = {{"A100-40GB", "A100-40"},
                                                   {"A100-80GB", "A100-80"},
                                                   {"H100-80GB", "H100-80"},
                                                   {"H100-94GB-NVL", "H100-94"},
                                                   {"H100-96GB", "H100-96"},
                                                   {"PG506-96GB", "PG506-96"},
                                                   {"GH200-144GB", "GH200-144"},
                                                   {"H200-141GB", "H200"},
                                                   {"B200", "B200"},
                                                   {"GB200", "GB200"},
                                                   {"B300", "B300"},
                                                   {"GB300", "GB300"},
                                                   {"A30-24GB", "A30"},
                                                   {"RTX-PRO-6000-96GB", "RTX-PRO-6000"},
                                                   {"RTX-PRO-5000-48GB", "RTX-PRO-5000"},
                                                   {"RTX-PRO-4500-32GB", "RTX-PRO-4500"}};
  std::string line;
  std::getline(in, line);  // the header
  int compared = 0;
  std::set<std::string> seen;
  while (std::getline(in, line)) {
    std::istringstream words(line);
    std::string name;
    std::string set;
    words >> name >> set;
    ASSERT_TRUE(keys.contains(name)) << name;
    const Model& m = model(keys.at(name));
    seen.insert(name);
    Tally expected{};
    if (!(words >> expected[0] >> expected[1] >> expected[2] >> expected[3])) {
      EXPECT_FALSE(m.cuttable()) << line;
      continue;
    }
    EXPECT_EQ(tally(restricted(m, set)), expected) << line;
    ++compared;
  }
  EXPECT_EQ(seen.size(), 16u);
  EXPECT_EQ(compared, 40);
}

/// Legal states straight from the rows: each subset is judged as a whole, by comparing intervals
/// and adding up engines; nothing is shared with the code under test but the rows themselves.
class BruteForce {
 public:
  explicit BruteForce(const Model& m) : model_(m) {
    for (const Profile& p : m.profiles) {
      if (p.id == 0) full_ = &p;  // NVML's id of the full-GPU profile on every model
    }
    for (std::size_t p = 0; p < m.profiles.size(); ++p) {
      for (const std::uint8_t s : m.profiles[p].starts) {
        items_.push_back({static_cast<std::uint8_t>(p), s});
      }
    }
    std::vector<Placed> chosen;
    decide(0, chosen);
  }

  const std::set<std::vector<Placed>>& legal() const { return legal_; }
  const std::vector<Placed>& items() const { return items_; }
  bool fits(std::vector<Placed> layout, Placed more) const {
    layout.push_back(more);
    std::sort(layout.begin(), layout.end());
    return judge(layout);
  }
  int room(const std::vector<Placed>& layout, std::uint8_t profile) const {
    int most = 0;
    for (const Placed item : items_) {
      if (item.profile != profile || !fits(layout, item)) continue;
      std::vector<Placed> next = layout;
      next.push_back(item);
      most = std::max(most, 1 + room(next, profile));
    }
    return most;
  }

 private:
  bool judge(const std::vector<Placed>& layout) const {
    std::vector<int> counts(model_.profiles.size(), 0);
    Engines sum{0, 0, 0, 0, 0};
    for (std::size_t i = 0; i < layout.size(); ++i) {
      const Profile& p = model_.profiles[layout[i].profile];
      for (std::size_t j = 0; j < i; ++j) {
        const Profile& q = model_.profiles[layout[j].profile];
        const bool apart = layout[i].start >= layout[j].start + q.slots ||
                           layout[j].start >= layout[i].start + p.slots;
        if (!apart) return false;
      }
      if (++counts[layout[i].profile] > p.max_instances) return false;
      const auto plus = [](std::int16_t& total, std::int16_t more) {
        if (more > 0) total = static_cast<std::int16_t>(total + more);
      };
      plus(sum.copy, p.engines.copy);
      plus(sum.decoders, p.engines.decoders);
      plus(sum.encoders, p.engines.encoders);
      plus(sum.jpeg, p.engines.jpeg);
      plus(sum.ofa, p.engines.ofa);
    }
    const Engines& all = full_->engines;
    return (all.copy < 0 || sum.copy <= all.copy) &&
           (all.decoders < 0 || sum.decoders <= all.decoders) &&
           (all.encoders < 0 || sum.encoders <= all.encoders) &&
           (all.jpeg < 0 || sum.jpeg <= all.jpeg) && (all.ofa < 0 || sum.ofa <= all.ofa);
  }

  void decide(std::size_t next, std::vector<Placed>& chosen) {
    if (!judge(chosen)) return;
    if (next == items_.size()) {
      legal_.insert(chosen);  // in item order: by profile, then start
      return;
    }
    decide(next + 1, chosen);
    chosen.push_back(items_[next]);
    decide(next + 1, chosen);
    chosen.pop_back();
  }

  const Model& model_;
  const Profile* full_ = nullptr;
  std::vector<Placed> items_;
  std::set<std::vector<Placed>> legal_;
};

class GeometryOfModel : public testing::TestWithParam<std::string> {};

TEST_P(GeometryOfModel, HasExactlyTheStatesOfTheBruteForce) {
  const Model& m = model(GetParam());
  const Geometry g(m);
  const BruteForce oracle(m);
  std::set<std::vector<Placed>> found;
  for (std::size_t s = 0; s < g.states(); ++s) {
    std::vector<Placed> layout = g.layout(static_cast<State>(s));
    EXPECT_EQ(g.state(layout), static_cast<State>(s));
    std::sort(layout.begin(), layout.end());
    EXPECT_EQ(g.state(layout), static_cast<State>(s)) << "any order names the same state";
    found.insert(layout);
  }
  EXPECT_EQ(found.size(), g.states()) << "no state twice";
  EXPECT_EQ(found, oracle.legal());
  EXPECT_TRUE(g.layout(0).empty());
}

TEST_P(GeometryOfModel, KnowsWhatFitsInEveryState) {
  const Model& m = model(GetParam());
  const Geometry g(m);
  const BruteForce oracle(m);
  ASSERT_EQ(std::vector<Placed>(g.items().begin(), g.items().end()), oracle.items());
  for (std::size_t i = 0; i < g.states(); ++i) {
    const auto s = static_cast<State>(i);
    std::uint64_t addable = 0;
    std::vector<std::uint16_t> starts(m.profiles.size(), 0);
    for (std::size_t k = 0; k < oracle.items().size(); ++k) {
      const Placed item = oracle.items()[k];
      if (!oracle.fits(g.layout(s), item)) continue;
      addable |= std::uint64_t{1} << k;
      starts[item.profile] = static_cast<std::uint16_t>(starts[item.profile] | (1u << item.start));
    }
    ASSERT_EQ(g.addable(s), addable) << format_layout(m, g.layout(s));
    ASSERT_EQ(g.maximal(s), addable == 0);
    for (std::size_t p = 0; p < m.profiles.size(); ++p) {
      ASSERT_EQ(g.starts(s, p), starts[p]) << format_layout(m, g.layout(s)) << m.profiles[p].name;
    }
  }
}

TEST_P(GeometryOfModel, CountsTheRoomOfEveryStateExactly) {
  const Model& m = model(GetParam());
  const Geometry g(m);
  const BruteForce oracle(m);
  for (std::size_t i = 0; i < g.states(); ++i) {
    const auto s = static_cast<State>(i);
    if (g.layout(s).empty()) continue;  // below: the recursion would take 7! steps here
    for (std::size_t p = 0; p < m.profiles.size(); ++p) {
      ASSERT_EQ(g.room(s, p), oracle.room(g.layout(s), static_cast<std::uint8_t>(p)))
          << format_layout(m, g.layout(s)) << ' ' << m.profiles[p].name;
    }
  }
  for (std::size_t p = 0; p < m.profiles.size(); ++p) {
    EXPECT_EQ(g.room(0, p), m.profiles[p].max_instances) << m.profiles[p].name;
  }
}

TEST_P(GeometryOfModel, LeadsFromStateToStateAndBack) {
  const Model& m = model(GetParam());
  const Geometry g(m);
  for (std::size_t i = 0; i < g.states(); ++i) {
    const auto s = static_cast<State>(i);
    Counts counts(m.profiles.size(), 0);
    for (const Placed placed : g.layout(s)) ++counts[placed.profile];
    ASSERT_EQ(g.counts(s), counts);
    for (std::size_t k = 0; k < g.items().size(); ++k) {
      if ((g.addable(s) >> k & 1) == 0) continue;
      const auto item = static_cast<Geometry::Item>(k);
      const State next = g.added(s, item);
      std::vector<Placed> larger = g.layout(s);
      larger.push_back(g.items()[k]);
      ASSERT_EQ(g.state(larger), next);
      ASSERT_EQ(g.removed(next, item), s);
    }
  }
}

TEST_P(GeometryOfModel, NumbersStatesInTheOrderOfTheirLayouts) {
  const Geometry g(model(GetParam()));
  const auto key = [&](std::size_t s) {
    std::vector<std::pair<int, int>> slices;
    for (const Placed p : g.layout(static_cast<State>(s))) slices.emplace_back(p.start, p.profile);
    EXPECT_TRUE(std::is_sorted(slices.begin(), slices.end()));
    return slices;
  };
  for (std::size_t s = 1; s < g.states(); ++s) ASSERT_LT(key(s - 1), key(s));
}

TEST_P(GeometryOfModel, NeverUsesMoreComputeSlicesThanThereAre) {
  // No rule of the geometry says so: the placement tables imply it.
  const Model& m = model(GetParam());
  const Geometry g(m);
  for (std::size_t s = 0; s < g.states(); ++s) {
    int used = 0;
    for (const Placed p : g.layout(static_cast<State>(s)))
      used += m.profiles[p.profile].compute_slices;
    ASSERT_LE(used, m.compute_slices);
  }
}

std::vector<std::string> cuttable_models() {
  std::vector<std::string> keys;
  for (const Model& m : codec::builtin_catalogue().models) {
    if (m.cuttable()) keys.push_back(m.key);
  }
  return keys;
}

INSTANTIATE_TEST_SUITE_P(Each, GeometryOfModel, testing::ValuesIn(cuttable_models()),
                         [](const auto& param) {
                           std::string name = param.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST(Geometry, RefusesLayoutsThatAreNotLegal) {
  const Model& m = model("A100-40");
  const Geometry g(m);
  const auto id = [&](const char* name) {
    return static_cast<std::uint8_t>(*m.profile_named(name));
  };
  const std::uint8_t one = id("1g.5gb");
  const std::uint8_t three = id("3g.20gb");
  EXPECT_EQ(g.state(std::vector<Placed>{{one, 0}, {one, 0}}), std::nullopt);
  EXPECT_EQ(g.state(std::vector<Placed>{{one, 3}, {three, 0}}), std::nullopt);
  EXPECT_EQ(g.state(std::vector<Placed>{{three, 2}}), std::nullopt);
  EXPECT_EQ(g.state(std::vector<Placed>{{one, 7}}), std::nullopt);
  EXPECT_EQ(g.state(std::vector<Placed>{{200, 0}}), std::nullopt);
  const std::uint8_t me = id("1g.5gb+me");
  EXPECT_NE(g.state(std::vector<Placed>{{me, 0}}), std::nullopt);
  EXPECT_EQ(g.state(std::vector<Placed>{{me, 0}, {me, 1}}), std::nullopt);
  EXPECT_EQ(g.item({three, 4}).has_value(), true);
  EXPECT_EQ(g.item({three, 1}).has_value(), false);
}

TEST(Geometry, KeepsMediaEnginesApartAsNvidiaSays) {
  // nvml.h: an ALL_ME instance excludes all but NO_ME ones.
  const Model& m = model("RTX-PRO-6000");
  const Geometry g(m);
  const auto all_me = static_cast<std::uint8_t>(*m.profile_named("1g.24gb+me.all"));
  const State s = *g.state(std::vector<Placed>{{all_me, 0}});
  for (std::size_t p = 0; p < m.profiles.size(); ++p) {
    const bool none = m.profiles[p].name.ends_with("-me");
    EXPECT_EQ(g.room(s, p) > 0, none) << m.profiles[p].name;
  }
}

TEST(Geometry, CountsProfilesThatFitByCountAndHaveNoStart) {
  const Model m = restricted(model("A100-40"), "base+double-mem");
  const Geometry g(m);
  int trapped = 0;
  for (std::size_t i = 0; i < g.states(); ++i) {
    const auto s = static_cast<State>(i);
    int slots = m.slots;
    int compute = m.compute_slices;
    for (const Placed placed : g.layout(s)) {
      slots -= m.profiles[placed.profile].slots;
      compute -= m.profiles[placed.profile].compute_slices;
    }
    bool any = false;
    for (std::size_t p = 0; p < m.profiles.size(); ++p) {
      const Profile& profile = m.profiles[p];
      const bool by_count = profile.slots <= slots && profile.compute_slices <= compute &&
                            g.counts(s)[p] < profile.max_instances;
      any = any || (by_count && g.starts(s, p) == 0);
    }
    if (any) ++trapped;
  }
  EXPECT_EQ(g.states(), 723u);
  EXPECT_EQ(trapped, 460);
}

TEST(Geometry, ListsTheCornerPointsOfTheCounts) {
  for (const char* key : {"A100-40", "A30", "RTX-PRO-6000"}) {
    const Model& m = model(key);
    const Geometry g(m);
    for (std::size_t subset = 0; subset < (std::size_t{1} << m.profiles.size()); ++subset) {
      std::vector<std::size_t> profiles;
      for (std::size_t p = 0; p < m.profiles.size(); ++p) {
        if ((subset >> p & 1) != 0) profiles.push_back(p);
      }
      const std::vector<Counts> corners = g.maximal_counts(profiles);
      ASSERT_TRUE(std::is_sorted(corners.begin(), corners.end(), std::greater<>()));
      if (subset % 7 != 3 && profiles.size() > 3) continue;  // the rest is quadratic: a sample
      const auto covered = [](const Counts& a, const Counts& by) {
        for (std::size_t p = 0; p < a.size(); ++p) {
          if (a[p] > by[p]) return false;
        }
        return true;
      };
      for (const Counts& a : corners) {
        EXPECT_FALSE(g.exactly(a).empty());
        for (const Counts& b : corners) ASSERT_TRUE(a == b || !covered(a, b));
      }
      for (std::size_t s = 0; s < g.states(); ++s) {
        const Counts& counts = g.counts(static_cast<State>(s));
        bool only = true;
        for (std::size_t p = 0; p < counts.size(); ++p) {
          only = only && (counts[p] == 0 || (subset >> p & 1) != 0);
        }
        if (!only) continue;
        ASSERT_TRUE(std::any_of(corners.begin(), corners.end(),
                                [&](const Counts& c) { return covered(counts, c); }));
      }
    }
  }
}

TEST(Geometry, CornerPointsOfAnA100AreThoseOfItsFigures) {
  const Model m = restricted(model("A100-40"), "base");
  const Geometry g(m);
  const std::vector<std::size_t> large = {*m.profile_named("3g.20gb"), *m.profile_named("4g.20gb"),
                                          *m.profile_named("7g.40gb")};
  // 1g, 2g, 3g, 4g, 7g.
  EXPECT_THAT(
      g.maximal_counts(large),
      testing::ElementsAre(Counts{0, 0, 2, 0, 0}, Counts{0, 0, 1, 1, 0}, Counts{0, 0, 0, 0, 1}));
  EXPECT_THAT(g.maximal_counts({}), testing::ElementsAre(Counts{0, 0, 0, 0, 0}));
}

}  // namespace
}  // namespace kerf::gpu
