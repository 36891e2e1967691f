// Tests of the library's life and of the calls about devices: arguments, texts, memory, processes.
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <filesystem>
#include <thread>
#include <vector>

#include "fakedriver/nvml/loaded_testing.h"

namespace kerf::fakedriver::nvml {
namespace {

using Library = LoadedTest;
using Devices = LoadedTest;

/// Calls with as little as can be given.
const char* const kWithNothing[] = {
    "nvmlDeviceGetCount_v2",    "nvmlSystemGetDriverVersion", "nvmlSystemGetCudaDriverVersion_v2",
    "nvmlEventSetCreate",       "nvmlEventSetFree",           "nvmlDeviceGetHandleByPciBusId_v2",
    "nvmlSystemGetNVMLVersion", "nvmlDeviceGetHandleByUUID"};
const char* const kOfADevice[] = {"nvmlDeviceGetName",
                                  "nvmlDeviceGetUUID",
                                  "nvmlDeviceGetIndex",
                                  "nvmlDeviceGetMinorNumber",
                                  "nvmlDeviceGetPciInfo_v3",
                                  "nvmlDeviceGetPciInfo",
                                  "nvmlDeviceGetMemoryInfo",
                                  "nvmlDeviceGetMemoryInfo_v2",
                                  "nvmlDeviceGetComputeRunningProcesses_v3",
                                  "nvmlDeviceGetMigMode",
                                  "nvmlDeviceSetMigMode",
                                  "nvmlDeviceGetGpuInstanceProfileInfoV",
                                  "nvmlDeviceGetGpuInstancePossiblePlacements_v2",
                                  "nvmlDeviceGetGpuInstances",
                                  "nvmlGpuInstanceGetInfo",
                                  "nvmlGpuInstanceGetComputeInstanceProfileInfoV",
                                  "nvmlComputeInstanceGetInfo",
                                  "nvmlDeviceGetAttributes_v2",
                                  "nvmlDeviceRegisterEvents",
                                  "nvmlEventSetWait_v2",
                                  "nvmlEventSetWait",
                                  "nvmlSystemGetProcessName"};

void expect_of_no_arguments(abi::Return expected) {
  for (const char* function : kWithNothing)
    EXPECT_EQ(call(function, kNone, kNone), expected) << function;
  for (const char* function : kOfADevice)
    EXPECT_EQ(call(function, kNone, kNone, kNone, kNone), expected) << function;
}

TEST_F(Library, AnswersUninitialisedBeforeAnythingElse) {
  expect_of_no_arguments(abi::kInvalidArgument);
  EXPECT_EQ(call("nvmlDeviceGetSerial", kNone, kNone, 0U), abi::kNotSupported);
  ASSERT_EQ(call("nvmlShutdown"), abi::kSuccess);
  expect_of_no_arguments(abi::kUninitialized);
  EXPECT_EQ(call("nvmlDeviceGetSerial", kNone, kNone, 0U), abi::kUninitialized);
  EXPECT_EQ(call("nvmlShutdown"), abi::kUninitialized);
}

TEST_F(Library, CountsItsUsers) {
  unsigned count = 0;
  for (const char* function : {"nvmlInit", "nvmlInit_v2"}) EXPECT_EQ(call(function), abi::kSuccess);
  EXPECT_EQ(call("nvmlInitWithFlags", 0U), abi::kSuccess);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(call("nvmlShutdown"), abi::kSuccess);
  EXPECT_EQ(call("nvmlDeviceGetCount", &count), abi::kSuccess);
  EXPECT_EQ(count, 3U);
  EXPECT_EQ(call("nvmlShutdown"), abi::kSuccess);
  EXPECT_EQ(call("nvmlDeviceGetCount", &count), abi::kUninitialized);
}

TEST_F(Library, SaysWhyItCannotBeUsed) {
  TearDown();
  if (is_root()) {
    std::filesystem::permissions(folder_.folder(), std::filesystem::perms::owner_all);
    const AsNobody nobody;
    EXPECT_EQ(call("nvmlInit_v2"), abi::kNoPermission);
  }
  EXPECT_EQ(call("nvmlInit_v2"), abi::kSuccess);
  TearDown();
  ::setenv(kFolderVariable, folder_.at("nowhere").c_str(), 1);
  EXPECT_EQ(call("nvmlInit_v2"), abi::kDriverNotLoaded);
}

TEST_F(Library, IsUsedByManyThreadsAndForkedMeanwhile) {
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(call("nvmlInit_v2"), abi::kSuccess);
        std::array<char, 96> name{};
        EXPECT_EQ(call("nvmlDeviceGetName", device(t % 3), name.data(), 96U), abi::kSuccess);
        abi::EventSet set = nullptr;
        EXPECT_EQ(call("nvmlEventSetCreate", &set), abi::kSuccess);
        EXPECT_EQ(call("nvmlDeviceRegisterEvents", device(t % 3), 8ULL, set), abi::kSuccess);
        abi::EventData event;
        EXPECT_EQ(call("nvmlEventSetWait_v2", set, &event, 0U), abi::kTimeout);
        EXPECT_EQ(call("nvmlEventSetFree", set), abi::kSuccess);
        EXPECT_EQ(call("nvmlShutdown"), abi::kSuccess);
      }
    });
  for (int i = 0; i < 20; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::alarm(60);
      unsigned count = 0;
      const abi::Return code = call("nvmlDeviceGetCount_v2", &count);
      // Past ThreadSanitizer, which would miss the parent's threads.
      ::syscall(SYS_exit_group, code == abi::kSuccess && count == 3 ? 0 : 1);
    }
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(Devices, HaveAnIndexAlsoWhenTheirUuidCannotBeTold) {
  slice(0, 1);
  const abi::Device mig = device(slice(1, 1).info.device);
  unsigned index = 99;
  fail_next(simgpu::Operation::MigDeviceUuid, simgpu::Return::Unknown);
  ASSERT_EQ(call("nvmlDeviceGetIndex", mig, &index), abi::kSuccess);
  EXPECT_EQ(index, 1U);
  EXPECT_EQ(faults(), 1U);
  ASSERT_EQ(call("nvmlDeviceGetIndex", device(2U), &index), abi::kSuccess);
  EXPECT_EQ(index, 2U);
}

TEST_F(Devices, AreFoundByTheirPlaceOnTheBus) {
  const auto find = [](const char* address) {
    abi::Device found = nullptr;
    const abi::Return code = call("nvmlDeviceGetHandleByPciBusId_v2", address, &found);
    EXPECT_EQ(found, code == abi::kSuccess ? device(1U) : nullptr) << address;
    return code;
  };
  for (const char* address : {"0000:11:00.0", "00000000:11:00.0", "0000:11:00", "11:00.0"})
    EXPECT_EQ(find(address), abi::kSuccess) << address;
  for (const char* address : {"0000:77:00.0", "0001:11:00.0", "0000:11:00.1"})
    EXPECT_EQ(find(address), abi::kNotFound) << address;
  for (const char* address : {"", "rubbish", "11:00", "0000:11:00.0 "})
    EXPECT_EQ(find(address), abi::kInvalidArgument) << address;
  abi::PciInfo whole;
  ASSERT_EQ(call("nvmlDeviceGetPciInfo_v3", device(1U), &whole), abi::kSuccess);
  EXPECT_STREQ(whole.bus_id, "00000000:11:00.0");
  EXPECT_STREQ(whole.bus_id_legacy, "0000:11:00.0");
  for (const char* function : {"nvmlDeviceGetPciInfo", "nvmlDeviceGetPciInfo_v2"}) {
    abi::PciInfo old{};
    old.bus_id[0] = '?';
    ASSERT_EQ(call(function, device(1U), &old), abi::kSuccess);
    EXPECT_EQ(old.pci_device_id, whole.pci_device_id);
    EXPECT_EQ(old.bus_id[0], '?') << "the older struct ends before it";
  }
}

TEST_F(Devices, TellTheirMemoryInOneCallOfTheDriver) {
  change([](simgpu::Driver& d) { d.process_start(d.state().gpus[2].uuid, 5, 100); });
  fail_next(simgpu::Operation::RunningProcesses, simgpu::Return::Unknown);
  abi::Memory memory;
  ASSERT_EQ(call("nvmlDeviceGetMemoryInfo", device(2U), &memory), abi::kSuccess);
  EXPECT_EQ(memory.used, 100ULL << 20U);
  EXPECT_EQ(memory.free + memory.used, memory.total);
  EXPECT_EQ(faults(), 1U);
  abi::Memory_v2 second{abi::struct_version<abi::Memory_v2>(2), 0, 0, 0, 0};
  ASSERT_EQ(call("nvmlDeviceGetMemoryInfo_v2", device(2U), &second), abi::kSuccess);
  EXPECT_EQ(second.total, memory.total);
  EXPECT_EQ(second.used, memory.used);
  second.version = 1;
  EXPECT_EQ(call("nvmlDeviceGetMemoryInfo_v2", device(2U), &second), abi::kArgumentVersionMismatch);
}

TEST_F(Devices, ListTheirProcessesInEveryVersion) {
  const simgpu::Slice on = slice(0);
  change([&](simgpu::Driver& d) {
    d.process_start(on.info.mig_uuid, 30, 5);
    d.process_start(d.state().gpus[0].uuid, 10);
  });
  std::array<abi::ProcessInfo, 4> infos{};
  for (const char* function :
       {"nvmlDeviceGetComputeRunningProcesses_v2", "nvmlDeviceGetComputeRunningProcesses_v3"}) {
    unsigned count = 0;
    ASSERT_EQ(call(function, device(on.info.device), &count, kNone), abi::kInsufficientSize);
    EXPECT_EQ(count, 1U);
    ASSERT_EQ(call(function, device(on.info.device), &count, infos.data()), abi::kSuccess);
    EXPECT_EQ(infos[0].pid, 30U);
    EXPECT_EQ(infos[0].used_gpu_memory, 5ULL << 20U);
    EXPECT_EQ(infos[0].compute_instance_id, 0U);
    EXPECT_EQ(call(function, device(on.info.device), &count, kNone), abi::kInvalidArgument);
  }
  std::array<abi::ProcessInfo_v1, 4> old{};
  unsigned count = 4;
  ASSERT_EQ(
      call("nvmlDeviceGetComputeRunningProcesses", device(on.info.device), &count, old.data()),
      abi::kSuccess);
  EXPECT_EQ(old[0].pid, 30U);
  if (!is_root()) return;
  count = 4;
  ASSERT_EQ(call("nvmlDeviceGetComputeRunningProcesses_v3", device(0U), &count, infos.data()),
            abi::kSuccess);
  EXPECT_EQ(count, 2U);
  const AsNobody nobody;
  ASSERT_EQ(call("nvmlDeviceGetComputeRunningProcesses_v3", device(0U), &count, infos.data()),
            abi::kSuccess);
  EXPECT_EQ(count, 1U);
  EXPECT_EQ(infos[0].pid, 10U);
  EXPECT_EQ(infos[0].used_gpu_memory, abi::kValueNotAvailable);
}

TEST_F(Devices, HaveNoGraphicsAndNoMpsProcesses) {
  change([](simgpu::Driver& d) { d.process_start(d.state().gpus[2].uuid, 5); });
  for (const std::string kind : {"Graphics", "MPSCompute"})
    for (const std::string version : {"", "_v2", "_v3"}) {
      const std::string function = "nvmlDeviceGet" + kind + "RunningProcesses" + version;
      unsigned count = 0;
      fail_next(simgpu::Operation::RunningProcesses, simgpu::Return::Unknown);
      EXPECT_EQ(call(function.c_str(), device(2U), &count, kNone), abi::kUnknown) << function;
      EXPECT_EQ(call(function.c_str(), device(2U), &count, kNone), abi::kSuccess) << function;
      EXPECT_EQ(count, 0U);
    }
}

TEST_F(Devices, NameProcessesCroppedToTheRoomThereIs) {
  change([](simgpu::Driver& d) { d.process_start(d.state().gpus[2].uuid, 4711); });
  std::array<char, 40> name{};
  ASSERT_EQ(call("nvmlSystemGetProcessName", 4711U, name.data(), 40U), abi::kSuccess);
  const std::string whole = name.data();
  ASSERT_GT(whole.size(), 5U);
  ASSERT_EQ(call("nvmlSystemGetProcessName", 4711U, name.data(), 5U), abi::kSuccess);
  EXPECT_EQ(name.data(), whole.substr(0, 4));
  EXPECT_EQ(call("nvmlSystemGetProcessName", 4711U, name.data(), 0U), abi::kInvalidArgument);
  EXPECT_EQ(call("nvmlSystemGetProcessName", 1U, name.data(), 40U), abi::kNotFound);
}

TEST_F(Devices, FillTextsOnlyWhereTheyFit) {
  std::array<char, 96> text{};
  ASSERT_EQ(call("nvmlDeviceGetName", device(0U), text.data(), 96U), abi::kSuccess);
  const auto size = static_cast<unsigned>(std::string(text.data()).size());
  EXPECT_EQ(call("nvmlDeviceGetName", device(0U), text.data(), size), abi::kInsufficientSize);
  EXPECT_EQ(call("nvmlDeviceGetName", device(0U), text.data(), size + 1), abi::kSuccess);
}

}  // namespace
}  // namespace kerf::fakedriver::nvml
