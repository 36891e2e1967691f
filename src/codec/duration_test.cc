// Tests of durations: every unit, parts, and what is none.
#include "codec/duration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace kerf::codec {
namespace {

TEST(Duration, AddsUpItsParts) {
  struct Case {
    const char* text;
    std::int64_t ms;
  };
  const Case cases[] = {{"30m", 1'800'000},
                        {"1h30m", 5'400'000},
                        {"90s", 90'000},
                        {"0.5h", 1'800'000},
                        {"1.25s", 1'250},
                        {"250ms", 250},
                        {"1m500ms", 60'500},
                        {"0s", 0},
                        {"1h1m1s1ms", 3'661'001},
                        {"0.0001s", 0},
                        {"100000h", kDurationMaxMs}};
  for (const Case& c : cases) {
    const auto duration = parse_duration(c.text);
    ASSERT_TRUE(duration) << duration.error().message();
    EXPECT_EQ(*duration, c.ms) << c.text;
  }
}

TEST(Duration, RefusesWhatIsNone) {
  for (const char* text : {"", "30", "m", "30 min", "1.m", ".5h", "1..5h", "1.5.5h", "-1h", "1h ",
                           "1d", "1H", "99999999999999h", "0.99999999999h"}) {
    const auto duration = parse_duration(text);
    ASSERT_FALSE(duration) << text;
    EXPECT_THAT(duration.error().message(), testing::HasSubstr("expected a duration")) << text;
  }
  EXPECT_THAT(parse_duration("100000h1ms").error().message(), testing::HasSubstr("at most"));
}

TEST(Duration, IsWrittenInWholeSeconds) {
  const std::pair<std::int64_t, const char*> cases[] = {{0, "0s"},
                                                        {999, "0s"},
                                                        {5'000, "5s"},
                                                        {60'000, "1m"},
                                                        {5'400'000, "1h30m"},
                                                        {3'601'000, "1h1s"},
                                                        {2'592'000'000, "720h"},
                                                        {3'661'001, "1h1m1s"}};
  for (const auto& [ms, text] : cases) {
    EXPECT_EQ(duration_text(ms), text);
    EXPECT_EQ(parse_duration(text).value(), ms / 1000 * 1000);
  }
}

}  // namespace
}  // namespace kerf::codec
