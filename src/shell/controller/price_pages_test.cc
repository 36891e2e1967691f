// Tests of endpoints and of the choice between pages.
#include "shell/controller/price_pages.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "codec/catalogue.h"
#include "codec/json.h"

namespace kerf::shell {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::string pod(const std::string& ip, const std::string& phase = "Running",
                const std::string& ns = "kube-system", const std::string& ports = "[]") {
  return fmt::format(
      R"({{"metadata":{{"name":"k","namespace":"{}"}},"spec":{{"containers":[{{"name":"c",
      "ports":{}}}]}},"status":{{"phase":"{}","podIP":"{}"}}}})",
      ns, ports, phase, ip);
}

Result<std::vector<Endpoint>> endpoints(const std::string& items) {
  return endpoints_of_pods(codec::parse_json("{\"items\":[" + items + "]}", "pods")->root, 8080);
}

std::vector<std::string> urls(const std::string& items) {
  std::vector<std::string> urls;
  const auto found = endpoints(items);
  for (const Endpoint& endpoint : *found) urls.push_back(endpoint.url);
  return urls;
}

TEST(PricePages, AreOnRunningPodsOfKarpenter) {
  EXPECT_THAT(urls(pod("10.0.3.7") + "," + pod("10.0.3.8", "Pending") + "," + pod("fd00::9")),
              ElementsAre("http://10.0.3.7:8080/metrics", "http://[fd00::9]:8080/metrics"));
  EXPECT_EQ(endpoints(pod("10.0.3.7"))->front().name, "10.0.3.7:8080");
}

TEST(PricePages, AreOnThePortThatTheChartNames) {
  const std::string http = R"({"name":"http","containerPort":8081})";
  const auto named = [](const char* port) {
    return fmt::format(R"({{"name":"http-metrics","containerPort":{}}})", port);
  };
  const auto with = [](const std::string& ports) {
    return pod("10.0.3.7", "Running", "kube-system", "[" + ports + "]");
  };
  EXPECT_THAT(urls(with(http + "," + named("8000"))), ElementsAre("http://10.0.3.7:8000/metrics"));
  for (const char* wrong : {"0", "65536", "-1", "\"8000\"", "null"})
    EXPECT_THAT(urls(with(named(wrong))), ElementsAre("http://10.0.3.7:8080/metrics")) << wrong;
}

TEST(PricePages, AreAskedOfAtMostSixteenPods) {
  std::string items = pod("10.0.0.0");
  for (int i = 1; i < 40; ++i) items += "," + pod(fmt::format("10.0.0.{}", i));
  EXPECT_EQ(endpoints(items)->size(), kEndpointsMax);
}

TEST(PricePages, AreOnNoAddressThatIsNone) {
  for (const char* ip : {"", "10.0.3", "example.com", "10.0.3.7/x", "10.0.3.7@evil", "::1%eth0"})
    EXPECT_EQ(endpoints(pod(ip)).error().code(), ErrorCode::NotFound) << ip;
  EXPECT_EQ(endpoints("").error().message(), "no pod of Karpenter is running");
  EXPECT_FALSE(endpoints(R"(null,1,"a",[],{},{"status":[]},{"status":{"phase":1,"podIP":2}})"));
  EXPECT_FALSE(endpoints_of_pods(codec::Node::null(), 8080));
}

TEST(PricePages, AreNobodysWhereTwoCallThemselvesKarpenter) {
  const auto both = endpoints(pod("10.0.3.7") + "," + pod("10.0.9.9", "Running", "mallory"));
  ASSERT_FALSE(both);
  EXPECT_EQ(both.error().message(),
            "pods with Karpenter's label run in 2 namespaces (kube-system, mallory ...); say whose "
            "prices are meant with --karpenter-namespace");
}

TEST(PricePages, AreAtUrlsThatAreGiven) {
  EXPECT_EQ(*endpoint_of_url("http://karpenter.x.svc:8000/metrics?a"),
            (Endpoint{"http://karpenter.x.svc:8000/metrics?a", "karpenter.x.svc:8000"}));
  EXPECT_THAT(endpoint_of_url("https://a/\n").error().message(),
              HasSubstr("\"https://a/\\n\": expected a URL such as"));
}

// --- The choice ----------------------------------------------------------------------------------

const market::Market& types() {
  static const market::Market market = *codec::builtin_market("us-east-1");
  return market;
}

std::string priced(const std::string& type, const std::string& zone, const std::string& price,
                   const char* available = "1", const char* capacity = "on-demand") {
  const std::string labels = fmt::format(
      "{{capacity_type=\"{}\",instance_type=\"{}\",zone=\"{}\"}}", capacity, type, zone);
  const std::string name = "karpenter_cloudprovider_instance_type_offering_";
  return name + "available" + labels + " " + available + "\n" + name + "price_estimate" + labels +
         " " + price + "\n";
}

const Endpoint kFirst{"http://10.0.3.7:8080/metrics", "10.0.3.7:8080"};
const Endpoint kSecond{"http://10.0.3.8:8080/metrics", "10.0.3.8:8080"};
const std::string kFollower = "# HELP up x\n# TYPE up gauge\nup 1\n";

/// Of a follower's page and this one.
Reading chosen(Result<std::string> page) {
  PageChoice choice(types());
  choice.add(kFirst, kFollower);
  choice.add(kSecond, std::move(page));
  return choice.finish();
}

TEST(PricePages, TheLeadersIsBelieved) {
  const Reading reading = chosen(kFollower + priced("g6.xlarge", "eu-west-1a", "0.9") +
                                 priced("g6.xlarge", "eu-west-1a", "0.4", "0", "spot") +
                                 priced("c7g.large", "eu-west-1a", "0.1"));
  EXPECT_EQ(reading.trouble, "");
  EXPECT_EQ(reading.endpoint, "10.0.3.8:8080");
  ASSERT_NE(reading.market, nullptr);
  EXPECT_EQ(reading.market->region, "eu-west-1");
  EXPECT_EQ(reading.market->price_source, "Karpenter's metrics at 10.0.3.8:8080");
  ASSERT_EQ(reading.market->offerings.size(), 1u) << "what is not available is not offered";
  EXPECT_EQ(reading.market->offerings[0].price.micro, 900'000);
  EXPECT_EQ(reading.note.unavailable, 1u);
  EXPECT_EQ(reading.note.unknown_types, 1u);
}

TEST(PricePages, TheFullestIsBelievedAndOfTwoThatAreEqualTheFirst) {
  const std::string one = priced("g6.xlarge", "us-east-1a", "0.9");
  const std::string two = one + priced("p5.4xlarge", "us-east-1a", "6.9", "0");
  const auto endpoint = [](const std::string& first, const std::string& second) {
    PageChoice choice(types());
    choice.add(kFirst, first);
    choice.add(kSecond, second);
    return choice.finish().endpoint;
  };
  EXPECT_EQ(endpoint(one, two), kSecond.name) << "what is not available counts, too";
  EXPECT_EQ(endpoint(two, one), kFirst.name);
  EXPECT_EQ(endpoint(one, one), kFirst.name);
}

TEST(PricePages, WithEverythingSoldOutIsBelieved) {
  const Reading reading = chosen(priced("g6.xlarge", "us-east-1a", "0.9", "0"));
  ASSERT_NE(reading.market, nullptr);
  EXPECT_TRUE(reading.market->offerings.empty());
}

TEST(PricePages, OfNoUseAreSaidToBe) {
  const std::string good = priced("g6.xlarge", "us-east-1a", "0.9");
  const struct {
    const char* what;
    Result<std::string> page;
    const char* says;
  } cases[] = {
      {"no prices", kFollower, "10.0.3.8:8080: no series"},
      {"no GPU types", priced("c7g.large", "us-east-1a", "0.1"),
       "10.0.3.8:8080: no price of an instance type with NVIDIA GPUs"},
      {"empty", std::string(), "10.0.3.8:8080: the page is empty"},
      {"another's", std::string("<html>hello</html>\n"), "10.0.3.8:8080: the answer is no page"},
      {"a table", std::string("instance_type,usd_per_hour\ng6.xlarge,0.8\n"), "no page of metrics"},
      {"cut off", good.substr(0, good.size() - 1), "10.0.3.8:8080: the page ends in the middle"},
      {"garbage", std::string("\x01\x02\xff\n"), "10.0.3.8:8080: the answer is no page"},
      {"garbage in it", good + "\xff{\n", "10.0.3.8:8080:3: "},
      {"absurd", priced("g6.xlarge", "us-east-1a", "1e8"), "10.0.3.8:8080:2: "},
      {"negative", priced("g6.xlarge", "us-east-1a", "-1"), "10.0.3.8:8080:2: "},
      {"two regions", good + priced("g6.xlarge", "eu-west-1a", "0.9"), "several regions"},
      {"not had", fail(ErrorCode::Unavailable, "answers with HTTP status 503; expected 200"),
       "10.0.3.8:8080: answers with HTTP status 503"},
  };
  for (const auto& c : cases) {
    const Reading reading = chosen(c.page);
    EXPECT_EQ(reading.market, nullptr) << c.what;
    EXPECT_THAT(reading.trouble, HasSubstr(c.says)) << c.what;
    EXPECT_THAT(reading.trouble, HasSubstr("a NodePool with limits of 0")) << c.what;
  }
  PageChoice alone(types());
  alone.add(kFirst, std::string("<html>\n"));
  EXPECT_THAT(alone.finish().trouble, Not(HasSubstr("NodePool")));
}

TEST(PricePages, TroubleIsShortWhateverTheySay) {
  PageChoice choice(types());
  for (int i = 0; i < 16; ++i)
    choice.add({"", fmt::format("10.0.3.{}:8080", i)},
               fail(ErrorCode::Unavailable, std::string(i, 'x') + std::string(5000, '\xc3')));
  const Reading reading = choice.finish();
  EXPECT_LT(reading.trouble.size(), 1000u);
  EXPECT_THAT(reading.trouble, HasSubstr("; and 13 more"));
}

TEST(PricePages, ARecordedOneIsBelieved) {
  const std::string path = KERF_SHARED_DIR "/data/karpenter/metrics.txt";
  std::ifstream file(path);
  if (!file) GTEST_SKIP() << "no reference data at " << path;
  std::stringstream text;
  text << file.rdbuf();
  const Reading reading = chosen(text.str());
  EXPECT_EQ(reading.trouble, "");
  ASSERT_NE(reading.market, nullptr);
  EXPECT_GT(reading.market->offerings.size(), 100u);
  EXPECT_EQ(reading.market->region, "us-east-1");
  EXPECT_THAT(reading.market->zones(), ElementsAre("us-east-1a", "us-east-1b", "us-east-1c"));
}

}  // namespace
}  // namespace kerf::shell
