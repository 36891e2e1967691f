// Makes those clusters: mixed ones with the placement that is measured, others by best fit.
#include "scale_world.h"

#include <fmt/format.h>

#include <numeric>

#include "base/prng.h"
#include "core/online/forecast.h"
#include "core/online/place.h"

namespace kerf::bench {

namespace {

using online::NodeId;
using online::PodId;
using online::ShapeId;

constexpr int kRemovedPercent = 30;
constexpr std::uint64_t kSeed = 42;

void add_mixed_nodes(World& world, std::size_t nodes) {
  for (std::size_t n = 0; n < nodes; ++n) {
    const std::size_t at = n % 10;
    const char* type = at < 6 ? "p4d.24xlarge" : at < 8 ? "p5.48xlarge" : "g6.12xlarge";
    const gpu::GpuMode mode =
        at < 3 || at >= 8 ? gpu::GpuMode::Whole : gpu::GpuMode::Cut;  // Hopper GPUs choose alone
    world.standing.add(empty_node(world, type, mode));
  }
}

void fill(World& world, const Arrivals& arrivals) {
  online::Standing& standing = world.standing;
  std::vector<ShapeId> shapes;
  for (const cluster::PodShape& shape : arrivals.shapes) shapes.push_back(standing.shape(shape));
  online::Placer placer(standing, expectation_of(world, arrivals));
  int refused = 0;
  for (std::size_t i = 0; refused < 100; i = (i + 1) % arrivals.order.size()) {
    const ShapeId shape = shapes[arrivals.order[i]];
    const auto place = placer.find(shape);
    refused = place ? 0 : refused + 1;
    if (place) run_at(standing, shape, place->node, place->devices);
  }
}

void let_go(online::Standing& standing) {
  std::vector<PodId> pods(standing.pods());
  std::iota(pods.begin(), pods.end(), 0);
  Prng prng(kSeed);
  for (std::size_t i = pods.size(); i > 1; --i) std::swap(pods[i - 1], pods[prng.below(i)]);
  pods.resize(pods.size() * kRemovedPercent / 100);
  for (const PodId pod : pods) standing.release(pod);
}

}  // namespace

const char* name_of(Fleet fleet) { return fleet == Fleet::P4d ? "p4d.24xlarge" : "mixed"; }

std::unique_ptr<World> make_scale_world(const market::Market& market, const Arrivals& arrivals,
                                        Fleet fleet, std::size_t nodes) {
  std::unique_ptr<World> world;
  if (fleet == Fleet::P4d) {
    world = make_world(market, arrivals, Draw::All, nodes, kRemovedPercent, kSeed);
  } else {
    world = std::make_unique<World>(market);
    world->policy.instance_types = {"p4d.24xlarge", "p5.48xlarge", "g6.12xlarge"};
    add_mixed_nodes(*world, nodes);
    fill(*world, arrivals);
    let_go(world->standing);
  }
  touch_all(world->standing);
  return world;
}

online::Expectation expectation_of(World& world, const Arrivals& arrivals) {
  online::Forecast forecast{online::Forecast::Options()};
  for (const std::uint32_t shape : arrivals.order)
    forecast.arrived(world.standing.ask_of(world.standing.shape(arrivals.shapes[shape])), 1, 0);
  return forecast.expect({}, 0);
}

double percent_in_use(const online::Standing& standing) {
  std::int64_t idle = 0;
  for (NodeId node = 0; node < standing.nodes(); ++node) idle += standing.idle(node);
  const double all = static_cast<double>(standing.gpus() * online::GpuTable::kWhole);
  return 100.0 * (1.0 - static_cast<double>(idle) / all);
}

void touch_all(online::Standing& standing) {
  for (NodeId node = 0; node < standing.nodes(); ++node) standing.mark(node, false, false);
}

PodId run_at(online::Standing& standing, ShapeId shape, NodeId node,
             const std::vector<online::DeviceAt>& devices) {
  cluster::Running pod;
  pod.name = fmt::format("pod-{:06}", standing.pods());
  pod.shape = shape;
  pod.node = node;
  return standing.run(pod, devices);
}

}  // namespace kerf::bench
