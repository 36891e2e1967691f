// What the tests of doctor share: a reading made of YAML, object by object, and what examine()
// says.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "codec/catalogue.h"
#include "codec/cluster_reading.h"
#include "codec/yaml.h"
#include "doctor/doctor.h"

namespace kerf::doctor::testing {

/// Kinds as codec::cluster_kinds() has them; the checks know them by `kind` alone.
inline constexpr codec::ClusterKind kKinds[] = {
    {"pods", "v1", "Pod", true, "nothing can be planned"},
    {"nodes", "v1", "Node", false, "nothing can be planned"},
    {"deployments.apps", "apps/v1", "Deployment", true, ""},
    {"daemonsets.apps", "apps/v1", "DaemonSet", true, "what they take of each node is not known"},
    {"poddisruptionbudgets.policy", "policy/v1", "PodDisruptionBudget", true, ""},
    {"nodeclaims.karpenter.sh", "karpenter.sh/v1", "NodeClaim", false, ""},
    {"nodepools.karpenter.sh", "karpenter.sh/v1", "NodePool", false,
     "limits of NodePools are not known"},
    {"nodeoverlays.karpenter.sh", "karpenter.sh/v1alpha1", "NodeOverlay", false, ""},
    {"ec2nodeclasses.karpenter.k8s.aws", "karpenter.k8s.aws/v1", "EC2NodeClass", false, ""},
    {"clusterpolicies.nvidia.com", "nvidia.com/v1", "ClusterPolicy", false, ""},
    {"deviceclasses.resource.k8s.io", "resource.k8s.io/v1", "DeviceClass", false, ""},
    {"resourceslices.resource.k8s.io", "resource.k8s.io/v1", "ResourceSlice", false, ""},
    {"gpunodes.kerf.dev", "kerf.dev/v1alpha1", "GpuNode", false, ""},
    {"slicepolicies.kerf.dev", "kerf.dev/v1alpha1", "SlicePolicy", false, ""},
};

/// 2026-11-29T16:00:00Z.
inline constexpr std::int64_t kTaken = 1'795'968'000'000;

/// A reading that grows. It begins as a cluster in which all is well: Kubernetes 1.36, every kind
/// served, Karpenter 1.14.1 with prices.
class Case {
 public:
  Case() {
    reading.context = "prod";
    reading.source = "context prod";
    reading.taken_ms = kTaken;
    reading.server_version = "v1.36.3";
    for (const codec::ClusterKind& kind : kKinds)
      reading.kinds.push_back(
          {.kind = &kind, .state = codec::KindState::Read, .why = "", .items = {}});
    add(R"(
kind: Deployment
metadata: {name: karpenter, namespace: kube-system, labels: {app.kubernetes.io/name: karpenter}}
spec:
  template:
    spec:
      containers:
      - image: public.ecr.aws/karpenter/controller:1.14.1@sha256:0b1c
        name: controller
        env:
        - {name: FEATURE_GATES, value: "ReservedCapacity=true,NodeRepair=false,NodeOverlay=false"}
)");
    page("kube-system/karpenter-6d5c7b9f8-abcde", prices("6.88", "5.57"));
  }

  /// Objects of any kind; several documents are several objects.
  Case& add(std::string_view yaml) {
    const auto documents = codec::parse_yaml(yaml, "test.yaml");
    EXPECT_TRUE(documents) << (documents ? "" : documents.error().message()) << yaml;
    if (!documents) return *this;
    for (const codec::Document& document : *documents) {
      const codec::Node* kind = document.root.find("kind");
      KERF_ASSERT(kind != nullptr, "an object has a kind");
      at(kind->text).items.push_back(document.root);
    }
    return *this;
  }
  codec::KindReading& at(std::string_view kind) {
    const auto found = std::find_if(reading.kinds.begin(), reading.kinds.end(),
                                    [&](const auto& one) { return one.kind->kind == kind; });
    KERF_ASSERT(found != reading.kinds.end(), "the kind is one of kKinds");
    return *found;
  }
  Case& without(std::string_view kind) {
    at(kind) = {.kind = at(kind).kind,
                .state = codec::KindState::Absent,
                .why = "the server doesn't have a resource type",
                .items = {}};
    return *this;
  }
  Case& page(std::string pod, std::string text) {
    reading.pages = {{.pod = std::move(pod), .text = std::move(text), .why = ""}};
    return *this;
  }
  static std::string prices(std::string_view on_demand, std::string_view spot) {
    std::string out;
    for (const auto& [capacity, price] : {std::pair{"on-demand", on_demand}, {"spot", spot}}) {
      for (const char* zone : {"us-east-1a", "us-east-1b"}) {
        out += std::string("karpenter_cloudprovider_instance_type_offering_price_estimate{") +
               "capacity_type=\"" + capacity + "\",instance_type=\"p5.4xlarge\",zone=\"" + zone +
               "\"} " + std::string(price) + "\n";
      }
    }
    return out;
  }
  /// A node as EC2 and Karpenter make it. `more` are lines of YAML below metadata.labels.
  Case& node(std::string_view name, std::string_view type, std::string_view offers,
             std::string_view labels = "", std::string_view taints = "[]") {
    return add(std::string("kind: Node\nmetadata:\n  name: ") + std::string(name) +
               "\n  creationTimestamp: \"2026-11-28T08:00:00Z\"\n  labels: {"
               "node.kubernetes.io/instance-type: " +
               std::string(type) + ", nvidia.com/gpu.product: P" + std::string(labels) +
               "}\nspec: {taints: " + std::string(taints) +
               "}\nstatus:\n  capacity: {cpu: \"16\", ephemeral-storage: 209702892Ki}\n"
               "  allocatable: {cpu: \"15\"" +
               std::string(offers) +
               "}\n  conditions: [{type: Ready, status: \"True\"}]\n"
               "  nodeInfo: {kubeletVersion: v1.36.1-eks-113cf36, osImage: Amazon Linux 2023.9}\n");
  }
  /// A pod of a ReplicaSet. `asks` is a flow mapping of limits, `more` lines below spec.
  Case& pod(std::string_view name, std::string_view node, std::string_view asks,
            std::string_view more = "") {
    const std::string where =
        node.empty() ? std::string() : "  nodeName: " + std::string(node) + "\n";
    const std::string status =
        node.empty() ? "{phase: Pending, conditions: [{type: PodScheduled, status: \"False\", "
                       "reason: Unschedulable, message: 0/4 nodes are available}]}"
                     : "{phase: Running}";
    return add("kind: Pod\nmetadata:\n  name: " + std::string(name) +
               "\n  namespace: team\n  labels: {app: web}\n  ownerReferences:\n  - {kind: "
               "ReplicaSet, name: web-7d9f, controller: true}\nspec:\n" +
               where + "  containers:\n  - {name: main, image: web, resources: {limits: " +
               std::string(asks) + "}}\n" + std::string(more) + "status: " + status + "\n");
  }

  Diagnosis examined(std::int64_t now_ms = kTaken) const {
    return examine(reading, *codec::builtin_market("us-east-1"), now_ms);
  }
  /// Every finding of that code.
  std::vector<Finding> found(Code code) const {
    std::vector<Finding> out;
    for (Finding& one : examined().findings) {
      if (one.code == code) out.push_back(std::move(one));
    }
    return out;
  }
  /// The one finding of that code; an empty one, and a failure, if there is none or several.
  Finding one(Code code) const {
    const std::vector<Finding> all = found(code);
    EXPECT_EQ(all.size(), 1u) << info(code).name;
    return all.size() == 1 ? all.front() : Finding{code, "", {}, ""};
  }
  bool has(Code code) const { return !found(code).empty(); }

  codec::ClusterReading reading;
};

/// "Pod team/a, Node gpu-1".
inline std::string names(const Finding& finding) {
  std::string out;
  for (const About& one : finding.about) out += (out.empty() ? "" : ", ") + to_string(one);
  return out;
}

}  // namespace kerf::doctor::testing
