// The bound on what can be allocated, on sets of shares that can be packed by hand.
#include "fgd/packing_bound.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "base/prng.h"
#include "fgd/trace.h"
#include "solver/clp.h"

namespace kerf::fgd {
namespace {

std::optional<double> most(std::int64_t gpus, const std::map<std::int32_t, Shares>& shares) {
  return most_allocated(gpus, shares, *solver::make_clp());
}

TEST(PackingBound, CountsWhatIsLeftBesideLargeShares) {
  EXPECT_NEAR(*most(10, {{810, {0, 20}}}), 8100, 1e-3);
  EXPECT_NEAR(*most(10, {{810, {0, 20}}, {190, {0, 4}}}), 8100 + 4 * 190, 1e-3);
}

TEST(PackingBound, PrefersWhatFillsUnlessOthersStay) {
  const auto with = [](std::int64_t staying) {
    return *most(10, {{1000, {0, 10}}, {810, {staying, 10}}});
  };
  EXPECT_NEAR(with(0), 10'000, 1e-3);
  EXPECT_NEAR(with(5), 5 * 810 + 5 * 1000, 1e-3);
}

TEST(PackingBound, SaysThatWhatStaysDoesNotFit) {
  EXPECT_FALSE(most(10, {{600, {11, 11}}}).has_value());
  EXPECT_TRUE(most(10, {{600, {10, 11}}}).has_value());
}

TEST(PackingBound, IsNoLessThanWhatFirstFitPuts) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Prng prng(seed);
    std::map<std::int32_t, Shares> shares;
    std::vector<std::int32_t> left(5 + prng.below(10), kWholeGpu);
    std::int64_t put = 0;
    for (int i = 0; i < 40; ++i) {
      const auto size = static_cast<std::int32_t>(50 + prng.below(20) * 50);
      ++shares[size].arrived;
      for (std::int32_t& gpu : left) {
        if (gpu < size) continue;
        gpu -= size;
        put += size;
        ++shares[size].staying;
        break;
      }
    }
    const auto bound = most(static_cast<std::int64_t>(left.size()), shares);
    ASSERT_TRUE(bound.has_value()) << seed;
    EXPECT_GE(*bound + 1e-3, static_cast<double>(put)) << seed;
    EXPECT_LE(*bound, static_cast<double>(left.size()) * kWholeGpu + 1e-3) << seed;
  }
}

}  // namespace
}  // namespace kerf::fgd
