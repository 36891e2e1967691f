// KeptPods: pods that may be of use later, in a few hundred bytes each.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/control/kube.h"

namespace kerf::shell {

/// What pods of one template have in common.
struct PodTemplateOf {
  control::Labels labels;
  control::Labels annotations;
  cluster::PodShape shape;
  control::Owner owner;
  std::string scheduler;
  auto operator<=>(const PodTemplateOf&) const = default;
};

/// A pod, less its key and uid, which its holder has.
struct KeptPod {
  std::shared_ptr<const PodTemplateOf> common;
  std::string node;
  std::string nominated;
  std::string message;
  std::string reason;
  std::vector<control::HeldDevice> devices;
  control::Version version = 0;
  std::int64_t generation = 1;
  control::Instant created = 0;
  control::Instant deleted = 0;
  control::Instant judged = 0;
  control::PodPhase phase = control::PodPhase::Pending;
  bool gated = false;
  bool mirror = false;
  bool admitted = false;
  bool unschedulable = false;
};

/// Takes pods apart and puts them together as they were; what several have in common is kept once,
/// for as long as one of them is.
class KeptPods {
 public:
  std::unique_ptr<KeptPod> keep(control::Pod pod);
  /// `key` and `uid` of the pod that was kept.
  static control::Pod whole(const KeptPod& kept, const control::Key& key, const std::string& uid);
  void forget(std::unique_ptr<KeptPod> kept);

  std::size_t templates() const { return templates_.size(); }

 private:
  struct ByValue {
    bool operator()(const std::shared_ptr<const PodTemplateOf>& a,
                    const std::shared_ptr<const PodTemplateOf>& b) const {
      return *a < *b;
    }
  };
  std::set<std::shared_ptr<const PodTemplateOf>, ByValue> templates_;
};

}  // namespace kerf::shell
