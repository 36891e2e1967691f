// Of a profile that nothing on sale has, the nearest that can be had are named, with their models.
#include "core/plan/unservable.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/plan/plan_testing.h"

namespace kerf::plan {
namespace {

Reason why(const cluster::GpuRequest& request, const std::vector<std::string>& types) {
  cluster::Demand demand;
  testing::add(demand, "pod", 1, testing::shape(request));
  const market::Market market = testing::market(types);
  const cluster::Policy policy;
  Offers offers(demand, market, policy);
  ItemClass item;
  item.shapes = {0};
  return why_unservable(offers, item, "");
}

TEST(Unservable, NamesTheNearestProfilesAndTheirModels) {
  struct Case {
    const char* what;
    const char* profile;
    std::vector<std::string> types;
    const char* near;
  };
  const Case cases[] = {
      {"by memory, and of equal ones those of like compute first",
       "1g.5gb",
       {"p4de.24xlarge", "p5.4xlarge", "g7e.2xlarge"},
       "1g.10gb (A100-80, H100-80), 1g.20gb (A100-80, H100-80), 2g.20gb (A100-80, H100-80), "
       "1g.24gb (RTX-PRO-6000)"},
      {"compute decides between equal memory",
       "2g.24gb",
       {"p5.4xlarge"},
       "2g.20gb (H100-80), 1g.20gb (H100-80), 1g.10gb (H100-80), 3g.40gb (H100-80)"},
      {"a special profile is near the plain one",
       "1g.5gb+me",
       {"p5.4xlarge"},
       "1g.10gb (H100-80), 1g.20gb (H100-80), 2g.20gb (H100-80), 3g.40gb (H100-80)"},
      {"of an unknown name the smallest",
       "9g.999gb",
       {"p5.4xlarge"},
       "1g.10gb (H100-80), 1g.20gb (H100-80), 2g.20gb (H100-80), 3g.40gb (H100-80)"},
      {"nothing can be cut", "1g.5gb", {"g6.xlarge", "g6f.2xlarge"}, ""},
  };
  for (const Case& c : cases) {
    const Reason reason = why(testing::slice(c.profile), c.types);
    EXPECT_EQ(reason.code, ReasonCode::UnknownProfile) << c.what;
    EXPECT_EQ(reason.args.at(1), c.near) << c.what;
  }
}

TEST(Unservable, CountsNoModelThatIsOnSaleOnlyInFractions) {
  const Reason reason = why(testing::slice("1g.5gb"), {"g7e.2xlarge", "g6f.2xlarge"});
  EXPECT_EQ(reason.args.at(1).find("L4"), std::string::npos);
  EXPECT_NE(reason.args.at(1).find("1g.24gb (RTX-PRO-6000)"), std::string::npos);
}

}  // namespace
}  // namespace kerf::plan
