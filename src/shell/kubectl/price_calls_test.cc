// Which pods are asked for prices, and where.
#include "shell/kubectl/price_calls.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/json.h"

namespace kerf::kubectl {
namespace {

using codec::Node;

Node pod(std::string_view ns, std::string_view name, std::string_view label = "karpenter",
         std::string_view phase = "Running", std::string_view ports = "") {
  return codec::parse_json(fmt::format(R"({{"metadata": {{"namespace": "{}", "name": "{}",
                          "labels": {{"app.kubernetes.io/name": "{}"}}}},
                          "spec": {{"containers": [{{"name": "controller", "ports": [{}]}}]}},
                          "status": {{"phase": "{}"}}}})",
                                       ns, name, label, ports, phase),
                           "pod.json")
      .value()
      .root;
}

TEST(PriceCalls, AskKarpentersRunningPodsOnTheirMetricsPort) {
  const auto calls = price_calls(
      {pod("kube-system", "karpenter-1"), pod("kube-system", "web", "web"),
       pod("kube-system", "karpenter-2", "karpenter", "Pending"),
       pod("kube-system", "karpenter-3", "karpenter", "Running",
           R"({"name": "http", "containerPort": 8081}, {"name": "http-metrics", "containerPort": 9090})"),
       Node::mapping()});
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(calls[0].pod, "kube-system/karpenter-1");
  EXPECT_EQ(calls[0].path, "/api/v1/namespaces/kube-system/pods/karpenter-1:8080/proxy/metrics");
  EXPECT_EQ(calls[1].path, "/api/v1/namespaces/kube-system/pods/karpenter-3:9090/proxy/metrics");
}

TEST(PriceCalls, PassOverNamesThatAreNone) {
  for (const char* name : {"", "../../secrets", "a/b", "a?b", "a#b", "a b", "A", "a%2f"}) {
    EXPECT_TRUE(price_calls({pod("kube-system", name)}).empty()) << name;
    EXPECT_TRUE(price_calls({pod(name, "karpenter")}).empty()) << name;
  }
  for (const char* port : {"0", "-1", "70000", "\"8081\""}) {
    const auto calls =
        price_calls({pod("a", "b", "karpenter", "Running",
                         fmt::format(R"({{"name": "http-metrics", "containerPort": {}}})", port))});
    ASSERT_EQ(calls.size(), 1u);
    EXPECT_EQ(calls[0].path, "/api/v1/namespaces/a/pods/b:8080/proxy/metrics");
  }
}

TEST(PriceCalls, AreNotMoreThanTheBound) {
  std::vector<Node> pods;
  for (int i = 0; i < 40; ++i) pods.push_back(pod("a", fmt::format("karpenter-{}", i)));
  EXPECT_EQ(price_calls(pods).size(), kPagesMax);
}

}  // namespace
}  // namespace kerf::kubectl
