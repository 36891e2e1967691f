// StatusPages: what a program shows of itself over HTTP: metrics, whether it lives, whether it is
// ready.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "shell/runtime/loop.h"
#include "shell/telemetry/log.h"
#include "shell/telemetry/metrics.h"
#include "shell/web/server.h"

namespace kerf::web {

/// /metrics, /healthz (200 as long as the loop turns) and /readyz. Where the port is taken this is
/// said, and tried again every ten seconds: what the program does is worth more than a port. Lives
/// on the loop's thread; loop and metrics must outlive it.
class StatusPages {
 public:
  struct Options {
    std::string address = {};  ///< as of Server::Options
    std::uint16_t port = 0;
    std::string stuck;  ///< body of /healthz where the loop does not turn
  };

  /// `ready` makes /readyz, on the server's thread: it must be quick.
  StatusPages(Options options, telemetry::Metrics& metrics, runtime::Loop& loop, telemetry::Log log,
              std::function<Response()> ready);
  ~StatusPages();
  StatusPages(const StatusPages&) = delete;
  StatusPages& operator=(const StatusPages&) = delete;

  /// InvalidArgument: there is no such address; nothing is tried again.
  Result<void> start();

 private:
  Options options_;
  telemetry::Metrics& metrics_;
  runtime::Loop& loop_;
  telemetry::Log log_;
  std::function<Response()> ready_;
  runtime::TimerId again_;
  std::unique_ptr<Server> server_;
};

}  // namespace kerf::web
