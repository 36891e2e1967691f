// Tests of the watches: what is told of a cluster, in which order, and what is not.
#include "shell/controller/watches.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "shell/controller/watches_testing.h"

namespace kerf::shell {
namespace {

using control::Key;
using control::Kind;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

constexpr const char* kPods = "v1/pods";
constexpr const char* kNodes = "v1/nodes";
constexpr const char* kClaims = "karpenter.sh/v1/nodeclaims";
constexpr const char* kJobs = "batch/v1/jobs";
constexpr const char* kJobSets = "jobset.x-k8s.io/v1alpha2/jobsets";
constexpr const char* kPolicies = "kerf.dev/v1alpha1/slicepolicies";
constexpr const char* kDaemonSets = "apps/v1/daemonsets";
constexpr const char* kKerfNode = R"("kerf.dev/policy":"p")";

const std::string kGroupJob = R"({"metadata":{"namespace":"ml","name":"train"},"spec":{
  "parallelism":4,"completions":4,"template":{"spec":{"containers":[{"name":"c","resources":
  {"limits":{"nvidia.com/mig-1g.5gb":"1"}}}]}}}})";

const std::string kGoodPolicy = R"({"apiVersion":"kerf.dev/v1alpha1","kind":"SlicePolicy",
  "metadata":{"name":"p"},"spec":{"mode":"Observe"},"status":{"summary":"x"}})";

struct WatchesTest : testing::Test, WatchesWorld {
  std::int64_t asked(const std::string& what) {
    std::int64_t count = 0;
    on_loop([&] { count = world.api.asked(what); });
    return count;
  }
  /// Puts a new object of each kind in; its version is told.
  void put_one_of_each() {
    put_gpu_pod("a");
    put_node("n", kKerfNode);
    put(kClaims, R"({"metadata":{"name":"c","labels":{"kerf.dev/policy":"p"}},"spec":{}})");
    put("kerf.dev/v1alpha1/gpunodes", R"({"metadata":{"name":"n"},"spec":{"gpus":[]}})");
    put(kPolicies, kGoodPolicy);
    put("policy/v1/poddisruptionbudgets",
        R"({"metadata":{"namespace":"ml","name":"b"},"spec":{}})");
    put("scheduling.k8s.io/v1/priorityclasses", R"({"metadata":{"name":"high"},"value":1000})");
    put(kJobs, kGroupJob);
    put("karpenter.k8s.aws/v1/ec2nodeclasses", R"({"metadata":{"name":"cut"},"spec":{}})");
    put("resource.k8s.io/v1/deviceclasses", R"({"metadata":{"name":"mig"},"spec":{}})");
  }
};

/// Lines that begin so.
std::vector<std::string> of(const std::vector<std::string>& lines, const std::string& begin) {
  std::vector<std::string> some;
  for (const std::string& line : lines)
    if (line.starts_with(begin)) some.push_back(line);
  return some;
}
std::ptrdiff_t place(const std::vector<std::string>& lines, const std::string& line) {
  return std::find(lines.begin(), lines.end(), line) - lines.begin();
}

TEST_F(WatchesTest, TellsEachKindAndThenThatItIsComplete) {
  put_one_of_each();
  begin();
  const auto lines = told();
  for (const char* object :
       {"Pod ml/a@101", "Node n@102", "NodeClaim c@103", "GpuNode n@104", "SlicePolicy p@105",
        "PodDisruptionBudget ml/b@106", "PriorityClass high@107", "Workload ml/jobs/train@108",
        "NodeClass cut@109", "DeviceClass mig@110"}) {
    const std::string kind(object, std::string(object).find(' '));
    ASSERT_THAT(lines, Contains(std::string("+") + object));
    EXPECT_THAT(of(lines, "=" + kind + " "), ElementsAre("=" + kind + " 110"));
    EXPECT_LT(place(lines, std::string("+") + object), place(lines, "=" + kind + " 110"));
  }
  on_loop([&] {
    for (const auto& [kind, count] : watches().counts()) EXPECT_EQ(count, 1) << kind;
    EXPECT_FALSE(watches().trouble_since());
  });
}

TEST_F(WatchesTest, TellsChangesAsTheyCome) {
  begin();
  told();
  put_gpu_pod("a");
  put_gpu_pod("a");
  remove(kPods, "ml", "a");
  EXPECT_THAT(told(), ElementsAre("+Pod ml/a@101", "+Pod ml/a@102", "-Pod ml/a/uid-1"));
}

TEST_F(WatchesTest, APodThatEndsIsGone) {
  put_gpu_pod("a");
  begin();
  told();
  put(kPods, R"({"metadata":{"namespace":"ml","name":"a"},"spec":{"containers":[]},
    "status":{"phase":"Succeeded"}})");
  EXPECT_THAT(told(), ElementsAre("-Pod ml/a/uid-1"));
}

TEST_F(WatchesTest, TellsNothingOfPodsAndNodesThatAreNoBusinessOfItsOwn) {
  put_node("cpu", R"("node.kubernetes.io/instance-type":"m5.large")");
  put_cpu_pod("web", "cpu");
  put_cpu_pod("waits", "");
  put(kClaims, R"({"metadata":{"name":"other"},"spec":{}})");
  put(kJobs, R"({"metadata":{"namespace":"ml","name":"one"},"spec":{"template":{"spec":
    {"containers":[]}}}})");
  begin();
  const auto lines = told();
  EXPECT_THAT(of(lines, "+"), IsEmpty());
  EXPECT_EQ(of(lines, "=").size(), static_cast<std::size_t>(control::kKinds));
}

TEST_F(WatchesTest, TellsNodesWithGpusWhosever) {
  put_node("typed", R"("node.kubernetes.io/instance-type":"p4d.24xlarge")");
  put_node("plugged", "", R"(,"nvidia.com/gpu":"0")");
  begin();
  EXPECT_THAT(of(told(), "+Node"), ElementsAre("+Node plugged@102", "+Node typed@101"));
  put_node("plugged");
  EXPECT_THAT(told(), ElementsAre("-Node plugged/uid-2"));
}

TEST_F(WatchesTest, TellsPodsOfANodeThatTurnsOutToBeKerfs) {
  put_node("n");
  put_cpu_pod("before", "n");
  begin();
  EXPECT_THAT(of(told(), "+"), IsEmpty());
  put_cpu_pod("after", "n");
  EXPECT_THAT(told(), IsEmpty());
  put_node("n", kKerfNode);
  EXPECT_THAT(told(), ElementsAre("+Node n@104", "+Pod web/after@103", "+Pod web/before@102"));
  on_loop([&] {
    const auto& pod = std::get<control::Pod>(std::get<controller::Seen>(events.back()).object);
    EXPECT_EQ(pod.shape.requests.cpu_milli, 250) << "whole, as if it had been told at once";
    EXPECT_EQ(pod.meta.uid, "uid-2");
    EXPECT_EQ(pod.meta.version, 102);
    EXPECT_EQ(pod.phase, control::PodPhase::Running);
    EXPECT_EQ(pod.meta.labels, (control::Labels{{"app", "web"}}));
  });
  put_cpu_pod("later", "n");
  remove(kPods, "web", "before");
  EXPECT_THAT(told(), ElementsAre("+Pod web/later@105", "-Pod web/before/uid-2"));
}

TEST_F(WatchesTest, TellsPodsOfANodeThatAClaimNames) {
  put_cpu_pod("daemon", "n");
  begin();
  EXPECT_THAT(of(told(), "+"), IsEmpty());
  put(kClaims, R"({"metadata":{"name":"c","labels":{"kerf.dev/policy":"p"}},"spec":{},
    "status":{"nodeName":"n"}})");
  EXPECT_THAT(told(), ElementsAre("+NodeClaim c@102", "+Pod web/daemon@101"));
}

TEST_F(WatchesTest, ForgetsPodsThatGoBeforeTheirNodeIsKerfs) {
  put_cpu_pod("x", "n");
  begin();
  told();
  remove(kPods, "web", "x");
  told();
  put_node("n", kKerfNode);
  EXPECT_THAT(told(), ElementsAre("+Node n@103"));
}

TEST_F(WatchesTest, TellsAPodWhoseSpecCannotBeRead) {
  put(kPods,
      R"({"metadata":{"namespace":"ml","name":"odd"},"spec":{"nodeName":"n","containers":7}})");
  begin();
  EXPECT_THAT(told(), Contains("+Pod ml/odd@101"));
}

TEST_F(WatchesTest, TellsOfAPodThatWasMadeAnew) {
  put_gpu_pod("a");
  begin();
  told();
  on_loop([&] { world.api.cut_off.insert(0); });
  world.settle();
  remove(kPods, "ml", "a");
  put_gpu_pod("a");
  on_loop([&] { world.api.cut_off.clear(); });
  world.pass(5000);
  EXPECT_THAT(of(told(), "-Pod"), ElementsAre("-Pod ml/a/uid-1"));
  on_loop([&] { EXPECT_EQ(watches().find(Kind::Pod, {"ml", "a"})->uid, "uid-2"); });
}

// --- Beginning anew ------------------------------------------------------------------------------

TEST_F(WatchesTest, ListsEverythingAnewAndSaysWhatIsGoneBeforeItIsComplete) {
  put_one_of_each();
  put_gpu_pod("old");
  begin();
  told();
  on_loop([&] {  // nobody has said so yet when it begins anew
    world.api.remove(kPods, "ml", "old");
    world.api.remove(kNodes, "", "n");
    watches().start_over();
  });
  const auto lines = told();
  EXPECT_LT(place(lines, "-Pod ml/old/uid-11"), place(lines, "=Pod 113"));
  EXPECT_LT(place(lines, "-Node n/uid-2"), place(lines, "=Node 113"));
  EXPECT_THAT(lines, Contains("+Pod ml/a@101")) << "what has not changed is told again";
  EXPECT_EQ(of(lines, "=").size(), static_cast<std::size_t>(control::kKinds));
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "+Pod ml/a@101"), 1);
}

TEST_F(WatchesTest, NothingOfAnOldWatchComesAfterTheNewOne) {
  put_gpu_pod("a");
  begin();
  told();
  on_loop([&] {
    world.api.put(kPods, R"({"metadata":{"namespace":"ml","name":"a"},"spec":{"containers":[]}})");
    world.api.pump();  // the old watch has said it, and nobody has heard it
    world.api.remove(kPods, "ml", "a");
    watches().start_over();
  });
  const auto lines = told();
  EXPECT_THAT(lines, Not(Contains("+Pod ml/a@102")));
  EXPECT_THAT(lines, Contains("-Pod ml/a/uid-1"));
}

TEST_F(WatchesTest, ListsOneKindAnewWhenAsked) {
  put_node("n", kKerfNode);
  put_node("gone", kKerfNode);
  begin();
  told();
  const auto pods = asked("LIST v1/pods");
  on_loop([&] {
    world.api.remove(kNodes, "", "gone");
    watches().relist(Kind::Node);
  });
  ASSERT_TRUE(wait_for("=Node 103"));
  EXPECT_THAT(told(), ElementsAre("-Node gone/uid-2", "=Node 103")) << "nothing is said twice";
  EXPECT_EQ(asked("LIST v1/nodes"), 2);
  EXPECT_EQ(asked("LIST v1/pods"), pods);
}

TEST_F(WatchesTest, IsNotCompleteByAListThatBeganBefore) {
  begin();
  told();
  on_loop([&] {
    world.api.hold.insert(kNodes);
    watches().relist(Kind::Node);
  });
  ASSERT_TRUE(world.until([&] { return world.api.held(kNodes) == 1; }));
  on_loop([&] {  // one list is under way; this one is to be another
    watches().relist(Kind::Node);
    watches().relist(Kind::Node);
    world.api.hold.clear();
    world.api.put("v1/namespaces", R"({"metadata":{"name":"x"}})");
  });
  ASSERT_TRUE(wait_for("=Node 101"));
  EXPECT_THAT(of(told(), "=Node"), ElementsAre("=Node 101"));
  EXPECT_EQ(asked("LIST v1/nodes"), 3);
}

TEST_F(WatchesTest, IsNotCompleteByItsOwnListWhileOneIsAskedFor) {
  auto options = quick();
  options.relist_every_ms = 3'600'000;
  begin(options);
  told();
  on_loop([&] {
    for (int i = 0; i < 100; ++i) watches().relist(Kind::Node);
    world.api.forget_history(kNodes);
  });
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_EQ(asked("LIST v1/nodes"), 2) << "the watch's own, and none for each wish";
}

TEST_F(WatchesTest, SaysAgainThatItIsCompleteAfterAListOfItsOwn) {
  begin();
  told();
  on_loop([&] { world.api.forget_history(kNodes); });
  EXPECT_THAT(told(), ElementsAre("=Node 100"));
}

// --- Kinds that are not there, and refusals ------------------------------------------------------

TEST_F(WatchesTest, AKindThatIsNotThereIsEmptyAndLookedForAgain) {
  on_loop([&] { world.api.refuse[kJobSets] = 404; });
  put(kJobs, kGroupJob);
  begin();
  auto lines = told();
  EXPECT_THAT(lines, Contains("+Workload ml/jobs/train@101"));
  EXPECT_THAT(of(lines, "=Workload"), ElementsAre("=Workload 101"));
  put(kJobSets, R"({"metadata":{"namespace":"ml","name":"train"},"spec":{"replicatedJobs":[{
    "name":"w","replicas":2,"template":{"spec":{"parallelism":2,"completions":2,"template":{"spec":
    {"containers":[{"name":"c","resources":{"limits":{"nvidia.com/mig-1g.5gb":"1"}}}]}}}}}]}})");
  on_loop([&] { world.api.refuse.clear(); });
  ASSERT_TRUE(wait_for("+Workload ml/jobsets/train@102")) << "beside the Job of that name";
  told();
  remove(kJobSets, "ml", "train");
  EXPECT_THAT(told(), ElementsAre("-Workload ml/jobsets/train/uid-2"));
  on_loop([&] { EXPECT_FALSE(watches().trouble_since()); });
}

TEST_F(WatchesTest, SaysOnceThatAKindIsNotThere) {
  on_loop([&] { world.api.refuse[kClaims] = 404; });
  begin();
  EXPECT_THAT(of(told(), "=NodeClaim"), ElementsAre("=NodeClaim 0"));
  ASSERT_TRUE(world.until([&] { return world.api.asked("LIST " + std::string(kClaims)) > 4; }));
  EXPECT_THAT(told(), IsEmpty());
  on_loop([&] { watches().relist(Kind::NodeClaim); });
  ASSERT_TRUE(wait_for("=NodeClaim 0")) << "unless it is asked for";
}

TEST_F(WatchesTest, WhatWasThereOfAKindThatGoesIsGone) {
  put(kClaims, R"({"metadata":{"name":"c","labels":{"kerf.dev/policy":"p"}},"spec":{}})");
  begin();
  told();
  on_loop([&] {
    world.api.refuse[kClaims] = 404;
    world.api.forget_history(kClaims);
  });
  EXPECT_THAT(told(), ElementsAre("-NodeClaim c/uid-1", "=NodeClaim 0"));
}

TEST_F(WatchesTest, FindsDeviceClassesInTheVersionThatIsThere) {
  on_loop([&] {
    world.api.refuse["resource.k8s.io/v1/deviceclasses"] = 404;
    world.api.refuse["resource.k8s.io/v1beta2/deviceclasses"] = 404;
  });
  put("resource.k8s.io/v1beta1/deviceclasses", R"({"metadata":{"name":"mig"},"spec":{}})");
  begin();
  const auto lines = told();
  EXPECT_THAT(lines, Contains("+DeviceClass mig@101"));
  EXPECT_THAT(of(lines, "=DeviceClass"), ElementsAre("=DeviceClass 101"));
}

TEST_F(WatchesTest, FollowsDeviceClassesFromOneVersionToAnother) {
  auto options = quick();
  options.look_again_ms = 3'600'000;
  const std::string v1 = "resource.k8s.io/v1/deviceclasses";
  const std::string v1beta2 = "resource.k8s.io/v1beta2/deviceclasses";
  on_loop([&] { world.api.refuse[v1] = 404; });
  put(v1beta2, R"({"metadata":{"name":"mig","uid":"u"},"spec":{}})");
  begin(options);
  EXPECT_THAT(of(told(), "+DeviceClass"), ElementsAre("+DeviceClass mig@101"));
  put(v1, R"({"metadata":{"name":"mig","uid":"u"},"spec":{}})");
  on_loop([&] {
    world.api.refuse.clear();
    world.api.refuse[v1beta2] = 404;
    world.api.refuse["resource.k8s.io/v1beta1/deviceclasses"] = 404;
    world.api.forget_history(v1beta2);
  });
  EXPECT_THAT(told(), ElementsAre("+DeviceClass mig@102", "=DeviceClass 102")) << "never gone";
}

TEST_F(WatchesTest, AKindThatIsForbiddenIsTroubleAndNeverEmpty) {
  on_loop([&] { world.api.refuse[kClaims] = 403; });
  begin();
  EXPECT_THAT(of(told(), "=NodeClaim"), IsEmpty());
  on_loop([&] { EXPECT_TRUE(watches().trouble_since()); });
  put(kClaims, R"({"metadata":{"name":"c","labels":{"kerf.dev/policy":"p"}},"spec":{}})");
  on_loop([&] { world.api.refuse.clear(); });
  world.pass(5000);
  EXPECT_THAT(told(), ElementsAre("+NodeClaim c@101", "=NodeClaim 101"));
  on_loop([&] { EXPECT_FALSE(watches().trouble_since()); });
}

TEST_F(WatchesTest, AKindThatEveryClusterHasIsNeverEmptyForA404) {
  put_node("n", kKerfNode);
  begin();
  told();
  on_loop([&] {
    world.api.refuse[kNodes] = 404;
    world.api.forget_history(kNodes);
  });
  EXPECT_THAT(told(), IsEmpty());
  on_loop([&] { EXPECT_TRUE(watches().trouble_since()); });
}

TEST_F(WatchesTest, AWatchThatBreaksIsTroubleUntilItWorks) {
  begin();
  told();
  on_loop([&] { world.api.cut_off.insert(0); });
  world.settle();
  on_loop([&] { EXPECT_TRUE(watches().trouble_since()); });
  on_loop([&] { world.api.cut_off.clear(); });
  world.pass(5000);
  on_loop([&] { EXPECT_FALSE(watches().trouble_since()); });
}

// --- What is known -------------------------------------------------------------------------------

TEST_F(WatchesTest, KnowsMoreOfAnObjectThanTheMind) {
  put(kNodes, R"({"metadata":{"name":"n","labels":{"kerf.dev/policy":"p"}},"spec":{"taints":[{
    "key":"kerf.dev/slices","effect":"NoSchedule","timeAdded":"2026-01-01T00:00:00Z"}]},
    "status":{"capacity":{"cpu":"8","nvidia.com/mig-1g.5gb":"3"}}})");
  put(kPolicies, kGoodPolicy);
  put_gpu_pod("a");
  put_cpu_pod("web", "other");
  begin();
  told();
  on_loop([&] {
    const auto* node = watches().find(Kind::Node, {"", "n"});
    ASSERT_NE(node, nullptr);
    EXPECT_EQ(node->uid, "uid-1");
    EXPECT_EQ(node->version, "101");
    EXPECT_EQ(node->extra.items.at(0).find("timeAdded")->text, "2026-01-01T00:00:00Z");
    EXPECT_EQ(node->capacity, (control::Amounts{{"nvidia.com/mig-1g.5gb", 3}}));
    EXPECT_EQ(watches().find(Kind::SlicePolicy, {"", "p"})->extra.find("summary")->text, "x");
    EXPECT_EQ(watches().find(Kind::Pod, {"ml", "a"})->version, "103");
    EXPECT_EQ(watches().find(Kind::Pod, {"web", "web"}), nullptr) << "it was not told";
    EXPECT_EQ(watches().pod_of("uid-3"), (Key{"ml", "a"}));
    EXPECT_EQ(watches().pod_of("uid-4"), std::nullopt);
  });
  remove(kPods, "ml", "a");
  told();
  on_loop([&] { EXPECT_EQ(watches().pod_of("uid-3"), std::nullopt); });
}

// --- Many ----------------------------------------------------------------------------------------

TEST_F(WatchesTest, LosesNoneOf10000Pods) {
  constexpr int kMany = 10'000;  // more than the loop's own queue holds
  on_loop([&] {
    for (int i = 0; i < kMany; ++i)
      world.api.put(kPods, fmt::format(R"({{"metadata":{{"namespace":"ml","name":"p{}"}},"spec":{{
        "containers":[{{"name":"c","resources":{{"limits":{{"nvidia.com/mig-1g.5gb":"1"}}}}}}]}}}})",
                                       i));
  });
  begin();
  ASSERT_TRUE(wait_for(fmt::format("=Pod {}", 100 + kMany)));
  auto lines = of(told(), "+Pod");
  std::sort(lines.begin(), lines.end());
  lines.erase(std::unique(lines.begin(), lines.end()), lines.end());
  EXPECT_EQ(lines.size(), static_cast<std::size_t>(kMany));
}

TEST_F(WatchesTest, EndsWhileMuchWaits) {
  put_one_of_each();
  begin();
  on_loop([&] {
    world.api.pump();
    world.api.pump();
  });
  end();
  on_loop([&] { world.api.pump(); });
}

}  // namespace
}  // namespace kerf::shell
