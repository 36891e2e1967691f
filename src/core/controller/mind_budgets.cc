// Budgets of namespaces: what their pods hold of the nodes, and what they could still afford.
#include <algorithm>
#include <map>

#include "core/controller/mind.h"

namespace kerf::controller {

using control::SlicePolicy;
using online::DeviceAt;

namespace {

/// 2857 thousandths as "2.86".
std::string text_of_milli(std::int64_t milli) {
  const std::int64_t hundredths = (milli + 5) / 10;
  const std::string digits = std::to_string(hundredths % 100);
  return std::to_string(hundredths / 100) + "." + (digits.size() == 1 ? "0" : "") + digits;
}

}  // namespace

/// Rate and thousandths of GPUs that a pod's devices are of its node, by the parts that are in use.
Controller::Mind::Part Controller::Mind::part_of(const gpu::Model& model, MicroUsdPerHour price,
                                                 std::int64_t gpus,
                                                 const std::vector<DeviceAt>& devices) {
  Part part;
  for (const DeviceAt& at : devices) part.gpu_milli += milli_of(model, at.form);
  part.rate = {price.micro * part.gpu_milli / (1000 * std::max<std::int64_t>(gpus, 1))};
  return part;
}

Controller::Mind::Part Controller::Mind::spent(const SlicePolicy& policy, const std::string& ns) {
  const auto [known, fresh] = spent_.try_emplace({policy.meta.name, ns});
  Part& sum = known->second;
  if (!fresh) return sum;
  for (const auto& [name, machine] : fleet_) {
    if (machine.policy != policy.meta.name) continue;
    for (const control::Pod* pod : machine.unseated) {
      if (pod->meta.ns != ns) continue;
      // Nobody knows which parts: no less than this.
      const std::int64_t gpus = std::ssize(resources_of(pod->shape));
      sum.gpu_milli += 1000 * gpus;
      sum.rate += MicroUsdPerHour{machine.price.micro * gpus / machine.instance->gpu_count};
    }
    for (const Seat& seat : machine.seats) {
      if (seat.shape->ns != ns) continue;
      const Part part =
          part_of(*machine.model, machine.price, machine.instance->gpu_count, seat.devices);
      sum.rate += part.rate;
      sum.gpu_milli += part.gpu_milli;
    }
  }
  return sum;
}

bool Controller::Mind::within_budget(const SlicePolicy& policy, const std::string& ns) {
  const auto budget = policy.budgets.find(ns);
  if (budget == policy.budgets.end()) return true;
  const Part now = spent(policy, ns);
  const auto full = full_.find({policy.meta.name, ns});
  if (full != full_.end()) {
    const Part& then = full->second.held;
    if (full->second.generation == policy.meta.generation && now.rate >= then.rate &&
        now.gpu_milli >= then.gpu_milli)
      return false;
    full_.erase(full);  // somebody left, or the policy is another: ask again
  }
  return true;
}

/// Do the pods of the node stay within the budgets of their namespaces? Where not, the namespace is
/// full until it holds less.
bool Controller::Mind::affordable(const SlicePolicy& policy, const Problem& problem,
                                  const plan::NodePlan& node) {
  const market::InstanceType& type = problem.market->types[node.type];
  std::map<std::string, Part> more;
  for (const std::uint32_t pod : node.pods) {
    const std::string& ns = problem.pending.shapes[problem.pending.pods[pod].shape].ns;
    const Part part =
        part_of(problem.market->model_of(type), node.price, type.gpu_count, devices_of(node, pod));
    more[ns].rate += part.rate;
    more[ns].gpu_milli += part.gpu_milli;
  }
  bool all = true;
  for (const auto& [ns, part] : more) {
    const auto budget = policy.budgets.find(ns);
    if (budget == policy.budgets.end()) continue;
    const Part now = spent(policy, ns);
    const bool dear = budget->second.per_hour && now.rate + part.rate > *budget->second.per_hour;
    const bool many =
        budget->second.gpus && now.gpu_milli + part.gpu_milli > *budget->second.gpus * 1000;
    if (!dear && !many) continue;
    full_[{policy.meta.name, ns}] = {now, policy.meta.generation};
    all = false;
  }
  return all;
}

std::vector<std::string> Controller::Mind::over_budget(const SlicePolicy& policy,
                                                       const std::string& ns) {
  const Part held = spent(policy, ns);
  const auto& budget = policy.budgets.at(ns);
  return {"NamespaceBudget",
          ns,
          budget.per_hour ? format_usd(*budget.per_hour) : "",
          format_usd(held.rate),
          budget.gpus ? std::to_string(*budget.gpus) : "",
          text_of_milli(held.gpu_milli)};
}

}  // namespace kerf::controller
