// What a person sees of a standing cluster: a small one as a whole, and no name that breaks it.
#include "report/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "codec/json.h"
#include "report/cluster_testing.h"
#include "report/lines_testing.h"

namespace kerf::report {
namespace {

using testing::expect_tame;
using ::testing::HasSubstr;
using testing::joined;
using testing::lines_of;
using ::testing::Not;
using testing::small_cluster;
using testing::StandingExample;

TEST(Status, ASmallClusterReadsLikeThis) {
  const StandingExample e = small_cluster();
  EXPECT_EQ("\n" + status_table(e.standing(), {}), R"(
context prod, read 2026-11-30T10:00:00Z

3 nodes with 10 GPUs: $22.93/h, $16,736 a month
1 of them owned: not in the bill, worth $0.80/h on demand
22 % of the GPU memory is held by pods
5 pods with a GPU request run, 2 wait, 1 on other nodes; 5 nodes without GPUs beside
1 node is not ready or without GPUs to offer: ip-10-0-3-9.ec2.internal

ip-10-0-1-12.ec2.internal  p4d.24xlarge  8 x A100-40  $22.400/h
  ready: on-demand, us-east-1a, pool gpu; asked for: CPU 4.0 of 95.7, memory 8 of 1,057 GiB
  1 x     │ 1g.5gb │ 1g.5gb │ 1g.5gb │░░░░░░░░│▒▒▒▒▒▒▒▒▒▒ free 3g.20gb ▒▒▒▒▒▒▒▒▒▒▒│
          team-a/embed-0, team-a/embed-1, team-a/embed-2
  1 x     │     whole A100-40      │  team-a/train-0
  6 x     │▒▒▒▒▒▒▒▒▒ free ▒▒▒▒▒▒▒▒▒│

ip-10-0-3-9.ec2.internal  g4dn.xlarge  1 x T4  $0.526/h
  not ready: on-demand, us-east-1a, pool gpu; asked for: CPU 0.0 of 3.9, memory 0 of 14 GiB
  GPU     │▒▒▒▒▒▒▒▒▒ free ▒▒▒▒▒▒▒▒▒│

ip-10-0-2-7.ec2.internal  g6.xlarge  1 x L4  owned, worth $0.80/h
  ready: reserved, us-east-1a, pool gpu; asked for: CPU 1.0 of 3.9, memory 2 of 13 GiB
  GPU     │        whole L4        │  team-b/web-0

▒ no pod; ░ not cut

Waiting: 2 pods (kerf why NAMESPACE/POD says more)
  team-a/embed, 2 pods  nvidia.com/mig-1g.5gb
    0/3 nodes are available: 3 Insufficient nvidia.com/mig-1g.5gb.

On nodes that are not counted here
  fargate-10-0-9-9: team-b/web-1

GPU nodes that cannot be priced or planned with
  odd-1 (x9.large, 4 GPUs): the catalogue has no type x9.large
)");
}

TEST(Status, OneNodeIsShownWithEveryGpu) {
  const StandingExample e = small_cluster();
  StatusOptions options;
  options.node = "ip-10-0-1-12.ec2.internal";
  EXPECT_EQ("\n" + status_table(e.standing(), options), R"(
context prod, read 2026-11-30T10:00:00Z

ip-10-0-1-12.ec2.internal  p4d.24xlarge  8 x A100-40  $22.400/h
  ready: on-demand, us-east-1a, pool gpu; asked for: CPU 4.0 of 95.7, memory 8 of 1,057 GiB
  GPU 0   │ 1g.5gb │ 1g.5gb │ 1g.5gb │░░░░░░░░│▒▒▒▒▒▒▒▒▒▒ free 3g.20gb ▒▒▒▒▒▒▒▒▒▒▒│
          team-a/embed-0, team-a/embed-1, team-a/embed-2
  GPU 1   │     whole A100-40      │  team-a/train-0
  GPU 2   │▒▒▒▒▒▒▒▒▒ free ▒▒▒▒▒▒▒▒▒│
  GPU 3   │▒▒▒▒▒▒▒▒▒ free ▒▒▒▒▒▒▒▒▒│
  GPU 4   │▒▒▒▒▒▒▒▒▒ free ▒▒▒▒▒▒▒▒▒│
  GPU 5   │▒▒▒▒▒▒▒▒▒ free ▒▒▒▒▒▒▒▒▒│
  GPU 6   │▒▒▒▒▒▒▒▒▒ free ▒▒▒▒▒▒▒▒▒│
  GPU 7   │▒▒▒▒▒▒▒▒▒ free ▒▒▒▒▒▒▒▒▒│

▒ no pod; ░ not cut
)");
}

TEST(Status, SaysWhenNothingIsThere) {
  StandingExample e;
  const std::string text = status_table(e.standing(), {});
  EXPECT_THAT(text, HasSubstr("No node with a GPU that Kerf knows."));
  EXPECT_THAT(text, HasSubstr("0 pods with a GPU request run, 0 wait"));
  expect_tame(text, false);
}

TEST(Status, NamesNodesInTroubleAboveAll) {
  StandingExample e = small_cluster();
  e.cluster.nodes[1].layout = cluster::LayoutFrom::Nothing;
  EXPECT_THAT(status_table(e.standing(), {}),
              HasSubstr("2 nodes are not ready or without GPUs to offer: "
                        "ip-10-0-2-7.ec2.internal, ip-10-0-3-9.ec2.internal"));
}

TEST(Status, MarksNodesOfWhichThePriceIsAPart) {
  StandingExample e = small_cluster();
  EXPECT_THAT(status_table(e.standing(), {}), Not(HasSubstr("shared")));
  EXPECT_EQ(status_json(e.standing()).find("nodes")->items[0].find("shared")->text, "false");
  e.cluster.nodes[0].shared = true;
  const std::string text = status_table(e.standing(), {});
  EXPECT_THAT(text, HasSubstr("1 of them shared with other pods: counted at these pods' part"));
  EXPECT_THAT(text, HasSubstr("8 x A100-40  $22.400/h, these pods' part\n"));
  EXPECT_THAT(joined(text), HasSubstr("; shared with pods that are not selected"));
  EXPECT_EQ(status_json(e.standing()).find("nodes")->items[0].find("shared")->text, "true");
}

TEST(Status, SaysHowALayoutIsKnown) {
  StandingExample e = small_cluster();
  EXPECT_THAT(status_table(e.standing(), {}), Not(HasSubstr("counts")));
  e.cluster.nodes[0].layout = cluster::LayoutFrom::Counted;
  EXPECT_THAT(joined(status_table(e.standing(), {})), HasSubstr("layout worked out from counts"));
}

TEST(Status, DrawsReplicasAndFractions) {
  StandingExample e;
  e.workload("a", "web", 3, "", cluster::GpuRequestKind::Whole);
  e.node("shared", "g6.xlarge", {800'000});
  gpu::Form replica;
  replica.kind = gpu::FormKind::TimeSliced;
  replica.replicas = 4;
  for (std::uint32_t p = 0; p < 2; ++p) e.seat(p, 0, replica, static_cast<int>(p), {200'000});
  for (int start = 2; start < 4; ++start) e.free(0, replica, start);
  e.node("part", "g6f.2xlarge", {300'000});
  gpu::Form fraction;
  fraction.kind = gpu::FormKind::Fraction;
  fraction.fraction = e.market.types[e.cluster.nodes.back().type].gpu_fraction;
  e.seat(2, 0, fraction, 0, {300'000});
  const std::string text = status_table(e.standing(), {});
  EXPECT_THAT(text, HasSubstr("│   1/4   │   1/4   │▒ free ▒▒│▒ free ▒▒│"));
  EXPECT_THAT(text, HasSubstr("a/web-0, a/web-1"));
  EXPECT_THAT(text, HasSubstr(" L4"));
  expect_tame(status_table(e.standing(), {{false, false, false}, ""}), true);
}

TEST(Status, OnlyTheFirstScreenIsShownOfAThousandNodes) {
  StandingExample e;
  e.workload("a", "web", 8000, "", cluster::GpuRequestKind::Whole);
  for (std::uint32_t n = 0; n < 1000; ++n) {
    e.node("node-" + std::to_string(n), "p4d.24xlarge", {22'400'000 + n});
    for (std::uint32_t g = 0; g < 4; ++g) e.seat(n * 4 + g, g, gpu::Form{}, 0, {2'800'000});
  }
  const std::string text = status_table(e.standing(), {});
  EXPECT_LT(lines_of(text).size(), 110U);
  EXPECT_THAT(text, HasSubstr("988 more nodes"));
  EXPECT_THAT(text, HasSubstr("node-999"));  // the dearest
  StatusOptions all;
  all.table.all = true;
  EXPECT_GT(lines_of(status_table(e.standing(), all)).size(), 9000U);
}

TEST(Status, NoNameBreaksALineOrATerminal) {
  const std::vector<std::string> names = {std::string(253, 'x'),
                                          "a\x1b[31mred\x07",
                                          "tab\tnew\nline",
                                          "\xff\xfe",
                                          "\u4e2d\u6587\u202e",
                                          "",
                                          " "};
  for (const std::string& name : names) {
    StandingExample e = small_cluster();
    for (cluster::StandingNode& node : e.cluster.nodes) {
      node.name = name;
      node.zone = name;
      node.pool = name;
    }
    for (cluster::Pod& pod : e.cluster.demand.pods) pod.name = name;
    for (cluster::PodShape& shape : e.cluster.demand.shapes) shape.ns = name;
    for (cluster::Workload& workload : e.cluster.demand.workloads) workload.asks = name;
    for (cluster::PodFacts& facts : e.cluster.pods) {
      facts.waits = name;
      facts.nominated = name;
    }
    e.cluster.nodes[0].gpus[2].slices[0].holder = name + "/" + name;
    e.cluster.pods[7].elsewhere = name + "!";
    e.cluster.strange[0] = {name, name, 3, name};
    e.notes = {name};
    for (const bool unicode : {true, false}) {
      for (const bool all : {true, false})
        expect_tame(status_table(e.standing(), {{false, unicode, all}, ""}), !unicode);
      expect_tame(status_table(e.standing(), {{false, unicode, false}, name}), !unicode);
    }
    EXPECT_FALSE(codec::write_json(status_json(e.standing())).empty());
  }
}

TEST(Status, TheDocumentHasEveryNodeAndPod) {
  const StandingExample e = small_cluster();
  const codec::Node document = status_json(e.standing());
  EXPECT_EQ(document.find("apiVersion")->text, "kerf.dev/status/v1alpha1");
  EXPECT_EQ(document.find("read_at")->text, "2026-11-30T10:00:00Z");
  ASSERT_EQ(document.find("nodes")->items.size(), 3U);
  const codec::Node& first = document.find("nodes")->items[0];
  EXPECT_EQ(first.find("gpus")->items[0].find("layout")->text,
            "A100-40 [1g.5gb@0 1g.5gb@1 1g.5gb@2 3g.20gb@4]");
  EXPECT_TRUE(first.find("gpus")->items[1].find("layout")->is_null());
  ASSERT_EQ(document.find("pods")->items.size(), 8U);
  EXPECT_EQ(document.find("pods")->items[0].find("devices")->text, "1g.5gb A100-40");
  EXPECT_EQ(document.find("pods")->items[3].find("state")->text, "waits");
  EXPECT_EQ(document.find("pods")->items[7].find("node")->text, "fargate-10-0-9-9");
}

}  // namespace
}  // namespace kerf::report
