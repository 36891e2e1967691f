// Tests of pod shapes as JSON: equal after the round trip, and nothing absurd is read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/json.h"
#include "codec/live_objects_testing.h"
#include "codec/pod_shape_testing.h"
#include "codec/policy_status.h"

namespace kerf::codec {
namespace {

using cluster::PodShape;
using ::testing::HasSubstr;
using testing::object_of;
using testing::Random;
using testing::random_shape;

TEST(PodShapeText, IsReadBackAsItWasWritten) {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    Random random(seed);
    const PodShape shape = random_shape(random);
    const Node node = parse_json(write_json(pod_shape_node(shape)), "shape").value().root;
    const auto read = read_pod_shape(Field("shape", node));
    ASSERT_TRUE(read) << "seed " << seed << ": " << read.error().message();
    EXPECT_EQ(*read, shape) << "seed " << seed;
  }
}

TEST(PodShapeText, RefusesWhatNoPodCanHave) {
  struct Case {
    const char* yaml;
    const char* message;
  };
  const Case cases[] = {
      {"[]", "shape: expected a mapping, got a list"},
      {"{namespace: 3}", "namespace: expected a string"},
      {"{requests: {cpuMilli: -1}}", "requests.cpuMilli: -1; expected 0 to"},
      {"{requests: 5}", "requests: expected a mapping"},
      {"{gpu: [{kind: Half}]}", "gpu[0].kind: expected one of Whole, Slice, Portable"},
      {"{gpu: [{count: 0}]}", "gpu[0].count: 0; expected 1 to 1000000"},
      {"{gpu: [{shareMilli: 1000}]}", "gpu[0].shareMilli: 1000; expected 0 to 999"},
      {"{nodeSelector: [{operator: in}]}", "nodeSelector[0].operator: expected one of In, NotIn"},
      {"{nodeAffinity: [{}]}", "nodeAffinity[0]: expected a list"},
      {"{spread: [{maxSkew: 1}]}", "spread[0]: selector is missing"},
      {"{spread: [{maxSkew: 0}]}", "spread[0].maxSkew: 0; expected 1"},
      {"{hostPorts: [{port: 65536}]}", "hostPorts[0].port: 65536; expected 0 to 65535"},
      {"{priority: 2147483648}", "priority: 2147483648; expected"},
      {"{labels: {a: [b]}}", "labels[a]: expected a string"},
      {"{volumeZoneBound: \"yes\"}", "volumeZoneBound: expected true or false"},
  };
  for (const Case& one : cases) {
    const Node node = object_of(one.yaml);
    const auto read = read_pod_shape(Field("shape", node));
    ASSERT_FALSE(read) << one.yaml;
    EXPECT_THAT(read.error().message(), HasSubstr(one.message));
  }
  const Node empty = object_of("{}");
  EXPECT_EQ(read_pod_shape(Field("shape", empty)).value(), PodShape{});
}

}  // namespace
}  // namespace kerf::codec
