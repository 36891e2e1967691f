// TestServer: plain HTTP/1.1 on a socket, byte for byte as a test wants it.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace kerf::apiserver {

/// One connection, on a thread of its own.
class Conversation {
 public:
  explicit Conversation(int fd) : fd_(fd) {}
  /// Head and body of the next request; "" = the client closed.
  std::string request();
  /// False if the client is gone.
  bool send(std::string_view bytes) const;
  /// A whole answer: "200 OK", more header lines each with "\r\n", a body.
  bool answer(std::string_view status, std::string_view body = {}, std::string_view headers = {});
  /// Begins an answer without an end; then any number of chunk(), and last_chunk().
  bool begin_chunks() const;
  bool chunk(std::string_view bytes) const;
  bool last_chunk() const { return send("0\r\n\r\n"); }
  /// Until the client closes.
  void wait_for_close();

 private:
  int fd_;
  std::string rest_;
};

/// `handle` is called for each connection with its number (from 0); the connection is closed when
/// it returns. The destructor closes what is open and waits for all of them.
class TestServer {
 public:
  using Handle = std::function<void(Conversation&, int connection)>;
  explicit TestServer(Handle handle);
  ~TestServer();
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  std::string url() const;
  int connections() const { return connections_; }

 private:
  void serve();

  Handle handle_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<int> connections_ = 0;
  std::atomic<bool> ending_ = false;
  std::mutex mutex_;
  std::vector<int> open_;  ///< under mutex_; each by its connection's number, -1 = closed
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

/// A port of this machine on which nobody listens.
std::string dead_url();

}  // namespace kerf::apiserver
