// Hand-made standing clusters and their ledgers, for the tests of report: small, with round prices.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "codec/catalogue.h"
#include "core/cluster/cluster.h"
#include "core/market/market.h"
#include "core/plan/ledger.h"
#include "report/report_testing.h"
#include "report/standing.h"

namespace kerf::report::testing {

/// A cluster that grows node by node, and a ledger to which every device that is held is written.
struct StandingExample {
  cluster::Cluster cluster;
  market::Market market = *codec::builtin_market("us-east-1");
  plan::Ledger ledger, list;
  std::vector<std::string> notes;

  Standing standing() const {
    return {cluster, market, ledger, list, "context prod, read 2026-11-30T10:00:00Z", notes};
  }

  void sell(const std::string& type, MicroUsdPerHour price) {
    const market::Offering offering{type_index(market, type), "", market::CapacityType::OnDemand,
                                    price};
    const auto at = std::find_if(market.offerings.begin(), market.offerings.end(),
                                 [&](const auto& one) { return one.type > offering.type; });
    market.offerings.insert(at, offering);
  }

  std::uint32_t workload(const std::string& ns, const std::string& name, std::int64_t pods,
                         const std::string& asks,
                         cluster::GpuRequestKind kind = cluster::GpuRequestKind::Slice) {
    cluster::Demand& demand = cluster.demand;
    cluster::PodShape shape;
    shape.ns = ns;
    shape.labels = {{"app", name}};
    shape.requests = {1000, 2048, 0, 1};
    cluster::GpuRequest request;
    request.kind = kind;
    if (kind == cluster::GpuRequestKind::Slice) request.profile = asks;
    shape.gpu = {request};
    demand.shapes.push_back(shape);
    cluster::Workload entry;
    entry.kind = "Deployment";
    entry.ns = ns;
    entry.name = name;
    entry.pods = pods;
    entry.asks = cluster::describe(shape.gpu);
    demand.workloads.push_back(entry);
    const auto w = static_cast<std::uint32_t>(demand.workloads.size() - 1);
    for (std::int64_t i = 0; i < pods; ++i) {
      demand.pods.push_back({name + "-" + std::to_string(i),
                             static_cast<std::uint32_t>(demand.shapes.size() - 1), w});
      cluster.pods.emplace_back();
    }
    ledger.pods.resize(demand.pods.size());
    list.pods.resize(demand.pods.size());
    ledger.workloads.resize(demand.workloads.size());
    list.workloads.resize(demand.workloads.size());
    return w;
  }

  /// All of it is idle at first, for want of a pod.
  cluster::StandingNode& node(const std::string& name, const std::string& type,
                              MicroUsdPerHour price, bool owned = false) {
    cluster::StandingNode entry;
    entry.name = name;
    entry.type = type_index(market, type);
    entry.zone = "us-east-1a";
    entry.pool = "gpu";
    entry.price = owned ? MicroUsdPerHour{} : price;
    entry.list_price = price;
    entry.owned = owned;
    if (owned) entry.capacity_type = market::CapacityType::Reserved;
    entry.allocatable = market::allocatable(market.types[entry.type]);
    entry.layout = cluster::LayoutFrom::Seen;
    entry.gpus.resize(static_cast<std::size_t>(market.types[entry.type].gpu_count));
    open(ledger, entry.price, entry.gpus.size());
    open(list, entry.list_price, entry.gpus.size());
    cluster.nodes.push_back(std::move(entry));
    return cluster.nodes.back();
  }

  gpu::Form slice_form(const std::string& profile) const {
    const gpu::Model& model = market.model_of(market.types[cluster.nodes.back().type]);
    gpu::Form form;
    form.kind = gpu::FormKind::Slice;
    form.profile = static_cast<std::uint8_t>(*model.profile_named(profile));
    form.memory_mib = model.profiles[form.profile].memory_mib;
    return form;
  }

  /// A device of the last node that nobody holds.
  void free(std::size_t gpu, const gpu::Form& form, int start = 0) {
    cluster.nodes.back().gpus.at(gpu).slices.push_back(
        {form, static_cast<std::uint8_t>(start), cluster::kNone, ""});
  }

  /// Seats a pod on a device of the last node, at this cost (of the list price).
  void seat(std::uint32_t pod, std::size_t gpu, const gpu::Form& form, int start,
            MicroUsdPerHour cost) {
    cluster::StandingNode& node = cluster.nodes.back();
    node.gpus.at(gpu).slices.push_back({form, static_cast<std::uint8_t>(start), pod, ""});
    const auto index = static_cast<std::uint32_t>(cluster.nodes.size() - 1);
    cluster.pods.at(pod).node = index;
    if (std::find(node.pods.begin(), node.pods.end(), pod) == node.pods.end())
      node.pods.push_back(pod);
    node.used = node.used + cluster.demand.shapes[cluster.demand.pods[pod].shape].requests;
    charge(list, pod, index, gpu, cost);
    if (!node.owned) charge(ledger, pod, index, gpu, cost);
  }

  /// Calls the idle part of a GPU of the last node another waste.
  void waste(std::size_t gpu, plan::Waste waste) {
    for (plan::Ledger* book : {&ledger, &list}) {
      plan::GpuLedger& entry = book->nodes.back().gpus.at(gpu);
      move_waste(*book, entry, waste);
    }
  }

 private:
  static MicroUsdPerHour& of(plan::Ledger& book, plan::Waste waste) {
    return book.wastes.at(static_cast<std::size_t>(waste));
  }
  static void move_waste(plan::Ledger& book, plan::GpuLedger& gpu, plan::Waste to) {
    of(book, gpu.waste).micro -= gpu.idle.micro;
    of(book, to) += gpu.idle;
    gpu.waste = to;
  }
  static void open(plan::Ledger& book, MicroUsdPerHour price, std::size_t gpus) {
    plan::NodeLedger node{price, {}};
    for (const MicroUsdPerHour part : split(price, std::vector<std::int64_t>(gpus, 1)))
      node.gpus.push_back({part, {}, part, plan::Waste::Empty});
    book.nodes.push_back(std::move(node));
    book.bill += price;
    of(book, plan::Waste::Empty) += price;
  }
  void charge(plan::Ledger& book, std::uint32_t pod, std::uint32_t node, std::size_t gpu,
              MicroUsdPerHour cost) {
    plan::GpuLedger& entry = book.nodes.at(node).gpus.at(gpu);
    of(book, entry.waste).micro -= cost.micro;
    entry.idle.micro -= cost.micro;
    entry.shares.push_back({pod, pod_text(cluster.demand, pod), cost});
    book.pods.at(pod) += cost;
    book.workloads.at(cluster.demand.pods.at(pod).workload) += cost;
  }
};

/// A p4d with three slices held, one free and six GPUs idle; an owned g6.xlarge; a T4 that is not
/// ready; two pods that wait and one on a node that Kerf does not know.
inline StandingExample small_cluster() {
  StandingExample e;
  e.market.offerings.clear();  // prices that never change
  for (const auto& [name, price] :
       {std::pair("p4d.24xlarge", 22'400'000), std::pair("g6.xlarge", 800'000),
        std::pair("g4dn.xlarge", 526'000)})
    e.sell(name, {price});
  e.cluster.source = "context prod";
  e.cluster.read_ms = 1'796'032'800'000;
  e.workload("team-a", "embed", 5, "1g.5gb");
  e.workload("team-a", "train", 1, "", cluster::GpuRequestKind::Whole);
  e.workload("team-b", "web", 2, "", cluster::GpuRequestKind::Whole);
  e.node("ip-10-0-1-12.ec2.internal", "p4d.24xlarge", {22'400'000});
  const gpu::Form one = e.slice_form("1g.5gb");
  for (std::uint32_t p = 0; p < 3; ++p) e.seat(p, 0, one, static_cast<int>(p), {350'000});
  e.free(0, e.slice_form("3g.20gb"), 4);
  e.seat(5, 1, gpu::Form{}, 0, {2'800'000});
  for (std::size_t g = 2; g < 8; ++g) e.free(g, gpu::Form{});
  e.waste(0, plan::Waste::Geometry);
  for (std::size_t g = 2; g < 8; ++g) e.waste(g, plan::Waste::Free);
  e.node("ip-10-0-2-7.ec2.internal", "g6.xlarge", {800'000}, true);
  e.seat(6, 0, gpu::Form{}, 0, {800'000});
  e.node("ip-10-0-3-9.ec2.internal", "g4dn.xlarge", {526'000}).ready = false;
  e.free(0, gpu::Form{});
  e.waste(0, plan::Waste::Down);
  for (const std::uint32_t p : {3U, 4U})
    e.cluster.pods[p].waits = "0/3 nodes are available: 3 Insufficient nvidia.com/mig-1g.5gb.";
  e.cluster.pods[7].elsewhere = "fargate-10-0-9-9";
  e.cluster.strange.push_back({"odd-1", "x9.large", 4, "the catalogue has no type x9.large"});
  e.cluster.cpu_nodes = 5;
  return e;
}

}  // namespace kerf::report::testing
