// Random small clusters, pods that come to them, and every decision made of that, for the tests of
// Placer::decide.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/gpu/legality.h"
#include "core/online/consolidate_testing.h"
#include "core/online/place.h"
#include "core/online/purchase_testing.h"

namespace kerf::online::testing {

using Devices = std::vector<DeviceAt>;

inline const std::vector<std::string> kZones = {"us-east-1a", "us-east-1b", "us-east-1c"};

template <class T>
const T& one_of(Prng& prng, const std::vector<T>& list) {
  return list[prng.below(list.size())];
}

/// Could the form be one of the devices of that request?
inline bool may_serve(const cluster::GpuRequest& request, const gpu::Form& form,
                      const gpu::Model& model) {
  if (request.kind == cluster::GpuRequestKind::Whole) return form.by_nature();
  if (request.kind != cluster::GpuRequestKind::Slice) return true;
  return form.kind == gpu::FormKind::Slice && model.profiles[form.profile].name == request.profile;
}

/// The sets of devices with which a pod of the shape fits on the node now, by trying all; the first
/// only, if that is enough.
class PlacesOn {
 public:
  PlacesOn(const Standing& standing, ShapeId shape, NodeId node, bool first_only)
      : standing_(standing), shape_(shape), node_(node), first_only_(first_only) {
    if (!standing.stands(node) || standing.node(node).closed) return;
    std::int64_t devices = 0;
    for (const cluster::GpuRequest& request : standing.shape_at(shape).gpu)
      devices += request.count;
    if (devices == 1) {
      found = places_on(standing, shape, node);
      return;
    }
    list_candidates();
    Devices chosen;
    add(0, devices, chosen);
  }

  std::vector<Devices> found;

 private:
  /// Devices that one of the requests may be served with; none if there are none for some request.
  void list_candidates() {
    const market::InstanceType& type = standing_.market().types[standing_.node(node_).type];
    const gpu::Model& model = standing_.market().model_of(type);
    for (const cluster::GpuRequest& request : standing_.shape_at(shape_).gpu) {
      const std::size_t before = candidates_.size();
      for (const gpu::Form& form :
           gpu::forms_of(model, type.gpu_fraction, standing_.policy().sharing))
        if (may_serve(request, form, model) && gpu::allowed_in(standing_.node(node_).mode, form))
          list(form, model);
      if (candidates_.size() > before) continue;
      candidates_.clear();
      return;
    }
  }

  void list(const gpu::Form& form, const gpu::Model& model) {
    for (std::uint32_t g = 0; g < standing_.node(node_).gpus.size(); ++g) {
      if (form.kind == gpu::FormKind::Slice) {
        for (const std::uint8_t start : model.profiles[form.profile].starts)
          candidates_.push_back({g, form, start});
      } else {
        for (std::uint8_t start = 0; start < form.replicas; ++start)
          candidates_.push_back({g, form, start});
      }
    }
  }

  void add(std::size_t from, std::int64_t left, Devices& chosen) {
    if (left == 0) {
      if (standing_.fits(shape_, node_, chosen)) found.push_back(chosen);
      return;
    }
    for (std::size_t i = from; i < candidates_.size(); ++i) {
      if (first_only_ && !found.empty()) return;
      chosen.push_back(candidates_[i]);
      add(i + 1, left - 1, chosen);
      chosen.pop_back();
    }
  }

  const Standing& standing_;
  ShapeId shape_;
  NodeId node_;
  bool first_only_;
  Devices candidates_;
};

inline bool fits_on(const Standing& standing, ShapeId shape, NodeId node) {
  return !PlacesOn(standing, shape, node, true).found.empty();
}

/// Do pods all fit on a node, one after the other in some order and some way? By trying all.
class AllOn {
 public:
  AllOn(Standing& standing, NodeId node) : standing_(standing), node_(node) {}

  bool fit(const std::vector<ShapeId>& shapes) {
    if (shapes.empty()) return true;
    std::vector<GpuState> gpus = standing_.room(node_).gpus;
    std::sort(gpus.begin(), gpus.end());
    if (!tried_.insert({shapes, gpus}).second) return false;
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      if (i > 0 && shapes[i] == shapes[i - 1]) continue;
      std::vector<ShapeId> rest = shapes;
      rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(i));
      for (const Devices& devices : PlacesOn(standing_, shapes[i], node_, false).found) {
        cluster::Running pod;
        pod.shape = shapes[i];
        pod.node = node_;
        standing_.begin();
        standing_.run(pod, devices);
        const bool fits = fit(rest);
        standing_.rollback();
        if (fits) return true;
      }
    }
    return false;
  }

 private:
  Standing& standing_;
  NodeId node_;
  std::set<std::pair<std::vector<ShapeId>, std::vector<GpuState>>> tried_;
};

/// Two or three workloads of unlike shapes that share a node: all need each other, or the later
/// ones need the first.
inline void add_group(Prng& prng, const std::string& app, cluster::Demand& demand) {
  const std::vector<std::string> a100 = {"1g.5gb", "2g.10gb", "3g.20gb", "2g.10gb"};
  const std::vector<std::string> h100 = {"1g.10gb", "2g.20gb", "3g.40gb", "1g.20gb"};
  const std::vector<std::string>& profiles = prng.below(3) == 0 ? a100 : h100;
  const bool mutual = prng.below(2) == 0;
  for (std::uint64_t part = 0, parts = 2 + prng.below(2); part < parts; ++part) {
    cluster::PodShape pod = plan::testing::shape(slice(one_of(prng, profiles)), 500, 1024);
    const std::string name = app + "-" + std::to_string(part);
    pod.labels = {{"app", mutual || part == 0 ? app : name}, {"company", "yes"}};
    if (mutual || part > 0) pod.affinity = {{own_app(app), "kubernetes.io/hostname"}};
    plan::testing::add(demand, name, 1 + static_cast<std::int64_t>(prng.below(4) / 3), pod);
  }
}

/// Pods of workloads as add_constrained makes them, some with more to them, and some groups.
inline cluster::Demand random_demand(Prng& prng) {
  cluster::Demand plain, demand;
  add_constrained(prng, 3 + static_cast<int>(prng.below(6)), 6, plain);
  std::size_t pod = 0;
  for (const cluster::Workload& workload : plain.workloads) {
    cluster::PodShape shape = plain.shapes[plain.pods[pod].shape];
    pod += static_cast<std::size_t>(workload.pods);
    switch (prng.below(9)) {
      case 0: shape.tolerations = {{"team", true, "", ""}}; break;
      case 1:
        shape.node_selector.push_back({"team", cluster::Operator::In, {"blue"}});
        shape.tolerations = {{"team", false, "blue", "NoSchedule"}};
        break;
      case 2:
        shape.volume_zone_bound = true;
        shape.volume_zones = {one_of(prng, kZones)};
        break;
      case 3:
        if (shape.gpu[0].kind == cluster::GpuRequestKind::Slice)
          shape.gpu.insert(shape.gpu.begin(), whole());
        break;
      case 4: shape.requests.disk_mib = 12'000; break;
      default: break;
    }
    std::sort(shape.node_selector.begin(), shape.node_selector.end());
    plan::testing::add(demand, workload.name, workload.pods, shape);
  }
  for (std::uint64_t group = prng.below(3); group > 0; --group)
    add_group(prng, "group" + std::to_string(group), demand);
  return demand;
}

inline cluster::Policy random_policy(Prng& prng) {
  cluster::Policy policy;
  if (prng.below(4) == 0)
    policy.limit_per_hour = {static_cast<std::int64_t>(prng.below(40)) * 1'000'000};
  if (prng.below(4) == 0) policy.limit_gpus = static_cast<std::int64_t>(2 + prng.below(20));
  if (prng.below(8) == 0) policy.node_taints = {{"team", "blue", "NoSchedule"}};
  if (prng.below(8) == 0) policy.node_labels = {{"team", "red"}};
  if (prng.below(6) == 0) policy.zones = {kZones[0], kZones[1]};
  if (prng.below(6) == 0) policy.sharing.offer_mps = true;
  if (prng.below(6) == 0) policy.isolation_floor = cluster::Isolation::Isolated;
  return policy;
}

inline std::vector<std::string> random_types(Prng& prng) {
  std::set<std::string> types = {"p5.4xlarge", "p4d.24xlarge"};
  for (int i = 0; i < 3; ++i) types.insert(one_of(prng, plan::testing::some_types()));
  return {types.begin(), types.end()};
}

/// Slices that no pod holds on a GPU: free, published or parked, some being taken away or broken.
inline cluster::Gpu littered(Prng& prng, const gpu::Model& model, const cluster::Node& node,
                             std::uint8_t fraction, const gpu::SharingOptions& sharing) {
  cluster::Gpu gpu;
  const auto put = [&](const gpu::Form& form, std::uint8_t start) {
    cluster::Slice slice{form, start};
    const std::uint64_t draw = prng.below(8);
    if (draw == 0) slice.state = cluster::SliceState::Lost;
    if (draw == 1) slice.state = cluster::SliceState::Retiring;
    slice.published = draw > 4;
    gpu.slices.push_back(slice);
  };
  std::vector<gpu::Form> slices, shared;
  for (const gpu::Form& form : gpu::forms_of(model, fraction, sharing)) {
    if (!gpu::allowed_in(node.mode, form) || form.by_nature()) continue;
    (form.kind == gpu::FormKind::Slice ? slices : shared).push_back(form);
  }
  if (!slices.empty() && (shared.empty() || prng.below(2) == 0)) {
    gpu::Usage usage(model);
    for (std::uint64_t tries = 1 + prng.below(6); tries > 0; --tries) {
      const gpu::Form& form = one_of(prng, slices);
      const gpu::Placed placed{form.profile, one_of(prng, model.profiles[form.profile].starts)};
      if (usage.conflict(placed) != gpu::Usage::Conflict::None) continue;
      usage.add(placed);
      put(form, placed.start);
    }
    std::sort(gpu.slices.begin(), gpu.slices.end(),
              [](const auto& a, const auto& b) { return a.start < b.start; });
  } else if (!shared.empty()) {
    const gpu::Form& form = one_of(prng, shared);
    for (std::uint8_t i = 0; i < form.replicas; ++i) put(form, i);
  }
  return gpu;
}

/// A cluster and the pods that are to come to it.
struct Cluster {
  Prng prng;
  std::vector<std::string> types;
  Ground ground;
  cluster::Demand demand;
  std::vector<std::uint32_t> waiting;  ///< pods of the demand that do not run
  int named = 0;                       ///< nodes

  explicit Cluster(std::uint64_t seed)
      : prng(seed),
        types(random_types(prng)),
        ground(types, random_policy(prng)),
        demand(random_demand(prng)) {
    for (std::uint64_t n = prng.below(6); n > 0; --n) add_node();
    for (std::uint32_t pod = 0; pod < demand.pods.size(); ++pod)
      if (prng.below(3) != 0 || !run_somewhere(pod)) waiting.push_back(pod);
  }

  ShapeId shape_of(std::uint32_t pod) {
    return ground.standing.shape(demand.shapes[demand.pods[pod].shape]);
  }
  std::string next_name() { return "node-" + std::to_string(named++); }
  const std::vector<std::string>& zones() const {
    return ground.policy.zones.empty() ? kZones : ground.policy.zones;
  }

  void add_node() {
    cluster::Node node = node_of(ground.market, ground.policy, one_of(prng, types), next_name(),
                                 prng.below(2) == 0 ? gpu::GpuMode::Cut : gpu::GpuMode::Whole,
                                 one_of(prng, zones()));
    const market::InstanceType& type = ground.market.types[node.type];
    if (prng.below(4) == 0 && ground.policy.node_labels.empty()) node.labels["team"] = "blue";
    if (prng.below(6) == 0) node.taints.push_back({"team", "blue", "NoSchedule"});
    node.closed = prng.below(10) == 0;
    for (cluster::Gpu& gpu : node.gpus)
      if (prng.below(2) == 0)
        gpu = littered(prng, ground.market.model_of(type), node, type.gpu_fraction,
                       ground.policy.sharing);
    ground.standing.add(node);
  }

  bool run_somewhere(std::uint32_t pod) {
    std::vector<std::pair<NodeId, Devices>> places;
    for (NodeId node = 0; node < ground.standing.nodes(); ++node)
      for (Devices& devices : PlacesOn(ground.standing, shape_of(pod), node, false).found)
        places.emplace_back(node, std::move(devices));
    if (places.empty()) return false;
    const auto& [node, devices] = one_of(prng, places);
    ground.standing.run(running(pod, node), devices);
    return true;
  }
  cluster::Running running(std::uint32_t pod, NodeId node) {
    cluster::Running running;
    running.name = demand.pods[pod].name;
    running.shape = shape_of(pod);
    running.node = node;
    return running;
  }

  /// The nodes of a purchase stand, each in some zone of those that it may come up in.
  void stand(const Purchase& purchase) {
    for (plan::NodePlan node : purchase.nodes) {
      node.zones = {one_of(prng, node.zones.empty() ? kZones : node.zones)};
      online::stand(ground.standing, node, next_name(),
                    [&](std::uint32_t pod) { return running(pod, 0); });
    }
  }

  template <class Change>
  void if_it_holds(const Change& change) {
    ground.standing.begin();
    change();
    if (ground.faults().empty()) ground.standing.commit();
    else ground.standing.rollback();
  }

  /// Pods leave, nodes come, go, close and open; constraints between those that stay hold.
  void change() {
    Standing& standing = ground.standing;
    for (PodId pod = 0; pod < standing.pods(); ++pod)
      if (standing.runs(pod) && prng.below(3) == 0) if_it_holds([&] { standing.release(pod); });
    for (NodeId node = 0; node < standing.nodes(); ++node) {
      if (!standing.stands(node)) continue;
      if (prng.below(8) == 0) standing.mark(node, !standing.node(node).closed, false);
      if (prng.below(12) == 0) if_it_holds([&] { standing.remove(node); });
    }
    if (prng.below(2) == 0) add_node();
  }

  Expectation expectation() {
    std::map<AskId, std::int64_t> weights;
    for (const cluster::PodShape& shape : demand.shapes)
      if (prng.below(4) != 0)
        weights[ground.standing.ask_of(ground.standing.shape(shape))] +=
            static_cast<std::int64_t>(1 + prng.below(5));
    Expectation expected;
    for (const auto& [ask, weight] : weights) expected.push_back({ask, weight});
    return expected;
  }
};

/// One decision, and all that it was made from.
struct Step {
  Cluster& cluster;
  std::string where;  ///< for messages
  cluster::Snapshot before;
  Expectation expected;
  std::vector<std::uint32_t> pods;
  Decision decision;
  std::string told;  ///< the decision, by names
};

inline std::string told(const Devices& devices) {
  std::string text;
  for (const DeviceAt& device : devices)
    text += " " + std::to_string(device.gpu) + ":" +
            std::to_string(static_cast<int>(device.form.kind)) + "." +
            std::to_string(device.form.profile) + "." + std::to_string(device.form.replicas) + "@" +
            std::to_string(device.start);
  return text;
}

inline std::string told(const Standing& standing, const Place& place) {
  std::string text = standing.node(place.node).name + told(place.devices);
  for (const Cut& cut : place.cuts)
    text += " cut" + std::to_string(cut.gpu) + told(cut.destroy) + " >" + told(cut.create);
  return text + " " + std::to_string(place.harm.micro) + " " + std::to_string(place.micro_usd);
}

/// Everything that is decided, by the names of pods and nodes.
inline std::string told(const Decision& decision, const Standing& standing,
                        const cluster::Demand& demand) {
  std::string text;
  for (const Placed& one : decision.placed) {
    text += demand.pods[one.pod].name + " (" + std::to_string(one.buying.micro) + ") on " +
            told(standing, one.place);
    for (const Place& other : one.others) text += " or " + told(standing, other);
    text += "\n";
  }
  for (const plan::NodePlan& node : decision.purchase.nodes) {
    text += "buy " + std::to_string(node.type);
    for (const std::string& zone : node.zones) text += " " + zone;
    for (const auto& [key, value] : node.labels) text += " " + key + "=" + value;
    for (const plan::GpuPlan& gpu : node.gpus) {
      text += " |";
      for (const plan::SlicePlan& slice : gpu.slices)
        text += told(Devices{{0, slice.form, slice.start}}) + " " +
                (slice.pod == plan::kNoPod ? "free" : demand.pods[slice.pod].name);
    }
    text += "\n";
  }
  for (const plan::Unplaced& one : decision.purchase.unplaced)
    text += "not " + demand.pods[one.pod].name + " " +
            std::string(plan::to_string(one.reason.code)) + "\n";
  return text + std::to_string(decision.purchase.bill.micro) + " of " +
         std::to_string(decision.purchase.apart.micro);
}

inline bool needs_company(const cluster::PodShape& shape) { return !shape.affinity.empty(); }

/// Does it need another pod on its node, or is it one that others need there?
inline bool grouped(const cluster::PodShape& shape) {
  return needs_company(shape) || shape.labels.count("company") != 0;
}

/// Decides three times for each seed, by a placer that saw all that happened in between. The check
/// is made when what was bought stands.
template <class Check>
void each_decision(std::uint64_t first_seed, std::uint64_t seeds, const Check& check) {
  for (std::uint64_t seed = first_seed; seed < first_seed + seeds; ++seed) {
    Cluster cluster(seed);
    Expectation expected = cluster.expectation();
    Placer placer(cluster.ground.standing, expected);
    for (int round = 0; round < 3; ++round) {
      if (round == 2) placer.expect(expected = cluster.expectation());
      Step step{cluster,
                "seed " + std::to_string(seed) + " round " + std::to_string(round),
                cluster.ground.standing.snapshot(),
                expected,
                {},
                {},
                {}};
      for (const std::uint32_t pod : std::exchange(cluster.waiting, {}))
        (cluster.prng.below(2) == 0 || round == 2 ? step.pods : cluster.waiting).push_back(pod);
      step.decision = placer.decide(cluster.demand, step.pods);
      step.told = told(step.decision, cluster.ground.standing, cluster.demand);
      cluster.stand(step.decision.purchase);
      check(step);
      for (const plan::Unplaced& unplaced : step.decision.purchase.unplaced)
        cluster.waiting.push_back(unplaced.pod);
      std::sort(cluster.waiting.begin(), cluster.waiting.end());
      cluster.change();
    }
  }
}

}  // namespace kerf::online::testing
