// Keeps, strips and puts together what surrounds pods.
#include "shell/controller/surroundings_book.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string_view>
#include <tuple>

#include "base/assert.h"
#include "codec/daemonsets.h"
#include "codec/json.h"
#include "codec/pod_spec.h"
#include "shell/apiserver/answer.h"

namespace kerf::shell {
namespace {

using apiserver::metadata_text;
using codec::Node;
using control::Key;

struct KindName {
  const char* api_version;
  const char* kind;
};
constexpr KindName kNames[kArounds] = {
    {"v1", "Namespace"},
    {"v1", "PersistentVolumeClaim"},
    {"v1", "PersistentVolume"},
    {"storage.k8s.io/v1", "StorageClass"},
    {"node.k8s.io/v1", "RuntimeClass"},
    {"scheduling.k8s.io/v1", "PriorityClass"},
    {"apps/v1", "DaemonSet"},
};

std::size_t index(Around kind) { return static_cast<std::size_t>(kind); }

/// Of a mapping only these members.
Node only(const Node* mapping, std::initializer_list<std::string_view> keys) {
  Node out = Node::mapping();
  if (mapping == nullptr) return out;
  for (const std::string_view key : keys) {
    if (const Node* value = mapping->find(key); value != nullptr) out.set(std::string(key), *value);
  }
  return out;
}

void drop(Node& mapping, std::initializer_list<std::string_view> keys) {
  std::erase_if(mapping.members, [&](const Node::Member& member) {
    return std::find(keys.begin(), keys.end(), member.first) != keys.end();
  });
  mapping.key_at.clear();
}

Node* member(Node* mapping, std::string_view key) {
  return mapping == nullptr ? nullptr : const_cast<Node*>(mapping->find(key));
}

/// Annotations may be large; these are all that anybody reads here.
bool is_read(const std::string& annotation) {
  return annotation.starts_with("kerf.dev/") || annotation.starts_with("karpenter.sh/") ||
         annotation.starts_with("kubernetes.io/");
}

Key key_of(const Node& object) {
  return {std::string(metadata_text(object, "namespace")),
          std::string(metadata_text(object, "name"))};
}

/// Namespace of the claim that a volume is bound to; "" = none.
std::string claimant(const Node& volume) {
  const Node* spec = volume.find("spec");
  const Node* claim = spec == nullptr ? nullptr : spec->find("claimRef");
  const Node* ns = claim == nullptr ? nullptr : claim->find("namespace");
  return ns == nullptr ? std::string() : ns->text;
}

bool has_own_text(Around kind) { return kind != Around::DaemonSet; }

}  // namespace

void strip_pod(Node& pod) {
  if (Node* metadata = member(&pod, "metadata"); metadata != nullptr) {
    drop(*metadata, {"managedFields"});
    if (Node* annotations = member(metadata, "annotations"); annotations != nullptr) {
      std::erase_if(annotations->members,
                    [](const Node::Member& one) { return !is_read(one.first); });
      annotations->key_at.clear();
    }
  }
  Node* spec = member(&pod, "spec");
  for (const char* containers : {"containers", "initContainers", "ephemeralContainers"}) {
    Node* list = member(spec, containers);
    if (list == nullptr) continue;
    for (Node& container : list->items) {
      drop(container,
           {"env", "envFrom", "command", "args", "volumeMounts", "volumeDevices", "livenessProbe",
            "readinessProbe", "startupProbe", "lifecycle", "securityContext", "workingDir",
            "imagePullPolicy", "terminationMessagePath", "terminationMessagePolicy"});
    }
  }
}

Node strip_around(Around kind, const Node& object) {
  const Node* metadata = object.find("metadata");
  const Node* spec = object.find("spec");
  Node out = Node::mapping();
  out.set("apiVersion", Node::of(kNames[index(kind)].api_version))
      .set("kind", Node::of(kNames[index(kind)].kind));
  Node kept = only(metadata, {"name", "namespace", "uid", "resourceVersion"});
  const auto keep = [&](std::string_view member) {
    if (const Node* value = metadata == nullptr ? nullptr : metadata->find(member);
        value != nullptr)
      kept.set(std::string(member), *value);
  };
  Node rest = Node::mapping();
  switch (kind) {
    case Around::Namespace: keep("labels"); break;
    case Around::VolumeClaim: {
      kept.set("annotations", only(metadata == nullptr ? nullptr : metadata->find("annotations"),
                                   {"volume.beta.kubernetes.io/storage-class"}));
      rest.set("spec", only(spec, {"volumeName", "storageClassName"}));
      break;
    }
    case Around::Volume: {
      keep("labels");
      Node volume = only(spec, {"nodeAffinity"});
      if (const Node* claim = spec == nullptr ? nullptr : spec->find("claimRef"); claim != nullptr)
        volume.set("claimRef", only(claim, {"namespace", "name"}));
      rest.set("spec", std::move(volume));
      break;
    }
    case Around::StorageClass: {
      kept.set("annotations", only(metadata == nullptr ? nullptr : metadata->find("annotations"),
                                   {"storageclass.kubernetes.io/is-default-class"}));
      rest = only(&object, {"allowedTopologies"});
      break;
    }
    case Around::RuntimeClass: rest = only(&object, {"overhead", "scheduling"}); break;
    case Around::PriorityClass:
      rest = only(&object, {"value", "globalDefault", "preemptionPolicy"});
      break;
    case Around::DaemonSet: {
      Node set = only(spec, {"template"});
      if (Node* pod = member(&set, "template"); pod != nullptr) strip_pod(*pod);
      rest.set("spec", std::move(set));
      break;
    }
  }
  out.set("metadata", std::move(kept));
  for (Node::Member& member : rest.members) out.set(member.first, std::move(member.second));
  return out;
}

/// Of a DaemonSet: its template read with what is known now. Of the others: added to nothing else.
Result<void> SurroundingsBook::try_out(Around kind, const Node& object) {
  KERF_TRY(const codec::KubeObject read, codec::KubeObject::read("the cluster", object));
  if (has_own_text(kind)) {
    codec::Surroundings alone;
    KERF_CHECK_OK(alone.add(read));
    return {};
  }
  KERF_TRY(const Node* spec, read.mapping(&object, "spec"));
  KERF_TRY(const Node* pod, read.mapping(spec, "template"));
  if (pod == nullptr) return read.wrong(object, "it has no template");
  KERF_CHECK_OK(codec::read_pod(read, *pod, {}, false, now_, gpus_));
  return {};
}

Result<void> SurroundingsBook::put(Around kind, const Node& object) {
  const Key key = key_of(object);
  auto read = try_out(kind, object);
  if (!read) {
    remove(kind, key);
    return read;
  }
  Node text = object;  // its version says nothing about whether it is another
  if (Node* metadata = member(&text, "metadata"); metadata != nullptr)
    drop(*metadata, {"resourceVersion", "uid"});
  std::string written = codec::write_json(text);
  std::string& kept = kept_[index(kind)][key];
  if (kept == written) return {};
  const bool fresh = kept.empty();
  kept = std::move(written);
  touch(kind, object);
  const bool one_by_one = kind == Around::VolumeClaim || kind == Around::Volume;
  if (kind == Around::DaemonSet) return {};
  if (!one_by_one && !fresh) {
    rebuild_ = true;
    return {};
  }
  KERF_TRY(const codec::KubeObject added, codec::KubeObject::read("the cluster", object));
  KERF_CHECK_OK(now_.add(added));
  return {};
}

void SurroundingsBook::remove(Around kind, const Key& key) {
  auto& kept = kept_[index(kind)];
  const auto at = kept.find(key);
  if (at == kept.end()) return;
  const auto object = codec::parse_json(at->second, "what was kept");
  KERF_ASSERT(object, "what was written here can be read here");
  touch(kind, object->root);
  if (kind != Around::DaemonSet) rebuild_ = true;
  kept.erase(at);
}

/// What may be read otherwise from here on.
void SurroundingsBook::touch(Around kind, const Node& object) {
  switch (kind) {
    case Around::VolumeClaim: stale_.namespaces.insert(key_of(object).ns); break;
    case Around::Volume:
      if (const std::string ns = claimant(object); !ns.empty()) stale_.namespaces.insert(ns);
      break;
    case Around::DaemonSet: daemonsets_stale_ = true; break;
    case Around::Namespace:
      stale_.labels = true;
      daemonsets_stale_ = true;
      break;
    case Around::StorageClass:
    case Around::RuntimeClass:
    case Around::PriorityClass:
      stale_.all = true;
      daemonsets_stale_ = true;  // their templates are read with these too
      break;
  }
}

void SurroundingsBook::rebuild() {
  rebuild_ = false;
  now_ = {};
  for (int kind = 0; kind < kArounds; ++kind) {
    if (!has_own_text(static_cast<Around>(kind))) continue;
    for (const auto& [key, text] : kept_[kind]) {
      const auto object = codec::parse_json(text, "what was kept");
      KERF_ASSERT(object, "what was written here can be read here");
      const auto read = codec::KubeObject::read("the cluster", object->root);
      KERF_ASSERT(read && now_.add(*read), "it was tried before it was kept");
    }
  }
}

Stale SurroundingsBook::refresh() {
  if (rebuild_) rebuild();
  if (std::exchange(daemonsets_stale_, false)) {
    codec::DaemonSets sum(true);
    codec::ReadingNotes notes;
    for (const auto& [key, text] : kept_[index(Around::DaemonSet)]) {
      const auto object = codec::parse_json(text, "what was kept");
      KERF_ASSERT(object, "what was written here can be read here");
      const auto read = codec::KubeObject::read("the cluster", object->root);
      KERF_ASSERT(read, "it was tried before it was kept");
      const Node* pod = object->root.find("spec")->find("template");
      const auto shape = codec::read_pod(*read, *pod, {}, false, now_, gpus_);
      if (shape) sum.add(key.ns, key.name, *shape, notes);
    }
    market::NodeOverhead overhead;
    overhead.source = "no DaemonSets";
    sum.tell(overhead);
    told_ =
        told_ && overhead.source == overhead_.source && overhead.daemonsets == overhead_.daemonsets;
    overhead_ = overhead;
  }
  return std::exchange(stale_, {});
}

std::optional<market::NodeOverhead> SurroundingsBook::new_overhead() {
  if (std::exchange(told_, true)) return std::nullopt;
  return overhead_;
}

}  // namespace kerf::shell
