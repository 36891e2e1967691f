// kerf_slicing_bench: where slicing pays, on the openb trace as shares of an A100 with 40 GB;
// figures to build/bench/slicing.json, the same as tables to stdout.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>

#include "codec/catalogue.h"
#include "codec/csv.h"
#include "codec/document.h"
#include "codec/json.h"
#include "codec/trace.h"
#include "core/check/check.h"
#include "core/gpu/geometry.h"
#include "core/plan/planner.h"
#include "solver/clp.h"

namespace {

using kerf::MicroUsdPerHour;
using kerf::codec::Node;
using kerf::codec::TraceMap;
using kerf::market::CapacityType;
using kerf::market::Market;
using kerf::plan::Plan;

constexpr const char* kTrace = "/data/openb/openb_pod_list_default.csv";
constexpr const char* kSpotSample = "/data/ec2/ec2_gpu_spot_sample.csv";

/// What may be had.
struct Terms {
  std::string name;
  Market market;
  kerf::cluster::Policy policy;
};

std::optional<std::string> read(const std::string& path) {
  std::ifstream in(path);
  if (!in) return std::nullopt;
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

[[noreturn]] void give_up(const std::string& why) {
  fmt::print(stderr, "{}\n", why);
  std::exit(2);
}

template <class T>
T must(kerf::Result<T> result) {
  if (!result) give_up(result.error().message());
  return std::move(*result);
}

std::optional<kerf::cluster::Demand> openb(TraceMap map) {
  const std::string path = std::string(KERF_SHARED_DIR) + kTrace;
  auto text = read(path);
  if (!text) return std::nullopt;
  kerf::cluster::Demand demand;
  kerf::codec::TraceOptions options;
  options.map = map;
  if (map == TraceMap::Share) options.reference_gpu = "A100-40";
  const auto done = kerf::codec::read_trace(std::move(*text), path, options,
                                            kerf::codec::builtin_catalogue(), demand);
  if (!done) give_up(done.error().message());
  return demand;
}

Market shipped() { return must(kerf::codec::builtin_market("us-east-1")); }

std::uint32_t type_index(const Market& market, const std::string& name) {
  const kerf::market::InstanceType* type = market.type_named(name);
  if (type == nullptr) give_up("no instance type is called " + name);
  return static_cast<std::uint32_t>(type - market.types.data());
}

void in_order(Market& market) {
  std::stable_sort(market.offerings.begin(), market.offerings.end(),
                   [](const kerf::market::Offering& a, const kerf::market::Offering& b) {
                     return std::tuple(a.type, a.zone, a.capacity_type, !a.count.has_value()) <
                            std::tuple(b.type, b.zone, b.capacity_type, !b.count.has_value());
                   });
}

/// The shipped prices, and the sample's spot prices of us-east-1 by zone (empty cells: none).
std::optional<Terms> with_spot() {
  const std::string path = std::string(KERF_SHARED_DIR) + kSpotSample;
  auto text = read(path);
  if (!text) {
    fmt::print("Left out: spot; {} is not there.\n", path);
    return std::nullopt;
  }
  Terms terms{"spot", shipped(), {}};
  terms.policy.capacity_types = {CapacityType::OnDemand, CapacityType::Spot};
  const auto table = must(kerf::codec::CsvTable::parse(std::move(*text), path));
  const std::size_t type = must(table.require("instance_type"));
  const std::size_t zone = must(table.require("az_id"));
  const std::size_t spot = must(table.require("spot_usd"));
  for (const auto& row : table.rows()) {
    if (!row.cells[zone].starts_with("use1-") || row.cells[spot].empty()) continue;
    kerf::market::Offering offering;
    offering.type = type_index(terms.market, std::string(row.cells[type]));
    offering.zone = row.cells[zone];
    offering.capacity_type = CapacityType::Spot;
    offering.price = must(kerf::parse_usd_per_hour(row.cells[spot]));
    terms.market.offerings.push_back(offering);
  }
  in_order(terms.market);
  return terms;
}

Terms owning(const std::string& type, std::int64_t nodes) {
  Terms terms{fmt::format("{} {} owned", nodes, type), shipped(), {}};
  kerf::market::Offering offering;
  offering.type = type_index(terms.market, type);
  offering.capacity_type = CapacityType::Reserved;
  offering.count = nodes;
  terms.market.offerings.push_back(offering);
  in_order(terms.market);
  return terms;
}

/// "A100-40 [1g.5gb@0 ...]", "whole T4", "1/8 L4", "idle A100-40"; how many GPUs are cut so.
std::vector<std::pair<std::string, std::int64_t>> layouts(const Plan& plan, const Market& market) {
  std::map<std::string, std::int64_t> counts;
  for (const kerf::plan::NodePlan& node : plan.nodes) {
    const kerf::gpu::Model& model = market.model_of(market.types[node.type]);
    for (const kerf::plan::GpuPlan& gpu : node.gpus) {
      kerf::gpu::Layout layout;
      for (const auto& slice : gpu.slices)
        if (slice.form.kind == kerf::gpu::FormKind::Slice)
          layout.push_back({slice.form.profile, slice.start});
      if (!layout.empty()) ++counts[kerf::gpu::format_layout(model, layout)];
      else if (gpu.slices.empty()) ++counts["idle " + model.key];
      else ++counts[kerf::gpu::describe(model, gpu.slices[0].form)];
    }
  }
  std::vector<std::pair<std::string, std::int64_t>> order(counts.begin(), counts.end());
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return order;
}

/// Pods by what they are given: slices, fractions, whole GPUs.
std::map<std::string, std::int64_t> given(const Plan& plan) {
  std::map<std::string, std::int64_t> pods = {{"slice", 0}, {"fraction", 0}, {"whole", 0}};
  for (const auto& placement : plan.placements) {
    const bool slice = placement.form.kind == kerf::gpu::FormKind::Slice;
    const bool fraction = placement.form.kind == kerf::gpu::FormKind::Fraction;
    ++pods[slice ? "slice" : fraction ? "fraction" : "whole"];
  }
  return pods;
}

/// Nodes by type and terms: "p4d.24xlarge owned".
std::vector<std::pair<std::string, std::int64_t>> fleet(const Plan& plan, const Market& market) {
  std::map<std::string, std::int64_t> counts;
  for (const kerf::plan::NodePlan& node : plan.nodes) {
    std::string name = market.types[node.type].name;
    if (node.owned) name += " owned";
    else if (node.capacity_type == CapacityType::Spot) name += " spot";
    ++counts[name];
  }
  std::vector<std::pair<std::string, std::int64_t>> order(counts.begin(), counts.end());
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return order;
}

Node usd(MicroUsdPerHour rate) { return Node::of(static_cast<double>(rate.micro) / 1e6); }

Node counts(const std::vector<std::pair<std::string, std::int64_t>>& list, std::size_t most) {
  Node node = Node::mapping();
  for (std::size_t i = 0; i < std::min(most, list.size()); ++i)
    node.set(list[i].first, Node::of(list[i].second));
  return node;
}

void print(const Plan& plan, const Market& market) {
  fmt::print("  {}/h, bound {}/h (gap {:.2f} %, {}), {} nodes, {} pods not placed\n",
             kerf::format_usd(plan.bill), kerf::format_usd(plan.bound.per_hour),
             kerf::plan::gap_percent(plan), plan.bound.method, plan.nodes.size(),
             plan.unplaced.size());
  for (const auto& [type, nodes] : fleet(plan, market)) fmt::print("  {:>6} x {}\n", nodes, type);
  fmt::print("  how GPUs are cut, the most frequent:\n");
  const auto order = layouts(plan, market);
  for (std::size_t i = 0; i < std::min<std::size_t>(5, order.size()); ++i)
    fmt::print("  {:>6} x {}\n", order[i].second, order[i].first);
  for (const auto& [form, pods] : given(plan)) fmt::print("  {:>6} pods: {}\n", pods, form);
  for (const auto& baseline : plan.baselines)
    fmt::print("  {:<24} {:>14}/h {:>6} nodes {:>4} not placed\n", baseline.name,
               kerf::format_usd(baseline.per_hour), baseline.nodes, baseline.unplaced.size());
  for (const auto& lever : plan.levers)
    fmt::print("  lever {:<10} {:>14}/h -> {:>14}/h: saves {:>14}/h{}\n", lever.name,
               kerf::format_usd(lever.before), kerf::format_usd(lever.after),
               kerf::format_usd(lever.before - lever.after),
               lever.comparable ? "" : " (other pods served)");
}

Node json(const std::string& name, const kerf::cluster::Demand& demand, const Plan& plan,
          const Market& market) {
  Node baselines = Node::mapping();
  for (const auto& baseline : plan.baselines)
    baselines.set(
        baseline.name,
        Node::mapping()
            .set("usd_per_hour", usd(baseline.per_hour))
            .set("nodes", Node::of(baseline.nodes))
            .set("unplaced", Node::of(static_cast<std::int64_t>(baseline.unplaced.size()))));
  Node levers = Node::sequence();
  for (const auto& lever : plan.levers)
    levers.push(Node::mapping()
                    .set("name", Node::of(lever.name))
                    .set("before_usd_per_hour", usd(lever.before))
                    .set("after_usd_per_hour", usd(lever.after))
                    .set("saving_usd_per_hour", usd(lever.before - lever.after))
                    .set("comparable", Node::of(lever.comparable)));
  const auto pods = given(plan);
  return Node::mapping()
      .set("terms", Node::of(name))
      .set("pods", Node::of(static_cast<std::int64_t>(demand.pods.size())))
      .set("unplaced", Node::of(static_cast<std::int64_t>(plan.unplaced.size())))
      .set("usd_per_hour", usd(plan.bill))
      .set("bound_usd_per_hour", usd(plan.bound.per_hour))
      .set("bound_method", Node::of(plan.bound.method))
      .set("gap_percent", Node::of(kerf::plan::gap_percent(plan)))
      .set("nodes", Node::of(static_cast<std::int64_t>(plan.nodes.size())))
      .set("fleet", counts(fleet(plan, market), 1000))
      .set("layouts", counts(layouts(plan, market), 5))
      .set("pods_by_form", counts({pods.begin(), pods.end()}, 10))
      .set("baselines", std::move(baselines))
      .set("levers", std::move(levers));
}

/// Plans, checks and prints; the row for the file.
Node measure(const Terms& terms, const kerf::cluster::Demand& demand, bool levers,
             kerf::plan::LpSolver& solver) {
  fmt::print("{}\n", terms.name);
  std::fflush(stdout);
  kerf::plan::PlanOptions options;
  options.levers = levers;
  const Plan plan = kerf::plan::make_plan(demand, terms.market, terms.policy, solver, options);
  for (const std::string& wrong : kerf::check::check_plan(plan, demand, terms.market, terms.policy))
    give_up(terms.name + ": " + wrong);
  print(plan, terms.market);
  std::fflush(stdout);
  return json(terms.name, demand, plan, terms.market);
}

/// A slice of a node, against the smallest whole GPU that serves as much memory.
struct Rule {
  const char* type;
  CapacityType capacity;
  const char* profile;
  const char* rival;  ///< sold on demand
};

/// The least price of the type; nullopt where it is not sold so.
std::optional<MicroUsdPerHour> least_price(const Market& market, const std::string& type,
                                           CapacityType capacity) {
  std::optional<MicroUsdPerHour> least;
  for (const kerf::market::Offering& offering : market.offerings)
    if (market.types[offering.type].name == type && offering.capacity_type == capacity &&
        (!least || offering.price < *least))
      least = offering.price;
  return least;
}

/// What a slice costs an hour where its node is full of them, what the whole GPU costs, and the
/// part of the node that must be in use for the slices to be cheaper.
Node rules_of_thumb(const Market& market) {
  constexpr CapacityType kOnDemand = CapacityType::OnDemand, kSpot = CapacityType::Spot;
  fmt::print("a slice on a full node, against a whole GPU on demand:\n");
  Node rows = Node::sequence();
  for (const Rule& rule : {Rule{"p4d.24xlarge", kOnDemand, "1g.5gb", "g4dn.xlarge"},
                           {"p4d.24xlarge", kOnDemand, "2g.10gb", "g4dn.xlarge"},
                           {"p4d.24xlarge", kOnDemand, "3g.20gb", "g6.xlarge"},
                           {"g7e.2xlarge", kOnDemand, "1g.24gb", "g6.xlarge"},
                           {"p5.4xlarge", kOnDemand, "1g.10gb", "g4dn.xlarge"},
                           {"p4de.24xlarge", kOnDemand, "3g.40gb", "g6e.xlarge"},
                           {"p4d.24xlarge", kSpot, "1g.5gb", "g4dn.xlarge"},
                           {"p4d.24xlarge", kSpot, "3g.20gb", "g6.xlarge"},
                           {"p5.48xlarge", kSpot, "1g.10gb", "g4dn.xlarge"},
                           {"p5.48xlarge", kSpot, "3g.40gb", "g6e.xlarge"}}) {
    const auto node = least_price(market, rule.type, rule.capacity);
    const auto whole = least_price(market, rule.rival, CapacityType::OnDemand);
    if (!node || !whole) continue;
    const kerf::market::InstanceType& type = market.types[type_index(market, rule.type)];
    const kerf::gpu::Model& model = market.model_of(type);
    const kerf::gpu::Geometry geometry(model);
    const std::int64_t slices =
        geometry.room(0, *model.profile_named(rule.profile)) * type.gpu_count;
    const MicroUsdPerHour each{node->micro / slices};
    const double fill =
        100.0 * static_cast<double>(node->micro) / static_cast<double>(slices * whole->micro);
    const std::string gpu = market.types[type_index(market, rule.rival)].gpu_model;
    fmt::print("  {:<10} {:<14} {:>9}/h / {:>2} = {:>8}/h; {:<5} {:>8}/h; pays above {:.1f} %\n",
               rule.profile, fmt::format("{}{}", rule.type, rule.capacity == kSpot ? " spot" : ""),
               kerf::format_usd(*node), slices, kerf::format_usd(each, 4), gpu,
               kerf::format_usd(*whole, 4), fill);
    rows.push(Node::mapping()
                  .set("profile", Node::of(rule.profile))
                  .set("instance_type", Node::of(rule.type))
                  .set("capacity_type", Node::of(std::string(to_string(rule.capacity))))
                  .set("node_usd_per_hour", usd(*node))
                  .set("slices", Node::of(slices))
                  .set("slice_usd_per_hour", usd(each))
                  .set("rival", Node::of(rule.rival))
                  .set("rival_gpu", Node::of(gpu))
                  .set("rival_usd_per_hour", usd(*whole))
                  .set("break_even_percent", Node::of(fill)));
  }
  return rows;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string folder = argc > 1 ? argv[1] : "build/bench";
  const auto shares = openb(TraceMap::Share);
  if (!shares) {
    fmt::print("The openb trace is not there ({}{}): nothing is measured.\n", KERF_SHARED_DIR,
               kTrace);
    return 0;
  }
  const auto solver = kerf::solver::make_clp();
  const Market market = shipped();
  fmt::print("openb default, {} GPU pods as shares of an A100-40; prices: {} of {}; solver {}\n",
             shares->pods.size(), market.price_source, market.price_date, solver->version());
  std::vector<Terms> all = {{"on demand", market, {}}};
  if (auto spot = with_spot()) all.push_back(std::move(*spot));
  Node rules = rules_of_thumb(all.back().market);
  all.push_back(owning("p4d.24xlarge", 100));
  all.push_back(owning("p5.48xlarge", 100));
  Node rows = Node::sequence();
  for (const Terms& terms : all) rows.push(measure(terms, *shares, true, *solver));
  fmt::print("\nthe same pods, each on a whole GPU of any size\n");
  const Node whole =
      measure({"on demand, as whole GPUs", market, {}}, *openb(TraceMap::Whole), true, *solver);
  Node report = Node::mapping();
  report.set("trace", Node::of("openb default"))
      .set("map", Node::of("share of A100-40"))
      .set("price_date", Node::of(market.price_date))
      .set("solver", Node::of(solver->version()))
      .set("rules", std::move(rules))
      .set("plans", std::move(rows))
      .set("whole", whole);
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/slicing.json") << kerf::codec::write_json(report);
  fmt::print("wrote {}/slicing.json\n", folder);
  return 0;
}
