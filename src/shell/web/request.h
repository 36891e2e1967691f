// RequestReader: HTTP/1.1 requests out of the bytes of a connection; Beast's parser stays in
// request.cc.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "shell/web/server.h"

namespace kerf::web {

class RequestReader {
 public:
  enum class State {
    More,  ///< the request is not whole
    Done,  ///< request() is whole
    Bad,   ///< bad() says why; nothing more can be read from this connection
  };

  /// `header_bytes_max`: of a request's line and headers together.
  explicit RequestReader(std::size_t header_bytes_max);
  ~RequestReader();
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  /// Takes what it can use from the front of `bytes`. Call it with more bytes appended while it
  /// says More; after Done the next call begins the next request. `bytes` never needs to grow
  /// beyond header_bytes_max.
  State take(std::string& bytes);

  const Request& request() const { return request_; }
  /// The connection may be used for another request.
  bool keep_alive() const { return keep_alive_; }
  /// 400, 413 (it has a body), 431 (too large), 505 (another version).
  unsigned bad() const { return bad_; }

 private:
  struct Parser;
  State finish();
  State refuse(unsigned status);

  const std::size_t header_bytes_max_;
  std::unique_ptr<Parser> parser_;  // of the request that is being read
  Request request_;
  bool keep_alive_ = false;
  unsigned bad_ = 0;
};

}  // namespace kerf::web
