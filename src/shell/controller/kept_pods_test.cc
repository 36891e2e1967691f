// Tests of kept pods: they come back as they were, and share what they can.
#include "shell/controller/kept_pods.h"

#include <gtest/gtest.h>

#include <utility>

namespace kerf::shell {
namespace {

control::Pod full_pod(const std::string& name) {
  control::Pod pod;
  pod.meta = {"ns", name, "uid-" + name, 7, 3, 11, 13, {{"app", "a"}}, {{"kerf.dev/x", "y"}}};
  pod.shape.labels = {{"app", "a"}};
  pod.shape.requests.cpu_milli = 250;
  pod.owner = {"ReplicaSet", "r", "u"};
  pod.scheduler = "other";
  pod.gated = true;
  pod.mirror = true;
  pod.node = "n-" + name;
  pod.nominated = "m";
  pod.phase = control::PodPhase::Running;
  pod.admitted = true;
  pod.unschedulable = true;
  pod.judged = 17;
  pod.message = "words";
  pod.reason = "Why";
  pod.devices = {{"nvidia.com/gpu", "gpu0"}};
  return pod;
}

TEST(KeptPods, ComeBackAsTheyWere) {
  KeptPods pods;
  for (const control::Pod& pod : {full_pod("a"), control::Pod{}}) {
    const auto kept = pods.keep(pod);
    EXPECT_TRUE(KeptPods::whole(*kept, control::key_of(pod.meta), pod.meta.uid) == pod);
  }
}

TEST(KeptPods, ShareATemplateForAsLongAsOneHasIt) {
  KeptPods pods;
  auto a = pods.keep(full_pod("a"));
  auto b = pods.keep(full_pod("b"));
  control::Pod another = full_pod("c");
  another.shape.requests.cpu_milli = 300;
  auto c = pods.keep(std::move(another));
  EXPECT_EQ(a->common, b->common);
  EXPECT_EQ(pods.templates(), 2u);
  pods.forget(std::move(a));
  EXPECT_EQ(pods.templates(), 2u);
  pods.forget(std::move(b));
  pods.forget(nullptr);
  EXPECT_EQ(pods.templates(), 1u);
  pods.forget(std::move(c));
  EXPECT_EQ(pods.templates(), 0u);
}

}  // namespace
}  // namespace kerf::shell
