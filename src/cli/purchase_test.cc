// Tests of prices and policy: whose prices, which types, and never another region without a word.
#include "cli/purchase.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/temporary_folder_testing.h"

namespace kerf::cli {
namespace {

using market::CapacityType;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string refused(const PlanArguments& arguments) {
  const auto purchase = prepare_purchase(arguments);
  return purchase ? "accepted" : purchase.error().message();
}

MicroUsdPerHour price_of(const market::Market& market, std::string_view type) {
  for (const market::Offering& offering : market.offerings) {
    if (market.types[offering.type].name == type) return offering.price;
  }
  return {-1};
}

TEST(Purchase, IsForTheShippedPricesOfUsEast1ByDefault) {
  const auto purchase = prepare_purchase({});
  ASSERT_TRUE(purchase) << purchase.error().message();
  EXPECT_EQ(purchase->market.region, "us-east-1");
  EXPECT_EQ(purchase->market.price_source, "shipped price table");
  EXPECT_FALSE(purchase->market.price_date.empty());
  EXPECT_THAT(purchase->policy.capacity_types, ElementsAre(CapacityType::OnDemand));
  EXPECT_THAT(purchase->notes, ElementsAre());
}

TEST(Purchase, RefusesARegionWithoutPricesAndSaysWhatToGive) {
  PlanArguments arguments;
  arguments.region = "eu-west-1";
  EXPECT_THAT(refused(arguments), HasSubstr("--prices"));
  EXPECT_THAT(refused(arguments), HasSubstr("--price-region us-east-1"));
}

TEST(Purchase, SaysSoWhenPricesAreThoseOfAnotherRegion) {
  PlanArguments arguments;
  arguments.region = "eu-west-1";
  arguments.price_region = "us-east-1";
  const auto purchase = prepare_purchase(arguments);
  ASSERT_TRUE(purchase) << purchase.error().message();
  EXPECT_EQ(purchase->market.region, "eu-west-1");
  EXPECT_EQ(purchase->market.price_source, "shipped price table of us-east-1");
  EXPECT_THAT(purchase->notes, ElementsAre(HasSubstr("at the prices of us-east-1")));
}

TEST(Purchase, TakesTheLowestPriceWhereZonesAreOfAnotherRegion) {
  const TemporaryFolder folder;
  PlanArguments arguments;
  arguments.prices = folder.write("p.csv",
                                  "# date: 2026-01-02\n"
                                  "instance_type,region,zone,usd_per_hour\n"
                                  "g6.xlarge,us-east-1,us-east-1a,0.9\n"
                                  "g6.xlarge,us-east-1,us-east-1b,0.7\n");
  auto purchase = prepare_purchase(arguments);
  ASSERT_TRUE(purchase) << purchase.error().message();
  EXPECT_THAT(purchase->market.zones(), ElementsAre("us-east-1a", "us-east-1b"));
  arguments.region = "eu-west-1";
  EXPECT_THAT(refused(arguments), HasSubstr("add --price-region"));
  arguments.price_region = "us-east-1";
  purchase = prepare_purchase(arguments);
  ASSERT_TRUE(purchase) << purchase.error().message();
  ASSERT_EQ(purchase->market.offerings.size(), 1u);
  EXPECT_EQ(purchase->market.offerings[0].zone, "");
  EXPECT_EQ(purchase->market.offerings[0].price.micro, 700'000);
}

TEST(Purchase, IsForTheFilesOnlyRegionUnlessOneIsNamed) {
  const TemporaryFolder folder;
  PlanArguments arguments;
  arguments.prices =
      folder.write("p.csv", "instance_type,region,usd_per_hour\ng6.xlarge,eu-west-1,0.9\n");
  const auto purchase = prepare_purchase(arguments);
  ASSERT_TRUE(purchase) << purchase.error().message();
  EXPECT_EQ(purchase->market.region, "eu-west-1");
  arguments.prices = folder.write("q.csv", "instance_type,usd_per_hour\ng6.xlarge,0.9\n");
  EXPECT_EQ(prepare_purchase(arguments)->market.region, "us-east-1");
}

TEST(Purchase, TakesTheDiscountOfTheCapacityTypeBeforeTheGeneralOne) {
  market::Market market;
  market.types.resize(1);
  market.offerings = {{0, "", CapacityType::OnDemand, {1'000'000}},
                      {0, "", CapacityType::Spot, {400'000}}};
  market.price_source = "prices";
  ASSERT_TRUE(apply_discounts({{CapacityType::Spot, 50}, {std::nullopt, 12.5}}, market));
  EXPECT_EQ(market.offerings[0].price.micro, 875'000);
  EXPECT_EQ(market.offerings[1].price.micro, 200'000);
  EXPECT_EQ(market.price_source, "prices, 50 % off spot, 12.5 % off the rest");
  EXPECT_THAT(apply_discounts({{CapacityType::Reserved, 5}}, market).error().message(),
              HasSubstr("no reserved prices"));
}

TEST(Purchase, RefusesTypesThatNothingIsCalled) {
  const struct {
    const char* item;
    const char* says;
  } kCases[] = {
      {"g6.xlrage", "did you mean g6.xlarge"},
      {"p4d", "p4d is a family; write p4d.*"},
      {"m7i.large", "no instance type with NVIDIA GPUs is called \"m7i.large\"; families are"},
      {"q*", "families are"},
      {"p5e.48xlarge", "has no price in shipped price table"},
  };
  for (const auto& test : kCases) {
    PlanArguments arguments;
    arguments.types = {"g6.*", test.item};
    EXPECT_THAT(refused(arguments), HasSubstr(test.says)) << test.item;
  }
}

TEST(Purchase, RefusesZonesAndCapacityThatNothingOffers) {
  PlanArguments arguments;
  arguments.zones = {"eu-west-1a"};
  EXPECT_THAT(refused(arguments), HasSubstr("\"eu-west-1a\" is no zone of us-east-1"));
  arguments.zones = {"us-east-1"};
  EXPECT_THAT(refused(arguments), HasSubstr("expected names such as us-east-1a"));
  arguments.zones = {"us-east-1a"};
  arguments.capacity_types = {CapacityType::Spot};
  EXPECT_THAT(refused(arguments), HasSubstr("no spot prices in shipped price table"));
  EXPECT_THAT(refused(arguments), HasSubstr("--prices FILE"));
  arguments.capacity_types = {CapacityType::Spot, CapacityType::OnDemand};
  const auto purchase = prepare_purchase(arguments);
  ASSERT_TRUE(purchase) << purchase.error().message();
  EXPECT_THAT(purchase->notes, ElementsAre(HasSubstr("planned without")));
  EXPECT_EQ(price_of(purchase->market, "g6.xlarge").micro, 804'800);
}

TEST(Purchase, AddsWhatIsOwnedBeforeWhatIsSold) {
  PlanArguments arguments;
  arguments.owned = {{"p4d.24xlarge", 3}};
  const auto purchase = prepare_purchase(arguments);
  ASSERT_TRUE(purchase) << purchase.error().message();
  const market::Market& market = purchase->market;
  std::vector<market::Offering> found;
  for (const market::Offering& offering : market.offerings)
    if (market.types[offering.type].name == "p4d.24xlarge") found.push_back(offering);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_FALSE(found[0].count.has_value());
  EXPECT_EQ(found[1].count, 3);
  EXPECT_EQ(found[1].price.micro, 0);
  EXPECT_EQ(found[1].capacity_type, CapacityType::Reserved);
  EXPECT_THAT(purchase->policy.capacity_types, ElementsAre(CapacityType::OnDemand))
      << "what may be bought is as before";
}

TEST(Purchase, MayHaveNothingButWhatIsOwned) {
  PlanArguments arguments;
  arguments.capacity_types = {CapacityType::Reserved};
  EXPECT_THAT(refused(arguments), HasSubstr("no reserved prices"));
  arguments.owned = {{"p4d.24xlarge", 3}};
  const auto purchase = prepare_purchase(arguments);
  ASSERT_TRUE(purchase) << purchase.error().message();
  EXPECT_THAT(purchase->notes, ElementsAre(HasSubstr("no reserved prices")));
}

TEST(Purchase, RefusesToOwnWhatItDoesNotKnow) {
  PlanArguments arguments;
  arguments.owned = {{"p4d.24xlarg", 1}};
  EXPECT_THAT(refused(arguments), HasSubstr("--owned: no instance type is called"));
  EXPECT_THAT(refused(arguments), HasSubstr("p4d.24xlarge"));
  arguments.owned = {{"p4d", 1}};
  EXPECT_EQ(refused(arguments), "--owned: p4d is a family; name one of its types");
}

}  // namespace
}  // namespace kerf::cli
