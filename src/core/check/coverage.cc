// Coverage: every index is valid, and every pod is placed exactly once or unplaced with a reason.
#include <algorithm>

#include "core/check/audit.h"

namespace kerf::check {
namespace {

using plan::ReasonCode;

bool is_placed_reason(ReasonCode code) {
  return code == ReasonCode::CheapestForm || code == ReasonCode::OnlyForm ||
         code == ReasonCode::FillsRoom || code == ReasonCode::PartOfFleet;
}

/// Demand and market agree with themselves.
void check_inputs(Audit& audit) {
  const auto& demand = audit.demand;
  for (std::size_t i = 0; i < demand.pods.size(); ++i) {
    if (demand.pods[i].shape >= demand.shapes.size() ||
        demand.pods[i].workload >= demand.workloads.size()) {
      audit.complain("pod {} of the demand names a shape or workload that does not exist", i);
    }
  }
  for (const market::InstanceType& type : audit.market.types) {
    const auto& models = audit.market.gpus.models;
    const auto found = std::find_if(models.begin(), models.end(), [&](const gpu::Model& model) {
      return model.key == type.gpu_model;
    });
    audit.models.push_back(found == models.end() ? nullptr : &*found);
  }
}

void check_node_indices(Audit& audit, std::size_t index) {
  const plan::NodePlan& node = audit.plan.nodes[index];
  const std::size_t pods = audit.demand.pods.size();
  if (node.type >= audit.market.types.size()) {
    audit.complain("node {} is of a type that the market does not have", index);
    return;
  }
  if (audit.models[node.type] == nullptr) {
    audit.complain("node {}: the catalogue has no GPU model {}", index,
                   audit.type_of(node).gpu_model);
  }
  for (const std::uint32_t pod : node.pods) {
    if (pod >= pods) audit.complain("node {} lists pod {}, which does not exist", index, pod);
  }
  for (const plan::GpuPlan& gpu : node.gpus) {
    for (const plan::SlicePlan& slice : gpu.slices) {
      if (slice.pod != plan::kNoPod && slice.pod >= pods) {
        audit.complain("node {} gives a slice to pod {}, which does not exist", index, slice.pod);
      }
    }
  }
}

/// How often each pod appears in each of the places that must agree.
struct Seen {
  std::int64_t placements = 0;
  std::int64_t unplaced = 0;
  std::int64_t in_nodes = 0;
};

}  // namespace

bool indices_hold(Audit& audit) {
  const plan::Plan& plan = audit.plan;
  const std::size_t pods = audit.demand.pods.size();
  check_inputs(audit);
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) check_node_indices(audit, i);
  for (const plan::Placement& placement : plan.placements) {
    if (placement.pod >= pods || placement.node >= plan.nodes.size()) {
      audit.complain("a placement puts pod {} on node {}, one of which does not exist",
                     placement.pod, placement.node);
    }
  }
  for (const plan::Unplaced& unplaced : plan.unplaced) {
    if (unplaced.pod >= pods) {
      audit.complain("pod {} is listed as unplaced and does not exist", unplaced.pod);
    }
  }
  for (const plan::Action& action : plan.actions) {
    const bool nodes_exist =
        std::all_of(action.nodes.begin(), action.nodes.end(),
                    [&](std::uint32_t node) { return node < plan.nodes.size(); });
    if (!nodes_exist || action.type >= audit.market.types.size()) {
      audit.complain("an action names a node or a type that does not exist");
    }
  }
  return audit.complaints.empty();
}

void check_coverage(Audit& audit) {
  const plan::Plan& plan = audit.plan;
  std::vector<Seen> seen(audit.demand.pods.size());
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    const auto& pods = plan.nodes[i].pods;
    for (const std::uint32_t pod : pods) ++seen[pod].in_nodes;
    if (!std::is_sorted(pods.begin(), pods.end())) {
      audit.complain("{} does not list its pods in ascending order", audit.node_name(i));
    }
  }
  for (const plan::Placement& placement : plan.placements) {
    ++seen[placement.pod].placements;
    const auto& pods = plan.nodes[placement.node].pods;
    if (std::find(pods.begin(), pods.end(), placement.pod) == pods.end()) {
      audit.complain("{} is placed on {}, which does not list it", audit.pod_name(placement.pod),
                     audit.node_name(placement.node));
    }
    if (!is_placed_reason(placement.reason.code)) {
      audit.complain("{} is placed with the reason of an unplaced pod",
                     audit.pod_name(placement.pod));
    }
    if (!audit.shape_of(placement.pod).unplaceable.empty()) {
      audit.complain("{} is placed although its {} cannot be honoured",
                     audit.pod_name(placement.pod),
                     audit.shape_of(placement.pod).unplaceable.front().field);
    }
  }
  for (const plan::Unplaced& unplaced : plan.unplaced) {
    ++seen[unplaced.pod].unplaced;
    const ReasonCode code = unplaced.reason.code;
    if (is_placed_reason(code)) {
      audit.complain("{} is not placed and has no reason for it", audit.pod_name(unplaced.pod));
    }
    if ((code == ReasonCode::LimitPerHour && !audit.policy.limit_per_hour) ||
        (code == ReasonCode::LimitGpus && !audit.policy.limit_gpus)) {
      audit.complain("{} is not placed because of a limit that the policy does not have",
                     audit.pod_name(unplaced.pod));
    }
  }
  for (std::uint32_t pod = 0; pod < seen.size(); ++pod) {
    const Seen& times = seen[pod];
    if (times.placements + times.unplaced != 1) {
      audit.complain("{} is placed {} times and unplaced {} times, instead of once in all",
                     audit.pod_name(pod), times.placements, times.unplaced);
    }
    if (times.in_nodes != times.placements) {
      audit.complain("{} has {} placements and is listed by nodes {} times", audit.pod_name(pod),
                     times.placements, times.in_nodes);
    }
  }
}

}  // namespace kerf::check
