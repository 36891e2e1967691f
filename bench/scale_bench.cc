// kerf_scale_bench: what one decision costs as a cluster of MIG nodes grows, and what buy() costs
// as the pods get more; figures to <folder>/scale.json.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "base/assert.h"
#include "codec/catalogue.h"
#include "codec/document.h"
#include "codec/json.h"
#include "core/online/place.h"
#include "measure.h"
#include "scale_world.h"

namespace {

using namespace kerf;
using codec::Node;

constexpr int kRounds = 5;
constexpr int kSteps = 1000;     ///< decisions of one round
constexpr int kPurchases = 100;  ///< of one round

/// Figures of one round of a distribution, then medians over the rounds.
class Spread {
 public:
  void add(double value) {
    round_.push_back(value);
    ++values_;
  }
  void end_round() {
    if (round_.empty()) return;
    std::sort(round_.begin(), round_.end());
    medians_.push_back(bench::median(round_));
    p99s_.push_back(round_[(round_.size() - 1) * 99 / 100]);
    round_.clear();
  }
  std::size_t values() const { return values_; }
  double median() const { return medians_.empty() ? 0 : bench::median(medians_); }
  double p99() const { return p99s_.empty() ? 0 : bench::median(p99s_); }
  Node json() const {
    return std::move(Node::mapping().set("median", Node::of(median())).set("p99", Node::of(p99())));
  }

 private:
  std::vector<double> round_, medians_, p99s_;
  std::size_t values_ = 0;
};

/// What decisions cost in one cluster; microseconds, but for those that say otherwise.
struct Decisions {
  double first_ms = 0;         ///< find() of a new Placer: every node and every room is new
  double first_of_ask_ms = 0;  ///< the first find() of another ask: every node, most rooms known
  Spread same;                 ///< find() where nothing changed
  Spread one_changed;          ///< find() with the refresh of exactly one node
  Spread repriced;             ///< the same where a price changed too, and with it other nodes
  Spread decide;               ///< decide() of one pod that is placed
  std::int64_t decided = 0, bought = 0;
};

/// A steady stream: one pod comes, one that is drawn at random leaves.
class Stream {
 public:
  Stream(bench::World& world, const bench::Arrivals& arrivals)
      : standing_(world.standing), arrivals_(arrivals), prng_(7) {
    for (const cluster::PodShape& shape : arrivals.shapes)
      shapes_.push_back(standing_.shape(shape));
    expectation_ = bench::expectation_of(world, arrivals);
    for (online::PodId pod = 0; pod < standing_.pods(); ++pod)
      if (standing_.runs(pod)) running_.push_back(pod);
  }

  std::size_t pods() const { return running_.size(); }
  std::size_t asks() const { return standing_.asks().asks().size(); }

  Decisions run() {
    Decisions out;
    first_calls(out);
    online::Placer placer(standing_, expectation_);
    bench::touch_all(standing_);
    for (const online::ShapeId shape : shapes_) placer.find(shape);
    for (int step = 0; step < kSteps; ++step) decide(placer, out);  // until rooms are known
    out = {out.first_ms, out.first_of_ask_ms, {}, {}, {}, {}, 0, 0};
    for (int round = 0; round < kRounds; ++round) {
      for (int step = 0; step < kSteps; ++step) decide(placer, out);
      out.decide.end_round();
    }
    for (int round = 0; round < kRounds; ++round) {
      for (int step = 0; step < kSteps; ++step) find(placer, out);
      out.same.end_round();
      out.one_changed.end_round();
      out.repriced.end_round();
    }
    return out;
  }

 private:
  std::uint32_t next() { return arrivals_.order[at_++ % arrivals_.order.size()]; }

  void first_calls(Decisions& out) {
    std::vector<double> firsts, others;
    for (int round = 0; round < kRounds; ++round) {
      bench::touch_all(standing_);
      online::Placer placer(standing_, expectation_);
      std::vector<double> times;
      for (std::size_t i = 0; i < 20 && i < shapes_.size(); ++i)
        times.push_back(1e3 * bench::seconds([&] { placer.find(shapes_[i]); }));
      firsts.push_back(times[0]);
      times.erase(times.begin());
      others.push_back(bench::median(times));
    }
    out.first_ms = bench::median(firsts);
    out.first_of_ask_ms = bench::median(others);
  }

  void decide(online::Placer& placer, Decisions& out) {
    cluster::Demand demand;
    demand.workloads.emplace_back();
    demand.shapes = {arrivals_.shapes[next()]};
    demand.pods.push_back({fmt::format("pod-{:06}", standing_.pods()), 0, 0});
    online::Decision decision;
    const double us = 1e6 * bench::seconds([&] { decision = placer.decide(demand, {0}); });
    ++out.decided;
    if (decision.placed.empty()) {
      ++out.bought;  // its cost is that of buy(), which is measured apart
      return;
    }
    out.decide.add(us);
    running_.push_back(decision.placed[0].as);
    leave();
  }

  /// A pod of some shape is placed, which changes one node, and another leaves, which changes one.
  void find(online::Placer& placer, Decisions& out) {
    const online::ShapeId shape = shapes_[next()];
    const auto place = placer.find(shape);  // takes in all that changed before
    if (!place) return;
    running_.push_back(bench::run_at(standing_, shape, place->node, place->devices));
    find_after_one(placer, shape, out);
    leave();
    find_after_one(placer, shape, out);
    out.same.add(1e6 * bench::seconds([&] { placer.find(shape); }));
  }

  void find_after_one(online::Placer& placer, online::ShapeId shape, Decisions& out) {
    const std::uint64_t before = placer.scored();
    const double us = 1e6 * bench::seconds([&] { placer.find(shape); });
    const std::uint64_t scored = placer.scored() - before;
    KERF_ASSERT(scored > 0, "the node that changed is scored");
    if (scored == 1) out.one_changed.add(us);
    else out.repriced.add(us);
  }

  void leave() {
    std::swap(running_[prng_.below(running_.size())], running_.back());
    standing_.release(running_.back());
    running_.pop_back();
  }

  online::Standing& standing_;
  const bench::Arrivals& arrivals_;
  Prng prng_;
  online::Expectation expectation_;
  std::vector<online::ShapeId> shapes_;  ///< as the arrivals number them
  std::vector<online::PodId> running_;
  std::size_t at_ = 0;
};

Node measure_decisions(const market::Market& market, const bench::Arrivals& arrivals,
                       bench::Fleet fleet, std::size_t nodes) {
  const auto world = bench::make_scale_world(market, arrivals, fleet, nodes);
  const double used = bench::percent_in_use(world->standing);
  Stream stream(*world, arrivals);
  const std::size_t pods = stream.pods();
  const Decisions d = stream.run();
  const double repriced_percent = 100.0 * static_cast<double>(d.repriced.values()) /
                                  static_cast<double>(d.repriced.values() + d.one_changed.values());
  fmt::print(
      "{:<13} {:>6} {:>7} {:>5.1f} {:>5} {:>8.2f} {:>8.3f} {:>8.2f} {:>8.2f} {:>8.2f} {:>8.1f} "
      "{:>6.1f} {:>8.1f} {:>8.1f} {:>8.1f} {:>8.1f} {:>6}\n",
      bench::name_of(fleet), nodes, pods, used, stream.asks(), d.first_ms, d.first_of_ask_ms,
      d.same.median(), d.same.p99(), d.one_changed.median(), d.one_changed.p99(), repriced_percent,
      d.repriced.median(), d.repriced.p99(), d.decide.median(), d.decide.p99(), d.bought);
  std::fflush(stdout);
  return std::move(Node::mapping()
                       .set("fleet", Node::of(bench::name_of(fleet)))
                       .set("nodes", Node::of(static_cast<std::int64_t>(nodes)))
                       .set("pods", Node::of(static_cast<std::int64_t>(pods)))
                       .set("gpus_in_use_percent", Node::of(used))
                       .set("asks", Node::of(static_cast<std::int64_t>(stream.asks())))
                       .set("first_call_ms", Node::of(d.first_ms))
                       .set("first_call_of_another_ask_ms", Node::of(d.first_of_ask_ms))
                       .set("find_without_refresh_us", d.same.json())
                       .set("find_with_one_node_changed_us", d.one_changed.json())
                       .set("find_with_a_price_changed_us", d.repriced.json())
                       .set("prices_changed_percent", Node::of(repriced_percent))
                       .set("decide_one_pod_us", d.decide.json())
                       .set("decided", Node::of(d.decided))
                       .set("bought_for", Node::of(d.bought)));
}

/// `pods` arrivals that ask for a slice, drawn at random.
cluster::Demand slices(const bench::Arrivals& arrivals, std::size_t pods, Prng& prng) {
  cluster::Demand demand;
  demand.workloads.emplace_back();
  while (demand.pods.size() < pods) {
    const auto drawn = arrivals.order[prng.below(arrivals.order.size())];
    const cluster::PodShape& shape = arrivals.shapes[drawn];
    if (shape.gpu.front().kind == cluster::GpuRequestKind::Whole) continue;
    demand.pods.push_back({fmt::format("pod-{}", demand.pods.size()), demand.intern(shape), 0});
  }
  return demand;
}

Node measure_purchases(const market::Market& market, const bench::Arrivals& arrivals,
                       std::size_t pods) {
  const cluster::Policy policy;
  std::vector<std::uint32_t> all(pods);
  std::iota(all.begin(), all.end(), 0);
  Spread kept, anew;
  plan::Geometries tables;
  for (int round = 0; round < kRounds; ++round) {
    Prng prng(11);
    for (int i = 0; i < kPurchases; ++i) {
      const cluster::Demand demand = slices(arrivals, pods, prng);
      if (round == 0 && i == 0) online::buy(demand, all, market, policy, 2000, &tables);
      kept.add(1e3 *
               bench::seconds([&] { online::buy(demand, all, market, policy, 2000, &tables); }));
      if (i % 5 == 0)
        anew.add(1e3 * bench::seconds([&] { online::buy(demand, all, market, policy); }));
    }
    kept.end_round();
    anew.end_round();
  }
  fmt::print("{:>6} {:>9.2f} {:>9.2f} {:>16.2f}\n", pods, kept.median(), kept.p99(), anew.median());
  std::fflush(stdout);
  return std::move(Node::mapping()
                       .set("pods", Node::of(static_cast<std::int64_t>(pods)))
                       .set("ms", kept.json())
                       .set("without_kept_tables_ms", Node::of(anew.median())));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string folder = argc > 1 ? argv[1] : "build/bench";
  const market::Market market = *codec::builtin_market("us-east-1");
  const bench::Arrivals arrivals = bench::read_arrivals(KERF_SHARED_DIR, market);
  if (arrivals.synthetic) {
    fmt::print("openb's trace is not there ({}/data): nothing to measure.\n", KERF_SHARED_DIR);
    return 0;
  }
  const double loop = bench::calibration();
  fmt::print("calibration loop {:.3f} s; medians of {} rounds of {} decisions, {} purchases\n",
             loop, kRounds, kSteps, kPurchases);
  fmt::print(
      "\n{:<13} {:>6} {:>7} {:>5} {:>5} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>6} {:>8} {:>8} "
      "{:>8} {:>8} {:>6}\n",
      "nodes of", "nodes", "pods", "used%", "asks", "first ms", "ask ms", "same us", "p99",
      "one us", "p99", "price%", "us", "p99", "decide", "p99 us", "bought");
  Node rows = Node::sequence();
  for (const bench::Fleet fleet : {bench::Fleet::P4d, bench::Fleet::Mixed})
    for (const std::size_t nodes : {100U, 300U, 1000U, 3000U, 10000U})
      rows.push(measure_decisions(market, arrivals, fleet, nodes));
  fmt::print("\n{:>6} {:>9} {:>9} {:>16}\n", "buy()", "ms p50", "ms p99", "no kept tables");
  Node purchases = Node::sequence();
  for (const std::size_t pods : {1U, 5U, 20U, 100U, 300U})
    purchases.push(measure_purchases(market, arrivals, pods));
  Node report = Node::mapping();
  report.set("calibration_seconds", Node::of(loop))
      .set("decisions", std::move(rows))
      .set("purchases", std::move(purchases));
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/scale.json") << codec::write_json(report);
  fmt::print("wrote {}/scale.json\n", folder);
  return 0;
}
