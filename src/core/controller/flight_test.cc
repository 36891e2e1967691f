// Tests of effects in flight: an object is written once at a time, whatever is late or lost.
#include "core/controller/flight.h"

#include <gtest/gtest.h>

namespace kerf::controller {
namespace {

using control::kSecond;

const Key kNode{"", "node"};

struct Sky {
  Flight flight;
  Version known = 0;  ///< as which the object is seen

  EffectId ask(Version version, Instant now) {
    known = version;
    return flight.ask(Kind::GpuNode, kNode, version, now);
  }
  void done(EffectId effect, Result result, Version version, Instant now) {
    flight.done(effect, {result, version, ""}, known, now);
  }
  void seen(Version version) {
    known = version;
    flight.seen(Kind::GpuNode, kNode, version);
  }
  bool busy(Instant now) const { return flight.busy(Kind::GpuNode, kNode, now); }
};

TEST(Flight, AnObjectIsBusyUntilItIsSeenAsItWasWritten) {
  Sky sky;
  const EffectId effect = sky.ask(5, 0);
  EXPECT_TRUE(sky.busy(0));
  sky.seen(6);  // somebody else's change
  EXPECT_TRUE(sky.busy(1));
  sky.done(effect, Result::Applied, 8, 10);
  EXPECT_TRUE(sky.busy(10));
  sky.seen(7);
  EXPECT_TRUE(sky.busy(11));
  sky.seen(8);
  EXPECT_FALSE(sky.busy(11));
}

TEST(Flight, AWatchMayBeFasterThanTheAnswer) {
  Sky sky;
  const EffectId effect = sky.ask(5, 0);
  sky.seen(6);
  sky.done(effect, Result::Applied, 6, 10);
  EXPECT_FALSE(sky.busy(10));
}

TEST(Flight, WhatIsNotKnownWaitsForAnotherVersion) {
  Sky sky;
  const EffectId effect = sky.ask(5, 0);
  sky.done(effect, Result::Unknown, 0, 10 * kSecond);
  sky.seen(5);
  EXPECT_TRUE(sky.busy(11 * kSecond));
  sky.seen(6);  // decided on 5: it can do nothing any more
  EXPECT_FALSE(sky.busy(11 * kSecond));
}

TEST(Flight, WhatIsNotKnownIsGivenUpWhenItWasListedAndCanNotBeOnTheWay) {
  Sky sky;
  const EffectId effect = sky.ask(0, 0);
  sky.done(effect, Result::Unknown, 0, 10 * kSecond);
  EXPECT_TRUE(sky.busy(2 * Flight::kLate));
  sky.flight.synced(Kind::GpuNode, 100, [](const Key&) { return false; });
  EXPECT_TRUE(sky.busy(Flight::kLate - 1));
  EXPECT_FALSE(sky.busy(Flight::kLate));
}

TEST(Flight, ACreationThatCameAndWentIsOver) {
  Sky sky;
  const EffectId effect = sky.ask(0, 0);
  sky.flight.gone(Kind::GpuNode, kNode);
  EXPECT_TRUE(sky.busy(1)) << "another one of that name went";
  sky.done(effect, Result::Applied, 9, 10);
  EXPECT_FALSE(sky.busy(10));
}

TEST(Flight, AListThatIsNewerThanTheWriteAndDoesNotHaveItSaysThatItWent) {
  Sky sky;
  const EffectId effect = sky.ask(0, 0);
  sky.done(effect, Result::Applied, 9, 10);
  const auto nothing = [](const Key&) { return false; };
  EXPECT_TRUE(sky.flight.synced(Kind::GpuNode, 8, nothing).empty());
  EXPECT_TRUE(sky.busy(11));
  EXPECT_EQ(sky.flight.synced(Kind::GpuNode, 9, nothing), std::vector<Key>{kNode});
  EXPECT_FALSE(sky.busy(11));
}

TEST(Flight, ADeletionIsOverWhenTheObjectHasChanged) {
  Sky sky;
  const EffectId effect = sky.ask(5, 0);
  sky.done(effect, Result::Applied, 0, 10);
  EXPECT_TRUE(sky.busy(11));
  sky.seen(6);
  EXPECT_FALSE(sky.busy(11));
}

TEST(Flight, RefusalsAreAnsweredByLongerAndLongerPauses) {
  Sky sky;
  Instant now = 0;
  std::int64_t before = 0;
  for (int i = 0; i < 10; ++i) {
    const EffectId effect = sky.ask(5, now);
    sky.done(effect, Result::Refused, 0, now);
    const Instant since = now;
    while (sky.busy(now)) now += 100;
    EXPECT_GE(now - since, before);
    before = now - since;
  }
  EXPECT_EQ(before, Flight::kBackOffMax);
  EXPECT_FALSE(sky.flight.next(now).has_value());
}

}  // namespace
}  // namespace kerf::controller
