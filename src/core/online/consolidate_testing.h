// A slow, plain judge of where pods can go, and random clusters, for the tests of consolidation.
#pragma once

#include <string>
#include <vector>

#include "core/online/consolidate.h"
#include "core/online/standing_testing.h"

namespace kerf::online::testing {

inline ConsolidateLimits unlimited() {
  ConsolidateLimits limits;
  limits.moves = 1'000'000;
  return limits;
}

inline ConsolidateLimits moves_only() {
  ConsolidateLimits limits = unlimited();
  limits.buy = false;
  return limits;
}

/// Types of the random clusters.
inline const std::vector<std::string>& types() {
  static const std::vector<std::string> all = {"p5.4xlarge", "g7e.2xlarge", "g6.xlarge",
                                               "g6.12xlarge"};
  return all;
}

/// Every device that a pod which asks for one could hold on a node, by trying all of them.
inline std::vector<std::vector<DeviceAt>> places_on(const Standing& standing, ShapeId shape,
                                                    NodeId node) {
  const market::InstanceType& type = standing.market().types[standing.node(node).type];
  const gpu::Model& model = standing.market().model_of(type);
  std::vector<std::vector<DeviceAt>> places;
  for (std::uint32_t g = 0; g < standing.node(node).gpus.size(); ++g)
    for (const gpu::Form& form : gpu::forms_of(model, type.gpu_fraction, standing.policy().sharing))
      for (std::uint8_t start = 0; start < model.slots || start < form.replicas; ++start)
        if (standing.fits(shape, node, {{g, form, start}})) places.push_back({{g, form, start}});
  return places;
}

/// Can these pods run elsewhere together, on nodes that are not `but`? They are released already.
inline bool all_fit(Standing& standing, const std::vector<cluster::Running>& pods, NodeId but,
                    std::size_t next = 0) {
  if (next == pods.size()) return true;
  for (NodeId node = 0; node < standing.nodes(); ++node) {
    if (node == but || !standing.stands(node)) continue;
    for (const std::vector<DeviceAt>& devices : places_on(standing, pods[next].shape, node)) {
      cluster::Running pod = pods[next];
      pod.node = node;
      standing.begin();
      standing.run(pod, devices);
      const bool fit = all_fit(standing, pods, but, next + 1);
      standing.rollback();
      if (fit) return true;
    }
  }
  return false;
}

/// Releases pods, asks, and takes it back.
template <class Question>
bool without(Standing& standing, const std::vector<PodId> pods, const Question& question) {
  std::vector<cluster::Running> gone;
  standing.begin();
  for (const PodId pod : pods) {
    gone.push_back(standing.pod(pod));
    standing.release(pod);
  }
  const bool answer = question(gone);
  standing.rollback();
  return answer;
}

/// Can the node be freed by moves of its own pods alone?
inline bool can_be_freed(Standing& standing, NodeId node) {
  return without(standing, standing.pods_on(node), [&](const std::vector<cluster::Running>& pods) {
    return all_fit(standing, pods, node);
  });
}

/// A pod somewhere at random where it fits; false: it fits nowhere.
inline bool run_somewhere(Ground& ground, Prng& prng, cluster::Running pod) {
  std::vector<std::pair<NodeId, std::vector<DeviceAt>>> places;
  for (NodeId node = 0; node < ground.standing.nodes(); ++node)
    for (auto& devices : places_on(ground.standing, pod.shape, node))
      places.emplace_back(node, std::move(devices));
  if (places.empty()) return false;
  const auto& [node, devices] = places[prng.below(places.size())];
  pod.node = node;
  ground.standing.run(pod, devices);
  return true;
}

/// Two nodes, one with a 1g.10gb pod and one with three of them.
struct FewAndMany : Ground {
  cluster::PodShape small = shape(slice("1g.10gb"), 500, 1024);
  NodeId few, many;
  PodId pod;  ///< the one on `few`

  FewAndMany() : Ground({"p5.4xlarge"}), few(node("p5.4xlarge")), many(node("p5.4xlarge")) {
    pod = run("a-0", small, few, {device(few, 0, "1g.10gb@0")});
    for (int i = 0; i < 3; ++i)
      run("b-" + std::to_string(i), small, many, {device(many, 0, "1g.10gb@" + std::to_string(i))});
  }
};

/// Two nodes with a 3g.40gb pod and `beside` small ones on the second; on the first a small one is
/// where another 3g.40gb could be.
struct InTheWay : Ground {
  cluster::PodShape small = shape(slice("1g.10gb"), 500, 1024);
  cluster::PodShape large = shape(slice("3g.40gb"), 500, 1024);
  NodeId a, b;
  PodId in_the_way;

  explicit InTheWay(int beside)
      : Ground({"p5.4xlarge"}), a(node("p5.4xlarge")), b(node("p5.4xlarge")) {
    run("l-0", large, a, {device(a, 0, "3g.40gb@4")});
    in_the_way = run("s-0", small, a, {device(a, 0, "1g.10gb@1")});
    run("l-1", large, b, {device(b, 0, "3g.40gb@4")});
    for (int i = 0; i < beside; ++i)
      run("t-" + std::to_string(i), small, b, {device(b, 0, "1g.10gb@" + std::to_string(i))});
  }
};

/// Few nodes of one to four GPUs and few pods, placed without sense.
inline void small_cluster(Ground& ground, Prng& prng, std::size_t nodes, std::size_t pods) {
  const char* types[] = {"p5.4xlarge", "p5.4xlarge", "g7e.2xlarge", "g6.xlarge", "g6.12xlarge"};
  for (std::size_t n = 0; n < nodes; ++n) ground.node(types[prng.below(5)]);
  const std::vector<cluster::GpuRequest> wishes = {
      slice("1g.10gb"), slice("2g.20gb"), slice("3g.40gb"), slice("1g.24gb"),
      whole(),          portable(20),     portable(10)};
  for (std::size_t p = 0; p < pods; ++p) {
    cluster::PodShape wants =
        shape(wishes[prng.below(wishes.size())], 500 * static_cast<std::int64_t>(1 + prng.below(4)),
              4096 * static_cast<std::int64_t>(1 + prng.below(4)));
    cluster::Running pod;
    pod.name = "pod-" + std::to_string(p);
    pod.shape = ground.standing.shape(wants);
    run_somewhere(ground, prng, pod);
  }
}

}  // namespace kerf::online::testing
