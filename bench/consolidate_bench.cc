// kerf_consolidate_bench: consolidation of 1,000 p4d nodes after 30 % of the pods left: saving as a
// part of what a bound allows, moves, seconds; figures to <folder>/consolidate.json.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <limits>
#include <numeric>

#include "codec/catalogue.h"
#include "codec/document.h"
#include "codec/json.h"
#include "consolidate_world.h"
#include "core/online/consolidate.h"
#include "core/plan/problem.h"
#include "core/plan/search.h"
#include "measure.h"
#include "solver/clp.h"

namespace {

using namespace kerf;
using codec::Node;

/// The least that the pods that run there can cost on p4d nodes; of nodes in that mode alone, if
/// one is given.
MicroUsdPerHour bound_of(const bench::World& world, gpu::GpuMode mode = gpu::GpuMode::Any) {
  const cluster::Demand demand = bench::demand_of(world.standing, mode);
  std::vector<std::uint32_t> pods(demand.pods.size());
  std::iota(pods.begin(), pods.end(), 0U);
  const plan::Problem problem =
      plan::compile(demand, pods, world.market, world.policy, plan::Coupled::ForBound);
  std::vector<std::int64_t> items;
  for (const plan::ItemClass& item : problem.classes) items.push_back(item.demand);
  const auto solver = solver::make_clp();
  return plan::prove(problem, items, world.standing.bill(), *solver, plan::effort_of(2), {}).bound;
}

/// Pods by node, ascending, and sums of the first.
struct Emptiest {
  std::vector<std::int64_t> sums = {0};
  void take(std::vector<std::int64_t> pods) {
    std::sort(pods.begin(), pods.end());
    for (const std::int64_t n : pods) sums.push_back(sums.back() + n);
  }
  std::int64_t on(std::size_t k) const { return sums[std::min(k, sums.size() - 1)]; }
};

/// How few moves can free so many nodes.
class FewestMoves {
 public:
  explicit FewestMoves(const bench::World& world) {
    const online::Standing& standing = world.standing;
    std::vector<std::int64_t> all;
    for (const gpu::GpuMode mode : {gpu::GpuMode::Whole, gpu::GpuMode::Cut}) {
      std::vector<std::int64_t> pods;
      std::size_t nodes = 0;
      MicroUsdPerHour price;
      for (online::NodeId node = 0; node < standing.nodes(); ++node) {
        if (standing.node(node).mode != mode) continue;
        ++nodes;
        price = standing.node(node).price;
        all.push_back(std::ssize(standing.pods_on(node)));
        if (!filled_by_one(standing, node)) pods.push_back(all.back());
      }
      const std::int64_t needed =
          nodes == 0 ? 0 : (bound_of(world, mode).micro + price.micro - 1) / price.micro;
      Mode& here = modes_[mode == gpu::GpuMode::Cut ? 1 : 0];
      here.most = std::min(pods.size(), nodes - std::min(nodes, static_cast<std::size_t>(needed)));
      here.emptiest.take(std::move(pods));
    }
    emptiest_.take(std::move(all));
  }

  /// Pods on the k nodes that have the fewest, be they full.
  std::int64_t on_emptiest(std::size_t k) const { return emptiest_.on(k); }

  /// Nothing frees k nodes with fewer moves: pods on the k nodes that have the fewest, without
  /// nodes that one pod fills (it would need another node empty, which could go instead), and no
  /// more of a mode than its own bound lets go.
  std::int64_t least(std::size_t k) const {
    std::int64_t least = std::numeric_limits<std::int64_t>::max();
    for (std::size_t whole = 0; whole <= std::min(k, modes_[0].most); ++whole)
      if (k - whole <= modes_[1].most)
        least = std::min(least, modes_[0].emptiest.on(whole) + modes_[1].emptiest.on(k - whole));
    return least;
  }

 private:
  struct Mode {
    Emptiest emptiest;
    std::size_t most = 0;  ///< nodes that may be freed
  };
  static bool filled_by_one(const online::Standing& standing, online::NodeId node) {
    const std::vector<online::PodId>& pods = standing.pods_on(node);
    return pods.size() == 1 &&
           standing.devices_of(pods[0]).size() == standing.node(node).gpus.size();
  }

  Emptiest emptiest_;
  std::array<Mode, 2> modes_;  ///< whole, cut
};

/// What the first proposals reach.
struct Reached {
  std::size_t freed = 0;
  std::int64_t moves = 0;
  double part = 0;         ///< of what the bound allows to save, percent
  double ratio = 0;        ///< moves by the pods on as many nodes that have the fewest
  double above_least = 0;  ///< moves by the least that can be
};

Reached reached(const std::vector<online::Proposal>& proposals, const FewestMoves& fewest,
                MicroUsdPerHour possible, double enough) {
  Reached out;
  MicroUsdPerHour saving;
  for (const online::Proposal& proposal : proposals) {
    if (out.part >= enough) break;
    saving += proposal.saving;
    out.moves += proposal.disruption;
    out.freed += proposal.returns.size();
    out.part = 100.0 * static_cast<double>(saving.micro) / static_cast<double>(possible.micro);
  }
  const auto by = [&](std::int64_t pods) {
    return static_cast<double>(out.moves) / static_cast<double>(std::max<std::int64_t>(1, pods));
  };
  out.ratio = by(fewest.on_emptiest(out.freed));
  out.above_least = by(fewest.least(out.freed));
  return out;
}

Node row_of(const Reached& row) {
  return std::move(Node::mapping()
                       .set("nodes_freed", Node::of(static_cast<std::int64_t>(row.freed)))
                       .set("moves", Node::of(row.moves))
                       .set("saving_percent_of_possible", Node::of(row.part))
                       .set("moves_by_pods_on_emptiest", Node::of(row.ratio))
                       .set("moves_by_least_possible", Node::of(row.above_least)));
}

void print(const Reached& row) {
  fmt::print(
      "  {:>5.1f} % of what the bound allows: {} nodes freed by {} moves, {:.3f} times the "
      "pods on the {} emptiest, {:.3f} times the least possible\n",
      row.part, row.freed, row.moves, row.ratio, row.freed, row.above_least);
}

Node measure(const market::Market& market, const bench::Arrivals& arrivals, bench::Draw draw,
             std::size_t nodes, double loop) {
  const auto world = bench::make_world(market, arrivals, draw, nodes, 30, 42);
  const MicroUsdPerHour cost = world->standing.bill();
  const MicroUsdPerHour bound = bound_of(*world);
  online::ConsolidateLimits limits;
  limits.moves = 1'000'000'000;
  limits.buy = false;
  limits.steps = 400'000'000;
  std::vector<online::Proposal> proposals;
  std::vector<double> times;
  for (int run = 0; run < 5; ++run)
    times.push_back(
        bench::seconds([&] { proposals = online::consolidate(world->standing, limits); }));
  const std::string name = fmt::format("{}{}", arrivals.synthetic ? "synthetic" : "openb default",
                                       draw == bench::Draw::All ? "" : ", slices only");
  const auto pods = static_cast<std::int64_t>(bench::demand_of(world->standing).pods.size());
  fmt::print("{}: {} p4d.24xlarge nodes, {} pods run, {}/h, bound {}/h; {:.3f} s, {:.2f} loops\n",
             name, nodes, pods, format_usd(cost), format_usd(bound), bench::median(times),
             bench::median(times) / loop);
  const MicroUsdPerHour possible = {std::max<std::int64_t>(1, (cost - bound).micro)};
  const FewestMoves fewest(*world);
  print(reached(proposals, fewest, possible, 90));
  print(reached(proposals, fewest, possible, 1000));
  Node curve = Node::sequence();
  for (int enough = 5; enough <= 100; enough += 5)
    curve.push(row_of(reached(proposals, fewest, possible, enough)));
  return std::move(Node::mapping()
                       .set("demand", Node::of(name))
                       .set("nodes", Node::of(static_cast<std::int64_t>(nodes)))
                       .set("pods", Node::of(pods))
                       .set("usd_per_hour", Node::of(static_cast<double>(cost.micro) / 1e6))
                       .set("bound_usd_per_hour", Node::of(static_cast<double>(bound.micro) / 1e6))
                       .set("median_seconds", Node::of(bench::median(times)))
                       .set("curve", std::move(curve)));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string folder = argc > 1 ? argv[1] : "build/bench";
  const market::Market market = *codec::builtin_market("us-east-1");
  const bench::Arrivals arrivals = bench::read_arrivals(KERF_SHARED_DIR, market);
  const double loop = bench::calibration();
  fmt::print("calibration loop {:.3f} s; medians of 5\n", loop);
  Node rows = Node::sequence();
  for (const bench::Draw draw : {bench::Draw::All, bench::Draw::SlicesOnly})
    rows.push(measure(market, arrivals, draw, 1000, loop));
  for (const std::size_t nodes : {100U, 300U, 3000U, 10000U})
    rows.push(measure(market, arrivals, bench::Draw::All, nodes, loop));
  Node report = Node::mapping();
  report.set("calibration_seconds", Node::of(loop)).set("rounds", std::move(rows));
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/consolidate.json") << codec::write_json(report);
  fmt::print("wrote {}/consolidate.json\n", folder);
  return 0;
}
