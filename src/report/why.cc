// What is found out about a pod or a workload: pure look-ups in the reading, and the planner's own
// prices.
#include "report/why.h"

namespace kerf::report {

Why find_why(const Standing& in, const cluster::Policy& policy, const WhyTarget& target) {
  const cluster::Demand& demand = in.cluster.demand;
  Why why;
  why.target = target;
  for (std::uint32_t p = 0; p < demand.pods.size(); ++p)
    if (target.pod ? p == *target.pod : demand.pods[p].workload == target.workload)
      why.pods.push_back(p);
  if (why.pods.empty()) return why;
  why.example = why.pods.front();
  for (const std::uint32_t p : why.pods)
    if (state_of(in.cluster.pods.at(p)) == PodState::Waits) {
      why.example = p;
      break;
    }
  const std::uint32_t shape = demand.pods[why.example].shape;
  std::vector<std::uint32_t> alike;
  for (std::uint32_t p = 0; p < demand.pods.size(); ++p) {
    if (demand.pods[p].workload != target.workload) continue;
    if (demand.pods[p].shape == shape) alike.push_back(p);
    else why.many_shapes = true;
  }
  why.alternatives = plan::alternatives(demand, alike, in.market, policy);
  if (state_of(in.cluster.pods.at(why.example)) == PodState::Waits)
    why.obstacles = plan::obstacles(in.cluster, in.market, policy, why.example);
  return why;
}

std::string_view meaning(plan::Obstacle obstacle) {
  switch (obstacle) {
    case plan::Obstacle::NoDevice: return "no such device";
    case plan::Obstacle::Selector: return "not selected by the pod";
    case plan::Obstacle::Zone: return "the pod's volumes are in other zones";
    case plan::Obstacle::Taint: return "a taint that is not tolerated";
    case plan::Obstacle::Down: return "not ready";
    case plan::Obstacle::Cordoned: return "cordoned";
    case plan::Obstacle::Held: return "such devices, and too few are free";
    case plan::Obstacle::Cpu: return "too little CPU left";
    case plan::Obstacle::Memory: return "too little memory, disk or pod slots left";
    case plan::Obstacle::Nothing: return "nothing that Kerf sees: it would fit";
  }
  return "?";
}

}  // namespace kerf::report
