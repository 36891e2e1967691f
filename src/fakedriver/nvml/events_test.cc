// Tests of event sets: what is heard, by whom, from when on, and what of GPUs that are gone.
#include <thread>

#include "fakedriver/nvml/loaded_testing.h"

namespace kerf::fakedriver::nvml {
namespace {

constexpr unsigned long long kXids = abi::kEventXidCriticalError;

class Events : public LoadedTest {
 protected:
  static abi::EventSet made() {
    abi::EventSet set = nullptr;
    EXPECT_EQ(call("nvmlEventSetCreate", &set), abi::kSuccess);
    return set;
  }
  static abi::Return listen(abi::EventSet set, unsigned gpu, unsigned long long types = kXids) {
    return call("nvmlDeviceRegisterEvents", device(gpu), types, set);
  }
  abi::Return wait(abi::EventSet set, unsigned ms = 0) {
    event = {};
    return call("nvmlEventSetWait_v2", set, &event, ms);
  }
  abi::EventData event{};
};

TEST_F(Events, ComeToEachSetOnceInOrder) {
  const abi::EventSet one = made();
  const abi::EventSet two = made();
  for (const abi::EventSet set : {one, two}) {
    EXPECT_EQ(listen(set, 1), abi::kSuccess);
    EXPECT_EQ(listen(set, 2), abi::kSuccess);
  }
  xid(1, 94, 7);
  xid(0, 31);  // nobody listens
  xid(2, 43);
  for (const abi::EventSet set : {one, two}) {
    ASSERT_EQ(wait(set), abi::kSuccess);
    EXPECT_EQ(event.device, device(1));
    EXPECT_EQ(event.event_type, kXids);
    EXPECT_EQ(event.event_data, 94U);
    EXPECT_EQ(event.gpu_instance_id, 7U);
    EXPECT_EQ(event.compute_instance_id, 0U);
    ASSERT_EQ(wait(set), abi::kSuccess);
    EXPECT_EQ(event.event_data, 43U);
    EXPECT_EQ(event.gpu_instance_id, abi::kNoInstance);
    EXPECT_EQ(wait(set), abi::kTimeout);
  }
}

TEST_F(Events, OfTheOlderCallLeaveTheInstancesAlone) {
  const abi::EventSet set = made();
  listen(set, 1);
  xid(1, 94, 7);
  abi::EventData old{nullptr, 0, 0, 55, 66};
  ASSERT_EQ(call("nvmlEventSetWait", set, &old, 0U), abi::kSuccess);
  EXPECT_EQ(old.event_data, 94U);
  EXPECT_EQ(old.gpu_instance_id, 55U);
  EXPECT_EQ(old.compute_instance_id, 66U);
}

TEST_F(Events, FromBeforeTheRegistrationAreNotHeard) {
  const abi::EventSet set = made();
  listen(set, 0);
  xid(0, 31);
  xid(1, 32);
  listen(set, 1);
  listen(set, 0);  // again: nothing is lost by that
  xid(1, 33);
  ASSERT_EQ(wait(set), abi::kSuccess);
  EXPECT_EQ(event.event_data, 31U);
  ASSERT_EQ(wait(set), abi::kSuccess);
  EXPECT_EQ(event.event_data, 33U);
  EXPECT_EQ(wait(set), abi::kTimeout);
}

TEST_F(Events, AreRegisteredForAllAtOnceOrNotAtAll) {
  unsigned long long supported = 0;
  ASSERT_EQ(call("nvmlDeviceGetSupportedEventTypes", device(0), &supported), abi::kSuccess);
  // As NVIDIA's device plugin does it.
  const auto wanted = kXids | abi::kEventDoubleBitEcc | abi::kEventSingleBitEcc;
  const abi::EventSet plugin = made();
  EXPECT_EQ(listen(plugin, 0, wanted & supported), abi::kSuccess);
  xid(0, 31);
  EXPECT_EQ(wait(plugin), abi::kSuccess);

  const abi::EventSet set = made();
  EXPECT_EQ(listen(set, 0, wanted), abi::kNotSupported);
  EXPECT_EQ(listen(set, 0, 1ULL << 40U), abi::kNotSupported);
  EXPECT_EQ(listen(set, 0, 0), abi::kInvalidArgument);
  EXPECT_EQ(listen(nullptr, 0), abi::kInvalidArgument);
  const abi::Device mig = device(slice(0).info.device);
  EXPECT_EQ(call("nvmlDeviceRegisterEvents", mig, kXids, set), abi::kInvalidArgument);
  EXPECT_EQ(call("nvmlDeviceGetSupportedEventTypes", mig, &supported), abi::kInvalidArgument);
  xid(0, 31);
  EXPECT_EQ(wait(set), abi::kTimeout) << "none was registered";
  EXPECT_EQ(listen(set, 0, abi::kEventDoubleBitEcc), abi::kSuccess);
  xid(0, 31);
  EXPECT_EQ(wait(set), abi::kTimeout) << "that is no ECC error";
}

TEST_F(Events, AtHandComeBeforeTheNewsThatAGpuIsLost) {
  const abi::EventSet set = made();
  const abi::EventSet other = made();
  listen(set, 0);
  listen(set, 1);
  listen(other, 1);
  xid(0, 79);
  xid(1, 94);
  ASSERT_EQ(wait(set), abi::kSuccess);
  EXPECT_EQ(event.event_data, 79U);
  ASSERT_EQ(wait(set), abi::kSuccess);
  EXPECT_EQ(event.event_data, 94U);
  EXPECT_EQ(wait(set, 60000), abi::kGpuIsLost) << "at once";
  ASSERT_EQ(wait(other), abi::kSuccess);
  EXPECT_EQ(wait(other), abi::kTimeout) << "it does not listen to that GPU";
  change([](simgpu::Driver& d) { d.reboot(); });
  EXPECT_EQ(wait(set), abi::kTimeout) << "nobody listens to the GPU of before";
}

TEST_F(Events, OfInstancesAreForRootOnly) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  const abi::EventSet set = made();
  listen(set, 0);
  xid(0, 94, 7);
  xid(0, 31);
  const AsNobody nobody;
  ASSERT_EQ(wait(set), abi::kSuccess);
  EXPECT_EQ(event.event_data, 31U);
  EXPECT_EQ(wait(set), abi::kTimeout);
}

TEST_F(Events, OfAMachineThatIsMadeAnewWithFewerGpusAreNobodys) {
  const abi::EventSet set = made();
  listen(set, 1);
  listen(set, 2);
  for (int i = 0; i < 3; ++i) xid(2, 31);
  ASSERT_EQ(wait(set), abi::kSuccess);
  make(simgpu::machine({"T4"}));
  EXPECT_EQ(wait(set), abi::kTimeout);
  EXPECT_EQ(listen(set, 0), abi::kSuccess);
  xid(0, 43);
  ASSERT_EQ(wait(set), abi::kSuccess);
  EXPECT_EQ(event.event_data, 43U);
  EXPECT_EQ(wait(set), abi::kTimeout);
}

TEST_F(Events, StandAfterAFault) {
  const abi::EventSet set = made();
  listen(set, 0);
  xid(0, 31);
  fail_next(simgpu::Operation::WaitEvents, simgpu::Return::Unknown);
  EXPECT_EQ(wait(set), abi::kUnknown);
  EXPECT_EQ(wait(set), abi::kSuccess);
}

TEST_F(Events, WakeAWaitingClient) {
  const abi::EventSet set = made();
  listen(set, 0);
  abi::Return code = -1;
  std::thread waiting([&] { code = wait(set, 60000); });
  xid(0, 31);
  waiting.join();
  EXPECT_EQ(code, abi::kSuccess);
  EXPECT_EQ(event.event_data, 31U);
}

TEST_F(Events, EndForAWaitingClientWhenTheSetIsFreed) {
  const abi::EventSet set = made();
  listen(set, 0);
  abi::Return code = -1;
  std::thread waiting([&] { code = wait(set, 60000); });
  EXPECT_EQ(call("nvmlEventSetFree", set), abi::kSuccess);
  waiting.join();
  // By chance, whether it was in the call already.
  EXPECT_TRUE(code == abi::kTimeout || code == abi::kInvalidArgument) << code;
  EXPECT_EQ(call("nvmlEventSetFree", set), abi::kInvalidArgument);
  EXPECT_EQ(wait(set), abi::kInvalidArgument);
}

TEST_F(Events, EndWithTheLastShutdown) {
  const abi::EventSet set = made();
  listen(set, 0);
  ASSERT_EQ(call("nvmlInit_v2"), abi::kSuccess);
  ASSERT_EQ(call("nvmlShutdown"), abi::kSuccess);
  EXPECT_EQ(wait(set), abi::kTimeout) << "one user is left";
  ASSERT_EQ(call("nvmlShutdown"), abi::kSuccess);
  EXPECT_EQ(wait(set), abi::kUninitialized);
  ASSERT_EQ(call("nvmlInit_v2"), abi::kSuccess);
  EXPECT_EQ(wait(set), abi::kInvalidArgument);
  EXPECT_NE(made(), set) << "no handle is used twice";
}

}  // namespace
}  // namespace kerf::fakedriver::nvml
