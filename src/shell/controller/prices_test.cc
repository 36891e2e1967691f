// Tests of rounds of prices: a loop, an API server that is played, pages on sockets.
#include "shell/controller/prices.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "codec/catalogue.h"
#include "shell/apiserver/server_testing.h"
#include "shell/apiserver/transport_testing.h"

namespace kerf::shell {
namespace {

using apiserver::Conversation;
using apiserver::TestServer;
using testing::HasSubstr;
using testing::StartsWith;

std::string page(const std::string& price) {
  const std::string labels =
      "{capacity_type=\"on-demand\",instance_type=\"g6.xlarge\",zone=\"us-west-2a\"} ";
  const std::string name = "karpenter_cloudprovider_instance_type_offering_";
  return name + "available" + labels + "1\n" + name + "price_estimate" + labels + price + "\n";
}

std::string pod(const std::string& url, const std::string& ns = "kube-system") {
  const std::string port = url.substr(url.rfind(':') + 1);
  return fmt::format(
      R"({{"metadata":{{"name":"k","namespace":"{}"}},"spec":{{"containers":[{{"ports":
      [{{"name":"http-metrics","containerPort":{}}}]}}]}},"status":{{"phase":"Running",
      "podIP":"127.0.0.1"}}}})",
      ns, port);
}

std::string pods(const std::string& items) {
  return R"({"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":[)" +
         items + "]}";
}

/// Rounds follow each other at once; wall clock: 1000, 2000 ... at each round of pages.
class PricesTest : public testing::Test {
 protected:
  PricesTest() {
    auto transport = std::make_unique<apiserver::FakeTransport>();
    transport_ = transport.get();
    apiserver::Client::Options options;
    options.credentials = {"http://127.0.0.1:1", "", ""};
    client_ = *apiserver::Client::start(std::move(options), std::move(transport));
    options_.every_ms = 1;
    options_.deadline_ms = 60'000;
    loop_.set_after_batch([this] {
      transport_->run_posted();
      for (const auto id : transport_->open()) {
        asked_ = transport_->at(id).path;
        transport_->answer(list_status_, list_);
      }
    });
  }

  /// What is told until there is that much of it.
  const std::vector<Prices::Told>& run(std::size_t rounds) {
    Prices prices(
        options_, *codec::builtin_market("us-east-1"), *client_, loop_,
        telemetry::Log({"prices", telemetry::Level::Error, 2, {}}),
        [this] { return wall_ += 1000; },
        [this, rounds](const Prices::Told& told) {
          if (told_.size() < rounds) told_.push_back(told);
          if (told_.size() == rounds) loop_.quit();
        });
    prices.start();
    EXPECT_TRUE(told_.empty()) << "nothing is told from inside start()";
    loop_.run();
    return told_;
  }

  runtime::Loop loop_;
  apiserver::FakeTransport* transport_ = nullptr;
  std::unique_ptr<apiserver::Client> client_;
  Prices::Options options_;
  int list_status_ = 200;
  std::string list_ = pods("");
  std::string asked_;
  std::int64_t wall_ = 0;
  std::vector<Prices::Told> told_;
};

/// Answers its n-th connection with the n-th page, the last one from then on; "" = HTTP 503.
TestServer::Handle serve(std::vector<std::string> pages) {
  return [pages = std::move(pages)](Conversation& it, int n) {
    it.request();
    const std::string& body = pages[std::min<std::size_t>(n, pages.size() - 1)];
    it.answer(body.empty() ? "503 Service Unavailable" : "200 OK", body);
  };
}

TEST_F(PricesTest, APageStandsUntilAnotherOneSaysSomethingElse) {
  TestServer server(serve({page("0.8"), page("0.8"), "", page("0.9")}));
  options_.urls = {server.url() + "/metrics"};
  const auto& told = run(4);
  ASSERT_NE(told[0].market, nullptr);
  ASSERT_EQ(told[0].market->offerings.size(), 1u);
  EXPECT_EQ(told[0].market->offerings[0].price.micro, 800'000);
  EXPECT_EQ(told[0].market->offerings[0].zone, "us-west-2a") << "the page says which region it is";
  EXPECT_EQ(told[0].market->price_date, "1970-01-01T00:00:01Z");
  EXPECT_EQ(told[0].as_of_ms, 1000);
  EXPECT_EQ(told[0].trouble, "");
  EXPECT_THAT(told[0].source, StartsWith("Karpenter's metrics at 127.0.0.1:"));
  // The same again is as of now, and no other market.
  EXPECT_EQ(told[1].market, told[0].market);
  EXPECT_EQ(told[1].as_of_ms, 2000);
  EXPECT_EQ(told[1].trouble, "");
  // No answer: it stands, as of then.
  EXPECT_EQ(told[2].market, told[0].market);
  EXPECT_EQ(told[2].as_of_ms, 2000);
  EXPECT_EQ(told[2].source, told[0].source);
  EXPECT_THAT(told[2].trouble, HasSubstr("answers with HTTP status 503"));
  EXPECT_EQ(told[3].market->offerings[0].price.micro, 900'000);
  EXPECT_EQ(told[3].as_of_ms, 4000);
  EXPECT_EQ(told[3].trouble, "");
  EXPECT_EQ(told[0].market->offerings[0].price.micro, 800'000) << "what was told does not change";
}

TEST_F(PricesTest, TheShippedTableIsToldWhereThereNeverWasAPage) {
  TestServer server(serve({"", page("0.8")}));
  options_.urls = {server.url() + "/metrics"};
  const auto& told = run(2);
  EXPECT_EQ(told[0].as_of_ms, 0);
  EXPECT_EQ(told[0].source, "shipped price table of 2026-07-20 for us-east-1");
  EXPECT_GT(told[0].market->offerings.size(), 50u);
  EXPECT_THAT(told[0].trouble, HasSubstr("503"));
  EXPECT_EQ(told[1].as_of_ms, 2000);
  EXPECT_EQ(told[1].market->offerings.size(), 1u);
}

TEST_F(PricesTest, EveryPodOfKarpenterIsAsked) {
  TestServer follower(serve({"# TYPE up gauge\nup 1\n"}));
  TestServer leader(serve({page("0.8")}));
  list_ = pods(pod(follower.url()) + "," + pod(leader.url()));
  options_.karpenter_namespace = "kube-system";
  const auto& told = run(2);
  EXPECT_THAT(asked_, StartsWith("/api/v1/namespaces/kube-system/pods?"));
  EXPECT_THAT(asked_, HasSubstr("labelSelector=app.kubernetes.io%2Fname%3Dkarpenter"));
  EXPECT_THAT(asked_, HasSubstr("fieldSelector=status.phase%3DRunning"));
  EXPECT_EQ(told[1].source, "Karpenter's metrics at " + leader.url().substr(7));
  EXPECT_EQ(told[1].trouble, "");
  EXPECT_GE(follower.connections(), 2);
}

TEST_F(PricesTest, NoPodNoPrices) {
  const auto& told = run(2);
  EXPECT_THAT(asked_, StartsWith("/api/v1/pods?"));
  EXPECT_EQ(told[1].as_of_ms, 0);
  EXPECT_EQ(told[1].trouble,
            "no pod of Karpenter is running (label app.kubernetes.io/name=karpenter)");
}

TEST_F(PricesTest, PodsOfTwoNamespacesAreNotBelieved) {
  TestServer server(serve({page("0.8")}));
  list_ = pods(pod(server.url()) + "," + pod(server.url(), "mallory"));
  EXPECT_THAT(run(1)[0].trouble, HasSubstr("run in 2 namespaces"));
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(PricesTest, AnApiServerThatRefusesTheListIsQuoted) {
  list_status_ = 403;
  list_ = R"({"kind":"Status","message":"pods is forbidden","reason":"Forbidden","code":403})";
  EXPECT_THAT(run(1)[0].trouble, StartsWith("Karpenter's pods could not be listed: "));
  EXPECT_THAT(told_[0].trouble, HasSubstr("pods is forbidden"));
}

TEST_F(PricesTest, AUrlThatIsNoneIsSaid) {
  options_.urls = {"https://10.0.3.7/metrics"};
  EXPECT_THAT(run(1)[0].trouble, HasSubstr("\"https://10.0.3.7/metrics\": expected a URL"));
}

TEST_F(PricesTest, EndsWhileAPageHangs) {
  TestServer server([this](Conversation& it, int) {
    it.request();
    EXPECT_TRUE(loop_.post([this] { loop_.quit(); }));
    it.wait_for_close();
  });
  options_.urls = {server.url() + "/metrics"};
  options_.deadline_ms = 600'000;
  EXPECT_TRUE(run(1).empty());
}

}  // namespace
}  // namespace kerf::shell
