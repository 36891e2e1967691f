// Tests of a watched collection, move by move: the test is the API server.
#include "shell/apiserver/reflector.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shell/apiserver/transport_testing.h"

namespace kerf::apiserver {
namespace {

using testing::HasSubstr;
using testing::Not;

struct ReflectorTest : testing::Test {
  void begin(const WatchOptions& options = {}) {
    WatchEvents events;
    events.seen = [this](const codec::Node& object, const std::string& version) {
      log += fmt::format("+{}@{} ", metadata_text(object, "name"), version);
    };
    events.gone = [this](const std::string&, const std::string& name, const std::string& uid) {
      log += fmt::format("-{}/{} ", name, uid);
    };
    events.synced = [this](const std::string& version) {
      log += "synced ";
      synced_at = version;
    };
    events.trouble = [this](const std::string& what, std::int64_t since) {
      log += "trouble ";
      words = what;
      trouble_since = since;
    };
    events.recovered = [this] { log += "recovered "; };
    if (tell_absent) events.absent = [this] { log += "absent "; };
    reflector = std::make_unique<Reflector>(
        session, Collection{{"", "v1", "configmaps"}, "d", "", "app=x"}, std::move(events), options,
        Backoff::Options{.least_ms = 100, .most_ms = 1000, .healthy_ms = 10'000}, 7);
    reflector->start("/x");
  }

  static std::string object(const std::string& name, int version, const std::string& uid = {}) {
    return fmt::format(
        R"({{"metadata":{{"name":"{}","namespace":"d","uid":"{}","resourceVersion":"{}"}}}})", name,
        uid.empty() ? "u" + name : uid, version);
  }
  static std::string list(int version, const std::vector<std::string>& items,
                          const std::string& more = {}) {
    return fmt::format(R"({{"metadata":{{"resourceVersion":"{}","continue":"{}"}},"items":[{}]}})",
                       version, more, fmt::join(items, ","));
  }
  static std::string event(const std::string& type, const std::string& of) {
    return fmt::format(R"({{"type":"{}","object":{}}})", type, of) + "\n";
  }
  static std::string error(int code) {
    return event("ERROR", fmt::format(R"({{"kind":"Status","code":{},"message":"words"}})", code));
  }
  /// Listed at version 10 with a and b, and following.
  void begin_followed() {
    begin();
    transport.answer(200, list(10, {object("a", 1), object("b", 2)}));
    transport.open_stream();
    log.clear();
  }
  std::string path() { return transport.only().path; }

  FakeTransport transport;
  Session session{transport,
                  Secrets({"http://127.0.0.1:1", "", ""}),
                  {.qps = 1000, .burst = 1000, .in_flight_max = 64, .waiting_max = 100}};
  std::unique_ptr<Reflector> reflector;
  std::string log;
  std::string words;
  std::string synced_at;
  bool tell_absent = false;
  std::int64_t trouble_since = 0;
};

TEST_F(ReflectorTest, ListsThenFollowsFromTheListsVersion) {
  begin();
  EXPECT_EQ(path(), "/x?labelSelector=app%3Dx&limit=500");
  transport.answer(200, list(10, {object("a", 1), object("b", 2)}));
  EXPECT_EQ(log, "+a@1 +b@2 synced ");
  EXPECT_THAT(path(), HasSubstr("labelSelector=app%3Dx&watch=1&resourceVersion=10&"
                                "allowWatchBookmarks=true&timeoutSeconds="));
  transport.open_stream();
  transport.send(event("ADDED", object("c", 11)) + event("MODIFIED", object("a", 12)));
  transport.send(event("DELETED", object("b", 13)));
  EXPECT_EQ(log, "+a@1 +b@2 synced +c@11 +a@12 -b/ub ");
}

TEST_F(ReflectorTest, ListsPageByPage) {
  begin({.page = 2});
  EXPECT_THAT(path(), HasSubstr("limit=2"));
  transport.answer(200, list(10, {object("a", 1), object("b", 2)}, "next"));
  EXPECT_THAT(path(), HasSubstr("limit=2&continue=next"));
  EXPECT_EQ(log, "+a@1 +b@2 ");
  transport.answer(200, list(10, {object("c", 3)}));
  EXPECT_EQ(log, "+a@1 +b@2 +c@3 synced ");
}

TEST_F(ReflectorTest, StartsAListOverThatExpiresInTheMiddleAndTellsNothingTwice) {
  begin();
  transport.answer(200, list(10, {object("a", 1), object("b", 2)}, "next"));
  transport.answer(410);
  EXPECT_THAT(path(), Not(HasSubstr("continue")));
  transport.answer(200, list(20, {object("a", 1), object("c", 15)}));
  EXPECT_EQ(log, "+a@1 +b@2 +c@15 -b/ub synced ");
  EXPECT_THAT(path(), HasSubstr("resourceVersion=20&"));
}

TEST_F(ReflectorTest, AListThatExpiresAgainAndAgainIsTriedLater) {
  begin();
  for (int i = 0; i <= Pager::kRestartsMax; ++i) {
    transport.answer(200, list(10, {object("a", 1)}, "next"));
    transport.answer(410);
  }
  EXPECT_TRUE(transport.idle());
  EXPECT_EQ(log, "+a@1 trouble ");
  transport.pass(100);
  transport.answer(200, list(10, {object("a", 1)}));
  EXPECT_EQ(log, "+a@1 trouble recovered synced ");
}

TEST_F(ReflectorTest, TriesAListAgainWithLongerAndLongerWaits) {
  begin();
  const Instant start = transport.now();
  for (const std::int64_t most : {100, 200, 400, 800, 1000, 1000}) {
    transport.fail(Ending::NotSent, "no route");
    EXPECT_TRUE(transport.idle());
    EXPECT_GE(transport.next_timer(), most / 2);
    EXPECT_LE(transport.next_timer(), most);
    transport.pass(most);
  }
  EXPECT_THAT(words, HasSubstr("/x: list: no route"));
  EXPECT_EQ(trouble_since, start);
  transport.answer(200, list(10, {}));
  EXPECT_THAT(log, testing::EndsWith("trouble recovered synced "));
}

TEST_F(ReflectorTest, WaitsAsLongAsTheServerAsks) {
  begin();
  transport.answer(429, "", 5000);
  EXPECT_EQ(transport.next_timer(), 5000);
  transport.pass(5000);
  transport.answer(200, list(10, {}));
  transport.answer(503, "", 7000);
  EXPECT_EQ(transport.next_timer(), 7000);
  transport.pass(7000);
  EXPECT_THAT(path(), HasSubstr("watch=1&resourceVersion=10&"));
}

TEST_F(ReflectorTest, GoesOnFromTheLastVersionWhenTheServerEndsTheWatch) {
  begin_followed();
  transport.send(event("MODIFIED", object("a", 12)));
  transport.end_stream();
  EXPECT_THAT(path(), HasSubstr("resourceVersion=12&"));
  EXPECT_EQ(log, "+a@12 ");
}

TEST_F(ReflectorTest, BookmarksMoveTheVersion) {
  begin_followed();
  transport.send(event("BOOKMARK", R"({"metadata":{"resourceVersion":"500"}})"));
  transport.end_stream();
  EXPECT_THAT(path(), HasSubstr("resourceVersion=500&"));
  EXPECT_EQ(log, "");
}

TEST_F(ReflectorTest, GoesOnFromTheLastVersionWhenTheConnectionBreaks) {
  begin_followed();
  transport.send(event("MODIFIED", object("a", 12)));
  transport.send(R"({"type":"ADDED","object":{"meta)");
  transport.fail(Ending::Broken);
  EXPECT_EQ(log, "+a@12 trouble ");
  transport.pass(100);
  EXPECT_THAT(path(), HasSubstr("resourceVersion=12&"));
  transport.open_stream();
  transport.send(event("ADDED", object("c", 13)));
  EXPECT_EQ(log, "+a@12 trouble recovered +c@13 ");
}

TEST_F(ReflectorTest, AWatchThatEndsAtOnceIsNotAskedForInALoop) {
  begin_followed();
  transport.end_stream();
  EXPECT_TRUE(transport.idle());
  EXPECT_EQ(log, "trouble ");
  transport.pass(100);
  EXPECT_THAT(path(), HasSubstr("resourceVersion=10&"));
}

TEST_F(ReflectorTest, HealthyTimeForgetsEarlierFailures) {
  begin_followed();
  for (int i = 0; i < 5; ++i) {
    transport.fail(Ending::Broken);
    transport.pass(1000);
    transport.open_stream();
  }
  transport.fail(Ending::Broken);
  EXPECT_GE(transport.next_timer(), 500);
  transport.pass(1000);
  transport.open_stream();
  transport.pass(10'000);
  transport.fail(Ending::Broken);
  EXPECT_LE(transport.next_timer(), 100);
}

TEST_F(ReflectorTest, ListsAgainWhenTheVersionIsGone) {
  for (const bool as_event : {true, false}) {
    log.clear();
    begin();
    transport.answer(200, list(10, {object("a", 1), object("b", 2)}));
    if (as_event) {
      transport.open_stream();
      transport.send(error(410));
    } else {
      transport.answer(410);
    }
    EXPECT_THAT(path(), HasSubstr("limit=500"));
    transport.answer(200, list(30, {object("a", 1), object("c", 20)}));
    EXPECT_EQ(log, "+a@1 +b@2 synced +c@20 -b/ub synced ");
    EXPECT_THAT(path(), HasSubstr("resourceVersion=30&"));
    transport.answer(410);
    EXPECT_TRUE(transport.idle()) << "the second time in a row it waits";
    EXPECT_THAT(log, HasSubstr("trouble"));
    reflector.reset();
  }
}

TEST_F(ReflectorTest, ListsAgainAfterWhatItDoesNotUnderstand) {
  for (const std::string& bad :
       {std::string("garbage\n"), error(500), event("ADDED", R"({"metadata":{"name":"x"}})"),
        event("BOOKMARK", "{}")}) {
    log.clear();
    begin_followed();
    transport.send(bad + event("ADDED", object("never", 99)));
    EXPECT_EQ(log, "trouble ") << bad;
    EXPECT_TRUE(transport.idle());
    transport.pass(100);
    EXPECT_THAT(path(), HasSubstr("limit=500"));
    reflector.reset();
  }
}

TEST_F(ReflectorTest, AnEventThatIsTooLongMeansANewList) {
  begin({.event_bytes_max = 100});
  transport.answer(200, list(10, {}));
  transport.open_stream();
  transport.send(std::string(101, 'x'));
  EXPECT_THAT(words, HasSubstr("longer than 100 bytes"));
  transport.pass(100);
  EXPECT_THAT(path(), HasSubstr("limit=500"));
}

TEST_F(ReflectorTest, SaysSoAndGoesOnAfterAnEventOfATypeItDoesNotKnow) {
  begin_followed();
  transport.send(event("SPLIT", object("a", 11)) + event("ADDED", object("c", 12)));
  EXPECT_EQ(log, "trouble +c@12 recovered ");
  EXPECT_THAT(words, HasSubstr("\"SPLIT\""));
}

TEST_F(ReflectorTest, TellsOfAnObjectThatWasMadeAnew) {
  begin_followed();
  transport.send(error(410));
  transport.answer(200, list(30, {object("a", 25, "other"), object("b", 2)}));
  EXPECT_EQ(log, "-a/ua +a@25 synced ");
}

TEST_F(ReflectorTest, TellsEachVersionOnce) {
  begin_followed();
  transport.send(event("ADDED", object("a", 1)) + event("MODIFIED", object("b", 2)));
  transport.send(event("DELETED", object("b", 3)) + event("DELETED", object("b", 3)));
  EXPECT_EQ(log, "-b/ub ");
}

TEST_F(ReflectorTest, AKindThatIsNotThereYetIsTriedAgain) {
  begin();
  transport.answer(404, R"({"kind":"Status","reason":"NotFound","message":"no such kind"})");
  EXPECT_THAT(words, HasSubstr("404 NotFound: no such kind"));
  transport.pass(100);
  transport.answer(200, list(10, {}));
  transport.answer(403);
  transport.pass(200);
  EXPECT_THAT(path(), HasSubstr("limit=500")) << "refused: from the beginning";
}

TEST_F(ReflectorTest, SaysOfAKindThatIsNotThereThatItIsAbsentWhereThatIsAsked) {
  tell_absent = true;
  begin();
  transport.answer(404);
  EXPECT_EQ(log, "absent ");
  transport.pass(100);
  transport.answer(404);
  EXPECT_EQ(log, "absent absent ");
  transport.pass(200);
  transport.answer(403);
  EXPECT_EQ(log, "absent absent trouble ") << "refused is not absent";
  transport.pass(1000);
  transport.answer(200, list(10, {}));
  transport.answer(404);
  transport.pass(2000);
  log.clear();
  transport.answer(404);
  EXPECT_EQ(log, "absent ") << "it went away";
}

TEST_F(ReflectorTest, SaysOfWhichVersionAListIs) {
  begin();
  transport.answer(200, list(10, {object("a", 1)}));
  EXPECT_EQ(synced_at, "10");
  transport.answer(410);
  transport.answer(200, list(30, {object("a", 1)}));
  EXPECT_EQ(synced_at, "30");
}

TEST_F(ReflectorTest, AnAnswerThatIsNoListIsTriedAgain) {
  begin();
  for (const char* body : {"{}", "[]", "x", R"({"metadata":{"resourceVersion":"1"},"items":{}})",
                           R"({"metadata":{},"items":[]})"}) {
    log.clear();
    transport.answer(200, body);
    EXPECT_EQ(log, "trouble ") << body;
    transport.pass(1000);
  }
  log.clear();
  transport.answer(200, R"({"metadata":{"resourceVersion":"1"},"items":null})");
  EXPECT_EQ(log, "recovered synced ");
}

TEST_F(ReflectorTest, NothingComesAfterItWasStopped) {
  begin_followed();
  bool once = false;
  WatchEvents events;
  Reflector* self = nullptr;
  events.seen = [&](const codec::Node&, const std::string&) {
    EXPECT_FALSE(once);
    once = true;
    self->stop();
  };
  events.gone = [](const auto&, const auto&, const auto&) { FAIL(); };
  events.synced = [](const auto&) { FAIL(); };
  reflector = std::make_unique<Reflector>(session, Collection{{"", "v1", "pods"}, "", "", ""},
                                          std::move(events), WatchOptions{}, Backoff::Options{}, 1);
  self = reflector.get();
  self->start("/y");
  transport.answer(200, list(10, {object("a", 1), object("b", 2)}, "next"));
  EXPECT_TRUE(once);
  EXPECT_TRUE(transport.idle());
  EXPECT_EQ(transport.timers(), 0u);
}

TEST_F(ReflectorTest, TheServerIsAskedForADifferentTimeEachTime) {
  begin_followed();
  std::set<std::string> times;
  for (int i = 0; i < 20; ++i) {
    const std::string of = path();
    times.insert(of.substr(of.rfind('=') + 1));
    transport.pass(2000);
    transport.end_stream();
    transport.open_stream();
  }
  EXPECT_GT(times.size(), 10u);
  EXPECT_GE(*times.begin(), "300");
  EXPECT_LE(*times.rbegin(), "600");
}

}  // namespace
}  // namespace kerf::apiserver
