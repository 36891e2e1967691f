// Tests of RFC 3339 times.
#include "codec/timestamp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kerf::codec {
namespace {

constexpr std::int64_t kDay = 86'400'000;

TEST(Timestamp, ReadsWhatKubernetesWrites) {
  // Seconds as `date -u +%s` has them.
  EXPECT_EQ(parse_timestamp("1970-01-01T00:00:00Z").value(), 0);
  EXPECT_EQ(parse_timestamp("2026-11-29T16:00:00Z").value(), 1'795'968'000'000);
  EXPECT_EQ(parse_timestamp("2026-11-29T16:00:00.123456Z").value(), 1'795'968'000'123);
  EXPECT_EQ(parse_timestamp("2026-11-29T18:00:00.5+02:00").value(), 1'795'968'000'500);
  EXPECT_EQ(parse_timestamp("2026-11-29T11:30:00-04:30").value(), 1'795'968'000'000);
  EXPECT_EQ(parse_timestamp("2000-02-29T23:59:59Z").value(), 951'868'799'000);
  EXPECT_EQ(parse_timestamp("2016-12-31T23:59:60Z").value(), 1'483'228'800'000);
  EXPECT_EQ(parse_timestamp("9999-12-31T23:59:59Z").value(), 253'402'300'799'000);
}

TEST(Timestamp, RefusesWhatIsNoTime) {
  for (const char* text : {"",
                           "today",
                           "2026-11-29",
                           "2026-11-29T16:00Z",
                           "2026-11-29T16:00:00",
                           "2026-02-29T00:00:00Z",
                           "2100-02-29T00:00:00Z",
                           "2026-13-01T00:00:00Z",
                           "2026-00-01T00:00:00Z",
                           "2026-01-00T00:00:00Z",
                           "2026-04-31T00:00:00Z",
                           "2026-01-01T24:00:00Z",
                           "2026-01-01T00:60:00Z",
                           "2026-01-01T00:00:61Z",
                           "2026-01-01T00:00:00.Z",
                           "2026-01-01T00:00:00+2:00",
                           "2026-01-01T00:00:00+24:00",
                           "2026-01-01T00:00:00Zulu",
                           "1969-12-31T23:59:59Z",
                           "1970-01-01T00:00:00+01:00",
                           "9999-12-31T23:59:60Z",
                           "+026-01-01T00:00:00Z"}) {
    const auto read = parse_timestamp(text);
    ASSERT_FALSE(read) << text;
    EXPECT_THAT(read.error().message(), testing::HasSubstr("expected a time")) << text;
  }
}

TEST(Timestamp, WritesEveryDayAsItIsReadBack) {
  EXPECT_EQ(timestamp_text(1'795'968'000'999), "2026-11-29T16:00:00Z");
  EXPECT_EQ(timestamp_text(951'868'799'000), "2000-02-29T23:59:59Z");
  std::string before;
  for (std::int64_t day = 0; day < 366 * 450; ++day) {
    const std::int64_t at = day * kDay + day % 86'400 * 1000;
    const std::string text = timestamp_text(at);
    ASSERT_EQ(parse_timestamp(text).value(), at) << text;
    ASSERT_LT(before, text);
    before = text;
  }
}

TEST(Timestamp, WritesPartsOfASecondWhereTheyAreWanted) {
  EXPECT_EQ(timestamp_text_ms(1'795'968'000'009), "2026-11-29T16:00:00.009Z");
  EXPECT_EQ(timestamp_text_ms(1'795'968'000'000), "2026-11-29T16:00:00.000Z");
  EXPECT_EQ(timestamp_text_us(1'795'968'000'009), "2026-11-29T16:00:00.009000Z");
  EXPECT_EQ(timestamp_text_ms(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(timestamp_text_ms(kTimestampMax), "9999-12-31T23:59:59.999Z");
  for (std::int64_t at = 0; at < kTimestampMax; at += 86'400'001'237) {
    EXPECT_EQ(parse_timestamp(timestamp_text_ms(at)).value(), at);
    EXPECT_EQ(parse_timestamp(timestamp_text_us(at)).value(), at);
  }
}

}  // namespace
}  // namespace kerf::codec
