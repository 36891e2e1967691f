// Tests of the metrics page reader: the text format's rules, its refusals and its bounds.
#include "codec/prometheus.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace kerf::codec {
namespace {

/// "name|label=value;...|value" for every sample, then the error's message if there is one.
std::vector<std::string> read(std::string_view text, PageLimits limits = {}) {
  std::vector<std::string> out;
  PrometheusReader page(text, "page.txt", limits);
  Sample sample;
  while (true) {
    const Result<bool> more = page.next(sample);
    if (!more) {
      out.push_back(more.error().message());
      return out;
    }
    if (!*more) return out;
    std::string line = std::string(sample.name) + "|";
    for (const auto& [name, value] : sample.labels) line += std::string(name) + "=" + value + ";";
    out.push_back(line + "|" + std::string(sample.value));
  }
}

using Lines = std::vector<std::string>;

TEST(PrometheusReader, ReadsSamplesAndPassesOverCommentsAndBlankLines) {
  EXPECT_EQ(read("# HELP up Whether it is up\n"
                 "# TYPE up gauge\n"
                 "\n"
                 "up 1\n"
                 "  \t\n"
                 "build{version=\"1.14\",go=\"1.26\"} 1e-05\r\n"
                 "# EOF"),
            (Lines{"up||1", "build|version=1.14;go=1.26;|1e-05"}));
}

TEST(PrometheusReader, AllowsBlanksTrailingCommaAndTimestamp) {
  EXPECT_EQ(read("\tup { a = \"1\" , b=\"\", }\t2.5 1720000000000 \n"), (Lines{"up|a=1;b=;|2.5"}));
  EXPECT_EQ(read("up{} 3 -1"), (Lines{"up||3"}));
}

TEST(PrometheusReader, UndoesTheThreeEscapes) {
  EXPECT_EQ(read(R"(m{path="C:\\x\"y\"\n,}{"} 1)"), (Lines{"m|path=C:\\x\"y\"\n,}{;|1"}));
}

TEST(PrometheusReader, TakesEveryNumberThatThePageMayHold) {
  for (const std::string value :
       {"0", "-1", "+1", "1.5", "1e+06", "4.2E-7", "NaN", "+Inf", "-Inf", "1e999"}) {
    EXPECT_EQ(read("m " + value), (Lines{"m||" + value}));
  }
}

TEST(PrometheusReader, RefusesWhatTheFormatDoesNotAllow) {
  struct Case {
    std::string_view line;
    std::string_view says;
  };
  const Case cases[] = {
      {"1up 1", "expected a metric's name, got '1up 1'"},
      {"up", "expected a number, but the line ends there"},
      {"up x", "expected a number, got 'x'"},
      {"up .5", "expected a number, got '.5'"},
      {"up 0x10", "expected a number, got '0x10'"},
      {"up infinity", "expected a number, got 'infinity'"},
      {"up 1 x", "expected a timestamp"},
      {"up 1 2 3", "expected the end of the line, got '3'"},
      {"up{a=\"1\"", "expected ',' or '}' after a label, but the line ends there"},
      {"up{a=\"1\" b=\"2\"} 1", "expected ',' or '}' after a label, got 'b="},
      {"up{,} 1", "expected a label's name or '}', got ',} 1'"},
      {"up{a} 1", "expected '=' after the label's name, got '} 1'"},
      {"up{a=1} 1", "expected a label's value in double quotes, got '1} 1'"},
      {"up{a=\"1} 1", "a label's value has no closing quote"},
      {"up{a=\"\\t\"} 1", "after a backslash"},
      {"up{a=\"\\", "after a backslash"},
      {"up{a=\"1\",a=\"2\"} 1", "label 'a' twice"},
      {"up{a=\"1\"}1x", "expected a number, got '1x'"},
      {"instance_type,usd_per_hour", "expected a number, got ',usd_per_hour'"},
  };
  for (const Case& c : cases) {
    const Lines got = read("ok 1\n" + std::string(c.line) + "\nok 2\n");
    ASSERT_EQ(got.size(), 2u) << c.line;
    EXPECT_EQ(got[1].find("page.txt:2: "), 0u) << got[1];
    EXPECT_NE(got[1].find(c.says), std::string::npos) << got[1];
  }
}

TEST(PrometheusReader, ShowsOnlyPrintableTextInErrors) {
  const Lines got = read("up \x1b[31m" + std::string(1'000, 'x'));
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].find('\x1b'), std::string::npos);
  EXPECT_LT(got[0].size(), 120u);
}

TEST(PrometheusReader, StopsAtItsBounds) {
  PrometheusReader large("up 1\nup 2\n", "p", {.bytes = 9});
  Sample sample;
  EXPECT_EQ(large.next(sample).error().code(), ErrorCode::TooLarge);

  PrometheusReader longer("up 1\n#\n\nup 2\n", "p", {.lines = 3});
  EXPECT_TRUE(*longer.next(sample));
  EXPECT_EQ(longer.next(sample).error().code(), ErrorCode::TooLarge);

  PrometheusReader wide("up{a=\"\",b=\"\",c=\"\"} 1", "p", {.labels = 2});
  EXPECT_EQ(wide.next(sample).error().code(), ErrorCode::TooLarge);
}

TEST(PrometheusReader, TellsAPageFromATable) {
  EXPECT_TRUE(PrometheusReader::recognizes("# HELP x y\nx{a=\"b\"} 1\n"));
  EXPECT_TRUE(PrometheusReader::recognizes("go_goroutines 12\n"));
  EXPECT_TRUE(PrometheusReader::recognizes("# TYPE x gauge\n"));
  EXPECT_FALSE(PrometheusReader::recognizes("instance_type,usd_per_hour\ng6.xlarge,0.8\n"));
  EXPECT_FALSE(PrometheusReader::recognizes("# date: 2026-07-20\ninstance_type,usd_per_hour\n"));
  EXPECT_FALSE(PrometheusReader::recognizes("\"instance_type\",usd_per_hour\n"));
  EXPECT_FALSE(PrometheusReader::recognizes("usd_per_hour\n"));
  EXPECT_FALSE(PrometheusReader::recognizes(""));
  EXPECT_FALSE(PrometheusReader::recognizes("# date: 2026-07-20\n"));
}

}  // namespace
}  // namespace kerf::codec
