// Tests of layout files.
#include "codec/layout_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace kerf::codec {
namespace {

using testing::HasSubstr;

const control::GpuNodeSpec kWanted{{{{{"1g.5gb", 3, "nvidia.com/mig-1g.5gb", true}}}, {}}};

TEST(LayoutFile, IsAManifestOrItsSpecInYamlOrJson) {
  for (const std::string text : {
           "gpus:\n- slices:\n  - {profile: 1g.5gb, start: 3, resource: nvidia.com/mig-1g.5gb, "
           "state: Published}\n- {}\n",
           R"({"gpus":[{"slices":[{"profile":"1g.5gb","start":3,)"
           R"("resource":"nvidia.com/mig-1g.5gb","state":"Published"}]},{"slices":[]}]})",
           "apiVersion: kerf.dev/v1alpha1\nkind: GpuNode\nspec:\n  gpus:\n  - slices:\n    - "
           "{profile: 1g.5gb, start: 3, resource: nvidia.com/mig-1g.5gb, state: Published}\n  - "
           "{}\n",
           "apiVersion: kerf.dev/v1alpha1\nkind: GpuNode\nmetadata: {name: n, labels: {a: b}}\n"
           "status: {gpus: []}\nspec:\n  gpus:\n  - slices:\n    - {profile: 1g.5gb, start: 3, "
           "resource: nvidia.com/mig-1g.5gb, state: Published}\n  - slices: []\n",
       }) {
    const auto spec = read_layout_file(text, "layout.yaml");
    ASSERT_TRUE(spec) << spec.error().message() << "\n" << text;
    EXPECT_EQ(*spec, kWanted) << text;
  }
}

TEST(LayoutFile, SaysWhereItIsWrongAndWhatWasExpected) {
  const auto message = [](const std::string& text) {
    const auto spec = read_layout_file(text, "l.yaml");
    return spec ? "read" : spec.error().message();
  };
  EXPECT_EQ(message(""),
            "l.yaml: 0 documents; expected one, a GpuNode or the gpus of its spec (gpus: [...])");
  EXPECT_THAT(message("gpus: [{}]\n---\ngpus: [{}]\n"), HasSubstr("2 documents; expected one"));
  EXPECT_THAT(message("[]"), HasSubstr("l.yaml:1:1: expected a GpuNode"));
  EXPECT_THAT(message("gpus: []"), HasSubstr("no GPUs; expected an entry for each GPU"));
  EXPECT_THAT(message("gpus: all"), HasSubstr("l.yaml:1:7: gpus: expected a list"));
  EXPECT_THAT(message("gpu: [{}]"), HasSubstr("did you mean gpus?"));
  EXPECT_THAT(message("kind: GpuNode\nspec: {gpus: [{}]}"), HasSubstr("apiVersion is missing"));
  EXPECT_THAT(message("apiVersion: kerf.dev/v1alpha1\nkind: SlicePolicy\nspec: {gpus: [{}]}"),
              HasSubstr("l.yaml:2:7: kind: \"SlicePolicy\"; expected GpuNode"));
  EXPECT_THAT(message("apiVersion: kerf.dev/v1\nkind: GpuNode\nspec: {gpus: [{}]}"),
              HasSubstr("apiVersion: \"kerf.dev/v1\"; expected kerf.dev/v1alpha1"));
  EXPECT_THAT(message("apiVersion: kerf.dev/v1alpha1\nkind: GpuNode\nspecs: {}"),
              HasSubstr("did you mean spec?"));
  EXPECT_THAT(
      message(
          "gpus:\n- slices:\n  - profile: 1g.5gb\n    resource: nvidia.com/x\n    state: Idle\n"),
      HasSubstr("l.yaml:5:12: gpus[0].slices[0].state: expected one of Parked, Published"));
  EXPECT_EQ(read_layout_file(std::string((1u << 20) + 1, ' '), "l.yaml").error().code(),
            ErrorCode::TooLarge);
}

}  // namespace
}  // namespace kerf::codec
