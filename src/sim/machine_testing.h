// What tests of machines share: one node with its GpuNode, and a machine that serves it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "codec/catalogue.h"
#include "core/control/names.h"
#include "sim/api_server_testing.h"
#include "sim/machine.h"

namespace kerf::sim::testing {

struct OneMachine {
  explicit OneMachine(std::vector<std::string> boards = {"A100-40"}, std::uint64_t seed = 1,
                      MachineOptions options = calm(), gpu::GpuMode mode = gpu::GpuMode::Cut)
      : api(clock),
        nodes(api, seed),
        machine({api, nodes, lease, codec::builtin_catalogue(), seed, options}, "n", boards, mode) {
    lease.lease_renewed(control::kHour * 24 * 365);
    api.create(node("n"));
    control::GpuNode wanted;
    wanted.meta.name = "n";
    wanted.spec.gpus.resize(boards.size());
    api.create(std::move(wanted));
    machine.power_on();
  }
  /// Pods hold their devices by containers that open them soon.
  static MachineOptions calm() {
    MachineOptions options;
    options.kubelet.init_milli = 0;
    options.idle_milli = 0;
    options.process = {0, 1000};
    return options;
  }

  /// Slices "1g.5gb@0" of GPU 0, published or parked.
  void want(const std::vector<std::pair<std::string, std::uint8_t>>& slices,
            bool published = true) {
    api.mutate<control::GpuNode>(Key{"", "n"}, [&](control::GpuNode& changed) {
      changed.spec.gpus[0].slices.clear();
      for (const auto& [form, start] : slices)
        changed.spec.gpus[0].slices.push_back({form, start, "nvidia.com/mig-" + form, published});
    });
  }
  /// Runs until the agent says that all wanted is so, for at most `ms`.
  bool converges(std::int64_t ms = 10 * control::kMinute) {
    const Instant end = clock.now() + ms;
    while (clock.now() < end) {
      const control::GpuNode& seen = gpu_node();
      if (seen.status.cut && seen.status.ready && seen.status.boot_id == machine.boot_id() &&
          seen.status.observed_generation == seen.meta.generation)
        return true;
      if (!clock.step()) break;
    }
    return false;
  }
  void bind(const std::string& name, const std::string& profile = "1g.5gb") {
    control::Pod pod = gpu_pod(name, profile);
    pod.node = "n";
    api.create(std::move(pod));
  }
  const control::Pod& pod(const std::string& name) const {
    return *api.find<control::Pod>(key(name));
  }
  const control::GpuNode& gpu_node() const { return *api.find<control::GpuNode>("n"); }
  const control::Node& object() const { return *api.find<control::Node>("n"); }
  void run(std::int64_t ms) { clock.run_until(clock.now() + ms); }

  Clock clock;
  ApiServer api;
  NodeMonitor nodes;
  ControllerLease lease;
  Machine machine;
};

}  // namespace kerf::sim::testing
