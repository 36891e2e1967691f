// Tests of how long pods wait: scripts of what is seen, asked for and done.
#include "shell/controller/pod_waits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kerf::shell {
namespace {

using namespace controller;
using testing::ElementsAre;
using testing::IsEmpty;

/// Unschedulable, as the scheduler found at `judged`.
control::Pod pending(const std::string& name, std::int64_t judged, const std::string& uid = "u") {
  control::Pod pod;
  pod.meta.ns = "default";
  pod.meta.name = name;
  pod.meta.uid = uid;
  pod.unschedulable = true;
  pod.judged = judged;
  return pod;
}

control::Pod bound(const std::string& name, const std::string& uid = "u") {
  control::Pod pod = pending(name, 0, uid);
  pod.unschedulable = false;
  pod.node = "n1";
  return pod;
}

Effect nominate(EffectId id, const std::string& pod, const std::string& node = "n1",
                const std::string& uid = "u") {
  return {id, Nominate{{"default", pod}, uid, 1, node}};
}

Event done(EffectId id, controller::Result result = controller::Result::Applied) {
  return Done{id, {result, 2, ""}};
}

Effect note_about(const std::string& pod) {
  Record record;
  record.what = What::Wait;
  record.about = {"default", pod};
  return {0, Note{record}};
}

class PodWaitsTest : public testing::Test {
 protected:
  PodWaits::Waits step(std::int64_t now, const std::vector<Event>& batch,
                       const std::vector<Effect>& effects = {}) {
    return waits_.observe(batch, effects, now);
  }
  PodWaits waits_;
};

TEST_F(PodWaitsTest, BeginWhenTheSchedulerSaidSoAndEndWithTheOfferAndTheBinding) {
  EXPECT_EQ(waits_.waiting(), 0u);
  step(5'000, {Seen{pending("web", 2'000)}});
  step(6'000, {Seen{pending("web", 5'500)}}, {nominate(7, "web")});  // judged again: waits on
  const auto offered = step(7'000, {done(7)});
  EXPECT_THAT(offered.offered_ms, ElementsAre(5'000));
  EXPECT_THAT(offered.bound_ms, IsEmpty());
  // Offered once, however often it is nominated.
  step(7'500, {}, {nominate(8, "web")});
  EXPECT_THAT(step(8'000, {done(8)}).offered_ms, IsEmpty());
  EXPECT_THAT(step(9'000, {Seen{bound("web")}}).bound_ms, ElementsAre(7'000));
  EXPECT_THAT(step(9'500, {Seen{bound("web")}}).bound_ms, IsEmpty());
  EXPECT_EQ(waits_.waiting(), 0u);
}

TEST_F(PodWaitsTest, CountNoNominationThatCameToNothing) {
  step(0, {Seen{pending("web", 0)}}, {nominate(1, "web")});
  using controller::Result::Conflict;
  using controller::Result::Later;
  using controller::Result::Refused;
  using controller::Result::Unknown;
  for (const auto result : {Conflict, Refused, Later, Unknown}) {
    step(1'000, {}, {nominate(2, "web")});
    EXPECT_THAT(step(2'000, {done(2, result)}).offered_ms, IsEmpty());
  }
  step(3'000, {}, {nominate(3, "web", "")});  // clears one
  EXPECT_THAT(step(4'000, {done(3)}).offered_ms, IsEmpty());
  step(5'000, {Leading{2}});  // what was under way is another term's
  EXPECT_THAT(step(6'000, {done(1)}).offered_ms, IsEmpty());
  EXPECT_THAT(step(6'000, {done(99)}).offered_ms, IsEmpty());
}

TEST_F(PodWaitsTest, AreOfThePodsThatKerfDecidedAbout) {
  step(1'000, {Seen{pending("theirs", 1'000)}, Seen{pending("ours", 1'000)},
               Seen{pending("bought-for", 1'000)}});
  Record buy;
  buy.what = What::Buy;
  buy.kind = control::Kind::NodeClaim;
  buy.about = {"", "claim"};
  buy.pods = {{"default", "bought-for"}, {"default", "nobody"}};
  step(2'000, {}, {note_about("ours"), {0, Note{buy}}});
  EXPECT_THAT(step(3'000, {Seen{bound("theirs")}}).bound_ms, IsEmpty());
  EXPECT_THAT(step(4'000, {Seen{bound("ours")}}).bound_ms, ElementsAre(3'000));
  EXPECT_THAT(step(5'000, {Seen{bound("bought-for")}}).bound_ms, ElementsAre(4'000));
}

TEST_F(PodWaitsTest, EndWithThePod) {
  step(1'000, {Seen{pending("web", 1'000)}}, {note_about("web"), nominate(1, "web")});
  step(2'000, {Gone{control::Kind::Pod, {"default", "web"}, "another"}});
  EXPECT_EQ(waits_.waiting(), 1u) << "that was one before";
  step(2'000, {Gone{control::Kind::Node, {"default", "web"}, "u"}});
  EXPECT_EQ(waits_.waiting(), 1u);
  step(3'000, {Gone{control::Kind::Pod, {"default", "web"}, "u"}});
  EXPECT_EQ(waits_.waiting(), 0u);
  // Its successor begins anew, and the nomination was not its.
  step(4'000, {Seen{pending("web", 4'000, "u2")}});
  EXPECT_THAT(step(5'000, {done(1)}).offered_ms, IsEmpty());
  // Another uid without a Gone between them.
  step(6'000, {Seen{pending("web", 6'000, "u3")}}, {note_about("web")});
  EXPECT_THAT(step(7'000, {Seen{bound("web", "u3")}}).bound_ms, ElementsAre(1'000));
  // One that failed before it was bound.
  step(8'000, {Seen{pending("job", 8'000)}}, {note_about("job")});
  control::Pod failed = pending("job", 8'000);
  failed.phase = control::PodPhase::Failed;
  EXPECT_THAT(step(9'000, {Seen{failed}}).bound_ms, IsEmpty());
  EXPECT_EQ(waits_.waiting(), 0u);
}

TEST_F(PodWaitsTest, AreNotOfPodsThatNobodyFoundUnschedulable) {
  control::Pod gated = pending("gated", 0);
  gated.unschedulable = false;
  step(1'000, {Seen{gated}, Seen{bound("old")}});
  EXPECT_EQ(waits_.waiting(), 0u);
}

TEST_F(PodWaitsTest, AreNeverNegative) {
  step(1'000, {Seen{pending("web", 9'000)}},
       {note_about("web")});  // the scheduler's clock is ahead
  EXPECT_THAT(step(500, {Seen{bound("web")}}).bound_ms, ElementsAre(0));
}

TEST_F(PodWaitsTest, AreMeasuredOfSoManyPodsAtMost) {
  std::vector<Event> batch;
  for (std::size_t i = 0; i < PodWaits::kPodsMax + 10; ++i)
    batch.push_back(Seen{pending("p" + std::to_string(i), 1)});
  step(1'000, batch);
  EXPECT_EQ(waits_.waiting(), PodWaits::kPodsMax);
}

}  // namespace
}  // namespace kerf::shell
