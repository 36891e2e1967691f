// Scenarios: changes of layout, each of which is tried with every crash, error and order of events.
#pragma once

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "core/agent/world_testing.h"

namespace kerf::agent {

struct Scenario {
  const char* name;
  std::vector<std::string> boards;
  bool mode;
  std::vector<const char*> before;  ///< by GPU
  std::vector<const char*> held;    ///< resources, a pod each
  std::vector<const char*> wanted;
  std::vector<const char*> after;  ///< the driver's layout in the end
};

inline const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> kAll = {
      {"empty to three",
       {"A100-40"},
       true,
       {""},
       {},
       {"2g.10gb@0 1g.5gb@2 !3g.20gb@4"},
       {"2g.10gb@0 1g.5gb@2 3g.20gb@4"}},
      {"free ones make room",
       {"A100-40"},
       true,
       {"1g.5gb@0 1g.5gb@1 !1g.5gb@2 1g.5gb@3"},
       {},
       {"3g.20gb@0 !3g.20gb@4"},
       {"3g.20gb@0 3g.20gb@4"}},
      {"one beside a pod",
       {"A100-40"},
       true,
       {"3g.20gb@0 2g.10gb@4 1g.5gb@6"},
       {"nvidia.com/mig-2g.10gb"},
       {"1g.5gb@0 1g.10gb@2 2g.10gb@4 1g.5gb@6"},
       {"1g.5gb@0 1g.10gb@2 2g.10gb@4 1g.5gb@6"}},
      {"a used one is left out",
       {"A100-40"},
       true,
       {"3g.20gb@0 2g.10gb@4"},
       {"nvidia.com/mig-3g.20gb"},
       {"1g.5gb@4 1g.5gb@5"},
       {"3g.20gb@0 1g.5gb@4 1g.5gb@5"}},
      {"parked, published, renamed",
       {"H100-80"},
       true,
       {"1g.10gb@0 !1g.10gb@1 1g.10gb@2"},
       {"nvidia.com/mig-1g.10gb"},
       {"!1g.10gb@0 1g.10gb@1 1g.10gb@2=kerf.dev/gpu-10gi"},
       {"1g.10gb@0 1g.10gb@1 1g.10gb@2"}},
      {"two GPUs",
       {"A100-40", "A30"},
       true,
       {"7g.40gb@0", "1g.6gb@0 1g.6gb@1 2g.12gb@2"},
       {"nvidia.com/mig-1g.6gb"},
       {"4g.20gb@0 3g.20gb@4", "1g.6gb@0 1g.6gb@1 1g.6gb@2"},
       {"4g.20gb@0 3g.20gb@4", "1g.6gb@0 1g.6gb@1 1g.6gb@2"}},
      {"replicas to whole",
       {"A100-40", "A100-40"},
       false,
       {"replica/2@0 replica/2@1", "whole@0"},
       {},
       {"whole@0", "replica/4@0 replica/4@1"},
       {"", ""}},
  };
  return kAll;
}

inline std::vector<control::WantedGpu> cuts(const std::vector<const char*>& texts) {
  std::vector<control::WantedGpu> gpus;
  for (const char* text : texts) gpus.push_back(cut(text));
  return gpus;
}

/// The node at rest in the layout before, its pods running.
inline void prepare(World& world, const Scenario& scenario) {
  world.start();
  world.want(cuts(scenario.before));
  world.settle();
  for (std::size_t i = 0; i < scenario.held.size(); ++i) {
    Pod pod;
    pod.name = "pod" + std::to_string(i);
    pod.resource = scenario.held[i];
    if (!world.pick(pod)) world.trace.push_back({Fact::Kind::Refused, "no room to begin", "", {}});
    world.call(*world.pod(pod.name));
    world.say_pods();
  }
  world.settle();
  world.run_for(60'000);
}

/// What is not as it has to be in the end; empty = all is well.
inline std::vector<std::string> not_reached(World& world, const Scenario& scenario) {
  std::vector<std::string> wrong = world.wrong();
  for (std::size_t i = 0; i < scenario.after.size(); ++i)
    if (world.layout(i) != scenario.after[i])
      wrong.push_back("GPU " + std::to_string(i) + " is cut [" + world.layout(i) + "]");
  if (world.status.degraded != control::Degraded::No)
    wrong.push_back("degraded: " + world.status.message);
  if (!world.status.ready) wrong.push_back("not ready");
  std::map<std::string, std::set<std::string>> offered;
  std::set<std::string> wanted;
  const auto gpus = cuts(scenario.wanted);
  for (std::uint32_t i = 0; i < gpus.size(); ++i)
    for (const control::WantedSlice& slice : gpus[i].slices) {
      offered[slice.resource];
      wanted.insert(control::device_id(i, slice.form, slice.start));
      if (slice.published)
        offered[slice.resource].insert(control::device_id(i, slice.form, slice.start));
    }
  bool left = false;
  for (const Pod& pod : world.pods) left = left || (pod.admitted && !wanted.contains(pod.device));
  for (const auto& [resource, ids] : offered) {
    const auto healthy = world.healthy(resource);
    if (std::set<std::string>(healthy.begin(), healthy.end()) != ids)
      wrong.push_back(resource + " is not offered as wanted");
  }
  if (world.status.cut == left) wrong.push_back(left ? "says cut" : "does not say cut");
  return wrong;
}

inline std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

}  // namespace kerf::agent
