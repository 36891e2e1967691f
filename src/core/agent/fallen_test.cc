// GPUs that fall off the bus, come back or are replaced: numbers stay, and nothing hits another
// GPU.
#include "codec/catalogue.h"
#include "core/agent/stories_testing.h"

namespace kerf::agent {
namespace {

const std::vector<std::string> kThree = {"A100-40", "A100-40", "A100-40"};

/// Three like GPUs, each cut alike, so that nothing but the UUID tells them apart.
void three_at_rest(World& world) {
  world.start();
  world.want({cut("2g.10gb@0 3g.20gb@4"), cut("2g.10gb@0 3g.20gb@4"), cut("2g.10gb@0 3g.20gb@4")});
  world.settle();
  world.run_for(20'000);
  ASSERT_TRUE(world.status.cut) << world.status.message;
}

const std::string& gpu_of(const Action& action) {
  static const std::string kNone;
  if (const auto* op = std::get_if<CreateInstance>(&action)) return op->gpu;
  if (const auto* op = std::get_if<CreateCompute>(&action)) return op->gpu;
  if (const auto* op = std::get_if<DestroyCompute>(&action)) return op->gpu;
  if (const auto* op = std::get_if<DestroyInstance>(&action)) return op->gpu;
  return kNone;
}

TEST(AFallenGpu, KeepsItsNumberWhenTheAgentStartsWithoutIt) {
  World world(kThree);
  three_at_rest(world);
  run_pod(world, "a", "nvidia.com/mig-2g.10gb");
  ASSERT_EQ(world.pod("a")->device, "gpu0/2g.10gb@0");
  world.fall(0);
  world.start();
  world.run_for(control::kMinute);
  EXPECT_EQ(world.status.degraded, Degraded::GpuLost);
  ASSERT_EQ(world.status.gpus.size(), 3U);
  EXPECT_TRUE(world.status.gpus[0].lost);
  for (std::uint32_t i = 0; i < 3; ++i) EXPECT_EQ(world.status.gpus[i].uuid, world.gpu_uuid(i));
  EXPECT_EQ(world.healthy("nvidia.com/mig-2g.10gb"), (Ids{"gpu1/2g.10gb@0", "gpu2/2g.10gb@0"}));

  // What the spec changes meanwhile is done to the others alone.
  const std::size_t from = world.log.size();
  world.want({cut(""), cut("3g.20gb@4"), cut("2g.10gb@0 3g.20gb@4 1g.5gb@2")});
  world.run_for(control::kMinute);
  EXPECT_GT(changes(world, from), 0U);
  for (std::size_t i = from; i < world.log.size(); ++i)
    EXPECT_NE(gpu_of(world.log[i]), world.gpu_uuid(0));
  EXPECT_EQ(world.layout(0), "2g.10gb@0 3g.20gb@4");
  EXPECT_EQ(world.layout(1), "3g.20gb@4");
  EXPECT_EQ(world.layout(2), "2g.10gb@0 1g.5gb@2 3g.20gb@4");

  // It is back, and what is on it is still Kerf's: what is held stays, the rest goes.
  world.come_back(0);
  world.run_for(2 * control::kMinute);
  EXPECT_EQ(world.layout(0), "2g.10gb@0");
  EXPECT_EQ(world.status.degraded, Degraded::No) << world.status.message;
  world.end("a");
  world.say_pods();
  world.run_for(control::kMinute);
  EXPECT_EQ(world.layout(0), "");
  EXPECT_EQ(world.wrong(), Ids{});
}

TEST(AFallenGpu, KeepsWhatWasBegunOnIt) {
  // The driver does not say what became of it, and the GPU is gone.
  World world({"A100-40", "A100-40"});
  world.start();
  world.want({cut(""), cut("")});
  world.settle();
  world.fault = [&](const Action& action) -> std::optional<std::pair<Code, bool>> {
    if (!std::holds_alternative<CreateInstance>(action)) return std::nullopt;
    return std::pair(Code::Timeout, true);
  };
  world.want({cut("3g.20gb@4"), cut("")});
  while (count<CreateInstance>(world) == 0) world.tick();
  world.fault = nullptr;
  world.fall(0);
  world.run_for(control::kMinute);
  world.want({cut(""), cut("")});
  world.run_for(control::kMinute);
  ASSERT_EQ(world.layout(0), "3g.20gb@4-");
  world.start();
  world.run_for(control::kMinute);
  world.come_back(0);
  world.run_for(3 * control::kMinute);
  EXPECT_EQ(world.layout(0), "") << world.status.message;
  EXPECT_TRUE(world.status.cut) << world.status.message;
  EXPECT_EQ(world.wrong(), Ids{});
}

TEST(AFallenGpu, IsMadeAgainWhenItIsThereAfterALaterReboot) {
  World world(kThree);
  three_at_rest(world);
  world.api_up = false;
  world.fall(1);
  world.reboot();
  world.run_for(control::kMinute);
  EXPECT_EQ(world.layout(0), "2g.10gb@0 3g.20gb@4");
  EXPECT_EQ(world.layout(1), "");
  EXPECT_EQ(world.healthy("nvidia.com/mig-3g.20gb"), (Ids{"gpu0/3g.20gb@4", "gpu2/3g.20gb@4"}));
  world.come_back(1);
  world.reboot();
  world.run_for(control::kMinute);
  EXPECT_EQ(world.layout(1), "2g.10gb@0 3g.20gb@4");
  EXPECT_EQ(world.wrong(), Ids{});
}

TEST(AFallenGpu, KeepsItsNumberWithoutAJournalByTheCdiEntries) {
  World world(kThree);
  three_at_rest(world);
  world.journal_lost = true;
  world.fall(0);
  const std::size_t from = world.log.size();
  world.start();
  world.run_for(control::kMinute);
  ASSERT_EQ(world.status.gpus.size(), 3U);
  EXPECT_EQ(world.status.gpus[1].uuid, world.gpu_uuid(1));
  EXPECT_EQ(world.status.gpus[2].uuid, world.gpu_uuid(2));
  EXPECT_TRUE(world.status.gpus[0].lost);
  world.come_back(0);
  world.run_for(2 * control::kMinute);
  EXPECT_EQ(world.status.gpus[0].uuid, world.gpu_uuid(0));
  EXPECT_TRUE(world.status.cut) << world.status.message;
  EXPECT_EQ(changes(world, from), 0U);
  EXPECT_EQ(world.wrong(), Ids{});
}

/// Any GPU falls after any effect of a change, with the agent killed there or alive, and comes back
/// later.
TEST(AFallenGpu, AtAnyStepOfAChangeNothingHitsAnother) {
  const Scenario change = {"",
                           {"A100-40", "A100-40"},
                           true,
                           {"2g.10gb@0 3g.20gb@4", "2g.10gb@0"},
                           {},
                           {"3g.20gb@0 1g.5gb@4", "2g.10gb@0 3g.20gb@4"},
                           {"3g.20gb@0 1g.5gb@4", "2g.10gb@0 3g.20gb@4"}};
  std::size_t effects = 40;
  for (const std::uint32_t gpu : {0U, 1U})
    for (const bool restart : {false, true})
      for (std::size_t at = 0; at < effects; ++at) {
        World world(change.boards);
        prepare(world, change);
        const std::size_t begin = world.log.size();
        world.want(cuts(change.wanted));
        while (world.log.size() < begin + at && world.now < 200'000) world.tick();
        const std::size_t from = world.log.size();
        world.fall(gpu);
        if (restart) world.start();
        world.run_for(2 * control::kMinute);
        for (std::size_t i = from + 1; restart && i < world.log.size(); ++i)
          ASSERT_NE(gpu_of(world.log[i]), world.gpu_uuid(gpu)) << at;
        ASSERT_EQ(world.layout(1 - gpu), change.after[1 - gpu]) << at;
        ASSERT_EQ(joined(world.wrong()), "") << gpu << restart << " fell after " << at;
        world.come_back(gpu);
        world.run_for(5 * control::kMinute);
        ASSERT_EQ(joined(not_reached(world, change)), "") << gpu << restart << " after " << at;
      }
}

std::vector<SeenGpu> seen(const std::vector<std::string>& uuids) {
  std::vector<SeenGpu> gpus;
  for (const std::string& uuid : uuids) {
    SeenGpu& gpu = gpus.emplace_back();
    gpu.uuid = uuid;
    gpu.model = "A100-40";
    gpu.mig_capable = gpu.mode = true;
    gpu.lost = uuid.empty();
  }
  return gpus;
}

/// The numbers that an agent gives, by what its Looks see one after the other.
std::string numbers(const std::vector<std::string>& journal, const std::string& journal_boot,
                    const std::vector<std::vector<std::string>>& looks) {
  Agent agent(codec::builtin_catalogue());
  Started started{"run", "boot", Journal{journal_boot, "uid", 3, {}}, {}};
  for (const std::string& uuid : journal) started.journal->gpus.push_back({uuid, {}});
  std::string text;
  Instant now = 0;
  std::vector<Event> batch = {started};
  std::size_t next = 0;
  for (int steps = 0; steps < 100; ++steps) {
    std::vector<Event> answers;
    for (const Effect& effect : agent.step(batch, now)) {
      if (std::holds_alternative<Look>(effect.action) && next < looks.size()) {
        answers.emplace_back(Looked{effect.id, Code::Success, seen(looks[next++])});
        answers.emplace_back(Doubt{});
      } else if (const auto* report = std::get_if<Report>(&effect.action)) {
        text.clear();
        for (const control::GpuStatus& gpu : report->status.gpus)
          text += (text.empty() ? "" : " ") + (gpu.uuid.empty() ? "?" : gpu.uuid) +
                  (gpu.lost ? "-" : "");
        answers.emplace_back(Done{effect.id, Code::Success});
      }
    }
    if (answers.empty()) break;
    batch = answers;
    now += 1;
  }
  return text;
}

TEST(Numbers, AreGivenByTheseRules) {
  using Looks = std::vector<std::vector<std::string>>;
  struct Case {
    const char* what;
    std::vector<std::string> journal;
    const char* boot;
    Looks looks;
    const char* expected;
  };
  const std::vector<Case> cases = {
      {"NVML's order, the first time", {}, "", {{"a", "b"}}, "a b"},
      {"the journal's order", {"b", "a"}, "boot", {{"a", "b"}}, "b a"},
      {"one that is away keeps its place", {"a", "b", "c"}, "boot", {{"b", "c"}}, "a- b c"},
      {"and has it again", {"a", "b"}, "boot", {{"b"}, {"b", "a"}}, "a b"},
      {"a new one gets the next", {"a", "b"}, "boot", {{"b", "x"}}, "a- b x"},
      {"one replaced while it was off", {"a", "b"}, "before", {{"x", "b"}}, "x b"},
      {"two replaced, one added", {"a", "b", "c"}, "before", {{"x", "b", "y", "z"}}, "x b y z"},
      {"another machine's journal", {"a", "b", "c"}, "before", {{"x"}}, "x"},
      {"one that falls while it runs", {}, "", {{"a", "b"}, {"b"}}, "a- b"},
      {"one that does not tell its name is the one that is away",
       {"a", "b"},
       "boot",
       {{"", "b"}},
       "a- b"},
      {"one that tells it later", {}, "", {{"a", ""}, {"a", "b"}}, "a b"},
      {"none is there", {"a", "b"}, "boot", {{}}, "a- b-"},
      {"two without a name", {}, "", {{"", ""}, {"b", "a"}}, "b a"},
  };
  for (const Case& it : cases)
    EXPECT_EQ(numbers(it.journal, it.boot, it.looks), it.expected) << it.what;
}

TEST(AGpuWithoutMig, ServesWholeAgainAfterItWasReset) {
  World world({"A100-40", "L4"}, false);
  world.start();
  world.want({cut("whole@0"), cut("whole@0")});
  world.settle();
  world.fall(0);
  world.tell(Xid{world.gpu_uuid(0), kNoInstance, 79});
  world.run_for(10'000);
  EXPECT_EQ(world.healthy("nvidia.com/gpu"), Ids{"gpu1/whole@0"});
  EXPECT_EQ(world.slices(), "whole@0 Lost, whole@0 Free published");
  world.come_back(0);
  world.tell(Doubt{});
  world.run_for(10'000);
  EXPECT_EQ(world.healthy("nvidia.com/gpu"), (Ids{"gpu0/whole@0", "gpu1/whole@0"}));
  EXPECT_TRUE(world.status.cut) << world.status.message;
  EXPECT_EQ(world.wrong(), Ids{});
}

TEST(AnXid, OfAGpuThatIsNotKnownIsAReasonToLookAndNothingElse) {
  World world({"A100-40"});
  at_rest(world, "2g.10gb@0");
  const std::size_t from = world.log.size();
  world.tell(Xid{"GPU-other", kNoInstance, 79});
  world.settle();
  EXPECT_EQ(count<Look>(world, from), 1U);
  EXPECT_EQ(changes(world, from), 0U);
  EXPECT_EQ(world.healthy("nvidia.com/mig-2g.10gb"), Ids{"gpu0/2g.10gb@0"});
  world.tell(Doubt{});
  world.settle();
  EXPECT_EQ(count<Look>(world, from), 2U);
}

}  // namespace
}  // namespace kerf::agent
