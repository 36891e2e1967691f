// Tests of documents: making and finding values, the form of errors, and the builder of trees.
#include "codec/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/tree_builder.h"

namespace kerf::codec {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Kind = Node::Kind;

Node text_at(std::string text, Position at) {
  Node node = Node::of(std::move(text));
  node.at = at;
  return node;
}

std::vector<std::string> keys(const Node& node) {
  std::vector<std::string> out;
  for (const Node::Member& member : node.members) out.push_back(member.first);
  return out;
}

TEST(Document, MakesAndFindsValues) {
  Node root = Node::mapping();
  root.set("list", Node::sequence().push(Node::of(true)).push(Node::of(std::int64_t{-3})))
      .set("name", Node::of("x"))
      .set("half", Node::of(0.5))
      .set("none", Node::null());
  EXPECT_EQ(root.find("list")->items.at(1).integer, -3);
  EXPECT_EQ(root.find("list")->items.at(1).text, "-3");
  EXPECT_EQ(root.find("name")->kind, Kind::String) << "text is no bool";
  EXPECT_EQ(root.find("half")->real, 0.5);
  EXPECT_TRUE(root.find("none")->is_null());
  EXPECT_EQ(root.find("Name"), nullptr);
  EXPECT_EQ(root.find("name")->find("x"), nullptr);
  EXPECT_FALSE(root.is_scalar());
}

TEST(Document, ErrorsPointAsFarAsIsKnown) {
  EXPECT_EQ(error_at("a.yaml", {3, 7}, "no").message(), "a.yaml:3:7: no");
  EXPECT_EQ(error_at("a.csv", {3, 0}, "no").message(), "a.csv:3: no");
  EXPECT_EQ(error_at("-", {}, "no", ErrorCode::TooLarge).message(), "-: no");
  EXPECT_EQ(error_at("-", {}, "no", ErrorCode::TooLarge).code(), ErrorCode::TooLarge);
}

TEST(TreeBuilder, NestsInTheOrderOfEvents) {
  TreeBuilder builder({}, true);
  builder.begin_document();
  EXPECT_FALSE(builder.expects_key());
  EXPECT_TRUE(builder.begin(Kind::Mapping, {1, 1}));
  EXPECT_TRUE(builder.expects_key());
  EXPECT_TRUE(builder.key("a", {1, 2}));
  EXPECT_FALSE(builder.expects_key());
  EXPECT_TRUE(builder.begin(Kind::Sequence, {1, 5}));
  EXPECT_TRUE(builder.scalar(text_at("x", {1, 6})));
  EXPECT_TRUE(builder.begin(Kind::Mapping, {1, 8}) && builder.end());
  EXPECT_TRUE(builder.end());
  EXPECT_TRUE(builder.key("b", {2, 1}) && builder.scalar(Node::null()) && builder.end());
  const Node root = builder.take();
  EXPECT_THAT(keys(root), ElementsAre("a", "b"));
  EXPECT_EQ(root.key_at.at(1).line, 2u);
  EXPECT_EQ(root.members[0].second.items.size(), 2u);
  EXPECT_EQ(root.members[0].second.items[1].at.column, 8u);
}

TEST(TreeBuilder, FindsDuplicateKeysAmongFewAndMany) {
  for (const int count : {2, 12, 13, 100}) {
    TreeBuilder builder({}, false);
    builder.begin_document();
    builder.begin(Kind::Mapping, {1, 1});
    for (int i = 0; i < count; ++i) {
      const auto line = static_cast<std::uint32_t>(i + 1);
      builder.key(i == count - 1 ? "k0" : "k" + std::to_string(i), {line, 1});
      builder.scalar(Node::null());
    }
    EXPECT_FALSE(builder.end());
    EXPECT_EQ(builder.problem().message, "duplicate key \"k0\"");
    EXPECT_EQ(builder.problem().at.line, static_cast<std::uint32_t>(count));
    EXPECT_EQ(builder.problem().first.line, 1u);
  }
}

TEST(TreeBuilder, KeepsTheFirstProblem) {
  TreeBuilder builder({}, true);
  builder.begin_document();
  builder.begin(Kind::Sequence, {1, 1});
  EXPECT_FALSE(builder.alias("a", {1, 2}));
  EXPECT_FALSE(builder.alias("b", {1, 3}));
  EXPECT_FALSE(builder.scalar(Node::null()));
  EXPECT_TRUE(builder.failed());
  EXPECT_THAT(builder.problem().message, HasSubstr("*a"));
}

TEST(TreeBuilder, MergedKeysComeAfterTheMappingsOwn) {
  TreeBuilder builder({}, true);
  builder.begin_document();
  builder.begin(Kind::Mapping, {1, 1});
  builder.key("<<", {1, 1}, true);
  builder.begin(Kind::Mapping, {1, 5});
  builder.key("a", {1, 6});
  builder.scalar(text_at("merged", {1, 9}));
  builder.key("b", {1, 12});
  builder.scalar(text_at("merged", {1, 15}));
  builder.end();
  builder.key("b", {2, 1});
  builder.scalar(text_at("own", {2, 4}));
  ASSERT_TRUE(builder.end());
  const Node root = builder.take();
  EXPECT_THAT(keys(root), ElementsAre("b", "a"));
  EXPECT_EQ(root.find("b")->text, "own");
  ASSERT_EQ(root.key_at.size(), 2u);
  EXPECT_EQ(root.key_at[1].column, 6u);
}

TEST(TreeBuilder, CountsWhatAnchorsAndAliasesCopy) {
  Limits limits;
  limits.nodes = 9;  // the sequence, 2 values anchored (2 + 2 copied), one alias of 2
  TreeBuilder builder(limits, true);
  builder.begin_document();
  builder.begin(Kind::Sequence, {1, 1});
  builder.begin(Kind::Sequence, {1, 2}, "x");
  builder.scalar(Node::of("v"));
  EXPECT_TRUE(builder.end());
  EXPECT_TRUE(builder.alias("x", {1, 5}));
  EXPECT_TRUE(builder.alias("x", {1, 7}));
  EXPECT_FALSE(builder.alias("x", {1, 9}));
  EXPECT_EQ(builder.problem().code, ErrorCode::TooLarge);
  EXPECT_EQ(builder.problem().at.column, 9u);
}

TEST(TreeBuilder, LimitsSpanTheDocumentsOfAFile) {
  Limits limits;
  limits.nodes = 3;
  TreeBuilder builder(limits, true);
  for (int i = 0; i < 3; ++i) {
    builder.begin_document();
    EXPECT_TRUE(builder.scalar(Node::of("v")));
    EXPECT_EQ(builder.take().text, "v");
  }
  builder.begin_document();
  EXPECT_FALSE(builder.scalar(Node::of("v")));
  EXPECT_EQ(builder.problem().code, ErrorCode::TooLarge);
}

}  // namespace
}  // namespace kerf::codec
