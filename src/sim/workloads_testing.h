// Workloads alone with an API server, a scheduler, and a StandInKubelet, which runs and ends pods
// on time.
#pragma once

#include <algorithm>
#include <set>
#include <string>

#include "sim/api_server_testing.h"
#include "sim/scheduler.h"
#include "sim/workloads.h"

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

struct WorkloadsWorld {
  explicit WorkloadsWorld(std::uint64_t seed = 1) : scheduler(api, seed), workloads(api, seed) {
    for (int i = 0; i < 3; ++i) api.create(node("n" + std::to_string(i)));
  }
  void run(std::int64_t ms = 5 * control::kSecond) { clock.run_until(clock.now() + ms); }
  std::set<std::string> names() {
    std::set<std::string> result;
    for (const control::Pod& pod : api.all<control::Pod>()) result.insert(pod.meta.name);
    return result;
  }
  std::int64_t running() {
    const auto pods = api.all<control::Pod>();
    return std::count_if(pods.begin(), pods.end(), [](const control::Pod& pod) {
      return pod.phase == control::PodPhase::Running && pod.meta.deleted == 0;
    });
  }

  Clock clock;
  ApiServer api{clock};
  Scheduler scheduler;
  StandInKubelet kubelet{api};
  Workloads workloads;
};

inline WorkloadSpec spec(WorkloadKind kind, std::int64_t replicas = 1) {
  WorkloadSpec result;
  result.kind = kind;
  result.name = "w";
  result.shape.requests = {1000, 1024, 0, 1};
  result.replicas = replicas;
  return result;
}

}  // namespace kerf::sim::testing
