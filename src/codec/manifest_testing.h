// What the tests of manifests share: small manifests; YAML in, Demand or Error out.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "codec/catalogue.h"
#include "codec/manifest.h"
#include "codec/yaml.h"

namespace kerf::codec {

inline Result<cluster::Demand> try_manifests(std::string_view yaml,
                                             const ManifestOptions& options = {}) {
  cluster::Demand demand;
  KERF_TRY(const std::vector<Document> documents, parse_yaml(yaml, "t.yaml"));
  KERF_CHECK_OK(read_manifests(documents, options, builtin_catalogue(), demand));
  return demand;
}

inline cluster::Demand demand_of(std::string_view yaml, const ManifestOptions& options = {}) {
  auto demand = try_manifests(yaml, options);
  if (demand) return *std::move(demand);
  ADD_FAILURE() << demand.error().message() << "\n" << yaml;
  return {};
}

inline std::string refusal_of(std::string_view yaml, const ManifestOptions& options = {}) {
  const auto demand = try_manifests(yaml, options);
  if (!demand) return demand.error().message();
  ADD_FAILURE() << "accepted:\n" << yaml;
  return {};
}

/// A bare pod "p" whose spec is the given YAML in flow or block form, two blanks in.
inline std::string pod_with(std::string_view spec) {
  return "apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {app: web}}\nspec:\n" +
         std::string(spec) + "\n";
}

/// The same with one container that asks for a GPU; `more` are further lines of the spec.
inline std::string gpu_pod_with(std::string_view more) {
  return pod_with("  containers: [{name: c, resources: {limits: {nvidia.com/gpu: 1}}}]\n" +
                  std::string(more));
}

/// The only shape of an input with one kind of pod.
inline cluster::PodShape shape_of(std::string_view yaml) {
  const cluster::Demand demand = demand_of(yaml);
  EXPECT_EQ(demand.shapes.size(), 1u) << yaml;
  return demand.shapes.empty() ? cluster::PodShape{} : demand.shapes[0];
}

/// A template of pods that ask for one slice.
inline constexpr std::string_view kTemplate =
    "template: {metadata: {labels: {app: web}}, spec: {containers: [{resources: {requests: {cpu: "
    "1}, limits: {nvidia.com/mig-1g.10gb: 1}}}]}}";
inline constexpr std::string_view kCpuTemplate =
    "template: {spec: {containers: [{resources: {requests: {cpu: 2}}}]}}";

inline std::string object(const std::string& api_version, const std::string& kind,
                          const std::string& name, const std::string& spec) {
  return "{apiVersion: " + api_version + ", kind: " + kind + ", metadata: {name: " + name +
         "}, spec: {" + spec + "}}\n---\n";
}

inline std::string deployment(const std::string& name, const std::string& replicas,
                              std::string_view pods = kTemplate) {
  return object("apps/v1", "Deployment", name, "replicas: " + replicas + ", " + std::string(pods));
}

inline std::string job(const std::string& name, const std::string& spec) {
  return object("batch/v1", "Job", name, spec + ", " + std::string(kTemplate));
}

inline std::vector<std::string> names_of(const cluster::Demand& demand) {
  std::vector<std::string> names;
  for (const cluster::Pod& pod : demand.pods) names.push_back(pod.name);
  return names;
}

inline std::vector<std::string> left_out(const cluster::Demand& demand) {
  std::vector<std::string> lines;
  for (const cluster::LeftOut& one : demand.left_out) lines.push_back(one.what + ": " + one.why);
  return lines;
}

}  // namespace kerf::codec
