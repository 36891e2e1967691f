// What the tests of shell/nvml share: a machine of the simulated driver and the library to load.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/temporary_folder_testing.h"
#include "codec/catalogue.h"
#include "fakedriver/machine.h"
#include "shell/nvml/driver.h"

namespace kerf::nvml {

/// Boards by key, zero latency.
inline simgpu::Config config_of(const std::vector<std::string>& boards, int driver_major = 570) {
  simgpu::Config config;
  for (const std::string& board : boards) config.gpus.push_back({board, "", -1});
  config.driver_major = driver_major;
  config.latencies = simgpu::Latencies::none();
  return config;
}

/// Every failure that the simulated driver can answer.
inline const std::vector<simgpu::Return>& all_codes() {
  static const std::vector<simgpu::Return> kCodes = {simgpu::Return::Uninitialized,
                                                     simgpu::Return::InvalidArgument,
                                                     simgpu::Return::NotSupported,
                                                     simgpu::Return::NoPermission,
                                                     simgpu::Return::NotFound,
                                                     simgpu::Return::InsufficientSize,
                                                     simgpu::Return::DriverNotLoaded,
                                                     simgpu::Return::Timeout,
                                                     simgpu::Return::FunctionNotFound,
                                                     simgpu::Return::GpuIsLost,
                                                     simgpu::Return::ResetRequired,
                                                     simgpu::Return::InUse,
                                                     simgpu::Return::InsufficientResources,
                                                     simgpu::Return::ArgumentVersionMismatch,
                                                     simgpu::Return::InvalidState,
                                                     simgpu::Return::Unknown};
  return kCodes;
}

/// A machine in a folder of its own, which every NVML library loaded from here on talks to.
class TestMachine {
 public:
  explicit TestMachine(const simgpu::Config& config) {
    ::setenv(fakedriver::kFolderVariable, folder_.folder().c_str(), 1);
    auto made = fakedriver::Machine::create(folder_.folder(), config);
    if (made) machine_.emplace(std::move(*made));
    else ADD_FAILURE() << made.error().message();
  }
  explicit TestMachine(const std::vector<std::string>& boards, int driver_major = 570)
      : TestMachine(config_of(boards, driver_major)) {}

  template <class Use>
  auto change(Use use) {
    return machine_->change(std::move(use)).value();
  }
  /// MIG mode on, on all GPUs that have it.
  void cut() {
    change([](simgpu::Driver& d) {
      for (int i = 0; i < d.device_count().value; ++i)
        d.set_mig_mode(d.device_by_index(i).value, true);
      return 0;
    });
  }
  simgpu::State state() {
    return machine_->read([](simgpu::Driver& d) { return d.state(); }).value();
  }

 private:
  TemporaryFolder folder_;
  std::optional<fakedriver::Machine> machine_;
};

inline Driver::Options fake_library() { return {KERF_FAKE_NVML}; }

/// A machine and a Driver on it.
struct Rig {
  explicit Rig(const std::vector<std::string>& boards, int driver_major = 570, bool mig = true)
      : machine(boards, driver_major) {
    if (mig) machine.cut();
    const auto started = driver.start();
    EXPECT_TRUE(started) << (started ? "" : started.error().message());
  }

  /// A slice with its compute instance; answers what is seen of it.
  agent::SeenInstance give(std::uint32_t gpu, std::uint16_t profile, std::uint8_t start,
                           std::uint8_t size, std::uint8_t slices) {
    EXPECT_EQ(driver.perform(agent::CreateInstance{driver.uuid_of(gpu), profile, start, size}),
              Code::Success);
    EXPECT_EQ(driver.perform(agent::CreateCompute{driver.uuid_of(gpu), at(gpu, start).gi, slices}),
              Code::Success);
    return at(gpu, start);
  }
  agent::SeenInstance at(std::uint32_t gpu, std::uint8_t start) {
    const agent::Looked looked = driver.look();
    EXPECT_EQ(looked.code, Code::Success);
    for (const agent::SeenInstance& one : looked.gpus.at(gpu).instances)
      if (one.start == start) return one;
    ADD_FAILURE() << "nothing stands at " << int{start};
    return {};
  }

  TestMachine machine;
  Driver driver{fake_library(), codec::builtin_catalogue()};
};

}  // namespace kerf::nvml
