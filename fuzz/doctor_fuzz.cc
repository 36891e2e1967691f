// kerf doctor: objects of any shape, of every kind, are looked at; what is found can be printed.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "codec/catalogue.h"
#include "codec/json.h"
#include "doctor/doctor.h"
#include "doctor/printed.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using namespace kerf;

/// Of codec::cluster_kinds() those that checks look at; an object counts as what its kind says.
constexpr codec::ClusterKind kKinds[] = {
    {"pods", "v1", "Pod", true, "who runs is not known"},
    {"nodes", "v1", "Node", false, ""},
    {"deployments.apps", "apps/v1", "Deployment", true, ""},
    {"daemonsets.apps", "apps/v1", "DaemonSet", true, ""},
    {"poddisruptionbudgets.policy", "policy/v1", "PodDisruptionBudget", true, ""},
    {"nodeclaims.karpenter.sh", "karpenter.sh/v1", "NodeClaim", false, ""},
    {"nodepools.karpenter.sh", "karpenter.sh/v1", "NodePool", false, ""},
    {"nodeoverlays.karpenter.sh", "karpenter.sh/v1alpha1", "NodeOverlay", false, ""},
    {"ec2nodeclasses.karpenter.k8s.aws", "karpenter.k8s.aws/v1", "EC2NodeClass", false, ""},
    {"clusterpolicies.nvidia.com", "nvidia.com/v1", "ClusterPolicy", false, ""},
    {"deviceclasses.resource.k8s.io", "resource.k8s.io/v1", "DeviceClass", false, ""},
    {"resourceslices.resource.k8s.io", "resource.k8s.io/v1", "ResourceSlice", false, ""},
    {"gpunodes.kerf.dev", "kerf.dev/v1alpha1", "GpuNode", false, ""},
    {"slicepolicies.kerf.dev", "kerf.dev/v1alpha1", "SlicePolicy", false, ""},
};

std::string text_of(const codec::Node& root, std::string_view key) {
  const codec::Node* node = root.find(key);
  return node == nullptr ? "" : node->text;
}

/// {"items": [...], "version": ..., "page": ..., "absent": KIND, "forbidden": KIND}.
codec::ClusterReading reading_of(const codec::Node& root) {
  codec::ClusterReading out;
  out.source = "fuzz";
  out.server_version = text_of(root, "version");
  out.pages.push_back({.pod = text_of(root, "pod"), .text = text_of(root, "page"), .why = ""});
  for (const codec::ClusterKind& kind : kKinds) {
    codec::KindReading one;
    one.kind = &kind;
    one.why = "fuzz";
    if (text_of(root, "absent") == kind.kind) one.state = codec::KindState::Absent;
    if (text_of(root, "forbidden") == kind.kind) one.state = codec::KindState::Forbidden;
    if (const codec::Node* items = root.find("items")) {
      for (const codec::Node& item : items->items) {
        if (one.state == codec::KindState::Read && text_of(item, "kind") == kind.kind) {
          one.items.push_back(item);
        }
      }
    }
    out.kinds.push_back(std::move(one));
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const market::Market kMarket = *codec::builtin_market("us-east-1");
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const codec::Limits limits{
      .bytes = 1u << 20, .depth = 64, .nodes = 100'000, .documents = 1, .scalar_bytes = 1u << 20};
  const auto document = codec::parse_json(input, "fuzz.json", limits);
  if (!document) return 0;
  const codec::ClusterReading reading = reading_of(document->root);
  const doctor::Diagnosis diagnosis = doctor::examine(reading, kMarket, 1'795'968'000'000);
  KERF_ASSERT(diagnosis.gpu_nodes <= diagnosis.nodes && diagnosis.gpu_pods <= diagnosis.pods,
              "a part is not more than the whole");
  for (const doctor::Finding& one : diagnosis.findings) {
    KERF_ASSERT(!one.says.empty() && !one.what_to_do().empty(), "a finding says something");
  }
  const std::string text = doctor::text(diagnosis, {.all = true});
  KERF_ASSERT(text.find('\x1b') == text.npos, "nothing that a terminal would obey");
  const auto back = codec::parse_json(codec::write_json(doctor::json(diagnosis)), "out.json");
  KERF_ASSERT(back.has_value(), "what is printed is JSON");
  return 0;
}
