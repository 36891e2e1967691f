// ManifestInput: all objects of the documents, with lists taken apart and what they say of each
// other.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "codec/document.h"
#include "codec/kube_object.h"
#include "codec/kube_surroundings.h"
#include "codec/workloads.h"

namespace kerf::codec {

struct InputObject {
  KubeObject object;
  std::optional<PodKind> pods;  ///< nullopt: holds no pods that Kerf reads
};

/// Objects in file order, without those that Surroundings takes. Points into the documents, which
/// must outlive it.
class ManifestInput {
 public:
  /// Refused: what is no Kubernetes object, and one workload stated twice. The same object twice
  /// (equal metadata.uid, as `kubectl get` prints it) counts once.
  Result<void> collect(const std::vector<Document>& documents);

  const std::vector<InputObject>& objects() const { return objects_; }
  const Surroundings& surroundings() const { return around_; }
  /// True if such a workload is in the input.
  bool has(const std::string& kind, const std::string& ns, const std::string& name) const {
    return workloads_.contains({kind, ns, name});
  }
  /// True if the object's pods are those of another workload of the input.
  Result<bool> counted_elsewhere(const KubeObject& object) const;

 private:
  Result<void> take(std::string_view file, const Node& root, std::string_view kind,
                    std::string_view api_version);
  Result<bool> is_repeated(const KubeObject& object);
  /// True if such a CronJob is in the input and not suspended: it stands for the Jobs it makes. A
  /// suspended one is left out, and Jobs that were made by hand from it count themselves.
  bool runs_cron_job(const std::string& ns, const std::string& name) const;

  using Key = std::tuple<std::string, std::string, std::string>;  ///< kind, namespace, name
  std::vector<InputObject> objects_;
  struct First {
    const Node* root;
    std::string source;  ///< "llm.yaml:12"
  };
  std::map<Key, First> workloads_;
  Surroundings around_;
};

/// The name of the Deployment that made a ReplicaSet, from the pod's pod-template-hash; of the
/// CronJob that made a Job. Empty if the name does not look so.
std::string deployment_of(const std::string& replica_set, const Labels& pod_labels);
std::string cron_job_of(const std::string& job);

}  // namespace kerf::codec
