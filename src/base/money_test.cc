// Tests of money: reading, printing, and splits that add up for any weights.
#include "base/money.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "base/prng.h"

namespace kerf {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();

std::int64_t parsed(std::string_view text) {
  const Result<MicroUsdPerHour> price = parse_usd_per_hour(text);
  if (!price) {
    ADD_FAILURE() << text << ": " << price.error().message();
    return -1;
  }
  return price->micro;
}

std::vector<std::int64_t> parts_of(std::int64_t total, const std::vector<std::int64_t>& weights) {
  std::vector<std::int64_t> parts;
  for (const MicroUsdPerHour part : split({total}, weights)) parts.push_back(part.micro);
  return parts;
}

TEST(Money, ReadsPricesAsTablesAndMetricsPagesWriteThem) {
  struct Case {
    std::string_view text;
    std::int64_t micro;
  };
  const Case cases[] = {
      {"0", 0},
      {"0.000000", 0},
      {"21.957642", 21'957'642},
      {"0.8", 800'000},
      {"113.9328", 113'932'800},
      {"000.5", 500'000},
      {"1e-05", 10},
      {"1E+2", 100'000'000},
      {"1.5e3", 1'500'000'000},
      {"2.1957642e1", 21'957'642},
      {"0e9999", 0},
      {"123456789e-9", 123'457},
      {"1e-400", 0},
      {"999999999", 999'999'999'000'000},
      {"999999999.999999", 999'999'999'999'999},
      {"0.0000000000000000000000000000000000000000000000000000000001", 0},
  };
  for (const Case& c : cases) EXPECT_EQ(parsed(c.text), c.micro) << c.text;
}

TEST(Money, RoundsBeyondSixDecimalsHalfUp) {
  EXPECT_EQ(parsed("0.0000004"), 0);
  EXPECT_EQ(parsed("0.0000005"), 1);
  EXPECT_EQ(parsed("0.00000049999"), 0);
  EXPECT_EQ(parsed("1.9999995"), 2'000'000);
  EXPECT_EQ(parsed("4e-7"), 0);
  EXPECT_EQ(parsed("5e-7"), 1);
  EXPECT_EQ(parsed("5e-8"), 0);
}

TEST(Money, RefusesWhatIsNoPrice) {
  for (const std::string_view text : {"",      "-1",
                                      "-0",    "+1",
                                      ".5",    "5.",
                                      "1.e3",  "1e",
                                      "1e+",   "1e12345",
                                      "1,5",   "$1",
                                      " 1",    "1 ",
                                      "0x10",  "NaN",
                                      "Inf",   "1.2.3",
                                      "1e3.5", "1000000000",
                                      "1e9",   "999999999.9999995",
                                      "1e300", "12345678901234567890"}) {
    const Result<MicroUsdPerHour> price = parse_usd_per_hour(text);
    ASSERT_FALSE(price.has_value()) << text;
    EXPECT_EQ(price.error().code(), ErrorCode::InvalidArgument);
    EXPECT_NE(price.error().message().find("expected dollars per hour"), std::string::npos);
  }
}

TEST(Money, RefusesEndlessDigitsWithoutRepeatingThem) {
  const Result<MicroUsdPerHour> price = parse_usd_per_hour(std::string(100'000, '0'));
  ASSERT_FALSE(price.has_value());
  EXPECT_LT(price.error().message().size(), 200u);
}

TEST(Money, PrintsDollarsForPeople) {
  EXPECT_EQ(format_usd({10'231'600'000}), "$10,231.60");
  EXPECT_EQ(format_usd({-1'000'000}), "-$1.00");
  EXPECT_EQ(format_usd({0}), "$0.00");
  EXPECT_EQ(format_usd({21'957'642}), "$21.96");
  EXPECT_EQ(format_usd({999'995'000}), "$1,000.00");
  EXPECT_EQ(format_usd({1'234'567'890'000'000}), "$1,234,567,890.00");
  EXPECT_EQ(format_usd({21'957'642}, 6), "$21.957642");
  EXPECT_EQ(format_usd({21'957'642}, 4), "$21.9576");
  EXPECT_EQ(format_usd({1'500'000}, 0), "$2");
}

TEST(Money, RoundsHalfAwayFromZeroAndWritesNoNegativeZero) {
  EXPECT_EQ(format_usd({5'000}), "$0.01");
  EXPECT_EQ(format_usd({4'999}), "$0.00");
  EXPECT_EQ(format_usd({-5'000}), "-$0.01");
  EXPECT_EQ(format_usd({-4'999}), "$0.00");
}

TEST(Money, PrintsTheExtremesOfItsRange) {
  EXPECT_EQ(format_usd({kMost}, 6), "$9,223,372,036,854.775807");
  EXPECT_EQ(format_usd({kLeast}, 6), "-$9,223,372,036,854.775808");
  EXPECT_EQ(format_exact({kLeast}), "-9223372036854.775808");
}

TEST(Money, PrintsTheExactValueWithoutTrailingZeros) {
  EXPECT_EQ(format_exact({21'957'642}), "21.957642");
  EXPECT_EQ(format_exact({800'000}), "0.8");
  EXPECT_EQ(format_exact({0}), "0");
  EXPECT_EQ(format_exact({100'000'000}), "100");
  EXPECT_EQ(format_exact({1}), "0.000001");
  EXPECT_EQ(format_exact({-1'500'000}), "-1.5");
}

TEST(Money, ReadsBackWhatItPrintsExactly) {
  Prng prng(7);
  for (int i = 0; i < 2'000; ++i) {
    const auto micro = static_cast<std::int64_t>(prng.below(1'000'000'000'000'000));
    EXPECT_EQ(parsed(format_exact({micro})), micro);
  }
}

TEST(Split, GivesWhatIsLeftToTheLargestRemainders) {
  EXPECT_EQ(parts_of(100, {1, 1, 1}), (std::vector<std::int64_t>{34, 33, 33}));
  EXPECT_EQ(parts_of(10, {1, 2, 4}), (std::vector<std::int64_t>{1, 3, 6}));
  EXPECT_EQ(parts_of(7, {0, 5, 0}), (std::vector<std::int64_t>{0, 7, 0}));
  EXPECT_EQ(parts_of(-100, {1, 1, 1}), (std::vector<std::int64_t>{-34, -33, -33}));
  EXPECT_EQ(parts_of(0, {3, 1}), (std::vector<std::int64_t>{0, 0}));
}

TEST(Split, IsEvenWhenNoWeightCounts) {
  EXPECT_EQ(parts_of(10, {0, 0, 0}), (std::vector<std::int64_t>{4, 3, 3}));
  EXPECT_TRUE(split({10}, {}).empty());
}

TEST(Split, StaysInRangeAtTheLargestTotalsAndWeights) {
  const std::vector<std::int64_t> even = {kMost, kMost, kMost, kMost};
  constexpr std::int64_t kQuarter = kMost / 4;  // 2^61 - 1, three units are left
  EXPECT_EQ(parts_of(kMost, even),
            (std::vector<std::int64_t>{kQuarter + 1, kQuarter + 1, kQuarter + 1, kQuarter}));
  EXPECT_EQ(parts_of(kLeast, {1}), (std::vector<std::int64_t>{kLeast}));
  EXPECT_EQ(parts_of(kLeast, {1, 1}), (std::vector<std::int64_t>{kLeast / 2, kLeast / 2}));
}

// For any weights: the parts add up, the larger weight never gets less, nothing goes to weight 0,
// no part is more than one unit from its quota, and the same input gives the same parts.
TEST(Split, HoldsItsPromisesForRandomWeights) {
  Prng prng(20'260'720);
  for (int round = 0; round < 2'000; ++round) {
    const std::size_t n = 1 + prng.below(40);
    const std::uint64_t top = std::uint64_t{1} << prng.below(63);
    std::vector<std::int64_t> weights(n);
    for (std::int64_t& weight : weights) {
      weight = prng.below(4) == 0 ? 0 : static_cast<std::int64_t>(prng.below(top));
    }
    auto total = static_cast<std::int64_t>(prng.next() >> (1 + prng.below(60)));
    if (prng.below(3) == 0) total = -total;

    const std::vector<std::int64_t> parts = parts_of(total, weights);
    ASSERT_EQ(parts, parts_of(total, weights));
    ASSERT_EQ(parts.size(), n);
    const std::int64_t sign = total < 0 ? -1 : 1;
    Int128 sum = 0;
    Int128 weight_sum = 0;
    for (std::size_t i = 0; i < n; ++i) {
      sum += parts[i];
      weight_sum += weights[i];
      ASSERT_GE(parts[i] * sign, 0);
    }
    ASSERT_TRUE(sum == total) << "round " << round;
    if (weight_sum == 0) continue;
    for (std::size_t i = 0; i < n; ++i) {
      if (weights[i] == 0) {
        ASSERT_EQ(parts[i], 0);
      }
      const Int128 quota = Int128{total} * sign * weights[i] / weight_sum;
      const Int128 over = Int128{parts[i]} * sign - quota;
      ASSERT_TRUE(over == 0 || over == 1) << "round " << round << ", part " << i;
      for (std::size_t k = 0; k < n; ++k) {
        if (weights[i] > weights[k] || (weights[i] == weights[k] && i < k)) {
          ASSERT_GE(parts[i] * sign, parts[k] * sign) << "round " << round;
        }
      }
    }
  }
}

}  // namespace
}  // namespace kerf
