// Tests of the election: several candidates on one fake API server, in time that the test lets
// pass.
#include "shell/controller/election.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "codec/node_view.h"
#include "shell/apiserver/answer.h"
#include "shell/controller/fake_world_testing.h"

namespace kerf::shell {
namespace {

using codec::Node;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;

constexpr const char* kLeases = "coordination.k8s.io/v1/leases";
constexpr std::int64_t kWall = 1'764'432'000'000;  // 2025-11-29T16:00:00Z

struct Candidate {
  std::unique_ptr<apiserver::Client> client;
  std::unique_ptr<Election> election;
};

struct ElectionTest : testing::Test {
  ~ElectionTest() override {
    world.on_loop([this] {
      for (auto& [name, candidate] : candidates) candidate.election.reset();
    });
    world.on_loop([this] { candidates.clear(); });
  }

  /// `wall_ms`: how wrong the clock of its machine is.
  void begin(const std::string& name, std::int64_t wall_ms = 0) {
    Candidate& candidate = candidates[name];
    candidate.client = world.client();
    Election::Options options;
    options.identity = name;
    options.clock.now = [this] { return world.api.now; };
    options.clock.wall_ms = [this, wall_ms] { return kWall + world.api.now + wall_ms; };
    options.clock.after = [this](std::int64_t ms, std::function<void()> work) {
      return world.api.after(ms, std::move(work));
    };
    options.clock.cancel = [this](std::uint64_t id) { world.api.cancel(id); };
    Election::Events events;
    events.leading = [this, name] { say(name + " leads"); };
    events.following = [this, name](const std::string& why) { say(name + " follows: " + why); };
    world.on_loop([&] {
      candidate.election = std::make_unique<Election>(options, *candidate.client, world.loop,
                                                      quiet_log(), std::move(events));
      candidate.election->start();
    });
    world.pass(0);
  }
  void say(const std::string& line) {
    log.push_back(line);
    at.push_back(world.api.now);
  }
  /// As a machine that loses its power.
  void kill(const std::string& name) {
    world.on_loop([&] { candidates.at(name).election.reset(); });
    world.on_loop([&] { candidates.erase(name); });
  }
  void stop(const std::string& name, std::int64_t within_ms = 5000) {
    world.on_loop([&] {
      candidates.at(name).election->stop(within_ms, [this, name] { say(name + " is done"); });
    });
  }
  bool leads(const std::string& name) {
    bool is = false;
    world.on_loop([&] { is = candidates.at(name).election->leads(); });
    return is;
  }
  std::int64_t now() {
    std::int64_t is = 0;
    world.on_loop([&] { is = world.api.now; });
    return is;
  }
  Node lease() {
    Node is;
    world.on_loop([&] {
      const Node* found = world.api.find(kLeases, "kerf-system", "kerf-controller");
      if (found != nullptr) is = *found;
    });
    return is;
  }
  std::string spec(const char* field) {
    const Node is = lease();
    const Node* found = is.find("spec") == nullptr ? nullptr : is.find("spec")->find(field);
    return found == nullptr                                        ? "none"
           : found->text.empty() && found->kind == Node::Kind::Int ? std::to_string(found->integer)
                                                                   : found->text;
  }
  void edit(const std::string& spec, const std::string& metadata = "") {
    world.on_loop([&] {
      world.api.put(kLeases, fmt::format(R"({{"apiVersion":"coordination.k8s.io/v1","kind":"Lease",
        "metadata":{{"namespace":"kerf-system","name":"kerf-controller"{}}},"spec":{}}})",
                                         metadata, spec));
    });
  }
  std::int64_t asked(const std::string& what) {
    std::int64_t count = 0;
    world.on_loop([&] { count = world.api.asked(what + " " + kLeases); });
    return count;
  }
  void cut_off(std::size_t transport, bool is = true) {
    world.on_loop([&] {
      if (is) world.api.cut_off.insert(transport);
      else world.api.cut_off.erase(transport);
    });
  }

  FakeWorld world;
  std::map<std::string, Candidate> candidates;
  std::vector<std::string> log;
  std::vector<std::int64_t> at;  ///< of each line
};

TEST_F(ElectionTest, LeadsAtOnceWhereNobodyDoes) {
  begin("a");
  EXPECT_THAT(log, ElementsAre("a leads"));
  EXPECT_TRUE(leads("a"));
  EXPECT_EQ(spec("holderIdentity"), "a");
  EXPECT_EQ(spec("leaseDurationSeconds"), "10");
  EXPECT_EQ(spec("leaseTransitions"), "0");
  EXPECT_THAT(spec("renewTime"), MatchesRegex("2025-11-29T16:16:40\\.000000Z"));
  EXPECT_EQ(spec("acquireTime"), spec("renewTime"));
  const Node is = lease();
  const auto view = codec::read_lease_view(codec::Field("Lease", is));
  ASSERT_TRUE(view) << "agents read it";
  EXPECT_EQ(view->renewed_ms, kWall + 1'000'000);
}

TEST_F(ElectionTest, KeepsTheLeaseByRenewingItAndAStandbyWaits) {
  begin("a");
  begin("b");
  const std::string acquired = spec("acquireTime");
  const std::int64_t before = asked("PUT");
  world.pass(60'000);
  EXPECT_THAT(log, ElementsAre("a leads"));
  EXPECT_FALSE(leads("b"));
  EXPECT_EQ(asked("PUT") - before, 30) << "every 2 s";
  EXPECT_EQ(spec("acquireTime"), acquired);
  EXPECT_EQ(spec("leaseTransitions"), "0");
  std::string holder;
  world.on_loop([&] { holder = candidates.at("b").election->holder(); });
  EXPECT_EQ(holder, "a");
}

TEST_F(ElectionTest, OfManyThatBeginTogetherOneLeads) {
  world.on_loop([this] { world.api.hold.insert("nothing"); });
  for (const char* name : {"a", "b", "c", "d"}) begin(name);
  world.pass(30'000);
  EXPECT_THAT(log, ElementsAre("a leads"));
  kill("a");
  world.pass(12'000);
  ASSERT_EQ(log.size(), 2u) << "one of them";
  world.pass(30'000);
  EXPECT_EQ(log.size(), 2u);
}

TEST_F(ElectionTest, TakesOverFromADeadLeaderWithin12s) {
  for (const std::int64_t died_after : {0, 1, 1'999, 2'001, 5'500}) {
    log.clear();
    at.clear();
    begin("a");
    begin("b");
    world.pass(died_after);
    kill("a");
    const std::int64_t died = now();
    world.pass(30'000);
    ASSERT_THAT(log, ElementsAre("a leads", "b leads")) << died_after;
    EXPECT_LE(at[1] - died, 12'000);
    EXPECT_GE(at[1] - died, 8'000) << "the leader may have renewed just before";
    EXPECT_EQ(spec("leaseTransitions"), "1");
    kill("b");
    world.on_loop([this] { world.api.remove(kLeases, "kerf-system", "kerf-controller"); });
  }
}

TEST_F(ElectionTest, TakesOverFromADeadLeaderWithoutAWatchToo) {
  begin("a");
  begin("b");
  world.on_loop([this] { world.api.hold.insert(kLeases); });
  world.on_loop([this] { world.api.forget_history(kLeases); });
  world.pass(7'000);
  kill("a");
  const std::int64_t died = now();
  world.pass(30'000);
  ASSERT_THAT(log, ElementsAre("a leads", "b leads"));
  EXPECT_LE(at[1] - died, 12'000);
}

TEST_F(ElectionTest, TakesOverAtOnceFromALeaderThatEnds) {
  begin("a");
  begin("b");
  world.pass(5'000);
  stop("a");
  const std::int64_t ended = now();
  world.pass(100);
  ASSERT_THAT(log, ElementsAre("a leads", "a follows: it ends", "a is done", "b leads"));
  EXPECT_EQ(at[3], ended);
  EXPECT_EQ(spec("leaseTransitions"), "1");
}

TEST_F(ElectionTest, WhoEndsClearsTheHolder) {
  begin("a");
  stop("a");
  world.pass(0);
  EXPECT_EQ(spec("holderIdentity"), "");
  EXPECT_EQ(spec("leaseDurationSeconds"), "1");
  const std::int64_t before = asked("GET") + asked("PUT");
  world.pass(60'000);
  EXPECT_EQ(asked("GET") + asked("PUT"), before) << "nothing is asked any more";
}

TEST_F(ElectionTest, WhoEndsWhileARenewalIsUnderWayClearsTheHolderAfterIt) {
  begin("a");
  world.pass(1'999);
  world.on_loop([this] {
    while (world.api.run_timer(world.api.now + 1)) {
    }
    candidates.at("a").election->stop(5000, [this] { say("a is done"); });
  });
  world.pass(0);
  EXPECT_THAT(log, ElementsAre("a leads", "a follows: it ends", "a is done"));
  EXPECT_EQ(spec("holderIdentity"), "");
}

TEST_F(ElectionTest, AStandbyThatEndsIsDoneAtOnceAndWritesNothing) {
  begin("a");
  begin("b");
  const std::int64_t before = asked("PUT");
  stop("b");
  EXPECT_THAT(log, ElementsAre("a leads", "b is done"));
  world.pass(1'900);
  EXPECT_EQ(asked("PUT"), before);
  EXPECT_EQ(spec("holderIdentity"), "a");
}

TEST_F(ElectionTest, WhoEndsDoesNotWaitForAnApiServerThatIsAway) {
  begin("a");
  cut_off(0);
  stop("a", 3'000);
  const std::int64_t ended = now();
  EXPECT_THAT(log, ElementsAre("a leads", "a follows: it ends")) << "it does not decide any more";
  world.pass(10'000);
  ASSERT_THAT(log, ElementsAre("a leads", "a follows: it ends", "a is done"));
  EXPECT_EQ(at[2] - ended, 3'000);
}

TEST_F(ElectionTest, WhoEndsTriesAgainToClearTheHolder) {
  begin("a");
  cut_off(0);
  stop("a", 3'000);
  world.pass(1'000);
  cut_off(0, false);
  world.pass(1'000);
  EXPECT_THAT(log, ElementsAre("a leads", "a follows: it ends", "a is done"));
  EXPECT_EQ(spec("holderIdentity"), "");
}

TEST_F(ElectionTest, ALeaderThatIsCutOffStopsBeforeAnotherBegins) {
  begin("a");
  begin("b");
  world.pass(4'500);
  cut_off(0);
  const std::int64_t cut = now();
  world.pass(30'000);
  ASSERT_THAT(log, ElementsAre("a leads", StartsWith("a follows: the Lease could not be renewed"),
                               "b leads"));
  EXPECT_LE(at[1] - cut, 7'000);
  EXPECT_GE(at[2] - at[1], 3'000) << "the Lease lasts longer than the leader believes in it";
  EXPECT_FALSE(leads("a"));
  cut_off(0, false);
  world.pass(30'000);
  EXPECT_EQ(log.size(), 3u) << "it comes back as a standby";
}

TEST_F(ElectionTest, ALeaderWhoseRequestsArriveButNotTheAnswersStopsToo) {
  begin("a");
  begin("b");
  world.pass(4'500);
  world.on_loop([this] { world.api.mute.insert(0); });
  world.pass(60'000);
  ASSERT_GE(log.size(), 3u);
  EXPECT_THAT(log[1], StartsWith("a follows"));
  EXPECT_EQ(log[2], "b leads");
  EXPECT_EQ(log.size(), 3u);
}

TEST_F(ElectionTest, ALeaderStaysThroughFailuresThatAreShorterThanItsLease) {
  begin("a");
  begin("b");
  for (int i = 0; i < 5; ++i) {
    world.on_loop([this] { world.api.refuse[kLeases] = 503; });
    world.pass(4'000);
    world.on_loop([this] { world.api.refuse.clear(); });
    world.pass(4'000);
  }
  EXPECT_THAT(log, ElementsAre("a leads"));
}

TEST_F(ElectionTest, DoesNotLeadFromTheInstantOnAtWhichItsLeaseRanOut) {
  begin("a");
  bool before = false;
  bool after = true;
  world.on_loop([&] {  // no timer has run yet: the loop was busy
    world.api.now += 6'999;
    before = candidates.at("a").election->leads();
    world.api.now += 1;
    after = candidates.at("a").election->leads();
  });
  EXPECT_TRUE(before);
  EXPECT_FALSE(after);
}

TEST_F(ElectionTest, LeadsOnWhenSomebodyEditsTheLeaseAndKeepsTheEdit) {
  begin("a");
  begin("b");
  const Node is = lease();
  world.on_loop([&] {
    world.api.put(kLeases, R"({"metadata":{"namespace":"kerf-system","name":"kerf-controller",
      "labels":{"team":"ml"}},"spec":{"holderIdentity":"a","leaseDurationSeconds":10,
      "renewTime":"x","strategy":"OldestEmulationVersion"}})");
  });
  world.pass(10'000);
  EXPECT_THAT(log, ElementsAre("a leads"));
  EXPECT_EQ(spec("strategy"), "OldestEmulationVersion");
  EXPECT_EQ(lease().find("metadata")->find("labels")->find("team")->text, "ml");
  EXPECT_NE(spec("renewTime"), "x");
}

TEST_F(ElectionTest, FollowsAtOnceWhenSomebodyElseIsWrittenInAndLeadsAfterHim) {
  begin("a");
  world.pass(3'000);
  edit(R"({"holderIdentity":"x","leaseDurationSeconds":4,"renewTime":"t","leaseTransitions":7})");
  const std::int64_t edited = now();
  world.pass(0);
  ASSERT_THAT(log, ElementsAre("a leads", "a follows: the Lease is held by \"x\""));
  EXPECT_EQ(at[1], edited);
  world.pass(10'000);
  ASSERT_EQ(log.size(), 3u);
  EXPECT_EQ(log[2], "a leads");
  EXPECT_EQ(at[2] - edited, 4'000) << "as long as the record says";
  EXPECT_EQ(spec("leaseTransitions"), "8");
}

TEST_F(ElectionTest, DoesNotWaitForEverForARecordThatSaysSo) {
  edit(R"({"holderIdentity":"x","leaseDurationSeconds":2147483647,"renewTime":"t"})");
  begin("a");
  world.pass(9 * 60'000);
  EXPECT_THAT(log, ElementsAre());
  world.pass(2 * 60'000);
  EXPECT_THAT(log, ElementsAre("a leads"));
}

TEST_F(ElectionTest, ALeaseThatSaysNothingIsFree) {
  for (const char* spec : {"{}", "null", "[]", R"({"holderIdentity":7})",
                           R"({"holderIdentity":"","leaseDurationSeconds":"x"})"}) {
    log.clear();
    edit(spec);
    begin("a");
    EXPECT_THAT(log, ElementsAre("a leads")) << spec;
    EXPECT_EQ(this->spec("holderIdentity"), "a") << spec;
    kill("a");
  }
}

TEST_F(ElectionTest, ALeaderMakesItsLeaseAnewWhereItWasDeleted) {
  begin("a");
  begin("b");
  world.pass(1'000);
  world.on_loop([this] { world.api.remove(kLeases, "kerf-system", "kerf-controller"); });
  world.pass(30'000);
  EXPECT_THAT(log, ElementsAre("a leads"));
  EXPECT_EQ(spec("holderIdentity"), "a");
}

TEST_F(ElectionTest, AStandbyDoesNotJumpInWhereTheLeaseWasDeleted) {
  begin("a");
  begin("b");
  world.pass(4'500);
  cut_off(0);
  const std::int64_t cut = now();
  world.on_loop([this] { world.api.remove(kLeases, "kerf-system", "kerf-controller"); });
  world.pass(30'000);
  ASSERT_THAT(log, ElementsAre("a leads", StartsWith("a follows"), "b leads"));
  EXPECT_GE(at[2] - cut, 7'500);
}

TEST_F(ElectionTest, ClocksOfOthersDoNotCount) {
  for (const std::int64_t wrong : {-5 * 3'600'000, 5 * 3'600'000}) {
    log.clear();
    at.clear();
    begin("a");
    begin("b", wrong);
    world.pass(60'000);
    EXPECT_THAT(log, ElementsAre("a leads")) << wrong;
    kill("a");
    const std::int64_t died = now();
    world.pass(30'000);
    ASSERT_THAT(log, ElementsAre("a leads", "b leads")) << wrong;
    EXPECT_LE(at[1] - died, 12'000);
    kill("b");
    world.on_loop([this] { world.api.remove(kLeases, "kerf-system", "kerf-controller"); });
  }
}

TEST_F(ElectionTest, WhoComesTooLateToTakeItWaitsAgain) {
  begin("a");
  begin("b");
  kill("a");
  world.on_loop([this] {  // just before b's write another takes it
    world.api.before_write = [this] {
      world.api.put(kLeases, R"({"metadata":{"namespace":"kerf-system","name":"kerf-controller"},
        "spec":{"holderIdentity":"c","leaseDurationSeconds":10,"renewTime":"c1"}})");
    };
  });
  world.pass(12'000);
  EXPECT_THAT(log, ElementsAre("a leads"));
  EXPECT_EQ(spec("holderIdentity"), "c");
  world.pass(12'000);
  EXPECT_THAT(log, ElementsAre("a leads", "b leads"));
}

TEST_F(ElectionTest, AWriteOfWhichNobodySaysWhetherItWasMadeIsLookedAt) {
  begin("a");
  begin("b");
  kill("a");
  world.on_loop([this] { world.api.before_write = [this] { world.api.mute.insert(1); }; });
  world.pass(11'000);
  EXPECT_THAT(log, ElementsAre("a leads"));
  EXPECT_EQ(spec("holderIdentity"), "b") << "b has it, and does not know";
  world.on_loop([this] { world.api.mute.clear(); });
  world.pass(6'000);
  EXPECT_THAT(log, ElementsAre("a leads", "b leads"));
}

TEST_F(ElectionTest, TriesOnWhereItIsRefused) {
  world.on_loop([this] { world.api.refuse[kLeases] = 403; });
  begin("a");
  world.pass(30'000);
  EXPECT_THAT(log, ElementsAre());
  EXPECT_LE(asked("GET"), 31);
  world.on_loop([this] { world.api.refuse.clear(); });
  world.pass(2'000);
  EXPECT_THAT(log, ElementsAre("a leads"));
}

}  // namespace
}  // namespace kerf::shell
