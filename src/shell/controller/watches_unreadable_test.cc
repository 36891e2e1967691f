// Tests of the watches: objects that cannot be read, or are of no use for a while.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/controller/store.h"
#include "shell/controller/watches_testing.h"

namespace kerf::shell {
namespace {

using control::Kind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kPolicies = "kerf.dev/v1alpha1/slicepolicies";
const std::string kGoodPolicy = R"({"apiVersion":"kerf.dev/v1alpha1","kind":"SlicePolicy",
  "metadata":{"name":"p"},"spec":{"mode":"Observe"},"status":{"summary":"x"}})";

std::vector<std::string> of(const std::vector<std::string>& lines, const std::string& begin) {
  std::vector<std::string> out;
  for (const std::string& line : lines)
    if (line.starts_with(begin)) out.push_back(line);
  return out;
}

struct UnreadableTest : testing::Test, WatchesWorld {};

TEST_F(UnreadableTest, APolicyThatCannotBeReadIsRefusedUntilItCan) {
  begin();
  told();
  put(kPolicies, kGoodPolicy);
  EXPECT_THAT(told(), ElementsAre("+SlicePolicy p@101"));
  put(kPolicies, R"({"apiVersion":"kerf.dev/v1alpha1","kind":"SlicePolicy","metadata":{"name":"p"},
    "spec":{"mode":"Sleep"}})");
  EXPECT_THAT(told(), ElementsAre("-SlicePolicy p/uid-1", HasSubstr("refused p: ")));
  on_loop([&] { EXPECT_EQ(watches().find(Kind::SlicePolicy, {"", "p"}), nullptr); });
  put(kPolicies, kGoodPolicy);
  EXPECT_THAT(told(), ElementsAre("refused p: ", "+SlicePolicy p@103"));
}

/// What is told, as the mind keeps it.
class Told {
 public:
  explicit Told(const std::vector<controller::Event>& events) {
    for (const controller::Event& event : events) {
      if (const auto* seen = std::get_if<controller::Seen>(&event)) store.see(seen->object);
      else if (const auto* gone = std::get_if<controller::Gone>(&event))
        store.lose(gone->kind, gone->key, gone->uid, gone->stays);
    }
  }
  controller::Store store;
};

TEST_F(UnreadableTest, WhatCannotBeReadOrIsOfNoUseForAWhileComesBackForTheMindToo) {
  const std::string budgets = "policy/v1/poddisruptionbudgets";
  const std::string good = R"({"metadata":{"namespace":"ml","name":"b"},"spec":{}})";
  const auto put_job = [&](bool suspended) {
    put("batch/v1/jobs",
        fmt::format(R"({{"metadata":{{"namespace":"ml","name":"train"}},"spec":{{"suspend":{},
          "parallelism":4,"completions":4,"template":{{"spec":{{"containers":[{{"name":"c",
          "resources":{{"limits":{{"nvidia.com/mig-1g.5gb":"1"}}}}}}]}}}}}}}})",
                    suspended));
  };
  begin();
  put(kPolicies, kGoodPolicy);
  put(budgets, good);
  put_job(false);
  put_gpu_pod("a");
  told();
  const auto count = [&] {
    std::size_t found = 0;
    on_loop([&] {
      const Told told(events);
      found = told.store.all<control::SlicePolicy>().size() +
              told.store.all<control::Budget>().size() +
              told.store.all<control::Workload>().size() + told.store.all<control::Pod>().size();
    });
    return found;
  };
  ASSERT_EQ(count(), 4u);
  put(kPolicies, R"({"metadata":{"name":"p"},"spec":{"mode":"Sleep"}})");
  put(budgets, R"({"metadata":{"namespace":"ml","name":"b"},"spec":{"selector":"all"}})");
  put_job(true);
  put("v1/pods", R"({"metadata":{"namespace":"ml","name":"a"},"spec":{},"status":{"phase":7}})");
  told();
  ASSERT_EQ(count(), 0u);
  put(kPolicies, kGoodPolicy);
  put(budgets, good);
  put_job(false);
  put_gpu_pod("a");
  told();
  EXPECT_EQ(count(), 4u);
  remove(kPolicies, "", "p");
  told();
  EXPECT_EQ(count(), 3u);
  on_loop([&] {
    Told told(events);
    for (const controller::Event& event : events) {
      const auto* seen = std::get_if<controller::Seen>(&event);
      if (seen == nullptr || !std::holds_alternative<control::SlicePolicy>(seen->object)) continue;
      EXPECT_FALSE(told.store.see(seen->object)) << "it is gone, whatever comes late";
    }
  });
}

TEST_F(UnreadableTest, APolicyThatCannotBeReadIsKnownAsItIs) {
  put(kPolicies, R"({"metadata":{"name":"p","generation":4},"spec":{"mode":"Sleep"},
    "status":{"summary":"x"}})");
  begin();
  told();
  on_loop([&] {
    const auto* unread = watches().unread_policy("p");
    ASSERT_NE(unread, nullptr);
    EXPECT_THAT(unread->why, HasSubstr("mode"));
    EXPECT_EQ(unread->version, "101");
    EXPECT_EQ(unread->generation, 4);
    EXPECT_EQ(unread->status.find("summary")->text, "x");
  });
  put(kPolicies, R"({"metadata":{"name":"p","generation":5},"spec":{"mode":"Sleep"}})");
  EXPECT_THAT(told(), ElementsAre(HasSubstr("refused p: "))) << "it is another";
  on_loop([&] {
    EXPECT_EQ(watches().unread_policy("p")->version, "102");
    EXPECT_TRUE(watches().unread_policy("p")->status.is_null());
  });
  put(kPolicies, kGoodPolicy);
  told();
  on_loop([&] { EXPECT_EQ(watches().unread_policy("p"), nullptr); });
}

TEST_F(UnreadableTest, APolicyThatGoesIsRefusedNoMore) {
  put(kPolicies, R"({"metadata":{"name":"p"},"spec":{"mode":"Sleep"}})");
  begin();
  EXPECT_THAT(of(told(), "refused"), ElementsAre(Not("refused p: ")));
  remove(kPolicies, "", "p");
  EXPECT_THAT(told(), ElementsAre("refused p: "));
}

TEST_F(UnreadableTest, OtherObjectsThatCannotBeReadAreNotThere) {
  const std::string budgets = "policy/v1/poddisruptionbudgets";
  put(budgets, R"({"metadata":{"namespace":"ml","name":"b"},"spec":{}})");
  begin();
  told();
  put(budgets, R"({"metadata":{"namespace":"ml","name":"b"},"spec":{"selector":"all"}})");
  EXPECT_THAT(told(), ElementsAre("-PodDisruptionBudget ml/b/uid-1"));
  put(budgets, R"({"metadata":{"namespace":"ml","name":"b"},"spec":{}})");
  EXPECT_THAT(told(), ElementsAre("+PodDisruptionBudget ml/b@103"));
}

}  // namespace
}  // namespace kerf::shell
