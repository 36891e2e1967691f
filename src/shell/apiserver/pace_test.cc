// Tests of rate limit and back-off.
#include "shell/apiserver/pace.h"

#include <gtest/gtest.h>

namespace kerf::apiserver {
namespace {

TEST(TokenBucket, LetsABurstThroughAndThenARate) {
  TokenBucket bucket(10, 3);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(bucket.take(5000), 0);
  EXPECT_EQ(bucket.take(5000), 100);
  EXPECT_EQ(bucket.take(5099), 1);
  EXPECT_EQ(bucket.take(5100), 0);
  EXPECT_EQ(bucket.take(5100), 100);
}

TEST(TokenBucket, NeverHoldsMoreThanABurst) {
  TokenBucket bucket(10, 3);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(bucket.take(0), 0);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(bucket.take(1'000'000'000'000), 0);
  EXPECT_GT(bucket.take(1'000'000'000'000), 0);
}

TEST(TokenBucket, WaitingAsLongAsItSaysIsEnough) {
  for (const std::int64_t qps : {1, 3, 7, 20, 999, 5000}) {
    TokenBucket bucket(qps, 1);
    Instant now = 17;
    EXPECT_EQ(bucket.take(now), 0);
    for (int i = 0; i < 100; ++i) {
      if (const std::int64_t ms = bucket.take(now); ms > 0) {
        now += ms;
        EXPECT_EQ(bucket.take(now), 0) << qps;
      }
    }
  }
}

TEST(Backoff, DoublesUpToAMaximumAndIsDrawnFromTheUpperHalf) {
  Backoff backoff({.least_ms = 100, .most_ms = 1000, .healthy_ms = 5000}, 42);
  for (const std::int64_t whole : {100, 200, 400, 800, 1000, 1000}) {
    const std::int64_t ms = backoff.failed();
    EXPECT_GE(ms, whole / 2);
    EXPECT_LE(ms, whole);
  }
  backoff.went_well(4999);
  EXPECT_GE(backoff.failed(), 500);
  backoff.went_well(5000);
  EXPECT_LE(backoff.failed(), 100);
}

TEST(Backoff, DiffersBetweenSeedsAndNotBetweenRuns) {
  const auto waits = [](std::uint64_t seed) {
    Backoff backoff({}, seed);
    std::int64_t sum = 0;
    for (int i = 0; i < 10; ++i) sum = sum * 31 + backoff.failed();
    return sum;
  };
  EXPECT_EQ(waits(1), waits(1));
  EXPECT_NE(waits(1), waits(2));
}

}  // namespace
}  // namespace kerf::apiserver
