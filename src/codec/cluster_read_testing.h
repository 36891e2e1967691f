// What the tests of clusters share: small objects as kubectl prints them; text in, Cluster out.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "codec/catalogue.h"
#include "codec/cluster_read.h"
#include "codec/cluster_reading.h"
#include "codec/yaml.h"

namespace kerf::codec::testing {

inline const market::Market& us_east() {
  static const market::Market market = builtin_market("us-east-1").value();
  return market;
}

/// Text of a pod, in parts. Lists are YAML in flow form without their braces.
struct PodText {
  std::string name = "p";
  std::string asks = "nvidia.com/gpu: 1";
  std::string node = {};   ///< "" = it waits
  std::string owner = {};  ///< "ReplicaSet/web-7d9f"
  std::string labels = {};
  std::string annotations = {};
  std::string meta = {};    ///< further fields of metadata
  std::string spec = {};    ///< further fields of the spec
  std::string status = {};  ///< fields of the status
  std::string ns = "team";
  std::string cpu = "100m";
};

/// Objects that grow, one document each.
class Objects {
 public:
  Objects& add(std::string_view yaml) {
    text_ += fmt::format("---\n{}\n", yaml);
    return *this;
  }

  /// An object with those fields beside its metadata; `meta` are further fields of that.
  Objects& object(std::string_view api, std::string_view kind, std::string_view name,
                  std::string_view fields = "", std::string_view meta = "namespace: team") {
    ++count_;
    return add(fmt::format(
        "{{apiVersion: {}, kind: {}, metadata: {{name: {}, uid: u-{}, resourceVersion: \"{}\"{}}}"
        "{}}}",
        api, kind, name, count_, count_, comma(meta), comma(fields)));
  }

  /// A node in us-east-1a that is ready; its amounts are in capacity and in allocatable.
  Objects& node(std::string_view name, std::string_view type, std::string_view amounts,
                std::string_view labels = "karpenter.sh/capacity-type: on-demand",
                std::string_view spec = "") {
    const std::string all = fmt::format(
        "cpu: \"96\", memory: 500Gi, pods: \"110\", ephemeral-storage: 100Gi{}", comma(amounts));
    return object("v1", "Node", name,
                  fmt::format("spec: {{{}}}, status: {{capacity: {{{}}}, allocatable: {{{}}}, "
                              "conditions: [{{type: Ready, status: \"True\"}}]}}",
                              spec, all, all),
                  fmt::format("labels: {{topology.kubernetes.io/zone: us-east-1a, "
                              "node.kubernetes.io/instance-type: {}{}}}",
                              type, comma(labels)));
  }

  Objects& pod(const PodText& pod) {
    std::string meta = fmt::format("namespace: {}, labels: {{{}}}, annotations: {{{}}}{}", pod.ns,
                                   pod.labels, pod.annotations, comma(pod.meta));
    if (const std::size_t slash = pod.owner.find('/'); slash != std::string::npos)
      meta += fmt::format(
          ", ownerReferences: [{{apiVersion: v1, kind: {}, name: {}, uid: u, controller: true}}]",
          pod.owner.substr(0, slash), pod.owner.substr(slash + 1));
    const std::string node = pod.node.empty() ? "" : fmt::format(", nodeName: {}", pod.node);
    const std::string phase = pod.status.find("phase:") == std::string::npos
                                  ? pod.node.empty() ? "phase: Pending" : "phase: Running"
                                  : "";
    return object("v1", "Pod", pod.name,
                  fmt::format("spec: {{containers: [{{name: c, resources: {{limits: {{{}}}, "
                              "requests: {{cpu: {}}}}}}}]{}{}}}, status: {{{}{}}}",
                              pod.asks, pod.cpu, node, comma(pod.spec), phase,
                              phase.empty() ? pod.status : comma(pod.status)),
                  meta);
  }

  ClusterReading reading() const {
    const auto documents = parse_yaml(text_, "t.yaml");
    if (!documents) {
      ADD_FAILURE() << documents.error().message() << "\n" << text_;
      return {};
    }
    return read_cluster_documents(*documents, "a test").value();
  }

  cluster::Cluster read(const ClusterOptions& options = {},
                        const market::Market& market = us_east()) const {
    auto read = read_cluster(reading(), market, options);
    if (read) return *std::move(read);
    ADD_FAILURE() << read.error().message() << "\n" << text_;
    return {};
  }

 private:
  static std::string comma(std::string_view more) {
    return more.empty() ? "" : fmt::format(", {}", more);
  }

  std::string text_;
  int count_ = 0;
};

/// What stands on a node's GPUs and who holds it, GPU by GPU: "1g.5gb@0=a 1g.5gb@1=free | whole=b".
inline std::string devices_of(const cluster::Cluster& cluster, std::size_t node = 0,
                              const market::Market& market = us_east()) {
  std::string out;
  const cluster::StandingNode& one = cluster.nodes.at(node);
  const gpu::Model& model = market.model_of(market.types.at(one.type));
  for (std::size_t g = 0; g < one.gpus.size(); ++g) {
    out += g == 0 ? "" : " | ";
    bool first = true;
    for (const cluster::StandingSlice& slice : one.gpus[g].slices) {
      const std::string name = slice.form.kind == gpu::FormKind::Whole ? "whole"
                               : slice.form.kind == gpu::FormKind::TimeSliced
                                   ? fmt::format("1/{}", slice.form.replicas)
                                   : gpu::describe(model, slice.form);
      const std::string holder = slice.pod != cluster::kNone
                                     ? cluster.demand.pods.at(slice.pod).name
                                 : slice.holder.empty() ? "free"
                                                        : slice.holder;
      out += fmt::format("{}{}@{}={}", first ? "" : " ", name, slice.start, holder);
      first = false;
    }
  }
  return out;
}

/// What was left out: "2 pod: being deleted".
inline std::vector<std::string> left_out(const cluster::Cluster& cluster) {
  std::vector<std::string> out;
  for (const cluster::LeftOut& one : cluster.demand.left_out)
    out.push_back(fmt::format("{} {}: {}", one.count, one.what, one.why));
  return out;
}

/// Who owns the pods: "Deployment team/web 2 x nvidia.com/gpu", in order.
inline std::vector<std::string> owners(const cluster::Cluster& cluster) {
  std::vector<std::string> out;
  for (const cluster::Workload& one : cluster.demand.workloads)
    out.push_back(fmt::format("{} {}/{} {} x {}", one.kind, one.ns, one.name, one.pods, one.asks));
  return out;
}

}  // namespace kerf::codec::testing
