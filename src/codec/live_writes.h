// What the controller writes: bodies of its requests to the API server.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/document.h"
#include "core/control/objects.h"

namespace kerf::codec {

/// Which kind of NodeClass claims refer to: "karpenter.k8s.aws", "EC2NodeClass".
struct NodeClassKind {
  std::string group = "karpenter.k8s.aws";
  std::string kind = "EC2NodeClass";
};

/// A NodeClaim to create: one instance type; zones, capacity types where given; taints, startup
/// taints, expireAfter ("Never" for 0), no requests, annotations with kerf.dev/layout.
Node node_claim_object(const control::NodeClaim& claim, const NodeClassKind& kind);

/// A GpuNode to create, owned by its Node (so that it goes with it). Price 0: not known, and left
/// out, here and in the patch.
Node gpu_node_object(const std::string& name, const std::string& node_uid,
                     const control::GpuNodeSpec& spec, MicroUsdPerHour price);
// Merge patches (RFC 7386). Whoever sends one adds metadata.resourceVersion where it is to hold for
// one version only. The annotation kerf.dev/usd-per-hour is in dollars, exact.

Node gpu_node_patch(const control::GpuNodeSpec& spec, MicroUsdPerHour price);
/// Of pods/status. `uid`: of the pod, "" = whichever has that name (the API server calls another
/// uid invalid, 422, no conflict); node "" = null: cleared.
Node nominate_patch(const std::string& uid, const std::string& node);
/// Of nodes/status. Raising sets capacity to at least that: `capacity` is what is known of it now.
Node publish_patch(const control::Amounts& raised, const control::Amounts& capacity);
Node withdraw_patch(const control::Amounts& lowered);
/// Of nodes. `taints` is spec.taints as it is now (Null: none), the patch has all but the startup
/// taint if `remove_uncut`; labels to remove become null.
Node node_patch(const control::Labels& labels, const std::vector<std::string>& remove_labels,
                bool remove_uncut, const Node& taints);

/// An Event of events.k8s.io/v1.
struct EventRecord {
  std::string ns;    ///< of the event: that of the object, "default" for cluster-scoped ones
  std::string name;  ///< of the event; unique for object and cause
  std::string api_version, kind, object_ns, object_name, object_uid;  ///< regarding
  std::string type;                                                   ///< "Normal", "Warning"
  std::string reason;                                                 ///< CamelCase
  std::string action;                                                 ///< CamelCase, what was done
  std::string note;      ///< at most 1024 bytes, cut at a whole character
  std::string decision;  ///< annotation kerf.dev/decision
  std::string instance;  ///< reportingInstance
  std::int64_t at_ms = 0;
};
Node event_object(const EventRecord& event);

}  // namespace kerf::codec
