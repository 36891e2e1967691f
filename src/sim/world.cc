// Puts a cluster together and starts it.
#include "sim/world.h"

#include <utility>

namespace kerf::sim {

World::World(WorldSpec spec)
    : spec_(std::move(spec)),
      clock_(spec_.start),
      api_(clock_),
      prices_(spec_.market, spec_.prices, spec_.seed, spec_.start),
      nodes_(api_, spec_.seed, spec_.nodes),
      scheduler_(api_, spec_.seed, spec_.scheduler),
      workloads_(api_, spec_.seed, spec_.controllers),
      evictions_(api_, spec_.seed,
                 [this](const control::Owner& owner) { return workloads_.wanted(owner); }),
      karpenter_({api_, nodes_, lease_, spec_.market->gpus, spec_.seed, spec_.machines}, prices_,
                 spec_.karpenter),
      controller_(api_, prices_, lease_, spec_.controller, spec_.seed) {
  for (const control::NodeClass& node_class : spec_.node_classes) api_.create(node_class);
  for (const control::PriorityClass& priority : spec_.priorities) api_.create(priority);
  for (const control::SlicePolicy& policy : spec_.policies) api_.create(policy);
  for (const BudgetSpec& budget : spec_.budgets) evictions_.put_budget(budget);
  controller_.start();
  for (const WorkloadSpec& workload : spec_.workloads) workloads_.add(workload);
}

World::~World() = default;

std::uint64_t World::hash() const {
  Hasher hasher;
  clock_.add_to(hasher);
  api_.add_to(hasher);
  prices_.add_to(hasher);
  nodes_.add_to(hasher);
  scheduler_.add_to(hasher);
  workloads_.add_to(hasher);
  evictions_.add_to(hasher);
  karpenter_.add_to(hasher);
  controller_.add_to(hasher);
  return hasher.value();
}

}  // namespace kerf::sim
