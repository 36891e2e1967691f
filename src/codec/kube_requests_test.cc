// Tests of effective requests: the scheduler's sums, and what the API server refuses.
#include "codec/kube_requests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/manifest_testing.h"

namespace kerf::codec {
namespace {

using cluster::GpuRequestKind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST(EffectiveRequests, SumAsTheSchedulerDoes) {
  struct Case {
    const char* what;
    const char* spec;
    Resources expected;
  };
  const Case cases[] = {
      {"containers add up",
       "  containers:\n"
       "    - resources: {requests: {cpu: 1, memory: 1Gi}, limits: {nvidia.com/gpu: 1}}\n"
       "    - resources: {requests: {cpu: 500m, memory: 512Mi, ephemeral-storage: 1Gi}}\n",
       {1500, 1536, 1024, 1}},
      {"a limit stands in for a request",
       "  containers:\n"
       "    - resources: {limits: {cpu: 2, memory: 4Gi, nvidia.com/gpu: 1}}\n"
       "    - resources: {requests: {cpu: 1}, limits: {cpu: 2, memory: 1Gi}}\n",
       {3000, 5120, 0, 1}},
      {"an init container counts where it is more",
       "  initContainers: [{resources: {requests: {cpu: 4, memory: 1Gi}}}]\n"
       "  containers: [{resources: {requests: {cpu: 1, memory: 3Gi}, limits: {nvidia.com/gpu: "
       "1}}}]",
       {4000, 3072, 0, 1}},
      {"init containers run one after the other",
       "  initContainers:\n"
       "    - resources: {requests: {cpu: 2}}\n"
       "    - resources: {requests: {cpu: 3}}\n"
       "  containers: [{resources: {requests: {cpu: 1}, limits: {nvidia.com/gpu: 1}}}]",
       {3000, 0, 0, 1}},
      {"a sidecar runs beside the containers",
       "  initContainers: [{restartPolicy: Always, resources: {requests: {cpu: 1}}}]\n"
       "  containers: [{resources: {requests: {cpu: 2}, limits: {nvidia.com/gpu: 1}}}]",
       {3000, 0, 0, 1}},
      {"and beside the init containers that come after it",
       "  initContainers:\n"
       "    - resources: {requests: {cpu: 5}}\n"
       "    - {restartPolicy: Always, resources: {requests: {cpu: 1}}}\n"
       "    - resources: {requests: {cpu: 5}}\n"
       "  containers: [{resources: {requests: {cpu: 2}, limits: {nvidia.com/gpu: 1}}}]",
       {6000, 0, 0, 1}},
      {"overhead comes on top",
       "  overhead: {cpu: 250m, memory: 120Mi}\n"
       "  initContainers: [{resources: {requests: {cpu: 4}}}]\n"
       "  containers: [{resources: {requests: {memory: 1Gi}, limits: {nvidia.com/gpu: 1}}}]",
       {4250, 1144, 0, 1}},
      {"the pod's own figure stands above its containers'",
       "  resources: {requests: {cpu: 3}, limits: {memory: 8Gi}}\n"
       "  containers: [{resources: {requests: {cpu: 1}, limits: {nvidia.com/gpu: 1}}}]",
       {3000, 8192, 0, 1}},
      {"a limit of the pod does not replace its containers' requests",
       "  resources: {limits: {cpu: 3}}\n"
       "  containers: [{resources: {requests: {cpu: 1}, limits: {nvidia.com/gpu: 1}}}]",
       {1000, 0, 0, 1}},
      {"bytes are summed before they are rounded up",
       "  containers:\n"
       "    - resources: {requests: {cpu: 0.1, memory: 600Ki}, limits: {nvidia.com/gpu: 1}}\n"
       "    - resources: {requests: {cpu: 1u, memory: 424Ki}}\n"
       "    - resources: {requests: {memory: 128974848m}}\n",
       {101, 2, 0, 1}},
      {"emptyDir volumes ask for nothing",
       "  volumes: [{name: v, emptyDir: {sizeLimit: 20Gi}}]\n"
       "  containers: [{resources: {limits: {nvidia.com/gpu: 1, cpu: null}}}]",
       {0, 0, 0, 1}},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(shape_of(pod_with(c.spec)).requests, c.expected) << c.what;
  }
}

TEST(EffectiveRequests, MergeGpusOfAllContainers) {
  const cluster::PodShape shape = shape_of(
      pod_with("  initContainers: [{resources: {limits: {nvidia.com/mig-1g.5gb: 3}}}]\n"
               "  containers:\n"
               "    - resources: {limits: {nvidia.com/mig-1g.5gb: 1, kerf.dev/gpu-8gi-shared: 1}}\n"
               "    - resources: {limits: {nvidia.com/mig-1g.5gb: 1, nvidia.com/mig-1g.5gb.me: 1,\n"
               "                           nvidia.com/gpu: 0}}\n"));
  ASSERT_THAT(shape.gpu, SizeIs(3));
  EXPECT_EQ(shape.gpu[0].profile, "1g.5gb");
  EXPECT_EQ(shape.gpu[0].count, 3) << "the init container's three are the most at a time";
  EXPECT_EQ(shape.gpu[1].profile, "1g.5gb+me");
  EXPECT_EQ(shape.gpu[2].kind, GpuRequestKind::Portable);
  EXPECT_THAT(shape.unplaceable, IsEmpty());
}

TEST(EffectiveRequests, RuntimeClassesAddTheirOverheadAndTheirSelector) {
  const std::string runtime =
      "apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata: {name: kata}\n"
      "overhead: {podFixed: {cpu: 250m, memory: 160Mi}}\n"
      "scheduling: {nodeSelector: {kata: 'yes'}, tolerations: [{key: kata, operator: Exists}]}\n"
      "---\n";
  const cluster::PodShape kata = shape_of(runtime + gpu_pod_with("  runtimeClassName: kata"));
  EXPECT_EQ(kata.requests, (Resources{250, 160, 0, 1}));
  ASSERT_THAT(kata.node_selector, SizeIs(1));
  EXPECT_EQ(kata.node_selector[0].key, "kata");
  ASSERT_THAT(kata.tolerations, SizeIs(1));
  const cluster::PodShape running =
      shape_of(runtime + gpu_pod_with("  runtimeClassName: kata\n  overhead: {cpu: 1}"));
  EXPECT_EQ(running.requests.cpu_milli, 1000) << "what the pod has already counts once";
  EXPECT_EQ(shape_of(gpu_pod_with("  runtimeClassName: nvidia")).requests, (Resources{0, 0, 0, 1}));
}

TEST(EffectiveRequests, ReportWhatKerfCannotPlanFor) {
  const cluster::PodShape shape = shape_of(
      pod_with("  containers: [{resources: {limits: {nvidia.com/gpu: 8, vpc.amazonaws.com/efa: 4,\n"
               "    hugepages-2Mi: 1Gi, amd.com/gpu: 0}}}]"));
  EXPECT_THAT(
      shape.unplaceable,
      ElementsAre(cluster::Unplaceable{"resources.limits[hugepages-2Mi]",
                                       "Kerf does not plan for hugepages-2Mi; remove it to "
                                       "have the pod planned without it"},
                  cluster::Unplaceable{"resources.limits[vpc.amazonaws.com/efa]",
                                       "Kerf does not plan for vpc.amazonaws.com/efa; remove "
                                       "it to have the pod planned without it"}));
}

TEST(EffectiveRequests, KeepPodsThatWantAnotherDevice) {
  for (const char* name : {"amd.com/gpu", "nvidia.com/gpu.shared", "aws.amazon.com/neuroncore"}) {
    const cluster::Demand demand = demand_of(
        pod_with("  containers: [{resources: {limits: {" + std::string(name) + ": 2}}}]"));
    ASSERT_THAT(demand.pods, SizeIs(1)) << name;
    EXPECT_THAT(demand.shapes[0].gpu, IsEmpty());
    EXPECT_THAT(demand.shapes[0].unplaceable, SizeIs(1));
    EXPECT_EQ(demand.workloads[0].asks, "2 x " + std::string(name));
  }
  for (const char* name : {"hugepages-2Mi", "smarter-devices/fuse"}) {
    const cluster::Demand demand = demand_of(
        pod_with("  containers: [{resources: {limits: {" + std::string(name) + ": 2}}}]"));
    EXPECT_THAT(demand.pods, IsEmpty()) << name;
    EXPECT_EQ(demand.cpu_only_pods, 1) << name;
  }
}

TEST(EffectiveRequests, SaySharedGpusByTheirKerfName) {
  const cluster::PodShape shape =
      shape_of(pod_with("  containers: [{resources: {limits: {nvidia.com/gpu.shared: 1}}}]"));
  ASSERT_THAT(shape.unplaceable, SizeIs(1));
  EXPECT_THAT(shape.unplaceable[0].why, HasSubstr("ask for kerf.dev/gpu-<M>gi-shared"));
}

TEST(EffectiveRequests, RefuseWithTheFieldsPath) {
  struct Case {
    const char* resources;
    const char* words;
  };
  const Case cases[] = {
      {"{limits: {cpu: lots}}",
       "t.yaml:5:52: Pod default/p: spec.containers[0].resources.limits.cpu: \"lots\" is not a "
       "Kubernetes quantity"},
      {"{limits: {cpu: -1}}", "limits.cpu: \"-1\" is negative"},
      {"{limits: {cpu: true}}", "limits.cpu: expected a quantity such as 500m or 4Gi, got true or"},
      {"{limits: {memory: [1Gi]}}", "expected a quantity such as 500m or 4Gi, got a list"},
      {"{limits: {memory: 2Pi}}", "limits.memory: more than 1 Pi: no node has that"},
      {"{limits: {memory: 4Ei}}", "limits.memory: more than 1 Pi: no node has that"},
      {"{limits: {memory: 99999999999999999999}}", "limits.memory: "},
      {"{limits: {cpu: 2M}}", "limits.cpu: more than 1,000,000 CPUs: no node has that"},
      {"{limits: {gpu: 1}}",
       "limits.gpu: \"gpu\" is no resource of a container: expected cpu, memory, "
       "ephemeral-storage, hugepages-<size> or a name with a domain such as nvidia.com/gpu"},
      {"{requests: {cpu: 2}, limits: {cpu: 1}}",
       "requests.cpu: the request is larger than the limit"},
      {"{requests: {nvidia.com/gpu: 1}}",
       "requests[nvidia.com/gpu]: nvidia.com/gpu is requested without a limit; Kubernetes requires "
       "the same figure under limits"},
      {"{requests: {nvidia.com/gpu: 1}, limits: {nvidia.com/gpu: 2}}",
       "requests[nvidia.com/gpu]: request and limit of nvidia.com/gpu must be equal"},
      {"{limits: {nvidia.com/gpu: 0.5}}", "limits[nvidia.com/gpu]: expected a whole number"},
      {"{limits: {nvidia.com/gpu: 500m}}", "expected a whole number"},
      {"{limits: {nvidia.com/gpu: 2000000}}", "more than 1,000,000: no node has that"},
      {"{limits: {nvidia.com/mig-1g.7gb: 1}}",
       "limits[nvidia.com/mig-1g.7gb]: no GPU that Kerf knows has the profile of "
       "\"nvidia.com/mig-1g.7gb\"; near are: mig-1g.6gb (A30)"},
      {"{limits: {kerf.dev/gpu-15gi: 1}}", "the next is kerf.dev/gpu-16gi"},
      {"[]", "spec.containers[0].resources: expected a mapping, got a list"},
      {"{limits: 5}", "resources.limits: expected a mapping, got an integer, \"5\""},
  };
  for (const Case& c : cases) {
    EXPECT_THAT(refusal_of(pod_with(
                    "  containers: [{name: c, resources: " + std::string(c.resources) + "}]")),
                HasSubstr(c.words));
  }
}

TEST(EffectiveRequests, BoundTheSumToo) {
  std::string containers = "  containers:\n";
  for (int i = 0; i < 3; ++i) containers += "    - resources: {limits: {memory: 400Ti}}\n";
  EXPECT_THAT(
      refusal_of(pod_with(containers)),
      HasSubstr("spec.containers[2].resources.limits.memory: with the other containers more "
                "than 1 Pi"));
}

TEST(EffectiveRequests, ReadNumbersAsYamlDoes) {
  const Resources expected{1500, 1024, 0, 1};
  for (const char* text : {"{cpu: 1.5, memory: 1073741824, ", "{cpu: '1.5', memory: '1Gi', ",
                           "{cpu: 15e-1, memory: 0x40000000, "}) {
    EXPECT_EQ(shape_of(pod_with("  containers: [{resources: {limits: " + std::string(text) +
                                "nvidia.com/gpu: 1}}}]"))
                  .requests,
              expected)
        << text;
  }
}

}  // namespace
}  // namespace kerf::codec
