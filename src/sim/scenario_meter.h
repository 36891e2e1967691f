// Meter: watches one run and counts what its report says of pods, nodes, cuts and money.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "report/simulation.h"
#include "sim/world.h"

namespace kerf::sim {

/// Make it before time passes; the world outlives it. Pods without a GPU request do not count.
class Meter {
 public:
  explicit Meter(World& world);
  ~Meter();
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;

  /// Everything up to now, the strategy's name, moves and checks aside.
  report::SimulatedRun figures() const;
  /// Pods that Kerf's controller evicted.
  std::int64_t evicted_by_controller() const { return moved_; }

 private:
  struct PodSeen {
    Instant created = 0;
    Instant runs_since = 0;  ///< 0 = does not run
    std::int64_t gpu_milli = 0;
    bool ran = false;
  };

  void pod_changed(const Change& change);
  void begin_run(PodSeen& seen, const control::Pod& pod);
  void end_run(PodSeen& seen);
  void gpu_node_changed(const Change& change);
  std::int64_t gpu_milli_of(const control::Pod& pod) const;
  void count_nodes(report::SimulatedRun& run) const;

  World& world_;
  ApiServer& api_;
  std::vector<std::uint64_t> listeners_;
  std::map<std::string, PodSeen> pods_;  ///< by uid; those that are not gone
  std::int64_t made_ = 0;
  std::vector<std::int64_t> waits_;  ///< of pods that ran
  std::int64_t pod_ms_ = 0;
  std::int64_t held_ = 0;
  /// The eviction that is being asked for: pod, when, whether Kerf's controller asks.
  Key asked_;
  Instant asked_at_ = -1;
  bool controller_asks_ = false;
  std::int64_t evicted_ = 0;
  std::int64_t moved_ = 0;
  std::int64_t layouts_changed_ = 0;
  std::int64_t slices_made_ = 0;
  std::int64_t slices_destroyed_ = 0;
};

}  // namespace kerf::sim
