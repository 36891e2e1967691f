// The choice of devices against all choices that there are, and the rules by examples.
#include "core/agent/prefer.h"

#include <gtest/gtest.h>

#include <bit>
#include <functional>

#include "base/prng.h"
#include "codec/catalogue.h"

namespace kerf::agent {
namespace {

using Ids = std::vector<std::string>;

const gpu::Geometry& geometry(const std::string& key) {
  static std::map<std::string, gpu::Geometry> all;
  return all.try_emplace(key, *codec::builtin_catalogue().find(key)).first->second;
}

Offer offer(const std::string& model, std::uint32_t gpu, const std::string& form,
            std::uint8_t start) {
  Offer it;
  it.id = control::device_id(gpu, form, start);
  it.stays = it.published = it.known = true;
  it.gpu = gpu;
  it.shape = *shape_of(codec::builtin_catalogue().find(model), form, start);
  return it;
}

gpu::Placed placed(const std::string& model, const std::string& form, std::uint8_t start) {
  return {static_cast<std::uint8_t>(*geometry(model).model().profile_named(form)), start};
}

std::map<std::uint32_t, OfferGpu> gpus(std::size_t n, const std::string& model) {
  std::map<std::uint32_t, OfferGpu> all;
  for (std::uint32_t i = 0; i < n; ++i) all[i].geometry = &geometry(model);
  return all;
}

std::vector<Offer> ones(std::uint32_t gpu, const std::vector<int>& starts) {
  std::vector<Offer> offers;
  for (const int start : starts)
    offers.push_back(offer("A100-40", gpu, "1g.5gb", static_cast<std::uint8_t>(start)));
  return offers;
}

std::vector<Offer> operator+(std::vector<Offer> a, const std::vector<Offer>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST(Prefer, LeavesTheWidestHolesOfAnEmptyGpu) {
  // At the end, where 4g.20gb@0 and all 2g.10gb stay possible.
  EXPECT_EQ(prefer(ones(0, {0, 1, 2, 3, 4, 5, 6}), {}, 1, gpus(1, "A100-40")),
            Ids{"gpu0/1g.5gb@6"});
  EXPECT_EQ(prefer(ones(0, {0, 1, 2, 3, 4, 5, 6}), {}, 2, gpus(1, "A100-40")),
            (Ids{"gpu0/1g.5gb@4", "gpu0/1g.5gb@5"}));
}

TEST(Prefer, FillsTheHoleBesideWhatIsUsed) {
  auto all = gpus(1, "A100-40");
  all[0].used = {placed("A100-40", "1g.5gb", 1)};
  EXPECT_EQ(prefer(ones(0, {0, 2, 3, 4, 5, 6}), {}, 1, all), Ids{"gpu0/1g.5gb@0"});
  all[0].used = {placed("A100-40", "1g.5gb", 4), placed("A100-40", "1g.5gb", 2)};
  EXPECT_EQ(prefer(ones(0, {0, 1, 3, 5, 6}), {}, 1, all), Ids{"gpu0/1g.5gb@3"});
}

TEST(Prefer, TakesTheFullestGpuFirst) {
  auto all = gpus(3, "A100-40");
  all[1].used = {placed("A100-40", "2g.10gb", 0)};
  all[2].used = {placed("A100-40", "3g.20gb", 0)};
  const auto offers = ones(0, {0, 1}) + ones(1, {2, 3}) + ones(2, {4, 5});
  EXPECT_EQ(prefer(offers, {}, 3, all), (Ids{"gpu2/1g.5gb@4", "gpu2/1g.5gb@5", "gpu1/1g.5gb@2"}));
  EXPECT_EQ(prefer(offers, {"gpu0/1g.5gb@1"}, 2, all), (Ids{"gpu0/1g.5gb@1", "gpu2/1g.5gb@4"}));
}

TEST(Prefer, TakesWhatStaysThenWhatIsPublishedThenWhatIsNarrow) {
  std::vector<Offer> offers = ones(0, {0, 1, 2});
  offers[0].stays = false;
  offers[1].published = false;
  offers.push_back(offer("A100-40", 0, "2g.10gb", 4));
  offers.push_back({});
  offers.back().id = "other";
  EXPECT_EQ(prefer(offers, {}, 9, gpus(1, "A100-40")),
            (Ids{"gpu0/1g.5gb@2", "gpu0/2g.10gb@4", "gpu0/1g.5gb@1", "gpu0/1g.5gb@0", "other"}));
}

TEST(Prefer, PacksReplicasOnTheGpuThatHasPodsAlready) {
  std::vector<Offer> offers;
  for (const std::uint32_t gpu : {0U, 1U})
    for (std::uint8_t start = 0; start < 3; ++start)
      offers.push_back(offer("T4", gpu, "replica/4", start));
  std::map<std::uint32_t, OfferGpu> all;
  all[1].used_replicas = 1;
  EXPECT_EQ(prefer(offers, {}, 1, all), Ids{"gpu1/replica/4@0"});
  EXPECT_EQ(prefer(offers, {}, 4, all),
            (Ids{"gpu1/replica/4@0", "gpu1/replica/4@1", "gpu1/replica/4@2", "gpu0/replica/4@0"}));
}

std::vector<Offer> wholes(std::size_t n) {
  std::vector<Offer> offers;
  for (std::uint32_t i = 0; i < n; ++i) offers.push_back(offer("H100-80", i, "whole", 0));
  return offers;
}

void link(std::map<std::uint32_t, OfferGpu>& all, std::uint32_t a, std::uint32_t b, int links) {
  all[a].links[b] = all[b].links[a] = links;
}

TEST(Prefer, KeepsBridgedPairsTogether) {
  std::map<std::uint32_t, OfferGpu> all;
  link(all, 0, 2, 12);
  link(all, 1, 3, 12);
  EXPECT_EQ(prefer(wholes(4), {}, 2, all), (Ids{"gpu0/whole@0", "gpu2/whole@0"}));
  EXPECT_EQ(prefer(wholes(4), {"gpu1/whole@0"}, 2, all), (Ids{"gpu1/whole@0", "gpu3/whole@0"}));
  // A single one: of five, the one without a bridge.
  EXPECT_EQ(prefer(wholes(5), {}, 1, all), Ids{"gpu4/whole@0"});
  EXPECT_EQ(prefer(wholes(5), {}, 3, all), (Ids{"gpu0/whole@0", "gpu2/whole@0", "gpu4/whole@0"}));
}

TEST(Prefer, TakesTheFirstWhereAllAreLinkedAlike) {
  std::map<std::uint32_t, OfferGpu> all;
  for (std::uint32_t a = 0; a < 8; ++a)
    for (std::uint32_t b = 0; b < a; ++b) link(all, a, b, 18);
  EXPECT_EQ(prefer(wholes(8), {}, 3, all), (Ids{"gpu0/whole@0", "gpu1/whole@0", "gpu2/whole@0"}));
  EXPECT_EQ(prefer(wholes(40), {}, 2, {}), (Ids{"gpu0/whole@0", "gpu1/whole@0"})) << "beyond 16";
}

/// The same in other words: all sets, as bits, each judged by what it leaves.
std::uint32_t best_of_all(std::size_t n, std::size_t size,
                          const std::function<std::vector<std::int64_t>(std::uint32_t)>& value) {
  std::uint32_t best = 0;
  std::vector<std::int64_t> most;
  for (std::uint32_t set = 1; set < (1U << n); ++set) {
    if (std::popcount(set) != static_cast<int>(size)) continue;
    std::vector<std::int64_t> is = value(set);
    // Of equal ones, that with the first members: the least when read from its first member on.
    const auto reversed = [n](std::uint32_t bits) {
      std::uint32_t out = 0;
      for (std::size_t i = 0; i < n; ++i) out |= ((bits >> i) & 1U) << (n - 1 - i);
      return out;
    };
    if (best == 0 || is > most || (is == most && reversed(set) > reversed(best))) {
      best = set;
      most = is;
    }
  }
  return best;
}

TEST(Prefer, OfOneGpuIsTheBestOfAllSetsBesideEveryLayoutInUse) {
  const std::string key = "A100-40";
  const gpu::Geometry& all = geometry(key);
  Prng prng(3);
  std::size_t tried = 0;
  for (gpu::Geometry::State in_use = 0; in_use < all.states(); ++in_use) {
    // What is free is cut into slices of one profile, as it comes.
    const std::size_t profile = prng.below(all.model().profiles.size());
    std::vector<Offer> offers;
    gpu::Geometry::State state = in_use;
    for (const std::uint8_t start : all.model().profiles[profile].starts) {
      const auto item = all.item({static_cast<std::uint8_t>(profile), start});
      if (((all.addable(state) >> *item) & 1U) == 0) continue;
      state = all.added(state, *item);
      offers.push_back(offer(key, 0, all.model().profiles[profile].name, start));
    }
    if (offers.empty()) continue;
    ++tried;
    const std::size_t size = 1 + prng.below(offers.size());
    const std::uint32_t best = best_of_all(offers.size(), size, [&](std::uint32_t set) {
      gpu::Layout after = all.layout(in_use);
      for (std::size_t i = 0; i < offers.size(); ++i)
        if ((set >> i) & 1U)
          after.push_back({static_cast<std::uint8_t>(profile), offers[i].shape.start});
      const std::uint64_t addable = all.addable(*all.state(after));
      std::vector<std::int64_t> placements;
      for (int slots = all.model().slots; slots > 0; --slots) {
        placements.push_back(0);
        for (std::size_t i = 0; i < all.items().size(); ++i)
          if (((addable >> i) & 1U) != 0 &&
              all.model().profiles[all.items()[i].profile].slots == slots)
            ++placements.back();
      }
      return placements;
    });
    Ids expected;
    for (std::size_t i = 0; i < offers.size(); ++i)
      if ((best >> i) & 1U) expected.push_back(offers[i].id);
    std::map<std::uint32_t, OfferGpu> gpu = gpus(1, key);
    gpu[0].used = all.layout(in_use);
    EXPECT_EQ(prefer(offers, {}, size, gpu), expected) << "state " << in_use;
  }
  EXPECT_GT(tried, 50U);
}

TEST(Prefer, OfWholeGpusIsTheBestOfAllSets) {
  Prng prng(4);
  for (int round = 0; round < 400; ++round) {
    const std::size_t n = 1 + prng.below(7);
    std::map<std::uint32_t, OfferGpu> all;
    for (std::uint32_t a = 0; a < n; ++a)
      for (std::uint32_t b = 0; b < a; ++b)
        if (prng.below(2) == 0) link(all, a, b, static_cast<int>(prng.below(3)));
    const std::size_t size = 1 + prng.below(n);
    const std::uint32_t best = best_of_all(n, size, [&](std::uint32_t set) {
      std::vector<std::int64_t> value = {0, 0};
      for (std::uint32_t a = 0; a < n; ++a)
        for (std::uint32_t b = 0; b < a; ++b) {
          const bool in_a = ((set >> a) & 1U) != 0;
          const bool in_b = ((set >> b) & 1U) != 0;
          if (in_a == in_b && all[a].links.contains(b)) value[in_a ? 0 : 1] += all[a].links[b];
        }
      return value;
    });
    Ids expected;
    for (std::uint32_t i = 0; i < n; ++i)
      if ((best >> i) & 1U) expected.push_back(control::device_id(i, "whole", 0));
    EXPECT_EQ(prefer(wholes(n), {}, size, all), expected) << round;
  }
}

}  // namespace
}  // namespace kerf::agent
