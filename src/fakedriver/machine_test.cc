// Machines: one state for all who have the folder, whole after a kill, refused when it is garbage.
#include "fakedriver/machine.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <thread>

#include "base/temporary_folder_testing.h"
#include "fakedriver/tree.h"
#include "simgpu/driver_testing.h"

namespace kerf::fakedriver {
namespace {

using simgpu::Driver;

simgpu::Config config() {
  simgpu::Config config = simgpu::machine({"H100-80", "T4"});
  config.latencies = simgpu::Latencies::none();
  return config;
}

Machine made(const TemporaryFolder& folder) {
  auto machine = Machine::create(folder.at("m"), config());
  EXPECT_TRUE(machine.has_value()) << machine.error().message();
  EXPECT_TRUE(machine->change([](Driver& d) { d.set_mig_mode(d.handle_of(0), true); }).has_value());
  return std::move(*machine);
}

std::size_t processes(Machine& machine) {
  const auto n = machine.read([](Driver& d) { return d.state().gpus[1].pids.size(); });
  EXPECT_TRUE(n.has_value());
  return n.value_or(0);
}

/// Starts processes of its own numbers, one change each.
void start_processes(Machine& machine, std::uint32_t from, std::uint32_t count) {
  for (std::uint32_t pid = from; pid < from + count; ++pid)
    ASSERT_TRUE(
        machine.change([pid](Driver& d) { return d.process_start(d.state().gpus[1].uuid, pid); })
            .value_or(false));
}

TEST(Machine, IsTheSameForAllWhoOpenIt) {
  const TemporaryFolder folder;
  Machine one = made(folder);
  auto two = Machine::open(folder.at("m"));
  ASSERT_TRUE(two.has_value());
  start_processes(one, 1, 3);
  EXPECT_EQ(processes(*two), 3U);
  start_processes(*two, 10, 2);
  EXPECT_EQ(processes(one), 5U);
}

TEST(Machine, LosesNoChangeOfThreadsAndProcesses) {
  const TemporaryFolder folder;
  Machine machine = made(folder);
  constexpr std::uint32_t kEach = 200;
  const pid_t child = ::fork();
  if (child == 0) {  // with the parent's Machine, whose lock it must not share
    start_processes(machine, 1000, kEach);
    ::_exit(testing::Test::HasFailure() ? 1 : 0);
  }
  std::thread other([&] { start_processes(machine, 2000, kEach); });
  start_processes(machine, 3000, kEach);
  other.join();
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(processes(machine), 3 * kEach);
}

TEST(Machine, StaysWholeWhenAProcessIsKilledInTheMiddle) {
  const TemporaryFolder folder;
  Machine machine = made(folder);
  start_processes(machine, 1, 1);
  const pid_t child = ::fork();
  if (child == 0) {
    (void)machine.change([](Driver& d) {
      d.process_start(d.state().gpus[1].uuid, 99);
      ::raise(SIGKILL);  // with the lock, before anything is written
    });
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(processes(machine), 1U);
  start_processes(machine, 2, 1);
  EXPECT_EQ(processes(machine), 2U);
}

TEST(Machine, MadeAnewIsSeenAtTheNextCall) {
  const TemporaryFolder folder;
  Machine old = made(folder);
  start_processes(old, 1, 2);
  ASSERT_TRUE(Machine::create(folder.at("m"), config()).has_value());
  EXPECT_EQ(processes(old), 0U);
}

TEST(Machine, UsesUpAFaultInACallThatOnlyReads) {
  const TemporaryFolder folder;
  Machine one = made(folder);
  auto two = Machine::open(folder.at("m"));
  ASSERT_TRUE(two.has_value());
  ASSERT_TRUE(one.change([](Driver& d) {
                   d.fail_next(simgpu::Operation::DeviceCount, simgpu::Return::Unknown);
                 })
                  .has_value());
  const auto count = [](Driver& d) { return d.device_count().code; };
  EXPECT_EQ(two->read(count).value(), simgpu::Return::Unknown);
  EXPECT_EQ(one.read(count).value(), simgpu::Return::Success);
}

TEST(Machine, ThatIsNotThereOrGarbageIsAClearError) {
  const TemporaryFolder folder;
  const auto none = Machine::open(folder.at("none"));
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code(), ErrorCode::NotFound);
  EXPECT_NE(none.error().message().find("kerf-fake-driver init"), std::string::npos);

  for (const std::string& text : {std::string(), std::string("hello"), std::string(100000, 'x')}) {
    folder.write("g/state", text);
    const auto garbage = Machine::open(folder.at("g"));
    ASSERT_FALSE(garbage.has_value());
    EXPECT_NE(garbage.error().message().find("not the state"), std::string::npos);
  }
}

TEST(Machine, WhoseStateIsGarbledIsRefusedAndStaysSo) {
  const TemporaryFolder folder;
  Machine machine = made(folder);
  start_processes(machine, 1, 1);
  std::fstream file(folder.at("m/state"), std::ios::in | std::ios::out | std::ios::binary);
  for (const std::streamoff at : {4096 + 20, 4096 + (4 << 20) + 20}) {
    file.seekp(at);
    file.put('\x7f');
  }
  file.close();
  auto other = Machine::open(folder.at("m"));
  ASSERT_FALSE(other.has_value());
  EXPECT_NE(other.error().message().find("garbled"), std::string::npos);
}

TEST(Machine, OfUnknownBoardsAndDriversIsNotMade) {
  const TemporaryFolder folder;
  simgpu::Config wrong = config();
  wrong.gpus[0].board = "H100";
  EXPECT_FALSE(Machine::create(folder.at("a"), wrong).has_value());
  wrong = config();
  wrong.driver_major = 471;
  EXPECT_FALSE(Machine::create(folder.at("b"), wrong).has_value());
  EXPECT_FALSE(std::filesystem::exists(folder.at("a")));
  EXPECT_FALSE(std::filesystem::exists(folder.at("b")));
}

std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(Tree, ShowsTheDriverAndTheBus) {
  const TemporaryFolder folder;
  Machine machine = made(folder);
  EXPECT_NE(text_of(folder.at("m/proc/driver/nvidia/version")).find("570.133.20"),
            std::string::npos);
  EXPECT_NE(text_of(folder.at("m/proc/modules")).find("nvidia "), std::string::npos);
  EXPECT_EQ(text_of(folder.at("m/sys/bus/pci/devices/0000:10:00.0/device")), "0x2330\n");
  EXPECT_EQ(text_of(folder.at("m/sys/bus/pci/devices/0000:11:00.0/device")), "0x1eb8\n");
  EXPECT_TRUE(std::filesystem::exists(folder.at("m/dev/nvidia1")));
  EXPECT_TRUE(std::filesystem::exists(folder.at("m/dev/nvidia-caps/nvidia-cap137")));
  EXPECT_FALSE(std::filesystem::exists(folder.at("m/dev/nvidia-caps/nvidia-cap138")));
}

TEST(Tree, HasACapabilityForEachInstanceThatStands) {
  const TemporaryFolder folder;
  Machine machine = made(folder);
  auto other = Machine::open(folder.at("m"));
  ASSERT_TRUE(other.has_value());
  const auto files = [&] {
    std::size_t n = 0;
    for (const auto& at : std::filesystem::recursive_directory_iterator(
             folder.at("m/proc/driver/nvidia/capabilities/gpu0")))
      n += at.path().filename() == "access" ? 1 : 0;
    return n;
  };
  EXPECT_EQ(files(), 0U);
  ASSERT_TRUE(machine
                  .change([](Driver& d) {
                    const auto gi = d.create_gpu_instance(d.handle_of(0), 9);
                    d.create_compute_instance(gi.value, 0);
                    d.create_compute_instance(gi.value, 0);
                  })
                  .has_value());
  EXPECT_EQ(files(), 3U);
  std::uint32_t id = 0;
  ASSERT_TRUE(other
                  ->change([&](Driver& d) {  // another process takes one away
                    const auto gi = d.gpu_instances(d.handle_of(0), 9).value.front();
                    id = d.gpu_instance_info(gi).value.id;
                    d.destroy_compute_instance(d.compute_instances(gi, 0).value.front());
                  })
                  .has_value());
  EXPECT_EQ(files(), 2U);
  EXPECT_EQ(text_of(folder.at("m/proc/driver/nvidia/capabilities/gpu0/mig/gi" + std::to_string(id) +
                              "/access")),
            access_text(capability_minor({0, id})));
  ASSERT_TRUE(machine.change([](Driver& d) { d.reboot(); }).has_value());
  EXPECT_EQ(files(), 0U);
}

}  // namespace
}  // namespace kerf::fakedriver
