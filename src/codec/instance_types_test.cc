// Tests of the shipped EC2 data: what is in it, what its reader refuses, and the market it makes.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "codec/catalogue.h"
#include "codec/csv.h"

namespace kerf::codec {
namespace {

using market::InstanceType;
using market::Market;

constexpr std::string_view kHeader =
    "instance_type,arch,vcpu,memory_mib,gpu_model,gpu_count,gpu_fraction,gpu_memory_mib,nominal_gb,"
    "local_nvme_gb,network_gbps,max_pods,bare_metal,gpu_label,source\n";
constexpr std::string_view kL4 =
    "g6.xlarge,amd64,4,16384,L4,1,1,22888,24,250,2.5,58,false,l4,K1.14\n";

Market us_east_1() { return *builtin_market("us-east-1"); }

TEST(InstanceTypes, ReadEveryColumn) {
  const auto types = parse_instance_types(
      fmt::format("# a comment\n{}{}", kHeader,
                  "g6f.2xlarge,amd64,8,32768,l4,1,4,5722,6,200,5,58,false,l4,K1.14\n"),
      builtin_catalogue());
  ASSERT_TRUE(types.has_value()) << types.error().message();
  ASSERT_EQ(types->size(), 1u);
  const InstanceType& type = types->front();
  EXPECT_EQ(type.name, "g6f.2xlarge");
  EXPECT_EQ(type.arch, "amd64");
  EXPECT_EQ(type.vcpu, 8);
  EXPECT_EQ(type.memory_mib, 32'768);
  EXPECT_EQ(type.gpu_model, "L4") << "the catalogue's spelling";
  EXPECT_EQ(type.gpu_count, 1);
  EXPECT_EQ(type.gpu_fraction, 4);
  EXPECT_EQ(type.gpu_memory_mib, 5'722);
  EXPECT_EQ(type.nominal_gb, 6);
  EXPECT_EQ(type.local_nvme_gb, 200);
  EXPECT_EQ(type.network_gbps, 5.0);
  EXPECT_EQ(type.max_pods, 58);
  EXPECT_FALSE(type.bare_metal);
  EXPECT_EQ(type.gpu_label, "l4");
}

TEST(InstanceTypes, AreRefusedWithLineAndColumn) {
  struct Case {
    std::string from;
    std::string to;
    std::string says;
  };
  const Case cases[] = {
      {"g6.xlarge", "g6xlarge", "ec2_types.csv:2: instance_type: expected family.size"},
      {"g6.xlarge", "", "ec2_types.csv:2: instance_type: empty"},
      {"amd64", "x86_64", "arch: 'x86_64'; expected amd64 or arm64"},
      {",4,", ",0,", "vcpu: 0 is not between 1 and"},
      {",4,", ",four,", "vcpu: expected a whole number"},
      {"16384", "-16384", "memory_mib: -16384 is not between"},
      {",L4,1,1,", ",L5,1,1,", "gpu_model: 'L5' is not in the GPU catalogue"},
      {",L4,1,1,", ",L4,0,1,", "gpu_count: 0 is not between"},
      {",L4,1,1,", ",L4,1,256,", "gpu_fraction: 256 is not between 1 and 255"},
      {",L4,1,1,", ",L4,2,8,", "gpu_count: a fractional instance has one device"},
      {",L4,1,1,", ",L4,1,8,", "nominal_gb: 8 parts of 24 GB are more than a whole L4"},
      {"22888,24", "22888,23", "nominal_gb: 23, but the catalogue says 24 for a whole L4"},
      {",2.5,", ",-2.5,", "network_gbps: negative"},
      {",2.5,", ",fast,", "network_gbps: expected a number"},
      {"false", "no", "bare_metal: 'no'; expected true or false"},
      {",l4,", ",,", "gpu_label: empty"},
  };
  for (const Case& c : cases) {
    std::string row(kL4);
    const std::size_t at = row.find(c.from);
    ASSERT_NE(at, std::string::npos) << c.from;
    row.replace(at, c.from.size(), c.to);
    const auto types = parse_instance_types(std::string(kHeader) + row, builtin_catalogue());
    ASSERT_FALSE(types.has_value()) << row;
    EXPECT_NE(types.error().message().find(c.says), std::string::npos) << types.error().message();
  }
}

TEST(InstanceTypes, AreRefusedTwiceOrWithoutAColumnOrEmpty) {
  const auto message = [](std::string text) {
    const auto types = parse_instance_types(std::move(text), builtin_catalogue());
    return types ? std::string("accepted") : types.error().message();
  };
  EXPECT_EQ(message(fmt::format("{}{}{}", kHeader, kL4, kL4)),
            "ec2_types.csv:3: instance_type: g6.xlarge is there twice");
  EXPECT_NE(message("instance_type,arch\ng6.xlarge,amd64\n").find("no column 'vcpu'"),
            std::string::npos);
  EXPECT_EQ(message(std::string(kHeader)), "ec2_types.csv: a header, but no types");
}

TEST(BuiltinMarket, HasEveryTypeAndItsOnDemandPrice) {
  const Market market = us_east_1();
  EXPECT_EQ(market.types.size(), 68u);
  EXPECT_EQ(market.offerings.size(), 67u);
  EXPECT_EQ(market.unpriced, std::vector<std::string>{"p5e.48xlarge"});
  EXPECT_EQ(market.region, "us-east-1");
  EXPECT_EQ(market.price_date, "2026-07-20");
  EXPECT_EQ(market.price_source, "shipped price table");
  for (const market::Offering& offering : market.offerings) {
    EXPECT_GT(offering.price.micro, 0) << market.types[offering.type].name;
    EXPECT_EQ(offering.capacity_type, market::CapacityType::OnDemand);
    EXPECT_TRUE(offering.zone.empty());
  }
}

// The widest is the T4: $0.526 in a g4dn.xlarge, $4.352 alone in a g4dn.16xlarge. A decimal point
// in the wrong place would stand out.
TEST(BuiltinMarket, PricesGpusOfAModelWithinAFactorOfNine) {
  const Market market = us_east_1();
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> range;
  for (const market::Offering& offering : market.offerings) {
    const InstanceType& type = market.types[offering.type];
    const std::int64_t per_gpu = offering.price.micro * type.gpu_fraction / type.gpu_count;
    auto& [least, most] = range.try_emplace(type.gpu_model, per_gpu, per_gpu).first->second;
    least = std::min(least, per_gpu);
    most = std::max(most, per_gpu);
  }
  EXPECT_EQ(range.size(), 15u);
  for (const auto& [model, least_most] : range) {
    EXPECT_LE(least_most.second, 9 * least_most.first) << model;
  }
}

TEST(BuiltinMarket, TreatsPartsOfAnL4AsFractions) {
  const Market market = us_east_1();
  struct Case {
    std::string_view type;
    int fraction;
    int nominal_gb;
  };
  for (const Case& c :
       {Case{"g6f.large", 8, 3}, Case{"g6f.xlarge", 8, 3}, Case{"g6f.2xlarge", 4, 6},
        Case{"g6f.4xlarge", 2, 12}, Case{"gr6f.4xlarge", 2, 12}}) {
    const InstanceType* type = market.type_named(c.type);
    ASSERT_NE(type, nullptr) << c.type;
    EXPECT_EQ(type->gpu_model, "L4");
    EXPECT_EQ(type->gpu_count, 1);
    EXPECT_EQ(type->gpu_fraction, c.fraction);
    EXPECT_EQ(type->nominal_gb, c.nominal_gb);
  }
  std::set<std::string> fractional;
  for (const InstanceType& type : market.types) {
    if (type.gpu_fraction > 1) fractional.insert(type.family());
  }
  EXPECT_EQ(fractional, (std::set<std::string>{"g6f", "gr6f"}));
}

TEST(BuiltinMarket, TellsA100AndV100ByMemory) {
  const Market market = us_east_1();
  const auto model = [&market](std::string_view name) {
    return market.type_named(name)->gpu_model;
  };
  EXPECT_EQ(model("p4d.24xlarge"), "A100-40");
  EXPECT_EQ(model("p4de.24xlarge"), "A100-80");
  EXPECT_EQ(model("p3.2xlarge"), "V100-16");
  EXPECT_EQ(model("p3dn.24xlarge"), "V100-32");
  EXPECT_EQ(model("g7e.2xlarge"), "RTX-PRO-6000");
  EXPECT_EQ(model("g7.2xlarge"), "RTX-PRO-4500");
}

TEST(BuiltinMarket, SaysWhatToDoForARegionWithoutPrices) {
  EXPECT_EQ(builtin_regions(), std::vector<std::string>{"us-east-1"});
  for (const std::string_view region : {"eu-west-1", ""}) {
    const auto market = builtin_market(region);
    ASSERT_FALSE(market.has_value());
    EXPECT_EQ(market.error().code(), ErrorCode::NotFound);
    EXPECT_NE(market.error().message().find("--prices"), std::string::npos);
    EXPECT_NE(market.error().message().find("--price-region us-east-1"), std::string::npos);
  }
}

TEST(BuiltinMarket, AgreesWithTheReferenceTable) {
  const std::string path = KERF_SHARED_DIR "/data/ec2/ec2_gpu_instances.csv";
  std::ifstream file(path);
  if (!file) GTEST_SKIP() << "no reference data at " << path;
  std::stringstream text;
  text << file.rdbuf();
  const auto table = CsvTable::parse(text.str(), path);
  ASSERT_TRUE(table.has_value());
  const Market market = us_east_1();
  ASSERT_EQ(table->rows().size(), market.types.size());
  for (const CsvRow& row : table->rows()) {
    const auto cell = [&](std::string_view name) {
      return std::string(row.cells[*table->column(name)]);
    };
    const std::string name = cell("instance_type");
    const InstanceType* type = market.type_named(name);
    ASSERT_NE(type, nullptr) << name;
    EXPECT_EQ(cell("arch"), type->arch) << name;
    EXPECT_EQ(cell("vcpu"), std::to_string(type->vcpu)) << name;
    EXPECT_EQ(cell("memory_mib"), std::to_string(type->memory_mib)) << name;
    EXPECT_EQ(cell("gpu_model"), type->gpu_label) << name;
    EXPECT_EQ(cell("gpu_count"), std::to_string(type->gpu_fraction > 1 ? 0 : type->gpu_count))
        << name;
    EXPECT_EQ(cell("gpu_memory_mib"), std::to_string(type->gpu_memory_mib)) << name;
    EXPECT_EQ(cell("local_nvme_gb"),
              type->local_nvme_gb == 0 ? "" : std::to_string(type->local_nvme_gb))
        << name;
    EXPECT_EQ(cell("network_gbps"), fmt::format("{}", type->network_gbps)) << name;
    EXPECT_EQ(cell("max_pods"), std::to_string(type->max_pods)) << name;
    EXPECT_EQ(cell("bare_metal"), type->bare_metal ? "true" : "false") << name;
    std::string price;
    for (const market::Offering& offering : market.offerings) {
      if (&market.types[offering.type] == type) price = format_exact(offering.price);
    }
    EXPECT_EQ(cell("on_demand_usd_per_hour_us_east_1"), price) << name;
  }
}

}  // namespace
}  // namespace kerf::codec
