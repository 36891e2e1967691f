// What an action of a script does to the driver.
#include <fmt/format.h>

#include <algorithm>

#include "base/quote.h"
#include "fakedriver/overloaded.h"
#include "fakedriver/script.h"
#include "simgpu/limits.h"

namespace kerf::fakedriver {

namespace {

using simgpu::kMostEntries;

Result<void> known_gpu(const simgpu::Driver& driver, int gpu) {
  const std::size_t gpus = driver.state().gpus.size();
  if (gpu >= 0 && static_cast<std::size_t>(gpu) < gpus) return {};
  return invalid(fmt::format("there is no GPU {}; the machine has {}", gpu, gpus));
}

Result<void> unless_refused(simgpu::Return code) {
  if (code == simgpu::Return::Success) return {};
  return fail(ErrorCode::Conflict, fmt::format("the driver answers {}", simgpu::name(code)));
}

Result<void> happen(const Fail& f, simgpu::Driver& driver) {
  if (driver.state().faults.size() >= kMostEntries)
    return fail(ErrorCode::Conflict, "65,536 faults wait already; clear-faults ends them");
  driver.fail_next(f.operation, f.code, f.count, f.effect, f.gpu);
  return {};
}

Result<void> happen(const ReportXid& x, simgpu::Driver& driver) {
  if (x.gi != simgpu::kNoInstance) {
    const auto& instances = driver.state().gpus[static_cast<std::size_t>(x.gpu)].instances;
    const auto gi = std::ranges::find(instances, x.gi, &simgpu::GpuInstanceState::id);
    if (gi == instances.end())
      return invalid(fmt::format("GPU {} has no GPU instance {}", x.gpu, x.gi));
    const auto& computes = gi->compute_instances;
    if (x.ci != simgpu::kNoInstance &&
        std::ranges::find(computes, x.ci, &simgpu::ComputeInstanceState::id) == computes.end())
      return invalid(fmt::format("GPU instance {} has no compute instance {}", x.gi, x.ci));
  } else if (x.ci != simgpu::kNoInstance) {
    return invalid("ci needs gi, whose compute instance it is");
  }
  driver.inject_xid(x.gpu, x.xid, x.gi, x.ci);
  return {};
}

Result<void> happen(const StartProcess& s, simgpu::Driver& driver) {
  std::size_t most = driver.state().memory.size();
  for (const simgpu::GpuState& gpu : driver.state().gpus) {
    most = std::max(most, gpu.pids.size());
    for (const simgpu::GpuInstanceState& gi : gpu.instances)
      for (const simgpu::ComputeInstanceState& ci : gi.compute_instances)
        most = std::max(most, ci.pids.size());
  }
  if (most >= kMostEntries)
    return fail(ErrorCode::Conflict, "65,536 processes run already; end-process ends them");
  if (driver.process_start(s.uuid, s.pid, s.memory_mib)) return {};
  return invalid(
      fmt::format("{} is no device of this machine, or its GPU is lost, or {} runs there already",
                  quoted(s.uuid), s.pid));
}

}  // namespace

Result<void> apply(const Action& action, simgpu::Driver& driver) {
  if (const int* gpu = std::visit(
          [](const auto& a) -> const int* {
            if constexpr (requires { a.gpu; }) return &a.gpu;
            else return nullptr;
          },
          action);
      gpu != nullptr && *gpu >= 0)
    KERF_CHECK_OK(known_gpu(driver, *gpu));
  const auto does = [](auto&& work) {
    work();
    return Result<void>{};
  };
  return std::visit(
      Overloaded{
          [&](const Fail& f) { return happen(f, driver); },
          [&](const ClearFaults&) { return does([&] { driver.clear_faults(); }); },
          [&](const ReportXid& x) { return happen(x, driver); },
          [&](const Lose& l) { return does([&] { driver.lose_gpu(l.gpu, l.until_reboot); }); },
          [&](const StartProcess& s) { return happen(s, driver); },
          [&](const EndProcess& e) -> Result<void> {
            if (driver.process_exit(e.pid)) return {};
            return invalid(fmt::format("no process {} runs on this machine's GPUs", e.pid));
          },
          [&](const Clients& c) { return does([&] { driver.set_open_clients(c.gpu, c.count); }); },
          [&](const Reset& r) { return unless_refused(driver.reset_gpu(r.gpu).code); },
          [&](const Reload&) { return unless_refused(driver.reload_driver().code); },
          [&](const Reboot&) { return does([&] { driver.reboot(); }); },
          [&](const Slow& s) { return does([&] { driver.set_slow(s.on); }); },
      },
      action);
}

}  // namespace kerf::fakedriver
