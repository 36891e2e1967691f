// A small market and plans made on it by hand, for the tests of core/check.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "base/money.h"
#include "core/check/audit.h"
#include "core/check/check.h"

namespace kerf::check::testing {

inline gpu::Profile profile(const std::string& name, int compute, int slots, int max, int gb,
                            std::vector<std::uint8_t> starts, gpu::Engines engines) {
  gpu::Profile made;
  made.name = name;
  made.compute_slices = static_cast<std::uint8_t>(compute);
  made.slots = static_cast<std::uint8_t>(slots);
  made.max_instances = static_cast<std::uint8_t>(max);
  made.nominal_gb = gb;
  made.engines = engines;
  made.starts = std::move(starts);
  made.status = gpu::Status::Verified;
  return made;
}

/// Seven compute slices and eight slots, with `gb` GB in each slot.
inline gpu::Model seven(const std::string& key, gpu::Generation generation, int gb,
                        const std::string& label) {
  gpu::Model model;
  model.key = key;
  model.labels = {label, label + "-PCIE"};
  model.generation = generation;
  model.slots = 8;
  model.compute_slices = 7;
  model.nominal_gb = 8 * gb;
  const auto name = [&](int compute, int slots) {
    return std::to_string(compute) + "g." + std::to_string(slots * gb) + "gb";
  };
  model.profiles = {
      profile(name(1, 1), 1, 1, 7, gb, {0, 1, 2, 3, 4, 5, 6}, {1, 0, 0, 0, 0}),
      profile(name(1, 1) + "+me", 1, 1, 1, gb, {0, 1, 2, 3, 4, 5, 6}, {1, 1, 0, 1, 1}),
      profile(name(1, 2), 1, 2, 4, 2 * gb, {0, 2, 4, 6}, {1, 1, 0, 0, 0}),
      profile(name(2, 2), 2, 2, 3, 2 * gb, {0, 2, 4}, {2, 1, 0, 0, 0}),
      profile(name(3, 4), 3, 4, 2, 4 * gb, {0, 4}, {3, 2, 0, 0, 0}),
      profile(name(4, 4), 4, 4, 1, 4 * gb, {0}, {4, 2, 0, 0, 0}),
      profile(name(7, 8), 7, 8, 1, 8 * gb, {0}, {7, 5, 0, 1, 1}),
  };
  return model;
}

inline gpu::Model uncut(const std::string& key, int gb, const std::string& label) {
  gpu::Model model;
  model.key = key;
  model.labels = {label};
  model.nominal_gb = gb;
  return model;
}

inline market::InstanceType type(const std::string& name, const std::string& arch, int vcpu,
                                 std::int64_t memory_mib, const std::string& model, int gpus,
                                 int nominal_gb, int max_pods, int fraction = 1) {
  market::InstanceType made;
  made.name = name;
  made.arch = arch;
  made.vcpu = vcpu;
  made.memory_mib = memory_mib;
  made.gpu_model = model;
  made.gpu_count = gpus;
  made.gpu_fraction = static_cast<std::uint8_t>(fraction);
  made.gpu_memory_mib = nominal_gb * 1024;
  made.nominal_gb = nominal_gb;
  made.max_pods = max_pods;
  made.gpu_label = "a100";
  return made;
}

inline cluster::GpuRequest slice(const std::string& profile, std::int64_t count = 1) {
  cluster::GpuRequest request;
  request.kind = cluster::GpuRequestKind::Slice;
  request.profile = profile;
  request.count = count;
  return request;
}
inline cluster::GpuRequest whole(std::int64_t count = 1, std::int32_t gib = 0) {
  cluster::GpuRequest request;
  request.gib = gib;
  request.count = count;
  return request;
}
inline cluster::GpuRequest portable(std::int32_t gib,
                                    cluster::Isolation isolation = cluster::Isolation::Enforced) {
  cluster::GpuRequest request;
  request.kind = cluster::GpuRequestKind::Portable;
  request.gib = gib;
  request.isolation = isolation;
  return request;
}
inline cluster::GpuRequest share(cluster::GpuRequestKind kind, std::int32_t milli) {
  cluster::GpuRequest request;
  request.kind = kind;
  request.share_milli = milli;
  return request;
}

/// "app" In `value`, in the namespace of the pod that carries the constraint.
inline cluster::PodSelector app(const std::string& value) {
  cluster::PodSelector selector;
  selector.labels = {{"app", cluster::Operator::In, {value}}};
  return selector;
}

/// Demand, market, policy and plan, put together step by step; then finish() fills in all that
/// follows from nodes and slices.
struct World {
  enum Type : std::uint32_t { kP5, kP4d, kG4dn, kG5g, kG6f };

  market::Market market;
  cluster::Demand demand;
  cluster::Policy policy;
  plan::Plan plan;

  World() {
    market.region = "us-east-1";
    market.gpus.models = {seven("A100-40", gpu::Generation::Ampere, 5, "NVIDIA-A100"),
                          seven("H100-80", gpu::Generation::HopperOrLater, 10, "NVIDIA-H100"),
                          uncut("T4", 16, "Tesla-T4"), uncut("T4G", 16, "NVIDIA-T4G"),
                          uncut("L4", 24, "NVIDIA-L4")};
    market.types = {type("p5.8xlarge", "amd64", 48, 524288, "H100-80", 2, 80, 100),
                    type("p4d.12xlarge", "amd64", 48, 589824, "A100-40", 2, 40, 100),
                    type("g4dn.xlarge", "amd64", 4, 16384, "T4", 1, 16, 29),
                    type("g5g.xlarge", "arm64", 4, 8192, "T4G", 1, 16, 58),
                    type("g6f.large", "amd64", 2, 8192, "L4", 1, 3, 20, 8)};
    const std::int64_t prices[] = {12'000'000, 10'000'000, 526'000, 420'000, 202'001};
    for (std::uint32_t i = 0; i < market.types.size(); ++i) {
      market.offerings.push_back({i, "", market::CapacityType::OnDemand, {prices[i]}});
    }
  }

  const gpu::Model& model(std::size_t node) const {
    const std::string& key = market.types[plan.nodes[node].type].gpu_model;
    return *std::find_if(market.gpus.models.begin(), market.gpus.models.end(),
                         [&](const gpu::Model& m) { return m.key == key; });
  }

  /// One more pod, of its own workload and shape, with the label app = name.
  std::uint32_t pod(const std::string& name, std::vector<cluster::GpuRequest> gpu) {
    cluster::PodShape shape;
    shape.labels = {{"app", name}};
    shape.requests = {500, 1024, 2048, 1};
    shape.gpu = std::move(gpu);
    demand.shapes.push_back(std::move(shape));
    demand.workloads.push_back({"Deployment", "default", name, 0, false, 730, "", ""});
    return like(static_cast<std::uint32_t>(demand.shapes.size() - 1));
  }
  /// One more pod of a shape that is there.
  std::uint32_t like(std::uint32_t shape) {
    cluster::Workload& workload = demand.workloads[shape];
    demand.pods.push_back({workload.name + "-" + std::to_string(workload.pods++), shape, shape});
    return static_cast<std::uint32_t>(demand.pods.size() - 1);
  }
  cluster::PodShape& shape(std::uint32_t pod) { return demand.shapes[demand.pods[pod].shape]; }

  std::uint32_t node(Type type, std::vector<std::string> zones = {}) {
    plan::NodePlan node;
    node.type = type;
    node.zones = std::move(zones);
    node.gpus.resize(static_cast<std::size_t>(market.types[type].gpu_count));
    plan.nodes.push_back(std::move(node));
    return static_cast<std::uint32_t>(plan.nodes.size() - 1);
  }

  gpu::Form cut(std::size_t node, const std::string& name) const {
    const auto& profiles = model(node).profiles;
    gpu::Form form;
    form.kind = gpu::FormKind::Slice;
    for (std::size_t i = 0; i < profiles.size(); ++i) {
      if (profiles[i].name == name) {
        form.profile = static_cast<std::uint8_t>(i);
        form.nominal_gb = profiles[i].nominal_gb;
      }
    }
    return form;
  }
  gpu::Form other(std::size_t node, gpu::FormKind kind, std::uint8_t replicas = 1) const {
    const market::InstanceType& type = market.types[plan.nodes[node].type];
    gpu::Form form;
    form.kind = kind;
    form.replicas = replicas;
    form.fraction = type.gpu_fraction;
    form.nominal_gb = type.nominal_gb / replicas;
    return form;
  }
  gpu::Form all(std::size_t node) const { return other(node, gpu::FormKind::Whole); }

  /// A device on a GPU for a pod (or for nobody).
  void give(std::uint32_t node, std::size_t gpu, gpu::Form form, std::uint8_t start,
            std::uint32_t pod = plan::kNoPod, bool headroom = false) {
    plan::NodePlan& target = plan.nodes[node];
    target.gpus[gpu].slices.push_back({form, start, pod, headroom});
    if (pod != plan::kNoPod &&
        std::find(target.pods.begin(), target.pods.end(), pod) == target.pods.end()) {
      target.pods.push_back(pod);
      plan.placements.push_back({pod, node, form, {}, {}, {plan::ReasonCode::OnlyForm, {}}});
    }
  }
  void leave_out(std::uint32_t pod) {
    plan.unplaced.push_back({pod, {plan::ReasonCode::UnknownProfile, {"nvidia.com/mig-9g", ""}}});
  }

  /// A pod alone on a g4dn.xlarge: whole GPU.
  std::uint32_t on_g4dn(std::uint32_t pod, std::vector<std::string> zones = {}) {
    const std::uint32_t at = node(kG4dn, std::move(zones));
    give(at, 0, all(at), 0, pod);
    return at;
  }

  /// Prices, sums, actions and bound that follow from nodes, slices and pods.
  World& finish() {
    plan.actions.clear();
    plan.bill = {};
    plan.transient_part = {};
    plan.utilisation = {};
    plan.workloads.assign(demand.workloads.size(), {});
    for (std::uint32_t i = 0; i < plan.nodes.size(); ++i) finish_node(i);
    plan.month_micro_usd = 0;
    for (const plan::Placement& placement : plan.placements) {
      plan::WorkloadCost& account = plan.workloads[demand.pods[placement.pod].workload];
      account.per_hour += placement.cost;
      account.forms = {{"form", ++account.placed}};
    }
    for (const plan::NodePlan& node : plan.nodes) add_month(node);
    plan.bound = {plan.bill, "exact", true, {}, 0};
    return *this;
  }

  std::vector<std::string> complaints() const { return check_plan(plan, demand, market, policy); }

 private:
  /// A node's month goes to the workload of its first pod that is always on, else of its first.
  void add_month(const plan::NodePlan& node) {
    const auto owner = [&](std::uint32_t pod) { return demand.pods[pod].workload; };
    std::uint32_t payer = node.pods.empty() ? 0 : owner(node.pods[0]);
    double hours = 0;
    bool jobs_only = !node.pods.empty();
    for (const std::uint32_t pod : node.pods) {
      const cluster::Workload& workload = demand.workloads[owner(pod)];
      hours = std::max(hours, workload.hours_per_month);
      if (workload.transient) continue;
      if (jobs_only) payer = owner(pod);
      jobs_only = false;
    }
    if (!jobs_only) hours = kHoursPerMonth;
    if (jobs_only) plan.transient_part += node.price;
    const auto month = static_cast<std::int64_t>(static_cast<double>(node.price.micro) * hours);
    plan.month_micro_usd += month;
    if (!node.pods.empty()) plan.workloads[payer].month_micro_usd += month;
  }

  void finish_node(std::uint32_t index) {
    plan::NodePlan& node = plan.nodes[index];
    const market::InstanceType& type = market.types[node.type];
    std::sort(node.pods.begin(), node.pods.end());
    for (const market::Offering& offering : market.offerings) {
      if (offering.type == node.type && offering.capacity_type == node.capacity_type &&
          offering.count.has_value() == node.owned &&
          (offering.zone.empty() || node.zones.empty() || node.zones.front() == offering.zone)) {
        node.price = offering.price;
      }
    }
    node.used = {};
    for (const std::uint32_t pod : node.pods) node.used = node.used + shape(pod).requests;
    node.allocatable = allocatable_of(type, demand.overhead);
    const auto parts = split(node.price, std::vector<std::int64_t>(node.pods.size(), 1));
    for (plan::Placement& placement : plan.placements) {
      if (placement.node != index) continue;
      const auto at = std::find(node.pods.begin(), node.pods.end(), placement.pod);
      placement.cost = parts[static_cast<std::size_t>(at - node.pods.begin())];
    }
    plan.bill += node.price;
    plan.utilisation.gpus += type.gpu_count;
    plan::Action action;
    action.kind = node.owned ? plan::ActionKind::Keep : plan::ActionKind::Buy;
    action.type = node.type;
    action.capacity_type = node.capacity_type;
    action.nodes = {index};
    action.per_hour = node.price;
    plan.actions.push_back(std::move(action));
  }
};

}  // namespace kerf::check::testing
