// Which Events a decision becomes, on which objects, and what failures change: nothing.
#include "shell/controller/announcer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "codec/json.h"
#include "shell/controller/hands_testing.h"

namespace kerf::shell {
namespace {

using control::Key;
using control::Kind;
using controller::Record;
using controller::What;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr std::int64_t kWall = 1'796'054'400'000;

Record bought(std::size_t pods) {
  Record record;
  record.what = What::Buy;
  record.kind = Kind::NodeClaim;
  record.about = {"", "kerf-1a2b"};
  record.policy = "research";
  record.args = {"g6.xlarge", "on-demand", "us-east-1a", std::to_string(pods)};
  record.price = {804'800};
  for (std::size_t i = 0; i < pods; ++i) record.pods.push_back({"ml", "p" + std::to_string(i)});
  return record;
}

Record about(What what, Kind kind, Key key, std::vector<std::string> args) {
  Record record;
  record.what = what;
  record.kind = kind;
  record.about = std::move(key);
  record.policy = "research";
  record.args = std::move(args);
  return record;
}

struct Stage {
  Stage() {
    add(Kind::NodeClaim, {"", "kerf-1a2b"});
    add(Kind::SlicePolicy, {"", "research"});
    add(Kind::Node, {"", "node-7"});
    for (int i = 0; i < 30; ++i) add(Kind::Pod, {"ml", "p" + std::to_string(i)});
    options.instance = "kerf-controller-0";
    options.outbox.pace_ms = 0;
    options.outbox.look_ms = 1;
    options.outbox.retry_ms = 1;
    hands.server = [](const Hands::Asked&) { return Hands::Reply{201, "{}"}; };
  }
  void add(Kind kind, const Key& key) {
    hands.objects[{kind, key}] = {"uid-" + key.name, "1", {}, {}};
  }
  /// Announces, until so many were asked for, and all that is under way is over.
  void tell(const std::vector<Record>& records, std::size_t asked) {
    hands.run(
        [&] {
          announcer = std::make_unique<Announcer>(options, *hands.client, hands.mirror(),
                                                  hands.loop, telemetry::Log(),
                                                  [&](const std::string&) { return acts; });
          for (const Record& record : records) announcer->announce(record, "d-42", kWall);
        },
        [&] { return over(asked); });
  }
  /// One more turn of the loop after the last request, for one that is too many.
  bool over(std::size_t asked) {
    if (hands.asked.size() < asked || !announcer) return false;
    if (!last_turn_) {
      last_turn_ = true;
      hands.loop.after(20, [this] { end_ = true; });
    }
    return end_;
  }
  std::vector<std::string> paths() const {
    std::vector<std::string> paths;
    for (const Hands::Asked& asked : hands.asked)
      paths.push_back(asked.path.substr(0, asked.path.find('?')));
    return paths;
  }
  std::string text(std::size_t event, std::string_view part, std::string_view member) const {
    const auto document = codec::parse_json(hands.asked.at(event).body, "event");
    const codec::Node* node = part.empty() ? &document->root : document->root.find(part);
    node = node == nullptr ? nullptr : node->find(member);
    return node == nullptr ? "" : node->text;
  }
  std::multiset<std::string> kinds() const {
    std::multiset<std::string> kinds;
    for (std::size_t i = 0; i < hands.asked.size(); ++i) kinds.insert(text(i, "regarding", "kind"));
    return kinds;
  }

  Hands hands;
  Announcer::Options options;
  bool acts = true;
  std::unique_ptr<Announcer> announcer;

 private:
  bool last_turn_ = false;
  bool end_ = false;
};

const char* const kDefault = "/apis/events.k8s.io/v1/namespaces/default/events";
const char* const kMl = "/apis/events.k8s.io/v1/namespaces/ml/events";

TEST(Announcer, TellsClaimPolicyAndEachPod) {
  Stage stage;
  stage.tell({bought(2)}, 4);
  EXPECT_THAT(stage.paths(), ElementsAre(kDefault, kDefault, kMl, kMl));
  EXPECT_EQ(stage.text(0, "regarding", "kind"), "NodeClaim");
  EXPECT_EQ(stage.text(0, "regarding", "apiVersion"), "karpenter.sh/v1");
  EXPECT_EQ(stage.text(0, "regarding", "name"), "kerf-1a2b");
  EXPECT_EQ(stage.text(0, "regarding", "uid"), "uid-kerf-1a2b");
  EXPECT_EQ(stage.text(0, "", "reason"), "NodeBought");
  EXPECT_EQ(stage.text(0, "", "action"), "Buy");
  EXPECT_EQ(stage.text(0, "", "type"), "Normal");
  EXPECT_EQ(stage.text(0, "", "reportingInstance"), "kerf-controller-0");
  EXPECT_THAT(stage.text(0, "metadata", "name"), StartsWith("kerf-1a2b."));
  EXPECT_EQ(stage.text(0, "metadata", "namespace"), "default");
  EXPECT_THAT(stage.hands.asked[0].body, HasSubstr(R"("kerf.dev/decision":"d-42")"));
  EXPECT_THAT(stage.hands.asked[0].body, HasSubstr("$0.80/h"));
  EXPECT_EQ(stage.text(1, "regarding", "kind"), "SlicePolicy");
  EXPECT_EQ(stage.text(1, "", "note"), stage.text(0, "", "note"));
  EXPECT_EQ(stage.text(2, "regarding", "kind"), "Pod");
  EXPECT_EQ(stage.text(2, "regarding", "namespace"), "ml");
  EXPECT_EQ(stage.text(2, "metadata", "namespace"), "ml");
  EXPECT_THAT(stage.text(2, "", "note"), StartsWith("Anodeisbought:"));
  EXPECT_EQ(stage.text(3, "regarding", "name"), "p1");
  EXPECT_EQ(stage.announcer->dropped(), 0);
}

TEST(Announcer, TellsTwentyPodsOfAClaimAtMost) {
  Stage stage;
  stage.tell({bought(30)}, 22);
  EXPECT_EQ(stage.kinds().count("Pod"), 20u);
  EXPECT_EQ(stage.hands.asked.size(), 22u);
}

TEST(Announcer, TellsAboutAGpuNodeOnItsNode) {
  Stage stage;
  stage.tell({about(What::Failed, Kind::GpuNode, {"", "node-7"}, {"GpuLost", "gpu0 is lost"})}, 1);
  EXPECT_EQ(stage.text(0, "regarding", "kind"), "Node");
  EXPECT_EQ(stage.text(0, "regarding", "apiVersion"), "v1");
  EXPECT_EQ(stage.text(0, "regarding", "uid"), "uid-node-7");
  EXPECT_EQ(stage.text(0, "", "type"), "Warning");
  EXPECT_EQ(stage.hands.asked.size(), 1u);
}

TEST(Announcer, TellsOnlyThePolicyWhereNothingIsDone) {
  Stage stage;
  stage.acts = false;
  stage.tell({bought(3), about(What::Wait, Kind::Pod, {"ml", "p0"}, {"LimitGpus", "1"}),
              about(What::Would, Kind::SlicePolicy, {"", "research"}, {"$1.00", "1 g6.xlarge"})},
             1);
  ASSERT_THAT(stage.paths(), ElementsAre(kDefault));
  EXPECT_EQ(stage.text(0, "", "reason"), "WouldBuy");
}

TEST(Announcer, NamesTheSameEventAlikeAndOthersNot) {
  Stage first;
  first.tell({bought(1)}, 3);
  Stage again;  // another process
  again.tell({bought(1)}, 3);
  Record other = bought(1);
  other.args[0] = "p4d.24xlarge";
  Record second = bought(1);
  second.about.name = "kerf-3c4d";
  Stage others;
  others.add(Kind::NodeClaim, second.about);
  others.tell({other, second}, 6);
  std::set<std::string> names;
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(first.text(i, "metadata", "name"), again.text(i, "metadata", "name"));
    names.insert(first.text(i, "metadata", "name"));
  }
  for (std::size_t i = 0; i < 6; ++i) names.insert(others.text(i, "metadata", "name"));
  EXPECT_EQ(names.size(), 9u);
}

TEST(Announcer, WaitsForAClaimToBeThere) {
  Stage stage;
  stage.hands.objects.erase({Kind::NodeClaim, {"", "kerf-1a2b"}});
  stage.hands.server = [&](const Hands::Asked&) {
    stage.add(Kind::NodeClaim, {"", "kerf-1a2b"});  // with the first answer
    return Hands::Reply{201, "{}"};
  };
  stage.tell({bought(0)}, 2);
  EXPECT_EQ(stage.text(0, "regarding", "kind"), "SlicePolicy");
  EXPECT_EQ(stage.text(1, "regarding", "uid"), "uid-kerf-1a2b");
}

TEST(Announcer, IsContentWithWhatIsThereAlready) {
  Stage stage;
  stage.hands.server = [](const Hands::Asked&) {
    return Hands::Reply{409, R"({"kind":"Status","reason":"AlreadyExists","message":"there"})"};
  };
  stage.tell({bought(1)}, 3);
  EXPECT_EQ(stage.hands.asked.size(), 3u);
  EXPECT_EQ(stage.announcer->dropped(), 0);
}

TEST(Announcer, TriesAgainAFewTimesUnderTheSameName) {
  Stage stage;
  stage.hands.server = [](const Hands::Asked&) {
    return Hands::Reply{0, "", apiserver::Ending::Broken};
  };
  stage.tell({about(What::MoveOff, Kind::Pod, {"ml", "p0"}, {"why"})}, 3);
  ASSERT_EQ(stage.hands.asked.size(), 3u);
  EXPECT_EQ(stage.hands.asked[0].body, stage.hands.asked[2].body);
  EXPECT_EQ(stage.announcer->dropped(), 1);
}

TEST(Announcer, GoesOnWhereOneIsForbidden) {
  Stage stage;
  stage.hands.server = [](const Hands::Asked& asked) {
    if (asked.path.find("/ml/") != std::string::npos) return Hands::Reply{201, "{}"};
    return Hands::Reply{403, R"({"kind":"Status","reason":"Forbidden","message":"no"})"};
  };
  stage.tell({bought(2)}, 4);
  EXPECT_EQ(stage.hands.asked.size(), 4u);
  EXPECT_EQ(stage.announcer->dropped(), 2);
}

TEST(Announcer, CallsNobodyOnceItIsGone) {
  Stage stage;
  stage.hands.server = [](const Hands::Asked&) { return std::nullopt; };
  bool gone = false;
  bool over = false;
  stage.hands.run(
      [&] {
        stage.announcer = std::make_unique<Announcer>(
            stage.options, *stage.hands.client, stage.hands.mirror(), stage.hands.loop,
            telemetry::Log(), [](const std::string&) { return true; });
        stage.announcer->announce(bought(5), "d-42", kWall);
      },
      [&] {
        if (!gone && !stage.hands.asked.empty()) {
          gone = true;
          stage.announcer.reset();
          stage.hands.answer_held({201, "{}"});
          stage.hands.loop.after(20, [&] { over = true; });
        }
        return over;
      });
  const std::size_t asked = stage.hands.asked.size();
  EXPECT_LE(asked, 7u);
  EXPECT_GE(asked, 1u);
}

}  // namespace
}  // namespace kerf::shell
