// Tests of Kubelet: who holds what, what is believed of it, and what is told unasked.
#include "shell/kubelet/books.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "shell/kubelet/kubelet_testing.h"

namespace kerf::kubelet {
namespace {

using agent::Source;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Holding : public Node {
 protected:
  void begin() {
    start_both();
    ASSERT_TRUE(served({device(0), device(1)}));
    ASSERT_TRUE(fake_.wait([&] { return fake_.healthy(kSmall).size() == 2; }));
  }
  std::string checkpoint() const { return options_.folder + "/kubelet_internal_checkpoint"; }
  agent::Holder listed(const std::string& pod) const { return {id(0), kSmall, "ns/" + pod}; }
  agent::Holder noted() const { return {id(0), kSmall, ""}; }
};

TEST_F(Holding, IsInPodResourcesAndInTheCheckpoint) {
  begin();
  EXPECT_THAT(holders(Source::PodResources).devices, IsEmpty());
  EXPECT_THAT(holders(Source::Checkpoint).devices, IsEmpty());
  ASSERT_TRUE(fake_.admit("a", kSmall, 1).granted);
  const agent::Holders pods = holders(Source::PodResources);
  EXPECT_TRUE(pods.known);
  EXPECT_EQ(pods.source, Source::PodResources);
  EXPECT_THAT(pods.devices, ElementsAre(listed("a")));
  const agent::Holders file = holders(Source::Checkpoint);
  EXPECT_TRUE(file.known);
  EXPECT_EQ(file.source, Source::Checkpoint);
  EXPECT_THAT(file.devices, ElementsAre(noted()));
}

TEST_F(Holding, OfAnInitContainerIsInTheCheckpointOnly) {
  begin();
  ASSERT_TRUE(fake_.admit("a", kSmall, 1, FakeKubelet::Container::Init).granted);
  EXPECT_THAT(holders(Source::Checkpoint).devices, ElementsAre(noted()));
  EXPECT_THAT(holders(Source::PodResources).devices, IsEmpty());
}

TEST_F(Holding, EndsInTheCheckpointToo) {
  begin();
  ASSERT_TRUE(fake_.admit("a", kSmall, 1).granted);
  ASSERT_THAT(holders(Source::Checkpoint).devices, ElementsAre(noted()));
  fake_.end("a");
  // kubelet would write it with the next allocation only: it is made to.
  EXPECT_TRUE(fake_.wait([&] { return holders(Source::Checkpoint).devices.empty(); }));
  EXPECT_EQ(fake_.registrations(kSmall), 1);
  EXPECT_FALSE(inbox_.has<agent::Dropped>());
}

TEST_F(Holding, EndsInTheCheckpointUnaskedToo) {
  begin();
  const auto with = [](std::size_t count) {
    return [count](const agent::Holders& it) {
      return it.effect == 0 && it.source == Source::Checkpoint && it.devices.size() == count;
    };
  };
  for (const char* pod : {"a", "b"}) {  // the same device, soon after
    ASSERT_TRUE(fake_.admit(pod, kSmall, 1).granted);
    ASSERT_TRUE(inbox_.take<agent::Holders>(with(1))) << pod;
    while (inbox_.has<agent::Holders>(with(0))) inbox_.take<agent::Holders>(with(0));  // before
    fake_.end(pod);
    EXPECT_TRUE(inbox_.take<agent::Holders>(with(0))) << pod;
  }
  EXPECT_EQ(fake_.registrations(kSmall), 1);
  EXPECT_FALSE(inbox_.has<agent::Dropped>());
}

TEST_F(Holding, OfAnInitContainerDoesNotMakeKubeletWriteAtEachLook) {
  options_.holders_every = std::chrono::milliseconds(5);
  begin();
  const int lists = fake_.lists(kSmall);
  ASSERT_TRUE(fake_.admit("a", kSmall, 1, FakeKubelet::Container::Init).granted);
  ASSERT_TRUE(fake_.wait([&] { return fake_.lists(kSmall) > lists; })) << "it may have ended";
  const int looks = fake_.looks();
  ASSERT_TRUE(fake_.wait([&] { return fake_.looks() >= looks + 5; }));
  EXPECT_LE(fake_.lists(kSmall), lists + 3) << "again after 5 s, which the test need not take";
}

TEST_F(Holding, IsToldUnaskedWhenItBeginsAndEnds) {
  begin();
  const auto with = [](std::size_t count) {
    return [count](const agent::Holders& it) {
      return it.effect == 0 && it.source == Source::PodResources && it.devices.size() == count;
    };
  };
  ASSERT_TRUE(fake_.admit("a", kSmall, 1).granted);
  EXPECT_TRUE(inbox_.take<agent::Holders>(with(1)));
  fake_.end("a");
  EXPECT_TRUE(inbox_.take<agent::Holders>(with(0)));
}

TEST_F(Holding, IsSeenAtOnceByTheCheckpoint) {
  options_.holders_every = std::chrono::hours(1);
  begin();
  ASSERT_TRUE(fake_.admit("a", kSmall, 1).granted);
  EXPECT_TRUE(inbox_.take<agent::Holders>([](const agent::Holders& it) {
    return it.effect == 0 && it.source == Source::PodResources && it.devices.size() == 1;
  }));
  EXPECT_TRUE(inbox_.take<agent::Holders>([](const agent::Holders& it) {
    return it.effect == 0 && it.source == Source::Checkpoint && it.devices.size() == 1;
  }));
}

TEST_F(Holding, IsNotKnownWhilePodResourcesHangsOrIsNotThere) {
  options_.ask_deadline = std::chrono::milliseconds(50);
  begin();
  fake_.hang_pod_resources(true);
  EXPECT_FALSE(holders(Source::PodResources).known);
  EXPECT_FALSE(confirmed().known);
  fake_.hang_pod_resources(false);
  EXPECT_TRUE(holders(Source::PodResources).known);
  std::filesystem::remove(options_.pod_resources);
  fake_.kill();
  EXPECT_FALSE(holders(Source::PodResources).known);
  EXPECT_FALSE(confirmed().known);
}

TEST_F(Holding, IsNotKnownFromAListThatKnowsNoPodsYet) {
  begin();
  ASSERT_TRUE(fake_.admit("a", kSmall, 1).granted);
  fake_.pods_unknown(true);
  fake_.restart();
  ASSERT_TRUE(inbox_.take<agent::Kubelet>([](const auto& it) { return it.up; }));
  EXPECT_FALSE(holders(Source::PodResources).known);
  EXPECT_THAT(holders(Source::Checkpoint).devices, ElementsAre(noted()));
  fake_.pods_unknown(false);
  EXPECT_THAT(holders(Source::PodResources).devices, ElementsAre(listed("a")));
}

TEST_F(Holding, IsNotKnownIfKubeletRestartsMeanwhile) {
  begin();
  fake_.hang_pod_resources(true);
  const agent::EffectId asked = act(agent::AskHolders{Source::PodResources});
  const agent::EffectId confirm = act(agent::Confirm{});
  fake_.hang_pod_resources(false);
  std::filesystem::remove(options_.folder + "/kubelet.sock");
  const auto holders =
      inbox_.take<agent::Holders>([=](const auto& it) { return it.effect == asked; });
  ASSERT_TRUE(holders);
  const auto confirmed =
      inbox_.take<agent::Confirmed>([=](const auto& it) { return it.effect == confirm; });
  ASSERT_TRUE(confirmed);  // each is answered, believed or not
}

TEST_F(Holding, IsEmptyWithoutACheckpointOnlyIfKubeletNeverWroteOne) {
  start_both();
  const agent::Holders never = holders(Source::Checkpoint);
  EXPECT_TRUE(never.known);
  EXPECT_THAT(never.devices, IsEmpty());
  ASSERT_TRUE(served({device(0)}));
  ASSERT_TRUE(fake_.wait([&] { return std::filesystem::exists(checkpoint()); }));
  std::filesystem::remove(checkpoint());
  EXPECT_FALSE(holders(Source::Checkpoint).known) << "it was there";
  fake_.write_checkpoint();
  EXPECT_TRUE(holders(Source::Checkpoint).known);
}

TEST_F(Holding, IsNotKnownFromABrokenCheckpoint) {
  begin();
  for (const char* text : {"", "{", "[]", R"({"Data":{"PodDeviceEntries":7}})"}) {
    std::ofstream(checkpoint(), std::ios::binary) << text;
    EXPECT_FALSE(holders(Source::Checkpoint).known) << text;
  }
  std::filesystem::remove(checkpoint());
  std::filesystem::create_directory(checkpoint());
  EXPECT_FALSE(holders(Source::Checkpoint).known) << "a folder";
}

}  // namespace
}  // namespace kerf::kubelet
