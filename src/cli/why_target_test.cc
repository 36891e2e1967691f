// Which pod or workload a word names, and what is said where it names none or several.
#include "cli/why_target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kerf::cli {
namespace {

using ::testing::HasSubstr;

/// Two Deployments called web, a StatefulSet, a bare pod.
cluster::Demand demand() {
  cluster::Demand out;
  const auto add = [&](const char* kind, const char* ns, const char* name, int pods) {
    cluster::PodShape shape;
    shape.ns = ns;
    shape.labels = {{"app", name}};
    const std::uint32_t index = out.intern(shape);
    cluster::Workload workload;
    workload.kind = kind;
    workload.ns = ns;
    workload.name = name;
    out.workloads.push_back(workload);
    for (int i = 0; i < pods; ++i)
      out.pods.push_back(
          {std::string(kind) == "Pod" ? name : name + std::string("-") + std::to_string(i), index,
           static_cast<std::uint32_t>(out.workloads.size() - 1)});
  };
  add("Deployment", "a", "web", 2);
  add("Deployment", "b", "web", 1);
  add("StatefulSet", "a", "store", 1);
  add("Pod", "a", "alone", 1);
  return out;
}

TEST(WhyTarget, EachWayToNameOne) {
  struct Case {
    const char* word;
    std::uint32_t workload;
    std::optional<std::uint32_t> pod;
  };
  const Case cases[] = {
      {"a/web", 0, {}},     {"deploy/b/web", 1, {}},        {"store", 2, {}},
      {"sts/store", 2, {}}, {"StatefulSet/a/store", 2, {}}, {"a/web-1", 0, 1},
      {"store-0", 2, 3},    {"pod/store-0", 2, 3},          {"alone", 3, 4},
      {"po/a/alone", 3, 4},
  };
  for (const Case& c : cases) {
    const auto found = find_why_target(demand(), c.word);
    ASSERT_TRUE(found.has_value()) << c.word << ": " << found.error().message();
    EXPECT_EQ(found->workload, c.workload) << c.word;
    EXPECT_EQ(found->pod, c.pod) << c.word;
  }
}

TEST(WhyTarget, SeveralAreListed) {
  for (const char* word : {"web", "deploy/web", "web-0"}) {
    const auto found = find_why_target(demand(), word);
    ASSERT_FALSE(found.has_value()) << word;
    EXPECT_EQ(found.error().code(), ErrorCode::InvalidArgument);
    EXPECT_THAT(found.error().message(), HasSubstr("a/web"));
    EXPECT_THAT(found.error().message(), HasSubstr("b/web"));
  }
}

TEST(WhyTarget, NearNamesAreSuggested) {
  const auto mistyped = find_why_target(demand(), "stroe");
  ASSERT_FALSE(mistyped.has_value());
  EXPECT_EQ(mistyped.error().code(), ErrorCode::NotFound);
  EXPECT_THAT(mistyped.error().message(), HasSubstr("did you mean store?"));
  const auto full = find_why_target(demand(), "a/wbe");
  ASSERT_FALSE(full.has_value());
  EXPECT_THAT(full.error().message(), HasSubstr("a/web"));
  const auto nothing = find_why_target(demand(), "x\x1b");
  ASSERT_FALSE(nothing.has_value());
  EXPECT_EQ(nothing.error().message().find('\x1b'), std::string::npos);
}

TEST(WhyTarget, NoPodsNoTarget) {
  const auto found = find_why_target({}, "web");
  ASSERT_FALSE(found.has_value());
  EXPECT_THAT(found.error().message(), HasSubstr("no pod that was read asks for a GPU"));
}

}  // namespace
}  // namespace kerf::cli
