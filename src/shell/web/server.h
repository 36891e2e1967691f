// Server: a small HTTP/1.1 server for metrics and health, on a thread of its own.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/result.h"

namespace kerf::web {

struct Request {
  std::string method;  ///< GET or HEAD
  std::string target;  ///< as it was sent, query included, e.g. "/healthz?verbose"
  std::string path;    ///< without the query; not decoded
  std::string query;   ///< behind the '?'; empty if there is none
};

struct Response {
  unsigned status = 200;
  std::string body = {};
  std::string content_type = "text/plain; charset=utf-8";
};

/// Runs on the server's thread, and all other clients wait for it: it must be quick. It must not
/// throw. For HEAD the body is made and its length told.
using Handler = std::function<Response(const Request&)>;

/// GET and HEAD of the paths that have a handler; other paths 404, other methods 405, requests with
/// a body 413, what is not HTTP 400, headers that are too large 431. Connections are kept alive.
/// Nobody can hold it up: a connection has deadlines for everything and a bound on what it may
/// send, and a new one is always taken. If there are too many of its peer, or in all, one of those
/// is closed for it: the one that has been idle longest; if none is idle, the one whose request, or
/// else whose answer, has been under way longest.
class Server {
 public:
  struct Options {
    std::string address = {};                  ///< numeric; "" = all, IPv6 and IPv4 where there are
    std::uint16_t port = 0;                    ///< 0 = any that is free, see port()
    std::size_t connections_max = 64;          ///< at least 1
    std::size_t connections_of_peer_max = 16;  ///< of one address; at least 1
    std::size_t header_bytes_max = 8192;       ///< of one request: its line and its headers
    std::chrono::milliseconds read_deadline{10'000};   ///< from a request's first byte to its end
    std::chrono::milliseconds write_deadline{10'000};  ///< of a whole answer
    std::chrono::milliseconds first_deadline{10'000};  ///< to the first byte of the first request
    std::chrono::milliseconds idle_deadline{30'000};   ///< between requests
  };
  /// By path, exactly as requested: "/metrics".
  using Handlers = std::map<std::string, Handler>;

  /// Listens when it returns. Conflict: the port is taken; InvalidArgument: not an address, or none
  /// of this machine's; Unavailable: all else, such as a port that needs privileges.
  static Result<std::unique_ptr<Server>> start(Options options, Handlers handlers);
  /// stop().
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const;
  /// Connections that are open now. Any thread.
  std::size_t connections() const;
  /// Closes everything; waits for a handler that runs, for nothing else. Not from a handler, and
  /// not from two threads at once.
  void stop();

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace kerf::web
