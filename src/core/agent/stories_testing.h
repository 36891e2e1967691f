// What the agent's stories share: counts of effects, a pod that runs, a node at rest.
#pragma once

#include <gtest/gtest.h>

#include "core/agent/scenarios_testing.h"

namespace kerf::agent {

using control::Degraded;
using Ids = std::vector<std::string>;

template <class T>
std::size_t count(const World& world, std::size_t from = 0) {
  std::size_t number = 0;
  for (std::size_t i = from; i < world.log.size(); ++i)
    number += std::holds_alternative<T>(world.log[i]);
  return number;
}
inline std::size_t changes(const World& world, std::size_t from = 0) {
  return count<CreateInstance>(world, from) + count<CreateCompute>(world, from) +
         count<DestroyCompute>(world, from) + count<DestroyInstance>(world, from);
}
inline void run_pod(World& world, const std::string& name, const std::string& resource) {
  Pod pod;
  pod.name = name;
  pod.resource = resource;
  ASSERT_TRUE(world.pick(pod));
  world.call(*world.pod(name));
  world.say_pods();
}
/// Longer than kubelet ever takes from its choice to its call: the test calls.
inline constexpr Instant kLate = 1'000'000'000;

/// A node at rest with this layout on one GPU.
inline void at_rest(World& world, const char* layout) {
  world.start();
  world.want({cut(layout)});
  world.settle();
  world.run_for(20'000);
  ASSERT_TRUE(world.status.cut) << world.status.message;
}

}  // namespace kerf::agent
