// The plan document: the fields that are promised, and dollars to the micro-dollar.
#include "report/plan_json.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "codec/json.h"
#include "report/json_parts.h"
#include "report/report_testing.h"

namespace kerf::report {
namespace {

using codec::Node;
using testing::Example;
using testing::small;

Node json(const Example& e) {
  return plan_json(e.plan, e.demand, e.market, e.policy, "CLP 1.17.7");
}

/// "nodes.0.gpus.1.model"; an empty node if there is none.
Node at(const Node& root, std::string_view path) {
  const Node* node = &root;
  while (!path.empty()) {
    const std::size_t dot = path.find('.');
    const std::string step(path.substr(0, dot));
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
    if (node->kind == Node::Kind::Sequence) {
      const std::size_t index = std::stoul(step);
      if (index >= node->items.size()) return {};
      node = &node->items[index];
    } else {
      node = node->find(step);
      if (node == nullptr) return {};
    }
  }
  return *node;
}

TEST(PlanJson, SaysWhichVersionItIs) {
  const Node root = json(small());
  EXPECT_EQ(at(root, "apiVersion").text, "kerf.dev/plan/v1alpha1");
  EXPECT_EQ(at(root, "kind").text, "Plan");
  EXPECT_EQ(at(root, "solver").text, "CLP 1.17.7");
}

TEST(PlanJson, SaysWhereTheRoomForDaemonSetsIsFrom) {
  Example e = small();
  EXPECT_EQ(at(json(e), "demand.node_overhead.source").text, "none given");
  EXPECT_EQ(at(json(e), "notes.0").text.substr(0, 23), "DaemonSets: none given ");
  e.demand.overhead.source = "--daemonsets";
  EXPECT_EQ(at(json(e), "demand.node_overhead.source").text, "--daemonsets");
}

TEST(PlanJson, HasTheFieldsThatArePromised) {
  Example e = small();
  e.plan.unplaced.push_back({2, {plan::ReasonCode::NoZone, {"zone spread"}}});
  e.plan.bound.relaxed = {"zone spread"};
  e.plan.baselines[0].fleet = {{"g6.xlarge", 2}};
  e.plan.notes = {"a note"};
  e.demand.left_out = {{"2 objects of kind Service", "holds no pods", 2}};
  const Node root = json(e);
  const std::pair<const char*, const char*> cases[] = {
      {"market.region", "us-east-1"},
      {"cost.usd_per_hour", "22.4"},
      {"cost.usd_per_month", "16352"},
      {"bound.usd_per_hour", "20"},
      {"bound.method", "aggregated-lp"},
      {"bound.optimal", "false"},
      {"bound.relaxed.0", "zone spread"},
      {"baselines.0.name", "whole-gpu"},
      {"baselines.0.usd_per_hour", "30"},
      {"baselines.0.usd_per_month", "21900"},
      {"baselines.0.nodes", "2"},
      {"baselines.0.comparable", "false"},
      {"baselines.0.fleet.0.instance_type", "g6.xlarge"},
      {"actions.0.kind", "buy"},
      {"actions.0.nodes.0", "node-1"},
      {"nodes.0.name", "node-1"},
      {"nodes.0.instance_type", "p4d.24xlarge"},
      {"nodes.0.gpus.0.layout", "A100-40 [1g.5gb@0 1g.5gb@1 1g.5gb@2 3g.20gb@4]"},
      {"nodes.0.gpus.0.slices.1.profile", "1g.5gb"},
      {"nodes.0.gpus.0.slices.1.start", "1"},
      {"nodes.0.gpus.0.slices.1.pod", "embed-1"},
      {"nodes.0.gpus.0.slices.1.kind", "slice"},
      {"nodes.0.gpus.1.slices.0.form", "whole A100-40"},
      {"placements.3.pod", "train-0"},
      {"placements.3.namespace", "team"},
      {"placements.3.node", "node-1"},
      {"placements.3.usd_per_hour", "18.2"},
      {"placements.3.reason.code", "OnlyForm"},
      {"unplaced.0.pod", "embed-2"},
      {"unplaced.0.workload", "embed"},
      {"unplaced.0.reason.args.0", "zone spread"},
      {"workloads.0.usd_per_hour", "4.2"},
      {"workloads.0.forms.0.pods", "3"},
      {"workloads.0.baselines.0.usd_per_hour", "30"},
      {"utilisation.stranded.cpu_usd_per_hour", "0"},
      {"notes.0", "a note"},
      {"left_out.0.why", "holds no pods"}};
  for (const auto& [path, value] : cases) EXPECT_EQ(at(root, path).text, value) << path;
  EXPECT_TRUE(at(root, "nodes.0.gpus.2.layout").is_null());
  EXPECT_TRUE(at(root, "nodes.0.gpus.0.slices.3.pod").is_null());
  EXPECT_DOUBLE_EQ(at(root, "gap_percent").real, 12);
}

TEST(PlanJson, SaysWhatIsOwnedAndWhatItWouldCost) {
  Example e = small();
  EXPECT_TRUE(at(json(e), "cost.owned").is_null());
  EXPECT_EQ(at(json(e), "nodes.0.owned").text, "false");
  e.node("p4d.24xlarge", {0}).owned = true;
  e.node("g6.xlarge", {0}).owned = true;
  std::erase_if(e.market.offerings, [&](const market::Offering& one) {
    return e.market.types[one.type].name == "g6.xlarge";
  });
  const Node root = json(e);
  EXPECT_EQ(at(root, "cost.usd_per_hour").text, "22.4") << "what is paid anew";
  EXPECT_EQ(at(root, "cost.owned.nodes").text, "2");
  EXPECT_EQ(at(root, "cost.owned.on_demand_usd_per_hour").text, "21.957642");
  EXPECT_EQ(at(root, "cost.owned.unpriced_nodes").text, "1");
  EXPECT_EQ(at(root, "nodes.1.owned").text, "true");
  EXPECT_TRUE(at(root, "market.owned").items.empty()) << "that is about the market";
  market::Offering offering;
  offering.type = testing::type_index(e.market, "p4d.24xlarge");
  offering.count = 7;
  e.market.offerings.push_back(offering);
  EXPECT_EQ(at(json(e), "market.owned.0.instance_type").text, "p4d.24xlarge");
  EXPECT_EQ(at(json(e), "market.owned.0.nodes").text, "7");
}

TEST(PlanJson, SplitsTheSavingByLever) {
  Example e = small();
  EXPECT_EQ(at(json(e), "levers").kind, Node::Kind::Sequence);
  e.plan.levers = {{"types", {30'000'000}, {25'000'000}, true},
                   {"slicing", {25'000'000}, {25'000'001}, false}};
  const Node root = json(e);
  EXPECT_EQ(at(root, "levers.0.name").text, "types");
  EXPECT_EQ(at(root, "levers.0.before_usd_per_hour").text, "30");
  EXPECT_EQ(at(root, "levers.0.saving_usd_per_hour").text, "5");
  EXPECT_EQ(at(root, "levers.0.comparable").text, "true");
  EXPECT_DOUBLE_EQ(at(root, "levers.1.saving_usd_per_hour").real, -1e-6);
  EXPECT_EQ(at(root, "levers.1.after_usd_per_hour").text, "25.000001");
  EXPECT_EQ(at(root, "levers.1.comparable").text, "false");
}

TEST(PlanJson, HasNoGapWhereNothingIsProven) {
  Example e = small();
  e.plan.bound.per_hour = {0};
  const Node* gap = nullptr;
  const Node root = json(e);
  gap = root.find("gap_percent");
  ASSERT_NE(gap, nullptr);
  EXPECT_TRUE(gap->is_null());
}

TEST(PlanJson, WritesDollarsExactly) {
  Example e = small();
  for (const std::int64_t micro :
       {std::int64_t{0}, std::int64_t{1}, std::int64_t{10}, std::int64_t{100'000},
        std::int64_t{526'000}, std::int64_t{21'957'642}, std::int64_t{32'773'200},
        std::int64_t{9'815'510'001}, std::int64_t{999'999'999'999'999},
        (std::int64_t{1} << 53) - 1}) {
    e.plan.bill = {micro};
    const auto back = codec::parse_json(codec::write_json(json(e)), "plan.json");
    ASSERT_TRUE(back.has_value());
    const Node read = at(back->root, "cost.usd_per_hour");
    const auto rate = parse_usd_per_hour(read.text);
    if (micro < 1'000'000'000'000'000) {
      ASSERT_TRUE(rate.has_value()) << read.text;
      EXPECT_EQ(rate->micro, micro) << read.text;
    }
    EXPECT_EQ(json_usd({micro}).real, read.real);
    EXPECT_EQ(std::stod(format_exact({micro})), read.real) << micro;
  }
}

TEST(PlanJson, IsValidUtf8WhateverTheNames) {
  Example e = small();
  for (cluster::Pod& pod : e.demand.pods) pod.name = "\xff\x1b";
  e.demand.described = "\xc3";
  const auto back = codec::parse_json(codec::write_json(json(e)), "plan.json");
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(at(back->root, "placements.0.pod").text, "\uFFFD\x1b");
}

}  // namespace
}  // namespace kerf::report
