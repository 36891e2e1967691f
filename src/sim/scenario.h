// Scenario: one simulated run as a file describes it (docs/reference/scenario.md).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/document.h"
#include "sim/faults.h"
#include "sim/world.h"

namespace kerf::sim {

struct Scenario {
  std::string name;
  std::string description;
  std::int64_t duration_ms = 0;
  /// Seed and start included. Policies act unless the file says Observe.
  WorldSpec world;
  std::vector<FaultSpec> faults;
  /// Of the whole-GPU strategy: a node is looked at when its pods have not changed for so long.
  std::int64_t consolidate_after_ms = 5 * control::kMinute;
};

/// Bounds of a scenario.
inline constexpr std::size_t kScenarioBytesMax = 1u << 20;
inline constexpr std::int64_t kScenarioDaysMax = 92;
inline constexpr std::size_t kScenarioWorkloadsMax = 200;
inline constexpr std::int64_t kScenarioReplicasMax = 5'000;
inline constexpr std::size_t kScenarioFaultsMax = 200;

/// The text of a file that a scenario names, by the name in the scenario; an error for people.
using ReadFile = std::function<Result<std::string>(const std::string& name)>;

/// Reads the one document. Strict: unknown fields are errors with the nearest known name; every
/// error says file, line, column and field. Prices are those shipped for the region.
Result<Scenario> read_scenario(const codec::Document& document, const ReadFile& read_file);

/// A file that is a list of faults and nothing else, or a mapping with `faults`.
Result<std::vector<FaultSpec>> read_fault_file(const std::string& name, std::string_view text);

}  // namespace kerf::sim
