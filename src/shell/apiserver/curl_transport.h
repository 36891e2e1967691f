// The Transport on libcurl: HTTP/2 over TLS, a few connections, one thread.
#pragma once

#include <memory>
#include <string>

#include "shell/apiserver/transport.h"

namespace kerf::apiserver {

struct CurlOptions {
  std::string server;  ///< checked by check_server()
  std::string user_agent = "kerf";
  std::int64_t connect_ms = 10'000;
  /// Of each lane. More streams than a connection may carry (250 at the API server) go over a
  /// second one; without a limit libcurl opens one for each. Over http:// (tests) there is none, as
  /// there a connection carries one exchange.
  long connections_max = 2;
};

/// Starts the thread.
std::unique_ptr<Transport> make_curl_transport(CurlOptions options);

}  // namespace kerf::apiserver
