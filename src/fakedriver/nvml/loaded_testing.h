// What the library's tests share: the built library, loaded as any program loads it, and a machine.
#pragma once

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "base/temporary_folder_testing.h"
#include "fakedriver/machine.h"
#include "nvmlabi/nvml_abi.h"
#include "simgpu/driver_testing.h"

namespace kerf::fakedriver::nvml {

namespace abi = kerf::nvmlabi;

inline constexpr auto kNone = nullptr;

/// Calls a function of the library; its parameters are taken to be of the arguments' very types.
template <class... Args>
abi::Return call(const char* function, Args... args) {
  static void* const kLibrary = ::dlopen(KERF_FAKE_NVML, RTLD_NOW | RTLD_LOCAL);
  EXPECT_NE(kLibrary, nullptr) << ::dlerror();
  void* const at = ::dlsym(kLibrary, function);
  EXPECT_NE(at, nullptr) << function;
  return at != nullptr ? reinterpret_cast<abi::Return (*)(Args...)>(at)(args...) : -1;
}

/// While it lives, calls are those of a user who is not root; only for tests that are.
class AsNobody {
 public:
  AsNobody() { EXPECT_EQ(::seteuid(65534), 0); }
  ~AsNobody() { EXPECT_EQ(::seteuid(0), 0); }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;
};
inline bool is_root() { return ::geteuid() == 0; }

/// A machine in a folder of its own, which the library is initialised on.
class LoadedTest : public testing::Test {
 protected:
  void SetUp() override {
    ::setenv(kFolderVariable, folder_.folder().c_str(), 1);
    make(simgpu::machine({"H100-80", "H100-80", "T4"}));
    change([](simgpu::Driver& d) {
      for (const int i : {0, 1}) d.set_mig_mode(d.handle_of(i), true);
    });
    ASSERT_EQ(call("nvmlInit_v2"), abi::kSuccess);
  }
  void TearDown() override {
    while (call("nvmlShutdown") == abi::kSuccess) {
    }
  }

  /// In the same folder, in the place of the one that was there.
  void make(simgpu::Config config) {
    config.latencies = simgpu::Latencies::none();
    auto made = Machine::create(folder_.folder(), config);
    ASSERT_TRUE(made.has_value()) << made.error().message();
    machine_.emplace(std::move(*made));
  }
  template <class Use>
  std::invoke_result_t<Use, simgpu::Driver&> change(Use use) {
    auto changed = machine_->change(std::move(use));
    EXPECT_TRUE(changed.has_value());
    if constexpr (!std::is_void_v<typename decltype(changed)::value_type>) return *changed;
  }
  simgpu::Slice slice(std::uint8_t start, int gpu = 0) {
    return change([&](simgpu::Driver& d) { return simgpu::make_slice(d, 19, start, 1, 0, gpu); });
  }
  void fail_next(simgpu::Operation operation, simgpu::Return code, int count = 1) {
    change([&](simgpu::Driver& d) { d.fail_next(operation, code, count); });
  }
  std::size_t faults() {
    return change([](simgpu::Driver& d) { return d.state().faults.size(); });
  }
  void xid(int gpu, std::uint32_t number, std::uint32_t gi = abi::kNoInstance) {
    change(
        [&](simgpu::Driver& d) { d.inject_xid(gpu, number, gi, gi == abi::kNoInstance ? gi : 0); });
  }
  static abi::Device device(unsigned index) {
    abi::Device found = nullptr;
    EXPECT_EQ(call("nvmlDeviceGetHandleByIndex_v2", index, &found), abi::kSuccess);
    return found;
  }
  static abi::Device device(simgpu::Device handle) {
    return reinterpret_cast<abi::Device>(static_cast<std::uintptr_t>(handle.value));
  }

  TemporaryFolder folder_;
  std::optional<Machine> machine_;
};

}  // namespace kerf::fakedriver::nvml
