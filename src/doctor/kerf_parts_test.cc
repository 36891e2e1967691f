// Kerf itself: kinds, agents, policies, images.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "doctor/doctor_testing.h"

namespace kerf::doctor {
namespace {

using testing::Case;
using ::testing::HasSubstr;
using testing::names;

std::string part(std::string_view name, std::string_view node, std::string_view image) {
  return "kind: Pod\nmetadata: {name: " + std::string(name) + "-" + std::string(node) +
         ", namespace: kerf-system, labels: {app.kubernetes.io/name: " + std::string(name) +
         "}, ownerReferences: [{kind: DaemonSet, controller: true}]}\nspec: {nodeName: " +
         std::string(node) + ", containers: [{image: \"" + std::string(image) +
         "\"}]}\nstatus: {phase: Running}";
}
constexpr std::string_view kManaged = ", kerf.dev/managed: \"true\"";

TEST(Kerf, ThatIsNotInstalledIsNoProblem) {
  Case c;
  c.without("GpuNode").without("SlicePolicy");
  EXPECT_TRUE(c.has(Code::KerfAbsent));
  EXPECT_FALSE(c.has(Code::KerfReady));
  EXPECT_EQ(c.examined().count(Severity::Problem), 0);
}

TEST(Agents, ThatAreMissingOnManagedNodesAreAProblem) {
  Case c;
  c.node("a", "p5.4xlarge", ", nvidia.com/mig-1g.10gb: \"7\"", kManaged);
  c.node("b", "p5.4xlarge", ", nvidia.com/mig-1g.10gb: \"7\"", kManaged);
  c.node("other", "p5.4xlarge", ", nvidia.com/gpu: \"1\"");
  c.add(part("kerf-agent", "a", "kerf.dev/kerfd:0.1.0"));
  EXPECT_EQ(names(c.one(Code::AgentMissing)), "Node b");
  c.reading.only_namespace = "team";
  EXPECT_FALSE(c.has(Code::AgentMissing)) << "pods of kerf-system were not read";
}

TEST(GpuNodes, ThatAreDegradedAreToldByReason) {
  Case c;
  for (const char* name : {"a", "b"}) {
    c.add("kind: GpuNode\nmetadata: {name: " + std::string(name) +
          "}\nstatus: {conditions: [{type: Degraded, status: \"True\", reason: ModeOff, message: "
          "\"GPU 0: MIG mode is off\"}]}");
  }
  c.add(
      "kind: GpuNode\nmetadata: {name: well}\nstatus: {conditions: [{type: Degraded, status: "
      "\"False\", reason: AsExpected}]}");
  const Finding one = c.one(Code::NodeDegraded);
  EXPECT_EQ(names(one), "GpuNode a, GpuNode b");
  EXPECT_EQ(one.says, "2 GpuNodes are Degraded (ModeOff): GPU 0: MIG mode is off");
  EXPECT_FALSE(c.has(Code::KerfReady));
}

TEST(Policies, TellTheirModeAndWhatIsFalse) {
  Case c;
  c.add(R"(
kind: SlicePolicy
metadata: {name: research}
spec: {}
status:
  conditions:
  - {type: Accepted, status: "True", reason: Valid}
  - {type: PricesCurrent, status: "False", reason: ShippedTable, message: no page has prices}
---
kind: SlicePolicy
metadata: {name: act}
spec: {mode: Act}
)");
  EXPECT_EQ(names(c.one(Code::PolicyObserves)), "SlicePolicy research");
  EXPECT_EQ(c.one(Code::PolicyTrouble).says,
            "SlicePolicy research: PricesCurrent is False (ShippedTable): no page has prices");
}

TEST(Images, OfControllerAndAgentsAreToBeOne) {
  Case c;
  c.add(part("kerf-agent", "a", "kerf.dev/kerfd:0.1.0"));
  c.add(part("kerf-controller", "b", "kerf.dev/kerfd:0.1.0"));
  EXPECT_FALSE(c.has(Code::VersionsDiffer));
  EXPECT_THAT(c.one(Code::KerfReady).says, HasSubstr("kerf.dev/kerfd:0.1.0 runs"));
  c.add(part("kerf-agent", "b", "kerf.dev/kerfd:0.2.0"));
  EXPECT_THAT(c.one(Code::VersionsDiffer).says, HasSubstr("kerfd:0.1.0, kerf.dev/kerfd:0.2.0"));
}

}  // namespace
}  // namespace kerf::doctor
