// Hand-made plans for the tests of report: small, and as nasty as they are told to be.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "codec/catalogue.h"
#include "core/cluster/demand.h"
#include "core/cluster/policy.h"
#include "core/market/market.h"
#include "core/plan/plan.h"

namespace kerf::report::testing {

inline std::uint32_t type_index(const market::Market& market, const std::string& name) {
  for (std::uint32_t t = 0; t < market.types.size(); ++t)
    if (market.types[t].name == name) return t;
  KERF_ASSERT(false, "the type is shipped");
  return 0;
}

/// A demand and a plan that grow node by node. Prices are round, so that sums can be read.
struct Example {
  cluster::Demand demand;
  market::Market market = *codec::builtin_market("us-east-1");
  cluster::Policy policy;
  plan::Plan plan;

  /// A workload of `pods` like pods that ask for `asks`; returns its index.
  std::uint32_t workload(const std::string& name, std::int64_t pods, const std::string& asks,
                         cluster::GpuRequestKind kind = cluster::GpuRequestKind::Slice) {
    cluster::PodShape shape;
    shape.ns = "team";
    shape.labels = {{"app", name}};
    cluster::GpuRequest request;
    request.kind = kind;
    shape.gpu = {request};
    demand.shapes.push_back(shape);
    cluster::Workload entry;
    entry.kind = "Deployment";
    entry.ns = shape.ns;
    entry.name = name;
    entry.pods = pods;
    entry.asks = asks;
    demand.workloads.push_back(entry);
    const auto w = static_cast<std::uint32_t>(demand.workloads.size() - 1);
    for (std::int64_t i = 0; i < pods; ++i)
      demand.pods.push_back({name + "-" + std::to_string(i),
                             static_cast<std::uint32_t>(demand.shapes.size() - 1), w});
    plan.workloads.emplace_back();
    return w;
  }

  gpu::Form slice_form(const std::string& model, const std::string& profile) const {
    const gpu::Model& found = *market.gpus.find(model);
    gpu::Form form;
    form.kind = gpu::FormKind::Slice;
    form.profile = static_cast<std::uint8_t>(*found.profile_named(profile));
    form.memory_mib = found.profiles[form.profile].memory_mib;
    return form;
  }

  plan::NodePlan& node(const std::string& type, MicroUsdPerHour price) {
    plan::NodePlan entry;
    entry.type = type_index(market, type);
    entry.price = price;
    entry.gpus.resize(static_cast<std::size_t>(market.types[entry.type].gpu_count));
    entry.allocatable = market::allocatable(market.types[entry.type]);
    plan.nodes.push_back(std::move(entry));
    plan.bill += price;
    plan.month_micro_usd += price.micro * kHoursPerMonth;
    return plan.nodes.back();
  }

  /// Seats a pod on a device of the last node.
  void seat(std::uint32_t pod, std::size_t gpu, const gpu::Form& form, int start,
            MicroUsdPerHour cost) {
    plan::NodePlan& node = plan.nodes.back();
    node.gpus.at(gpu).slices.push_back({form, static_cast<std::uint8_t>(start), pod, false});
    node.pods.push_back(pod);
    const auto index = static_cast<std::uint32_t>(plan.nodes.size() - 1);
    const plan::Reason reason{plan::ReasonCode::OnlyForm, {"1g.5gb", "$1.0000"}};
    plan.placements.push_back({pod, index, form, {}, cost, reason});
    plan::WorkloadCost& account = plan.workloads.at(demand.pods.at(pod).workload);
    account.per_hour += cost;
    ++account.placed;
    account.month_micro_usd += cost.micro * kHoursPerMonth;
  }

  void baseline(const std::string& name, MicroUsdPerHour rate, std::int64_t nodes,
                std::vector<std::uint32_t> unplaced = {}) {
    plan::Baseline entry;
    entry.name = name;
    entry.per_hour = rate;
    entry.nodes = nodes;
    entry.unplaced = std::move(unplaced);
    entry.month_micro_usd = rate.micro * kHoursPerMonth;
    entry.per_workload.resize(demand.workloads.size());
    entry.months.resize(demand.workloads.size());
    if (!entry.per_workload.empty()) {
      entry.per_workload[0] = rate;
      entry.months[0] = entry.month_micro_usd;
    }
    plan.baselines.push_back(std::move(entry));
  }
};

/// Prices a baseline anew; all of it the first workload's, all month.
inline void reprice(plan::Baseline& baseline, MicroUsdPerHour rate) {
  baseline.per_hour = baseline.per_workload.at(0) = rate;
  baseline.month_micro_usd = baseline.months.at(0) = rate.micro * kHoursPerMonth;
}

/// Four pods on one p4d.24xlarge: three on slices of a GPU that has a free slice too, one on a
/// whole GPU; six GPUs idle. $22.40/h, $30 as whole GPUs, bound $20.
inline Example small() {
  Example e;
  e.workload("embed", 3, "nvidia.com/mig-1g.5gb");
  e.workload("train", 1, "nvidia.com/gpu", cluster::GpuRequestKind::Whole);
  e.node("p4d.24xlarge", {22'400'000});
  const gpu::Form one = e.slice_form("A100-40", "1g.5gb");
  e.seat(0, 0, one, 0, {1'400'000});
  e.seat(1, 0, one, 1, {1'400'000});
  e.seat(2, 0, one, 2, {1'400'000});
  e.plan.nodes.back().gpus[0].slices.push_back({e.slice_form("A100-40", "3g.20gb"), 4});
  e.seat(3, 1, gpu::Form{}, 0, {18'200'000});
  e.plan.actions.push_back({plan::ActionKind::Buy,
                            1,
                            e.plan.nodes.back().type,
                            market::CapacityType::OnDemand,
                            {0},
                            {22'400'000}});
  e.plan.bound = {{20'000'000}, "aggregated-lp", false, {}, 12};
  e.baseline("whole-gpu", {30'000'000}, 2);
  e.baseline("static-mig", {25'000'000}, 1);
  return e;
}

}  // namespace kerf::report::testing
