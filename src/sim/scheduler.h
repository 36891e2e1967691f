// Scheduler: what the stock kube-scheduler does, as far as Kerf meets it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>

#include "base/hash.h"
#include "sim/api_server.h"
#include "sim/scheduler_view.h"

namespace kerf::sim {

struct SchedulerOptions {
  std::int64_t sees_least_ms = 5;  ///< from a change to its view of it
  std::int64_t sees_most_ms = 50;
  std::int64_t binds_least_ms = 2;  ///< from the decision to spec.nodeName
  std::int64_t binds_most_ms = 8;
  std::int64_t decides_ms = 1;                       ///< between two decisions
  std::int64_t backoff_first_ms = control::kSecond;  ///< after a failed attempt; doubles
  std::int64_t backoff_most_ms = 10 * control::kSecond;
  std::int64_t flush_ms = 5 * control::kMinute;  ///< tried again although nothing happened
  /// Thousandths of failed attempts that clear the nomination of somebody else.
  int clears_nomination_milli = 200;
  /// Write Pod::judged at each attempt; else, as 1.36 does it, only where the words change.
  bool judges_each_attempt = true;
};

/// Places pending pods of `default-scheduler` on nodes, one by one: by priority, then age.
///
/// Rules, from Kubernetes 1.36 (kubernetes.md of the facts): it decides on its own view, which
/// lags; the node of status.nominatedNodeName is tried first, and room is kept there against pods
/// of no higher priority; else the node of the best score (least allocated, fewest pods of the same
/// owner, preferred taints), ties by chance. Filters: scheduler_fit.h. A pod that fits nowhere may
/// evict pods of lower priority (scheduler_preempt.h), is marked Unschedulable, and is tried again
/// when something changed that may help it, after its back-off.
/// Not modelled: preferred affinity, images, volumes but for their zones, DRA, a node sample (every
/// node is looked at), queueing hints (any helpful change wakes every pod).
class Scheduler {
 public:
  Scheduler(ApiServer& api, std::uint64_t seed, SchedulerOptions options = {});
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  /// It dies, and what it had decided and not written is forgotten; start() reads everything anew.
  void stop();
  void start();

  std::size_t pending() const { return queue_.size(); }
  std::uint64_t attempts() const { return attempts_; }
  const SchedulerView& view() const { return view_; }
  void add_to(Hasher& hasher) const;

 private:
  /// Priority first (greatest), then age, then name.
  using Order = std::tuple<std::int64_t, Instant, Key>;
  struct Waiting {
    std::string uid;
    Order order;
    int failures = 0;
    bool active = false;     ///< stands in active_
    Instant not_before = 0;  ///< back-off
    bool wanted = false;     ///< something changed; tried when the back-off is over
    Timer timer;
  };

  /// Why pods of that shape fit nowhere, and that nobody could be evicted for them.
  struct Failure {
    cluster::PodShape shape;  ///< without labels
    std::map<std::string, int> reasons;
  };

  void heard(const Change& change);
  void look();
  void take(const Change& change);
  void take_pod(const Change& change);
  void enqueue(const Key& key, const control::Pod& pod, bool changed);
  void dequeue(const Key& key);
  void activate(Waiting& waiting);
  void wake(const Key& key, Waiting& waiting);
  void wake_all();
  void wake_company();
  void schedule_cycle();
  void decide();
  void attempt(const Key& key);
  std::optional<std::string> choose(const PodSeen& seen, std::map<std::string, int>& reasons);
  void bind(const Key& key, const control::Pod& pod, const std::string& node);
  void fail(const Key& key, const control::Pod& pod, const std::map<std::string, int>& reasons);
  bool preempt(const Key& key, const PodSeen& seen);
  const Failure* known_failure(const control::Pod& pod);

  ApiServer& api_;
  Clock& clock_;
  Dice dice_;
  SchedulerOptions options_;
  SchedulerView view_;
  std::vector<Failure> failures_;  ///< as of failures_of_, so that a crowd of like pods that
  std::uint64_t failures_of_ = 0;  ///< wakes together costs one look at the nodes
  std::deque<Change> inbox_;
  std::map<Key, Waiting> queue_;
  std::set<Order> active_;
  Timer look_;
  Timer cycle_;
  std::vector<std::uint64_t> listeners_;
  std::uint64_t life_ = 0;  ///< grows with each stop: what was under way before is void
  std::uint64_t attempts_ = 0;
};

}  // namespace kerf::sim
