// kerf_bench: plans fixed workloads five times, prints medians, gaps and a calibration time as
// JSON.
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/prng.h"
#include "codec/catalogue.h"
#include "codec/document.h"
#include "codec/json.h"
#include "codec/trace.h"
#include "core/check/check.h"
#include "core/plan/planner.h"
#include "measure.h"
#include "solver/clp.h"

namespace {

using kerf::bench::calibration;
using kerf::bench::median;
using kerf::bench::seconds;
using kerf::codec::Node;

struct Workload {
  std::string name;
  kerf::cluster::Demand demand;
  kerf::cluster::Policy policy;
};

/// Pods drawn from a fixed seed: mixed requests as a shared cluster has them. Not real, but the
/// same everywhere, so that figures can be compared where no trace is at hand.
Workload synthetic(std::int64_t pods, int kinds) {
  Workload out;
  out.name = fmt::format("synthetic {} pods of {} kinds", pods, kinds);
  out.demand.described = out.name;
  kerf::Prng prng(2026);
  const char* profiles[] = {"1g.10gb", "1g.20gb", "2g.20gb", "3g.40gb", "1g.5gb", "1g.24gb"};
  const int ladder[] = {4, 8, 10, 16, 24, 40};
  std::vector<std::uint32_t> shapes;
  for (int k = 0; k < kinds; ++k) {
    kerf::cluster::PodShape shape;
    kerf::cluster::GpuRequest request;
    switch (prng.below(4)) {
      case 0: request.count = std::int64_t{1} << prng.below(3); break;
      case 1:
        request.kind = kerf::cluster::GpuRequestKind::Portable;
        request.gib = ladder[prng.below(6)];
        break;
      default:
        request.kind = kerf::cluster::GpuRequestKind::Slice;
        request.profile = profiles[prng.below(6)];
    }
    shape.gpu = {request};
    shape.requests = {static_cast<std::int64_t>(250 * (1 + prng.below(40))),
                      static_cast<std::int64_t>(512 * (1 + prng.below(60))), 0, 1};
    shapes.push_back(out.demand.intern(shape));
    out.demand.workloads.push_back({"Synthetic", "default", fmt::format("kind-{}", k), 0, false,
                                    730, kerf::cluster::describe(shape.gpu), ""});
  }
  for (std::int64_t i = 0; i < pods; ++i) {
    const auto kind = static_cast<std::uint32_t>(prng.below(static_cast<std::uint64_t>(kinds)));
    ++out.demand.workloads[kind].pods;
    out.demand.pods.push_back({fmt::format("pod-{}", i), shapes[kind], kind});
  }
  return out;
}

std::optional<Workload> openb(const std::string& trace, kerf::codec::TraceMap map,
                              const std::string& map_name, bool mig_only) {
  const std::string path =
      std::string(KERF_SHARED_DIR) + "/data/openb/openb_pod_list_" + trace + ".csv";
  std::ifstream in(path);
  if (!in) return std::nullopt;
  std::stringstream text;
  text << in.rdbuf();
  Workload out;
  out.name = fmt::format("openb {} as {}{}", trace, map_name, mig_only ? ", MIG types only" : "");
  kerf::codec::TraceOptions options;
  options.map = map;
  auto read = kerf::codec::read_trace(text.str(), path, options, kerf::codec::builtin_catalogue(),
                                      out.demand);
  if (!read) {
    fmt::print(stderr, "{}\n", read.error().message());
    std::exit(2);
  }
  if (mig_only)
    out.policy.instance_types = {"p4d.*",  "p4de.*",    "p5.4xlarge", "p5.48xlarge",
                                 "p5en.*", "p6-b200.*", "p6-b300.*",  "g7e.*"};
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string folder = argc > 1 ? argv[1] : "build/bench";
  const int runs = argc > 2 ? std::atoi(argv[2]) : 5;
  const kerf::market::Market market = *kerf::codec::builtin_market("us-east-1");
  std::vector<Workload> workloads;
  using kerf::codec::TraceMap;
  bool traces = false;
  for (bool mig_only : {true, false})
    for (auto [map, name] : {std::pair{TraceMap::Memory, "memory"}, {TraceMap::Nearest, "nearest"}})
      if (auto workload = openb("default", map, name, mig_only)) {
        traces = true;
        workloads.push_back(std::move(*workload));
      }
  if (auto workload = openb("default", TraceMap::Whole, "whole", false))
    workloads.push_back(std::move(*workload));
  if (!traces)
    fmt::print("The openb traces are not there ({}): synthetic workloads only.\n", KERF_SHARED_DIR);
  for (auto [pods, kinds] : {std::pair{20, 5}, {100, 12}, {1000, 40}, {10000, 100}})
    workloads.push_back(synthetic(pods, kinds));

  auto solver = kerf::solver::make_clp();
  const double loop = calibration();
  fmt::print("calibration loop {:.3f} s; {} runs each, medians; solver {}\n", loop, runs,
             solver->version());
  fmt::print("{:<44} {:>12} {:>12} {:>8} {:>7} {:>9} {:>9}\n", "workload", "$/h", "bound $/h",
             "gap %", "nodes", "seconds", "loops");
  Node rows = Node::sequence();
  for (const Workload& workload : workloads) {
    kerf::plan::Plan plan;
    std::vector<double> times;
    kerf::plan::PlanOptions options;
    options.baselines = false;
    for (int run = 0; run < runs; ++run)
      times.push_back(seconds([&] {
        plan = kerf::plan::make_plan(workload.demand, market, workload.policy, *solver, options);
      }));
    const auto wrong = kerf::check::check_plan(plan, workload.demand, market, workload.policy);
    for (const std::string& sentence : wrong)
      fmt::print(stderr, "{}: {}\n", workload.name, sentence);
    if (!wrong.empty()) return 1;
    fmt::print("{:<44} {:>12} {:>12} {:>8.3f} {:>7} {:>9.3f} {:>9.2f}\n", workload.name,
               kerf::format_usd(plan.bill), kerf::format_usd(plan.bound.per_hour),
               kerf::plan::gap_percent(plan), plan.nodes.size(), median(times),
               median(times) / loop);
    std::fflush(stdout);
    rows.push(Node::mapping()
                  .set("workload", Node::of(workload.name))
                  .set("pods", Node::of(static_cast<std::int64_t>(workload.demand.pods.size())))
                  .set("classes", Node::of(plan.classes))
                  .set("usd_per_hour", Node::of(static_cast<double>(plan.bill.micro) / 1e6))
                  .set("bound_usd_per_hour",
                       Node::of(static_cast<double>(plan.bound.per_hour.micro) / 1e6))
                  .set("gap_percent", Node::of(kerf::plan::gap_percent(plan)))
                  .set("nodes", Node::of(static_cast<std::int64_t>(plan.nodes.size())))
                  .set("unplaced", Node::of(static_cast<std::int64_t>(plan.unplaced.size())))
                  .set("median_seconds", Node::of(median(times)))
                  .set("median_loops", Node::of(median(times) / loop)));
  }
  Node report = Node::mapping();
  report.set("calibration_seconds", Node::of(loop)).set("runs", Node::of(std::int64_t{runs}));
  report.set("solver", Node::of(solver->version())).set("plans", std::move(rows));
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/plan.json") << kerf::codec::write_json(report);
  fmt::print("wrote {}/plan.json\n", folder);
  return 0;
}
