// The parts of a scenario file, each read in a file of its own.
#pragma once

#include <string>
#include <vector>

#include "codec/strict_fields.h"
#include "core/gpu/model.h"
#include "sim/scenario.h"

namespace kerf::sim {

/// `market` of the file -> market, prices and spot instances of the world. A field that is not
/// there: as if it were empty.
Result<void> read_market(const codec::Field* field, const ReadFile& read_file, WorldSpec& world);

/// One entry of `workloads`, and its PodDisruptionBudget. `priorities`: the classes of the file.
Result<void> read_workload(const codec::Field& field, WorldSpec& world);

/// Entries of `faults`.
Result<std::vector<FaultSpec>> read_faults(const codec::Field& field);

/// `{cpu, memory}` rounded up.
Result<void> read_cpu(const codec::Field& field, Resources& into);
Result<void> read_memory(const codec::Field& field, Resources& into);

}  // namespace kerf::sim
