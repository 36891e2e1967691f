// One family after the other, by policy.
#include "shell/controller/overview_gauges.h"

#include <optional>
#include <utility>
#include <vector>

namespace kerf::shell {
namespace {

using controller::Money;
using controller::Overview;
using telemetry::Labels;
using telemetry::Metrics;
using telemetry::Series;

/// One value for each policy that has it.
template <class Of>
void by_policy(Metrics& metrics, const char* name, const char* help, const Overview& overview,
               Of of) {
  std::vector<Series> series;
  for (const Money& money : overview.policies) {
    const std::optional<double> value = of(money);
    if (value) series.push_back({{{"policy", money.policy}}, *value});
  }
  metrics.replace_gauges(name, help, std::move(series));
}

std::optional<double> dollars_if(const std::optional<MicroUsdPerHour>& rate) {
  return rate ? std::optional(dollars(*rate)) : std::nullopt;
}

void set_bills(const Overview& overview, Metrics& metrics) {
  by_policy(metrics, "kerf_usd_per_hour",
            "Dollars per hour of the GPU nodes that a policy's pods run on or that it bought",
            overview, [](const Money& m) { return std::optional(dollars(m.figures.bill)); });
  by_policy(metrics, "kerf_could_be_usd_per_hour",
            "What the same pods would cost if Kerf bought for all of them now", overview,
            [](const Money& m) { return dollars_if(m.figures.could_be); });
  by_policy(metrics, "kerf_bound_usd_per_hour", "No fleet for the same pods costs less", overview,
            [](const Money& m) { return dollars_if(m.figures.bound); });
  by_policy(metrics, "kerf_whole_gpus_usd_per_hour",
            "What the same pods would cost on whole GPUs, as Karpenter packs them", overview,
            [](const Money& m) { return dollars_if(m.figures.whole_gpus); });
  by_policy(metrics, "kerf_saved_usd_per_hour",
            "What whole GPUs would cost more than what is paid now", overview,
            [](const Money& m) -> std::optional<double> {
              if (!m.figures.whole_gpus) return std::nullopt;
              return dollars(*m.figures.whole_gpus - m.figures.bill);
            });
}

void set_uses(const Overview& overview, Metrics& metrics) {
  by_policy(metrics, "kerf_bought_usd_per_hour", "Dollars per hour of the nodes that it bought",
            overview, [](const Money& m) { return std::optional(dollars(m.bill)); });
  by_policy(metrics, "kerf_used_usd_per_hour", "Of what it bought: what pods hold", overview,
            [](const Money& m) { return std::optional(dollars(m.used)); });
  by_policy(metrics, "kerf_utilisation_ratio", "Of what it bought: the part that pods hold",
            overview, [](const Money& m) -> std::optional<double> {
              if (m.bill.micro <= 0) return std::nullopt;
              return static_cast<double>(m.used.micro) / static_cast<double>(m.bill.micro);
            });
  std::vector<Series> stranded;
  for (const Money& money : overview.policies)
    for (int i = 0; i < controller::kStranded; ++i)
      stranded.push_back({{{"policy", money.policy},
                           {"cause", controller::to_string(static_cast<controller::Stranded>(i))}},
                          dollars(money.stranded[i])});
  metrics.replace_gauges("kerf_stranded_usd_per_hour", "Of what it bought: what nobody uses",
                         std::move(stranded));
}

void set_counts(const Overview& overview, Metrics& metrics) {
  const auto number = [](std::int64_t n) { return std::optional(static_cast<double>(n)); };
  by_policy(metrics, "kerf_pods", "Pods with a GPU request that it governs", overview,
            [&](const Money& m) { return number(m.figures.pods); });
  by_policy(metrics, "kerf_pods_pending", "Of them: pending", overview,
            [&](const Money& m) { return number(m.figures.pending); });
  by_policy(metrics, "kerf_pods_unserved", "Of them: those that could_be leaves out", overview,
            [&](const Money& m) { return number(m.figures.unserved); });
  by_policy(metrics, "kerf_nodeclaims_unlaunched", "NodeClaims without an instance yet", overview,
            [&](const Money& m) { return number(m.claims_unlaunched); });
  by_policy(metrics, "kerf_policy_acts", "1: mode Act; 0: Observe", overview,
            [&](const Money& m) { return number(m.act ? 1 : 0); });
  std::vector<Series> nodes;
  for (const Money& money : overview.policies) {
    const auto add = [&](const char* state, std::int64_t count) {
      nodes.push_back({{{"policy", money.policy}, {"state", state}}, static_cast<double>(count)});
    };
    add("in_service", money.nodes_in_service);
    add("not_in_service", money.nodes - money.nodes_in_service);
  }
  metrics.replace_gauges("kerf_nodes", "Nodes that it bought", std::move(nodes));
  std::vector<Series> slices;
  for (const controller::SliceCount& slice : overview.slices)
    slices.push_back({{{"policy", slice.policy},
                       {"model", slice.model},
                       {"profile", slice.form},
                       {"state", slice.state}},
                      static_cast<double>(slice.count)});
  metrics.replace_gauges("kerf_slices", "Slices, whole GPUs and replicas of its nodes",
                         std::move(slices));
}

}  // namespace

void set_overview_gauges(const Overview& overview, Metrics& metrics) {
  set_bills(overview, metrics);
  set_uses(overview, metrics);
  set_counts(overview, metrics);
}

}  // namespace kerf::shell
