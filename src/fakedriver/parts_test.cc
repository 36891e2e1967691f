// Identities, capability numbers and scripts, against what real machines and texts say.
#include <gtest/gtest.h>

#include "fakedriver/capabilities.h"
#include "fakedriver/identity.h"
#include "fakedriver/script.h"
#include "simgpu/boards.h"
#include "simgpu/driver_testing.h"
#include "simgpu/names.h"

namespace kerf::fakedriver {
namespace {

TEST(Identity, IsThereForEveryBoard) {
  for (const simgpu::Board& board : simgpu::boards()) {
    const BoardIdentity& identity = identity_of(board.key);
    EXPECT_EQ(identity.pci_device_id & 0xffffU, 0x10deU) << board.key;
    EXPECT_GE(identity.compute_major, 7) << board.key;
    // Hopper and later have compute capability 9 and more; Ampere has 8.
    if (!board.mig()) continue;
    EXPECT_EQ(identity.compute_major >= 9,
              board.architecture == simgpu::Architecture::HopperOrLater)
        << board.key;
  }
  for (const int major : {535, 550, 570, 580}) EXPECT_NE(driver_of(major), nullptr);
  EXPECT_EQ(driver_of(470), nullptr);
}

TEST(Identity, FindsAGpuByAnySpellingOfItsAddress) {
  for (const char* spelling :
       {"0000:11:00.0", "00000000:11:00.0", "0:11:0.0", "11:00.0", "0000:11:00"})
    EXPECT_EQ(index_at(spelling), 1) << spelling;
  EXPECT_EQ(index_at(pci_address(31)), 31);
  EXPECT_EQ(index_at(nvml_bus_id(31)), 31);
  for (const char* nobodys : {"0000:11:00.1", "0001:11:00.0", "0000:11:01.0", "0000:0f:00.0",
                              "ffffffff:ffffffff:0.0", "0:ffff:0"})
    EXPECT_EQ(index_at(nobodys), -1) << nobodys;
  for (const char* wrong : {"", ":", ".0", "11", "11:00", "x:11:00.0", "0000:11:00.0 ", "::00.0",
                            "0000:-1:00.0", "0:100000000:0.0", "0000:11:00."})
    EXPECT_EQ(index_at(wrong), std::nullopt) << wrong;
}

TEST(Capabilities, HaveTheNumbersOfMigMinors) {
  // As a DGX A100 printed them.
  EXPECT_EQ(capability_minor({0, 0}), 3);
  EXPECT_EQ(capability_minor({0, 0, 0}), 4);
  EXPECT_EQ(capability_minor({0, 1}), 12);
  EXPECT_EQ(capability_minor({31, 14, 7}), 4322);
  const std::string text = mig_minors();
  EXPECT_TRUE(text.starts_with("config 1\nmonitor 2\ngpu0/gi0/access 3\ngpu0/gi0/ci0/access 4\n"));
  EXPECT_TRUE(text.ends_with("gpu31/gi14/ci7/access 4322\n"));
}

TEST(Names, OfOperationsAndCodesReadBack) {
  for (int i = 0; i < static_cast<int>(simgpu::Operation::kCount); ++i) {
    const auto operation = static_cast<simgpu::Operation>(i);
    EXPECT_EQ(simgpu::operation_named(simgpu::to_string(operation)), operation);
  }
  EXPECT_EQ(simgpu::return_named("gpu-is-lost"), simgpu::Return::GpuIsLost);
  EXPECT_EQ(simgpu::return_named("GPU_IS_LOST"), std::nullopt);
}

TEST(Script, ReadsWhatItWrites) {
  const Action actions[] = {
      Fail{simgpu::Operation::CreateGpuInstance, simgpu::Return::InUse, 3, simgpu::Effect::Done, 1},
      Fail{simgpu::Operation::WaitEvents, simgpu::Return::Unknown, 1, simgpu::Effect::Nothing, -1},
      ClearFaults{},
      ReportXid{79, 1, 3, 0},
      ReportXid{31, 0, simgpu::kNoInstance, simgpu::kNoInstance},
      Lose{0, true},
      Lose{1, false},
      StartProcess{"MIG-1", 7, 2048},
      EndProcess{7},
      Clients{2, 0},
      Reset{1},
      Reload{},
      Reboot{},
      Slow{true},
      Slow{false},
  };
  std::string text = "# what happens\n\n";
  for (const Action& action : actions) text += "  " + to_line(action) + "  # so\r\n";
  const auto read = read_script(text, "s");
  ASSERT_TRUE(read.has_value()) << read.error().message();
  ASSERT_EQ(read->size(), std::size(actions));
  for (std::size_t i = 0; i < std::size(actions); ++i)
    EXPECT_EQ((*read)[i], (Step{static_cast<int>(i) + 3, actions[i]}));
}

TEST(Script, SaysWhatIsWrongAndWhere) {
  const std::pair<const char*, const char*> cases[] = {
      {"reboot\nrebbot", "s:2: \"rebbot\" is no action; expected fail,"},
      {"gpu=0", "s:1: \"\" is no action"},
      {"fail", "s:1: 'fail' needs an operation"},
      {"fail cut in-use", "\"cut\" is no operation; `kerf-fake-driver operations` lists them"},
      {"fail set-mig-mode success", "\"success\" is no error code of NVML"},
      {"fail set-mig-mode in-use count=0", "count is \"0\", expected a whole number from 1 to"},
      {"fail set-mig-mode in-use effect=half", "effect is \"half\", expected nothing or done"},
      {"xid gpu=0", "'xid' needs an XID"},
      {"xid 31", "'xid' needs gpu=N"},
      {"xid 31 gpu=32", "gpu is \"32\", expected a whole number from 0 to 31"},
      {"xid 31 gpu=0 gpu=1", "\"gpu\" is there twice"},
      {"xid 31 gpu=0 mig=1", "'xid' has no \"mig\""},
      {"lose gpu=0 until=noon", "until is \"noon\", expected reboot"},
      {"end-process pid=0", "pid is \"0\""},
      {"slow", "'slow' needs on or off"},
      {"slow down", "slow is \"down\", expected on or off"},
      {"reboot now", "\"now\" is too much"},
  };
  for (const auto& [text, expected] : cases) {
    const auto read = read_script(text, "s");
    ASSERT_FALSE(read.has_value()) << text;
    EXPECT_NE(read.error().message().find(expected), std::string::npos)
        << read.error().message() << "\nexpected " << expected;
  }
  EXPECT_EQ(read_script(std::string(kMostScriptBytes + 1, ' '), "s").error().code(),
            ErrorCode::TooLarge);
}

TEST(Script, HappensToTheDriver) {
  simgpu::Driver driver = simgpu::cut_machine(simgpu::machine({"A100-40", "A100-40"}));
  const auto slice = simgpu::make_slice(driver, 19, 0, 1, 0);
  const auto happens = [&](const std::string& line) {
    const auto actions = read_script(line, "s");
    EXPECT_TRUE(actions.has_value()) << actions.error().message();
    return apply(actions->front().action, driver);
  };
  EXPECT_TRUE(happens("start-process " + slice.info.mig_uuid + " pid=5 memory=100").has_value());
  EXPECT_EQ(driver.running_processes(driver.handle_of(0)).value.front().memory_mib, 100);
  EXPECT_EQ(happens("reset gpu=0").error().code(), ErrorCode::Conflict);
  EXPECT_TRUE(happens("end-process pid=5").has_value());
  EXPECT_TRUE(driver.state().memory.empty());
  EXPECT_EQ(happens("end-process pid=5").error().code(), ErrorCode::InvalidArgument);
  EXPECT_TRUE(happens("reset gpu=0").has_value());
  EXPECT_TRUE(driver.state().gpus[0].instances.empty());
  EXPECT_EQ(happens("start-process GPU-none pid=5").error().code(), ErrorCode::InvalidArgument);
  EXPECT_EQ(happens("xid 79 gpu=2").error().code(), ErrorCode::InvalidArgument);
  EXPECT_TRUE(happens("xid 79 gpu=1").has_value());
  EXPECT_TRUE(driver.state().gpus[1].lost);
  EXPECT_TRUE(happens("reboot").has_value());
  EXPECT_FALSE(driver.state().gpus[1].lost);
  EXPECT_TRUE(happens("fail device-count unknown").has_value());
  EXPECT_TRUE(happens("clear-faults").has_value());
  EXPECT_TRUE(driver.device_count().ok());
}

}  // namespace
}  // namespace kerf::fakedriver
