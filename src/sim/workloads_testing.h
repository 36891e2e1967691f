// StandInKubelet: runs and ends pods on time, for tests that need no devices.
#pragma once

#include <string>

#include "sim/api_server.h"

namespace kerf::sim::testing {

/// Every bound pod runs 100 ms later, ends as its annotations say, and goes when it is deleted.
class StandInKubelet {
 public:
  explicit StandInKubelet(ApiServer& api) : api_(api) {
    listener_ = api.listen(Kind::Pod, [this](const Change& change) { heard(change); });
  }
  ~StandInKubelet() { api_.unlisten(listener_); }
  StandInKubelet(const StandInKubelet&) = delete;
  StandInKubelet& operator=(const StandInKubelet&) = delete;

  /// Pods of that node are rejected at admission from now on; "" = of none.
  std::string rejects;

 private:
  using Pod = control::Pod;

  template <class Fn>
  void later(const Key& key, const std::string& uid, std::int64_t delay_ms, Fn fn) {
    api_.clock().after(delay_ms, [this, key, uid, fn] {
      const Pod* pod = api_.find<Pod>(key);
      if (pod && pod->meta.uid == uid) fn(*pod);
    });
  }
  void heard(const Change& change) {
    const Pod* was = change.was<Pod>();
    const Pod* is = change.is<Pod>();
    if (!is || is->node.empty()) return;
    const Key key = change.key;
    if (!was || was->node.empty())
      later(key, is->meta.uid, 100, [this, key](const Pod& pod) { admit(key, pod); });
    if (is->meta.deleted != 0 && was && was->meta.deleted == 0)
      later(key, is->meta.uid, ends_in_ms(*is),
            [this, key](const Pod&) { api_.pod_terminated(key); });
  }
  void admit(const Key& key, const Pod& pod) {
    const bool rejected = pod.node == rejects;
    api_.mutate<Pod>(key, [&](Pod& it) {
      it.admitted = !rejected;
      it.phase = rejected ? control::PodPhase::Failed : control::PodPhase::Running;
      if (rejected) it.reason = "UnexpectedAdmissionError";
    });
    if (!rejected && runs_for_ms(pod) > 0)
      later(key, pod.meta.uid, runs_for_ms(pod), [this, key](const Pod& now) {
        if (now.done()) return;
        api_.mutate<Pod>(key, [](Pod& it) {
          it.phase = fails(it) ? control::PodPhase::Failed : control::PodPhase::Succeeded;
        });
      });
  }

  ApiServer& api_;
  std::uint64_t listener_ = 0;
};

}  // namespace kerf::sim::testing
