// The API server: versions, deletion, listeners, and what admission refuses.
#include "sim/api_server.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sim/api_server_testing.h"

namespace kerf::sim {
namespace {

using control::GpuNode;
using control::Node;
using control::NodeClaim;
using control::Pod;
using testing::gpu_node;
using testing::gpu_pod;
using testing::key;
using testing::node;
using testing::pod;

struct World {
  Clock clock;
  ApiServer api{clock};
};

Request update_of(Kind kind, Key key, Part part, std::function<void(Object&)> change) {
  Request request;
  request.client = "controller";
  request.kind = kind;
  request.key = std::move(key);
  request.part = part;
  request.change = std::move(change);
  return request;
}

Request nominate(const std::string& name, const std::string& to, Version version = 0) {
  Request request = update_of(Kind::Pod, key(name), Part::Status,
                              [to](Object& object) { std::get<Pod>(object).nominated = to; });
  request.version = version;
  return request;
}

TEST(ApiServer, GivesGrowingVersionsAndAUid) {
  World w;
  ASSERT_TRUE(w.api.create(pod("a")));
  ASSERT_TRUE(w.api.create(node("n")));
  EXPECT_FALSE(w.api.create(pod("a"))) << "it is there already";
  const Pod* a = w.api.find<Pod>(key("a"));
  const Node* n = w.api.find<Node>("n");
  EXPECT_LT(a->meta.version, n->meta.version);
  EXPECT_NE(a->meta.uid, n->meta.uid);
  EXPECT_EQ(w.api.version(), n->meta.version);
}

TEST(ApiServer, GivesANewVersionOnlyWhereSomethingChanged) {
  World w;
  w.api.create(pod("a"));
  const Version first = w.api.version();
  w.api.mutate<Pod>(key("a"), [](Pod&) {});
  EXPECT_EQ(w.api.version(), first);
  w.api.mutate<Pod>(key("a"), [](Pod& it) { it.admitted = true; });
  EXPECT_EQ(w.api.version(), first + 1);
  EXPECT_EQ(w.api.find<Pod>(key("a"))->meta.version, first + 1);
  EXPECT_FALSE(w.api.mutate<Pod>(key("b"), [](Pod&) {}));
}

TEST(ApiServer, GivesAnObjectThatComesAgainAnotherUid) {
  World w;
  w.api.create(pod("a"));
  const std::string first = w.api.find<Pod>(key("a"))->meta.uid;
  w.api.remove(Kind::Pod, key("a"));
  w.api.create(pod("a"));
  EXPECT_NE(w.api.find<Pod>(key("a"))->meta.uid, first);
}

TEST(ApiServer, CountsGenerationsOfASpecAndNotOfAStatus) {
  World w;
  w.api.create(node("n"));
  w.api.create(gpu_node("n"));
  w.api.mutate<GpuNode>({"", "n"}, [](GpuNode& it) { it.status.ready = true; });
  EXPECT_EQ(w.api.find<GpuNode>("n")->meta.generation, 1);
  w.api.mutate<GpuNode>({"", "n"}, [](GpuNode& it) { it.spec.gpus.resize(1); });
  EXPECT_EQ(w.api.find<GpuNode>("n")->meta.generation, 2);
}

TEST(ApiServer, KnowsWhichPodsAreOnANode) {
  World w;
  w.api.create(pod("a"));
  w.api.create(pod("b"));
  EXPECT_TRUE(w.api.pods_on("n").empty());
  w.api.mutate<Pod>(key("b"), [](Pod& it) { it.node = "n"; });
  w.api.mutate<Pod>(key("a"), [](Pod& it) { it.node = "n"; });
  EXPECT_EQ(w.api.pods_on("n"), (std::set<Key>{key("a"), key("b")}));
  w.api.remove(Kind::Pod, key("a"));
  EXPECT_EQ(w.api.pods_on("n"), (std::set<Key>{key("b")}));
}

TEST(ApiServer, KeepsABoundPodUntilItsKubeletEndsIt) {
  World w;
  w.api.create(pod("waits"));
  w.api.create(pod("runs"));
  w.api.create(pod("done"));
  for (const char* name : {"runs", "done"})
    w.api.mutate<Pod>(key(name), [](Pod& it) { it.node = "n"; });
  w.api.mutate<Pod>(key("done"), [](Pod& it) { it.phase = control::PodPhase::Succeeded; });
  w.clock.run_until(5000);
  for (const char* name : {"waits", "runs", "done"}) w.api.erase(Kind::Pod, key(name));
  EXPECT_EQ(w.api.all<Pod>().size(), 1U) << "nobody runs the others";
  EXPECT_EQ(w.api.find<Pod>(key("runs"))->meta.deleted, 5000);
  w.clock.run_until(6000);
  w.api.erase(Kind::Pod, key("runs"));
  EXPECT_EQ(w.api.find<Pod>(key("runs"))->meta.deleted, 5000) << "asked again: nothing new";
  w.api.pod_terminated(key("runs"));
  EXPECT_TRUE(w.api.all<Pod>().empty());
}

TEST(ApiServer, RemovesAPodAtOnceByForce) {
  World w;
  w.api.create(pod("a"));
  w.api.mutate<Pod>(key("a"), [](Pod& it) { it.node = "n"; });
  w.api.erase(Kind::Pod, key("a"), 0);
  EXPECT_EQ(w.api.find<Pod>(key("a")), nullptr);
}

TEST(ApiServer, KeepsWhatHasAFinalizerUntilTheLastIsDropped) {
  World w;
  NodeClaim claim;
  claim.meta.name = "c";
  w.clock.run_until(10);
  w.api.create(claim);
  w.api.add_finalizer(Kind::NodeClaim, {"", "c"}, "one");
  w.api.add_finalizer(Kind::NodeClaim, {"", "c"}, "two");
  w.api.erase(Kind::NodeClaim, {"", "c"});
  EXPECT_EQ(w.api.find<NodeClaim>("c")->meta.deleted, 10);
  w.api.drop_finalizer(Kind::NodeClaim, {"", "c"}, "one");
  EXPECT_NE(w.api.find<NodeClaim>("c"), nullptr);
  w.api.drop_finalizer(Kind::NodeClaim, {"", "c"}, "two");
  EXPECT_EQ(w.api.find<NodeClaim>("c"), nullptr);
}

TEST(ApiServer, DroppingAFinalizerOfWhatIsNotDeletedKeepsIt) {
  World w;
  w.api.create(node("n"));
  w.api.add_finalizer(Kind::Node, {"", "n"}, "one");
  w.api.drop_finalizer(Kind::Node, {"", "n"}, "one");
  EXPECT_NE(w.api.find<Node>("n"), nullptr);
}

TEST(ApiServer, CollectsTheGpuNodeOfANodeThatIsGone) {
  World w;
  const GpuNode gpu = gpu_node("n");
  w.api.create(node("n"));
  w.api.create(gpu);
  w.clock.run_until(10000);
  EXPECT_NE(w.api.find<GpuNode>("n"), nullptr);
  w.api.remove(Kind::Node, {"", "n"});
  w.clock.run_until(20000);
  EXPECT_EQ(w.api.find<GpuNode>("n"), nullptr);
  w.api.create(gpu);  // by somebody who has not heard yet
  w.clock.run_until(30000);
  EXPECT_EQ(w.api.find<GpuNode>("n"), nullptr);
}

TEST(ApiServer, TellsListenersInTheOrderOfTheChangesAlsoTheirOwn) {
  World w;
  std::vector<std::string> heard;
  w.api.listen(Kind::Pod, [&](const Change& change) {
    if (!change.before) w.api.mutate<Pod>(change.key, [](Pod& it) { it.node = "n"; });
    else if (change.after && change.is<Pod>()->node == "n") w.api.remove(Kind::Pod, change.key);
  });
  w.api.listen(Kind::Pod, [&](const Change& change) {
    heard.push_back(!change.before  ? "created"
                    : !change.after ? "gone from " + change.was<Pod>()->node
                                    : "bound to " + change.is<Pod>()->node);
  });
  w.api.create(pod("a"));
  EXPECT_EQ(heard, (std::vector<std::string>{"created", "bound to n", "gone from n"}));
}

TEST(ApiServer, LetsAListenerLeaveWhileItIsCalled) {
  World w;
  int heard = 0;
  std::uint64_t handle = 0;
  handle = w.api.listen(Kind::Pod, [&](const Change&) {
    ++heard;
    w.api.unlisten(handle);
  });
  w.api.create(pod("a"));
  w.api.create(pod("b"));
  EXPECT_EQ(heard, 1);
}

TEST(ApiServer, KeepsValuesGoodWhileTheyAreChanged) {
  World w;
  w.api.create(pod("a"));
  const Pod* before = w.api.find<Pod>(key("a"));
  w.api.mutate<Pod>(key("a"), [](Pod& it) { it.node = "n"; });
  w.api.remove(Kind::Pod, key("a"));
  EXPECT_EQ(before->node, "");
}

TEST(ApiServer, AnswersConflictToAnotherVersionOrUid) {
  World w;
  w.api.create(pod("a"));
  const Version first = w.api.version();
  EXPECT_EQ(w.api.write(nominate("a", "n", first)).code, Code::Ok);
  EXPECT_EQ(w.api.write(nominate("a", "m", first)).code, Code::Conflict);
  EXPECT_EQ(w.api.find<Pod>(key("a"))->nominated, "n");
  Request other = nominate("a", "m");
  other.uid = "pod-999999";
  EXPECT_EQ(w.api.write(other).code, Code::Conflict);
  EXPECT_EQ(w.api.write(nominate("b", "n")).code, Code::NotFound);
}

TEST(ApiServer, AnswersWithTheVersionThatItGave) {
  World w;
  w.api.create(pod("a"));
  const Answer answer = w.api.write(nominate("a", "n", w.api.version()));
  EXPECT_EQ(answer.version, w.api.find<Pod>(key("a"))->meta.version);
}

TEST(ApiServer, CreatesForAClientOnlyWhatIsNotThere) {
  World w;
  Request request;
  request.client = "controller";
  request.verb = Verb::Create;
  request.kind = Kind::Node;
  request.key = {"", "n"};
  request.object = node("n");
  EXPECT_EQ(w.api.write(request).code, Code::Ok);
  EXPECT_EQ(w.api.write(request).code, Code::AlreadyExists);
}

TEST(ApiServer, DropsFromAnUpdateWhatBelongsToTheOtherPart) {
  World w;
  w.api.create(node("n"));
  w.api.create(gpu_node("n"));
  const auto both = [](Object& object) {
    std::get<GpuNode>(object).spec.gpus.resize(1);
    std::get<GpuNode>(object).status.ready = true;
  };
  w.api.write(update_of(Kind::GpuNode, {"", "n"}, Part::Main, both));
  EXPECT_EQ(w.api.find<GpuNode>("n")->spec.gpus.size(), 1U);
  EXPECT_FALSE(w.api.find<GpuNode>("n")->status.ready);

  w.api.create(pod("a"));
  w.api.write(update_of(Kind::Pod, key("a"), Part::Main,
                        [](Object& object) { std::get<Pod>(object).nominated = "n"; }));
  EXPECT_EQ(w.api.find<Pod>(key("a"))->nominated, "");
}

TEST(ApiServer, NominatesOnlyWhatIsNotBound) {
  World w;
  w.api.create(pod("a"));
  EXPECT_EQ(w.api.write(nominate("a", "n")).code, Code::Ok);
  w.api.mutate<Pod>(key("a"), [](Pod& it) { it.node = "n"; });
  EXPECT_EQ(w.api.find<Pod>(key("a"))->nominated, "") << "cleared by binding";
  EXPECT_EQ(w.api.write(nominate("a", "m")).code, Code::Invalid);
  EXPECT_EQ(w.api.write(nominate("a", "")).code, Code::Ok);
}

TEST(ApiServer, BindsAPodOnce) {
  World w;
  w.api.create(pod("a"));
  w.api.mutate<Pod>(key("a"), [](Pod& it) { it.node = "n"; });
  const auto bind = [](Object& object) { std::get<Pod>(object).node = "m"; };
  EXPECT_EQ(w.api.write(update_of(Kind::Pod, key("a"), Part::Main, bind)).code, Code::Invalid);
  EXPECT_EQ(w.api.find<Pod>(key("a"))->node, "n");
}

TEST(ApiServer, NeverChangesTheSpecOfANodeClaim) {
  World w;
  NodeClaim claim;
  claim.meta.name = "c";
  claim.type = "g6.xlarge";
  w.api.create(claim);
  const auto type = [](Object& object) { std::get<NodeClaim>(object).type = "p5.48xlarge"; };
  EXPECT_EQ(w.api.write(update_of(Kind::NodeClaim, {"", "c"}, Part::Main, type)).code,
            Code::Invalid);
  const auto label = [](Object& object) { std::get<NodeClaim>(object).meta.labels["a"] = "b"; };
  EXPECT_EQ(w.api.write(update_of(Kind::NodeClaim, {"", "c"}, Part::Main, label)).code, Code::Ok);
}

TEST(ApiServer, LetsAnAgentWriteTheStatusOfItsOwnGpuNodeOnly) {
  World w;
  for (const char* name : {"n", "m"}) {
    w.api.create(node(name));
    w.api.create(gpu_node(name));
  }
  const auto ready = [](Object& object) { std::get<GpuNode>(object).status.ready = true; };
  struct Case {
    Kind kind;
    std::string name;
    Part part;
    Verb verb;
    Code code;
  };
  const Case cases[] = {
      {Kind::GpuNode, "n", Part::Status, Verb::Update, Code::Ok},
      {Kind::GpuNode, "m", Part::Status, Verb::Update, Code::Forbidden},
      {Kind::GpuNode, "n", Part::Main, Verb::Update, Code::Forbidden},
      {Kind::GpuNode, "n", Part::Status, Verb::Delete, Code::Forbidden},
      {Kind::Node, "n", Part::Status, Verb::Update, Code::Forbidden},
  };
  for (const Case& c : cases) {
    Request request = update_of(c.kind, {"", c.name}, c.part, ready);
    request.client = "agent/n";
    request.verb = c.verb;
    EXPECT_EQ(w.api.write(request).code, c.code) << c.name << static_cast<int>(c.part);
  }
}

TEST(ApiServer, RefusesWhatARuleDenies) {
  World w;
  w.api.create(pod("a"));
  w.api.deny([](const Request& request) {
    return request.client == "controller" && request.kind == Kind::Pod ? "Observe" : "";
  });
  const Answer answer = w.api.write(nominate("a", "n"));
  EXPECT_EQ(answer.code, Code::Forbidden);
  EXPECT_EQ(answer.why, "Observe");
  Request user = nominate("a", "n");
  user.client = "user";
  EXPECT_EQ(w.api.write(user).code, Code::Ok);
}

TEST(ApiServer, HashesStatesApartThatDifferInWhatPodsHold) {
  World a;
  World b;
  for (World* w : {&a, &b}) w->api.create(gpu_pod("a"));
  EXPECT_EQ(a.api.hash(), b.api.hash());
  a.api.mutate<Pod>(key("a"), [](Pod& it) { it.node = "n"; });
  b.api.mutate<Pod>(key("a"), [](Pod& it) { it.node = "m"; });
  EXPECT_NE(a.api.hash(), b.api.hash());
}

TEST(ApiServer, LetsPodsWithAGpuRequestTolerateKerfsTaintOnce) {
  World w;
  Pod p = gpu_pod("a");
  p.shape.tolerations.clear();
  w.api.create(p);
  w.api.create(gpu_pod("b"));
  w.api.create(pod("c"));
  for (const char* name : {"a", "b"})
    EXPECT_EQ(w.api.find<Pod>(key(name))->shape.tolerations.size(), 1U) << name;
  EXPECT_TRUE(w.api.find<Pod>(key("c"))->shape.tolerations.empty());
}

TEST(ApiServer, GivesTheShapeOfAPodItsLabels) {
  World w;
  Pod p = pod("a");
  p.meta.labels["app"] = "x";
  w.api.create(p);
  EXPECT_EQ(w.api.find<Pod>(key("a"))->shape.labels.at("app"), "x");
  w.api.mutate<Pod>(key("a"), [](Pod& it) { it.meta.labels["app"] = "y"; });
  EXPECT_EQ(w.api.find<Pod>(key("a"))->shape.labels.at("app"), "y");
}

TEST(ApiServer, ReadsFromAnnotationsHowLongAPodRuns) {
  Pod p = pod("a");
  EXPECT_EQ(runs_for_ms(p), 0);
  EXPECT_EQ(ends_in_ms(p), 1000);
  EXPECT_FALSE(fails(p));
  p.meta.annotations = {{kRunsForMs, "90000"}, {kEndsInMs, "45000"}, {kFails, ""}};
  EXPECT_EQ(runs_for_ms(p), 90000);
  EXPECT_EQ(ends_in_ms(p), 30000) << "the grace period";
  EXPECT_TRUE(fails(p));
}

}  // namespace
}  // namespace kerf::sim
