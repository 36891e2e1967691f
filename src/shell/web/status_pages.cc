// Three handlers, and a server that may come late.
#include "shell/web/status_pages.h"

#include <utility>

#include "shell/runtime/liveness.h"

namespace kerf::web {

namespace {

constexpr std::int64_t kAgainMs = 10'000;

}  // namespace

StatusPages::StatusPages(Options options, telemetry::Metrics& metrics, runtime::Loop& loop,
                         telemetry::Log log, std::function<Response()> ready)
    : options_(std::move(options)),
      metrics_(metrics),
      loop_(loop),
      log_(std::move(log)),
      ready_(std::move(ready)) {}

StatusPages::~StatusPages() { loop_.cancel(again_); }

Result<void> StatusPages::start() {
  Server::Handlers handlers;
  handlers["/metrics"] = [this](const Request&) {
    return Response{200, metrics_.text(), std::string(telemetry::Metrics::kContentType)};
  };
  handlers["/healthz"] = [this](const Request&) {
    return runtime::turns(loop_) ? Response{200, "ok\n"} : Response{503, options_.stuck};
  };
  handlers["/readyz"] = [this](const Request&) { return ready_(); };
  Server::Options server;
  server.address = options_.address;
  server.port = options_.port;
  auto started = Server::start(server, std::move(handlers));
  if (started) {
    server_ = *std::move(started);
    return {};
  }
  if (started.error().code() == ErrorCode::InvalidArgument)
    return tl::unexpected(std::move(started).error().within("--metrics"));
  log_.error("no metrics and no health", {{"why", started.error().message()}});
  again_ = loop_.after(kAgainMs, [this] { static_cast<void>(start()); });
  return {};
}

}  // namespace kerf::web
