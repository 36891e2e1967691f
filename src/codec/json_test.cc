// Tests of JSON: strict reading with positions in errors, writing, and the way there and back.
#include "codec/json.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/prng.h"

namespace kerf::codec {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using Kind = Node::Kind;

Node parsed(std::string_view text, const Limits& limits = {}) {
  auto document = parse_json(text, "f.json", limits);
  EXPECT_TRUE(document) << text << "\n" << document.error().message();
  return document ? std::move(document->root) : Node();
}

Error refused(std::string_view text, const Limits& limits = {}) {
  auto document = parse_json(text, "f.json", limits);
  if (!document) return document.error();
  ADD_FAILURE() << "accepted: " << text;
  return Error(ErrorCode::Unavailable, "");
}

/// Equal in kind and value, members in the same order; texts of numbers may differ.
bool same(const Node& a, const Node& b) {
  if (a.kind != b.kind || a.boolean != b.boolean || a.integer != b.integer ||
      (a.kind == Kind::String && a.text != b.text) || a.items.size() != b.items.size() ||
      a.members.size() != b.members.size() ||
      (a.kind == Kind::Float &&
       (a.real != b.real || std::signbit(a.real) != std::signbit(b.real)))) {
    return false;
  }
  for (std::size_t i = 0; i < a.items.size(); ++i) {
    if (!same(a.items[i], b.items[i])) return false;
  }
  for (std::size_t i = 0; i < a.members.size(); ++i) {
    if (a.members[i].first != b.members[i].first) return false;
    if (!same(a.members[i].second, b.members[i].second)) return false;
  }
  return true;
}

TEST(Json, ReadsValuesInOrder) {
  const Node root =
      parsed(" {\"b\": [1, -2.5, true, null], \"a\": {\"x\": \"\\u00e9\\n\\ud83d\\ude00\"}} ");
  ASSERT_EQ(root.members.size(), 2u);
  EXPECT_EQ(root.members[0].first, "b");
  const Node& list = *root.find("b");
  EXPECT_EQ(list.items.at(0).integer, 1);
  EXPECT_EQ(list.items.at(1).real, -2.5);
  EXPECT_EQ(list.items.at(1).text, "-2.5");
  EXPECT_TRUE(list.items.at(2).boolean);
  EXPECT_TRUE(list.items.at(3).is_null());
  EXPECT_EQ(root.find("a")->find("x")->text, "é\n\U0001F600");
  EXPECT_EQ(root.at.line, 0u);
}

TEST(Json, ReadsNumbersExactly) {
  struct Case {
    const char* text;
    Kind kind;
    std::int64_t integer;
    double real;
  };
  const Case cases[] = {
      {"0", Kind::Int, 0, 0},
      {"-1", Kind::Int, -1, 0},
      {"9223372036854775807", Kind::Int, INT64_MAX, 0},
      {"-9223372036854775808", Kind::Int, INT64_MIN, 0},
      {"9223372036854775808", Kind::Float, 0, 9223372036854775808.0},
      {"18446744073709551615", Kind::Float, 0, 18446744073709551615.0},
      {"-9223372036854775809", Kind::Float, 0, -9223372036854775808.0},
      {"123456789012345678901234567890", Kind::Float, 0, 123456789012345678901234567890.0},
      {"1.0", Kind::Float, 0, 1},
      {"1e3", Kind::Float, 0, 1000},
      {"-1.5E-3", Kind::Float, 0, -0.0015},
      {"0.1", Kind::Float, 0, 0.1},
      {"2.2250738585072011e-308", Kind::Float, 0, 2.2250738585072011e-308},
      {"1e-400", Kind::Float, 0, 0},
      {"1.7976931348623157e308", Kind::Float, 0, std::numeric_limits<double>::max()},
  };
  for (const Case& c : cases) {
    const Node node = parsed(c.text);
    EXPECT_EQ(node.kind, c.kind) << c.text;
    EXPECT_EQ(node.integer, c.integer) << c.text;
    EXPECT_EQ(node.real, c.real) << c.text;
    EXPECT_EQ(node.text, c.text);
  }
}

TEST(Json, RefusesWhatIsNotJsonWithItsPlace) {
  struct Case {
    std::string_view text;
    const char* words;
  };
  using namespace std::string_view_literals;
  const Case cases[] = {
      {"", "f.json:1:1: the JSON text ends too early"},
      {"{\"a\": 1,\n", "f.json:2:1: the JSON text ends too early"},
      {"{\"a\": 1,}", "f.json:1:9: this is not JSON"},
      {"[1,\n2,,3]", "f.json:2:3: this is not JSON"},
      {"{'a': 1}", "f.json:1:2: this is not JSON"},
      {"{\"é\": x}", "f.json:1:7: this is not JSON"},
      {"[1] // x", "f.json:1:5: "},
      {"[01]", "f.json:1:3: this is not JSON"},
      {"[+1]", "f.json:1:2: this is not JSON"},
      {"[.5]", "f.json:1:2: this is not JSON"},
      {"[NaN]", "f.json:1:2: this is not JSON"},
      {"nul", "the JSON text ends too early"},
      {"{} {}", "f.json:1:4: more text after the JSON value"},
      {"[\"\\ud83dx\"]", "this is not JSON"},
      {"[\"\\udc00\"]", "half a surrogate pair"},
      {"[\"\\ud83d\\u0041\"]", "half a surrogate pair"},
      {"[\"\\x\"]", "this is not JSON"},
      {"[\"\\u12g4\"]", "needs four hexadecimal digits"},
      {"[\"\xff\"]", "this is not JSON"},
      {"[\"a\nb\"]", "this is not JSON"},
      {"[\"\0\"]"sv, "this is not JSON"},
      {"\0"sv, "this is not JSON"},
      {"[1e400]", "\"1e400\" is too large for a number"},
      {"[-1e99999999999]", "f.json:1:"},
      {"{\"a\": 1,\n \"b\": 2,\n \"a\": 3}", "f.json:3:8: duplicate key \"a\""},
      {"\xEF\xBB\xBF{}", "f.json:1:1: this is not JSON"},
  };
  for (const Case& c : cases) {
    const Error error = refused(c.text);
    EXPECT_EQ(error.code(), ErrorCode::InvalidArgument) << c.text;
    EXPECT_THAT(error.message(), StartsWith("f.json:")) << c.text;
    EXPECT_THAT(error.message(), HasSubstr(c.words)) << c.text;
  }
}

TEST(Json, HoldsItsLimits) {
  Limits limits;
  limits.bytes = 40;
  limits.depth = 3;
  limits.nodes = 6;
  limits.scalar_bytes = 8;
  struct Case {
    std::string text;
    const char* words;
  };
  const Case cases[] = {
      {std::string(41, ' '), "f.json: 41 bytes; at most 40 are read"},
      {"[[[[]]]]", "f.json:1:4: lists and mappings are nested more than 3 deep"},
      {"[{\"a\":[[]]}]", "nested more than 3 deep"},
      {"[1,2,3,4,5,6]", "more than 6 values in one file"},
      {"[\"123456789\"]", "a value of 9 bytes: at most 8 are read"},
      {"{\"123456789\":1}", "a key of 9 bytes: at most 8 are read"},
  };
  for (const Case& c : cases) {
    const Error error = refused(c.text, limits);
    EXPECT_EQ(error.code(), ErrorCode::TooLarge) << c.text;
    EXPECT_THAT(error.message(), HasSubstr(c.words)) << c.text;
  }
  parsed("[[[]]]", limits);
  parsed("[1,2,3,4,5]", limits);
  parsed("{\"12345678\":\"12345678\"}", limits);
  EXPECT_FALSE(parse_json(std::string(1 << 20, '['), "f.json"));
}

TEST(Json, WritesIndentedInTheOrderSet) {
  Node root = Node::mapping();
  root.set("b", Node::sequence().push(Node::of(std::int64_t{1})).push(Node::mapping()))
      .set("a", Node::sequence())
      .set("c", Node::mapping().set("d", Node::null()).set("e", Node::of(false)));
  EXPECT_EQ(write_json(root),
            "{\n  \"b\": [\n    1,\n    {}\n  ],\n  \"a\": [],\n  \"c\": {\n    \"d\": null,\n"
            "    \"e\": false\n  }\n}\n");
}

TEST(Json, WritesDoublesAsShortAsTheyReadBack) {
  struct Case {
    double value;
    const char* text;
  };
  const Case cases[] = {
      {0.1, "0.1"},
      {0.0, "0.0"},
      {-0.0, "-0.0"},
      {12, "12.0"},
      {1e300, "1e+300"},
      {1.5e-7, "1.5e-07"},
      {1.0 / 3, "0.3333333333333333"},
      {std::nan(""), "null"},
      {INFINITY, "null"},
      {-INFINITY, "null"},
  };
  for (const Case& c : cases) EXPECT_EQ(write_json(Node::of(c.value)), std::string(c.text) + "\n");
}

TEST(Json, EscapesWhatJsonMustNotHold) {
  EXPECT_EQ(write_json(Node::of(std::string("\"\\\b\f\n\r\t\0\x1f/\x7f é", 14))),
            "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f/\\u007f é\"\n");
  EXPECT_EQ(write_json(Node::of("\u0085\u009f\u00a0\u2028\u2029\ufeff\uffff")),
            "\"\\u0085\\u009f\u00a0\\u2028\\u2029\\ufeff\\uffff\"\n");
  EXPECT_EQ(write_json(Node::of("a\xff\xc3")), "\"a\\ufffd\\ufffd\"\n");
  EXPECT_EQ(write_json(Node::mapping().set("\n", Node::null())), "{\n  \"\\n\": null\n}\n");
}

/// A tree of values from a seed; keys are distinct by their number.
Node random_node(Prng& prng, int depth) {
  switch (prng.below(depth > 0 ? 7 : 5)) {
    case 0: return Node::null();
    case 1: return Node::of(prng.below(2) == 1);
    case 2: return Node::of(static_cast<std::int64_t>(prng.next() >> prng.below(64)));
    case 3: {
      const double value = static_cast<double>(prng.next()) / static_cast<double>(prng.next() | 1);
      return Node::of(std::ldexp(value, static_cast<int>(prng.below(1600)) - 800));
    }
    case 4: {
      std::string text;
      for (std::uint64_t left = prng.below(9); left > 0; --left) {
        constexpr const char* kPieces[] = {"a", "\"", "\\", "\n", "\x01", "é", "\U0001F600", "/"};
        text += kPieces[prng.below(8)];
      }
      return Node::of(std::move(text));
    }
    case 5: {
      Node list = Node::sequence();
      for (std::uint64_t left = prng.below(5); left > 0; --left) {
        list.push(random_node(prng, depth - 1));
      }
      return list;
    }
    default: {
      Node mapping = Node::mapping();
      for (std::uint64_t left = prng.below(5); left > 0; --left) {
        mapping.set(fmt::format("k\"{}", left), random_node(prng, depth - 1));
      }
      return mapping;
    }
  }
}

TEST(Json, ReadsBackWhatItWrites) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    Prng prng(seed);
    const Node node = random_node(prng, 5);
    const std::string text = write_json(node);
    const Node back = parsed(text);
    EXPECT_TRUE(same(node, back)) << "seed " << seed << "\n" << text;
    EXPECT_EQ(write_json(back), text) << "seed " << seed;
  }
}

TEST(Json, IsWrittenOnOneLineToo) {
  const Node node = Node::mapping()
                        .set("a", Node::sequence().push(Node::of("x\ny")).push(Node::null()))
                        .set("b", Node::mapping().set("c", Node::of(true)))
                        .set("d", Node::sequence());
  EXPECT_EQ(write_json_line(node), R"({"a": ["x\ny",null],"b": {"c": true},"d": []})");
}

}  // namespace
}  // namespace kerf::codec
