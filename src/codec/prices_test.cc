// Tests of price files: tables and metrics pages become offerings, and contradictions are refused.
#include "codec/prices.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace kerf::codec {
namespace {

using market::CapacityType;
using market::Market;

/// A market of three types without prices.
Market three_types() {
  Market market;
  for (const char* name : {"g6.xlarge", "p4d.24xlarge", "p5e.48xlarge"}) {
    market.types.emplace_back().name = name;
  }
  market.region = "before";
  market.price_source = "before";
  market.offerings = {{0, "", CapacityType::OnDemand, {7}}};
  return market;
}

/// "type zone capacity price" for each offering.
std::vector<std::string> offerings_of(const Market& market) {
  std::vector<std::string> out;
  for (const market::Offering& offering : market.offerings) {
    out.push_back(fmt::format("{} {} {} {}", market.types[offering.type].name,
                              offering.zone.empty() ? "-" : offering.zone,
                              to_string(offering.capacity_type), format_exact(offering.price)));
  }
  return out;
}

/// The message of the error; the market must be as it was.
Error refused(std::string text, std::string_view region = "") {
  Market market = three_types();
  const Result<PriceNote> note = load_prices(std::move(text), "prices.csv", region, market);
  EXPECT_EQ(market.region, "before");
  EXPECT_EQ(market.offerings.size(), 1u);
  if (!note) return note.error();
  ADD_FAILURE() << "accepted";
  return Error(ErrorCode::Unavailable, "accepted");
}

bool says(const Error& error, std::string_view part) {
  if (error.message().find(part) != std::string::npos) return true;
  ADD_FAILURE() << "'" << error.message() << "' does not say '" << part << "'";
  return false;
}

std::string price_line(std::string_view type, std::string_view zone, std::string_view capacity,
                       std::string_view value) {
  return fmt::format(
      "karpenter_cloudprovider_instance_type_offering_price_estimate"
      "{{capacity_type=\"{}\",instance_type=\"{}\",zone=\"{}\"}} {}\n",
      capacity, type, zone, value);
}

std::string available_line(std::string_view type, std::string_view zone, std::string_view capacity,
                           std::string_view value) {
  return fmt::format(
      "karpenter_cloudprovider_instance_type_offering_available"
      "{{capacity_type=\"{}\",instance_type=\"{}\",zone=\"{}\"}} {}\n",
      capacity, type, zone, value);
}

using Lines = std::vector<std::string>;

TEST(PriceTable, GivesOfferingsInOrderWithDateRegionAndSource) {
  Market market = three_types();
  const auto note = load_prices(
      "# date: 2026-07-20\n"
      "# region: eu-west-1\n"
      "usd_per_hour,zone,instance_type,capacity_type,remark\n"
      "21.957642,,p4d.24xlarge,,list price\n"
      "0.3,eu-west-1b,g6.xlarge,spot,\n"
      "0.25,eu-west-1a,g6.xlarge,spot,\n"
      "0.8048,,g6.xlarge,on-demand,\n"
      "0.1,,m5.large,,\n"
      "0.1,,m5.large,spot,\n",
      "dir/prices.csv", "", market);
  ASSERT_TRUE(note.has_value()) << note.error().message();
  EXPECT_EQ(offerings_of(market),
            (Lines{"g6.xlarge - on-demand 0.8048", "g6.xlarge eu-west-1a spot 0.25",
                   "g6.xlarge eu-west-1b spot 0.3", "p4d.24xlarge - on-demand 21.957642"}));
  EXPECT_EQ(note->offerings, 4u);
  EXPECT_EQ(note->unknown_types, 1u);
  EXPECT_EQ(note->unavailable, 0u);
  EXPECT_EQ(market.region, "eu-west-1");
  EXPECT_EQ(market.price_date, "2026-07-20");
  EXPECT_EQ(market.price_source, "prices.csv");
  EXPECT_EQ(market.unpriced, Lines{"p5e.48xlarge"});
}

TEST(PriceTable, TakesAnOwnedInstanceForNothing) {
  Market market = three_types();
  ASSERT_TRUE(load_prices("instance_type,capacity_type,usd_per_hour\np4d.24xlarge,reserved,0\n",
                          "-", "us-east-1", market));
  EXPECT_EQ(offerings_of(market), Lines{"p4d.24xlarge - reserved 0"});
  EXPECT_EQ(market.region, "us-east-1") << "a file that names no region is for the one wanted";
  EXPECT_EQ(market.price_date, "date not stated");
  EXPECT_EQ(market.price_source, "standard input");
  EXPECT_EQ(market.unpriced, (Lines{"g6.xlarge", "p5e.48xlarge"}));
}

TEST(PriceTable, KeepsOnlyTheRegionThatIsWanted) {
  const std::string text =
      "region,instance_type,usd_per_hour\n"
      "us-east-1,g6.xlarge,0.8\n"
      "eu-west-1,g6.xlarge,0.9\n"
      "eu-west-1,p4d.24xlarge,25\n";
  Market market = three_types();
  ASSERT_TRUE(load_prices(text, "p.csv", "us-east-1", market));
  EXPECT_EQ(offerings_of(market), Lines{"g6.xlarge - on-demand 0.8"});
  EXPECT_EQ(market.unpriced, (Lines{"p4d.24xlarge", "p5e.48xlarge"}));

  const Error missing = refused(text, "ap-south-1");
  EXPECT_EQ(missing.code(), ErrorCode::NotFound);
  says(missing, "no prices for region ap-south-1; the file has eu-west-1, us-east-1");

  const Error several = refused(text);
  EXPECT_EQ(several.code(), ErrorCode::InvalidArgument);
  says(several, "several regions (eu-west-1, us-east-1)");
}

TEST(PriceTable, ReadsTheRegionFromTheZone) {
  Market market = three_types();
  ASSERT_TRUE(
      load_prices("instance_type,usd_per_hour,zone\n"
                  "g6.xlarge,0.8,us-gov-west-1b\n"
                  "p4d.24xlarge,21,us-gov-west-1-bos-1a\n",
                  "p.csv", "us-gov-west-1", market));
  EXPECT_EQ(market.region, "us-gov-west-1");
  EXPECT_EQ(market.zones(), (Lines{"us-gov-west-1-bos-1a", "us-gov-west-1b"}));
}

TEST(PriceTable, AcceptsAPriceThatIsSaidTwiceAndRefusesTwoPrices) {
  Market market = three_types();
  EXPECT_TRUE(load_prices("instance_type,usd_per_hour\ng6.xlarge,0.8\ng6.xlarge,0.80\n", "p.csv",
                          "", market));
  EXPECT_EQ(market.offerings.size(), 1u);

  const Error error = refused("instance_type,usd_per_hour\ng6.xlarge,0.8\ng6.xlarge,0.9\n");
  says(error, "prices.csv:3: g6.xlarge on-demand has two prices: line 2 says 0.8, line 3 says 0.9");
}

TEST(PriceTable, RefusesAPriceByZoneBesideOneForTheRegion) {
  const std::string head = "instance_type,usd_per_hour,zone\n";
  says(refused(head + "g6.xlarge,0.8,\ng6.xlarge,0.7,us-east-1a\n", "us-east-1"),
       "prices.csv:2: no region here");
  says(refused("# region: us-east-1\n" + head + "g6.xlarge,0.8,\ng6.xlarge,0.7,us-east-1a\n"),
       "prices.csv:4: g6.xlarge on-demand in us-east-1a is priced by zone on one");
  says(refused("# region: us-east-1\n" + head + "g6.xlarge,0.7,us-east-1a\ng6.xlarge,0.8,\n"),
       "line 3 says 0.7, line 4 says 0.8");
}

TEST(PriceTable, PointsAtWhatIsWrong) {
  struct Case {
    std::string text;
    std::string says;
  };
  const Case cases[] = {
      {"instance_type,usd_per_hour\ng6.xlarge,-1\n", "prices.csv:2: usd_per_hour: '-1': expected"},
      {"instance_type,usd_per_hour\ng6.xlarge,NaN\n", "prices.csv:2: usd_per_hour: 'NaN'"},
      {"instance_type,usd_per_hour\ng6.xlarge,\n", "prices.csv:2: usd_per_hour: ''"},
      {"instance_type,usd_per_hour\ng6.xlarge,58750\n", "$58,750.00 is more than any instance"},
      {"instance_type,usd_per_hour\n,1\n", "prices.csv:2: instance_type: empty"},
      {"instance_type,price\ng6.xlarge,1\n", "no column 'usd_per_hour'"},
      {"instance_type,usd_per_hour\n", "a header, but no prices"},
      {"", "no header line"},
      {"instance_type,usd_per_hour,capacity_type\ng6.xlarge,1,ondemand\n",
       "prices.csv:2: capacity_type: 'ondemand' is no capacity type; expected on-demand, spot or"},
      {"instance_type,usd_per_hour,region\ng6.xlarge,1,US East\n",
       "prices.csv:2: region: expected a region's name"},
      {"instance_type,usd_per_hour,zone\ng6.xlarge,1,use1-az1\n", "names another zone in every"},
      {"instance_type,usd_per_hour,zone\ng6.xlarge,1,us-east-1\n", "expected a zone's name"},
      {"instance_type,usd_per_hour,zone,region\ng6.xlarge,1,us-east-1a,us-east-2\n",
       "prices.csv:2: zone: us-east-1a is not in region us-east-2"},
      {"# region: Ireland\ninstance_type,usd_per_hour\ng6.xlarge,1\n", "comment 'region:'"},
      {"# date:\ninstance_type,usd_per_hour\ng6.xlarge,1\n", "comment 'date:'"},
      {"instance_type,usd_per_hour\nm5.large,0.1\n", "'m5.large' is none"},
  };
  for (const Case& c : cases) says(refused(c.text), c.says);
}

TEST(PricePage, TakesPricesOfWhatIsAvailable) {
  Market market = three_types();
  const auto note = load_prices(
      "# HELP karpenter_cloudprovider_instance_type_offering_available Availability\n" +
          available_line("g6.xlarge", "us-east-1a", "on-demand", "1") +
          available_line("g6.xlarge", "us-east-1b", "on-demand", "0") +
          available_line("m5.large", "us-east-1a", "on-demand", "1") +
          "process_cpu_seconds_total 12.5\n" + "go_gc_duration_seconds{quantile=\"0\"} NaN\n" +
          price_line("g6.xlarge", "us-east-1b", "on-demand", "0.8048") +
          price_line("g6.xlarge", "us-east-1a", "on-demand", "0.8048") +
          price_line("g6.xlarge", "us-east-1a", "spot", "3.1e-01") +
          price_line("m5.large", "us-east-1a", "on-demand", "0.096"),
      "saved/metrics.txt", "", market);
  ASSERT_TRUE(note.has_value()) << note.error().message();
  EXPECT_EQ(offerings_of(market),
            (Lines{"g6.xlarge us-east-1a on-demand 0.8048", "g6.xlarge us-east-1a spot 0.31"}));
  EXPECT_EQ(note->offerings, 2u);
  EXPECT_EQ(note->unavailable, 1u);
  EXPECT_EQ(note->unknown_types, 1u);
  EXPECT_EQ(market.region, "us-east-1");
  EXPECT_EQ(market.price_date, "date not stated");
  EXPECT_EQ(market.price_source, "Karpenter metrics page metrics.txt");
  EXPECT_EQ(market.unpriced, (Lines{"p4d.24xlarge", "p5e.48xlarge"}));
}

TEST(PricePage, TakesZeroForAnUnknownPriceUnlessTheCapacityIsReserved) {
  Market market = three_types();
  const auto note = load_prices(price_line("p5e.48xlarge", "us-east-1a", "on-demand", "0") +
                                    available_line("p5e.48xlarge", "us-east-1a", "on-demand", "0") +
                                    price_line("p5e.48xlarge", "us-east-1b", "spot", "0") +
                                    price_line("g6.xlarge", "us-east-1a", "reserved", "8.048e-08") +
                                    available_line("g6.xlarge", "us-east-1a", "reserved", "1"),
                                "metrics.txt", "us-east-1", market);
  ASSERT_TRUE(note.has_value()) << note.error().message();
  EXPECT_EQ(offerings_of(market), Lines{"g6.xlarge us-east-1a reserved 0"});
  EXPECT_EQ(market.unpriced, (Lines{"p4d.24xlarge", "p5e.48xlarge"}));
}

TEST(PricePage, CountsATypeThatIsOnlyUnavailableAsPriced) {
  Market market = three_types();
  ASSERT_TRUE(load_prices(price_line("g6.xlarge", "us-east-1a", "spot", "0.3") +
                              available_line("g6.xlarge", "us-east-1a", "spot", "0"),
                          "metrics.txt", "", market));
  EXPECT_TRUE(market.offerings.empty());
  EXPECT_EQ(market.unpriced, (Lines{"p4d.24xlarge", "p5e.48xlarge"}));
}

TEST(PricePage, PointsAtWhatIsWrong) {
  const std::string fine = price_line("g6.xlarge", "us-east-1a", "spot", "0.3");
  struct Case {
    std::string text;
    std::string says;
  };
  const Case cases[] = {
      {fine + price_line("p4d.24xlarge", "us-east-1a", "spot", "-1"), "prices.csv:2: '-1'"},
      {fine + price_line("p4d.24xlarge", "us-east-1a", "spot", "NaN"), "prices.csv:2: 'NaN'"},
      {fine + price_line("p4d.24xlarge", "us-east-1a", "spot", "+Inf"), "prices.csv:2: '+Inf'"},
      {fine + price_line("p4d.24xlarge", "us-east-1a", "spot", "1e6"), "more than any instance"},
      {fine + price_line("g6.xlarge", "us-east-1a", "spot", "0.4"),
       "prices.csv:2: g6.xlarge spot in us-east-1a has two prices: line 1 says 0.3, line 2 says"},
      {fine + price_line("g6.xlarge", "us-east-1a", "preemptible", "1"), "prices.csv:2: 'preempt"},
      {fine + price_line("g6.xlarge", "", "spot", "1"), "prices.csv:2: label zone is missing"},
      {fine + price_line("g6.xlarge", "use1-az1", "spot", "1"), "prices.csv:2: zone 'use1-az1'"},
      {fine + available_line("g6.xlarge", "us-east-1a", "spot", "2"),
       "prices.csv:2: availability is 0 or 1, got '2'"},
      {fine + available_line("g6.xlarge", "us-east-1a", "spot", "1") +
           available_line("g6.xlarge", "us-east-1a", "spot", "0"),
       "prices.csv:3: another availability of this offering than on line 2"},
      {price_line("g6.xlarge", "us-east-1a", "on-demand", "0") +
           available_line("g6.xlarge", "us-east-1a", "on-demand", "1"),
       "prices.csv:1: price 0 for on-demand g6.xlarge in us-east-1a"},
      {fine + "karpenter_nodes{ 1\n", "prices.csv:2: expected a label's name"},
      {"up 1\n", "no series ..._instance_type_offering_price_estimate"},
      {available_line("g6.xlarge", "us-east-1a", "spot", "1"), "no series ..._instance_type_off"},
      {price_line("m5.large", "us-east-1a", "spot", "1"), "'m5.large' is none"},
      {fine + price_line("g6.xlarge", "eu-west-1a", "spot", "0.3"), "several regions"},
  };
  for (const Case& c : cases) says(refused(c.text), c.says);
}

TEST(Prices, RefusesFilesBeyondTheBound) {
  EXPECT_EQ(refused(std::string((64u << 20) + 1, '\n')).code(), ErrorCode::TooLarge);
  EXPECT_EQ(refused("up 1\n" + std::string(1'000'001, '\n')).code(), ErrorCode::TooLarge);
}

TEST(Prices, ReadAWholePageOfKarpentersMetrics) {
  const std::string path = KERF_SHARED_DIR "/data/karpenter/metrics.txt";
  std::ifstream file(path);
  if (!file) GTEST_SKIP() << "no reference data at " << path;
  std::stringstream text;
  text << file.rdbuf();

  // An independent count: every line of availability that ends in " 1".
  std::size_t available = 0;
  std::vector<std::string> names;
  for (std::string line; std::getline(text, line);) {
    if (line.find("offering_available{") == std::string::npos) continue;
    available += line.ends_with("} 1") ? 1 : 0;
    const std::size_t at = line.find("instance_type=\"") + 15;
    const std::string name = line.substr(at, line.find('"', at) - at);
    if (names.empty() || names.back() != name) names.push_back(name);
  }
  ASSERT_GT(available, 100u);
  ASSERT_EQ(names.size(), 68u);
  Market market;
  for (const std::string& name : names) market.types.emplace_back().name = name;
  const auto note = load_prices(text.str(), path, "us-east-1", market);
  ASSERT_TRUE(note.has_value()) << note.error().message();
  EXPECT_EQ(note->offerings, available);
  EXPECT_EQ(note->unknown_types, 0u);
  EXPECT_EQ(market.zones(), (Lines{"us-east-1a", "us-east-1b", "us-east-1c"}));
  EXPECT_EQ(market.unpriced, Lines{"p5e.48xlarge"});
  for (const market::Offering& offering : market.offerings) {
    EXPECT_GT(offering.price.micro, 0);
    if (market.types[offering.type].name == "p4d.24xlarge" &&
        offering.capacity_type == CapacityType::OnDemand) {
      EXPECT_EQ(offering.price.micro, 21'957'600) << "the page has six significant digits";
    }
  }
}

TEST(Discount, MultipliesOneCapacityTypeAndRoundsHalfUp) {
  Market market = three_types();
  market.offerings = {{0, "", CapacityType::OnDemand, {25}},
                      {0, "", CapacityType::Spot, {25}},
                      {1, "", CapacityType::OnDemand, {113'932'800}},
                      {2, "", CapacityType::OnDemand, {0}}};
  discount(market, CapacityType::OnDemand, 0.1);
  EXPECT_EQ(market.offerings[0].price.micro, 3) << "2.5 rounds up";
  EXPECT_EQ(market.offerings[1].price.micro, 25);
  EXPECT_EQ(market.offerings[2].price.micro, 11'393'280);
  EXPECT_EQ(market.offerings[3].price.micro, 0);
  discount(market, CapacityType::Spot, 0.88);
  EXPECT_EQ(market.offerings[1].price.micro, 22);
}

}  // namespace
}  // namespace kerf::codec
