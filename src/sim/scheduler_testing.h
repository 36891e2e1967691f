// A scheduler alone with an API server.
#pragma once

#include <cstdint>
#include <string>

#include "sim/api_server_testing.h"
#include "sim/scheduler.h"

namespace kerf::sim::testing {

struct SchedulerWorld {
  explicit SchedulerWorld(std::uint64_t seed = 1, SchedulerOptions options = {})
      : scheduler(api, seed, options) {}

  void run(std::int64_t ms = 500) { clock.run_until(clock.now() + ms); }
  const control::Pod& at(const std::string& name) { return *api.find<control::Pod>(key(name)); }
  std::string node_of(const std::string& name) { return at(name).node; }
  void offer(const std::string& name, std::int64_t count, const char* resource = kSmall) {
    api.mutate<control::Node>({"", name},
                              [&](control::Node& it) { it.allocatable_of[resource] = count; });
  }
  /// As a kubelet does when a pod has ended.
  void end(const std::string& name) { api.pod_terminated(key(name)); }

  Clock clock;
  ApiServer api{clock};
  Scheduler scheduler;
};

inline cluster::PodSelector app(const std::string& name) {
  cluster::PodSelector result;
  result.namespaces = {"default"};
  result.labels = {{"app", cluster::Operator::In, {name}}};
  return result;
}

inline control::Pod app_pod(const std::string& name, const std::string& app_name) {
  control::Pod result = pod(name);
  result.meta.labels["app"] = app_name;
  result.shape.labels["app"] = app_name;
  return result;
}

}  // namespace kerf::sim::testing
