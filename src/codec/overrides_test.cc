// Which workload an option names: by name, namespace, kind, and the short kinds of kubectl.
#include "codec/overrides.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace kerf::codec {
namespace {

TEST(Overrides, TakeKindsAsKubectlDoes) {
  const std::vector<OverrideTarget> targets = {
      {"Deployment", "default", "web", 0}, {"StatefulSet", "default", "web", 1},
      {"ReplicaSet", "default", "web", 2}, {"ReplicationController", "default", "web", 3},
      {"DaemonSet", "default", "web", 4},  {"LeaderWorkerSet", "default", "web", 5},
      {"CronJob", "default", "web", 6},    {"Job", "default", "web", 7},
      {"Pod", "default", "web", 8},        {"Job", "deploy", "train", 9}};
  const std::pair<const char*, std::size_t> cases[] = {
      {"deploy/web", 0},      {"Deployment/web", 0}, {"deployments/web", 0}, {"sts/web", 1},
      {"statefulset/web", 1}, {"rs/web", 2},         {"rc/web", 3},          {"ds/web", 4},
      {"lws/web", 5},         {"cj/web", 6},         {"cronjobs/web", 6},    {"job/web", 7},
      {"JOBS/web", 7},        {"po/web", 8},         {"pods/web", 8},        {"PO/default/web", 8},
      {"deploy/train", 9}};
  for (const auto& [key, object] : cases) {
    const auto found = find_target("--replicas", key, targets);
    ASSERT_TRUE(found) << found.error().message();
    EXPECT_EQ(*found, object) << key;
  }
}

TEST(Overrides, RefuseShortKindsThatNameNothingOrTwo) {
  const std::vector<OverrideTarget> targets = {
      {"Deployment", "a", "web", 0}, {"Deployment", "b", "web", 1}, {"Job", "a", "train", 2}};
  const std::pair<const char*, const char*> cases[] = {
      {"sts/web", "the input has no such workload"},
      {"s/web", "the input has no such workload"},
      {"/web", "the input has no such workload"},
      {"deploy/web", "this means Deployment a/web, Deployment b/web"},
  };
  for (const auto& [key, words] : cases) {
    const auto found = find_target("--replicas", key, targets);
    ASSERT_FALSE(found) << key;
    EXPECT_NE(found.error().message().find(words), std::string::npos) << found.error().message();
  }
}

}  // namespace
}  // namespace kerf::codec
