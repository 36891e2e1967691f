// What simulated runs came to, as plain figures, and the text and JSON that are made of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "codec/document.h"

namespace kerf::report {

/// Nodes of one type and capacity type.
struct SimulatedType {
  std::string type;
  std::string capacity_type;
  std::int64_t bought = 0;
  std::int64_t node_ms = 0;
  std::int64_t micro_usd = 0;
};

/// A promise that was broken.
struct BrokenPromise {
  std::int64_t at_ms = 0;  ///< since the start of the run
  std::string promise;
  std::string sentence;
};

/// One strategy's run. Times in milliseconds, money in micro-dollars.
struct SimulatedRun {
  std::string strategy;  ///< "kerf", "whole-gpu"

  std::int64_t micro_usd = 0;
  std::int64_t node_ms = 0;
  std::vector<SimulatedType> types;  ///< dearest first

  std::int64_t pods = 0;     ///< with a GPU request, that were made
  std::int64_t ran = 0;      ///< of them: ran
  std::int64_t waiting = 0;  ///< not yet, at the end
  std::int64_t median_ms = 0;
  std::int64_t p95_ms = 0;
  std::int64_t longest_ms = 0;  ///< of those that ran
  std::int64_t pod_ms = 0;      ///< that pods ran, together

  std::int64_t moved = 0;        ///< pods, to save money
  std::int64_t evicted = 0;      ///< pods, those moved too
  std::int64_t rejected = 0;     ///< pods, by kubelet
  std::int64_t interrupted = 0;  ///< instances, by EC2
  std::int64_t lost = 0;         ///< instances, without a notice

  std::int64_t bought = 0;    ///< nodes
  std::int64_t returned = 0;  ///< nodes
  std::int64_t refused = 0;   ///< launches that came to nothing

  std::int64_t layouts_changed = 0;  ///< of GPUs that were cut already
  std::int64_t slices_made = 0;
  std::int64_t slices_destroyed = 0;

  std::int64_t gpu_milli_ms = 0;       ///< thousandths of a GPU times milliseconds, paid
  std::int64_t gpu_milli_ms_held = 0;  ///< of them: held by pods

  std::int64_t faults = 0;  ///< that happened
  bool checked = false;     ///< the promises were watched
  std::int64_t promises = 0;
  std::vector<BrokenPromise> broken;
  std::uint64_t hash = 0;  ///< of the world at the end
};

struct Simulation {
  std::string scenario;
  std::string description;
  std::string start;  ///< "Monday 00:00"
  std::int64_t duration_ms = 0;
  std::uint64_t seed = 0;
  std::string market;  ///< "us-east-1, prices of 2026-07-20 (shipped price table), constant"
  std::vector<SimulatedRun> runs;
};

struct SimulationTableOptions {
  bool unicode = true;
};

/// For people: at most 100 columns, ASCII but for names.
std::string simulation_table(const Simulation& simulation, const SimulationTableOptions& options);

/// Top-level "apiVersion": "kerf.dev/simulation/v1alpha1"; docs/reference/simulate.schema.json.
codec::Node simulation_json(const Simulation& simulation);

/// "850 ms", "45 s", "2 min 10 s", "3 h 5 min": two units at most, rounded down.
std::string length_text(std::int64_t ms);

}  // namespace kerf::report
