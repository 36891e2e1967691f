// Simulated runs as the versioned JSON document of docs/reference/simulate.schema.json.
#include <fmt/format.h>

#include "base/money.h"
#include "report/json_parts.h"
#include "report/simulation.h"

namespace kerf::report {
namespace {

using codec::Node;

/// Seconds, exact to the millisecond.
Node seconds(std::int64_t ms) { return Node::of(static_cast<double>(ms) / 1000.0); }

Node dollars(std::int64_t micro_usd) { return json_usd(MicroUsdPerHour{micro_usd}); }

Node json_types(const SimulatedRun& run) {
  Node list = Node::sequence();
  for (const SimulatedType& type : run.types) {
    Node entry = Node::mapping();
    entry.set("instance_type", json_text(type.type))
        .set("capacity_type", json_text(type.capacity_type))
        .set("nodes_bought", json_count(type.bought))
        .set("node_seconds", seconds(type.node_ms))
        .set("usd", dollars(type.micro_usd));
    list.push(std::move(entry));
  }
  return list;
}

Node json_cost(const SimulatedRun& run, std::int64_t duration_ms) {
  Node cost = Node::mapping();
  const auto per_hour =
      static_cast<std::int64_t>(static_cast<Int128>(run.micro_usd) * 3'600'000 / duration_ms);
  cost.set("usd", dollars(run.micro_usd))
      .set("usd_per_hour", dollars(per_hour))
      .set("node_seconds", seconds(run.node_ms))
      .set("instance_types", json_types(run));
  return cost;
}

Node json_waiting(const SimulatedRun& run) {
  Node waiting = Node::mapping();
  const bool any = run.ran > 0;
  const auto time = [&](std::int64_t ms) { return any ? seconds(ms) : Node::null(); };
  waiting.set("pods_made", json_count(run.pods))
      .set("pods_ran", json_count(run.ran))
      .set("pods_waiting", json_count(run.waiting))
      .set("median_seconds", time(run.median_ms))
      .set("p95_seconds", time(run.p95_ms))
      .set("longest_seconds", time(run.longest_ms));
  return waiting;
}

Node json_disruption(const SimulatedRun& run) {
  Node node = Node::mapping();
  node.set("pods_moved", json_count(run.moved))
      .set("pods_evicted", json_count(run.evicted))
      .set("pods_rejected", json_count(run.rejected))
      .set("instances_interrupted", json_count(run.interrupted))
      .set("instances_lost", json_count(run.lost))
      .set("faults", json_count(run.faults));
  return node;
}

Node json_nodes(const SimulatedRun& run) {
  Node node = Node::mapping();
  node.set("bought", json_count(run.bought))
      .set("returned", json_count(run.returned))
      .set("refused", json_count(run.refused));
  return node;
}

Node json_cuts(const SimulatedRun& run) {
  if (run.strategy != "kerf") return Node::null();
  Node node = Node::mapping();
  node.set("layouts_changed", json_count(run.layouts_changed))
      .set("slices_made", json_count(run.slices_made))
      .set("slices_destroyed", json_count(run.slices_destroyed));
  return node;
}

Node json_gpu_time(const SimulatedRun& run) {
  Node node = Node::mapping();
  const auto gpu_seconds = [](std::int64_t milli_ms) {
    return Node::of(static_cast<double>(milli_ms) / 1e6);
  };
  node.set("paid_gpu_seconds", gpu_seconds(run.gpu_milli_ms))
      .set("held_gpu_seconds", gpu_seconds(run.gpu_milli_ms_held))
      .set("pod_seconds", seconds(run.pod_ms));
  return node;
}

Node json_promises(const SimulatedRun& run) {
  if (!run.checked) return Node::null();
  Node broken = Node::sequence();
  for (const BrokenPromise& each : run.broken) {
    Node entry = Node::mapping();
    entry.set("at_seconds", seconds(each.at_ms))
        .set("promise", json_text(each.promise))
        .set("text", json_text(each.sentence));
    broken.push(std::move(entry));
  }
  Node node = Node::mapping();
  node.set("watched", json_count(run.promises)).set("broken", std::move(broken));
  return node;
}

}  // namespace

Node simulation_json(const Simulation& simulation) {
  Node runs = Node::sequence();
  for (const SimulatedRun& run : simulation.runs) {
    Node entry = Node::mapping();
    entry.set("strategy", json_text(run.strategy))
        .set("cost", json_cost(run, simulation.duration_ms))
        .set("waiting", json_waiting(run))
        .set("disruption", json_disruption(run))
        .set("nodes", json_nodes(run))
        .set("cuts", json_cuts(run))
        .set("gpu_time", json_gpu_time(run))
        .set("promises", json_promises(run))
        .set("state_hash", json_text(fmt::format("{:016x}", run.hash)));
    runs.push(std::move(entry));
  }
  Node root = Node::mapping();
  root.set("apiVersion", Node::of("kerf.dev/simulation/v1alpha1"))
      .set("kind", Node::of("Simulation"))
      .set("scenario", json_text(simulation.scenario))
      .set("description", json_text(simulation.description))
      .set("start", json_text(simulation.start))
      .set("duration_seconds", seconds(simulation.duration_ms))
      .set("seed", json_count(static_cast<std::int64_t>(simulation.seed)))
      .set("market", json_text(simulation.market))
      .set("runs", std::move(runs));
  return root;
}

}  // namespace kerf::report
