// Machines: one state for all who have the folder, whole after a kill, refused when it is garbage.
#include "fakedriver/machine.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <thread>

#include "base/prng.h"
#include "base/temporary_folder_testing.h"
#include "fakedriver/capabilities.h"
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
  std::thread other([&] { start_processes(machine, 2000, kEach); });
  const pid_t child = ::fork();
  if (child == 0) {  // with the parent's Machine, whose lock it must not share
    start_processes(machine, 1000, kEach);
    ::_exit(testing::Test::HasFailure() ? 1 : 0);
  }
  start_processes(machine, 3000, kEach);
  other.join();
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(processes(machine), 3 * kEach);
}

TEST(Machine, ServesAChildThatIsForkedWhileThreadsAreInCalls) {
  const TemporaryFolder folder;
  Machine machine = made(folder);
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&] {
      while (!stop)
        EXPECT_TRUE(machine.change([](Driver& d) { d.set_open_clients(1, 1); }).has_value());
    });
  for (std::uint32_t pid = 1; pid <= 40; ++pid) {
    const pid_t child = ::fork();
    if (child == 0) {
      const auto started =
          machine.change([pid](Driver& d) { return d.process_start(d.state().gpus[1].uuid, pid); });
      ::_exit(started.value_or(false) ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(processes(machine), 40U);
}

TEST(Machine, IsNotLockedByTheChildOfAProcessThatWasKilled) {
  const TemporaryFolder folder;
  Machine machine = made(folder);
  int born[2];
  ASSERT_EQ(::pipe(born), 0);
  const pid_t parent = ::fork();
  if (parent == 0) {
    if (::fork() == 0) {  // lives on until the test ends its side of the pipe
      ::close(born[1]);
      char byte = 0;
      while (::read(born[0], &byte, 1) > 0) {
      }
      ::_exit(0);
    }
    (void)machine.change([](Driver&) { ::raise(SIGKILL); });
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(parent, &status, 0), parent);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(processes(machine), 0U);
  ::close(born[0]);
  ::close(born[1]);
}

/// Creates and destroys a GPU instance for ever, and tells the pipe of each.
[[noreturn]] void cut_for_ever(Machine& machine, int told) {
  for (;;) {
    (void)machine.change([](Driver& d) {
      const auto gi = d.create_gpu_instance(d.handle_of(0), 9);
      d.create_compute_instance(gi.value, 0);
    });
    if (::write(told, "c", 1) != 1) ::_exit(1);
    (void)machine.change([](Driver& d) {
      const auto gi = d.gpu_instances(d.handle_of(0), 9).value.front();
      d.destroy_compute_instance(d.compute_instances(gi, 0).value.front());
      d.destroy_gpu_instance(gi);
    });
    if (::write(told, "d", 1) != 1) ::_exit(1);
  }
}

TEST(Machine, IsWholeWithItsFilesWheneverAProcessIsKilled) {
  const TemporaryFolder folder;
  Machine machine = made(folder);
  Prng prng(1);
  for (int round = 0; round < 60; ++round) {
    int told[2];
    ASSERT_EQ(::pipe(told), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(told[0]);
      cut_for_ever(machine, told[1]);
    }
    ::close(told[1]);
    char byte = 0;
    for (std::uint64_t calls = 1 + prng.below(20); calls > 0; --calls)
      ASSERT_EQ(::read(told[0], &byte, 1), 1);
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ::close(told[0]);
    const auto now = machine.change([](Driver& d) {
      const Capabilities standing = capabilities_of(d);
      for (const auto gi : d.gpu_instances(d.handle_of(0), 9).value) {
        for (const auto ci : d.compute_instances(gi, 0).value) d.destroy_compute_instance(ci);
        d.destroy_gpu_instance(gi);
      }
      return standing;
    });
    ASSERT_TRUE(now.has_value()) << now.error().message();
    ASSERT_TRUE(now->empty() || now->size() == 2);  // a change is one or none
    ASSERT_EQ(shown_capabilities(folder.at("m")), Capabilities{});
  }
}

TEST(Machine, MadeAnewIsSeenAtTheNextCall) {
  const TemporaryFolder folder;
  Machine old = made(folder);
  start_processes(old, 1, 2);
  ASSERT_TRUE(Machine::create(folder.at("m"), config()).has_value());
  EXPECT_EQ(processes(old), 0U);
}

TEST(Machine, MadeAnewHasNobodysHandlesAndGoesOnCountingEvents) {
  const TemporaryFolder folder;
  Machine old = made(folder);
  simgpu::Device gpu;
  ASSERT_TRUE(old.change([&](Driver& d) {
                   gpu = d.handle_of(0);
                   for (int i = 0; i < 3; ++i) d.inject_xid(0, 31);
                 })
                  .has_value());
  ASSERT_TRUE(Machine::create(folder.at("m"), config()).has_value());
  EXPECT_EQ(old.read([&](Driver& d) { return d.uuid(gpu).code; }).value(),
            simgpu::Return::InvalidArgument);
  std::uint64_t cursor = 3;  // of a client that has heard them all
  ASSERT_TRUE(old.change([](Driver& d) { d.inject_xid(1, 94); }).has_value());
  EXPECT_EQ(old.read([&](Driver& d) { return d.wait_events(cursor); }).value().value.size(), 1U);
}

TEST(Machine, RemovedAndMadeAnewIsTheNewOneForAll) {
  const TemporaryFolder folder;
  Machine old = made(folder);
  start_processes(old, 1, 2);
  std::filesystem::remove_all(folder.at("m"));
  EXPECT_EQ(old.read([](Driver&) {}).error().code(), ErrorCode::NotFound);
  Machine fresh = made(folder);
  EXPECT_EQ(processes(old), 0U);
  start_processes(old, 7, 1);
  EXPECT_EQ(processes(fresh), 1U);
}

TEST(Machine, IsMadeInNoFolderThatHasSomethingElse) {
  const TemporaryFolder folder;
  folder.write("other/proc/precious");
  folder.write("named/state", "mine");
  folder.write("victim", "mine");
  std::filesystem::create_directory(folder.at("linked"));
  folder.link(folder.at("victim"), "linked/state");
  for (const char* name : {"other", "named", "linked"}) {
    const auto machine = Machine::create(folder.at(name), config());
    ASSERT_FALSE(machine.has_value()) << name;
    EXPECT_EQ(machine.error().code(), ErrorCode::InvalidArgument);
    EXPECT_NE(machine.error().message().find("something else"), std::string::npos);
  }
  EXPECT_FALSE(Machine::create("/", config()).has_value());
  EXPECT_TRUE(std::filesystem::exists(folder.at("other/proc/precious")));
  std::ifstream victim(folder.at("victim"));
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(victim), {}), "mine");
}

TEST(Machine, OfARelativeFolderIsThatFolderWhereverTheProcessGoes) {
  const TemporaryFolder folder;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder.folder());
  auto machine = Machine::create("m", config());
  std::filesystem::current_path("/");
  ASSERT_TRUE(machine.has_value());
  ASSERT_TRUE(machine
                  ->change([](Driver& d) {
                    d.set_mig_mode(d.handle_of(0), true);
                    d.create_gpu_instance(d.handle_of(0), 9);
                  })
                  .has_value());
  EXPECT_EQ(shown_capabilities(folder.at("m")).size(), 1U);
  std::filesystem::current_path(before);
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
