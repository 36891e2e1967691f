// Tests of processes and XIDs: per slice, across lost GPUs, resets and driver reloads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shell/nvml/nvml_testing.h"

namespace kerf::nvml {
namespace {

using agent::kNoInstance;
using testing::ElementsAre;

bool operator==(const agent::Xid& a, const agent::Xid& b) {
  return a.gpu == b.gpu && a.gi == b.gi && a.xid == b.xid;
}

TEST(Processes, AreToldByGpuAndInstance) {
  Rig rig({"H100-80", "T4"});
  const auto one = rig.give(0, 19, 0, 1, 1);
  const auto two = rig.give(0, 9, 4, 4, 3);
  const std::string h100 = rig.machine.state().gpus[0].uuid;
  const std::string t4 = rig.machine.state().gpus[1].uuid;
  rig.machine.change([&](simgpu::Driver& d) {
    d.process_start(one.computes[0].uuid, 300);
    d.process_start(two.computes[0].uuid, 100);
    d.process_start(two.computes[0].uuid, 101);
    d.process_start(t4, 7);
    return 0;
  });
  const agent::Holders holders = rig.driver.processes();
  EXPECT_TRUE(holders.known);
  EXPECT_EQ(holders.source, agent::Source::Processes);
  std::vector<agent::Process> expected = {
      {h100, one.gi, 300}, {h100, two.gi, 100}, {h100, two.gi, 101}, {t4, kNoInstance, 7}};
  std::ranges::sort(expected);
  EXPECT_EQ(holders.processes, expected);
}

TEST(Processes, OfManyPidsAreAllTold) {
  Rig rig({"T4"});
  const std::string uuid = rig.machine.state().gpus[0].uuid;
  rig.machine.change([&](simgpu::Driver& d) {
    for (std::uint32_t pid = 1; pid <= 1000; ++pid) d.process_start(uuid, pid);
    return 0;
  });
  EXPECT_EQ(rig.driver.processes().processes.size(), 1000U);
}

TEST(Processes, AreNotKnownIfOneGpuDoesNotAnswer) {
  Rig rig({"H100-80", "H100-80"});
  rig.give(0, 19, 0, 1, 1);
  for (const simgpu::Return code :
       {simgpu::Return::NoPermission, simgpu::Return::Timeout, simgpu::Return::Unknown}) {
    rig.machine.change([&](simgpu::Driver& d) {
      d.fail_next(simgpu::Operation::RunningProcesses, code, 1, simgpu::Effect::Nothing, 1);
      return 0;
    });
    EXPECT_FALSE(rig.driver.processes().known);
    EXPECT_TRUE(rig.driver.processes().known);
  }
}

TEST(Processes, OfALostGpuAreLeftOut) {
  Rig rig({"H100-80", "T4"});
  const std::string t4 = rig.machine.state().gpus[1].uuid;
  rig.machine.change([&](simgpu::Driver& d) {
    d.process_start(t4, 7);
    d.lose_gpu(0);
    return 0;
  });
  EXPECT_FALSE(rig.driver.processes().known) << "no Look has told that it is lost";
  EXPECT_TRUE(rig.driver.look().gpus.at(0).lost);
  const agent::Holders holders = rig.driver.processes();
  EXPECT_TRUE(holders.known);
  EXPECT_THAT(holders.processes,
              ElementsAre(agent::Process{rig.driver.uuid_of(1), kNoInstance, 7}));
}

TEST(News, TellsAnXidOfEachSliceOfOneGpu) {
  Rig rig({"T4", "H100-80"});
  std::vector<agent::Xid> expected;
  for (const std::uint8_t start : {0, 1, 2, 3, 4, 5, 6}) {
    const auto slice = rig.give(1, 19, start, 1, 1);
    rig.machine.change([&](simgpu::Driver& d) { return d.inject_xid(1, 94, slice.gi, 0), 0; });
    expected.push_back({rig.driver.uuid_of(1), slice.gi, 94});
  }
  rig.machine.change([&](simgpu::Driver& d) { return d.inject_xid(0, 13), 0; });
  expected.push_back({rig.driver.uuid_of(0), kNoInstance, 13});
  const News news = rig.driver.news();
  EXPECT_EQ(news.code, Code::Success);
  ASSERT_EQ(news.xids.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_TRUE(news.xids[i] == expected[i]) << i;
  EXPECT_TRUE(rig.driver.news().xids.empty()) << "each once";
}

TEST(News, TellsManyInSeveralCalls) {
  Rig rig({"H100-80"});
  rig.machine.change([&](simgpu::Driver& d) {
    for (std::uint32_t i = 0; i < 200; ++i) d.inject_xid(0, 1000 + i);
    return 0;
  });
  std::vector<std::uint32_t> heard;
  for (int i = 0; i < 10; ++i)
    for (const agent::Xid& xid : rig.driver.news().xids) heard.push_back(xid.xid);
  ASSERT_EQ(heard.size(), 200U);
  for (std::uint32_t i = 0; i < 200; ++i) EXPECT_EQ(heard[i], 1000 + i);
}

TEST(News, ComesFromTheOtherGpusWhenOneIsLost) {
  Rig rig({"H100-80", "H100-80"});
  rig.machine.change([&](simgpu::Driver& d) { return d.inject_xid(0, 79), 0; });
  News news = rig.driver.news();
  ASSERT_EQ(news.xids.size(), 1U);
  EXPECT_TRUE((news.xids[0] == agent::Xid{rig.driver.uuid_of(0), kNoInstance, 79}));
  EXPECT_TRUE(rig.driver.look().gpus.at(0).lost);
  for (int i = 0; i < 5; ++i) {
    rig.driver.look();  // some of them initialise NVML again
    rig.machine.change([&](simgpu::Driver& d) { return d.inject_xid(1, 94), 0; });
    news = rig.driver.news();
    ASSERT_EQ(news.xids.size(), 1U);
    EXPECT_TRUE((news.xids[0] == agent::Xid{rig.driver.uuid_of(1), kNoInstance, 94}));
  }
}

TEST(News, ThatCameJustBeforeNvmlIsInitialisedAgainIsNotMissed) {
  Rig rig({"H100-80", "H100-80"});
  rig.machine.change([&](simgpu::Driver& d) { return d.lose_gpu(0), 0; });
  rig.driver.look();
  rig.machine.change([&](simgpu::Driver& d) { return d.inject_xid(1, 94), 0; });
  const Generation before = rig.driver.session().generation();
  rig.driver.look();
  ASSERT_GT(rig.driver.session().generation(), before);
  const News news = rig.driver.news();
  ASSERT_EQ(news.xids.size(), 1U);
  EXPECT_EQ(news.xids[0].gpu, rig.driver.uuid_of(1));
}

TEST(News, ReportsALostGpuThatDidNotReportItself) {
  Rig rig({"H100-80", "H100-80"});
  rig.machine.change([&](simgpu::Driver& d) {
    d.lose_gpu(1);
    d.fail_next(simgpu::Operation::WaitEvents, simgpu::Return::GpuIsLost);
    return 0;
  });
  const News news = rig.driver.news();
  EXPECT_EQ(news.code, Code::GpuIsLost);
  ASSERT_EQ(news.xids.size(), 1U);
  EXPECT_TRUE((news.xids[0] == agent::Xid{rig.driver.uuid_of(1), kNoInstance, 79}));
  rig.machine.change([&](simgpu::Driver& d) { return d.inject_xid(0, 94), 0; });
  const News next = rig.driver.news();
  ASSERT_EQ(next.xids.size(), 1U) << "the watch goes on without it, and 79 is told once";
  EXPECT_EQ(next.xids[0].gpu, rig.driver.uuid_of(0));
}

TEST(News, IsWatchedForAgainAfterAnyFailure) {
  Rig rig({"H100-80"});
  for (const simgpu::Return code :
       {simgpu::Return::Unknown, simgpu::Return::Uninitialized, simgpu::Return::DriverNotLoaded,
        simgpu::Return::InvalidArgument, simgpu::Return::GpuIsLost}) {
    SCOPED_TRACE(simgpu::name(code));
    rig.machine.change([&](simgpu::Driver& d) {
      d.fail_next(simgpu::Operation::WaitEvents, code);
      return 0;
    });
    const Generation before = rig.driver.session().generation();
    EXPECT_EQ(rig.driver.news().code, static_cast<Code>(code));
    if (code == simgpu::Return::Uninitialized || code == simgpu::Return::DriverNotLoaded) {
      EXPECT_GT(rig.driver.session().generation(), before) << "without a Look";
    }
    rig.machine.change([&](simgpu::Driver& d) { return d.inject_xid(0, 48), 0; });
    std::size_t heard = 0;
    for (int i = 0; i < 3; ++i) heard += rig.driver.news().xids.size();
    EXPECT_EQ(heard, 1U);
  }
}

TEST(News, IsWatchedForAgainWhereAGpuCouldNotBeWatched) {
  for (const simgpu::Return code : {simgpu::Return::Unknown, simgpu::Return::GpuIsLost}) {
    Rig rig({"H100-80", "H100-80"});
    rig.machine.change([&](simgpu::Driver& d) {
      d.fail_next(simgpu::Operation::WaitEvents, simgpu::Return::Unknown);
      d.fail_next(simgpu::Operation::DeviceByIndex, code, 3, simgpu::Effect::Nothing, 1);
      return 0;
    });
    for (int i = 0; i < 8; ++i) rig.driver.news();
    rig.machine.change([](simgpu::Driver& d) { return d.inject_xid(1, 94), 0; });
    EXPECT_EQ(rig.driver.news().xids.size(), 1U);
  }
}

TEST(News, GoesOnAfterADriverReload) {
  Rig rig({"A100-40"});
  rig.machine.change([](simgpu::Driver& d) { return d.reload_driver().code; });
  EXPECT_EQ(rig.driver.look().code, Code::Success);
  const auto slice = rig.give(0, 19, 0, 1, 1);
  rig.machine.change([&](simgpu::Driver& d) { return d.inject_xid(0, 94, slice.gi), 0; });
  const News news = rig.driver.news();
  ASSERT_EQ(news.xids.size(), 1U);
  EXPECT_EQ(news.xids[0].gi, slice.gi);
}

TEST(News, GoesOnAfterAResetOfOneGpu) {
  Rig rig({"A100-40", "A100-40"});
  rig.machine.change([](simgpu::Driver& d) { return d.reset_gpu(0).code; });
  EXPECT_EQ(rig.driver.perform(agent::CreateInstance{rig.driver.uuid_of(0), 19, 0, 1}),
            Code::Success);
  rig.machine.change([&](simgpu::Driver& d) {
    d.inject_xid(0, 94);
    d.inject_xid(1, 95);
    return 0;
  });
  EXPECT_EQ(rig.driver.news().xids.size(), 2U);
}

}  // namespace
}  // namespace kerf::nvml
