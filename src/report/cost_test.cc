// Who pays for what: what is shown adds up to the bill, to the last digit, in every view.
#include "report/cost.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

#include "base/prng.h"
#include "codec/json.h"
#include "report/cluster_testing.h"
#include "report/lines_testing.h"

namespace kerf::report {
namespace {

using testing::expect_tame;
using ::testing::HasSubstr;
using testing::lines_of;
using testing::small_cluster;
using testing::StandingExample;

constexpr CostBy kViews[] = {CostBy::Namespace, CostBy::Workload, CostBy::Node, CostBy::Pod};

std::string table(const StandingExample& e, CostBy by, bool all = false) {
  CostOptions options;
  options.by = by;
  options.table.all = all;
  return cost_table(e.standing(), options);
}

/// The n-th dollar amount of a line in cents or whole dollars, "$1,234.50" -> 123450; -1 if it has
/// none.
std::int64_t amount(const std::string& line, int n) {
  std::size_t at = 0;
  for (int i = 0; i <= n; ++i) {
    at = line.find('$', at);
    if (at == std::string::npos) return -1;
    ++at;
  }
  std::int64_t value = 0;
  for (; at < line.size() && (std::isdigit(line[at]) != 0 || line[at] == ',' || line[at] == '.');
       ++at)
    if (std::isdigit(line[at]) != 0) value = value * 10 + (line[at] - '0');
  return value;
}

/// Checks that the rows that are not sums of others add up to the last row. Outer rows begin in
/// column 2, inner ones further right.
void expect_adds_up(const std::string& text) {
  for (const int column : {0, 1}) {
    std::int64_t outer = 0, all = -1;
    for (const std::string& line : lines_of(text)) {
      if (!line.starts_with("  ") || amount(line, 1) < 0) continue;
      if (line.starts_with("  all nodes")) all = amount(line, column);
      else if (line[2] != ' ') outer += amount(line, column);
    }
    EXPECT_EQ(outer, all) << text;
  }
}

/// The n-th amount in the row of this name; "" if there is no such row.
std::string amount_of(const std::string& text, const std::string& name, int n) {
  for (const std::string& line : lines_of(text)) {
    if (!line.starts_with("  " + name + " ")) continue;
    std::size_t at = 0;
    for (int i = 0; i < n; ++i) at = line.find('$', at) + 1;
    return line.substr(at - 1, line.find(' ', at) - at + 1);
  }
  return "";
}

TEST(Cost, ASmallClusterReadsLikeThis) {
  EXPECT_EQ("\n" + table(small_cluster(), CostBy::Namespace), R"(
context prod, read 2026-11-30T10:00:00Z

                    a month  an hour    share  GPUs  pods  at list/h
  team-a             $2,811    $3.85   16.8 %  1.38     4      $3.85
    deploy/train     $2,044    $2.80   12.2 %  1.00     1      $2.80
    deploy/embed       $767    $1.05    4.6 %  0.38     3      $1.05
  team-b                 $0    $0.00    0.0 %  1.00     1      $0.80
    deploy/web           $0    $0.00    0.0 %  1.00     1      $0.80
  idle or stranded  $13,925   $19.08   83.2 %                 $19.08
    down               $384    $0.53    2.3 %                  $0.53
    geometry         $1,277    $1.75    7.6 %                  $1.75
    free            $12,264   $16.80   73.3 %                 $16.80
  all nodes         $16,736   $22.93  100.0 %  2.38     5     $23.73

  down      on nodes that are not ready or offer no GPU: mend driver and device plugin, or give the
            node back
  geometry  what is left is no device that any pod asks for: cut the GPU otherwise: kerf plan says
            how
  free      some pod could use it now: let pods come, or pack onto fewer nodes

What is owned costs nothing more and is not in the bill; at list prices all nodes are worth
$23.73/h.
)");
}

TEST(Cost, ByNodeItReadsLikeThis) {
  EXPECT_EQ("\n" + table(small_cluster(), CostBy::Node), R"(
context prod, read 2026-11-30T10:00:00Z

                             a month  an hour  idle/h  GPUs  at list/h                idle because
  ip-10-0-1-12.ec2.internal  $16,352   $22.40  $18.55  1.38     $22.40  p4d.24xlarge  free, geometry
  ip-10-0-3-9.ec2.internal      $384    $0.53   $0.53  0.00      $0.53  g4dn.xlarge   down
  ip-10-0-2-7.ec2.internal        $0    $0.00   $0.00  1.00      $0.80  g6.xlarge
  all nodes                  $16,736   $22.93  $19.08  2.38     $23.73

  down      on nodes that are not ready or offer no GPU: mend driver and device plugin, or give the
            node back
  geometry  what is left is no device that any pod asks for: cut the GPU otherwise: kerf plan says
            how
  free      some pod could use it now: let pods come, or pack onto fewer nodes

What is owned costs nothing more and is not in the bill; at list prices all nodes are worth
$23.73/h.
)");
}

TEST(Cost, ByPodItReadsLikeThis) {
  EXPECT_EQ("\n" + table(small_cluster(), CostBy::Pod), R"(
context prod, read 2026-11-30T10:00:00Z

                    a month  an hour    share  GPUs  at list/h
  team-a/train-0     $2,044    $2.80   12.2 %  1.00      $2.80  whole A100-40
  team-a/embed-0       $256    $0.35    1.5 %  0.12      $0.35  1g.5gb A100-40
  team-a/embed-1       $256    $0.35    1.5 %  0.12      $0.35  1g.5gb A100-40
  team-a/embed-2       $255    $0.35    1.5 %  0.12      $0.35  1g.5gb A100-40
  team-b/web-0           $0    $0.00    0.0 %  1.00      $0.80  whole L4
  idle or stranded  $13,925   $19.08   83.2 %           $19.08
    down               $384    $0.53    2.3 %            $0.53
    geometry         $1,277    $1.75    7.6 %            $1.75
    free            $12,264   $16.80   73.3 %           $16.80
  all nodes         $16,736   $22.93  100.0 %  2.38     $23.73

  down      on nodes that are not ready or offer no GPU: mend driver and device plugin, or give the
            node back
  geometry  what is left is no device that any pod asks for: cut the GPU otherwise: kerf plan says
            how
  free      some pod could use it now: let pods come, or pack onto fewer nodes

What is owned costs nothing more and is not in the bill; at list prices all nodes are worth
$23.73/h.
)");
}

TEST(Cost, RowsAddUpToTheBillInEveryView) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    Prng prng(seed);
    StandingExample e;
    const auto workloads = 1 + prng.below(20);
    for (std::uint64_t w = 0; w < workloads; ++w)
      e.workload("ns-" + std::to_string(prng.below(4)), "w" + std::to_string(w), 3, "",
                 cluster::GpuRequestKind::Whole);
    std::uint32_t pod = 0;
    for (int n = 0; n < 6; ++n) {
      const bool owned = prng.below(4) == 0;
      e.node("n" + std::to_string(n), "g6.12xlarge",
             {static_cast<std::int64_t>(1 + prng.below(30'000'000))}, owned);
      for (std::size_t g = 0; g < 4; ++g) {
        e.waste(g, static_cast<plan::Waste>(prng.below(plan::kWastes)));
        if (pod == e.cluster.demand.pods.size() || prng.below(2) == 0) continue;
        e.seat(pod++, g, gpu::Form{}, 0, e.list.nodes.back().gpus[g].price);
      }
    }
    for (const CostBy by : kViews)
      for (const bool all : {true, false}) {
        const std::string text = table(e, by, all);
        expect_adds_up(text);
        expect_tame(text, false);
      }
    const std::string idle = amount_of(table(e, CostBy::Namespace), "idle or stranded", 2);
    EXPECT_EQ(amount_of(table(e, CostBy::Node), "all nodes", 3), idle.empty() ? "$0.00" : idle)
        << "what idles is the same in each view";
  }
}

TEST(Cost, RoundedPartsAddUpToTheRoundedSum) {
  Prng prng(7);
  for (int round = 0; round < 500; ++round) {
    std::vector<std::int64_t> amounts(prng.below(12));
    for (std::int64_t& one : amounts) one = static_cast<std::int64_t>(prng.below(40'000));
    const std::vector<std::int64_t> parts = rounded_parts(amounts, 10'000);
    const std::int64_t sum = std::accumulate(amounts.begin(), amounts.end(), std::int64_t{0});
    EXPECT_EQ(std::accumulate(parts.begin(), parts.end(), std::int64_t{0}), (sum + 5'000) / 10'000);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      EXPECT_GE(parts[i], amounts[i] / 10'000);
      EXPECT_LE(parts[i], amounts[i] / 10'000 + 1);
      EXPECT_TRUE(amounts[i] > 0 || parts[i] == 0);
    }
  }
}

TEST(Cost, NothingStandsNothingIsPaid) {
  StandingExample e;
  for (const CostBy by : kViews) EXPECT_THAT(table(e, by), HasSubstr("nothing is paid for GPUs"));
}

TEST(Cost, PodsThatAreNotPlannedAreNamedAsThat) {
  StandingExample e = small_cluster();
  for (plan::Ledger* book : {&e.ledger, &e.list}) {
    book->others = {1'000'000};
    book->wastes[static_cast<std::size_t>(plan::Waste::Free)].micro -= 1'000'000;
  }
  const std::string text = table(e, CostBy::Namespace);
  EXPECT_THAT(text, HasSubstr("pods that are not planned"));
  expect_adds_up(text);
}

TEST(Cost, OnlyTheFirstScreenIsShownOfManyPods) {
  StandingExample e;
  for (int w = 0; w < 300; ++w)
    e.workload("ns-" + std::to_string(w % 40), "w" + std::to_string(w), 1, "",
               cluster::GpuRequestKind::Whole);
  for (std::uint32_t n = 0; n < 300; ++n) {
    e.node("n" + std::to_string(n), "g6.xlarge", {800'000 + n});
    e.seat(n, 0, gpu::Form{}, 0, {700'000 + n});
  }
  for (const CostBy by : kViews) {
    const std::string text = table(e, by);
    EXPECT_LT(lines_of(text).size(), 90U);
    EXPECT_THAT(text, HasSubstr("…"));
    expect_adds_up(text);
    EXPECT_GT(lines_of(table(e, by, true)).size(), 300U);
  }
}

TEST(Cost, NoNameBreaksALineOrATerminal) {
  for (const std::string& name :
       {std::string(253, 'x'), std::string("a\x1b[31mred\x07"), std::string("\xff\n\t")}) {
    StandingExample e = small_cluster();
    for (cluster::StandingNode& node : e.cluster.nodes) node.name = name;
    for (cluster::Pod& pod : e.cluster.demand.pods) pod.name = name;
    for (cluster::Workload& workload : e.cluster.demand.workloads)
      workload.ns = workload.name = workload.kind = name;
    for (const CostBy by : kViews)
      for (const bool unicode : {true, false})
        expect_tame(cost_table(e.standing(), {{false, unicode, true}, by}), !unicode);
    EXPECT_FALSE(codec::write_json(cost_json(e.standing())).empty());
  }
}

/// Micro-dollars of a number as the document has it.
std::int64_t micro(const codec::Node& node) { return parse_usd_per_hour(node.text)->micro; }

TEST(Cost, TheDocumentAddsUpToTheMicroDollar) {
  const StandingExample e = small_cluster();
  const codec::Node document = cost_json(e.standing());
  for (const char* field : {"usd_per_hour", "list_usd_per_hour"}) {
    const std::int64_t bill = micro(*document.find("bill")->find(field));
    std::int64_t rest = micro(*document.find("other_pods")->find(field));
    for (const codec::Node& waste : document.find("idle")->items) rest += micro(*waste.find(field));
    for (const char* list : {"namespaces", "workloads", "pods"}) {
      std::int64_t sum = rest;
      for (const codec::Node& entry : document.find(list)->items) sum += micro(*entry.find(field));
      EXPECT_EQ(sum, bill) << list;
    }
    std::int64_t nodes = 0;
    for (const codec::Node& node : document.find("nodes")->items) {
      nodes += micro(*node.find(field));
      std::int64_t gpus = 0;
      for (const codec::Node& gpu : node.find("gpus")->items) gpus += micro(*gpu.find(field));
      EXPECT_EQ(gpus, micro(*node.find(field)));
    }
    EXPECT_EQ(nodes, bill);
  }
}

}  // namespace
}  // namespace kerf::report
