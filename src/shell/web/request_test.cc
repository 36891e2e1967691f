// RequestReader: whole, split, several, wrong and too large requests.
#include "shell/web/request.h"

#include <gtest/gtest.h>

namespace kerf::web {
namespace {

using State = RequestReader::State;

TEST(RequestReader, ReadsARequest) {
  RequestReader reader(8192);
  std::string bytes = "GET /healthz?a=b&c HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n";
  ASSERT_EQ(reader.take(bytes), State::Done);
  EXPECT_EQ(reader.request().method, "GET");
  EXPECT_EQ(reader.request().target, "/healthz?a=b&c");
  EXPECT_EQ(reader.request().path, "/healthz");
  EXPECT_EQ(reader.request().query, "a=b&c");
  EXPECT_TRUE(reader.keep_alive());
  EXPECT_EQ(bytes, "");
}

TEST(RequestReader, ReadsItByteByByteAndTheNextOneBehindIt) {
  RequestReader reader(8192);
  const std::string all =
      "\r\nHEAD /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\nConnection: "
      "close\r\n\r\n";
  std::string bytes;
  std::string seen;
  for (const char c : all) {
    bytes += c;
    const State state = reader.take(bytes);
    ASSERT_NE(state, State::Bad);
    if (state == State::Done) seen += reader.request().method + reader.request().path;
  }
  EXPECT_EQ(seen, "HEAD/aGET/b");
  EXPECT_FALSE(reader.keep_alive());
  bytes = all;
  ASSERT_EQ(reader.take(bytes), State::Done);
  EXPECT_EQ(reader.request().path, "/a");
  ASSERT_EQ(reader.take(bytes), State::Done);
  EXPECT_EQ(reader.request().path, "/b");
  EXPECT_EQ(reader.take(bytes), State::More);
}

TEST(RequestReader, KnowsWhoKeepsTheConnection) {
  const auto keeps = [](std::string bytes) {
    RequestReader reader(8192);
    EXPECT_EQ(reader.take(bytes), State::Done);
    return reader.keep_alive();
  };
  EXPECT_TRUE(keeps("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(keeps("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
  EXPECT_TRUE(keeps("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"));
}

TEST(RequestReader, RefusesWithTheRightStatus) {
  const struct {
    std::string bytes;
    unsigned status;
  } cases[] = {
      {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400},  // TLS
      {"GET / HTTP/1.1\r\nHost x\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n\r\n", 400},                        // no Host
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},  // two
      {"GET  HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET /\r\n\r\n", 400},
      {"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 413},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 413},
      {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(9000, 'x') + "\r\n\r\n", 431},
      {"GET /" + std::string(9000, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n", 431},
      {std::string(9000, 'A'), 431},
  };
  for (const auto& c : cases) {
    RequestReader reader(8192);
    std::string bytes = c.bytes;
    EXPECT_EQ(reader.take(bytes), State::Bad) << c.bytes.substr(0, 80);
    EXPECT_EQ(reader.bad(), c.status) << c.bytes.substr(0, 80);
    EXPECT_FALSE(reader.keep_alive());
    EXPECT_EQ(reader.take(bytes), State::Bad) << "for good";
  }
}

TEST(RequestReader, NeedsNoMoreThanItsBound) {
  // Headers without end, in small pieces.
  RequestReader reader(1000);
  std::string bytes = "GET / HTTP/1.1\r\n";
  std::size_t sent = 0;
  while (reader.take(bytes) == State::More) {
    EXPECT_LE(bytes.size(), 1000u);
    bytes += "X: y\r\n";
    ++sent;
    ASSERT_LT(sent, 1000u);
  }
  EXPECT_EQ(reader.bad(), 431u);
}

}  // namespace
}  // namespace kerf::web
