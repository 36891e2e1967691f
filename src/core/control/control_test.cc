// Tests of names, selectors and windows.
#include <gtest/gtest.h>

#include <set>

#include "codec/catalogue.h"
#include "core/cluster/demand.h"
#include "core/control/names.h"
#include "core/control/slice_policy.h"

namespace kerf::control {
namespace {

TEST(Names, EveryFormIsReadBackFromItsText) {
  const gpu::Catalogue& catalogue = codec::builtin_catalogue();
  for (const gpu::Model& model : catalogue.models) {
    std::set<std::string> texts;
    for (const gpu::Form& form : gpu::forms_of(model, 1, {})) {
      const std::string text = form_text(model, form);
      EXPECT_TRUE(texts.insert(text).second) << model.key << " " << text;
      EXPECT_EQ(parse_form(model, text), form) << model.key << " " << text;
    }
    EXPECT_EQ(parse_form(model, "9g.1gb"), std::nullopt);
  }
}

TEST(Names, AReplicaIsOfferedByItsShareOfMemory) {
  const gpu::Catalogue& catalogue = codec::builtin_catalogue();
  const gpu::Model& t4 = *catalogue.find("T4");
  EXPECT_EQ(natural_resource(t4, *parse_form(t4, "replica/4")), "kerf.dev/gpu-4gi-shared");
  EXPECT_EQ(natural_resource(t4, *parse_form(t4, "whole")), "nvidia.com/gpu");
  EXPECT_EQ(natural_resource(t4, *parse_form(t4, "replica/3")), "kerf.dev/gpu-5gi-shared");
  EXPECT_EQ(natural_resource(t4, *parse_form(t4, "replica/16")), "nvidia.com/gpu.shared")
      << "too small for any portable name";
  const gpu::Model& h100 = *catalogue.find("H100-80");
  EXPECT_EQ(natural_resource(h100, *parse_form(h100, "replica/3")), "kerf.dev/gpu-24gi-shared")
      << "26 is not on the ladder";
  const gpu::Model& a100 = *catalogue.find("A100-40");
  EXPECT_EQ(natural_resource(a100, *parse_form(a100, "1g.5gb+me")), "nvidia.com/mig-1g.5gb.me");
}

TEST(Names, APortableNameIsReadBackAndNothingElseIs) {
  for (const int gib : cluster::kPortableLadder)
    for (const auto isolation :
         {cluster::Isolation::Isolated, cluster::Isolation::Enforced, cluster::Isolation::Shared}) {
      cluster::GpuRequest request;
      request.kind = cluster::GpuRequestKind::Portable;
      request.gib = gib;
      request.isolation = isolation;
      EXPECT_EQ(parse_portable(cluster::resource_name(request)), request);
    }
  for (const char* name :
       {"", "kerf.dev/gpu-", "kerf.dev/gpu-gi", "kerf.dev/gpu-7gi", "kerf.dev/gpu-08gi",
        "kerf.dev/gpu--8gi", "kerf.dev/gpu-+8gi", "kerf.dev/gpu-8gi-", "kerf.dev/gpu-8Gi",
        "kerf.dev/gpu-8gi-shared ", "kerf.dev/gpu-99999999999gi", "nvidia.com/gpu"})
    EXPECT_EQ(parse_portable(name), std::nullopt) << name;
}

TEST(SlicePolicy, SelectsByNamespaceAndEveryLabel) {
  SlicePolicy policy;
  EXPECT_TRUE(selects(policy, "any", {}));
  policy.namespaces = {"a", "b"};
  policy.pod_labels = {{"team", "x"}};
  EXPECT_TRUE(selects(policy, "b", {{"team", "x"}, {"app", "y"}}));
  EXPECT_FALSE(selects(policy, "c", {{"team", "x"}}));
  EXPECT_FALSE(selects(policy, "a", {{"team", "y"}}));
  EXPECT_FALSE(selects(policy, "a", {}));
}

TEST(SlicePolicy, BuysForWholeGpusOnlyIfTheyAreNamed) {
  SlicePolicy policy;
  EXPECT_TRUE(buys_for(policy, "nvidia.com/mig-1g.5gb"));
  EXPECT_TRUE(buys_for(policy, "kerf.dev/gpu-8gi"));
  EXPECT_FALSE(buys_for(policy, "nvidia.com/gpu"));
  policy.buys_for.push_back("nvidia.com/gpu");
  EXPECT_TRUE(buys_for(policy, "nvidia.com/gpu"));
  EXPECT_FALSE(buys_for(policy, "nvidia.com/gpu.shared"));
}

TEST(SlicePolicy, AWindowMayRunOverTheEndOfTheWeek) {
  Consolidation consolidation;
  EXPECT_TRUE(is_open(consolidation, 0));
  constexpr std::int32_t kSunday = 6 * 24 * 60;
  consolidation.windows = {{{kSunday + 23 * 60}, 2 * kHour}};
  constexpr Instant kMonday = 4 * 24 * kHour;  // 1970-01-05
  EXPECT_TRUE(is_open(consolidation, kMonday));
  EXPECT_TRUE(is_open(consolidation, kMonday + 59 * kMinute));
  EXPECT_FALSE(is_open(consolidation, kMonday + kHour));
  EXPECT_FALSE(is_open(consolidation, kMonday - 61 * kMinute));
  EXPECT_TRUE(is_open(consolidation, kMonday - 60 * kMinute));
}

}  // namespace
}  // namespace kerf::control
