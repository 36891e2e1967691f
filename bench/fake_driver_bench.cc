// kerf_fake_driver_bench: what a call on the simulated driver costs beyond the latency it declares;
// figures to <folder>/fake_driver.json.
//
// The library is loaded as any NVML program loads it, on a machine of eight H100s cut into seven
// slices each whose calls declare no latency. One round is many calls of one kind; the figure is
// the median of five rounds.
#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "base/assert.h"
#include "codec/document.h"
#include "codec/json.h"
#include "fakedriver/machine.h"
#include "measure.h"
#include "nvmlabi/nvml_abi.h"

namespace {

using namespace kerf;
namespace abi = kerf::nvmlabi;
using codec::Node;

constexpr int kRounds = 5;
constexpr int kReads = 20'000;   ///< of one round
constexpr int kChanges = 1'000;  ///< of one round

class Library {
 public:
  explicit Library(const char* path) : handle_(::dlopen(path, RTLD_NOW | RTLD_LOCAL)) {
    KERF_ASSERT(handle_ != nullptr, "the library is where it was built");
  }
  template <class... Args>
  abi::Return call(const char* name, Args... args) const {
    auto* const function = reinterpret_cast<abi::Return (*)(Args...)>(::dlsym(handle_, name));
    KERF_ASSERT(function != nullptr, "the library has the function");
    return function(args...);
  }
  /// Looked up once: what is measured is the call.
  template <class... Args>
  auto function(const char* name) const {
    return reinterpret_cast<abi::Return (*)(Args...)>(::dlsym(handle_, name));
  }

 private:
  void* handle_;
};

void good(abi::Return code) { KERF_ASSERT(code == abi::kSuccess, "a call that succeeds"); }

struct Figure {
  std::string call;
  double us = 0;
};

double microseconds(int calls, const std::function<void()>& round) {
  std::vector<double> rounds;
  for (int i = 0; i < kRounds; ++i) rounds.push_back(bench::seconds(round) / calls * 1e6);
  return bench::median(rounds);
}

/// Seven 1g slices on every GPU but the last, where changes are measured.
void cut(fakedriver::Machine& machine) {
  const auto done = machine.change([](simgpu::Driver& d) {
    for (int gpu = 0; gpu < 8; ++gpu) {
      d.set_mig_mode(d.handle_of(gpu), true);
      for (int i = 0; gpu < 7 && i < 7; ++i)
        d.create_compute_instance(d.create_gpu_instance(d.handle_of(gpu), 19).value, 0);
    }
  });
  KERF_ASSERT(done.has_value(), "a machine in a new folder can be changed");
}

/// Microseconds of one change: a GPU instance is created and destroyed on the last GPU.
double changes(const Library& nvml, int count) {
  abi::Device last = nullptr;
  good(nvml.call("nvmlDeviceGetHandleByIndex_v2", 7U, &last));
  const auto create =
      nvml.function<abi::Device, unsigned, const abi::Placement*, abi::GpuInstance*>(
          "nvmlDeviceCreateGpuInstanceWithPlacement");
  const auto destroy = nvml.function<abi::GpuInstance>("nvmlGpuInstanceDestroy");
  return microseconds(2 * count, [&] {
    for (int i = 0; i < count; ++i) {
      const abi::Placement at{0, 4};
      abi::GpuInstance made = nullptr;
      good(create(last, 9U, &at, &made));
      good(destroy(made));
    }
  });
}

std::vector<Figure> measure(const Library& nvml) {
  std::vector<Figure> figures;
  abi::Device gpu = nullptr;
  good(nvml.call("nvmlDeviceGetHandleByIndex_v2", 0U, &gpu));
  abi::Device mig = nullptr;
  good(nvml.call("nvmlDeviceGetMigDeviceHandleByIndex", gpu, 3U, &mig));

  const auto reads = [&](const char* name, auto&& one) {
    figures.push_back({name, microseconds(kReads, [&] {
                         for (int i = 0; i < kReads; ++i) good(one());
                       })});
  };
  const auto count = nvml.function<unsigned*>("nvmlDeviceGetCount_v2");
  reads("nvmlDeviceGetCount", [&] {
    unsigned n = 0;
    return count(&n);
  });
  const auto mode = nvml.function<abi::Device, unsigned*, unsigned*>("nvmlDeviceGetMigMode");
  reads("nvmlDeviceGetMigMode", [&] {
    unsigned now = 0, then = 0;
    return mode(gpu, &now, &then);
  });
  const auto uuid = nvml.function<abi::Device, char*, unsigned>("nvmlDeviceGetUUID");
  reads("nvmlDeviceGetUUID of a MIG device", [&] {
    char text[abi::kUuidSize];
    return uuid(mig, text, sizeof text);
  });
  const auto list = nvml.function<abi::Device, unsigned, abi::GpuInstance*, unsigned*>(
      "nvmlDeviceGetGpuInstances");
  reads("nvmlDeviceGetGpuInstances", [&] {
    abi::GpuInstance found[7];
    unsigned n = 7;
    return list(gpu, 19U, found, &n);
  });
  const auto places = nvml.function<abi::Device, unsigned, abi::Placement*, unsigned*>(
      "nvmlDeviceGetGpuInstancePossiblePlacements_v2");
  reads("nvmlDeviceGetGpuInstancePossiblePlacements", [&] {
    abi::Placement found[16];
    unsigned n = 16;
    return places(gpu, 19U, found, &n);
  });
  const auto processes = nvml.function<abi::Device, unsigned*, abi::ProcessInfo*>(
      "nvmlDeviceGetComputeRunningProcesses_v3");
  reads("nvmlDeviceGetComputeRunningProcesses", [&] {
    abi::ProcessInfo found[8];
    unsigned n = 8;
    return processes(gpu, &n, found);
  });

  figures.push_back({"create and destroy a GPU instance, each", changes(nvml, kChanges)});
  return figures;
}

/// What calls cost on a machine whose changes declare that latency.
template <class Measure>
auto on_machine(std::int64_t change_ms, Measure measured) {
  // In memory, as /run is, where machines are by default.
  const std::filesystem::path folder = fmt::format("/dev/shm/kerf-bench-{}", ::getpid());
  simgpu::Config config;
  config.latencies = simgpu::Latencies::none();
  config.latencies.of(simgpu::Operation::CreateGpuInstance) = {change_ms, change_ms};
  config.latencies.of(simgpu::Operation::DestroyGpuInstance) = {change_ms, change_ms};
  for (int i = 0; i < 8; ++i) config.gpus.push_back({"H100-80", "", -1});
  auto machine = fakedriver::Machine::create(folder, config);
  KERF_ASSERT(machine.has_value(), "a machine can be made in memory");
  cut(*machine);
  ::setenv(fakedriver::kFolderVariable, folder.c_str(), 1);
  const Library nvml(KERF_FAKE_NVML);
  good(nvml.call("nvmlInit_v2"));
  auto figures = measured(nvml);
  good(nvml.call("nvmlShutdown"));
  std::filesystem::remove_all(folder);
  return figures;
}

}  // namespace

int main(int argc, char** argv) {
  const std::filesystem::path folder = argc > 1 ? argv[1] : "build/bench";
  const double loop = bench::calibration();
  std::vector<Figure> figures = on_machine(0, measure);
  constexpr std::int64_t kDeclaredMs = 5;
  figures.push_back(
      {"the same beyond a declared 5 ms, each", on_machine(kDeclaredMs, [](auto& nvml) {
         return changes(nvml, 20) - static_cast<double>(kDeclaredMs) * 1000;
       })});

  Node calls = Node::mapping();
  fmt::print("calibration loop {:.3f} s\n", loop);
  for (const Figure& figure : figures) {
    fmt::print("{:<46} {:7.2f} us\n", figure.call, figure.us);
    calls.set(figure.call, Node::of(figure.us));
  }
  std::filesystem::create_directories(folder);
  std::ofstream out(folder / "fake_driver.json");
  out << codec::write_json(std::move(Node::mapping()
                                         .set("calibration_s", Node::of(loop))
                                         .set("microseconds_per_call", std::move(calls))));
  return out.good() ? 0 : 1;
}
