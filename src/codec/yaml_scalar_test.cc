// Tests of plain scalars: one table of what Kubernetes' reader makes of each spelling.
#include "codec/yaml_scalar.h"

#include <gtest/gtest.h>

#include <cmath>

namespace kerf::codec {
namespace {

using Kind = Node::Kind;

TEST(YamlScalar, ReadsIntegersInEveryBase) {
  struct Case {
    const char* text;
    std::int64_t value;
  };
  const Case cases[] = {
      {"0", 0},
      {"7", 7},
      {"-7", -7},
      {"+7", 7},
      {"017", 15},
      {"0o17", 15},
      {"0x1F", 31},
      {"-0x1f", -31},
      {"0b101", 5},
      {"1_000", 1000},
      {"1_", 1},
      {"0x_ff", 255},
      {"-0", 0},
      {"00", 0},
      {"9223372036854775807", INT64_MAX},
      {"-9223372036854775808", INT64_MIN},
  };
  for (const Case& c : cases) {
    const Node node = resolve_plain(c.text);
    EXPECT_EQ(node.kind, Kind::Int) << c.text;
    EXPECT_EQ(node.integer, c.value) << c.text;
    EXPECT_EQ(node.text, c.text);
  }
}

TEST(YamlScalar, ReadsFloats) {
  struct Case {
    const char* text;
    double value;
  };
  const Case cases[] = {
      {"1.5", 1.5},
      {"-1.5", -1.5},
      {"+.5", .5},
      {".5", .5},
      {"1.", 1},
      {"1e3", 1000},
      {"1E+3", 1000},
      {"1.5e-3", .0015},
      {"08", 8},
      {"09.5", 9.5},
      {"1_0.5", 10.5},
      {".1_0", .1},
      {".5e1_0", 5e9},
      {"9223372036854775808", 9223372036854775808.0},
      {"0xffffffffffffffff", 18446744073709551615.0},
      {"1e-400", 0},
      {"18446744073709551616", 18446744073709551616.0},
  };
  for (const Case& c : cases) {
    const Node node = resolve_plain(c.text);
    EXPECT_EQ(node.kind, Kind::Float) << c.text;
    EXPECT_EQ(node.real, c.value) << c.text;
  }
  for (const char* text : {".inf", "+.Inf", ".INF"}) EXPECT_EQ(resolve_plain(text).real, INFINITY);
  EXPECT_EQ(resolve_plain("-.inf").real, -INFINITY);
  EXPECT_TRUE(std::isnan(resolve_plain(".nan").real));
}

TEST(YamlScalar, ReadsNullAndBooleans) {
  for (const char* text : {"", "~", "null", "Null", "NULL"}) {
    EXPECT_EQ(resolve_plain(text).kind, Kind::Null) << text;
  }
  for (const char* text :
       {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y"}) {
    const Node node = resolve_plain(text);
    EXPECT_TRUE(node.kind == Kind::Bool && node.boolean) << text;
  }
  for (const char* text : {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n"}) {
    const Node node = resolve_plain(text);
    EXPECT_TRUE(node.kind == Kind::Bool && !node.boolean) << text;
  }
}

TEST(YamlScalar, AllElseIsText) {
  for (const char* text : {"x",
                           "nULL",
                           "tRue",
                           "yEs",
                           "1.2.3",
                           "1e",
                           "e5",
                           "-",
                           "+",
                           ".",
                           "--1",
                           "0x",
                           "0xg",
                           "0b2",
                           "1 2",
                           "500m",
                           "2Gi",
                           "10:30",
                           "2001-01-01",
                           "1e999",
                           "-1e999",
                           ".5_",
                           "._5",
                           ".1__0",
                           "0x10000000000000000",
                           "-0x8000000000000001",
                           "-0xffffffffffffffff",
                           "_1",
                           "._5",
                           "inf",
                           "nan",
                           "1.5e+",
                           "é"}) {
    const Node node = resolve_plain(text);
    EXPECT_EQ(node.kind, Kind::String) << text;
    EXPECT_EQ(node.text, text);
  }
}

TEST(YamlScalar, KeysGetTheTextOfTheirValue) {
  struct Case {
    const char* text;
    const char* key;
  };
  const Case cases[] = {
      {"a", "a"},
      {"1", "1"},
      {"0x10", "16"},
      {"017", "15"},
      {"yes", "true"},
      {"off", "false"},
      {"1.50", "1.5"},
      {"1e3", "1000"},
      {"999999.0", "999999"},
      {"1e6", "1e+06"},
      {"1234567.0", "1.234567e+06"},
      {"1e39", ".inf"},
      {"1e21", "1e+21"},
      {"1e20", "1e+20"},
      {"0.0001", "0.0001"},
      {"0.00001", "1e-05"},
      {"-0.0", "-0"},
      {".nan", ".nan"},
      {"-.inf", "-.inf"},
      {"0.1", "0.1"},
      {"16777217.0", "1.6777216e+07"},
  };
  for (const Case& c : cases) EXPECT_EQ(key_text(resolve_plain(c.text)), c.key) << c.text;
}

}  // namespace
}  // namespace kerf::codec
