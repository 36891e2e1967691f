// Tests of requests by hand: rate limit, deadlines, token, what is repeated and what is not.
#include "shell/apiserver/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/temporary_folder_testing.h"
#include "shell/apiserver/transport_testing.h"

namespace kerf::apiserver {
namespace {

using testing::HasSubstr;
const std::string kCa = "-----BEGIN CERTIFICATE-----\n1\n-----END CERTIFICATE-----\n";

struct SessionTest : testing::Test {
  SessionTest() { EXPECT_TRUE(secrets.load(transport.now())); }

  Session make(const Session::Options& options = {}) {
    return Session(transport, secrets, options);
  }
  Session::Done keep() {
    return [this](Answer answer) { answers.push_back(std::move(answer)); };
  }
  static Request get() {
    Request request;
    request.path = "/x";
    return request;
  }
  static Request put() {
    Request request = get();
    request.method = Method::Put;
    request.body = "{}";
    return request;
  }

  TemporaryFolder folder;
  FakeTransport transport;
  Secrets secrets{
      {"https://10.0.0.1:443", folder.write("ca.crt", kCa), folder.write("token", "one")}};
  std::vector<Answer> answers;
};

TEST_F(SessionTest, SendsWhatWasAsked) {
  Session session = make();
  Request request = put();
  request.query = {{"force", "true"}};
  session.call(request, keep());
  const Call& call = transport.only();
  EXPECT_EQ(call.method, "PUT");
  EXPECT_EQ(call.path, "/x?force=true");
  EXPECT_EQ(call.bearer, "one");
  EXPECT_EQ(call.body, "{}");
  EXPECT_EQ(call.lane, Lane::Requests);
  EXPECT_EQ(transport.trusted, std::vector{kCa});
  transport.answer(200, "done");
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_TRUE(answers[0].ok());
  EXPECT_EQ(answers[0].body, "done");
  EXPECT_EQ(transport.timers(), 0u);
  EXPECT_EQ(session.health().answers.at(200), 1u);
}

TEST_F(SessionTest, HoldsRequestsToTheRate) {
  Session session = make({.qps = 10, .burst = 2, .in_flight_max = 64, .waiting_max = 100});
  for (int i = 0; i < 5; ++i) session.call(get(), keep());
  EXPECT_EQ(transport.open().size(), 2u);
  transport.pass(99);
  EXPECT_EQ(transport.open().size(), 2u);
  transport.pass(1);
  EXPECT_EQ(transport.open().size(), 3u);
  transport.pass(200);
  EXPECT_EQ(transport.open().size(), 5u);
  EXPECT_GT(session.health().delayed, 0u);
}

TEST_F(SessionTest, HasAFewAtTheServerAtATime) {
  Session session = make({.qps = 1000, .burst = 1000, .in_flight_max = 2, .waiting_max = 100});
  std::vector<Session::Id> ids;
  for (int i = 0; i < 6; ++i) ids.push_back(session.call(put(), keep()));
  EXPECT_EQ(transport.open().size(), 2u);
  transport.answer(200);
  EXPECT_EQ(transport.open().size(), 2u);
  session.drop(ids[0]);
  EXPECT_EQ(transport.open().size(), 2u);
  transport.fail(Ending::Broken);
  EXPECT_EQ(transport.open().size(), 2u);
  for (int i = 0; i < 3; ++i) transport.answer(200);
  EXPECT_TRUE(transport.idle());
  EXPECT_EQ(answers.size(), 5u);
}

TEST_F(SessionTest, ARequestThatIsDroppedWhileItWaitsTakesNoTurn) {
  Session session = make({.qps = 10, .burst = 1, .in_flight_max = 64, .waiting_max = 100});
  session.call(get(), keep());
  const auto second = session.call(get(), keep());
  session.call(put(), keep());
  session.drop(second);
  transport.pass(100);
  ASSERT_EQ(transport.open().size(), 2u);
  EXPECT_EQ(transport.at(transport.open()[1]).method, "PUT");
}

TEST_F(SessionTest, TurnsAwayWhatWouldWaitInTooLongALine) {
  Session session = make({.qps = 1, .burst = 1, .in_flight_max = 64, .waiting_max = 2});
  for (int i = 0; i < 4; ++i) session.call(put(), keep());
  EXPECT_TRUE(answers.empty()) << "not from inside call()";
  transport.pass(0);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].verdict, Verdict::Later);
  EXPECT_THAT(answers[0].message, HasSubstr("wait for their turn"));
}

TEST_F(SessionTest, ADeadlineInTheWaitingLineMeansNothingWasDone) {
  Session session = make({.qps = 1, .burst = 1, .in_flight_max = 64, .waiting_max = 10});
  session.call(get(), nullptr);
  Request request = put();
  request.deadline_ms = 500;
  session.call(request, keep());
  transport.pass(500);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].verdict, Verdict::Later);
  transport.pass(5000);
  EXPECT_EQ(transport.open().size(), 1u) << "it is never sent";
}

TEST_F(SessionTest, ADeadlineAfterSendingMeansUnknownAndNewConnections) {
  Session session = make();
  Request request = put();
  request.deadline_ms = 500;
  session.call(request, keep());
  transport.pass(499);
  EXPECT_TRUE(answers.empty());
  transport.pass(1);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].verdict, Verdict::Unknown);
  EXPECT_THAT(answers[0].message, HasSubstr("500 ms"));
  EXPECT_TRUE(transport.idle());
  EXPECT_EQ(transport.renewed[0], 1);
  EXPECT_EQ(transport.renewed[1], 0);
  EXPECT_EQ(session.health().broken, 1u);
}

TEST_F(SessionTest, ASlowAnswerOnAConnectionThatWorksKeepsIt) {
  Session session = make();
  Request slow = get();
  slow.deadline_ms = 500;
  session.call(slow, keep());
  transport.pass(100);
  session.call(get(), keep());
  transport.answer(200, "{}");
  transport.pass(400);
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[1].verdict, Verdict::Later);
  EXPECT_EQ(transport.renewed[0], 0);
}

TEST_F(SessionTest, RepeatsAGetOnceAndAWriteNever) {
  Session session = make();
  session.call(get(), keep());
  transport.fail(Ending::Broken);
  EXPECT_TRUE(answers.empty());
  transport.fail(Ending::Broken);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].verdict, Verdict::Later);
  session.call(put(), keep());
  transport.fail(Ending::Broken);
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[1].verdict, Verdict::Unknown);
  session.call(get(), keep());
  transport.fail(Ending::NotSent);
  ASSERT_EQ(answers.size(), 3u) << "who cannot connect waits";
  EXPECT_EQ(session.health().repeated, 1u);
}

TEST_F(SessionTest, SendsAgainWithANewTokenWhatWasTurnedAway) {
  Session session = make();
  session.call(put(), keep());
  folder.write("token", "two");
  transport.answer(401);
  EXPECT_TRUE(answers.empty());
  EXPECT_EQ(transport.only().bearer, "two");
  transport.answer(401);
  ASSERT_EQ(answers.size(), 1u) << "once only";
  EXPECT_EQ(answers[0].verdict, Verdict::Later);
  session.call(put(), keep());
  transport.answer(401);
  EXPECT_EQ(answers.size(), 2u) << "with the same token it would be the same";
  EXPECT_FALSE(session.health().contact_age_ms.has_value());
}

TEST_F(SessionTest, TakesANewAuthorityBeforeTheNextRequest) {
  Session session = make();
  session.call(get(), keep());
  transport.answer(200);
  folder.write("ca.crt", kCa + kCa);
  session.call(get(), keep());
  EXPECT_EQ(transport.trusted, (std::vector{kCa, kCa + kCa}));
}

TEST_F(SessionTest, SaysWhenAFileCannotBeRead) {
  Session session = make();
  std::filesystem::remove(folder.at("token"));
  session.call(get(), keep());
  EXPECT_EQ(transport.only().bearer, "one");
  transport.answer(200);
  EXPECT_THAT(session.health().credentials_problem, HasSubstr("token"));
}

TEST_F(SessionTest, KnowsHowLongAgoTheServerSpoke) {
  Session session = make();
  EXPECT_FALSE(session.health().contact_age_ms.has_value());
  session.call(get(), keep());
  transport.answer(404);
  transport.pass(300);
  EXPECT_EQ(session.health().contact_age_ms, 300);
  session.call(get(), keep());
  transport.answer(503);
  EXPECT_EQ(session.health().contact_age_ms, 300) << "a failure is no contact";
}

struct StreamTest : SessionTest {
  Stream stream() {
    return {.path = "/x?watch=1",
            .head_ms = 1000,
            .silent_ms = 5000,
            .open = [this] { log += "open "; },
            .data = [this](std::string_view bytes) { log += std::string(bytes) + " "; },
            .end = [this](const Answer& a) { log += std::string(to_string(a.verdict)) + " "; }};
  }
  std::string log;
};

TEST_F(StreamTest, IsHandedOnAsItComes) {
  Session session = make();
  session.stream(stream());
  EXPECT_EQ(transport.only().lane, Lane::Watches);
  transport.open_stream();
  transport.send("a");
  transport.send("b");
  transport.end_stream();
  EXPECT_EQ(log, "open a b Ok ");
  EXPECT_EQ(transport.timers(), 0u);
}

TEST_F(StreamTest, IsLeftWhenItIsSilentAndItsConnectionToo) {
  Session session = make();
  session.stream(stream());
  transport.open_stream();
  transport.pass(4000);
  transport.send("a");
  transport.pass(4999);
  EXPECT_EQ(log, "open a ");
  EXPECT_EQ(transport.timers(), 1u);
  transport.pass(1);
  EXPECT_EQ(log, "open a Later ");
  EXPECT_EQ(transport.renewed[1], 1);
  EXPECT_EQ(transport.renewed[0], 0);
  EXPECT_TRUE(transport.idle());
}

TEST_F(StreamTest, IsLeftWhenItIsNotAnswered) {
  Session session = make();
  session.stream(stream());
  transport.pass(1000);
  EXPECT_EQ(log, "Later ");
  EXPECT_EQ(transport.renewed[1], 1);
}

TEST_F(StreamTest, ThatIsRefusedSaysWhy) {
  Session session = make();
  Stream refused = stream();
  refused.end = [this](const Answer& answer) { log += answer.message; };
  session.stream(std::move(refused));
  transport.answer(410, R"({"kind":"Status","reason":"Expired","message":"too old"})");
  EXPECT_EQ(log, "410 Expired: too old");
}

TEST_F(StreamTest, MayBeDroppedFromItsOwnCallback) {
  Session session = make();
  Session::Id id = 0;
  Stream dropped = stream();
  const std::string kept(100, 'x');  // the callback itself must live until it returns
  dropped.data = [&, kept](std::string_view) {
    session.drop(id);
    log += kept;
  };
  id = session.stream(std::move(dropped));
  transport.open_stream();
  transport.send("a");
  EXPECT_EQ(log, "open " + kept);
  EXPECT_TRUE(transport.idle());
  EXPECT_EQ(transport.timers(), 0u);
}

}  // namespace
}  // namespace kerf::apiserver
