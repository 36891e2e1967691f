// Rounds: endpoints from the loop, pages on a thread of their own, what they say back on the loop.
#include "shell/controller/prices.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "codec/timestamp.h"
#include "shell/controller/answers.h"
#include "shell/controller/page_fetch.h"
#include "shell/controller/price_pages.h"
#include "shell/runtime/serial.h"

namespace kerf::shell {
namespace {

using apiserver::Answer;
using market::Market;
using telemetry::Level;

const apiserver::Resource kPods{"", "v1", "pods"};
constexpr const char* kLabel = "app.kubernetes.io/name=karpenter";
/// A list may be begun again, and has several pages.
constexpr std::int64_t kListMs = 180'000;

/// The same offers at the same prices? Where they were read does not matter.
bool is_same(const Market& a, const Market& b) {
  return a.offerings == b.offerings && a.off_sale == b.off_sale && a.region == b.region &&
         a.unpriced == b.unpriced;
}

}  // namespace

class Prices::Impl {
 public:
  Impl(Options options, Market types, apiserver::Client& client, runtime::Loop& loop,
       telemetry::Log log, std::function<std::int64_t()> wall_ms,
       std::function<void(const Told&)> tell)
      : options_(std::move(options)),
        table_(std::make_shared<const Market>(std::move(types))),
        client_(client),
        loop_(loop),
        log_(std::move(log)),
        wall_ms_(std::move(wall_ms)),
        tell_(std::move(tell)),
        answers_(loop, [this](std::uint64_t round, const Answer& answer) {
          if (round == round_) listed(answer);
        }) {}

  ~Impl() {
    *stop_ = true;
    *alive_ = false;
    loop_.cancel(timer_);
  }

  /// Soon, so that nothing is told from inside start().
  void start() {
    timer_ = loop_.after(0, [this] { begin(); });
  }

 private:
  void begin() {
    const runtime::Instant now = runtime::Loop::now();
    timer_ = loop_.at(now + options_.every_ms, [this] { begin(); });
    if (now < until_) return;  // the last round is not over
    until_ =
        now + kListMs + static_cast<std::int64_t>(kEndpointsMax) * (options_.deadline_ms + 1'000);
    ++round_;
    if (options_.urls.empty()) ask_for_pods();
    else use_urls();
  }

  void use_urls() {
    std::vector<Endpoint> endpoints;
    for (const std::string& url : options_.urls) {
      Result<Endpoint> endpoint = endpoint_of_url(url);
      if (!endpoint) return end({nullptr, "", {}, endpoint.error().message()}, 0);
      if (endpoints.size() < kEndpointsMax) endpoints.push_back(*std::move(endpoint));
    }
    fetch(std::move(endpoints));
  }

  void ask_for_pods() {
    client_.list({kPods, options_.karpenter_namespace, "status.phase=Running", kLabel},
                 answers_.expect(round_));
  }

  void listed(const Answer& answer) {
    if (!answer.ok())
      return end({nullptr, "", {}, "Karpenter's pods could not be listed: " + answer.message}, 0);
    Result<std::vector<Endpoint>> endpoints = endpoints_of_pods(answer.object, options_.port);
    if (endpoints) return fetch(*std::move(endpoints));
    const std::string where = options_.karpenter_namespace.empty()
                                  ? std::string()
                                  : " in namespace " + options_.karpenter_namespace;
    end({nullptr,
         "",
         {},
         fmt::format("{} (label {}{})", endpoints.error().message(), kLabel, where)},
        0);
  }

  void fetch(std::vector<Endpoint> endpoints) {
    const FetchLimits limits{options_.deadline_ms,
                             std::min<std::int64_t>(options_.deadline_ms, 3'000),
                             options_.page_bytes_max};
    // On the other thread only what is captured is touched, and the loop not after stop.
    const bool taken = serial_.submit([this, loop = &loop_, alive = alive_, stop = stop_,
                                       round = round_, asked_at = wall_ms_(), types = table_,
                                       limits, endpoints = std::move(endpoints)] {
      PageChoice choice(*types);
      for (const Endpoint& endpoint : endpoints) {
        if (*stop) return;
        choice.add(endpoint, fetch_page(endpoint.url, limits, *stop));
      }
      if (*stop) return;
      static_cast<void>(
          loop->post([this, alive, round, asked_at, reading = choice.finish()]() mutable {
            if (*alive && round == round_) end(std::move(reading), asked_at);
          }));
    });
    if (!taken) end({nullptr, "", {}, "a page is still being read"}, 0);
  }

  void end(Reading reading, std::int64_t asked_at) {
    until_ = 0;
    if (reading.market == nullptr) {
      if (reading.trouble != told_.trouble)
        log_.warning("no prices from Karpenter", {{"why", reading.trouble}});
      told_.trouble = std::move(reading.trouble);
    } else {
      use(std::move(reading), asked_at);
    }
    if (told_.market == nullptr) {
      told_.market = table_;
      told_.source =
          fmt::format("{} of {} for {}", table_->price_source, table_->price_date, options_.region);
    }
    tell_(told_);
  }

  void use(Reading reading, std::int64_t asked_at) {
    const bool is_first = told_.as_of_ms == 0;
    const bool is_news = is_first || !is_same(*told_.market, *reading.market);
    const std::string source = reading.market->price_source;
    if (is_news) {
      auto market = std::make_shared<Market>(*reading.market);
      market->price_date = codec::timestamp_text(asked_at);
      told_.market = std::move(market);
    }
    const bool is_back = !is_first && !told_.trouble.empty();
    log_.write(is_news || is_back ? Level::Info : Level::Debug,
               is_first  ? "prices from Karpenter"
               : is_news ? "prices changed"
               : is_back ? "prices from Karpenter again"
                         : "prices are the same",
               {{"source", source},
                {"region", told_.market->region},
                {"offerings", reading.note.offerings},
                {"unavailable", reading.note.unavailable},
                {"unknown_types", reading.note.unknown_types}});
    told_.as_of_ms = std::max(told_.as_of_ms, asked_at);
    told_.source = source;
    told_.trouble.clear();
  }

  Options options_;
  std::shared_ptr<const Market> table_;
  apiserver::Client& client_;
  runtime::Loop& loop_;
  telemetry::Log log_;
  std::function<std::int64_t()> wall_ms_;
  std::function<void(const Told&)> tell_;
  Told told_;  ///< market null: nothing was told yet
  std::uint64_t round_ = 0;
  runtime::Instant until_ = 0;  ///< by then the round under way is over, or lost; 0 = none is
  runtime::TimerId timer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::shared_ptr<std::atomic<bool>> stop_ = std::make_shared<std::atomic<bool>>(false);
  Answers answers_;  ///< by round
  /// Last: its end is waited for while all else is there.
  runtime::Serial serial_{
      {.name = "kerf-prices", .queue_max = 1, .stop_deadline = std::chrono::seconds(2)}};
};

Prices::Prices(Options options, Market types, apiserver::Client& client, runtime::Loop& loop,
               telemetry::Log log, std::function<std::int64_t()> wall_ms,
               std::function<void(const Told&)> tell)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(types), client, loop,
                                   std::move(log), std::move(wall_ms), std::move(tell))) {}
Prices::~Prices() = default;

void Prices::start() { impl_->start(); }

}  // namespace kerf::shell
