// Tests of the watches: pods and groups read with what surrounds them, and what DaemonSets take.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "base/temporary_folder_testing.h"
#include "codec/catalogue.h"
#include "codec/json.h"
#include "shell/controller/surroundings_book.h"
#include "shell/controller/watches_testing.h"

namespace kerf::shell {
namespace {

using control::Kind;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kClaims = "v1/persistentvolumeclaims";
constexpr const char* kVolumes = "v1/persistentvolumes";
constexpr const char* kPriorities = "scheduling.k8s.io/v1/priorityclasses";
constexpr const char* kDaemonSets = "apps/v1/daemonsets";
constexpr const char* kWithClaim =
    R"(,"volumes":[{"name":"v","persistentVolumeClaim":{"claimName":"data"}}])";

std::string daemonset(const std::string& name, const std::string& resources,
                      const std::string& more = "") {
  return fmt::format(R"({{"metadata":{{"namespace":"kube-system","name":"{}"}},"spec":{{
    "template":{{"spec":{{"containers":[{{"name":"c","env":[{{"name":"X","value":"y"}}],
    "resources":{}}}]}}}}}}{}}})",
                     name, resources, more);
}

struct WatchesAroundTest : testing::Test, WatchesWorld {
  void put_volume(const std::string& zone) {
    put(kVolumes, fmt::format(R"({{"metadata":{{"name":"vol"}},"spec":{{"claimRef":{{
      "namespace":"ml","name":"data"}},"nodeAffinity":{{"required":{{"nodeSelectorTerms":[{{
      "matchExpressions":[{{"key":"topology.kubernetes.io/zone","operator":"In","values":["{}"]}}]
      }}]}}}}}}}})",
                              zone));
  }
  void put_claim(const std::string& volume) {
    put(kClaims, fmt::format(R"({{"metadata":{{"namespace":"ml","name":"data"}},"spec":{{
      "volumeName":"{}","resources":{{"requests":{{"storage":"1Gi"}}}}}}}})",
                             volume));
  }
  /// Zones of the pod as it was told last.
  std::vector<std::string> zones() {
    std::vector<std::string> zones;
    on_loop([&] {
      for (const auto& event : events) {
        const auto* seen = std::get_if<controller::Seen>(&event);
        const auto* pod = seen == nullptr ? nullptr : std::get_if<control::Pod>(&seen->object);
        if (pod != nullptr) zones = pod->shape.volume_zones;
      }
    });
    return zones;
  }
};

std::vector<std::string> of(const std::vector<std::string>& lines, const std::string& begin) {
  std::vector<std::string> some;
  for (const std::string& line : lines)
    if (line.starts_with(begin)) some.push_back(line);
  return some;
}

TEST_F(WatchesAroundTest, PodsWaitForWhatSurroundsThem) {
  put_volume("us-east-1a");
  put_claim("vol");
  put_gpu_pod("a", kWithClaim);
  on_loop([&] { world.api.hold.insert(kVolumes); });
  begin();
  auto lines = told();
  EXPECT_THAT(of(lines, "+Pod"), IsEmpty());
  EXPECT_THAT(of(lines, "=Pod "), IsEmpty());
  EXPECT_THAT(of(lines, "=Workload"), IsEmpty());
  EXPECT_THAT(of(lines, "=Node "), ElementsAre("=Node 103"));
  on_loop([&] {
    EXPECT_EQ(world.api.asked("LIST v1/pods"), 0) << "nothing of them waits in memory";
    world.api.hold.clear();
  });
  lines = told();
  EXPECT_THAT(of(lines, "+Pod"), ElementsAre("+Pod ml/a@103"));
  EXPECT_THAT(of(lines, "=Pod "), ElementsAre("=Pod 103"));
  EXPECT_THAT(zones(), ElementsAre("us-east-1a"));
}

TEST_F(WatchesAroundTest, APodIsReadAgainWhenItsVolumeIsAnother) {
  put_gpu_pod("a", kWithClaim);
  put_gpu_pod("b");
  put_claim("vol");
  begin();
  told();
  put_volume("us-east-1b");
  ASSERT_TRUE(wait_for("+Pod ml/a@101")) << "with the version that it had";
  EXPECT_THAT(told(), ElementsAre("+Pod ml/a@101"));
  EXPECT_THAT(zones(), ElementsAre("us-east-1b"));
  remove(kVolumes, "", "vol");
  ASSERT_TRUE(wait_for("+Pod ml/a@101"));
  EXPECT_THAT(zones(), IsEmpty());
}

TEST_F(WatchesAroundTest, APodIsReadAgainWhenItsClaimIsAnother) {
  put_volume("us-east-1b");
  put_gpu_pod("a", kWithClaim);
  begin();
  told();
  EXPECT_THAT(zones(), IsEmpty());
  put_claim("vol");
  ASSERT_TRUE(wait_for("+Pod ml/a@102"));
  EXPECT_THAT(zones(), ElementsAre("us-east-1b"));
  told();
  put_gpu_pod("a", kWithClaim);
  EXPECT_THAT(told(), ElementsAre("+Pod ml/a@104"));
  remove(kClaims, "ml", "data");
  ASSERT_TRUE(wait_for("+Pod ml/a@104"));
  EXPECT_THAT(zones(), IsEmpty());
}

TEST_F(WatchesAroundTest, APodIsNotToldAgainForWhatDoesNotChangeIt) {
  put_volume("us-east-1b");
  put_claim("vol");
  put_gpu_pod("a", kWithClaim);
  begin();
  told();
  put(kClaims, R"({"metadata":{"namespace":"ml","name":"data","annotations":{"x":"y"}},
    "spec":{"volumeName":"vol"},"status":{"phase":"Bound"}})");
  put(kClaims, R"({"metadata":{"namespace":"ml","name":"other"},"spec":{"volumeName":"v2"}})");
  put("v1/namespaces", R"({"metadata":{"name":"ml"}})");
  put(kClaims, R"({"metadata":{"namespace":"ml","name":"last"},"spec":{}})");
  put_gpu_pod("z", kWithClaim);
  told();
  put_volume("us-east-1c");  // what was put before was looked at by the time that this is
  ASSERT_TRUE(wait_for("+Pod ml/a@103"));
  auto lines = told();
  std::sort(lines.begin(), lines.end());
  EXPECT_THAT(lines, ElementsAre("+Pod ml/a@103", "+Pod ml/z@108"));
}

TEST_F(WatchesAroundTest, APodThatSelectsNamespacesIsReadAgainWhenOneIsAnother) {
  const auto put_namespace = [&](const std::string& team) {
    put("v1/namespaces",
        fmt::format(R"({{"metadata":{{"name":"web","labels":{{"team":"{}"}}}}}})", team));
  };
  put_namespace("a");
  put_gpu_pod("a", R"(,"affinity":{"podAffinity":{
    "requiredDuringSchedulingIgnoredDuringExecution":[{"topologyKey":"kubernetes.io/hostname",
    "labelSelector":{},"namespaceSelector":{"matchLabels":{"team":"b"}}}]}})");
  const auto namespaces = [&] {
    std::vector<std::string> found;
    on_loop([&] {
      for (const auto& event : events)
        if (const auto* seen = std::get_if<controller::Seen>(&event))
          if (const auto* pod = std::get_if<control::Pod>(&seen->object))
            found = pod->shape.affinity.at(0).selector.namespaces;
    });
    return found;
  };
  begin();
  told();
  EXPECT_THAT(namespaces(), IsEmpty());
  put_namespace("b");
  ASSERT_TRUE(wait_for("+Pod ml/a@102"));
  EXPECT_THAT(namespaces(), ElementsAre("web"));
  told();
  put_gpu_pod("a");  // selects none any more
  told();
  put_namespace("c");
  put_gpu_pod("z");
  EXPECT_THAT(told(), ElementsAre("+Pod ml/z@106"));
}

TEST_F(WatchesAroundTest, AGroupIsReadAgainWhenAPriorityClassIsAnother) {
  put("batch/v1/jobs", R"({"metadata":{"namespace":"ml","name":"train"},"spec":{
    "parallelism":4,"completions":4,"template":{"spec":{"priorityClassName":"high","containers":[
    {"name":"c","resources":{"limits":{"nvidia.com/mig-1g.5gb":"1"}}}]}}}})");
  put(kPriorities, R"({"metadata":{"name":"high"},"value":7})");
  begin();
  told();
  put(kPriorities, R"({"metadata":{"name":"high"},"value":9})");
  ASSERT_TRUE(wait_for("+Workload ml/jobs/train@101"));
  EXPECT_THAT(told(), ElementsAre("+PriorityClass high@103", "+Workload ml/jobs/train@101"));
  on_loop([&] {
    const auto& seen = std::get<controller::Seen>(events.back());
    EXPECT_EQ(std::get<control::Workload>(seen.object).shape.priority, 9);
  });
}

TEST_F(WatchesAroundTest, SaysWhatDaemonSetsTakeBeforePodsAreComplete) {
  put(kDaemonSets, daemonset("log", R"({"requests":{"cpu":"100m"}})"));
  put(kDaemonSets, daemonset("net", R"({"requests":{"cpu":"50m"}})"));
  put(kDaemonSets,
      daemonset("dcgm", R"({"requests":{"cpu":"1"},"limits":{"nvidia.com/gpu":"1"}})"));
  begin();
  auto lines = told();
  ASSERT_THAT(of(lines, "overhead"), ElementsAre("overhead 150m")) << "who asks for a GPU is none";
  EXPECT_LT(std::find(lines.begin(), lines.end(), "overhead 150m"),
            std::find(lines.begin(), lines.end(), "=Pod 103"));
  put(kDaemonSets,
      daemonset("log", R"({"requests":{"cpu":"100m"}})", R"(,"status":{"numberReady":3})"));
  put(kDaemonSets, daemonset("net", R"({"requests":{"cpu":"60m"}})"));
  ASSERT_TRUE(wait_for("overhead 160m"));
  EXPECT_THAT(told(), ElementsAre("overhead 160m"));
  remove(kDaemonSets, "kube-system", "log");
  ASSERT_TRUE(wait_for("overhead 60m"));
}

TEST_F(WatchesAroundTest, SaysThatThereAreNoDaemonSets) {
  begin();
  EXPECT_THAT(of(told(), "overhead"), ElementsAre("overhead 0m"));
}

TEST_F(WatchesAroundTest, WhatCannotBeReadIsNotThereAndSaidOnce) {
  const TemporaryFolder folder;
  const std::string path = folder.write("log", "");
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  telemetry::Log::Options options;
  options.fd = fd;
  put(kDaemonSets, daemonset("bad", R"({"requests":{"cpu":"lots"}})"));
  put("kerf.dev/v1alpha1/gpunodes", R"({"metadata":{"name":"n"},"spec":{"gpus":7}})");
  on_loop([&] { world.api.refuse["karpenter.sh/v1/nodeclaims"] = 403; });
  begin(quick(), telemetry::Log(options));
  EXPECT_THAT(told(), Contains("overhead 0m"));
  world.pass(20'000);  // tried again many times
  on_loop([&] { watches().relist(Kind::GpuNode); });
  ASSERT_TRUE(wait_for("=GpuNode 102"));
  put("kerf.dev/v1alpha1/gpunodes", R"({"metadata":{"name":"n","labels":{"a":"b"}},"spec":{
    "gpus":7}})");
  told();
  end();
  std::ifstream file(path);
  const std::string log((std::istreambuf_iterator<char>(file)), {});
  const auto times = [&](const std::string& word) {
    int count = 0;
    for (std::size_t at = log.find(word); at != std::string::npos; at = log.find(word, at + 1))
      ++count;
    return count;
  };
  EXPECT_EQ(times("daemonsets"), 1) << log;
  EXPECT_EQ(times("\"GpuNode\""), 1) << log;
  EXPECT_EQ(times("nodeclaims"), 1) << log;
  ::close(fd);
}

// --- What is kept --------------------------------------------------------------------------------

TEST(SurroundingsBook, SaysWhichPodsAreToBeReadAgain) {
  SurroundingsBook book(codec::builtin_catalogue());
  const auto put = [&](Around kind, const std::string& json) {
    const auto object = codec::parse_json(json, "a test");
    EXPECT_TRUE(book.put(kind, strip_around(kind, object->root)));
    return book.refresh();
  };
  const Stale labels = put(Around::Namespace, R"({"metadata":{"name":"ci-1"}})");
  EXPECT_TRUE(labels.any());
  EXPECT_TRUE(labels.labels);
  EXPECT_FALSE(labels.all) << "namespaces come and go: claims of volumes do not depend on them";
  EXPECT_THAT(labels.namespaces, IsEmpty());
  const Stale claim = put(Around::VolumeClaim, R"({"metadata":{"namespace":"ml","name":"c"}})");
  EXPECT_THAT(claim.namespaces, ElementsAre("ml"));
  EXPECT_FALSE(claim.labels || claim.all);
  EXPECT_TRUE(put(Around::PriorityClass, R"({"metadata":{"name":"p"},"value":1})").all);
  book.remove(Around::Namespace, {"", "ci-1"});
  const Stale gone = book.refresh();
  EXPECT_TRUE(gone.labels);
  EXPECT_FALSE(gone.all);
}

TEST(SurroundingsBook, KeepsOfAnObjectOnlyWhatIsRead) {
  const auto pod = codec::parse_json(R"({"metadata":{"name":"a","managedFields":[1],
    "annotations":{"kubernetes.io/config.mirror":"x","a.com/huge":"y","kerf.dev/z":"1"}},
    "spec":{"containers":[{"name":"c","env":[{}],"command":["x"],"ports":[{"hostPort":1}],
    "resources":{"requests":{"cpu":"1"}}}],"initContainers":[{"args":["y"]}]}})",
                                     "test");
  codec::Node stripped = pod->root;
  strip_pod(stripped);
  const std::string text = codec::write_json(stripped);
  for (const char* gone : {"managedFields", "a.com/huge", "env", "command", "args"})
    EXPECT_THAT(text, Not(HasSubstr(gone)));
  for (const char* kept : {"config.mirror", "kerf.dev/z", "hostPort", "\"cpu\""})
    EXPECT_THAT(text, HasSubstr(kept));
}

}  // namespace
}  // namespace kerf::shell
