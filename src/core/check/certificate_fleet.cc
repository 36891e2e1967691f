// verify_fleet: the fleet beside a certificate, by the topics that check every plan.
#include <algorithm>

#include "core/check/audit.h"
#include "core/check/certificate.h"

namespace kerf::check {
namespace {

/// The plan that these nodes are, as far as the topics read it.
plan::Plan plan_of(const std::vector<plan::NodePlan>& nodes, const cluster::Demand& demand,
                   const market::Market& market) {
  plan::Plan plan;
  plan.nodes = nodes;
  std::vector<bool> placed(demand.pods.size(), false);
  for (std::uint32_t n = 0; n < plan.nodes.size(); ++n) {
    plan::NodePlan& node = plan.nodes[n];
    if (node.type < market.types.size()) {
      node.allocatable = allocatable_of(market.types[node.type], demand.overhead);
      plan.utilisation.gpus += market.types[node.type].gpu_count;
    }
    for (const std::uint32_t pod : node.pods) {
      plan::Placement placement;
      placement.pod = pod;
      placement.node = n;
      for (const plan::GpuPlan& gpu : node.gpus) {
        for (const plan::SlicePlan& slice : gpu.slices) {
          if (slice.pod == pod) placement.form = slice.form;
        }
      }
      plan.placements.push_back(std::move(placement));
      if (pod < placed.size()) placed[pod] = true;
    }
    plan.bill += node.price;
  }
  for (std::uint32_t pod = 0; pod < placed.size(); ++pod) {
    if (!placed[pod]) plan.unplaced.push_back({pod, {plan::ReasonCode::Unsupported, {}}});
  }
  return plan;
}

bool amounts_hold(Audit& audit) {
  Int128 bill = 0;
  for (std::size_t i = 0; i < audit.plan.nodes.size(); ++i) {
    const plan::NodePlan& node = audit.plan.nodes[i];
    bill += node.price.micro;
    if (node.price.micro < 0) audit.complain("node {} costs less than nothing", i);
  }
  if (bill > INT64_MAX / 2) audit.complain("the nodes cost more than can be reckoned with");
  return audit.complaints.empty();
}

}  // namespace

FleetVerdict verify_fleet(const std::vector<plan::NodePlan>& nodes,
                          const plan::Certificate& certificate, const cluster::Demand& demand,
                          const market::Market& market, const cluster::Policy& policy) {
  const plan::Plan plan = plan_of(nodes, demand, market);
  // Headroom that the proof does not count is not part of the plan: limits may leave none.
  cluster::Policy counted_policy = policy;
  for (std::size_t h = 0; h < policy.headroom.size(); ++h) {
    const bool counts = std::any_of(certificate.groups.begin(), certificate.groups.end(),
                                    [&](const plan::Certificate::Group& group) {
                                      return group.headroom == static_cast<std::int32_t>(h);
                                    });
    if (!counts) counted_policy.headroom[h].count = 0;
  }
  Audit audit{plan, demand, market, counted_policy, {}, {}};
  FleetVerdict verdict;
  if (amounts_hold(audit) && indices_hold(audit)) {
    check_fleet(audit);
    check_prices(audit);
    std::vector<bool> counted(demand.pods.size(), false);
    for (const plan::Certificate::Group& group : certificate.groups) {
      for (const std::uint32_t pod : group.pods) {
        if (pod < counted.size()) counted[pod] = true;
      }
    }
    std::vector<bool> placed(demand.pods.size(), false);
    for (const plan::Placement& placement : plan.placements) placed[placement.pod] = true;
    for (std::uint32_t pod = 0; pod < placed.size(); ++pod) {
      if (placed[pod] == counted[pod]) continue;
      audit.complain(
          "{} is {}", audit.pod_name(pod),
          placed[pod] ? "on a node and not in the proof" : "in the proof and on no node");
    }
    verdict.pods = static_cast<std::int64_t>(plan.placements.size());
    verdict.bill = plan.bill;
  }
  if (audit.complaints.size() > Verdict::kMostComplaints) {
    audit.complaints.resize(Verdict::kMostComplaints);
  }
  verdict.complaints = std::move(audit.complaints);
  return verdict;
}

}  // namespace kerf::check
