// What keeps a pod from a node that stands: one case for each obstacle, and the order of them.
#include "core/plan/obstacles.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "core/plan/plan_testing.h"

namespace kerf::plan {
namespace {

/// One pod that asks for 1g.5gb, and one p4d with two such devices, of which the first is free.
struct Scene {
  cluster::Cluster cluster;
  market::Market market = testing::market();
  cluster::Policy policy;

  Scene() {
    testing::add(cluster.demand, "embed", 1, testing::shape(testing::slice("1g.5gb")));
    cluster.pods.emplace_back();
    cluster::StandingNode node;
    node.name = "a";
    for (std::uint32_t t = 0; t < market.types.size(); ++t)
      if (market.types[t].name == "p4d.24xlarge") node.type = t;
    node.zone = "us-east-1a";
    node.allocatable = {8000, 32768, 100'000, 10};
    node.labels = {{"team", "ml"}};
    node.layout = cluster::LayoutFrom::Seen;
    node.gpus.resize(8);
    const gpu::Model& model = market.model_of(market.types[node.type]);
    for (const gpu::Form& form : gpu::forms_of(model, 1, policy.sharing))
      if (form.kind == gpu::FormKind::Slice && model.profiles[form.profile].name == "1g.5gb") {
        node.gpus[0].slices.push_back({form, 0, cluster::kNone, ""});
        node.gpus[0].slices.push_back({form, 1, cluster::kNone, "other/pod"});
      }
    cluster.nodes.push_back(node);
  }
  cluster::PodShape& shape() { return cluster.demand.shapes[0]; }
  cluster::StandingNode& node() { return cluster.nodes[0]; }
  std::vector<ObstacleGroup> run() const { return obstacles(cluster, market, policy, 0); }
};

TEST(Obstacles, EachIsFoundWithItsDetail) {
  struct Case {
    const char* what;
    std::function<void(Scene&)> change;
    Obstacle obstacle;
    const char* detail;
  };
  const Case cases[] = {
      {"it would fit", [](Scene&) {}, Obstacle::Nothing, ""},
      {"another profile", [](Scene& s) { s.shape().gpu[0].profile = "2g.10gb"; },
       Obstacle::NoDevice, ""},
      {"nothing is offered", [](Scene& s) { s.node().gpus[0].slices.clear(); }, Obstacle::NoDevice,
       ""},
      {"more than there are", [](Scene& s) { s.shape().gpu[0].count = 3; }, Obstacle::NoDevice, ""},
      {"more than are free", [](Scene& s) { s.shape().gpu[0].count = 2; }, Obstacle::Held, ""},
      {"all are held", [](Scene& s) { s.node().gpus[0].slices[0].holder = "x/y"; }, Obstacle::Held,
       ""},
      {"a selector",
       [](Scene& s) {
         s.shape().node_selector = {{"team", cluster::Operator::In, {"web"}}};
       },
       Obstacle::Selector, "node selector team=web"},
      {"an affinity",
       [](Scene& s) {
         s.shape().node_affinity = {{{"gone", cluster::Operator::Exists, {}}}};
       },
       Obstacle::Selector, "node affinity gone"},
      {"an affinity with a term that holds",
       [](Scene& s) {
         s.shape().node_affinity = {{{"gone", cluster::Operator::Exists, {}}},
                                    {{"team", cluster::Operator::In, {"ml"}}}};
       },
       Obstacle::Nothing, ""},
      {"a volume elsewhere",
       [](Scene& s) {
         s.shape().volume_zone_bound = true;
         s.shape().volume_zones = {"us-east-1b"};
       },
       Obstacle::Zone, "us-east-1a"},
      {"a taint",
       [](Scene& s) {
         s.node().taints = {{"gpu", "yes", "NoSchedule"}};
       },
       Obstacle::Taint, "gpu=yes"},
      {"a taint that is tolerated",
       [](Scene& s) {
         s.node().taints = {{"gpu", "yes", "NoSchedule"}};
         s.shape().tolerations = {{"gpu", true, "", ""}};
       },
       Obstacle::Nothing, ""},
      {"a soft taint",
       [](Scene& s) {
         s.node().taints = {{"gpu", "yes", "PreferNoSchedule"}};
       },
       Obstacle::Nothing, ""},
      {"Kerf's own taint",
       [](Scene& s) {
         s.node().taints = {{"kerf.dev/slices", "", "NoSchedule"}};
       },
       Obstacle::Nothing, ""},
      {"not ready", [](Scene& s) { s.node().ready = false; }, Obstacle::Down, ""},
      {"cordoned, with the mark of it",
       [](Scene& s) {
         s.node().cordoned = true;
         s.node().taints = {{"node.kubernetes.io/unschedulable", "", "NoSchedule"}};
       },
       Obstacle::Cordoned, ""},
      {"CPU", [](Scene& s) { s.node().used.cpu_milli = 7500; }, Obstacle::Cpu,
       "asks for 1.0 CPU, 0.5 left"},
      {"memory", [](Scene& s) { s.node().used.memory_mib = 31744; }, Obstacle::Memory,
       "asks for 2.0 GiB of memory, 1.0 left"},
      {"pods", [](Scene& s) { s.node().used.pods = 10; }, Obstacle::Memory,
       "no pod more is allowed on it"},
  };
  for (const Case& c : cases) {
    Scene scene;
    c.change(scene);
    const std::vector<ObstacleGroup> found = scene.run();
    ASSERT_EQ(found.size(), 1U) << c.what;
    EXPECT_EQ(found[0].obstacle, c.obstacle) << c.what << ": " << to_string(found[0].obstacle);
    EXPECT_EQ(found[0].detail, c.detail) << c.what;
    EXPECT_EQ(found[0].nodes, (std::vector<std::uint32_t>{0})) << c.what;
  }
}

TEST(Obstacles, AWholeGpuIsWhateverIsNoSlice) {
  Scene scene;
  scene.shape().gpu = {testing::whole()};
  EXPECT_EQ(scene.run()[0].obstacle, Obstacle::NoDevice);
  gpu::Form replica;
  replica.kind = gpu::FormKind::TimeSliced;
  replica.replicas = 2;
  scene.node().gpus[1].slices = {{replica, 0, cluster::kNone, ""}};
  EXPECT_EQ(scene.run()[0].obstacle, Obstacle::Nothing);
}

TEST(Obstacles, NodesWithTheSameOneAreOneGroup) {
  Scene scene;
  for (const char* name : {"b", "c"}) {
    scene.cluster.nodes.push_back(scene.node());
    scene.cluster.nodes.back().name = name;
  }
  scene.cluster.nodes[1].ready = false;
  const std::vector<ObstacleGroup> found = scene.run();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].nodes, (std::vector<std::uint32_t>{1}));
  EXPECT_EQ(found[1].nodes, (std::vector<std::uint32_t>{0, 2}));
}

TEST(Obstacles, EveryOneHasAName) {
  for (int i = 0; i < kObstacles; ++i) EXPECT_FALSE(to_string(static_cast<Obstacle>(i)).empty());
}

}  // namespace
}  // namespace kerf::plan
