// Kubernetes manifests -> Demand: every kind that holds pods, every field that decides placement.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "codec/document.h"
#include "core/cluster/demand.h"
#include "core/gpu/model.h"

namespace kerf::codec {

struct ManifestOptions {
  std::map<std::string, std::int64_t> replicas;  ///< --replicas name=N or ns/name=N or kind/name=N
  std::map<std::string, double> hours;           ///< --hours name=H: hours a month of a (Cron)Job
  bool daemonset_overhead = true;  ///< DaemonSets of the input count as overhead of every GPU node
};

/// Adds the pods of all documents to `demand`. Kinds: Pod, Deployment, StatefulSet, ReplicaSet,
/// Job, CronJob, DaemonSet, ReplicationController, LeaderWorkerSet, and List of these. Kinds
/// without pods are counted in left_out. PersistentVolumes, PersistentVolumeClaims and
/// StorageClasses in the input bind pods to zones; PriorityClasses give priorities. Errors:
/// file:line:column, field path, what was expected. An override that names nothing is an error.
Result<void> read_manifests(const std::vector<Document>& documents, const ManifestOptions& options,
                            const gpu::Catalogue& gpus, cluster::Demand& demand);

}  // namespace kerf::codec
