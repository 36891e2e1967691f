// Takes lists apart, finds doubles, and follows owner references.
#include "codec/manifest_input.h"

#include <fmt/format.h>

namespace kerf::codec {

Result<void> ManifestInput::collect(const std::vector<Document>& documents) {
  for (const Document& document : documents) {
    KERF_CHECK_OK(take(document.file, document.root, {}, {}));
  }
  return {};
}

Result<void> ManifestInput::take(std::string_view file, const Node& root, std::string_view kind,
                                 std::string_view api_version) {
  KERF_TRY(KubeObject object, KubeObject::read(file, root, kind, api_version));
  const Node* items = root.find("items");
  if (object.kind.ends_with("List") && items != nullptr) {
    KERF_TRY(const Node* list, object.list(&root, "items"));
    if (list == nullptr) return {};
    // Items of a typed list do not repeat its kind: those of a PodList are Pods.
    const std::string item_kind = object.kind.substr(0, object.kind.size() - 4);
    const Node* version = root.find("apiVersion");
    for (const Node& item : list->items) {
      KERF_CHECK_OK(take(file, item, item_kind, version == nullptr ? api_version : version->text));
    }
    return {};
  }
  KERF_TRY(const bool taken, around_.add(object));
  if (taken) return {};
  InputObject input;
  input.pods = pod_kind(object);
  if (input.pods) {
    KERF_TRY(const bool repeated, is_repeated(object));
    if (repeated) return {};
    around_.namespaces.add(object.ns);
  }
  input.object = std::move(object);
  objects_.push_back(std::move(input));
  return {};
}

Result<bool> ManifestInput::is_repeated(const KubeObject& object) {
  KERF_TRY(const std::string_view own_name, object.text(object.metadata(), "name"));
  if (own_name.empty()) return false;  // generateName makes a new one each time
  const auto [first, fresh] = workloads_.try_emplace({object.kind, object.ns, object.name},
                                                     First{object.root, object.source()});
  if (fresh) return false;
  KERF_TRY(const std::string_view uid, object.text(object.metadata(), "uid"));
  const Node* first_metadata = first->second.root->find("metadata");
  const Node* first_uid = first_metadata == nullptr ? nullptr : first_metadata->find("uid");
  if (!uid.empty() && first_uid != nullptr && first_uid->text == uid) return true;
  return object.wrong(*object.root,
                      fmt::format("the input has this object twice, first at {}; leave one out",
                                  first->second.source));
}

Result<bool> ManifestInput::counted_elsewhere(const KubeObject& object) const {
  KERF_TRY(const auto owner, controller_of(object));
  if (!owner) return false;
  if (owner->kind == "CronJob") return runs_cron_job(object.ns, owner->name);
  if (has(owner->kind, object.ns, owner->name)) return true;
  KERF_TRY(const Labels labels, object.labels(object.metadata(), "labels"));
  if (owner->kind == "ReplicaSet") {
    return has("Deployment", object.ns, deployment_of(owner->name, labels));
  }
  if (owner->kind == "Job") return runs_cron_job(object.ns, cron_job_of(owner->name));
  const auto group = labels.find("leaderworkerset.sigs.k8s.io/name");
  return group != labels.end() && has("LeaderWorkerSet", object.ns, group->second);
}

bool ManifestInput::runs_cron_job(const std::string& ns, const std::string& name) const {
  const auto found = workloads_.find({"CronJob", ns, name});
  if (found == workloads_.end()) return false;
  const Node* spec = found->second.root->find("spec");
  const Node* suspend = spec == nullptr ? nullptr : spec->find("suspend");
  return suspend == nullptr || suspend->kind != Node::Kind::Bool || !suspend->boolean;
}

std::string deployment_of(const std::string& replica_set, const Labels& pod_labels) {
  const auto hash = pod_labels.find("pod-template-hash");
  if (hash == pod_labels.end() || !replica_set.ends_with("-" + hash->second)) return {};
  return replica_set.substr(0, replica_set.size() - hash->second.size() - 1);
}

std::string cron_job_of(const std::string& job) {
  const std::size_t dash = job.rfind('-');
  if (dash == std::string::npos || dash + 1 == job.size()) return {};
  if (job.find_first_not_of("0123456789", dash + 1) != std::string::npos) return {};
  return job.substr(0, dash);
}

}  // namespace kerf::codec
