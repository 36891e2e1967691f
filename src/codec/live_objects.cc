// Reads the smaller kinds of live objects; pods, nodes and groups have files of their own.
#include "codec/live_objects.h"

#include <limits>
#include <utility>

#include "codec/kube_selectors.h"
#include "codec/live_fields.h"
#include "codec/policy.h"
#include "codec/policy_status.h"

namespace kerf::codec {

Result<control::Meta> read_meta(const Node& object) {
  KERF_TRY(const LiveObject live, LiveObject::read(object, "object"));
  return live.meta();
}

Result<control::Budget> read_budget(const Node& object) {
  KERF_TRY(const LiveObject live, LiveObject::read(object, "PodDisruptionBudget"));
  control::Budget budget;
  budget.meta = live.meta();
  budget.selector.namespaces = {budget.meta.ns};
  KERF_TRY(const std::optional<Field> spec, live.part("spec"));
  KERF_TRY(const std::optional<Field> selector, given_mapping(spec, "selector"));
  budget.selector.none = !selector;
  if (selector) {
    KERF_TRY(const KubeObject whole,
             KubeObject::read("API server", object, "PodDisruptionBudget", "policy/v1"));
    KERF_TRY(budget.selector.labels, label_selector(whole, &selector->node()));
  }
  KERF_TRY(const std::optional<Field> status, live.part("status"));
  KERF_TRY(const auto allowed, given_integer(status, "disruptionsAllowed", 0, INT32_MAX));
  budget.allowed = allowed.value_or(0);
  return budget;
}

Result<control::PriorityClass> read_priority_class(const Node& object) {
  constexpr std::int64_t kMin = std::numeric_limits<std::int32_t>::min();
  constexpr std::int64_t kMax = std::numeric_limits<std::int32_t>::max();
  KERF_TRY(const LiveObject live, LiveObject::read(object, "PriorityClass"));
  control::PriorityClass priority;
  priority.meta = live.meta();
  KERF_TRY(const auto value, given_integer(live.whole(), "value", kMin, kMax));
  priority.value = static_cast<std::int32_t>(value.value_or(0));
  KERF_TRY(const std::string preemption, given_text(live.whole(), "preemptionPolicy"));
  priority.preempts = preemption != "Never";
  return priority;
}

Result<control::DeviceClass> read_device_class(const Node& object) {
  KERF_TRY(const LiveObject live, LiveObject::read(object, "DeviceClass"));
  control::DeviceClass device;
  device.meta = live.meta();
  KERF_TRY(const std::optional<Field> spec, live.part("spec"));
  KERF_TRY(device.resource, given_text(spec, "extendedResourceName", 512));
  return device;
}

Result<control::SlicePolicy> read_live_policy(const Node& object, const gpu::Catalogue& gpus,
                                              std::vector<std::string>* troubles) {
  KERF_TRY(const LiveObject live, LiveObject::read(object, "SlicePolicy"));
  control::SlicePolicy policy;
  policy.meta = live.meta();
  policy.buys.name = policy.meta.name;
  policy.buys.gives_labels = false;  // a label with a typo in it would buy a node
  KERF_TRY(const std::optional<Field> spec, given(live.whole(), "spec"));
  if (spec) KERF_CHECK_OK(read_slice_policy_spec(*spec, gpus, policy));
  std::vector<std::string> told;
  KERF_TRY(const std::optional<Field> status, given(live.whole(), "status"));
  if (status) policy.status = read_policy_status(*status, troubles == nullptr ? told : *troubles);
  return policy;
}

}  // namespace kerf::codec
