// Objects as the API server has them -> what the controller's mind knows of them.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "codec/document.h"
#include "codec/kube_surroundings.h"
#include "core/control/objects.h"
#include "core/gpu/model.h"

namespace kerf::codec {

// All leniently: other fields are passed over, what is absent has its default; a value of another
// type is an error that names kind, object and field ("Pod train/worker-0: spec.nodeName: ...").
// Only what has no readable metadata (name, uid, resourceVersion) is always an error. Bounds:
// DESIGN §6; labels and annotations as the API server bounds them; lists of more than 10,000
// entries are TooLarge. Times: parse_timestamp(). Objects of a list may lack apiVersion and kind.

/// A Pod, and whether its shape depends on Surroundings (claims of volumes, namespace selectors):
/// it is to be read again when these change.
struct LivePod {
  control::Pod pod;
  bool depends = false;
  bool selects_namespaces = false;  ///< depends, also on labels of namespaces
  std::string trouble;              ///< why its spec could not be read; "" = it could
};
/// A spec that cannot be read is no error: nobody may take the node of such a pod for empty. It has
/// its meta, node and phase, and one Unplaceable that says what is wrong. Owner: the controlling
/// owner reference. Devices: status.containerStatuses[] and initContainerStatuses[]
/// .allocatedResourcesStatus[].resources[].resourceID, sorted.
///
/// `meta.labels` are the pod's, and kerf.dev/group where it belongs to a LeaderWorkerSet or a
/// JobSet (their own labels name it): Workload::group of that. The labels of `shape` are the pod's
/// without those that only number it or name its revision, its tolerations are without those that
/// admission adds to every pod (codec/live_shape.h): so all pods of a template have one shape, that
/// of the Workload.
Result<LivePod> read_live_pod(const Node& object, const Surroundings& around,
                              const gpu::Catalogue& gpus);
/// Whether any container of a pod's spec names a resource that is a GPU's, whatever else cannot be
/// read. nullptr: no spec.
bool asks_for_gpu(const Node* spec);
Result<control::Node> read_live_node(const Node& object);
/// A NodeClaim of karpenter.sh/v1. An annotation kerf.dev/layout that cannot be read is an empty
/// layout.
Result<control::NodeClaim> read_node_claim(const Node& object);
Result<control::Budget> read_budget(const Node& object);
Result<control::PriorityClass> read_priority_class(const Node& object);
/// A Job (batch/v1, with completions, more than one pod at once, not finished or suspended), a
/// LeaderWorkerSet (all its groups together, of two pods or more), a JobSet (the pods of its Jobs
/// that have not succeeded). Counted are pods that ask for a GPU. at_once 0 where it is none that
/// counts whole: also where its pods are of several shapes, a template cannot be read, or it is
/// being deleted. `object` may lack its kind: it is taken by its fields.
Result<control::Workload> read_workload_group(const Node& object, const Surroundings& around,
                                              const gpu::Catalogue& gpus);
/// An EC2NodeClass, or another provider's: the hash is of the provider's own hash annotation
/// ("*.../...nodeclass-hash") and status.amis[].id, else of the spec. Where the provider says which
/// version its hash is of ("...nodeclass-hash-version"), that stands before it: "v4/<hash>"; hashes
/// of two versions say nothing about each other. "": not known, for it is not ready or, an
/// EC2NodeClass, has no images. Ready is the condition Ready (absent: true only where the kind has
/// no conditions at all).
Result<control::NodeClass> read_node_class(const Node& object);
Result<control::DeviceClass> read_device_class(const Node& object);
/// Spec strictly (codec/policy.h), status leniently (codec/policy_status.h): what was left out of
/// it is added to `troubles`, where they are wanted.
Result<control::SlicePolicy> read_live_policy(const Node& object, const gpu::Catalogue& gpus,
                                              std::vector<std::string>* troubles = nullptr);

/// metadata of any object.
Result<control::Meta> read_meta(const Node& object);

}  // namespace kerf::codec
