// What kubectl's words are taken for: one kind's trouble, or everybody's.
#include "shell/kubectl/answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

namespace kerf::kubectl {
namespace {

using testing::HasSubstr;

Judged of(std::string err, int exit_code = 1) {
  runtime::ChildOutcome outcome;
  outcome.exit_code = exit_code;
  outcome.err = std::move(err);
  return judge(outcome);
}

struct Case {
  const char* err;
  Answer answer;
};

/// As kubectl 1.28 to 1.36 prints them.
constexpr Case kCases[] = {
    {"error: the server doesn't have a resource type \"nodeclaims\"\n", Answer::Absent},
    {"Error from server (NotFound): Unable to list \"x.io/v1, Resource=y\": the server could not "
     "find the requested resource\n",
     Answer::Absent},
    {"Error from server (Forbidden): pods is forbidden: User \"dev\" cannot list resource \"pods\" "
     "in API group \"\" at the cluster scope\n",
     Answer::Forbidden},
    {"error: You must be logged in to the server (Unauthorized)\n", Answer::Refused},
    {"error: You must be logged in to the server (the server has asked for the client to provide "
     "credentials)\n",
     Answer::Refused},
    {"Unable to connect to the server: getting credentials: exec: executable aws not found\n",
     Answer::Refused},
    {"error: exec plugin: invalid apiVersion \"client.authentication.k8s.io/v1alpha1\"\n",
     Answer::Refused},
    {"error: context \"prod\" does not exist\n", Answer::NoContext},
    {"error: stat /tmp/none: no such file or directory\n", Answer::NoContext},
    {"error: invalid configuration: no configuration has been provided, try setting "
     "KUBERNETES_MASTER environment variable\n",
     Answer::NoContext},
    {"error: error loading config file \"/tmp/k\": yaml: line 1: did not find expected node\n",
     Answer::NoContext},
    {"The connection to the server localhost:8080 was refused - did you specify the right host or "
     "port?\n",
     Answer::Unreachable},
    {"Unable to connect to the server: dial tcp: lookup api on 10.0.0.2:53: no such host\n",
     Answer::Unreachable},
    {"Unable to connect to the server: tls: failed to verify certificate: x509: certificate signed "
     "by unknown authority\n",
     Answer::Unreachable},
    {"Error from server (InternalError): conversion webhook for karpenter.sh/v1, Kind=NodePool "
     "failed: Post \"https://x\": dial tcp 10.0.0.1:443: connect: connection refused\n",
     Answer::Failed},
    {"Error from server (Expired): The provided continue parameter is too old\n", Answer::Failed},
};

TEST(Judge, TellsOneKindsTroubleFromEverybodys) {
  for (const Case& one : kCases) {
    const Judged judged = of(one.err);
    EXPECT_EQ(judged.answer, one.answer) << one.err;
    EXPECT_EQ(judged.words + "\n", one.err);
    EXPECT_EQ(judged.concerns_all(), !advice(judged.answer).empty()) << one.err;
  }
}

TEST(Judge, GoesByTheEndAndNotByTheLogBeforeIt) {
  const std::string log =
      "E1130 10:35:01.120000   77 memcache.go:265] couldn't get resource list for "
      "metrics.k8s.io/v1beta1: dial tcp 10.0.0.1:443: connect: connection refused\n"
      "Warning: policy/v1beta1 is deprecated\n";
  const Judged judged = of(log + "error: the server doesn't have a resource type \"jobsets\"\n");
  EXPECT_EQ(judged.answer, Answer::Absent);
  EXPECT_EQ(judged.words, "error: the server doesn't have a resource type \"jobsets\"");
  EXPECT_EQ(of(log + "The connection to the server x was refused\n").answer, Answer::Unreachable);
  EXPECT_THAT(of(log).words, HasSubstr("memcache.go"));
}

TEST(Judge, SaysSomethingWhereKubectlDoesNot) {
  EXPECT_EQ(of("", 0).answer, Answer::Good);
  EXPECT_EQ(of("Warning: x is deprecated\n", 0).answer, Answer::Good);
  EXPECT_EQ(of("").words, "exit code 1");
  runtime::ChildOutcome killed;
  killed.signal = SIGKILL;
  EXPECT_EQ(judge(killed).answer, Answer::Failed);
  EXPECT_THAT(judge(killed).words, HasSubstr("signal 9"));
  killed.timed_out = true;
  EXPECT_EQ(judge(killed).answer, Answer::Slow);
  EXPECT_THAT(advice(Answer::Slow), HasSubstr("log in first"));
}

TEST(Judge, MakesWordsSafeAndShort) {
  const Judged judged = of("error: \x1b[31mred\a" + std::string(5000, 'x') + "\n");
  EXPECT_EQ(judged.words.find('\x1b'), std::string::npos);
  EXPECT_THAT(judged.words, HasSubstr("\\x1b"));
  EXPECT_LE(judged.words.size(), 300u);
}

}  // namespace
}  // namespace kerf::kubectl
