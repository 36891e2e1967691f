// kerf_online_bench: FGD's experiment on all its traces and seeds: distance from the published
// curve, what stays unallocated, who is rejected, seconds; figures to <folder>/online.json.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>

#include "codec/document.h"
#include "codec/json.h"
#include "fgd/experiment.h"
#include "fgd/fgd.h"

namespace {

using kerf::codec::Node;
namespace fgd = kerf::fgd;

double seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// One policy on one trace and seed.
struct Measured {
  fgd::Outcome outcome;
  double seconds = 0;
  double deviation = 0;  ///< from FGD's published curve, points
};

Measured measure_fgd(const fgd::Experiment& experiment) {
  Measured out;
  out.seconds = seconds([&] {
    fgd::Cluster cluster(experiment.nodes, experiment.ranks);
    const auto policy = fgd::make_fgd(experiment.trace);
    out.outcome = fgd::run(experiment.trace, experiment.arrivals, cluster, *policy);
  });
  out.deviation = fgd::worst_deviation(out.outcome, experiment.published);
  return out;
}

void print_header() {
  fmt::print("{:<12} {:>4} {:>9} {:>9} {:>7} {:>6}  rejected % by GPUs:", "trace", "seed",
             "deviation", "unalloc %", "seconds", "us/pod");
  for (const auto group : fgd::kGroups) fmt::print(" {:>5}", group);
  fmt::print("\n");
}

void print_row(const std::string& trace, int seed, const Measured& row) {
  fmt::print("{:<12} {:>4} {:>9.4f} {:>9.3f} {:>7.3f} {:>6.1f} {:>20}", trace, seed, row.deviation,
             row.outcome.unallocated_at_full().value_or(100), row.seconds,
             1e6 * row.seconds / static_cast<double>(row.outcome.arrived), "");
  for (const auto& group : row.outcome.groups_at_full)
    fmt::print(" {:>5.2f}", group.rejected_percent());
  fmt::print("\n");
  std::fflush(stdout);
}

Node json_row(const std::string& trace, int seed, const Measured& row) {
  Node rejected = Node::mapping();
  for (std::size_t i = 0; i < fgd::kGroups.size(); ++i)
    rejected.set(std::string(fgd::kGroups[i]),
                 Node::of(row.outcome.groups_at_full[i].rejected_percent()));
  Node curve = Node::sequence();
  for (const auto& point : row.outcome.allocation)
    curve.push(point ? Node::of(*point) : Node::null());
  return std::move(
      Node::mapping()
          .set("policy", Node::of("FGD"))
          .set("trace", Node::of(trace))
          .set("seed", Node::of(std::int64_t{seed}))
          .set("deviation_from_published_points", Node::of(row.deviation))
          .set("unallocated_percent", Node::of(row.outcome.unallocated_at_full().value_or(100)))
          .set("rejected_percent_by_gpus", std::move(rejected))
          .set("arrived", Node::of(row.outcome.arrived))
          .set("placed", Node::of(row.outcome.placed))
          .set("moves", Node::of(row.outcome.moves))
          .set("violations", Node::of(row.outcome.violations))
          .set("seconds", Node::of(row.seconds))
          .set("allocation_percent_by_load", std::move(curve)));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string folder = argc > 1 ? argv[1] : "build/bench";
  const std::string data = KERF_SHARED_DIR "/data";
  if (!fgd::is_present(data)) {
    fmt::print("The traces of FGD's experiment are not there ({}): nothing to measure.\n", data);
    return 0;
  }
  print_header();
  Node rows = Node::sequence();
  for (const std::string trace : fgd::kTraces) {
    double unallocated = 0;
    for (const int seed : fgd::kSeeds) {
      const auto experiment = fgd::read_experiment(data, trace, seed);
      if (!experiment) {
        fmt::print(stderr, "{}\n", experiment.error().message());
        return 2;
      }
      const Measured row = measure_fgd(*experiment);
      print_row(trace, seed, row);
      rows.push(json_row(trace, seed, row));
      unallocated += row.outcome.unallocated_at_full().value_or(100);
    }
    fmt::print("{:<12} mean {:>19.3f}\n", trace, unallocated / std::size(fgd::kSeeds));
  }
  Node report = Node::mapping();
  report.set("runs", std::move(rows));
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/online.json") << kerf::codec::write_json(report);
  fmt::print("wrote {}/online.json\n", folder);
  return 0;
}
