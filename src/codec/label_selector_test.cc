// Selectors as kubectl reads them.
#include "codec/label_selector.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace kerf::codec {
namespace {

bool selects(const char* selector, const std::map<std::string, std::string>& labels) {
  const auto read = parse_label_selector(selector);
  if (!read) {
    ADD_FAILURE() << read.error().message();
    return false;
  }
  for (const cluster::Requirement& one : *read)
    if (!cluster::matches(one, labels)) return false;
  return true;
}

TEST(LabelSelector, MatchesAsKubectlDoes) {
  const std::map<std::string, std::string> web = {{"app", "web"}, {"tier", "front"}};
  EXPECT_TRUE(selects("app=web", web));
  EXPECT_TRUE(selects("app==web , tier in (front, back)", web));
  EXPECT_TRUE(selects("app", web));
  EXPECT_TRUE(selects("!canary", web));
  EXPECT_TRUE(selects("canary!=yes", web));
  EXPECT_TRUE(selects("tier notin (back),app", web));
  EXPECT_FALSE(selects("app!=web", web));
  EXPECT_FALSE(selects("canary", web));
  EXPECT_FALSE(selects("app in (db,cache)", web));
  EXPECT_FALSE(selects("app=web,!tier", web));
}

TEST(LabelSelector, SaysWhichPartIsWrong) {
  for (const char* text :
       {"", "app=web,", "app in web", "app in (web", "=web", "a b=c", "app=w(b)", "app within (a)",
        "app="
        "\x01"}) {
    const auto read = parse_label_selector(text);
    ASSERT_FALSE(read) << text;
    EXPECT_NE(read.error().message().find("expected KEY=VALUE"), std::string::npos) << text;
  }
}

TEST(LabelSelector, IsBounded) {
  EXPECT_EQ(parse_label_selector(std::string(20'000, 'a')).error().code(), ErrorCode::TooLarge);
}

}  // namespace
}  // namespace kerf::codec
