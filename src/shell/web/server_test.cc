// Server: over real connections, with clients that do everything wrong too.
#include "shell/web/server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace kerf::web {
namespace {

using std::chrono::milliseconds;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// A client that sends bytes as they are. Waits for at most a minute.
class Client {
 public:
  /// `from`: of which IPv4 address it comes; nullptr: the system chooses.
  explicit Client(std::uint16_t port, const char* address = "127.0.0.1",
                  const char* from = nullptr) {
    const bool v6 = std::string_view(address).find(':') != std::string_view::npos;
    fd_ = ::socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval limit{60, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    sockaddr_in6 to6{};
    to6.sin6_family = AF_INET6;
    to6.sin6_port = htons(port);
    sockaddr_in to4{};
    to4.sin_family = AF_INET;
    to4.sin_port = htons(port);
    ::inet_pton(v6 ? AF_INET6 : AF_INET, address,
                v6 ? static_cast<void*>(&to6.sin6_addr) : static_cast<void*>(&to4.sin_addr));
    if (from != nullptr) {
      sockaddr_in self{};
      self.sin_family = AF_INET;
      ::inet_pton(AF_INET, from, &self.sin_addr);
      if (::bind(fd_, reinterpret_cast<const sockaddr*>(&self), sizeof self) != 0) return;
    }
    connected_ = ::connect(fd_,
                           v6 ? reinterpret_cast<const sockaddr*>(&to6)
                              : reinterpret_cast<const sockaddr*>(&to4),
                           v6 ? sizeof to6 : sizeof to4) == 0;
  }
  ~Client() { close(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool connected() const { return connected_; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  void finish() { ::shutdown(fd_, SHUT_WR); }
  /// One answer: headers, and the body if there is one. Empty: the connection ended.
  std::string receive(bool head = false) {
    for (;;) {
      const std::size_t end = pending_.find("\r\n\r\n");
      if (end != std::string::npos) {
        std::size_t size = end + 4;
        const std::size_t length = pending_.find("Content-Length: ");
        if (length < end && !head) size += std::stoul(pending_.substr(length + 16));
        if (pending_.size() >= size) {
          std::string answer = pending_.substr(0, size);
          pending_.erase(0, size);
          return answer;
        }
      }
      if (!more()) return {};
    }
  }
  /// True if the server closed the connection, or reset it.
  bool ended() {
    while (more()) {
    }
    return !timed_out_;
  }
  std::string get(const std::string& path) {
    send("GET " + path + " HTTP/1.1\r\nHost: test\r\n\r\n");
    return receive();
  }

 private:
  bool more() {
    std::array<char, 65536> buffer;
    const ssize_t n = ::recv(fd_, buffer.data(), buffer.size(), 0);
    timed_out_ = n < 0 && errno == EAGAIN;
    if (n <= 0) return false;
    pending_.append(buffer.data(), static_cast<std::size_t>(n));
    return true;
  }

  int fd_ = -1;
  bool connected_ = false;
  bool timed_out_ = false;
  std::string pending_;
};

class ServerTest : public testing::Test {
 protected:
  void start(Server::Options options = {}) {
    if (options.address.empty()) options.address = "127.0.0.1";
    Server::Handlers handlers;
    handlers["/healthz"] = [](const Request&) { return Response{200, "ok\n"}; };
    handlers["/echo"] = [](const Request& r) { return Response{503, r.query, "text/x-echo"}; };
    handlers["/large"] = [](const Request&) { return Response{200, std::string(20u << 20, 'x')}; };
    auto server = Server::start(std::move(options), std::move(handlers));
    ASSERT_TRUE(server) << server.error().message();
    server_ = *std::move(server);
    ASSERT_NE(server_->port(), 0);
  }
  void wait_for_connections(std::size_t count) {
    while (server_->connections() != count) std::this_thread::yield();
  }
  Client client() const { return Client(server_->port()); }

  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, Answers) {
  start();
  Client c = client();
  const std::string answer = c.get("/healthz");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\nDate: "));
  EXPECT_THAT(answer, HasSubstr(" GMT\r\nContent-Type: text/plain; charset=utf-8\r\n"
                                "Content-Length: 3\r\nConnection: keep-alive\r\n\r\nok\n"));
  const std::string echo = c.get("/echo?a=b%20c");
  EXPECT_THAT(echo, StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
  EXPECT_THAT(echo, HasSubstr("Content-Type: text/x-echo\r\n"));
  EXPECT_THAT(echo, EndsWith("\r\n\r\na=b%20c"));
}

TEST_F(ServerTest, RefusesOtherPathsAndMethods) {
  start();
  Client c = client();
  EXPECT_THAT(c.get("/other"), StartsWith("HTTP/1.1 404 Not Found\r\n"));
  EXPECT_THAT(c.get("/healthz/"), StartsWith("HTTP/1.1 404 "));
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "BREW"}) {
    c.send(std::string(method) + " /healthz HTTP/1.1\r\nHost: test\r\n\r\n");
    const std::string answer = c.receive();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 405 Method Not Allowed\r\n")) << method;
    EXPECT_THAT(answer, HasSubstr("\r\nAllow: GET, HEAD\r\n"));
  }
  EXPECT_THAT(c.get("/healthz"), StartsWith("HTTP/1.1 200 ")) << "the connection is still good";
}

TEST_F(ServerTest, TellsTheLengthForHead) {
  start();
  Client c = client();
  c.send("HEAD /healthz HTTP/1.1\r\nHost: test\r\n\r\n");
  const std::string answer = c.receive(true);
  EXPECT_THAT(answer, HasSubstr("Content-Length: 3\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
  EXPECT_THAT(c.get("/healthz"), StartsWith("HTTP/1.1 200 OK"));
}

TEST_F(ServerTest, AnswersAThousandRequestsOnOneConnection) {
  start();
  Client c = client();
  for (int i = 0; i < 1000; ++i) {
    const std::string query = std::to_string(i);
    ASSERT_THAT(c.get("/echo?" + query), EndsWith("\r\n\r\n" + query));
  }
  EXPECT_EQ(server_->connections(), 1u);
}

TEST_F(ServerTest, AnswersAllThatCameAtOnceInOrder) {
  start();
  Client c = client();
  std::string all;
  for (int i = 0; i < 100; ++i)
    all += "GET /echo?" + std::to_string(i) + " HTTP/1.1\r\nHost: test\r\n\r\n";
  c.send(all);
  for (int i = 0; i < 100; ++i) ASSERT_THAT(c.receive(), EndsWith("\r\n\r\n" + std::to_string(i)));
}

TEST_F(ServerTest, ClosesWhenItIsAskedTo) {
  start();
  Client c = client();
  c.send("GET /healthz HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(c.receive(), HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(c.ended());
  Client old = client();
  old.send("GET /healthz HTTP/1.0\r\n\r\n");
  EXPECT_THAT(old.receive(), HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(old.ended());
}

TEST_F(ServerTest, AnswersGarbageOnceAndCloses) {
  start();
  for (const std::string& garbage : {std::string("\x16\x03\x01\x00\xa5", 5), std::string(100, '\0'),
                                     std::string("nonsense\r\n\r\n")}) {
    Client c = client();
    c.send(garbage);
    EXPECT_THAT(c.receive(), StartsWith("HTTP/1.1 400 Bad Request\r\n"));
    c.finish();
    EXPECT_TRUE(c.ended());
  }
  Client c = client();
  c.send("GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(1 << 20, 'x') + "\r\n\r\n");
  c.finish();
  EXPECT_THAT(c.receive(), StartsWith("HTTP/1.1 431 ")) << "although more was sent than was read";
  Client body = client();
  body.send("POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" +
            std::string(100000, 'x'));
  EXPECT_THAT(body.receive(), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(client().get("/healthz"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ServerTest, DoesNotWaitForSlowClients) {
  start({.read_deadline = milliseconds(100),
         .first_deadline = milliseconds(100),
         .idle_deadline = milliseconds(100)});
  Client silent = client();
  Client slow = client();
  std::atomic<bool> over{false};
  std::thread trickle([&] {
    // A byte now and then never lets a deadline of single reads pass.
    slow.send("GET / HTTP/1.1\r\nX: ");
    while (!over) {
      slow.send("x");
      std::this_thread::yield();
    }
  });
  EXPECT_TRUE(silent.ended());
  Client kept = client();
  EXPECT_THAT(kept.get("/healthz"), StartsWith("HTTP/1.1 200 "));
  EXPECT_TRUE(kept.ended()) << "idle after a request";
  wait_for_connections(0);  // the slow one is gone although it goes on sending
  over = true;
  trickle.join();
}

TEST_F(ServerTest, WaitsForAFirstRequestAndForLaterOnesByTheirOwnDeadlines) {
  start({.first_deadline = milliseconds(100), .idle_deadline = std::chrono::hours(1)});
  EXPECT_TRUE(client().ended()) << "nothing came";
  start({.first_deadline = std::chrono::hours(1), .idle_deadline = milliseconds(100)});
  Client c = client();
  EXPECT_THAT(c.get("/healthz"), StartsWith("HTTP/1.1 200 "));
  EXPECT_TRUE(c.ended()) << "nothing more came";
}

TEST_F(ServerTest, DoesNotWaitForClientsThatDoNotRead) {
  start({.write_deadline = milliseconds(100)});
  Client c = client();
  c.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  wait_for_connections(1);
  EXPECT_THAT(client().get("/healthz"), StartsWith("HTTP/1.1 200 ")) << "others are served";
  wait_for_connections(0);
}

TEST_F(ServerTest, SendsLargeAnswersWhole) {
  start();
  Client c = client();
  EXPECT_GT(c.get("/large").size(), 20u << 20);
  EXPECT_THAT(c.get("/healthz"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ServerTest, ClosesTheOneThatIsIdleLongestForANewOne) {
  start({.connections_max = 2});
  Client a = client();
  Client b = client();
  EXPECT_THAT(b.get("/healthz"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(a.get("/healthz"), StartsWith("HTTP/1.1 200 ")) << "b is idle for longer now";
  Client c = client();
  EXPECT_TRUE(b.ended());
  EXPECT_THAT(c.get("/healthz"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(a.get("/healthz"), StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(server_->connections(), 2u);
  a.close();
  wait_for_connections(1);
  Client d = client();
  EXPECT_THAT(d.get("/healthz"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(c.get("/healthz"), StartsWith("HTTP/1.1 200 ")) << "there was room";
}

TEST_F(ServerTest, ClosesIdleConnectionsBeforeThoseWithARequestUnderWay) {
  start({.connections_max = 2});
  Client asking = client();
  // Answers one request and holds half of the next; both came in one piece.
  asking.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /heal");
  EXPECT_THAT(asking.receive(), StartsWith("HTTP/1.1 200 "));
  Client idle = client();
  EXPECT_THAT(idle.get("/healthz"), StartsWith("HTTP/1.1 200 "));
  Client third = client();
  EXPECT_TRUE(idle.ended()) << "although the other has been there longer";
  EXPECT_THAT(third.get("/healthz"), StartsWith("HTTP/1.1 200 "));
  asking.send("thz HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(asking.receive(), StartsWith("HTTP/1.1 200 "));
}

/// Silent connections, as many as anybody likes to open, never shut the door to a probe.
TEST_F(ServerTest, AnswersAProbeWhileSomebodyHoldsManySilentConnections) {
  for (const std::size_t count : {64u, 300u}) {
    start();
    std::vector<std::unique_ptr<Client>> silent;
    for (std::size_t i = 0; i < count; ++i) {
      silent.push_back(std::make_unique<Client>(server_->port()));
      ASSERT_TRUE(silent.back()->connected());
      if (i % 50 != 0) continue;
      EXPECT_THAT(client().get("/healthz"), StartsWith("HTTP/1.1 200 ")) << i << " of " << count;
    }
    EXPECT_THAT(client().get("/healthz"), StartsWith("HTTP/1.1 200 ")) << count;
    EXPECT_TRUE(silent.front()->ended());
    EXPECT_LE(server_->connections(), 16u) << "of one address";
  }
}

TEST_F(ServerTest, CountsEachPeersConnectionsByThemselves) {
  start({.address = "0.0.0.0", .connections_max = 64, .connections_of_peer_max = 2});
  Client other(server_->port(), "127.0.0.1", "127.0.0.2");
  ASSERT_TRUE(other.connected());
  EXPECT_THAT(other.get("/healthz"), StartsWith("HTTP/1.1 200 "));
  std::vector<std::unique_ptr<Client>> crowd;
  for (int i = 0; i < 20; ++i) crowd.push_back(std::make_unique<Client>(server_->port()));
  EXPECT_THAT(crowd.back()->get("/healthz"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(other.get("/healthz"), StartsWith("HTTP/1.1 200 ")) << "idle longest, but not theirs";
  EXPECT_EQ(server_->connections(), 3u);
}

TEST_F(ServerTest, TakesANewConnectionWhenAllOthersHoldARequestUnderWay) {
  start({.connections_max = 4});
  std::vector<std::unique_ptr<Client>> slow;
  for (int i = 0; i < 4; ++i) {
    slow.push_back(std::make_unique<Client>(server_->port()));
    EXPECT_THAT(slow.back()->get("/healthz"), StartsWith("HTTP/1.1 200 "));
    if (i % 2 == 0) slow.back()->send("GET /heal");
    else slow.back()->send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");  // and does not read
  }
  for (int i = 0; i < 3; ++i) EXPECT_THAT(client().get("/healthz"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ServerTest, ServesManyClients) {
  start({.connections_of_peer_max = 64});  // the server learns late that one has closed
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        if (client().get("/healthz").ends_with("ok\n")) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 160);
}

TEST_F(ServerTest, StopsWhileClientsAreConnected) {
  start();
  Client idle = client();
  Client half = client();
  half.send("GET /heal");
  Client busy = client();
  busy.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  wait_for_connections(3);
  server_->stop();
  EXPECT_EQ(server_->connections(), 0u);
  EXPECT_TRUE(idle.ended());
  EXPECT_TRUE(half.ended());
  EXPECT_TRUE(busy.ended());
  EXPECT_FALSE(client().connected());
  server_->stop();
}

TEST_F(ServerTest, SaysThatAPortIsTaken) {
  start();
  const auto second = Server::start({.address = "127.0.0.1", .port = server_->port()}, {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::Conflict);
  EXPECT_EQ(second.error().message(), "cannot listen on 127.0.0.1 port " +
                                          std::to_string(server_->port()) +
                                          ": another program has it");
  const std::uint16_t port = server_->port();
  {
    Client c = client();
    c.get("/healthz");
  }
  server_.reset();
  EXPECT_TRUE(Server::start({.address = "127.0.0.1", .port = port}, {})) << "at once after its end";
}

TEST_F(ServerTest, SaysWhatIsNoAddress) {
  for (const char* address : {"localhost", "1.2.3", "192.0.2.1"}) {
    const auto server = Server::start({.address = address}, {});
    ASSERT_FALSE(server) << address;
    EXPECT_EQ(server.error().code(), ErrorCode::InvalidArgument) << server.error().message();
    EXPECT_THAT(server.error().message(), HasSubstr(address));
  }
}

TEST_F(ServerTest, ListensOnBothFamilies) {
  Server::Handlers handlers;
  handlers["/healthz"] = [](const Request&) { return Response{200, "ok\n"}; };
  auto server = Server::start({}, std::move(handlers));
  ASSERT_TRUE(server) << server.error().message();
  EXPECT_THAT(Client((*server)->port()).get("/healthz"), EndsWith("ok\n"));
  Client six((*server)->port(), "::1");
  if (!six.connected()) GTEST_SKIP() << "no IPv6 here";
  EXPECT_THAT(six.get("/healthz"), EndsWith("ok\n"));
}

}  // namespace
}  // namespace kerf::web
