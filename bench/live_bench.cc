// kerf_live_bench: what `kerf plan`, `status` and `cost` take on a cluster, from kubectl's output
// on; figures to <folder>/live.json.
//
//   kerf_live_bench [FOLDER] [--recorded FOLDER]
//
// --recorded: RESOURCE.json as `tests/fake_kubectl.py record` writes them, in place of the clusters
// that are made up. Seconds are CPU seconds of one core.
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <string_view>

#include "codec/catalogue.h"
#include "codec/cluster_read.h"
#include "codec/json.h"
#include "codec/json_items.h"
#include "core/plan/ledger.h"
#include "core/plan/live.h"
#include "live_world.h"
#include "measure.h"
#include "report/cost.h"
#include "report/live.h"
#include "report/status.h"
#include "solver/clp.h"

namespace {

using namespace kerf;
using codec::Node;

constexpr int kRuns = 5;
constexpr std::size_t kPart = 64 << 10;  ///< bytes of one feed, as they come out of a pipe
constexpr int kEffort = 1;               ///< what kerf plan takes beyond 3,000 pods

/// Of one run, or medians of several.
struct Figures {
  double parse = 0, read = 0, first = 0, rest = 0, status = 0, cost = 0;  ///< CPU seconds
  double bytes = 0;
  std::int64_t pods = 0, nodes = 0, gpu_pods = 0, gpu_nodes = 0, waiting = 0, shapes = 0;
  std::int64_t unplaced = 0, bill_micro = 0;
  std::int64_t read_kib = 0;  ///< resident at most when all was read
  std::int64_t peak_kib = 0;  ///< resident at most
};

double cpu_seconds(const std::function<void()>& work) {
  const std::clock_t start = std::clock();
  work();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

std::int64_t resident_kib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

[[noreturn]] void give_up(const std::string& why) {
  fmt::print(stderr, "kerf_live_bench: {}\n", why);
  std::exit(2);
}

template <class T>
T need(Result<T> result) {
  if (!result) give_up(result.error().message());
  return *std::move(result);
}

/// Every list of the folder, as kubectl's output is read.
codec::ClusterReading read_folder(const std::string& folder, double& bytes) {
  codec::ClusterReading reading;
  reading.kinds = codec::unread_kinds("not in the folder");
  reading.source = "a cluster for measuring";
  std::string part(kPart, '\0');
  for (codec::KindReading& into : reading.kinds) {
    std::ifstream file(fmt::format("{}/{}.json", folder, into.kind->resource), std::ios::binary);
    if (!file) continue;
    into.state = codec::KindState::Read;
    codec::JsonItems items(std::string(into.kind->resource), [&](Node item) -> Result<void> {
      into.items.push_back(codec::stripped(*into.kind, std::move(item)));
      return {};
    });
    while (file.read(part.data(), static_cast<std::streamsize>(part.size())) || file.gcount() > 0) {
      const auto count = static_cast<std::size_t>(file.gcount());
      bytes += static_cast<double>(count);
      if (const auto fed = items.feed(std::string_view(part).substr(0, count)); !fed)
        give_up(fed.error().message());
    }
    if (const auto ended = items.end(); !ended) give_up(ended.error().message());
    codec::arrange(into.items);
  }
  return reading;
}

void count(const codec::ClusterReading& reading, const cluster::Cluster& cluster, Figures& out) {
  out.pods = static_cast<std::int64_t>(reading.of("Pod").items.size());
  out.nodes = static_cast<std::int64_t>(reading.of("Node").items.size());
  out.gpu_pods = static_cast<std::int64_t>(cluster.demand.pods.size());
  out.gpu_nodes = static_cast<std::int64_t>(cluster.nodes.size());
  out.shapes = static_cast<std::int64_t>(cluster.demand.shapes.size());
}

void plan(const codec::ClusterReading& reading, const cluster::Cluster& cluster,
          const market::Market& market, Figures& out) {
  cluster::Policy policy;
  policy.capacity_types = {market::CapacityType::OnDemand};
  const auto solver = solver::make_clp();
  plan::LiveOptions options;
  options.plan.effort = kEffort;
  const auto view_of = [&](const plan::LivePlan& live) {
    return report::LiveView{live, cluster, market, policy, reading.source, {}};
  };
  const std::clock_t start = std::clock();
  std::clock_t first = start;
  std::size_t text = 0;
  const plan::LivePlan live = plan::make_live_plan(
      cluster, market, policy, *solver, options, [&](const plan::LivePlan& so_far) {
        text += report::live_table_first(view_of(so_far), {}).size();
        first = std::clock();
      });
  text += report::live_table_rest(view_of(live), {}).size();
  if (text == 0) give_up("nothing was reported");
  out.first = static_cast<double>(first - start) / CLOCKS_PER_SEC;
  out.rest = static_cast<double>(std::clock() - first) / CLOCKS_PER_SEC;
  out.waiting = live.today.waiting;
  out.unplaced = static_cast<std::int64_t>(live.plan.unplaced.size());
  out.bill_micro = live.plan.bill.micro;
  const auto ledgers = [&](const auto& report) {
    const plan::Ledger paid = plan::ledger_of(cluster, market, policy);
    const plan::Ledger list = plan::ledger_of(cluster, market, policy, true);
    if (report({cluster, market, paid, list, reading.source, {}}).empty()) give_up("no report");
  };
  out.status = cpu_seconds(
      [&] { ledgers([](const report::Standing& in) { return report::status_table(in, {}); }); });
  out.cost = cpu_seconds(
      [&] { ledgers([](const report::Standing& in) { return report::cost_table(in, {}); }); });
}

Figures run_once(const std::string& folder) {
  Figures out;
  const market::Market market = *codec::builtin_market("us-east-1");
  codec::ClusterReading reading;
  out.parse = cpu_seconds([&] { reading = read_folder(folder, out.bytes); });
  out.read_kib = resident_kib();
  cluster::Cluster cluster;
  out.read = cpu_seconds([&] { cluster = need(codec::read_cluster(reading, market, {})); });
  count(reading, cluster, out);
  plan(reading, cluster, market, out);
  out.peak_kib = resident_kib();
  return out;
}

/// Medians; memory is that of the first run, in which nothing lies about from another.
Figures run_all(const std::string& folder) {
  std::vector<Figures> runs;
  for (int run = 0; run < kRuns; ++run) runs.push_back(run_once(folder));
  Figures out = runs.front();
  for (double Figures::*one : {&Figures::parse, &Figures::read, &Figures::first, &Figures::rest,
                               &Figures::status, &Figures::cost}) {
    std::vector<double> values;
    for (const Figures& run : runs) values.push_back(run.*one);
    out.*one = bench::median(values);
  }
  return out;
}

/// Work in a process of its own, so that memory is its own.
void apart(const std::function<void(int)>& work, const std::function<void(int)>& take) {
  int ends[2];
  if (pipe(ends) != 0) give_up("no pipe");
  std::fflush(stdout);
  const pid_t child = fork();
  if (child < 0) give_up("no process");
  if (child == 0) {
    close(ends[0]);
    work(ends[1]);
    _exit(0);
  }
  close(ends[1]);
  take(ends[0]);
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) give_up("a run ended early");
}

Figures measure(const std::string& folder) {
  Figures out;
  apart(
      [&](int end) {
        const Figures mine = run_all(folder);
        if (write(end, &mine, sizeof(mine)) != static_cast<ssize_t>(sizeof(mine))) _exit(1);
      },
      [&](int end) {
        if (read(end, &out, sizeof(out)) != static_cast<ssize_t>(sizeof(out)))
          give_up("a run said nothing");
      });
  return out;
}

Node row(const Figures& f) {
  const double mib = f.bytes / (1 << 20);
  const double screen = f.read + f.first;
  fmt::print(
      "{:>6} {:>6} {:>8} {:>7} {:>7} {:>6.0f} {:>6.2f} {:>6.0f} {:>6.3f} {:>6.3f} {:>6.3f} "
      "{:>6.3f} {:>6.3f} {:>6.3f} {:>6} {:>6}\n",
      f.pods, f.nodes, f.gpu_pods, f.waiting, f.shapes, mib, f.parse, mib / f.parse, f.read,
      f.first, screen, f.rest, f.status, f.cost, f.read_kib >> 10, f.peak_kib >> 10);
  std::fflush(stdout);
  return std::move(Node::mapping()
                       .set("pods", Node::of(f.pods))
                       .set("nodes", Node::of(f.nodes))
                       .set("gpu_pods", Node::of(f.gpu_pods))
                       .set("gpu_nodes", Node::of(f.gpu_nodes))
                       .set("waiting", Node::of(f.waiting))
                       .set("shapes", Node::of(f.shapes))
                       .set("input_mib", Node::of(mib))
                       .set("parse_seconds", Node::of(f.parse))
                       .set("read_cluster_seconds", Node::of(f.read))
                       .set("plan_until_first_screen_seconds", Node::of(f.first))
                       .set("first_screen_after_reading_seconds", Node::of(screen))
                       .set("rest_seconds", Node::of(f.rest))
                       .set("status_seconds", Node::of(f.status))
                       .set("cost_seconds", Node::of(f.cost))
                       .set("resident_after_reading_mib", Node::of(f.read_kib >> 10))
                       .set("resident_most_mib", Node::of(f.peak_kib >> 10))
                       .set("unplaced", Node::of(f.unplaced))
                       .set("bill_micro_usd_per_hour", Node::of(f.bill_micro)));
}

}  // namespace

int main(int argc, char** argv) {
  std::string folder = "build/bench";
  std::string recorded;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--recorded" && i + 1 < argc) recorded = argv[++i];
    else folder = argv[i];
  }
  std::filesystem::create_directories(folder);
  const double loop = cpu_seconds([] { bench::calibration(); });
  fmt::print("calibration loop {:.3f} s; CPU seconds of one core, medians of {} runs; effort {}\n",
             loop, kRuns, kEffort);
  fmt::print(
      "{:>6} {:>6} {:>8} {:>7} {:>7} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6} "
      "{:>6} {:>6}\n",
      "pods", "nodes", "GPU pods", "waiting", "shapes", "MiB", "parse", "MiB/s", "read", "first",
      "screen", "rest", "status", "cost", "RSS", "most");
  Node rows = Node::sequence();
  if (!recorded.empty()) rows.push(row(measure(recorded)));
  const bench::LiveWorld worlds[] = {{1'000, 100}, {10'000, 1'000}, {30'000, 3'000}};
  for (const bench::LiveWorld& world : worlds) {
    if (!recorded.empty()) break;
    const std::string at = fmt::format("{}/live-{}", folder, world.pods);
    apart([&](int) { bench::write_live_world(world, at); }, [](int) {});
    rows.push(row(measure(at)));
    std::filesystem::remove_all(at);
  }
  Node report = Node::mapping();
  report.set("calibration_seconds", Node::of(loop)).set("clusters", std::move(rows));
  std::ofstream(folder + "/live.json") << codec::write_json(report);
  fmt::print("wrote {}/live.json\n", folder);
  return 0;
}
