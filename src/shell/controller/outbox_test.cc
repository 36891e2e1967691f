// The order, the pace and the bounds of Events that wait.
#include "shell/controller/outbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

namespace kerf::shell {
namespace {

using control::Key;
using control::Kind;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

struct OutboxTest : testing::Test {
  Mirror mirror() {
    return {[this](Kind, const Key& key) -> const Watches::Known* {
      const auto at = known.find(key.name);
      return at == known.end() ? nullptr : &at->second;
    }};
  }
  Outbox make(const Outbox::Options& options) { return {options, mirror()}; }
  void come(const std::string& name) { known[name] = {"uid-" + name, "1", {}, {}}; }
  static Outbox::Item item(const std::string& name, bool copy = false) {
    Outbox::Item item;
    item.key = {"ml", name};
    item.cause = 7;
    item.copy = copy;
    return item;
  }
  /// What can be taken at that time, all of it written at once.
  static std::vector<std::string> take_all(Outbox& outbox, std::int64_t now) {
    std::vector<std::string> names;
    while (const auto one = outbox.take(now)) {
      names.push_back(one->key.name);
      outbox.written();
    }
    return names;
  }

  std::map<std::string, Watches::Known> known;
};

TEST_F(OutboxTest, SendsOneAtATimeAtItsPace) {
  Outbox outbox = make({.pace_ms = 200});
  for (const char* name : {"a", "b", "c"}) {
    come(name);
    EXPECT_TRUE(outbox.add(item(name), 1000));
  }
  EXPECT_THAT(take_all(outbox, 1000), ElementsAre("a"));
  EXPECT_EQ(outbox.next(1000), 1200);
  EXPECT_THAT(take_all(outbox, 1199), IsEmpty());
  EXPECT_THAT(take_all(outbox, 1200), ElementsAre("b"));
  EXPECT_THAT(take_all(outbox, 5000), ElementsAre("c"));
  EXPECT_EQ(outbox.next(5000), std::nullopt);
  EXPECT_EQ(outbox.dropped(), 0);
}

TEST_F(OutboxTest, SendsWhatIsAboutTheObjectItselfFirst) {
  Outbox outbox = make({.pace_ms = 0});
  for (const char* name : {"pod-1", "pod-2", "claim", "policy"}) come(name);
  outbox.add(item("pod-1", true), 0);
  outbox.add(item("pod-2", true), 0);
  outbox.add(item("claim"), 0);
  outbox.add(item("policy"), 0);
  EXPECT_THAT(take_all(outbox, 0), ElementsAre("claim", "policy", "pod-1", "pod-2"));
}

TEST_F(OutboxTest, WaitsForAnObjectThatIsToComeAndHoldsNobodyUp) {
  Outbox outbox = make({.pace_ms = 0, .uid_ms = 60'000, .look_ms = 1'000});
  outbox.add(item("claim"), 0);
  EXPECT_THAT(take_all(outbox, 0), IsEmpty());
  EXPECT_EQ(outbox.next(0), 1'000);
  come("pod");
  outbox.add(item("pod"), 10);
  EXPECT_THAT(take_all(outbox, 10), ElementsAre("pod"));
  come("claim");
  const auto late = outbox.take(59'999);
  ASSERT_TRUE(late);
  EXPECT_EQ(late->event.object_uid, "uid-claim");
  EXPECT_EQ(late->event.name, event_name("claim", "uid-claim", 7));
}

TEST_F(OutboxTest, GivesUpWhatNeverCame) {
  Outbox outbox = make({.pace_ms = 0, .uid_ms = 60'000});
  outbox.add(item("claim"), 5);
  EXPECT_FALSE(outbox.take(60'004));
  EXPECT_EQ(outbox.waiting(), 1u);
  EXPECT_FALSE(outbox.take(60'005));
  EXPECT_EQ(outbox.waiting(), 0u);
  EXPECT_EQ(outbox.dropped(), 1);
  EXPECT_EQ(outbox.next(60'005), std::nullopt);
}

TEST_F(OutboxTest, IsBoundedAndPrefersTheObjectItself) {
  Outbox outbox = make({.waiting_max = 3, .pace_ms = 0});
  for (const char* name : {"own", "copy-1", "copy-2", "copy-3", "late"}) come(name);
  EXPECT_TRUE(outbox.add(item("own"), 0));
  EXPECT_TRUE(outbox.add(item("copy-1", true), 0));
  EXPECT_TRUE(outbox.add(item("copy-2", true), 0));
  EXPECT_FALSE(outbox.add(item("copy-3", true), 0));  // goes itself
  EXPECT_FALSE(outbox.add(item("late"), 0));          // in place of copy-2
  EXPECT_EQ(outbox.dropped(), 2);
  EXPECT_EQ(outbox.waiting(), 3u);
  EXPECT_THAT(take_all(outbox, 0), ElementsAre("own", "late", "copy-1"));
  for (int i = 0; i < 5; ++i) outbox.add(item("own"), 0);
  EXPECT_EQ(outbox.waiting(), 3u);
  EXPECT_EQ(outbox.dropped(), 4);
}

TEST_F(OutboxTest, HasAFewAtTheServerAtATime) {
  Outbox outbox = make({.in_flight_max = 2, .pace_ms = 0});
  come("a");
  for (int i = 0; i < 3; ++i) outbox.add(item("a"), 0);
  EXPECT_TRUE(outbox.take(0));
  EXPECT_TRUE(outbox.take(0));
  EXPECT_FALSE(outbox.take(0));
  EXPECT_EQ(outbox.next(0), std::nullopt);  // an answer comes first
  outbox.written();
  EXPECT_EQ(outbox.next(0), 0);
  EXPECT_TRUE(outbox.take(0));
}

TEST_F(OutboxTest, TriesAgainLaterAndNotForEver) {
  Outbox outbox = make({.pace_ms = 0, .retry_ms = 2'000, .tries = 3});
  come("a");
  outbox.add(item("a"), 0);
  auto one = outbox.take(0);
  ASSERT_TRUE(one);
  const std::string name = one->event.name;
  EXPECT_TRUE(outbox.failed(*std::move(one), true, 0, 100));
  EXPECT_EQ(outbox.next(100), 2'100);
  EXPECT_FALSE(outbox.take(2'099));
  known["a"].uid = "another of that name";
  one = outbox.take(2'100);
  ASSERT_TRUE(one);
  EXPECT_EQ(one->event.name, name);  // what was written already is found by its name
  EXPECT_EQ(one->event.object_uid, "uid-a");
  EXPECT_TRUE(outbox.failed(*std::move(one), true, 30'000, 3'000));
  EXPECT_EQ(outbox.next(3'000), 33'000);  // as the server asked
  one = outbox.take(33'000);
  ASSERT_TRUE(one);
  EXPECT_FALSE(outbox.failed(*std::move(one), true, 0, 33'000));
  EXPECT_EQ(outbox.waiting(), 0u);
  EXPECT_EQ(outbox.dropped(), 1);
}

TEST_F(OutboxTest, DropsAtOnceWhatCanNeverBeWritten) {
  Outbox outbox = make({.pace_ms = 0});
  come("a");
  outbox.add(item("a"), 0);
  auto one = outbox.take(0);
  ASSERT_TRUE(one);
  EXPECT_FALSE(outbox.failed(*std::move(one), false, 0, 0));
  EXPECT_EQ(outbox.dropped(), 1);
  EXPECT_EQ(outbox.waiting(), 0u);
}

TEST(EventName, IsANameThatTheApiServerTakes) {
  const std::string objects[] = {"train-0",
                                 "ip-10-0-2-40.ec2.internal",
                                 std::string(253, 'a'),
                                 std::string(199, 'a') + ".b",
                                 std::string(199, 'a') + "-b",
                                 "UPPER_case",
                                 "-.-",
                                 "",
                                 "a..b",
                                 "a-.b",
                                 "a.-b",
                                 "\xff\n"};
  for (const std::string& object : objects) {
    const std::string name = event_name(object, "uid", 1);
    EXPECT_LE(name.size(), 253u) << object;
    // RFC 1123: labels of letters, digits and '-', that begin and end with one of the former.
    bool at_start = true;
    char last = '.';
    for (const char c : name) {
      const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
      EXPECT_TRUE(plain || c == '-' || c == '.') << name;
      if (at_start || c == '.') {
        EXPECT_TRUE(c == '.' ? last != '-' && last != '.' : plain) << name;
      }
      at_start = c == '.';
      last = c;
    }
    EXPECT_NE(last, '.') << name;
  }
  EXPECT_THAT(event_name("ip-10-0-2-40.ec2.internal", "u", 1),
              StartsWith("ip-10-0-2-40.ec2.internal."));
}

TEST(EventName, DiffersByObjectAndCause) {
  const std::set<std::string> names = {event_name("a", "u", 1), event_name("a", "u", 2),
                                       event_name("a", "v", 1), event_name("b", "u", 1)};
  EXPECT_EQ(names.size(), 4u);
  EXPECT_EQ(event_name("a", "u", 1), event_name("a", "u", 1));
}

}  // namespace
}  // namespace kerf::shell
