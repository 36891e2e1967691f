// Tests of one page over HTTP: what hosts and networks do, and what the caller is told.
#include "shell/controller/page_fetch.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "shell/apiserver/server_testing.h"

namespace kerf::shell {
namespace {

using apiserver::Conversation;
using apiserver::TestServer;
using testing::HasSubstr;
using testing::Not;

constexpr FetchLimits kPatient{.deadline_ms = 60'000, .connect_ms = 60'000, .bytes_max = 1000};

Result<std::string> fetch(const std::string& url, const FetchLimits& limits = kPatient) {
  const std::atomic<bool> stop = false;
  return fetch_page(url, limits, stop);
}

/// What is said of a server that answers so.
Error refused(const TestServer::Handle& handle, const FetchLimits& limits = kPatient) {
  TestServer server(handle);
  const Result<std::string> page = fetch(server.url() + "/metrics", limits);
  EXPECT_FALSE(page);
  EXPECT_EQ(server.connections(), 1);
  return page ? Error(ErrorCode::Conflict, "") : page.error();
}

TEST(PageFetch, ReadsAPageAndAsksForNothingElse) {
  std::string request;
  TestServer server([&](Conversation& it, int) {
    request = it.request();
    it.answer("200 OK", "up 1\n");
  });
  EXPECT_EQ(*fetch(server.url() + "/metrics"), "up 1\n");
  EXPECT_THAT(request, testing::StartsWith("GET /metrics HTTP/1.1\r\n"));
  EXPECT_THAT(request, Not(HasSubstr("ncoding")));
  EXPECT_THAT(request, Not(HasSubstr("uthorization")));
}

TEST(PageFetch, ReadsAPageInChunksUpToTheBound) {
  TestServer server([](Conversation& it, int) {
    it.request();
    it.begin_chunks();
    for (int i = 0; i < 10; ++i) it.chunk(std::string(99, 'x') + "\n");
    it.last_chunk();
  });
  EXPECT_EQ(fetch(server.url())->size(), 1000u);
}

TEST(PageFetch, AsksNoProxy) {
  TestServer server([](Conversation& it, int) {
    it.request();
    it.answer("200 OK", "up 1\n");
  });
  const std::string dead = apiserver::dead_url();
  for (const char* name : {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"})
    ::setenv(name, dead.c_str(), 1);
  const Result<std::string> page = fetch(server.url());
  for (const char* name : {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"}) ::unsetenv(name);
  EXPECT_EQ(*page, "up 1\n");
}

TEST(PageFetch, TakesPlainUrlsOnly) {
  for (const char* url : {"http://10.0.3.7:8080/metrics", "http://[fd00::7]:8080/metrics",
                          "http://karpenter.kube-system.svc/metrics?name[]=a"})
    EXPECT_TRUE(check_page_url(url)) << url;
  const struct {
    std::string url;
    const char* says;
  } cases[] = {
      {"", "plain http"},
      {"https://10.0.3.7/metrics", "plain http"},
      {"file:///etc/shadow", "plain http"},
      {"HTTP://10.0.3.7/", "plain http"},
      {"http://10.0.3.7/a b", "plain http"},
      {std::string("http://a/\0b", 11), "plain http"},
      {"http://a/\r\nX: y", "plain http"},
      {"http://" + std::string(2048, 'a'), "plain http"},
      {"http://", "no host"},
      {"http:///metrics", "no host"},
      {"http://:8080/metrics", "no host"},
      {"http://me:secret@10.0.3.7/metrics", "a user"},
  };
  for (const auto& c : cases) {
    const Result<std::string> page = fetch(c.url);
    ASSERT_FALSE(page) << c.url;
    EXPECT_EQ(page.error().code(), ErrorCode::InvalidArgument);
    EXPECT_THAT(page.error().message(), HasSubstr(c.says)) << c.url;
  }
}

TEST(PageFetch, FollowsNobodyElsewhere) {
  const Error error = refused([](Conversation& it, int) {
    it.request();
    it.answer("302 Found", "up 1\n", "Location: /other\r\n");
  });
  EXPECT_EQ(error.code(), ErrorCode::Unavailable);
  EXPECT_EQ(error.message(), "answers with HTTP status 302; expected 200");
}

TEST(PageFetch, HasABoundOnWhatItReads) {
  const TestServer::Handle cases[] = {
      [](Conversation& it, int) {  // says so, and sends little
        it.request();
        it.send("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\nup 1\n");
        it.wait_for_close();
      },
      [](Conversation& it, int) {  // does not say so
        it.request();
        it.begin_chunks();
        while (it.chunk(std::string(100, 'x'))) {
        }
      },
      [](Conversation& it, int) {  // never comes to its body
        it.request();
        it.send("HTTP/1.1 200 OK\r\n");
        while (it.send("X-Filler: " + std::string(1000, 'x') + "\r\n")) {
        }
      }};
  for (const TestServer::Handle& handle : cases) {
    const Error error = refused(handle);
    EXPECT_EQ(error.code(), ErrorCode::TooLarge) << error.message();
    EXPECT_EQ(error.message(), "the answer is larger than 1000 bytes");
  }
}

TEST(PageFetch, UnpacksNothing) {
  for (const char* header : {"Content-Encoding: gzip\r\n", "content-encoding:br\r\n"}) {
    const Error error = refused([&](Conversation& it, int) {
      it.request();
      it.answer("200 OK", std::string("\x1f\x8b\x08\0\0\0\0\0", 8), header);
    });
    EXPECT_EQ(error.code(), ErrorCode::Unsupported) << error.message();
    EXPECT_THAT(error.message(), HasSubstr("compressed"));
  }
  TestServer server([](Conversation& it, int) {
    it.request();
    it.answer("200 OK", "up 1\n", "Content-Encoding: identity\r\n");
  });
  EXPECT_TRUE(fetch(server.url()));
}

TEST(PageFetch, SaysWhatWentWrong) {
  const TestServer::Handle cases[] = {
      [](Conversation& it, int) {  // cut off
        it.request();
        it.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nup 1\n");
      },
      [](Conversation& it, int) {  // cut off between chunks
        it.request();
        it.begin_chunks();
        it.chunk("up 1\n");
      },
      [](Conversation& it, int) {  // no HTTP
        it.request();
        it.send("\x01\x02\xff\xfe garbage\n");
      },
      [](Conversation& it, int) { it.request(); }};  // nothing
  for (const TestServer::Handle& handle : cases) {
    const Error error = refused(handle);
    EXPECT_EQ(error.code(), ErrorCode::Unavailable);
    EXPECT_THAT(error.message(), testing::MatchesRegex("[^0-9]+")) << "the same each time";
  }
  const Result<std::string> nobody = fetch(apiserver::dead_url());
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code(), ErrorCode::Unavailable);
  EXPECT_EQ(nobody.error().message(), "nobody takes the connection (connect)");
}

TEST(PageFetch, HasADeadlineForAllOfIt) {
  const FetchLimits hasty{.deadline_ms = 50, .connect_ms = 60'000, .bytes_max = 1000};
  const Error error = refused(
      [](Conversation& it, int) {
        it.request();
        it.begin_chunks();
        it.chunk("up 1\n");
        it.wait_for_close();
      },
      hasty);
  EXPECT_EQ(error.code(), ErrorCode::Unavailable);
  EXPECT_EQ(error.message(), "it timed out") << "each time: it is compared with what was told last";
}

/// A listener whose queue is full answers no further connection.
TEST(PageFetch, HasADeadlineForConnecting) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(listener, any, size), 0);
  ASSERT_EQ(::listen(listener, 0), 0);
  ASSERT_EQ(::getsockname(listener, any, &size), 0);
  std::array<int, 4> queued{};
  for (int& fd : queued) {
    fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ::connect(fd, any, size);
  }
  const auto page = fetch(fmt::format("http://127.0.0.1:{}/", ntohs(address.sin_port)),
                          {.deadline_ms = 60'000, .connect_ms = 50, .bytes_max = 1000});
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code(), ErrorCode::Unavailable);
  EXPECT_EQ(page.error().message(), "it timed out");
  for (const int fd : queued) ::close(fd);
  ::close(listener);
}

TEST(PageFetch, StopsWhenItIsTold) {
  std::atomic<bool> stop = false;
  TestServer server([&](Conversation& it, int) {
    it.request();
    stop = true;
    it.wait_for_close();
  });
  const Result<std::string> page =
      fetch_page(server.url(), {.deadline_ms = 600'000, .connect_ms = 60'000}, stop);
  ASSERT_FALSE(page);
  EXPECT_THAT(page.error().message(), Not(HasSubstr("timed out")));
}

}  // namespace
}  // namespace kerf::shell
