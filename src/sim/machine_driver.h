// The agent's driver operations as calls of the simulated driver, each with the time that it takes.
#pragma once

#include <cstdint>
#include <vector>

#include "core/agent/words.h"
#include "simgpu/boards.h"
#include "simgpu/driver.h"

namespace kerf::sim {

/// How an operation ended, and how long all its calls took.
struct DriverOutcome {
  agent::Code code = agent::Code::Success;
  std::int64_t latency_ms = 0;
};
struct LookOutcome {
  DriverOutcome outcome;
  std::vector<agent::SeenGpu> gpus;  ///< by index
};
struct ProcessesOutcome {
  DriverOutcome outcome;
  std::vector<agent::Process> processes;
};

/// `last`: what the last Look saw, kept for GPUs that are lost.
LookOutcome look(simgpu::Driver& driver, const std::vector<agent::SeenGpu>& last);
ProcessesOutcome list_processes(simgpu::Driver& driver);

DriverOutcome perform(simgpu::Driver& driver, const agent::CreateInstance& op);
DriverOutcome perform(simgpu::Driver& driver, const agent::CreateCompute& op);
DriverOutcome perform(simgpu::Driver& driver, const agent::DestroyCompute& op);
DriverOutcome perform(simgpu::Driver& driver, const agent::DestroyInstance& op);

}  // namespace kerf::sim
