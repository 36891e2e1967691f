// Looks into demand and policy for what was left unsaid and counts in the result.
#include "report/assumptions.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "report/text.h"

namespace kerf::report {
namespace {

std::string daemonsets(const cluster::Demand& demand) {
  if (demand.overhead.source.empty())
    return "DaemonSets: none given (--daemonsets CPU,MEMORY takes their part off every node).";
  const Resources& taken = demand.overhead.daemonsets;
  return fmt::format("{}: {}m CPU and {} MiB of every node.", demand.overhead.source,
                     taken.cpu_milli, taken.memory_mib);
}

std::string missing_requests(const cluster::Demand& demand) {
  const auto pods =
      std::count_if(demand.pods.begin(), demand.pods.end(), [&](const cluster::Pod& pod) {
        const Resources& asked = demand.shapes.at(pod.shape).requests;
        return asked.cpu_milli == 0 || asked.memory_mib == 0;
      });
  if (pods == 0) return {};
  return fmt::format(
      "{} no CPU or no memory request: what is missing counts as 0, and nodes may be too small.",
      counted(pods, "pod states", "pods state"));
}

std::string unlimited_baselines(const plan::Plan& plan, const cluster::Policy& policy) {
  if (plan.baselines.empty() || (!policy.limit_per_hour && !policy.limit_gpus)) return {};
  return "The policy's limits bind this plan only, not the other ways that it is compared with.";
}

}  // namespace

std::string_view overhead_source(const cluster::Demand& demand) {
  return demand.overhead.source.empty() ? "none given" : std::string_view(demand.overhead.source);
}

std::vector<std::string> assumptions(const plan::Plan& plan, const cluster::Demand& demand,
                                     const cluster::Policy& policy) {
  std::vector<std::string> all;
  if (demand.pods.empty()) return all;
  all.push_back(daemonsets(demand));
  for (std::string text : {missing_requests(demand), unlimited_baselines(plan, policy)})
    if (!text.empty()) all.push_back(std::move(text));
  return all;
}

}  // namespace kerf::report
