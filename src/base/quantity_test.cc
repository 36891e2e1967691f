// Quantities: what Kubernetes accepts, exactly; what is absurd, refused with a clear sentence.
#include "base/quantity.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "base/prng.h"

namespace kerf {
namespace {

/// to_xxx of a text that must parse; nullopt if the conversion fails.
std::optional<std::int64_t> value(std::string_view text,
                                  Result<std::int64_t> (*convert)(const Quantity&)) {
  const Result<Quantity> q = parse_quantity(text);
  EXPECT_TRUE(q.has_value()) << text << ": " << (q ? "" : q.error().message());
  if (!q) return std::nullopt;
  const Result<std::int64_t> converted = convert(*q);
  if (!converted) return std::nullopt;
  return *converted;
}

std::string error_of(std::string_view text) {
  const Result<Quantity> q = parse_quantity(text);
  EXPECT_FALSE(q.has_value()) << text;
  if (q) return "";
  EXPECT_EQ(q.error().code(), ErrorCode::InvalidArgument);
  return q.error().message();
}

TEST(Quantity, ReadsCpuAsMilliRoundedUp) {
  const std::vector<std::pair<std::string, std::int64_t>> cases = {
      {"0", 0},
      {"1", 1000},
      {"500m", 500},
      {"0.5", 500},
      {".5", 500},
      {"2.", 2000},
      {"+3", 3000},
      {"0.0001", 1},
      {"1n", 1},
      {"1u", 1},
      {"1000u", 1},
      {"1000001n", 2},
      {"1e3", 1'000'000},
      {"1E3", 1'000'000},
      {"1e+2", 100'000},
      {"15e-1", 1500},
      {"1k", 1'000'000},
      {"2Ki", 2'048'000},
      {"007", 7000},
      {"1.50", 1500},
      {"-0", 0},
      {"0e999999999999", 0},
      {"0.000", 0},
      {"1.000000000000000000000", 1000},
      {"100000000000000000000000e-20", 1'000'000},
  };
  for (const auto& [text, milli] : cases) EXPECT_EQ(value(text, to_milli_ceil), milli) << text;
}

TEST(Quantity, ReadsBytesAsMibUpForRequestsAndDownForCapacities) {
  struct Case {
    std::string text;
    std::int64_t up, down;
  };
  const std::vector<Case> cases = {
      {"1Mi", 1, 1},
      {"1Gi", 1024, 1024},
      {"1G", 954, 953},
      {"1", 1, 0},
      {"1048576", 1, 1},
      {"1048577", 2, 1},
      {"1.5Gi", 1536, 1536},
      {"0.1Gi", 103, 102},
      {"64424509440", 61440, 61440},
      {"128974848", 123, 123},
      {"129e6", 124, 123},
      {"123Mi", 123, 123},
      {"1m", 1, 0},
      {"3Ei", 3298534883328, 3298534883328},
      {"4Ei", 4398046511104, 4398046511104},
      {"4E", 3814697265625, 3814697265625},
      {"0.0000001Ki", 1, 0},
      {"16313428Ki", 15932, 15931},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(value(c.text, to_mib_ceil), c.up) << c.text;
    EXPECT_EQ(value(c.text, to_mib_floor), c.down) << c.text;
  }
}

TEST(Quantity, IsAnIntegerOnlyIfTheValueIsWhole) {
  EXPECT_EQ(value("8", to_integer), 8);
  EXPECT_EQ(value("2000m", to_integer), 2);
  EXPECT_EQ(value("1.0", to_integer), 1);
  EXPECT_EQ(value("0.5Ki", to_integer), 512);
  EXPECT_EQ(value("4Ei", to_integer), std::int64_t{1} << 62);
  EXPECT_EQ(value("1000000000000000000", to_integer), 1'000'000'000'000'000'000);
  EXPECT_EQ(value("1500m", to_integer), std::nullopt);
  EXPECT_EQ(value("0.3Ki", to_integer), std::nullopt);
}

TEST(Quantity, FailsWhereMilliWouldOverflow) {
  EXPECT_EQ(value("4Ei", to_milli_ceil), std::nullopt);
  EXPECT_EQ(value("9e15", to_milli_ceil), 9'000'000'000'000'000'000);
}

TEST(Quantity, NamesTheTextAndWhatWasExpected) {
  EXPECT_EQ(error_of("12GB"),
            "\"12GB\" is not a Kubernetes quantity: expected a number with a suffix such as 500m, "
            "12G or 12Gi");
  EXPECT_EQ(error_of("-1"), "\"-1\" is negative: expected 0 or more");
  EXPECT_EQ(error_of("5Ei"), "\"5Ei\" is too large: expected at most 4Ei (2^62)");
  EXPECT_EQ(error_of("1234567890123456789"),
            "\"1234567890123456789\" has more than 18 significant digits");
  EXPECT_EQ(error_of("1e-28"),
            "\"1e-28\" is too small a fraction: expected no digits below 10^-27");
}

TEST(Quantity, RefusesWhatTheGrammarDoesNotHave) {
  for (const char* text :
       {"",     " ",   "1 ",  " 1",  ".",    "Gi",    "m",    "1K",    "1ki", "1gi", "1GI",
        "1Gib", "1mi", "1e",  "1e+", "1e3m", "1e3.5", "1..2", "1.2.3", "--1", "+-1", "1_0",
        "0x10", "1,5", "inf", "nan", "1?",   "1i",    "1mm",  "1Mim",  "١"}) {
    EXPECT_NE(error_of(text).find("is not a Kubernetes quantity"), std::string::npos) << text;
  }
  EXPECT_NE(error_of(std::string_view("1\0G", 3)).find("\\x00"), std::string::npos);
}

TEST(Quantity, RefusesHugeTextsAndExponentsAtOnce) {
  EXPECT_LT(error_of(std::string(1 << 20, '9')).size(), 200U);
  EXPECT_NE(error_of("1e99999999999999999999"), "");
  EXPECT_NE(error_of("1e-99999999999999999999"), "");
  EXPECT_NE(error_of("99999999999E"), "");
}

TEST(Quantity, RoundsAsExactFractionsDo) {
  // Oracle: value = m * 10^-d bytes with small m and d, where plain 64-bit arithmetic is exact.
  Prng prng(1);
  for (int i = 0; i < 20'000; ++i) {
    const auto m = static_cast<std::int64_t>(prng.below(1'000'000'000'000));
    const auto d = static_cast<int>(prng.below(7));
    std::int64_t divisor = 1;
    for (int k = 0; k < d; ++k) divisor *= 10;
    const std::string text = std::to_string(m) + "e-" + std::to_string(d);
    EXPECT_EQ(value(text, to_milli_ceil), (m * 1000 + divisor - 1) / divisor) << text;
    const std::int64_t mib = divisor << 20;
    EXPECT_EQ(value(text, to_mib_floor), m / mib) << text;
    EXPECT_EQ(value(text, to_mib_ceil), (m + mib - 1) / mib) << text;
  }
}

}  // namespace
}  // namespace kerf
