// Tests of a rehearsal's table and JSON: what is said, and that no name can harm a terminal.
#include "report/rehearsal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "codec/json.h"
#include "report/rehearsal_words.h"
#include "report/text.h"

namespace kerf::report {
namespace {

using agent::Difference;
using agent::Rehearsal;
using agent::RehearsedStep;
using testing::ElementsAre;
using testing::HasSubstr;

Rehearsal one_change() {
  Rehearsal rehearsal;
  rehearsal.gpus = {
      {0, "GPU-0", "A100-40", "A100-40 [1g.5gb@0 1g.5gb@1]", "A100-40 [1g.5gb@1 3g.20gb@4]"},
      {1, "GPU-1", "T4", "T4 [whole@0]", "T4 [whole@0]"}};
  using enum RehearsedStep::What;
  const std::string mig = "nvidia.com/mig-1g.5gb";
  rehearsal.steps = {
      {Withdraw, 0, "GPU-0", "gpu0/1g.5gb@0", mig, "", 0, true},
      {Destroy, 0, "GPU-0", "gpu0/1g.5gb@0", "", "", 2, true},
      {Create, 0, "GPU-0", "gpu0/3g.20gb@4", "", "", 2, false},
      {Publish, 0, "GPU-0", "gpu0/3g.20gb@4", "nvidia.com/mig-3g.20gb", "", 0, false},
      {Rename, 0, "GPU-0", "gpu0/1g.5gb@2", "kerf.dev/gpu-5gi", mig, 0, false}};
  rehearsal.driver_operations = 4;
  rehearsal.differences = {
      {Difference::What::Staying, "gpu0/1g.5gb@1", "ml/train", true, {}},
      {Difference::What::Missing, "gpu0/3g.20gb@0", "ml/train", true, {"gpu0/1g.5gb@1"}}};
  return rehearsal;
}

TEST(RehearsalTable, SaysWhatIsDoneAndWhatStays) {
  EXPECT_EQ(
      rehearsal_table(one_change(), false),
      "GPU 0: GPU-0\n"
      "  now     A100-40 [1g.5gb@0 1g.5gb@1]\n"
      "  then    A100-40 [1g.5gb@1 3g.20gb@4]\n"
      "GPU 1: GPU-1\n"
      "  stays   T4 [whole@0]\n"
      "5 steps, 4 driver operations:\n"
      "   1. cease to offer gpu0/1g.5gb@0 as nvidia.com/mig-1g.5gb, which pods can be sent to "
      "now\n"
      "   2. cut away gpu0/1g.5gb@0, which pods can be sent to now\n"
      "   3. cut gpu0/3g.20gb@4\n"
      "   4. offer gpu0/3g.20gb@4 as nvidia.com/mig-3g.20gb\n"
      "   5. rename gpu0/1g.5gb@2 from nvidia.com/mig-1g.5gb to kerf.dev/gpu-5gi\n"
      "Then it is not as wanted:\n"
      "  - gpu0/1g.5gb@1 stays: pod ml/train holds it\n"
      "  - gpu0/3g.20gb@0 is missing: gpu0/1g.5gb@1 is in its way, and pod ml/train holds what is "
      "there\n");
}

TEST(RehearsalTable, SaysThatNothingIsToBeDone) {
  Rehearsal rehearsal;
  EXPECT_EQ(rehearsal_table(rehearsal, false),
            "Nothing would be done.\nThen the node is as wanted.\n");
  rehearsal.degraded = control::Degraded::ModeOff;
  rehearsal.message = "GPU 0: MIG mode is off";
  EXPECT_THAT(rehearsal_table(rehearsal, false),
              HasSubstr("The node would say Degraded (ModeOff): GPU 0: MIG mode is off\n"));
  rehearsal.settled = false;
  EXPECT_THAT(rehearsal_table(rehearsal, false), HasSubstr("would not come to rest"));
}

TEST(RehearsalTable, HasASentenceForEachDifference) {
  using enum Difference::What;
  const auto said = [](Difference::What what, bool held, const char* pod) {
    return difference_sentence({what, "d", pod, held, {}});
  };
  EXPECT_EQ(said(Missing, false, ""), "d is missing");
  EXPECT_EQ(said(Staying, false, ""), "d stays");
  EXPECT_EQ(said(Staying, true, ""), "d stays: somebody holds it");
  EXPECT_EQ(said(NotOffered, false, ""), "d is not offered");
  EXPECT_EQ(said(Offered, true, "a/b"), "d stays offered: pod a/b holds it");
  EXPECT_EQ(said(OtherName, true, "a/b"), "d keeps its resource name: pod a/b holds it");
}

TEST(RehearsalTable, IsSafeAndNarrowWhateverNamesSay) {
  Rehearsal rehearsal = one_change();
  const std::string nasty = std::string(120, 'x') + "\x1b[31m\n\xff" + std::string(120, 'y');
  rehearsal.gpus[0].uuid = rehearsal.gpus[0].layout_after = nasty;
  rehearsal.steps[0].resource = rehearsal.steps[4].before = nasty;
  rehearsal.differences[0].pod = nasty;
  rehearsal.degraded = control::Degraded::CutFailed;
  rehearsal.message = nasty;
  const std::string text = rehearsal_table(rehearsal, false);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(columns(line), kColumnsMax) << line;
  for (const char c : text) EXPECT_TRUE(c == '\n' || (c >= ' ' && c <= '~'));
  EXPECT_TRUE(codec::parse_json(codec::write_json(rehearsal_json(rehearsal)), "json"));
}

TEST(RehearsalJson, HasAllOfIt) {
  const std::string text = codec::write_json(rehearsal_json(one_change()));
  for (const char* part :
       {"\"apiVersion\": \"kerf.dev/rehearsal/v1alpha1\"", "\"what\": \"withdraw\"",
        "\"was_published\": true", "\"driver_operations\": 4", "\"as_wanted\": false",
        "\"pod\": \"ml/train\"", "\"degraded\": null", "\"settled\": true",
        "\"resource_before\": \"nvidia.com/mig-1g.5gb\"",
        "\"in_its_way\": [\n        \"gpu0/1g.5gb@1\"\n      ]",
        "\"layout_after\": \"A100-40 [1g.5gb@1 3g.20gb@4]\""})
    EXPECT_THAT(text, HasSubstr(part));
}

TEST(TakenLines, SayWhatBecomesOfEach) {
  using How = agent::TakenPublished::How;
  EXPECT_THAT(taken_lines({{"gpu0/1g.5gb@0", "r", How::Goes},
                           {"gpu0/1g.5gb@1", "r", How::Parked},
                           {"gpu0/1g.5gb@2", "r\n", How::Renamed}}),
              ElementsAre("gpu0/1g.5gb@0 (r) would go", "gpu0/1g.5gb@1 (r) would be parked",
                          "gpu0/1g.5gb@2 (r\\n) would be renamed"));
}

}  // namespace
}  // namespace kerf::report
