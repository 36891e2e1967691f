// kerf_online_bench: FGD's experiment on all its traces and seeds, with FGD, Kerf, and Kerf with
// few moves: distance from FGD's published curve, what stays unallocated, who is rejected, time of
// a choice; figures to <folder>/online.json.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "codec/document.h"
#include "codec/json.h"
#include "fgd/experiment.h"
#include "fgd/fgd.h"
#include "fgd/kerf_policy.h"
#include "fgd/packing_bound.h"
#include "measure.h"
#include "solver/clp.h"

namespace {

using kerf::bench::seconds;
using kerf::codec::Node;
namespace fgd = kerf::fgd;

constexpr const char* kFgd = "FGD";
constexpr const char* kMoving = "Kerf+mv";
constexpr std::array kPolicies = {kFgd, "Kerf", kMoving};
constexpr std::int64_t kMovesPerMille = 10;
constexpr int kTunedUpTo = 44;  ///< the last seed on which parameters were chosen

/// What was allocated when tasks began to be refused, and when the demand had reached all GPUs: by
/// share of a GPU, in GPUs.
class Census {
 public:
  void arrives(const fgd::Cluster& cluster, const fgd::Task& task, bool placed) {
    arrived_milli_ += task.demand_milli();
    if (arrived_milli_ > cluster.total_milli() || task.gpus == 0) return;
    arrived_[task.gpu_milli] += task.gpus;
    if (placed) placed_[task.gpu_milli] += task.gpus;
    else refused_milli_ += task.demand_milli();
    if (refused_milli_ * kRefusedPerMille <= cluster.total_milli()) at_refusal_ = placed_;
  }

  /// Unallocated percent that no moves could go below if pods of then stayed and others were
  /// chosen at will among those that came.
  double bound_from_refusal(const fgd::Cluster& cluster) const {
    return bound(cluster, at_refusal_);
  }
  double bound_at_full(const fgd::Cluster& cluster) const { return bound(cluster, placed_); }

 private:
  using Counts = std::map<std::int32_t, std::int64_t>;
  static constexpr std::int64_t kRefusedPerMille = 1000;  ///< refused so far: of all GPUs

  double bound(const fgd::Cluster& cluster, const Counts& staying) const {
    std::map<std::int32_t, fgd::Shares> shares;
    for (const auto& [share, gpus] : arrived_) shares[share].arrived = gpus;
    for (const auto& [share, gpus] : staying) shares[share].staying = gpus;
    const auto clp = kerf::solver::make_clp();
    const auto most = fgd::most_allocated(cluster.total_milli() / fgd::kWholeGpu, shares, *clp);
    return most ? 100 - 100 * *most / static_cast<double>(cluster.total_milli()) : 0;
  }

  Counts arrived_, placed_, at_refusal_;
  std::int64_t arrived_milli_ = 0, refused_milli_ = 0;
};

/// One policy on one trace and seed.
struct Measured {
  fgd::Outcome outcome;
  double seconds = 0;
  double deviation = 0;  ///< from FGD's published curve, points
  double median_us = 0;  ///< of a choice, with the refresh of what changed since
  double p99_us = 0;
  double again_p99_us = 0;        ///< without a refresh
  double bound_from_refusal = 0;  ///< Census; without moves only
  double bound_at_full = 0;
};

/// Passes everything on and notes how long each choice takes.
class Timed final : public fgd::Policy {
 public:
  explicit Timed(fgd::Policy& policy) : policy_(policy) {}
  std::vector<fgd::Move> moves_for(const fgd::Cluster& cluster, const fgd::Task* failed,
                                   std::int64_t allowed) override {
    return policy_.moves_for(cluster, failed, allowed);
  }
  std::optional<fgd::Choice> choose(const fgd::Cluster& cluster, const fgd::Task& task) override {
    std::optional<fgd::Choice> choice;
    micros_.push_back(1e6 * seconds([&] { choice = policy_.choose(cluster, task); }));
    // The same again: nothing changed since, so nothing is refreshed.
    again_.push_back(1e6 * seconds([&] { choice = policy_.choose(cluster, task); }));
    census_.arrives(cluster, task, choice.has_value());
    return choice;
  }
  void changed(const fgd::Cluster& cluster, std::size_t node) override {
    policy_.changed(cluster, node);
  }
  const std::vector<double>& micros() const { return micros_; }
  const std::vector<double>& again() const { return again_; }
  const Census& census() const { return census_; }

 private:
  fgd::Policy& policy_;
  std::vector<double> micros_;
  std::vector<double> again_;
  Census census_;
};

/// Of all values, sorted, the one at that part.
double at(std::vector<double> values, double part) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(part * static_cast<double>(values.size() - 1))];
}

Measured measure(const fgd::Experiment& experiment, fgd::Policy& policy,
                 const fgd::RunOptions& options) {
  Measured out;
  Timed timed(policy);
  fgd::Cluster cluster(experiment.nodes, experiment.ranks);
  out.seconds = seconds([&] {
    out.outcome = fgd::run(experiment.trace, experiment.arrivals, cluster, timed, options);
  });
  out.deviation = fgd::worst_deviation(out.outcome, experiment.published);
  out.median_us = at(timed.micros(), 0.5);
  out.p99_us = at(timed.micros(), 0.99);
  out.again_p99_us = at(timed.again(), 0.99);
  if (options.moves_per_mille == 0) {
    out.bound_from_refusal = timed.census().bound_from_refusal(cluster);
    out.bound_at_full = timed.census().bound_at_full(cluster);
  }
  return out;
}

void print_header() {
  fmt::print(
      "{:<8} {:<12} {:>4} {:>9} {:>9} {:>7} {:>7} {:>7} {:>9}  rejected % by GPUs:", "policy",
      "trace", "seed", "deviation", "unalloc %", "seconds", "us p50", "us p99", "again p99");
  for (const auto group : fgd::kGroups) fmt::print(" {:>5}", group);
  fmt::print("\n");
}

void print_row(const char* policy, const std::string& trace, int seed, const Measured& row) {
  fmt::print("{:<8} {:<12} {:>4} {:>9.4f} {:>9.3f} {:>7.3f} {:>7.1f} {:>7.1f} {:>9.1f} {:>20}",
             policy, trace, seed, row.deviation, row.outcome.unallocated_at_full().value_or(100),
             row.seconds, row.median_us, row.p99_us, row.again_p99_us, "");
  for (const auto& group : row.outcome.groups_at_full)
    fmt::print(" {:>5.2f}", group.rejected_percent());
  fmt::print("\n");
  std::fflush(stdout);
}

/// Of the runs of one policy on one trace.
struct Means {
  std::string trace;
  const char* policy = nullptr;
  std::int64_t runs = 0, violations = 0, moves = 0;
  double unallocated = 0, from_refusal = 0, at_full = 0;
  std::array<fgd::GroupCount, fgd::kGroups.size()> groups{};
  std::array<double, fgd::kLoadMax + 1> allocation{};  ///< sums

  void add(const Measured& measured) {
    const fgd::Outcome& outcome = measured.outcome;
    from_refusal += measured.bound_from_refusal;
    at_full += measured.bound_at_full;
    ++runs;
    violations += outcome.violations;
    moves += outcome.moves_at_full;
    unallocated += outcome.unallocated_at_full().value_or(100);
    for (std::size_t i = 0; i < groups.size(); ++i) {
      groups[i].arrived += outcome.groups_at_full[i].arrived;
      groups[i].rejected += outcome.groups_at_full[i].rejected;
    }
    for (std::size_t i = 0; i < allocation.size(); ++i)
      allocation[i] += outcome.allocation[i].value_or(0);
  }
};

Means& means_of(std::vector<Means>& all, const std::string& trace, const char* policy) {
  for (Means& means : all)
    if (means.trace == trace && means.policy == policy) return means;
  all.emplace_back();
  all.back().trace = trace;
  all.back().policy = policy;
  return all.back();
}

/// Load point and percentage points at which the policy allocates least beside FGD.
std::pair<std::size_t, double> lowest_beside(const Means& policy, const Means& fgd) {
  std::pair<std::size_t, double> lowest{0, 0};
  for (std::size_t i = 0; i < policy.allocation.size(); ++i) {
    const double above =
        (policy.allocation[i] - fgd.allocation[i]) / static_cast<double>(policy.runs);
    if (above < lowest.second) lowest = {i, above};
  }
  return lowest;
}

void print_means(const char* title, std::vector<Means>& all) {
  fmt::print(
      "\nMeans of {}\n{:<12} {:<8} {:>9} {:>7} {:>7} {:>22} {:>10} {:>9}  rejected % by GPUs:",
      title, "trace", "policy", "unalloc %", "bound 1", "bound 2", "lowest beside FGD",
      "violations", "moves");
  for (const auto group : fgd::kGroups) fmt::print(" {:>5}", group);
  fmt::print("\n");
  for (const Means& means : all) {
    const auto [load, above] = lowest_beside(means, means_of(all, means.trace, kFgd));
    const auto runs = static_cast<double>(means.runs);
    fmt::print("{:<12} {:<8} {:>9.3f} {:>7.2f} {:>7.2f} {:>12.3f} at {:>3} % {:>10} {:>9} {:>20}",
               means.trace, means.policy, means.unallocated / runs, means.from_refusal / runs,
               means.at_full / runs, above, load, means.violations, means.moves, "");
    for (const auto& group : means.groups) fmt::print(" {:>5.2f}", group.rejected_percent());
    fmt::print("\n");
  }
}

Node json_row(const char* policy, const std::string& trace, int seed, const Measured& row) {
  Node rejected = Node::mapping();
  for (std::size_t i = 0; i < fgd::kGroups.size(); ++i)
    rejected.set(std::string(fgd::kGroups[i]),
                 Node::of(row.outcome.groups_at_full[i].rejected_percent()));
  Node curve = Node::sequence();
  for (const auto& point : row.outcome.allocation)
    curve.push(point ? Node::of(*point) : Node::null());
  return std::move(
      Node::mapping()
          .set("policy", Node::of(policy))
          .set("trace", Node::of(trace))
          .set("seed", Node::of(std::int64_t{seed}))
          .set("deviation_from_published_points", Node::of(row.deviation))
          .set("unallocated_percent", Node::of(row.outcome.unallocated_at_full().value_or(100)))
          .set("rejected_percent_by_gpus", std::move(rejected))
          .set("arrived", Node::of(row.outcome.arrived))
          .set("placed", Node::of(row.outcome.placed))
          .set("moves", Node::of(row.outcome.moves))
          .set("violations", Node::of(row.outcome.violations))
          .set("bound_if_those_before_refusals_stay_percent", Node::of(row.bound_from_refusal))
          .set("bound_if_all_placed_stay_percent", Node::of(row.bound_at_full))
          .set("seconds", Node::of(row.seconds))
          .set("choice_median_us", Node::of(row.median_us))
          .set("choice_p99_us", Node::of(row.p99_us))
          .set("choice_without_refresh_p99_us", Node::of(row.again_p99_us))
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
  std::vector<Means> tuned, others;  // seeds on which parameters were chosen, and those left
  for (const std::string trace : fgd::kTraces) {
    for (const int seed : fgd::kSeeds) {
      const auto experiment = fgd::read_experiment(data, trace, seed);
      if (!experiment) {
        fmt::print(stderr, "{}\n", experiment.error().message());
        return 2;
      }
      for (const char* name : kPolicies) {
        const auto policy = name == kFgd ? fgd::make_fgd(experiment->trace)
                                         : fgd::make_kerf(experiment->trace, experiment->nodes);
        fgd::RunOptions options;
        if (name == kMoving) options.moves_per_mille = kMovesPerMille;
        const Measured row = measure(*experiment, *policy, options);
        print_row(name, trace, seed, row);
        rows.push(json_row(name, trace, seed, row));
        means_of(seed <= kTunedUpTo ? tuned : others, trace, name).add(row);
      }
    }
  }
  print_means("seeds up to 44, on which parameters were chosen", tuned);
  print_means("seeds 45 and 46", others);
  fmt::print(
      "bound: what any number of moves would leave unallocated, by the shares of GPUs alone, if\n"
      "1: the pods stay that were placed when a thousandth of all GPUs had been refused; 2: all\n"
      "that were placed stay (0.00: not worked out)\n");
  Node report = Node::mapping();
  report.set("runs", std::move(rows));
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/online.json") << kerf::codec::write_json(report);
  fmt::print("wrote {}/online.json\n", folder);
  return 0;
}
