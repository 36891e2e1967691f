// The list of collections, with their selectors and what is taken off their objects.
#include "shell/controller/watched_kinds.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/control/names.h"

namespace kerf::shell {
namespace {

using apiserver::Collection;
using codec::Node;
using control::Kind;

/// Items of a list have neither; some readers tell kinds apart by them.
void name_kind(Node& object, const std::string& api_version, const std::string& kind) {
  if (object.find("kind") == nullptr) object.set("kind", Node::of(kind));
  if (object.find("apiVersion") == nullptr) object.set("apiVersion", Node::of(api_version));
}

void drop_managed_fields(Node& object) {
  auto* metadata = const_cast<Node*>(object.find("metadata"));
  if (metadata == nullptr) return;
  std::erase_if(metadata->members,
                [](const Node::Member& m) { return m.first == "managedFields"; });
  metadata->key_at.clear();
}

std::string api_version(const apiserver::Resource& resource) {
  return resource.group.empty() ? resource.version : resource.group + "/" + resource.version;
}

Watched of_kind(Kind kind, const apiserver::Resource& resource, const std::string& name,
                bool may_be_absent) {
  Watched watched;
  watched.kind = kind;
  watched.options.versions = {Collection{resource, "", "", ""}};
  watched.options.may_be_absent = may_be_absent;
  watched.options.strip = [version = api_version(resource), name](Node& object) {
    drop_managed_fields(object);
    if (!name.empty()) name_kind(object, version, name);
  };
  return watched;
}

Watched around(Around kind, apiserver::Resource resource) {
  Watched watched;
  watched.around = kind;
  watched.options.versions = {Collection{std::move(resource), "", "", ""}};
  watched.options.strip = [kind](Node& object) { object = strip_around(kind, object); };
  return watched;
}

}  // namespace

std::vector<Watched> watched_kinds(const apiserver::Resource& node_classes) {
  std::vector<Watched> all;
  all.push_back(around(Around::Namespace, {"", "v1", "namespaces"}));
  all.push_back(around(Around::VolumeClaim, {"", "v1", "persistentvolumeclaims"}));
  all.push_back(around(Around::Volume, {"", "v1", "persistentvolumes"}));
  all.push_back(around(Around::StorageClass, {"storage.k8s.io", "v1", "storageclasses"}));
  all.push_back(around(Around::RuntimeClass, {"node.k8s.io", "v1", "runtimeclasses"}));
  all.push_back(around(Around::PriorityClass, {"scheduling.k8s.io", "v1", "priorityclasses"}));
  all.back().kind = Kind::PriorityClass;
  all.push_back(around(Around::DaemonSet, {"apps", "v1", "daemonsets"}));

  all.push_back(of_kind(Kind::Node, {"", "v1", "nodes"}, "Node", false));
  all.push_back(of_kind(Kind::NodeClaim, {"karpenter.sh", "v1", "nodeclaims"}, "NodeClaim", true));
  all.back().options.versions[0].label_selector = control::kPolicyLabel;
  all.push_back(of_kind(Kind::GpuNode, {"kerf.dev", "v1alpha1", "gpunodes"}, "GpuNode", true));
  all.push_back(
      of_kind(Kind::SlicePolicy, {"kerf.dev", "v1alpha1", "slicepolicies"}, "SlicePolicy", true));
  all.push_back(of_kind(Kind::Budget, {"policy", "v1", "poddisruptionbudgets"},
                        "PodDisruptionBudget", false));
  all.push_back(of_kind(Kind::NodeClass, node_classes, "", true));
  all.push_back(
      of_kind(Kind::DeviceClass, {"resource.k8s.io", "v1", "deviceclasses"}, "DeviceClass", true));
  for (const char* version : {"v1beta2", "v1beta1"}) {
    all.back().options.versions.push_back(
        Collection{{"resource.k8s.io", version, "deviceclasses"}, "", "", ""});
  }

  all.push_back(of_kind(Kind::Pod, {"", "v1", "pods"}, "Pod", false));
  all.back().options.versions[0].field_selector = "status.phase!=Succeeded,status.phase!=Failed";
  all.back().options.strip = [](Node& object) {
    strip_pod(object);
    name_kind(object, "v1", "Pod");
  };
  all.push_back(of_kind(Kind::Workload, {"batch", "v1", "jobs"}, "Job", false));
  all.push_back(of_kind(Kind::Workload, {"leaderworkerset.x-k8s.io", "v1", "leaderworkersets"},
                        "LeaderWorkerSet", true));
  all.push_back(
      of_kind(Kind::Workload, {"jobset.x-k8s.io", "v1alpha2", "jobsets"}, "JobSet", true));
  return all;
}

}  // namespace kerf::shell
