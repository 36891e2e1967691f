// Workloads: the controllers that make pods (Deployment, StatefulSet, Job), and when they come.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/hash.h"
#include "sim/api_server.h"
#include "sim/workloads_arrivals.h"
#include "sim/workloads_spec.h"

namespace kerf::sim {

struct WorkloadOptions {
  std::int64_t reacts_least_ms = 5;  ///< from a change of pods to the next deed
  std::int64_t reacts_most_ms = 60;
  std::int64_t keeps_done_ms = control::kMinute;         ///< a Job that is over; a bare pod
  std::int64_t keeps_failed_ms = 10 * control::kMinute;  ///< a failed pod of a Deployment
  std::int64_t retry_first_ms = 10 * control::kSecond;   ///< Job, after a failed pod; doubles
  std::int64_t retry_most_ms = 6 * control::kMinute;
};

/// Keeps as many pods as each workload wants, as the controllers of Kubernetes 1.36 do, from what
/// the pods' objects say; a kubelet runs and ends the pods (runs_for_ms() and the like of
/// api_server.h).
///
/// Deployment: pods "<name>-<revision>-<n>", owner "ReplicaSet" with a uid for each revision; makes
/// new ones for those that are being deleted or failed; rolls out by surge and unavailable; gives
/// up pods without a node first, then those that do not run, then the youngest. StatefulSet:
/// "<name>-0", ..., one after the other, each when the one before runs; a pod is made again when
/// the one of its name is gone. Job: parallelism pods until `completions` succeeded, retries with
/// back-off, given up beyond backoff_limit; has a control::Workload while it lives. Bare: pods
/// without an owner, nobody makes them again.
/// Chance: how long the n-th pod of an instance runs depends on the seed, its name and n only, so
/// the same workload comes alike whatever is done with it. Simpler than Kubernetes: failed pods go
/// after keeps_failed_ms; a Job counts a deleted pod as if it had never been.
class Workloads {
 public:
  Workloads(ApiServer& api, std::uint64_t seed, WorkloadOptions options = {});
  ~Workloads();
  Workloads(const Workloads&) = delete;
  Workloads& operator=(const Workloads&) = delete;

  /// Its arrivals begin now.
  void add(const WorkloadSpec& spec);
  /// Of one instance, by namespace and name; false: there is none (any more).
  bool scale(const Key& instance, std::int64_t replicas);
  bool roll_out(const Key& instance, const cluster::PodShape& shape);
  bool remove(const Key& instance);

  /// Pods that this owner wants (for Evictions).
  std::optional<Wanted> wanted(const control::Owner& owner) const;
  std::vector<Key> instances() const;

  struct Counts {
    std::int64_t instances = 0;  ///< that came
    std::int64_t pods = 0;       ///< that were made
    std::int64_t rejected = 0;   ///< failed at admission
    std::int64_t failed = 0;     ///< failed otherwise
    std::int64_t completed = 0;  ///< Jobs
    std::int64_t given_up = 0;   ///< Jobs
  };
  const Counts& counts() const { return counts_; }
  void add_to(Hasher& hasher) const;

 private:
  struct Instance {
    WorkloadSpec spec;
    Dice dice;
    std::string uid = {};  ///< owner of its pods; Deployment: of this revision
    std::int64_t revision = 1;
    std::int64_t made = 0;  ///< pods so far
    std::int64_t succeeded = 0;
    std::int64_t failures = 0;
    Instant not_before = 0;  ///< Job: back-off
    bool over = false;       ///< Job: completed or given up
    std::set<Key> pods = {};
    Timer due = {};                 ///< the next reconcile
    std::vector<Timer> steps = {};  ///< of spec.steps, and its end
  };
  /// Pods of one instance that count, in order of their names.
  struct Pods {
    std::vector<const control::Pod*> current;  ///< of this revision
    std::vector<const control::Pod*> old;
    std::int64_t available = 0;  ///< running, both
  };

  void arrive(std::size_t number, std::int64_t together);
  void wait_for_arrival(std::size_t number);
  void start(const WorkloadSpec& spec, const std::string& name);
  void do_step(const Key& instance, const Step& step);
  void heard(const Change& change);
  void soon(const Key& instance, std::int64_t delay_ms = 0);
  void reconcile(const Key& key);
  Pods pods_of(const Instance& instance) const;
  static bool is_current(const Instance& instance, const control::Pod& pod);
  void count_end(Instance& instance, const control::Pod& pod);
  void give_up(std::vector<const control::Pod*> pods, std::int64_t count);
  void keep_deployment(Instance& instance);
  void give_up_old(const Instance& instance, const Pods& pods);
  void keep_stateful(Instance& instance);
  void keep_job(Instance& instance);
  void finish_job(Instance& instance, bool completed);
  void keep_bare(Instance& instance);
  void make(Instance& instance, const std::string& name);
  void forget_later(const Key& pod, const std::string& uid, std::int64_t delay_ms);
  std::string new_uid(const Key& instance);

  struct Source {
    WorkloadSpec spec;
    Dice dice;
    Instant added = 0;
    Instant last = 0;
    std::int64_t arrivals = 0;
    std::int64_t instances = 0;
    Timer next;
  };

  ApiServer& api_;
  Clock& clock_;
  std::uint64_t seed_;
  WorkloadOptions options_;
  std::vector<Source> sources_;
  std::map<Key, Instance> instances_;
  std::map<std::string, Key> owners_;  ///< by uid, earlier revisions and bare pods too
  std::uint64_t uids_ = 0;
  Counts counts_;
  std::uint64_t listener_ = 0;
};

}  // namespace kerf::sim
