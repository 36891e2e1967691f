// JsonItems: what it hands out, however the bytes are cut, and what it refuses.
#include "codec/json_items.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/prng.h"
#include "codec/json.h"

namespace kerf::codec {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Outcome {
  std::vector<std::string> items;  ///< as lines
  std::string error;
  ErrorCode code = ErrorCode::NotFound;
};

/// Feeds the text in pieces of `step` bytes.
Outcome split(std::string_view text, std::size_t step = 1'000'000,
              JsonItems::Bounds bounds = JsonItems::Bounds()) {
  Outcome outcome;
  JsonItems items(
      "pods",
      [&](Node item) -> Result<void> {
        outcome.items.push_back(write_json_line(item));
        return {};
      },
      bounds);
  const auto note = [&](const Result<void>& result) {
    if (result) return;
    outcome.error = result.error().message();
    outcome.code = result.error().code();
  };
  for (std::size_t at = 0; at < text.size(); at += step) note(items.feed(text.substr(at, step)));
  note(items.end());
  EXPECT_EQ(items.items(), outcome.items.size());
  return outcome;
}

constexpr std::string_view kList = R"({
    "apiVersion": "v1",
    "items": [
        {"a": "} ] \" \\", "b": [1, {"c": "\\\""}]},
        {},
        {"items": [{"x": 1}]}
    ],
    "kind": "List",
    "metadata": {"resourceVersion": "", "items": [{"no": "item"}]}
}
)";

TEST(JsonItems, HandsOutEachItemHoweverTheBytesAreCut) {
  for (std::size_t step = 1; step <= kList.size(); ++step) {
    const Outcome outcome = split(kList, step);
    EXPECT_EQ(outcome.error, "") << step;
    EXPECT_THAT(outcome.items, ElementsAre(R"({"a": "} ] \" \\","b": [1,{"c": "\\\""}]})", "{}",
                                           R"({"items": [{"x": 1}]})"))
        << step;
  }
}

TEST(JsonItems, TakesKeysInAnyOrderAndSpaceAnywhere) {
  EXPECT_THAT(split(R"({"kind":"PodList","items":[{"n":1},{"n":2}]})").items,
              ElementsAre(R"({"n": 1})", R"({"n": 2})"));
  EXPECT_THAT(split("  { \"items\"\t:\n[ {\"n\":1} , {\"n\":2} ] , \"z\" : 1 } \r\n").items,
              ElementsAre(R"({"n": 1})", R"({"n": 2})"));
  EXPECT_THAT(split("{\"\\u0069tems\": [{\"n\":1}]}").items, ElementsAre(R"({"n": 1})"));
}

TEST(JsonItems, HandsOutAnObjectThatIsNoList) {
  EXPECT_THAT(split(R"({"kind":"Node","metadata":{"name":"items"}})").items,
              ElementsAre(R"({"kind": "Node","metadata": {"name": "items"}})"));
  EXPECT_THAT(split(R"({"items":[]})").items, IsEmpty());
  EXPECT_EQ(split(R"({"items":[]})").error, "");
  EXPECT_THAT(split(R"({"items":null})").items, IsEmpty());
  EXPECT_EQ(split(R"({"items":null})").error, "");
}

TEST(JsonItems, SaysWhereTheTextEndsTooEarly) {
  EXPECT_EQ(split("").error, "pods: it is empty; expected JSON");
  EXPECT_EQ(split(" \n").error, "pods: it is empty; expected JSON");
  const std::string_view whole = kList.substr(0, kList.size() - 1);
  for (std::size_t bytes = 1; bytes < whole.size(); ++bytes)
    EXPECT_THAT(split(whole.substr(0, bytes), 7).error, HasSubstr("it ends in the middle"))
        << bytes;
  EXPECT_EQ(split(R"({"items":[{"n":1},{"n":2},{"n)").error,
            "pods: it ends in the middle, after 2 items");
}

TEST(JsonItems, RefusesWhatIsNoJsonWithTheItem) {
  for (const auto& [text, says] : std::vector<std::pair<std::string, std::string>>{
           {R"({"items":[{"n":1},{"n":tru}]})", "pods: item 2:1:"},
           {R"({"items":[{"n":1},]})", "expected an object, got \"]\""},
           {R"({"items":[{"n":1} {"n":2}]})", "expected ',' or ']'"},
           {R"({"items":[1]})", "expected an object, got \"1\""},
           {R"({"items":[{"n":1]]})", "item 1:1:"},
           {R"({"items":{"n":1}})", "items: expected a list, got a mapping"},
           {R"({"items":[],"items":[]})", "items"},
           {R"({"items":[]} x)", "more text after the JSON value"},
           {R"({"items":[],})", "this is not JSON"},
           {R"(["items"])", "expected a list of objects, got a list"},
           {R"("items")", "expected a list of objects, got a string"},
           {R"(error: no)", "this is not JSON"}}) {
    for (const std::size_t step : {1, 3, 1000})
      EXPECT_THAT(split(text, step).error, HasSubstr(says)) << text;
  }
}

TEST(JsonItems, HoldsItsBounds) {
  const JsonItems::Bounds small{.item_bytes_max = 64, .bytes_max = 200};
  const std::string long_item = R"({"items":[{"n":")" + std::string(80, 'x') + "\"}]}";
  const std::string long_frame = R"({"kind":")" + std::string(80, 'x') + "\",\"items\":[]}";
  std::string long_list = R"({"items":[{"n":1})";
  for (int i = 0; i < 30; ++i) long_list += R"(,{"n":1})";
  for (const std::string& text : {long_item, long_frame, long_list + "]}"}) {
    for (const std::size_t step : {1, 1000}) {
      const Outcome outcome = split(text, step, small);
      EXPECT_EQ(outcome.code, ErrorCode::TooLarge) << text;
    }
  }
}

TEST(JsonItems, StaysWithItsFirstError) {
  JsonItems items("pods", [](Node) -> Result<void> { return invalid("enough"); });
  for (const std::string_view text : {"{\"items\":[{}", ",{}", "]}"}) {
    const Result<void> result = items.feed(text);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().message(), "enough");
  }
  EXPECT_EQ(items.end().error().message(), "enough");
}

std::string random_text(Prng& prng) {
  static constexpr std::string_view kPieces[] = {"\"", "\\", "{", "}", "[", "]", ",", ":", "x"};
  std::string text;
  for (std::uint64_t i = prng.below(6); i > 0; --i) text += kPieces[prng.below(9)];
  return text;
}

TEST(JsonItems, AgreesWithTheReaderOfWholeTextsOverSeeds) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Prng prng(seed);
    Node list = Node::mapping();
    Node items = Node::sequence();
    std::vector<std::string> expected;
    for (std::uint64_t i = prng.below(8); i > 0; --i) {
      Node item = Node::mapping();
      item.set(random_text(prng), Node::of(random_text(prng)));
      Node inner = Node::sequence();
      inner.push(Node::of(random_text(prng))).push(Node::mapping()).push(Node::of(true));
      item.set("inner " + random_text(prng), std::move(inner));
      expected.push_back(write_json_line(item));
      items.push(std::move(item));
    }
    if (prng.below(2) == 0) list.set("before " + random_text(prng), Node::of(random_text(prng)));
    list.set("items", std::move(items));
    list.set("after " + random_text(prng), Node::of(random_text(prng)));
    const std::string text = prng.below(2) == 0 ? write_json(list) : write_json_line(list);
    const Outcome outcome = split(text, 1 + prng.below(20));
    EXPECT_EQ(outcome.error, "") << text;
    EXPECT_EQ(outcome.items, expected) << text;
  }
}

}  // namespace
}  // namespace kerf::codec
