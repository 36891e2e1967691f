// Tests of the client on sockets: what servers and networks do, and what the caller is told.
#include "shell/apiserver/client.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <future>

#include "base/temporary_folder_testing.h"
#include "shell/apiserver/server_testing.h"

namespace kerf::apiserver {
namespace {

using namespace std::chrono_literals;
using testing::AnyOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr auto kForever = 60s;  // of a test that has failed already

std::unique_ptr<Client> client_of(const std::string& url, const std::string& token_file = {}) {
  Client::Options options;
  options.credentials = {url, "", token_file};
  options.qps = 10'000;
  options.burst = 10'000;
  options.backoff = {.least_ms = 10, .most_ms = 50, .healthy_ms = 10'000};
  auto client = Client::start(std::move(options));
  EXPECT_TRUE(client) << client.error().message();
  return *std::move(client);
}

Request get(const std::string& path = "/x") {
  Request request;
  request.path = path;
  return request;
}

Request put(const std::string& body = R"({"a":1})") {
  Request request = get();
  request.method = Method::Put;
  request.body = body;
  return request;
}

Answer ask(Client& client, Request request) {
  std::promise<Answer> promise;
  auto future = promise.get_future();
  client.call(std::move(request), [&](Answer answer) { promise.set_value(std::move(answer)); });
  return future.get();
}

/// Lines that callbacks write and the test waits for.
class Log {
 public:
  void add(std::string line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
    changed_.notify_all();
  }
  /// The lines, as soon as there are so many.
  std::vector<std::string> first(std::size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, kForever, [&] { return lines_.size() >= count; }));
    lines_.resize(std::min(lines_.size(), count));
    return lines_;
  }
  WatchEvents events() {
    WatchEvents events;
    events.seen = [this](const codec::Node& object, const std::string& version) {
      add(fmt::format("+{}@{}", metadata_text(object, "name"), version));
    };
    events.gone = [this](const auto&, const std::string& name, const auto&) { add("-" + name); };
    events.synced = [this](const auto&) { add("synced"); };
    events.trouble = [this](const auto&, auto) { add("trouble"); };
    events.recovered = [this] { add("recovered"); };
    return events;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
};

TEST(Client, SendsRequestsAsTheApiServerWantsThem) {
  const TemporaryFolder folder;
  std::promise<std::string> got;
  TestServer server([&](Conversation& c, int) {
    got.set_value(c.request());
    c.answer("200 OK", "{}");
  });
  const auto client = client_of(server.url(), folder.write("token", "secret"));
  ASSERT_TRUE(ask(*client, put()).ok());
  const std::string request = got.get_future().get();
  EXPECT_THAT(request, StartsWith("PUT /x HTTP/1.1\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nAuthorization: Bearer secret\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nContent-Type: application/json\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nUser-Agent: kerf\r\n"));
  EXPECT_THAT(request, Not(HasSubstr("Expect")));
  EXPECT_THAT(request, EndsWith("\r\n\r\n{\"a\":1}"));
}

TEST(Client, UsesAConnectionAgain) {
  TestServer server([](Conversation& c, int) {
    while (!c.request().empty()) c.answer("200 OK", "{}");
  });
  const auto client = client_of(server.url());
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(ask(*client, i % 2 == 0 ? get() : put()).ok());
  EXPECT_EQ(server.connections(), 1);
  EXPECT_EQ(client->health().answers.at(200), 20u);
}

TEST(Client, AnswersEachOfManyRequestsOnce) {
  TestServer server([](Conversation& c, int) {
    for (std::string r = c.request(); !r.empty(); r = c.request()) {
      c.answer("200 OK", r.substr(4, r.find(" HTTP") - 4));
    }
  });
  const auto client = client_of(server.url());
  Log log;
  constexpr int kRequests = 300;
  for (int i = 0; i < kRequests; ++i) {
    client->call(get(fmt::format("/{:03}", i)), [&](const Answer& a) { log.add(a.body); });
  }
  auto lines = log.first(kRequests);
  std::sort(lines.begin(), lines.end());
  for (int i = 0; i < kRequests; ++i) {
    EXPECT_EQ(lines[static_cast<std::size_t>(i)], fmt::format("/{:03}", i));
  }
}

TEST(Client, ReadsAnswersHoweverSlowlyTheyCome) {
  TestServer server([](Conversation& c, int) {
    c.request();
    for (const char byte : std::string_view("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"
                                            "Content-Length: 5\r\n\r\nhello")) {
      c.send(std::string_view(&byte, 1));
    }
    c.wait_for_close();
  });
  const auto client = client_of(server.url());
  EXPECT_EQ(ask(*client, get()).body, "hello");
}

TEST(Client, SaysLaterWhenNobodyListens) {
  const auto client = client_of(dead_url());
  const Answer answer = ask(*client, put());
  EXPECT_EQ(answer.verdict, Verdict::Later);
  EXPECT_THAT(answer.message, HasSubstr("http://127.0.0.1:"));
  EXPECT_EQ(client->health().not_sent, 1u);
  EXPECT_FALSE(client->health().contact_age_ms.has_value());
}

TEST(Client, NeverRepeatsAWriteThatTheServerMayHaveSeen) {
  std::atomic<int> seen = 0;
  TestServer server([&](Conversation& c, int) {
    if (!c.request().empty()) c.answer("200 OK", "{}");
    if (!c.request().empty()) ++seen;  // and hangs up
  });
  const auto client = client_of(server.url());
  ASSERT_TRUE(
      ask(*client, get()).ok());  // so that a pooled connection is used, which libcurl retries
  const Answer answer = ask(*client, put());
  EXPECT_EQ(answer.verdict, Verdict::Unknown);
  ASSERT_TRUE(ask(*client, get()).ok());
  EXPECT_EQ(seen, 1);
}

TEST(Client, RepeatsAGetWhoseConnectionWasDead) {
  TestServer server([](Conversation& c, int) {
    if (!c.request().empty()) c.answer("200 OK", "{}");
    c.request();
  });
  const auto client = client_of(server.url());
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(ask(*client, get()).ok());
}

TEST(Client, SaysLaterOrUnknownWhenTheAnswerIsCutOff) {
  TestServer server([](Conversation& c, int) {
    c.request();
    c.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"half\":");
  });
  const auto client = client_of(server.url());
  EXPECT_EQ(ask(*client, get()).verdict, Verdict::Later);
  EXPECT_EQ(server.connections(), 2) << "a GET is repeated once";
  EXPECT_EQ(ask(*client, put()).verdict, Verdict::Unknown);
  EXPECT_EQ(server.connections(), 3) << "a write is not";
}

TEST(Client, SurvivesServersThatSpeakSomethingElse) {
  for (const std::string& garbage :
       {std::string("\x15\x03\x03\x02\x02\n"), std::string("SSH-2.0-OpenSSH_9.2\r\n"),
        std::string("HTTP/1.1 999999 ?\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"),
        "HTTP/1.1 200 OK\r\nX: " + std::string(1 << 20, 'x'),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzzz\r\n")}) {
    TestServer server([&](Conversation& c, int) {
      c.request();
      c.send(garbage);
    });
    const auto client = client_of(server.url());
    EXPECT_THAT(ask(*client, get()).verdict, AnyOf(Verdict::Later, Verdict::Refused))
        << garbage.substr(0, 40);
    EXPECT_EQ(ask(*client, put()).verdict, Verdict::Unknown) << garbage.substr(0, 40);
  }
}

TEST(Client, HandsOnWhatTheServerAsksForWhenItIsBusy) {
  TestServer server([](Conversation& c, int) {
    c.request();
    c.answer("429 Too Many Requests", "", "retry-AFTER: 3\r\n");
  });
  const auto client = client_of(server.url());
  const Answer answer = ask(*client, put());
  EXPECT_EQ(answer.verdict, Verdict::Later);
  EXPECT_EQ(answer.retry_after_ms, 3000);
}

TEST(Client, FollowsNoRedirect) {
  TestServer elsewhere([](Conversation&, int) { ADD_FAILURE() << "the token would be here"; });
  TestServer server([&](Conversation& c, int) {
    while (!c.request().empty()) {
      c.answer("307 Temporary Redirect", "", "Location: " + elsewhere.url() + "/y\r\n");
    }
  });
  const auto client = client_of(server.url());
  EXPECT_EQ(ask(*client, get()).verdict, Verdict::Refused);
  EXPECT_EQ(ask(*client, put()).verdict, Verdict::Refused);
  EXPECT_EQ(elsewhere.connections(), 0);
}

TEST(Client, BoundsAnswers) {
  TestServer server([](Conversation& c, int number) {
    c.request();
    if (number == 0) {
      c.answer("200 OK", std::string(2000, 'x'));
      return;
    }
    c.begin_chunks();
    while (c.chunk(std::string(1000, 'x'))) {  // until the client has had enough
    }
  });
  const auto client = client_of(server.url());
  Request bounded = get();
  bounded.body_bytes_max = 1000;
  for (int i = 0; i < 2; ++i) {
    const Answer answer = ask(*client, bounded);
    EXPECT_EQ(answer.verdict, Verdict::Refused);
    EXPECT_THAT(answer.message, HasSubstr("larger than 1000 bytes"));
  }
}

TEST(Client, GivesUpAtTheDeadline) {
  TestServer server([](Conversation& c, int) {
    c.request();
    c.wait_for_close();
  });
  const auto client = client_of(server.url());
  Request request = put();
  request.deadline_ms = 50;
  const Answer answer = ask(*client, request);
  EXPECT_EQ(answer.verdict, Verdict::Unknown);
  EXPECT_THAT(answer.message, HasSubstr("did not answer within 50 ms"));
  request = get();
  request.deadline_ms = 50;
  EXPECT_EQ(ask(*client, request).verdict, Verdict::Later);
}

TEST(Client, SendsTheTokenThatIsInTheFileNow) {
  const TemporaryFolder folder;
  const std::string token = folder.write("token", "one");
  TestServer server([](Conversation& c, int) {
    for (std::string r = c.request(); !r.empty(); r = c.request()) {
      const bool good = r.find("Bearer two\r\n") != std::string::npos;
      c.answer(good ? "200 OK" : "401 Unauthorized", "{}");
    }
  });
  const auto client = client_of(server.url(), token);
  EXPECT_EQ(ask(*client, put()).verdict, Verdict::Later);
  folder.write("token", "two");
  EXPECT_TRUE(ask(*client, put()).ok());
}

TEST(Client, UsesNoProxyOfTheEnvironment) {
  TestServer server([](Conversation& c, int) {
    c.request();
    c.answer("200 OK", "{}");
  });
  TestServer proxy([](Conversation&, int) { ADD_FAILURE() << "a proxy was asked"; });
  for (const char* name : {"http_proxy", "all_proxy", "ALL_PROXY"}) {
    ::setenv(name, proxy.url().c_str(), 1);
  }
  {
    const auto client = client_of(server.url());
    EXPECT_TRUE(ask(*client, get()).ok());
  }
  for (const char* name : {"http_proxy", "all_proxy", "ALL_PROXY"}) ::unsetenv(name);
}

TEST(Client, EndsAtOnceWhateverIsUnderWay) {
  std::promise<void> asked;
  std::atomic<int> requests = 0;
  TestServer server([&](Conversation& c, int) {
    c.request();
    if (++requests == 2) asked.set_value();
    c.wait_for_close();
  });
  auto client = client_of(server.url());
  client->call(put(), [](const Answer&) { ADD_FAILURE() << "after the end"; });
  client->watch({{"", "v1", "pods"}, "", "", ""}, {});
  asked.get_future().get();
  client->call(put(), [](const Answer&) { ADD_FAILURE() << "after the end"; });
  client.reset();
}

TEST(Client, RefusesWhatMakesNoPath) {
  const auto client = client_of(dead_url());
  Log log;
  const auto keep = [&](const Answer& answer) { log.add(std::string(to_string(answer.verdict))); };
  client->get({{"", "v1", "pods"}, "d", "../x", ""}, keep);
  client->list({{"", "v1", "a/b"}, "", "", ""}, keep);
  client->evict("d", "..", {}, -1, keep);
  EXPECT_EQ(log.first(3), std::vector<std::string>(3, "Refused"));
}

TEST(Client, SaysWhatIsWrongWithItsOptions) {
  Client::Options options;
  options.credentials = {"http://10.0.0.1:80", "", ""};
  EXPECT_THAT(Client::start(options).error().message(), HasSubstr("without TLS only"));
  options.credentials = {"https://10.0.0.1:443", "/none/ca.crt", ""};
  EXPECT_THAT(Client::start(options).error().message(), HasSubstr("/none/ca.crt"));
}

// --- Watches -------------------------------------------------------------------------------------

std::string object(const std::string& name, int version) {
  return fmt::format(R"({{"metadata":{{"name":"{}","uid":"u{}","resourceVersion":"{}"}}}})", name,
                     name, version);
}

TEST(Client, WatchesThroughDropsTruncatedChunksAndSilence) {
  Log requests;
  TestServer server([&](Conversation& c, int number) {
    const std::string request = c.request();
    requests.add(request.substr(0, request.find("&allow")));
    if (number == 0) {
      c.answer("200 OK",
               R"({"metadata":{"resourceVersion":"10"},"items":[)" + object("a", 1) + "]}");
      requests.add(c.request().substr(0, 0));
      return;
    }
    c.begin_chunks();
    const std::string event =
        R"({"type":"ADDED","object":)" + object(fmt::format("w{}", number), 10 + number) + "}\n";
    if (number == 1) {
      for (const char byte : event) c.chunk(std::string_view(&byte, 1));
      c.send("100\r\n{\"type\":\"ADDED\",\"object\":");  // a chunk that ends too early
    } else if (number == 2) {
      c.chunk(event);  // hangs up in the middle
    } else if (number == 3) {
      c.chunk(event);
      c.wait_for_close();  // says nothing any more
    } else {
      c.chunk(event);
      c.last_chunk();
    }
  });
  const auto client = client_of(server.url());
  Log log;
  WatchOptions options;
  options.silent_ms = 200;
  client->watch({{"", "v1", "pods"}, "", "", ""}, log.events(), options);
  const std::vector<std::string> lines = log.first(12);
  EXPECT_EQ(lines, (std::vector<std::string>{"+a@1", "synced", "+w1@11", "trouble", "recovered",
                                             "+w2@12", "trouble", "recovered", "+w3@13", "trouble",
                                             "recovered", "+w4@14"}));
}

TEST(Client, ListsPagesAsOneList) {
  TestServer server([](Conversation& c, int) {
    for (std::string r = c.request(); !r.empty(); r = c.request()) {
      const bool first = r.find("continue=") == std::string::npos;
      c.answer("200 OK",
               fmt::format(R"({{"metadata":{{"resourceVersion":"7"{}}},"items":[{}]}})",
                           first ? R"(,"continue":"more")" : "", object(first ? "a" : "b", 1)));
    }
  });
  const auto client = client_of(server.url());
  std::promise<Answer> promise;
  client->list(
      {{"", "v1", "pods"}, "", "", ""},
      [&](Answer answer) { promise.set_value(std::move(answer)); }, 1);
  const Answer answer = promise.get_future().get();
  ASSERT_TRUE(answer.ok()) << answer.message;
  EXPECT_EQ(metadata_text(answer.object, "resourceVersion"), "7");
  ASSERT_EQ(answer.object.find("items")->items.size(), 2u);
  EXPECT_EQ(metadata_text(answer.object.find("items")->items[1], "name"), "b");
}

TEST(Client, AWatchMayBeEndedFromItsOwnCallback) {
  TestServer server([](Conversation& c, int) {
    while (!c.request().empty()) {
      c.answer("200 OK", R"({"metadata":{"resourceVersion":"10"},"items":[)" + object("a", 1) +
                             "," + object("b", 2) + "]}");
    }
  });
  const auto client = client_of(server.url());
  std::promise<void> seen;
  Client::WatchId id = 0;
  WatchEvents events;
  events.seen = [&](const codec::Node& item, const std::string&) {
    EXPECT_EQ(metadata_text(item, "name"), "a");
    client->unwatch(id);
    seen.set_value();
  };
  events.synced = [](const auto&) { ADD_FAILURE() << "it was ended"; };
  // The id must be known before the callback: both happen on the client's thread.
  client->call(get(), [&](const Answer&) {
    id = client->watch({{"", "v1", "pods"}, "", "", ""}, events);
  });
  seen.get_future().get();
  EXPECT_TRUE(ask(*client, put()).ok());
}

}  // namespace
}  // namespace kerf::apiserver
