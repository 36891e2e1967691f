// Sockets of the test's server.
#include "shell/apiserver/server_testing.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/assert.h"

namespace kerf::apiserver {
namespace {

/// A socket on a free port of 127.0.0.1, and the port.
std::pair<int, int> bound() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  KERF_ASSERT(::bind(fd, any, size) == 0, "there is a free port");
  KERF_ASSERT(::getsockname(fd, any, &size) == 0, "it has a number");
  return {fd, ntohs(address.sin_port)};
}

std::size_t body_bytes(std::string_view head) {
  constexpr std::string_view kName = "Content-Length: ";
  const std::size_t at = head.find(kName);
  std::size_t bytes = 0;
  if (at != std::string_view::npos) {
    std::from_chars(head.data() + at + kName.size(), head.data() + head.size(), bytes);
  }
  return bytes;
}

}  // namespace

std::string Conversation::request() {
  std::array<char, 16384> piece{};
  while (true) {
    const std::size_t end = rest_.find("\r\n\r\n");
    if (end != std::string::npos) {
      const std::size_t whole = end + 4 + body_bytes(std::string_view(rest_).substr(0, end + 2));
      if (rest_.size() >= whole) {
        std::string request = rest_.substr(0, whole);
        rest_.erase(0, whole);
        return request;
      }
    }
    const ssize_t n = ::recv(fd_, piece.data(), piece.size(), 0);
    if (n <= 0) return {};
    rest_.append(piece.data(), static_cast<std::size_t>(n));
  }
}

bool Conversation::send(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

bool Conversation::answer(std::string_view status, std::string_view body,
                          std::string_view headers) {
  return send(fmt::format("HTTP/1.1 {}\r\n{}Content-Length: {}\r\n\r\n{}", status, headers,
                          body.size(), body));
}

bool Conversation::begin_chunks() const {
  return send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
}

bool Conversation::chunk(std::string_view bytes) const {
  return send(fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes));
}

void Conversation::wait_for_close() {
  std::array<char, 4096> ignored{};
  while (::recv(fd_, ignored.data(), ignored.size(), 0) > 0) {
  }
}

TestServer::TestServer(Handle handle) : handle_(std::move(handle)) {
  std::tie(listener_, port_) = bound();
  KERF_ASSERT(::listen(listener_, 1024) == 0, "a bound socket can listen");
  acceptor_ = std::thread([this] { serve(); });
}

TestServer::~TestServer() {
  ending_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  {
    const std::lock_guard lock(mutex_);
    for (const int fd : open_) {
      if (fd >= 0) ::shutdown(fd, SHUT_RDWR);
    }
  }
  for (std::thread& thread : threads_) thread.join();
  ::close(listener_);
}

std::string TestServer::url() const { return fmt::format("http://127.0.0.1:{}", port_); }

void TestServer::serve() {
  while (!ending_) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    const int number = connections_++;
    {
      const std::lock_guard lock(mutex_);
      open_.push_back(fd);
    }
    threads_.emplace_back([this, fd, number] {
      Conversation conversation(fd);
      handle_(conversation, number);
      const std::lock_guard lock(mutex_);
      open_[static_cast<std::size_t>(number)] = -1;
      ::close(fd);
    });
  }
}

std::string dead_url() {
  const auto [fd, port] = bound();
  ::close(fd);
  return fmt::format("http://127.0.0.1:{}", port);
}

}  // namespace kerf::apiserver
