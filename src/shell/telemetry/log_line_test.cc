// The text of a log line: valid JSON and within its bound, whatever is in it.
#include "shell/telemetry/log_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "codec/json.h"

namespace kerf::telemetry {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

std::string line_of(std::string_view message, Fields fields = {}) {
  return finished_line(1'796'054'400'123, line_body(Level::Info, "agent", message, fields), 0);
}

void expect_valid(const std::string& line) {
  EXPECT_LE(line.size(), kLineBytesMax);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const auto document = codec::parse_json(line, "line");
  EXPECT_TRUE(document) << document.error().message() << "\n" << line;
}

TEST(LogLine, IsOneJsonObject) {
  EXPECT_EQ(line_of("slice is cut", {{"cut", "r1-7"}, {"device", "gpu0/1g.10gb@3"}, {"ms", 12}}),
            "{\"time\":\"2026-11-30T16:00:00.123Z\",\"level\":\"info\",\"component\":\"agent\","
            "\"message\":\"slice is cut\",\"cut\":\"r1-7\",\"device\":\"gpu0/1g.10gb@3\","
            "\"ms\":12}\n");
}

TEST(LogLine, WritesEveryKindOfValue) {
  const std::string line = line_of("m", {{"t", true},
                                         {"f", false},
                                         {"min", std::numeric_limits<std::int64_t>::min()},
                                         {"max", std::numeric_limits<std::uint64_t>::max()},
                                         {"half", 0.5},
                                         {"big", 1e300},
                                         {"nan", std::numeric_limits<double>::quiet_NaN()},
                                         {"inf", -std::numeric_limits<double>::infinity()},
                                         {"s", std::string("text")}});
  EXPECT_THAT(line, EndsWith("\"t\":true,\"f\":false,\"min\":-9223372036854775808,"
                             "\"max\":18446744073709551615,\"half\":0.5,\"big\":1e+300,"
                             "\"nan\":null,\"inf\":null,\"s\":\"text\"}\n"));
  expect_valid(line);
}

TEST(LogLine, MakesValidJsonOfAnyByte) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  const std::string line = line_of(all, {{all, all}});
  expect_valid(line);
  for (int c = 0; c < 256; ++c) {
    const std::string one(1, static_cast<char>(c));
    const std::string single = line_of(one, {{"v", one}});
    expect_valid(single);
    const auto document = codec::parse_json(single, "line");
    // What is UTF-8 reads back the same.
    if (c < 0x80) {
      EXPECT_THAT(codec::write_json(document->root), Not(HasSubstr("\xef\xbf\xbd")));
    } else {
      EXPECT_THAT(single, HasSubstr("\"message\":\"\xef\xbf\xbd\",\"v\":\"\xef\xbf\xbd\""));
    }
  }
}

TEST(LogLine, EscapesEveryLineEnd) {
  EXPECT_THAT(line_of("a\nb\rc\xc2\x85"
                      "d\xe2\x80\xa8"
                      "e\xe2\x80\xa9"
                      "f\x7f\x1b"),
              HasSubstr("\"a\\nb\\rc\\u0085d\\u2028e\\u2029f\\u007f\\u001b\""));
}

TEST(LogLine, GivesEqualNamesADifferentEnd) {
  const std::string line =
      line_of("m", {{"message", 1}, {"time", 2}, {"x", 3}, {"x", 4}, {"x_", 5}, {"repeated", 6}});
  EXPECT_THAT(line, HasSubstr("\"message_\":1,\"time_\":2,\"x\":3,\"x_\":4,\"x__\":5,"
                              "\"repeated_\":6}"));
  expect_valid(line);
}

TEST(LogLine, CutsWhatIsTooLong) {
  const std::string large(100'000, 'x');
  expect_valid(line_of(large));
  EXPECT_THAT(line_of(large), HasSubstr("xxx...\""));
  const std::string line = line_of("m", {{"a", large}, {"b", "short"}, {"c", large}, {"d", 7}});
  expect_valid(line);
  EXPECT_THAT(line, HasSubstr("\"b\":\"short\""));
  EXPECT_THAT(line, HasSubstr("\"d\":7"));
  EXPECT_GT(line_of("m", {{"n", 1}, {"a", large}}).size(), kLineBytesMax - 100)
      << "the room is used";
  expect_valid(line_of(std::string(5000, '\x01'), {{std::string(5000, '"'), large}}));
}

TEST(LogLine, SaysHowManyFieldsItLeftOut) {
  const std::string name(60, 'n');
  const std::string value(60, 'v');
  // As many as an initializer list can be written with here: 8 x 8, each of about 130 bytes.
#define KERF_8(x) x, x, x, x, x, x, x, x
  const std::string line = line_of("m", {KERF_8(KERF_8((Field{name, value})))});
#undef KERF_8
  expect_valid(line);
  EXPECT_THAT(line, HasSubstr("\"left_out\":"));
}

TEST(LogLine, NeverCutsACharacterInTwo) {
  for (std::size_t most = 8; most < 40; ++most) {
    std::string out;
    append_json_string(out, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\n\"\x01\xff grosz", most);
    EXPECT_LE(out.size(), most);
    EXPECT_TRUE(codec::parse_json(out, "text")) << out;
  }
}

TEST(LogLine, TellsTheTimeOfAnyNumber) {
  EXPECT_EQ(time_text(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(time_text(-1), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(time_text(951'782'400'001), "2000-02-29T00:00:00.001Z");
  EXPECT_EQ(time_text(std::numeric_limits<std::int64_t>::max()), "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(time_text(std::numeric_limits<std::int64_t>::min()), "0000-01-01T00:00:00.000Z");
}

}  // namespace
}  // namespace kerf::telemetry
