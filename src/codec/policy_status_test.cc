// Tests of SlicePolicy.status: what is kept comes back as it was, whatever people do to the rest.
#include "codec/policy_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "codec/json.h"
#include "codec/live_objects_testing.h"
#include "codec/pod_shape_testing.h"
#include "codec/timestamp.h"

namespace kerf::codec {
namespace {

using cluster::PodShape;
using control::Condition;
using control::PolicyStatus;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::object_of;
using ::testing::Pair;
using testing::Random;
using testing::random_shape;
using ::testing::SizeIs;

constexpr std::int64_t kNow = 1'795'968'000'123;  // 2026-11-29T16:00:00.123Z

PolicyStatus random_status(Random& random) {
  PolicyStatus status;
  control::Kept& kept = status.kept;
  for (std::int64_t i = random.below(20); i > 0; --i)
    kept.purchases[random.uid()] = 1 + random.below(random.coin() ? 3 : 1'000'000);
  for (std::int64_t i = random.below(20); i > 0; --i) kept.moved[random.uid()] = random.time();
  for (std::int64_t i = random.below(20); i > 0; --i) kept.moves.push_back(random.time());
  std::sort(kept.moves.begin(), kept.moves.end());
  for (std::int64_t i = random.below(8); i > 0; --i) {
    PodShape shape = random_shape(random);
    const auto same = [&](const auto& entry) { return entry.first == shape; };
    if (std::any_of(kept.demand.begin(), kept.demand.end(), same)) continue;
    kept.demand.emplace_back(std::move(shape), 1 + random.below(INT64_MAX - 1));
  }
  if (random.coin()) kept.demand_at = random.time();
  control::Figures& figures = status.figures;
  figures.pods = random.below(1'000'000);
  figures.pending = random.below(1'000'000);
  figures.unserved = random.below(1'000'000);
  figures.bill = random.money();
  if (random.coin()) figures.could_be = random.money();
  if (random.coin()) figures.bound = random.money();
  if (random.coin()) figures.whole_gpus = random.money();
  return status;
}

// --- Helpers -------------------------------------------------------------------------------------

/// Through JSON, as it goes to the API server and comes back.
PolicyStatus read_back(const Node& status, std::vector<std::string>& troubles) {
  const auto document = parse_json(write_json(status), "status");
  EXPECT_TRUE(document);
  return read_policy_status(Field("SlicePolicy p", document->root, "status"), troubles);
}

PolicyStatus read_of(std::string_view yaml, std::vector<std::string>& troubles) {
  const Node status = object_of(yaml);
  return read_policy_status(Field("SlicePolicy p", status, "status"), troubles);
}

const Node& at(const Node& node, std::initializer_list<std::string_view> path) {
  const Node* here = &node;
  for (const std::string_view key : path) {
    here = here->find(key);
    if (here == nullptr) {
      ADD_FAILURE() << key << " is not there";
      return node;
    }
  }
  return *here;
}

// --- Tests ---------------------------------------------------------------------------------------

TEST(PolicyStatus, KeptAndFiguresComeBackAsTheyWere) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    Random random(seed);
    const PolicyStatus status = random_status(random);
    std::vector<std::string> troubles;
    const PolicyStatus read =
        read_back(policy_status_node(status, {}, nullptr, random.time()), troubles);
    EXPECT_EQ(read.kept, status.kept) << "seed " << seed;
    EXPECT_EQ(read.figures, status.figures) << "seed " << seed;
    EXPECT_THAT(troubles, IsEmpty()) << "seed " << seed;
  }
}

PolicyStatus example() {
  PolicyStatus status;
  status.observed_generation = 3;
  status.figures.pods = 12;
  status.figures.pending = 1;
  status.figures.bill = {37'850'000};
  status.figures.bound = {20'000'001};
  status.kept.purchases = {{"u1", 1}, {"u2", 2}, {"u3", 1}};
  status.kept.moved = {{"o1", kNow}};
  status.kept.moves = {kNow - 1, kNow};
  status.kept.demand_at = kNow;
  PodShape shape;
  shape.ns = "search";
  shape.labels = {{"app", "web"}};
  shape.requests = {500, 1024, 0, 1};
  shape.gpu = {{cluster::GpuRequestKind::Slice, "1g.10gb", 0, cluster::Isolation::Enforced, 0, 1}};
  status.kept.demand = {{shape, 1 << 20}};
  status.conditions = {{Condition::Type::Accepted, true, "Valid", {}},
                       {Condition::Type::PodsServed, false, "PodsWaiting", {"1"}}};
  status.next = {{"Buy", {"p5.4xlarge"}, {6'880'000}}};
  return status;
}

const StatusWords kWords{{"", "1 pod waits"}, {"buy p5.4xlarge"}, "12 pods cost $37.85/h now"};

TEST(PolicyStatus, IsWrittenAsItsReferenceSays) {
  const Node node =
      policy_status_object("research", "77", policy_status_node(example(), kWords, nullptr, kNow));
  EXPECT_EQ(write_json(node), write_json(object_of(R"(
apiVersion: kerf.dev/v1alpha1
kind: SlicePolicy
metadata: {name: research, resourceVersion: "77"}
status:
  observedGeneration: 3
  summary: 12 pods cost $37.85/h now
  figures: {pods: 12, pending: 1, unserved: 0, usdPerHour: "37.85", boundUsdPerHour: "20.000001"}
  conditions:
  - {type: Accepted, status: "True", observedGeneration: 3, lastTransitionTime: "2026-11-29T16:00:00Z", reason: Valid, message: ""}
  - {type: PodsServed, status: "False", observedGeneration: 3, lastTransitionTime: "2026-11-29T16:00:00Z", reason: PodsWaiting, message: 1 pod waits}
  next: [{action: Buy, message: buy p5.4xlarge, usdPerHour: "6.88"}]
  kept:
    purchases: {"1": [u1, u3], "2": [u2]}
    moved: {o1: "2026-11-29T16:00:00.123Z"}
    moves: ["2026-11-29T16:00:00.122Z", "2026-11-29T16:00:00.123Z"]
    demandAt: "2026-11-29T16:00:00.123Z"
    demand:
    - weight: 1048576
      shape:
        namespace: search
        labels: {app: web}
        requests: {cpuMilli: 500, memoryMib: 1024, diskMib: 0, pods: 1}
        gpu: [{kind: Slice, profile: 1g.10gb, isolation: Enforced, count: 1}]
)")));
}

TEST(PolicyStatus, AConditionThatStaysKeepsItsTime) {
  PolicyStatus status = example();
  const Node before = policy_status_node(status, kWords, nullptr, kNow);
  status.conditions[1].ok = true;
  status.conditions[0].reason = "Another";
  const Node after = policy_status_node(status, {}, &before, kNow + 60'000);
  const std::vector<Node>& conditions = at(after, {"conditions"}).items;
  ASSERT_THAT(conditions, SizeIs(2));
  EXPECT_EQ(at(conditions[0], {"lastTransitionTime"}).text, "2026-11-29T16:00:00Z");
  EXPECT_EQ(at(conditions[1], {"lastTransitionTime"}).text, "2026-11-29T16:01:00Z");
  for (const char* broken : {"{conditions: 7}", "{conditions: [7]}", "[]", "{}",
                             "{conditions: [{type: Accepted, status: \"True\", "
                             "lastTransitionTime: 7}]}"}) {
    const Node previous = object_of(broken);
    const Node fresh = policy_status_node(status, {}, &previous, kNow);
    EXPECT_EQ(at(at(fresh, {"conditions"}).items[0], {"lastTransitionTime"}).text,
              "2026-11-29T16:00:00Z")
        << broken;
  }
}

TEST(PolicyStatus, KeepsTheHeaviestDemandInItsOrder) {
  PolicyStatus status;
  for (int i = 0; i < 200; ++i) {
    PodShape shape;
    shape.priority = i;
    status.kept.demand.emplace_back(shape, i % 2 == 0 ? 1000 + i : 1 + i);
  }
  status.kept.demand.emplace_back(PodShape{}, 0);  // nothing is left of it
  std::vector<std::string> troubles;
  const auto kept = read_back(policy_status_node(status, {}, nullptr, kNow), troubles).kept.demand;
  ASSERT_THAT(kept, SizeIs(kKeptDemandMax));
  for (std::size_t i = 0; i < kept.size(); ++i)
    EXPECT_EQ(kept[i].first.priority, 72 + 2 * static_cast<int>(i));
  EXPECT_THAT(troubles, IsEmpty());
}

TEST(PolicyStatus, WritesWhatCannotBeAsTheNearestThatCan) {
  PolicyStatus status;
  status.figures.bill = {-5};
  status.kept.moves = {-7, INT64_MAX};
  status.kept.purchases = {{"none", 0}, {"u", 1}};
  std::vector<std::string> troubles;
  const PolicyStatus read = read_back(policy_status_node(status, {}, nullptr, -1), troubles);
  EXPECT_EQ(read.figures.bill.micro, 0);
  EXPECT_THAT(read.kept.moves, ElementsAre(0, kTimestampMax));
  EXPECT_THAT(read.kept.purchases, ElementsAre(Pair("u", 1)));
  EXPECT_THAT(troubles, IsEmpty());
}

TEST(PolicyStatus, IsSmallWithTenThousandPurchases) {
  PolicyStatus status = example();
  for (int i = 0; i < 10'000; ++i) {
    std::string uid = "3b0c9a52-6f0e-4c8a-8d51-000000000000" + std::to_string(i);
    uid = uid.substr(0, 24) + uid.substr(uid.size() - 12);
    status.kept.purchases[uid] = 1 + i % 2;
  }
  ASSERT_THAT(status.kept.purchases, SizeIs(10'003));
  PodShape shape = status.kept.demand[0].first;
  shape.tolerations = {{"example.com/batch", true, "", "NoSchedule"}};
  shape.node_selector = {{"karpenter.sh/capacity-type", cluster::Operator::In, {"spot"}}};
  shape.spread = {{1, 1, "topology.kubernetes.io/zone", {{"search"}, false, {}, false}}};
  for (int i = 0; i < 100; ++i) {
    shape.priority = i;
    status.kept.demand.emplace_back(shape, 1 + i);
  }
  const Node body = policy_status_object("p", "1", policy_status_node(status, {}, nullptr, kNow));
  EXPECT_LT(write_json_line(body).size(), 512u << 10);
}

TEST(PolicyStatus, EditedByHandIsReadAsFarAsItGoes) {
  std::vector<std::string> troubles;
  const PolicyStatus read = read_of(R"(
observedGeneration: many
figures: {pods: 12, pending: some, usdPerHour: -3, boundUsdPerHour: "1.5", couldBeUsdPerHour: []}
conditions: what
kept:
  purchases: {"2": [u2, 7, ""], "1": [u1, u2], zero: [u3], "0": [u4], "3": u5, "4": []}
  moved: {o1: "2026-11-29T16:00:00.123Z", o2: yesterday, o3: 12}
  moves: ["2026-11-29T17:00:00Z", never, "2026-11-29T16:00:00Z"]
  demandAt: [1]
  demand:
  - {weight: 5, shape: {priority: 1}}
  - {weight: 0, shape: {}}
  - {shape: {}}
  - 17
  - {weight: 9, shape: {gpu: [{kind: Half}]}}
  - {weight: 7, shape: {priority: 1}}
)",
                                    troubles);
  EXPECT_EQ(read.figures.pods, 12);
  EXPECT_EQ(read.figures.pending, 0);
  EXPECT_EQ(read.figures.bill.micro, 0);
  EXPECT_EQ(read.figures.bound.value().micro, 1'500'000);
  EXPECT_EQ(read.figures.could_be, std::nullopt);
  EXPECT_THAT(read.kept.purchases, ElementsAre(Pair("u1", 1), Pair("u2", 2)));
  EXPECT_THAT(read.kept.moved, ElementsAre(Pair("o1", kNow)));
  EXPECT_THAT(read.kept.moves, SizeIs(2));
  EXPECT_TRUE(std::is_sorted(read.kept.moves.begin(), read.kept.moves.end()));
  EXPECT_EQ(read.kept.demand_at, 0);
  ASSERT_THAT(read.kept.demand, SizeIs(1));
  EXPECT_EQ(read.kept.demand[0].second, 5);
  EXPECT_EQ(read.observed_generation, 0);
  EXPECT_THAT(read.conditions, IsEmpty());
  EXPECT_THAT(troubles, Each(HasSubstr("SlicePolicy p: status.")));
  for (const char* word :
       {"figures.pending", "figures.usdPerHour", "figures.couldBeUsdPerHour", "purchases[\"2\"][1]",
        "purchases[\"2\"][2]", "\"zero\" is no number of purchases", "\"0\" is no number",
        "purchases[\"3\"]: expected a list", "moved[\"o2\"]", "moved[\"o3\"]", "moves[1]",
        "demandAt", "demand[1].weight", "demand[2]: expected weight and shape",
        "demand[3]: expected a mapping", "demand[4].shape.gpu[0].kind",
        "demand[5]: the shape is listed already"})
    EXPECT_THAT(troubles, ::testing::Contains(HasSubstr(word)));
  EXPECT_THAT(troubles, SizeIs(17));
}

TEST(PolicyStatus, OfAnyFormIsNoError) {
  for (const char* yaml :
       {"7", "[1]", "text", "{kept: [], figures: 3}",
        "{kept: {purchases: [], moved: 3, moves: {}, demand: x, demandAt: 1}}"}) {
    std::vector<std::string> troubles;
    const PolicyStatus read = read_of(yaml, troubles);
    EXPECT_EQ(read, PolicyStatus{}) << yaml;
    EXPECT_FALSE(troubles.empty()) << yaml;
  }
  for (const char* yaml : {"{}", "{kept: null, figures: {}}", "{kept: {purchases: {}}}"}) {
    std::vector<std::string> troubles;
    EXPECT_EQ(read_of(yaml, troubles), PolicyStatus{}) << yaml;
    EXPECT_THAT(troubles, IsEmpty()) << yaml;
  }
}

TEST(PolicyStatus, TellsAFewOfManyTroubles) {
  std::string yaml = "kept: {moves: [";
  for (int i = 0; i < 500; ++i) yaml += "x,";
  std::vector<std::string> troubles;
  EXPECT_EQ(read_of(yaml + "]}", troubles), PolicyStatus{});
  EXPECT_THAT(troubles, SizeIs(20));
  EXPECT_EQ(troubles.back(), "and 481 more");
}

}  // namespace
}  // namespace kerf::codec
