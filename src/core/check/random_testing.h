// Instance: a random small demand, market and policy, with all that may be special about them.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "base/prng.h"
#include "codec/catalogue.h"
#include "core/check/fleet_testing.h"

namespace kerf::check::testing {

using cluster::GpuRequest;
using cluster::GpuRequestKind;
using cluster::Isolation;
using cluster::Operator;
using cluster::PodShape;
using market::CapacityType;

inline constexpr const char* kHost = "kubernetes.io/hostname";
inline constexpr const char* kZone = "topology.kubernetes.io/zone";
inline const std::vector<std::string> kZones = {"us-east-1a", "us-east-1b", "us-east-1c"};

/// One random problem: a few types, a few workloads of a few pods, and often something special.
class Instance {
 public:
  market::Market market;
  cluster::Demand demand;
  cluster::Policy policy;

  explicit Instance(std::uint64_t seed) : chance_(seed) {
    make_market();
    const std::uint64_t workloads = 1 + chance_.below(5);
    for (std::uint64_t i = 0; i < workloads; ++i) add_workload(i);
    make_policy();
    if (one_in(4)) demand.overhead.daemonsets = {800, 1024, 0, 4};
  }

 private:
  bool one_in(std::uint64_t n) { return chance_.below(n) == 0; }
  template <class T>
  T any_of(const std::vector<T>& list) {
    return list[chance_.below(list.size())];
  }
  std::string app(std::uint64_t i) const { return "app" + std::to_string(i); }

  /// Some of the shipped types; half of the time sold by zone, not everything everywhere.
  void make_market() {
    market = *codec::builtin_market("us-east-1");
    const std::vector<std::string> names = {
        "g4dn.xlarge", "g4dn.12xlarge", "g5.xlarge",  "g5g.xlarge",  "g6.xlarge",   "g6f.xlarge",
        "g6f.4xlarge", "p4d.24xlarge",  "p5.4xlarge", "p5.48xlarge", "g7e.2xlarge", "g7e.12xlarge"};
    const bool by_zone = one_in(2);
    std::vector<market::Offering> offerings;
    for (const market::Offering& offering : market.offerings) {
      const std::string& name = market.types[offering.type].name;
      if (std::find(names.begin(), names.end(), name) == names.end() || one_in(3)) continue;
      if (!by_zone) {
        offerings.push_back(offering);
        continue;
      }
      for (const std::string& zone : kZones) {
        if (one_in(4)) continue;
        offerings.push_back({offering.type, zone, CapacityType::OnDemand, offering.price});
        const auto percent = static_cast<std::int64_t>(20 + chance_.below(70));
        if (one_in(2)) {
          offerings.push_back(
              {offering.type, zone, CapacityType::Spot, {offering.price.micro * percent / 100}});
        }
      }
    }
    market.offerings = std::move(offerings);
  }

  GpuRequest request() {
    const std::vector<std::string> profiles = {"1g.5gb",  "1g.10gb", "2g.10gb",    "3g.20gb",
                                               "3g.40gb", "1g.24gb", "1g.10gb+me", "7g.40gb"};
    const std::vector<std::int32_t> ladder = {2, 4, 5, 8, 10, 16, 20, 24, 40, 80};
    GpuRequest made;
    switch (chance_.below(6)) {
      case 0:
        made.kind = GpuRequestKind::Whole;
        made.gib = one_in(2) ? 0 : any_of(ladder);
        break;
      case 1:
      case 2:
        made.kind = GpuRequestKind::Slice;
        made.profile = any_of(profiles);
        break;
      case 3:
      case 4:
        made.kind = GpuRequestKind::Portable;
        made.gib = any_of(ladder);
        made.isolation = static_cast<Isolation>(chance_.below(3));
        break;
      default:
        made.kind = one_in(2) ? GpuRequestKind::ShareOfMemory : GpuRequestKind::ShareOfCompute;
        made.share_milli = static_cast<std::int32_t>(1 + chance_.below(999));
    }
    if (one_in(5)) made.count = static_cast<std::int64_t>(2 + chance_.below(2));
    return made;
  }

  void select(PodShape& shape) {
    switch (chance_.below(8)) {
      case 0: shape.node_selector = {{kZone, Operator::In, {any_of(kZones)}}}; break;
      case 1: shape.node_selector = {{kZone, Operator::NotIn, {any_of(kZones)}}}; break;
      case 2: shape.node_selector = {{"kubernetes.io/arch", Operator::In, {"arm64"}}}; break;
      case 3:
        shape.node_affinity = {
            {{"karpenter.k8s.aws/instance-family", Operator::NotIn, {"g6f", "p4d"}}},
            {{"karpenter.k8s.aws/instance-generation", Operator::Gt, {"5"}}}};
        break;
      case 4: shape.node_selector = {{"team", Operator::In, {one_in(2) ? "blue" : "red"}}}; break;
      case 5:
        shape.node_selector = {
            {"nvidia.com/gpu.product", Operator::In, {one_in(2) ? "Tesla-T4" : "NVIDIA-L4"}}};
        break;
      case 6: shape.node_selector = {{"karpenter.sh/capacity-type", Operator::In, {"spot"}}}; break;
      default: shape.volume_zone_bound = true; shape.volume_zones = {any_of(kZones)};
    }
  }

  void couple(PodShape& shape, std::uint64_t own) {
    const cluster::PodSelector like = testing::app(one_in(3) ? app(chance_.below(4)) : app(own));
    const std::string key = one_in(2) ? kHost : kZone;
    const auto skew = static_cast<std::int32_t>(1 + chance_.below(2));
    switch (chance_.below(4)) {
      case 0: shape.spread = {{skew, 1, key, testing::app(app(own))}}; break;
      case 1: shape.anti_affinity = {{like, key}}; break;
      case 2: shape.affinity = {{like, key}}; break;
      default: shape.host_ports = {{8080, "TCP", ""}};
    }
    // The codec names the namespace of the pod in every selector that names none.
    for (auto& spread : shape.spread) spread.selector.namespaces = {shape.ns};
    for (auto& term : shape.anti_affinity) term.selector.namespaces = {shape.ns};
    for (auto& term : shape.affinity) term.selector.namespaces = {shape.ns};
  }

  void add_workload(std::uint64_t index) {
    PodShape shape;
    shape.labels = {{"app", app(index)}};
    shape.requests = {static_cast<std::int64_t>(100 * (1 + chance_.below(30))),
                      static_cast<std::int64_t>(256 * (1 + chance_.below(40))), 0, 1};
    if (one_in(4)) shape.requests.disk_mib = 30000;
    shape.gpu = {request()};
    if (one_in(6)) {
      GpuRequest second = request();
      if (second.kind != shape.gpu[0].kind) shape.gpu.push_back(std::move(second));
      std::sort(shape.gpu.begin(), shape.gpu.end());
    }
    if (one_in(3)) select(shape);
    if (one_in(3)) couple(shape, index);
    if (one_in(4)) shape.tolerations = {{"team", true, "", ""}};
    cluster::Workload workload;
    workload.kind = "Deployment";
    workload.ns = shape.ns;
    workload.name = app(index);
    workload.pods = static_cast<std::int64_t>(1 + chance_.below(6));
    if (one_in(6)) {
      workload.transient = true;
      workload.hours_per_month = 10.25;
    }
    const std::uint32_t interned = demand.intern(std::move(shape));
    for (std::int64_t i = 0; i < workload.pods; ++i) {
      demand.pods.push_back({workload.name + "-" + std::to_string(i), interned,
                             static_cast<std::uint32_t>(demand.workloads.size())});
    }
    demand.workloads.push_back(std::move(workload));
  }

  void make_policy() {
    if (one_in(2)) return;
    if (one_in(3)) policy.architectures = {"amd64", "arm64"};
    if (one_in(4)) policy.zones = {kZones[0], kZones[1]};
    if (one_in(3)) policy.capacity_types = {CapacityType::OnDemand, CapacityType::Spot};
    if (one_in(4)) policy.isolation_floor = static_cast<Isolation>(chance_.below(3));
    if (one_in(5)) policy.families = {"g4dn", "p4d", "g6", "g6f", "p5"};
    if (one_in(5)) policy.limit_per_hour = MicroUsdPerHour{5'000'000};
    if (one_in(6)) policy.limit_gpus = 5;
    if (one_in(6)) policy.node_taints = {{"team", "red", "NoSchedule"}};
    if (one_in(4)) policy.node_labels = {{"team", "red"}};
    if (one_in(6)) policy.sharing.offer_mps = true;
    if (one_in(4)) {
      policy.headroom = {{testing::portable(one_in(2) ? 10 : 4), 2, {1000, 2048, 0, 1}}};
    }
  }

  Prng chance_;
};

}  // namespace kerf::check::testing
