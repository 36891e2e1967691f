// Volumes: which zones a pod's claims bind it to.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "codec/kube_object.h"

namespace kerf::codec {

/// Where a volume can be used.
struct VolumeReach {
  bool bound = false;              ///< only in `zones`
  std::vector<std::string> zones;  ///< sorted
  bool on_one_node = false;        ///< a local volume: only on a node that exists
  bool unknown = false;            ///< the input does not say
};

/// PersistentVolumes, PersistentVolumeClaims and StorageClasses of the input.
class VolumeIndex {
 public:
  /// True if the object is one of these and was taken.
  Result<bool> add(const KubeObject& object);

  bool has_claim(const std::string& ns, const std::string& name) const {
    return claims_.contains({ns, name});
  }
  bool has_claims() const { return !claims_.empty(); }
  /// Of a claim: its volume's, else its class's; unknown if claim or volume is not in the input.
  VolumeReach of_claim(const std::string& ns, const std::string& name) const;
  /// Of a volume that is made when the pod comes; no class: the default class.
  VolumeReach of_class(const std::optional<std::string>& name) const;

 private:
  struct Claim {
    std::string volume;
    std::optional<std::string> storage_class;
  };
  Result<void> add_volume(const KubeObject& object);
  Result<void> add_claim(const KubeObject& object);
  Result<void> add_class(const KubeObject& object);

  std::map<std::string, VolumeReach> volumes_;
  std::map<std::pair<std::string, std::string>, Claim> claims_;
  std::map<std::string, VolumeReach> classes_;
  std::optional<std::string> default_class_;
};

/// The class that a claim's spec or its old annotation names; an empty one is none at all.
Result<std::optional<std::string>> storage_class_of(const KubeObject& object, const Node* metadata,
                                                    const Node* spec);

/// What holds in both places.
VolumeReach intersect(const VolumeReach& a, const VolumeReach& b);

}  // namespace kerf::codec
