// Tests of the rehearsal: from many layouts to many others, with and without pods in the way.
#include "core/agent/rehearsal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/prng.h"
#include "core/agent/rehearsal_testing.h"
#include "core/agent/world_testing.h"
#include "core/gpu/legality.h"

namespace kerf::agent {
namespace {

using What = RehearsedStep::What;
using testing::ElementsAre;
using testing::IsEmpty;

Rehearsal rehearsed(const NodeRead& node, std::vector<control::WantedGpu> wanted) {
  const Rehearsal rehearsal = rehearse(codec::builtin_catalogue(), node, {std::move(wanted)});
  EXPECT_TRUE(rehearsal.settled);
  return rehearsal;
}

/// "create gpu0/1g.5gb@0", in order.
std::vector<std::string> steps_of(const Rehearsal& rehearsal) {
  constexpr const char* kWords[] = {"create", "destroy", "publish", "withdraw", "rename"};
  std::vector<std::string> steps;
  for (const RehearsedStep& step : rehearsal.steps)
    steps.push_back(std::string(kWords[static_cast<int>(step.what)]) + " " + step.device +
                    (step.was_published ? " (published)" : ""));
  return steps;
}

/// A legal layout by chance: slices that fit, published or parked.
control::WantedGpu random_layout(const gpu::Model& model, Prng& prng) {
  gpu::Usage usage(model);
  std::map<std::uint8_t, control::WantedSlice> slices;
  const std::uint64_t tries = prng.below(12);
  for (std::uint64_t i = 0; i < tries; ++i) {
    const auto at = static_cast<std::uint8_t>(prng.below(model.profiles.size()));
    const gpu::Profile& profile = model.profiles[at];
    const std::uint8_t start = profile.starts[prng.below(profile.starts.size())];
    if (usage.conflict({at, start}) != gpu::Usage::Conflict::None) continue;
    usage.add({at, start});
    slices[start] = {profile.name, start, gpu::resource_name(profile), prng.below(2) == 0};
  }
  control::WantedGpu gpu;
  for (const auto& [start, slice] : slices) gpu.slices.push_back(slice);
  return gpu;
}

using Slices = std::set<std::pair<std::string, int>>;
Slices slices_of(const control::WantedGpu& gpu) {
  Slices slices;
  for (const auto& slice : gpu.slices) slices.emplace(slice.form, slice.start);
  return slices;
}
Slices minus(const Slices& a, const Slices& b) {
  Slices rest;
  for (const auto& slice : a)
    if (!b.contains(slice)) rest.insert(slice);
  return rest;
}
Slices touched(const Rehearsal& rehearsal, What what) {
  Slices slices;
  for (const RehearsedStep& step : rehearsal.steps)
    if (step.what == what) {
      const auto name = parse_device_id(step.device).value();
      EXPECT_TRUE(slices.emplace(name.form, name.start).second) << step.device << " twice";
    }
  return slices;
}
std::string text_of(const gpu::Model& model, const control::WantedGpu& gpu) {
  std::string text = model.key + " [";
  for (const auto& slice : gpu.slices)
    text += (text.ends_with('[') ? "" : " ") + slice.form + "@" + std::to_string(slice.start);
  return text + "]";
}

TEST(Rehearsal, ReachesWhatIsWantedAndTouchesOnlyWhatDiffers) {
  for (const char* key : {"A100-40", "A30", "H100-80", "RTX-PRO-6000"}) {
    const gpu::Model& model = *codec::builtin_catalogue().find(key);
    Prng prng(7);
    for (int i = 0; i < 150; ++i) {
      const auto before = random_layout(model, prng);
      const auto after = random_layout(model, prng);
      SCOPED_TRACE(text_of(model, before) + " -> " + text_of(model, after));
      const Rehearsal rehearsal = rehearsed(node_at_rest({key}, {before}), {after});
      ASSERT_EQ(rehearsal.gpus.size(), 1U);
      EXPECT_EQ(rehearsal.gpus[0].layout_before, text_of(model, before));
      EXPECT_EQ(rehearsal.gpus[0].layout_after, text_of(model, after));
      EXPECT_THAT(rehearsal.differences, IsEmpty());
      EXPECT_EQ(rehearsal.degraded, control::Degraded::No) << rehearsal.message;
      const Slices gone = minus(slices_of(before), slices_of(after));
      const Slices made = minus(slices_of(after), slices_of(before));
      EXPECT_EQ(touched(rehearsal, What::Destroy), gone);
      EXPECT_EQ(touched(rehearsal, What::Create), made);
      EXPECT_EQ(rehearsal.driver_operations, static_cast<int>(2 * (gone.size() + made.size())));
    }
  }
}

TEST(Rehearsal, NeverDestroysWhatIsHeld) {
  const gpu::Model& model = *codec::builtin_catalogue().find("A100-40");
  Prng prng(11);
  int waiting = 0;
  for (int i = 0; i < 200; ++i) {
    const auto before = random_layout(model, prng);
    const auto after = random_layout(model, prng);
    SCOPED_TRACE(text_of(model, before) + " -> " + text_of(model, after));
    NodeRead node = node_at_rest({"A100-40"}, {before});
    Slices held;
    for (const auto& slice : before.slices)
      if (prng.below(3) == 0) {
        hold(node, control::device_id(0, slice.form, slice.start), "team/" + slice.form);
        held.emplace(slice.form, slice.start);
      }
    const Rehearsal rehearsal = rehearsed(node, {after});
    EXPECT_EQ(touched(rehearsal, What::Destroy),
              minus(minus(slices_of(before), slices_of(after)), held));
    const Slices stay = minus(held, slices_of(after));
    Slices said;
    for (const Difference& difference : rehearsal.differences) {
      const auto name = parse_device_id(difference.device).value();
      if (difference.what != Difference::What::Staying) {
        EXPECT_EQ(difference.what, Difference::What::Missing);
        continue;
      }
      said.emplace(name.form, name.start);
      EXPECT_TRUE(difference.held);
      EXPECT_EQ(difference.pod, "team/" + name.form);
    }
    EXPECT_EQ(said, stay);
    waiting += static_cast<int>(stay.size());
  }
  EXPECT_GT(waiting, 50);
}

TEST(Rehearsal, TellsStepsInOrderAndWhatTheyDisturb) {
  const NodeRead node = node_at_rest({"A100-40"}, {cut("3g.20gb@0 !2g.10gb@4")});
  const Rehearsal rehearsal = rehearsed(node, {cut("2g.10gb@0 !2g.10gb@4")});
  EXPECT_THAT(steps_of(rehearsal), ElementsAre("withdraw gpu0/3g.20gb@0 (published)",
                                               "destroy gpu0/3g.20gb@0 (published)",
                                               "create gpu0/2g.10gb@0", "publish gpu0/2g.10gb@0"));
  EXPECT_EQ(rehearsal.steps[1].driver_operations, 2);
  EXPECT_EQ(rehearsal.steps[1].uuid, "GPU-0");
  EXPECT_EQ(rehearsal.driver_operations, 4);
}

TEST(Rehearsal, PublishesParksAndRenamesWithoutTheDriver) {
  const NodeRead node = node_at_rest({"H100-80"}, {cut("1g.10gb@0 !1g.10gb@1 1g.10gb@2")});
  const Rehearsal rehearsal =
      rehearsed(node, {cut("!1g.10gb@0 1g.10gb@1 1g.10gb@2=kerf.dev/gpu-10gi")});
  EXPECT_THAT(
      steps_of(rehearsal),
      testing::UnorderedElementsAre("withdraw gpu0/1g.10gb@0 (published)", "publish gpu0/1g.10gb@1",
                                    "withdraw gpu0/1g.10gb@2 (published)",
                                    "rename gpu0/1g.10gb@2 (published)", "publish gpu0/1g.10gb@2"));
  EXPECT_EQ(rehearsal.driver_operations, 0);
  EXPECT_THAT(rehearsal.differences, IsEmpty());
}

TEST(Rehearsal, DoesNothingWhereNothingDiffers) {
  const auto layout = cut("1g.5gb@0 !2g.10gb@2 3g.20gb@4");
  EXPECT_TRUE(rehearsed(node_at_rest({"A100-40"}, {layout}), {layout}).nothing());
  const auto shared = cut("replica/2@0=nvidia.com/gpu.shared replica/2@1=nvidia.com/gpu.shared");
  EXPECT_TRUE(rehearsed(node_at_rest({"T4"}, {shared}), {shared}).nothing());
}

TEST(Rehearsal, ChangesWholeGpusAndReplicas) {
  const Rehearsal rehearsal =
      rehearsed(node_at_rest({"T4"}, {cut("whole@0")}),
                {cut("replica/2@0=nvidia.com/gpu.shared replica/2@1=nvidia.com/gpu.shared")});
  EXPECT_EQ(rehearsal.gpus[0].layout_before, "T4 [whole@0]");
  EXPECT_EQ(rehearsal.gpus[0].layout_after, "T4 [replica/2@0 replica/2@1]");
  EXPECT_EQ(rehearsal.driver_operations, 0);
  EXPECT_THAT(rehearsal.differences, IsEmpty());
  EXPECT_EQ(touched(rehearsal, What::Create).size(), 2U);
  EXPECT_EQ(touched(rehearsal, What::Destroy).size(), 1U);
}

TEST(Rehearsal, SaysWhatIsInTheWay) {
  NodeRead node = node_at_rest({"A100-40"}, {cut("1g.5gb@0 1g.5gb@1")});
  hold(node, "gpu0/1g.5gb@1", "ml/train");
  const Rehearsal rehearsal = rehearsed(node, {cut("3g.20gb@0 3g.20gb@4")});
  EXPECT_EQ(rehearsal.gpus[0].layout_after, "A100-40 [1g.5gb@1 3g.20gb@4]");
  ASSERT_EQ(rehearsal.differences.size(), 2U);
  const Difference& staying = rehearsal.differences[0];
  EXPECT_EQ(staying,
            (Difference{Difference::What::Staying, "gpu0/1g.5gb@1", "ml/train", true, {}}));
  const Difference& missing = rehearsal.differences[1];
  EXPECT_EQ(missing,
            (Difference{
                Difference::What::Missing, "gpu0/3g.20gb@0", "ml/train", true, {"gpu0/1g.5gb@1"}}));
}

TEST(Rehearsal, TakesNothingWhereNobodyCanSayWhoHoldsIt) {
  NodeRead node = node_at_rest({"A100-40"}, {cut("1g.5gb@0")});
  node.holders[static_cast<int>(Source::Checkpoint)].known = false;
  const Rehearsal rehearsal = rehearsed(node, {cut("")});
  EXPECT_EQ(rehearsal.gpus[0].layout_after, "A100-40 [1g.5gb@0]");
  ASSERT_EQ(rehearsal.differences.size(), 1U);
  EXPECT_EQ(rehearsal.differences[0].what, Difference::What::Staying);
  EXPECT_FALSE(rehearsal.differences[0].held);
}

TEST(Rehearsal, SaysWhyTheAgentWouldBeDegraded) {
  const auto expect = [](const NodeRead& node, control::WantedGpu wanted,
                         control::Degraded reason) {
    const Rehearsal rehearsal = rehearsed(node, {std::move(wanted)});
    EXPECT_EQ(rehearsal.degraded, reason) << rehearsal.message;
    EXPECT_FALSE(rehearsal.message.empty());
    EXPECT_EQ(rehearsal.driver_operations, 0);
    EXPECT_THAT(rehearsal.differences, testing::Not(IsEmpty()));
  };
  using control::Degraded;
  const NodeRead rest = node_at_rest({"A100-40"}, {cut("1g.5gb@0")});
  expect(rest, cut("2g.10gb@1"), Degraded::IllegalLayout);
  NodeRead node = rest;
  node.gpus[0].lost = true;
  expect(node, cut("2g.10gb@2"), Degraded::GpuLost);
  node = rest;
  node.foreign_driver = true;
  expect(node, cut("2g.10gb@2"), Degraded::ForeignDriver);
  node = rest;
  node.foreign_plugins = {"nvidia.com/mig-2g.10gb"};
  expect(node, cut("2g.10gb@2"), Degraded::ForeignPlugin);
  node = node_at_rest({"A100-40"}, {cut("")});
  node.gpus[0].mode = false;
  expect(node, cut("2g.10gb@2"), Degraded::ModeOff);
}

TEST(Rehearsal, LeavesForeignInstancesAlone) {
  NodeRead node = node_at_rest({"A100-40"}, {cut("")});
  node.gpus[0].instances.push_back({5, 9, 4, 4, {{0, 3, "MIG-foreign"}}});
  const Rehearsal rehearsal = rehearsed(node, {cut("2g.10gb@0 2g.10gb@4")});
  EXPECT_EQ(rehearsal.degraded, control::Degraded::ForeignInstances);
  EXPECT_EQ(rehearsal.gpus[0].layout_after, "A100-40 [2g.10gb@0 3g.20gb@4]");
  ASSERT_EQ(rehearsal.differences.size(), 1U);
  EXPECT_EQ(rehearsal.differences[0].device, "gpu0/2g.10gb@4");
}

TEST(Rehearsal, CompletesAnInstanceThatACrashLeft) {
  NodeRead node = node_at_rest({"A100-40"}, {cut("!2g.10gb@0")});
  node.gpus[0].instances[0].computes.clear();
  node.cdi.clear();
  node.journal->gpus[0].devices[0].mark = Mark::Making;
  const Rehearsal rehearsal = rehearsed(node, {cut("!2g.10gb@0")});
  EXPECT_THAT(steps_of(rehearsal), ElementsAre("create gpu0/2g.10gb@0"));
  EXPECT_EQ(rehearsal.driver_operations, 1);
  EXPECT_THAT(rehearsal.differences, IsEmpty());
}

TEST(Rehearsal, WithoutKubeletNothingIsOffered) {
  NodeRead node = node_at_rest({"A100-40"}, {cut("")});
  node.kubelet_up = false;
  const Rehearsal rehearsal = rehearsed(node, {cut("2g.10gb@0")});
  EXPECT_EQ(rehearsal.gpus[0].layout_after, "A100-40 [2g.10gb@0]");
  ASSERT_EQ(rehearsal.differences.size(), 1U);
  EXPECT_EQ(rehearsal.differences[0].what, Difference::What::NotOffered);
}

TEST(Rehearsal, NumbersGpusAsTheJournalDoes) {
  NodeRead node = node_at_rest({"A100-40", "A100-40"}, {cut("1g.5gb@0"), cut("!2g.10gb@0")});
  std::swap(node.gpus[0], node.gpus[1]);  // NVML counts otherwise than when it was written
  EXPECT_TRUE(rehearsed(node, {cut("1g.5gb@0"), cut("!2g.10gb@0")}).nothing());
}

TEST(TakenPublished, IsWhatGoesIsParkedOrRenamed) {
  using How = TakenPublished::How;
  NodeRead node =
      node_at_rest({"H100-80"}, {cut("1g.10gb@0 1g.10gb@1 1g.10gb@2 1g.10gb@3 !1g.10gb@4")});
  node.healthy["nvidia.com/mig-1g.10gb"].erase("gpu0/1g.10gb@0");  // the journal has it so
  const auto wanted = cut("!1g.10gb@1 1g.10gb@2=kerf.dev/gpu-10gi 1g.10gb@3");
  const std::string name = "nvidia.com/mig-1g.10gb";
  EXPECT_THAT(taken_published(node, {{wanted}}),
              ElementsAre(TakenPublished{"gpu0/1g.10gb@0", name, How::Goes},
                          TakenPublished{"gpu0/1g.10gb@1", name, How::Parked},
                          TakenPublished{"gpu0/1g.10gb@2", name, How::Renamed}));
  EXPECT_THAT(taken_published(node, {}), testing::SizeIs(4)) << "no GPU is wanted at all";
  node.journal->gpus[0].uuid = "GPU-of-another-machine";
  node.healthy.clear();
  EXPECT_THAT(taken_published(node, {{wanted}}), IsEmpty());
}

}  // namespace
}  // namespace kerf::agent
