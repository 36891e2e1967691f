// Tests of what each answer of the API server means for the caller.
#include "shell/apiserver/answer.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kerf::apiserver {
namespace {

using testing::HasSubstr;

Exchange came(int status, std::string body = {}) {
  Exchange exchange;
  exchange.ending = Ending::Complete;
  exchange.status = status;
  exchange.body = std::move(body);
  return exchange;
}

std::string status_body(int code, const std::string& reason, const std::string& message,
                        const std::string& details = "{}") {
  return fmt::format(
      R"({{"kind":"Status","apiVersion":"v1","status":"Failure","code":{},"reason":"{}","message":"{}","details":{}}})",
      code, reason, message, details);
}

TEST(Answer, SaysWhatTheCallerMayDo) {
  struct Case {
    int status;
    const char* reason;
    Verdict reading;
    Verdict writing;
  };
  constexpr Case kCases[] = {
      {200, "", Verdict::Ok, Verdict::Ok},
      {201, "", Verdict::Ok, Verdict::Ok},
      {301, "", Verdict::Refused, Verdict::Refused},
      {400, "BadRequest", Verdict::Refused, Verdict::Refused},
      {401, "Unauthorized", Verdict::Later, Verdict::Later},
      {403, "Forbidden", Verdict::Refused, Verdict::Refused},
      {404, "NotFound", Verdict::NotFound, Verdict::NotFound},
      {405, "MethodNotAllowed", Verdict::Refused, Verdict::Refused},
      {409, "Conflict", Verdict::Conflict, Verdict::Conflict},
      {409, "AlreadyExists", Verdict::AlreadyExists, Verdict::AlreadyExists},
      {410, "Expired", Verdict::Gone, Verdict::Gone},
      {413, "RequestEntityTooLarge", Verdict::Refused, Verdict::Refused},
      {422, "Invalid", Verdict::Refused, Verdict::Refused},
      {429, "TooManyRequests", Verdict::Later, Verdict::Later},
      {500, "InternalError", Verdict::Later, Verdict::Unknown},
      {502, "", Verdict::Later, Verdict::Unknown},
      {503, "ServiceUnavailable", Verdict::Later, Verdict::Later},
      {504, "Timeout", Verdict::Later, Verdict::Unknown},
  };
  for (const Case& c : kCases) {
    const std::string body = status_body(c.status, c.reason, "words");
    EXPECT_EQ(judge(came(c.status, body), false).verdict, c.reading) << c.status << c.reason;
    EXPECT_EQ(judge(came(c.status, body), true).verdict, c.writing) << c.status << c.reason;
  }
}

TEST(Answer, OfABrokenExchangeIsUnknownOnlyIfItMayHaveBeenSent) {
  struct Case {
    Ending ending;
    Verdict reading;
    Verdict writing;
  };
  for (const Case& c : {Case{Ending::NotSent, Verdict::Later, Verdict::Later},
                        Case{Ending::Broken, Verdict::Later, Verdict::Unknown},
                        Case{Ending::TooLarge, Verdict::Refused, Verdict::Unknown}}) {
    Exchange exchange;
    exchange.ending = c.ending;
    exchange.error = "it broke";
    EXPECT_EQ(judge(exchange, false).verdict, c.reading);
    EXPECT_EQ(judge(exchange, true).verdict, c.writing);
    EXPECT_EQ(judge(exchange, true).message, "it broke");
  }
}

TEST(Answer, TakesTheServersWords) {
  const Answer answer = judge(
      came(429, status_body(429, "TooManyRequests", "Cannot evict pod.",
                            R"({"retryAfterSeconds":7,"causes":[{"reason":"DisruptionBudget",)"
                            R"("message":"The disruption budget needs 2 healthy pods"}]})")),
      true);
  EXPECT_EQ(answer.reason, "TooManyRequests");
  EXPECT_EQ(answer.cause, "DisruptionBudget");
  EXPECT_EQ(answer.message,
            "429 TooManyRequests: Cannot evict pod. (The disruption budget needs 2 healthy pods)");
  EXPECT_EQ(answer.retry_after_ms, 7000);
}

TEST(Answer, BoundsWhatTheServerAsksFor) {
  Exchange exchange = came(503);
  exchange.retry_after_ms = 86'400'000;
  EXPECT_EQ(judge(exchange, false).retry_after_ms, 300'000);
  EXPECT_EQ(judge(came(429, status_body(429, "", "", R"({"retryAfterSeconds":99999})")), false)
                .retry_after_ms,
            300'000);
  EXPECT_EQ(judge(came(429, status_body(429, "", "", R"({"retryAfterSeconds":-5})")), false)
                .retry_after_ms,
            0);
}

TEST(Answer, QuotesWhatIsNoStatus) {
  EXPECT_EQ(judge(came(502, "<html>bad\ngateway</html>"), false).message,
            "502: <html>bad?gateway</html>");
  EXPECT_EQ(judge(came(500), false).message, "500");
  EXPECT_LT(judge(came(500, std::string(1 << 20, 'x')), false).message.size(), 200u);
  EXPECT_LT(judge(came(500, status_body(500, "", std::string(1 << 18, 'x'))), false).message.size(),
            1100u);
  EXPECT_EQ(judge(came(302), false).message, "302: it sent a redirect, which is not followed");
}

TEST(Answer, IsNoObjectUnlessItIsOne) {
  Answer good = judge(came(200, R"({"metadata":{"name":"a"}})"), false);
  read_object(good, false);
  EXPECT_TRUE(good.ok());
  EXPECT_EQ(metadata_text(good.object, "name"), "a");
  EXPECT_EQ(metadata_text(good.object, "uid"), "");
  for (const char* body : {"", "[]", "{", "null", "<html>"}) {
    Answer read = judge(came(200, body), false);
    read_object(read, false);
    EXPECT_EQ(read.verdict, Verdict::Later) << body;
    EXPECT_NE(read.message, "") << body;
    Answer written = judge(came(200, body), true);
    read_object(written, true);
    EXPECT_EQ(written.verdict, Verdict::Unknown) << body;
  }
}

TEST(Answer, HasTheCodeOfKerfsErrors) {
  EXPECT_EQ(judge(came(409), true).error().code(), ErrorCode::Conflict);
  EXPECT_EQ(judge(came(404), true).error().code(), ErrorCode::NotFound);
  EXPECT_EQ(judge(came(410), true).error().code(), ErrorCode::Expired);
  EXPECT_EQ(judge(came(403), true).error().code(), ErrorCode::InvalidArgument);
  EXPECT_EQ(judge(came(500), true).error().code(), ErrorCode::Unavailable);
  EXPECT_EQ(judge(came(429), true).error().code(), ErrorCode::Unavailable);
}

}  // namespace
}  // namespace kerf::apiserver
