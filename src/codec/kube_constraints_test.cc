// What a spread constraint says of the nodes that it counts.
#include "codec/kube_constraints.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "codec/manifest_testing.h"

namespace kerf::codec {
namespace {

using cluster::PodShape;
using testing::HasSubstr;

/// A pod with a spread constraint over the key; `more` are further fields of it, `lines` of the
/// pod.
std::string spread_pod(std::string_view key, std::string_view more, std::string_view lines = "",
                       std::string_view when = "DoNotSchedule") {
  return gpu_pod_with(
      "  topologySpreadConstraints:\n    - {maxSkew: 1, topologyKey: " + std::string(key) +
      ", whenUnsatisfiable: " + std::string(when) + ", " + std::string(more) +
      ", labelSelector: {matchLabels: {app: web}}}\n" + std::string(lines));
}

constexpr std::string_view kZone = "topology.kubernetes.io/zone";
constexpr std::string_view kHost = "kubernetes.io/hostname";
constexpr std::string_view kSelector = "  nodeSelector: {team: red}\n";
constexpr std::string_view kAffinity =
    "  affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
    "{nodeSelectorTerms: [{matchExpressions: [{key: team, operator: Exists}]}]}}}\n";

TEST(KubeConstraints, ReportsNodePoliciesOfASpreadThatAreNotPlannedFor) {
  struct Case {
    std::string_view key, more, lines;
    std::string_view why;  ///< how the report begins; empty: the pod is planned
  };
  const Case cases[] = {
      {kZone, "nodeAffinityPolicy: Honor, nodeTaintsPolicy: Ignore", kSelector, ""},
      {kZone, "nodeAffinityPolicy: Ignore", kSelector, "nodeAffinityPolicy: Ignore counts nodes"},
      {kZone, "nodeAffinityPolicy: Ignore", kAffinity, "nodeAffinityPolicy: Ignore counts nodes"},
      {kZone, "nodeAffinityPolicy: Ignore", "", ""},
      {kZone, "nodeTaintsPolicy: Honor", "", "nodeTaintsPolicy: Honor leaves out nodes"},
      {"example.com/rack", "nodeTaintsPolicy: Honor", "", "nodeTaintsPolicy: Honor leaves out"},
      {kHost, "nodeAffinityPolicy: Ignore, nodeTaintsPolicy: Honor", kSelector, ""},
  };
  for (const Case& c : cases) {
    const PodShape shape = shape_of(spread_pod(c.key, c.more, c.lines));
    std::string said;
    for (const cluster::Unplaceable& one : shape.unplaceable) said += one.field + ": " + one.why;
    const std::string what = std::string(c.key) + " " + std::string(c.more);
    if (c.why.empty()) EXPECT_EQ(said, "") << what;
    else
      EXPECT_THAT(said,
                  testing::StartsWith("spec.topologySpreadConstraints: " + std::string(c.why)))
          << what;
    EXPECT_EQ(shape.spread.size(), 1U) << what;
  }
}

TEST(KubeConstraints, ReportsBothNodePolicies) {
  const PodShape shape =
      shape_of(spread_pod(kZone, "nodeAffinityPolicy: Ignore, nodeTaintsPolicy: Honor", kSelector));
  EXPECT_EQ(shape.unplaceable.size(), 2U);
}

TEST(KubeConstraints, PassesOverNodePoliciesOfASpreadThatIsOnlyPreferred) {
  const PodShape shape =
      shape_of(spread_pod(kZone, "nodeTaintsPolicy: Honor", "", "ScheduleAnyway"));
  EXPECT_TRUE(shape.unplaceable.empty());
  EXPECT_TRUE(shape.spread.empty());
}

TEST(KubeConstraints, RefusesNodePoliciesThatTheApiServerRefuses) {
  EXPECT_THAT(refusal_of(spread_pod(kHost, "nodeAffinityPolicy: Never")),
              HasSubstr("spec.topologySpreadConstraints[0]: nodeAffinityPolicy: expected Honor or "
                        "Ignore, got \"Never\""));
  EXPECT_THAT(refusal_of(spread_pod(kHost, "nodeTaintsPolicy: honor")),
              HasSubstr("nodeTaintsPolicy: expected Honor or Ignore, got \"honor\""));
}

}  // namespace
}  // namespace kerf::codec
