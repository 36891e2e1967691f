// Reads Namespaces, PriorityClasses, RuntimeClasses and what binds volumes.
#include "codec/kube_surroundings.h"

#include <limits>

#include "codec/kube_requests.h"
#include "codec/kube_selectors.h"

namespace kerf::codec {
namespace {

Result<RuntimeClass> read_runtime_class(const KubeObject& object) {
  RuntimeClass out;
  KERF_TRY(const Node* overhead, object.mapping(object.root, "overhead"));
  KERF_TRY(out.overhead, read_resources(object, overhead, "podFixed"));
  KERF_TRY(const Node* scheduling, object.mapping(object.root, "scheduling"));
  KERF_TRY(const Labels selector, object.labels(scheduling, "nodeSelector"));
  out.node_selector = requirements_of(selector);
  KERF_TRY(const Node* tolerations, object.list(scheduling, "tolerations"));
  KERF_TRY(out.tolerations, read_tolerations(object, tolerations));
  return out;
}

}  // namespace

// The two classes that every cluster has: pkg/apis/scheduling/v1/helpers.go.
Surroundings::Surroundings()
    : priorities{{"system-cluster-critical", 2'000'000'000},
                 {"system-node-critical", 2'000'001'000}} {}

Result<bool> Surroundings::add(const KubeObject& object) {
  KERF_TRY(const bool taken, volumes.add(object));
  if (taken) return true;
  if (object.group.empty() && object.kind == "Namespace") {
    KERF_TRY(const Labels labels, object.labels(object.metadata(), "labels"));
    namespaces.add(object.name);
    Namespaces::Entry& entry = namespaces.entries[object.name];
    entry.known = true;
    entry.labels.insert(labels.begin(), labels.end());
  } else if (object.group == "scheduling.k8s.io" && object.kind == "PriorityClass") {
    constexpr std::int64_t kMin = std::numeric_limits<std::int32_t>::min();
    constexpr std::int64_t kMax = std::numeric_limits<std::int32_t>::max();
    KERF_TRY(const auto value, object.integer(object.root, "value", kMin, kMax));
    KERF_TRY(const bool global, object.boolean(object.root, "globalDefault"));
    const auto priority = static_cast<std::int32_t>(value.value_or(0));
    priorities.insert_or_assign(object.name, priority);
    if (global) default_priority = priority;
  } else if (object.group == "node.k8s.io" && object.kind == "RuntimeClass") {
    KERF_TRY(RuntimeClass read, read_runtime_class(object));
    runtime_classes.insert_or_assign(object.name, std::move(read));
  } else {
    return false;
  }
  return true;
}

}  // namespace kerf::codec
