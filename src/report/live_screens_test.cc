// The plan of a cluster as people read it.
#include "report/live.h"

#include <gtest/gtest.h>

#include <string>

#include "codec/catalogue.h"
#include "core/cluster/cluster_testing.h"
#include "report/lines_testing.h"
#include "solver/clp.h"

namespace kerf::report {
namespace {

using cluster::testing::portable;
using cluster::testing::slice;
using cluster::testing::Town;
using cluster::testing::whole;

struct Printed {
  std::string first, rest;
  codec::Node json;
};

Printed print(const Town& t, plan::LiveOptions options = {}, TableOptions table = {},
              bool selected = false) {
  const auto solver = solver::make_clp();
  options.plan.effort = 1;
  const plan::LivePlan live = plan::make_live_plan(t.cluster, t.market, {}, *solver, options);
  const cluster::Policy policy;
  const LiveView view{live,
                      t.cluster,
                      t.market,
                      policy,
                      "context prod; us-east-1, on-demand prices of a test",
                      {"Not read: nodepools.karpenter.sh."},
                      selected};
  return {live_table_first(view, table), live_table_rest(view, table), live_json(view, "none")};
}

Town small_town() {
  Town t(*codec::builtin_market("us-east-1"));
  const auto train = t.workload("train", whole());
  t.pod(train, t.node("g5.2xlarge"));
  t.pod(train, t.node("g5.2xlarge"));
  t.node("g4dn.xlarge");
  t.pod(t.workload("web", slice("1g.5gb")), t.node("p4d.24xlarge", "1g.5gb"));
  t.pod(t.workload("new", whole()));
  return t;
}

bool says(const std::string& text, const std::string& words) {
  return testing::joined(text).find(words) != std::string::npos;
}

TEST(LiveScreens, TheFirstScreenAnswersWhatItCostsAndWhatToDo) {
  const Printed printed = print(small_town());
  EXPECT_EQ(printed.first.substr(0, printed.first.find('\n')),
            "context prod; us-east-1, on-demand prices of a test");
  EXPECT_TRUE(
      says(printed.first, "4 GPU nodes with 11 GPUs, 3 pods on them; 1 pod waits for a GPU"));
  EXPECT_TRUE(says(printed.first, "This cluster's GPU nodes cost $18,183 a month ($24.91/h)."))
      << printed.first;
  EXPECT_TRUE(says(printed.first, "Not read: nodepools.karpenter.sh."));
  EXPECT_TRUE(says(printed.first, "1 pod asks for a whole GPU, and nothing says which"));
  EXPECT_TRUE(says(printed.first, "At once and without moving a pod: 1 node has no pod"));
  EXPECT_TRUE(says(printed.first, "as whole GPUs of today's models"));
}

TEST(LiveScreens, TheRestHasLeversSizesAndWhatToAskNext) {
  Town t = small_town();
  t.cluster.autoscalers.push_back({0, 1, 4});
  const Printed printed = print(t);
  for (const char* words :
       {"better purchase: the same GPUs, packed anew", "serving the pods that wait",
        "If the 3 pods that ask for a whole GPU asked for memory instead", "kerf.dev/gpu-80gi",
        "If the 1 pod that names a MIG profile asked for its memory instead",
        "With 1 autoscaled workload at another size", "kerf doctor", "Not placed: 1 of 4 pods"})
    EXPECT_TRUE(says(printed.rest, words)) << words;
}

TEST(LiveScreens, SelectedPodsAreSaidToBeSelected) {
  const Printed printed = print(small_town(), {}, {}, true);
  EXPECT_TRUE(says(printed.first, "These pods' GPU nodes cost"));
}

TEST(LiveScreens, NothingThereIsSaid) {
  const Town t(*codec::builtin_market("us-east-1"));
  const Printed printed = print(t);
  EXPECT_TRUE(says(printed.first, "No pod asks for a GPU and no GPU node stands"));
}

TEST(LiveScreens, HostileNamesStayWithinTheLineAndObeyNothing) {
  Town t(*codec::builtin_market("us-east-1"));
  const std::string nasty = "\x1b[31mred\n" + std::string(250, 'x') + "\xff\u4e2d";
  const auto w = t.workload(nasty, portable(10), nasty);
  const auto n = t.node("g5.2xlarge");
  t.cluster.nodes[n].name = nasty;
  t.cluster.nodes[n].pool = nasty;
  t.pod(w, n);
  t.pod(w);
  for (const bool unicode : {true, false}) {
    TableOptions table;
    table.unicode = unicode;
    table.all = true;
    const Printed printed = print(t, {}, table, true);
    for (const std::string& text : {printed.first, printed.rest})
      testing::expect_tame(text, !unicode);
  }
}

TEST(LiveDocument, SaysOfEveryNodeWhatBecomesOfIt) {
  const Printed printed = print(small_town());
  const codec::Node* cluster = printed.json.find("cluster");
  ASSERT_NE(cluster, nullptr);
  EXPECT_EQ(cluster->find("nodes")->items.size(), printed.json.find("nodes")->items.size());
  EXPECT_EQ(cluster->find("unknown_gpu_pods")->integer, 1);
  EXPECT_EQ(cluster->find("if_whole_asked_for_memory")->items.size(), 5u);
  EXPECT_EQ(cluster->find("today")->find("empty_nodes")->integer, 1);
}

}  // namespace
}  // namespace kerf::report
