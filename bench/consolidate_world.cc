// Fills nodes as a careless scheduler would, then lets pods go.
#include "consolidate_world.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <numeric>
#include <optional>
#include <sstream>

#include "base/prng.h"
#include "codec/catalogue.h"
#include "codec/trace.h"
#include "core/online/asks.h"
#include "fgd/experiment.h"

namespace kerf::bench {

namespace {

using online::GpuState;
using online::GpuTable;
using online::NodeId;

constexpr const char* kType = "p4d.24xlarge";

bool is_whole(const cluster::PodShape& shape) {
  return shape.gpu.front().kind == cluster::GpuRequestKind::Whole;
}

/// Mixed requests from a fixed seed. Not real, but the same everywhere.
Arrivals synthetic() {
  Arrivals out;
  out.synthetic = true;
  Prng prng(2026);
  for (int i = 0; i < 60; ++i) {
    cluster::PodShape shape;
    cluster::GpuRequest request;
    if (i % 5 == 0) {
      request.count = std::int64_t{1} << prng.below(3);
    } else {
      request.kind = cluster::GpuRequestKind::ShareOfMemory;
      request.share_milli = static_cast<std::int32_t>(50 + prng.below(900));
    }
    shape.gpu = {request};
    const auto gpus = static_cast<std::int64_t>(request.count);
    shape.requests = {gpus * static_cast<std::int64_t>(1000 * (2 + prng.below(10))),
                      gpus * static_cast<std::int64_t>(4096 * (1 + prng.below(10))), 0, 1};
    out.shapes.push_back(shape);
  }
  for (int i = 0; i < 8000; ++i)
    out.order.push_back(static_cast<std::uint32_t>(prng.below(out.shapes.size())));
  return out;
}

std::string read_text(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

template <class T>
T or_exit(Result<T> result) {
  if (result) return *std::move(result);
  fmt::print(stderr, "{}\n", result.error().message());
  std::exit(2);
}

/// Best fit: on the node with the least idle GPU, then the least CPU left, on its fullest GPUs.
class Filler {
 public:
  explicit Filler(World& world) : world_(world) {}

  /// False: a new node would be needed, and there are `nodes_max`.
  bool place(const cluster::PodShape& shape, std::size_t nodes_max) {
    online::Standing& standing = world_.standing;
    const online::ShapeId id = standing.shape(shape);
    const gpu::GpuMode mode = is_whole(shape) ? gpu::GpuMode::Whole : gpu::GpuMode::Cut;
    std::vector<NodeId>& nodes = nodes_[is_whole(shape)];
    std::optional<NodeId> best;
    std::tuple<std::int64_t, std::int64_t> least{};
    std::erase_if(nodes, [&](NodeId n) { return standing.idle(n) == 0; });
    for (NodeId n : nodes) {
      const std::tuple now{standing.idle(n), standing.room(n).left.cpu_milli};
      if ((best && now >= least) || !shape.requests.fits(standing.room(n).left)) continue;
      if (!devices(id, n)) continue;
      best = n;
      least = now;
    }
    if (!best) {
      if (standing.nodes() == nodes_max) return false;
      best = standing.add(empty_node(world_, kType, mode));
      nodes.push_back(*best);
    }
    const auto at = devices(id, *best);
    if (!at) return true;  // an empty node cannot serve it: left out
    cluster::Running pod;
    pod.name = fmt::format("pod-{:06}", standing.pods());
    pod.shape = id;
    pod.node = *best;
    standing.run(pod, *at);
    return true;
  }

 private:
  std::optional<std::vector<online::DeviceAt>> devices(online::ShapeId shape, NodeId n) const {
    const online::Standing& standing = world_.standing;
    const online::NodeRoom& room = standing.room(n);
    const GpuTable& table = *standing.asks().kinds()[room.kind].gpus;
    for (const online::Way& way : standing.asks().asks()[standing.ask_of(shape)].ways[room.kind]) {
      std::vector<GpuState> states = room.gpus;
      bool fits = true;
      for (const auto& [unit, count] : way)
        for (std::int32_t i = 0; i < count && fits; ++i) {
          std::optional<std::size_t> best;
          for (std::size_t g = 0; g < states.size(); ++g)
            if (table.fits(states[g], unit) &&
                (!best || table.idle(states[g]) < table.idle(states[*best])))
              best = g;
          fits = best.has_value();
          if (fits) states[*best] = table.after(states[*best], unit).front();
        }
      if (!fits) continue;
      std::vector<online::DeviceAt> out;
      for (std::uint32_t g = 0; g < states.size(); ++g)
        if (states[g] != room.gpus[g])
          for (const online::DeviceAt& device : standing.devices_to(n, g, states[g]))
            out.push_back(device);
      return out;
    }
    return std::nullopt;
  }

  World& world_;
  std::vector<NodeId> nodes_[2];  ///< with idle GPUs: cut, whole
};

}  // namespace

cluster::Node empty_node(const World& world, const std::string& type, gpu::GpuMode mode) {
  plan::NodePlan plan;
  while (world.market.types[plan.type].name != type) ++plan.type;
  const market::InstanceType& instance = world.market.types[plan.type];
  plan.zones = {world.market.region + "a"};
  plan.allocatable = market::allocatable(instance);
  plan.gpus.resize(static_cast<std::size_t>(instance.gpu_count));
  for (const market::Offering& offering : world.market.offerings)
    if (offering.type == plan.type && offering.capacity_type == market::CapacityType::OnDemand)
      plan.price = offering.price;
  cluster::Node node = online::as_node(plan, world.market, world.policy,
                                       fmt::format("node-{:05}", world.standing.nodes()));
  if (node.mode != gpu::GpuMode::Any) node.mode = mode;
  return node;
}

Arrivals read_arrivals(const std::string& shared, const market::Market& market) {
  const std::string data = shared + "/data";
  if (!fgd::is_present(data)) return synthetic();
  const auto experiment = or_exit(fgd::read_experiment(data, "default", 42));
  cluster::Demand demand;
  codec::TraceOptions options;
  options.map = codec::TraceMap::Memory;
  const std::string path = data + "/openb/openb_pod_list_default.csv";
  if (auto read =
          codec::read_trace(read_text(path), path, options, codec::builtin_catalogue(), demand);
      !read) {
    fmt::print(stderr, "{}\n", read.error().message());
    std::exit(2);
  }
  // Rows are named by their number: openb-pod-0042.
  std::vector<std::optional<std::uint32_t>> shape_of(experiment.trace.tasks.size());
  for (const cluster::Pod& pod : demand.pods)
    shape_of.at(std::stoul(pod.name.substr(pod.name.rfind('-') + 1))) = pod.shape;
  Arrivals out;
  out.shapes = demand.shapes;
  cluster::Policy policy;
  policy.instance_types = {kType};
  std::vector<bool> served;
  for (const cluster::PodShape& shape : out.shapes)
    served.push_back(online::price_of_one(shape, market, policy).micro > 0);
  for (const std::size_t row : experiment.arrivals)
    if (shape_of[row] && served[*shape_of[row]]) out.order.push_back(*shape_of[row]);
  return out;
}

World::World(const market::Market& given) : market(given), standing(market, policy) {
  policy.instance_types = {kType};
}

std::unique_ptr<World> make_world(const market::Market& market, const Arrivals& arrivals, Draw draw,
                                  std::size_t nodes, int removed_percent, std::uint64_t seed) {
  auto world = std::make_unique<World>(market);
  Filler filler(*world);
  bool full = false;
  while (!full)
    for (std::uint32_t shape : arrivals.order) {
      if (draw == Draw::SlicesOnly && is_whole(arrivals.shapes[shape])) continue;
      full = !filler.place(arrivals.shapes[shape], nodes);
      if (full) break;
    }
  std::vector<online::PodId> pods(world->standing.pods());
  std::iota(pods.begin(), pods.end(), 0);
  Prng prng(seed);
  for (std::size_t i = pods.size(); i > 1; --i) std::swap(pods[i - 1], pods[prng.below(i)]);
  pods.resize(pods.size() * static_cast<std::size_t>(removed_percent) / 100);
  for (online::PodId pod : pods) world->standing.release(pod);
  world->standing.take_changes();
  return world;
}

cluster::Demand demand_of(const online::Standing& standing, gpu::GpuMode mode) {
  cluster::Demand demand;
  demand.workloads.emplace_back();
  for (online::PodId p = 0; p < standing.pods(); ++p) {
    if (!standing.runs(p)) continue;
    const cluster::Running& pod = standing.pod(p);
    if (mode != gpu::GpuMode::Any && standing.node(pod.node).mode != mode) continue;
    demand.pods.push_back({pod.name, demand.intern(standing.shape_at(pod.shape)), 0});
  }
  return demand;
}

}  // namespace kerf::bench
