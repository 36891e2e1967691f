// The controller's process: how it begins, steps its mind, carries effects out, and ends.
#include "shell/controller/host.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <optional>
#include <utility>

#include "base/hash.h"
#include "codec/policy_status.h"
#include "report/decision.h"
#include "shell/controller/announcer.h"
#include "shell/controller/recorder.h"
#include "shell/controller/refusals.h"
#include "shell/controller/requests.h"
#include "shell/controller/solvers.h"
#include "shell/controller/wall_clock.h"
#include "shell/runtime/loop.h"
#include "shell/runtime/run_name.h"
#include "shell/telemetry/metrics.h"
#include "shell/web/status_pages.h"

namespace kerf::shell {

namespace {

constexpr std::size_t kQueueMax = 1u << 20;
constexpr std::int64_t kOverviewEveryMs = 5'000;
constexpr std::int64_t kContactMs =
    30'000;                                ///< a replica that has not heard for so long: not ready
constexpr std::int64_t kPauseMax = 1'000;  ///< between steps
constexpr std::int64_t kQps = 100;
constexpr std::int64_t kElectionQps = 10;

}  // namespace

class ControllerHost::Impl {
 public:
  Impl(ControllerOptions options, market::Market types, telemetry::Log log)
      : options_(std::move(options)),
        types_(std::move(types)),
        log_(std::move(log)),
        loop_(runtime::Loop::Options{kQueueMax}),
        recorder_(log_, metrics_),
        mind_(options_.mind),
        run_(runtime::run_name()) {}

  Result<void> run();

 private:
  Result<void> begin();
  Result<std::unique_ptr<apiserver::Client>> new_client(std::int64_t qps) const;
  Result<void> begin_web();
  void begin_hands();
  void lead();
  void follow(const std::string& why);
  void tell(controller::Event event);
  void price();
  void step();
  void act(const controller::Effect& effect);
  void wake_at(std::int64_t at);
  void look_over();
  bool acts(const std::string& policy) const;
  std::optional<std::int64_t> contact_age_ms() const;
  bool in_contact() const;
  void say_goodbye();
  void stop();

  ControllerOptions options_;
  market::Market types_;
  telemetry::Log log_;
  telemetry::Metrics metrics_;
  runtime::Loop loop_;
  WallClock clock_;
  Recorder recorder_;
  controller::Controller mind_;
  std::string run_;
  std::uint64_t decisions_ = 0;
  std::uint64_t term_ = 0;
  std::vector<controller::Event> inbox_;
  runtime::TimerId wake_;
  runtime::Instant not_before_ = 0;  ///< of the next step
  bool step_waits_ = false;
  std::map<std::string, control::Mode> modes_;  ///< of the policies, as seen last
  std::optional<Prices::Told> prices_told_;
  std::optional<market::NodeOverhead> overhead_;
  std::atomic<bool> leads_{false};
  std::atomic<std::int64_t> trouble_ms_{0};
  std::atomic<std::int64_t> events_dropped_{0};
  bool leaving_ = false;

  // Last made, first destroyed: they call back.
  std::unique_ptr<apiserver::Client> election_client_;
  std::unique_ptr<apiserver::Client> client_;
  std::unique_ptr<Solvers> solvers_;
  std::unique_ptr<Watches> watches_;
  std::unique_ptr<Requests> requests_;
  std::unique_ptr<Announcer> announcer_;
  std::unique_ptr<Refusals> refusals_;
  std::unique_ptr<Prices> prices_;
  std::unique_ptr<Election> election_;
  std::unique_ptr<web::StatusPages> web_;
};

// --- The beginning -------------------------------------------------------------------------------

Result<std::unique_ptr<apiserver::Client>> ControllerHost::Impl::new_client(
    std::int64_t qps) const {
  apiserver::Client::Options client;
  client.credentials = options_.api;
  client.user_agent = "kerfd-controller/" + options_.version;
  client.field_manager = "kerf-controller";
  client.qps = qps;
  client.burst = 2 * qps;
  Hasher seed;
  seed.add(std::string_view(options_.identity));
  client.seed = seed.value();
  return apiserver::Client::start(client);
}

std::optional<std::int64_t> ControllerHost::Impl::contact_age_ms() const {
  const auto one = client_->health().contact_age_ms;
  const auto other = election_client_->health().contact_age_ms;
  if (!one || !other) return one ? one : other;
  return std::min(*one, *other);
}

/// A replica that waits for its turn is as well as the one that decides.
bool ControllerHost::Impl::in_contact() const {
  const auto age = contact_age_ms();
  return age && *age < kContactMs;
}

Result<void> ControllerHost::Impl::begin_web() {
  web_ = std::make_unique<web::StatusPages>(
      web::StatusPages::Options{options_.metrics_address, options_.metrics_port,
                                "the controller does not get to its work\n"},
      metrics_, loop_, log_, [this] {
        if (!in_contact()) return web::Response{503, "the API server does not answer\n"};
        return web::Response{200, leads_ ? "leads\n" : "stands by\n"};
      });
  return web_->start();
}

void ControllerHost::Impl::begin_hands() {
  solvers_ = std::make_unique<Solvers>(loop_, options_.bound_shapes_max,
                                       [this](controller::Event event) { tell(std::move(event)); });
  Watches::Events seen;
  seen.tell = [this](controller::Event event) { tell(std::move(event)); };
  seen.overhead = [this](const market::NodeOverhead& overhead) {
    overhead_ = overhead;
    price();
  };
  seen.policy_refused = [this](const std::string& policy) { refusals_->look_at(policy); };
  watches_ = std::make_unique<Watches>(options_.watches, types_.gpus, types_, *client_, loop_,
                                       log_.named("watches"), std::move(seen));
  Requests::Events done;
  done.done = [this](controller::Done outcome) { tell(std::move(outcome)); };
  done.relist = [this](control::Kind kind) { watches_->relist(kind); };
  done.answered = [this](const controller::Effect& effect, const apiserver::Answer& answer,
                         std::int64_t ms) { recorder_.answered(effect, answer, ms); };
  requests_ = std::make_unique<Requests>(
      Requests::Options{options_.node_class}, *client_, mirror_of(*watches_), loop_,
      log_.named("requests"), std::move(done),
      [this](const controller::PutStatus& put, const codec::Node* previous) {
        const auto mode = modes_.find(put.policy);
        const auto words = report::words_of(
            put.status, mode == modes_.end() ? control::Mode::Observe : mode->second);
        return codec::policy_status_node(put.status, words, previous, clock_.now());
      });
  Announcer::Options announcer;
  announcer.instance = options_.identity;
  announcer_ = std::make_unique<Announcer>(announcer, *client_, mirror_of(*watches_), loop_,
                                           log_.named("events"),
                                           [this](const std::string& name) { return acts(name); });
  refusals_ = std::make_unique<Refusals>(
      *client_, loop_, log_.named("policies"), [this] { return clock_.now(); },
      [this] { return leads_.load(); },
      [this](const std::string& policy) { return watches_->unread_policy(policy); });
  prices_ = std::make_unique<Prices>(
      options_.prices, types_, *client_, loop_, log_.named("prices"),
      [this] { return clock_.now(); },
      [this](const Prices::Told& told) {
        prices_told_ = told;
        recorder_.priced(told, clock_.now());
        price();
      });
}

Result<void> ControllerHost::Impl::begin() {
  KERF_TRY(client_, new_client(kQps));
  // A renewal of the Lease waits behind nothing else.
  KERF_TRY(election_client_, new_client(kElectionQps));
  telemetry::add_process_metrics(metrics_);
  metrics_.gauge("kerf_controller_info", "What this controller is", {{"version", options_.version}})
      .set(1);
  metrics_.gauge_function("kerf_controller_api_contact_age_seconds",
                          "Since the API server answered last; -1: never in this run", [this] {
                            const auto age = contact_age_ms();
                            return age ? static_cast<double>(*age) / 1000 : -1.0;
                          });
  metrics_.gauge_function("kerf_controller_watch_trouble_seconds",
                          "How long some watch has not worked; 0: all do",
                          [this] { return static_cast<double>(trouble_ms_) / 1000; });
  metrics_.counter_function("kerf_controller_events_dropped_total",
                            "Kubernetes Events that were given up",
                            [this] { return static_cast<double>(events_dropped_); });
  if (options_.metrics) KERF_CHECK_OK(begin_web());
  begin_hands();
  Election::Options election = options_.election;
  election.identity = options_.identity;
  election_ = std::make_unique<Election>(
      election, *election_client_, loop_, log_.named("election"),
      Election::Events{[this] { lead(); }, [this](const std::string& why) { follow(why); }});
  return {};
}

Result<void> ControllerHost::Impl::run() {
  KERF_CHECK_OK(begin());
  loop_.set_after_batch([this] { step(); });
  loop_.on_signal({SIGTERM, SIGINT}, [this](int signal) {
    log_.info("asked to end", {{"signal", signal}});
    say_goodbye();
  });
  log_.info("controller starts",
            {{"version", options_.version}, {"identity", options_.identity}, {"run", run_}});
  prices_->start();
  election_->start();
  look_over();
  loop_.run();
  stop();
  return {};
}

// --- Leading -------------------------------------------------------------------------------------

void ControllerHost::Impl::lead() {
  if (leaving_) return;
  leads_ = true;
  recorder_.leads(true);
  tell(controller::Leading{++term_});
  watches_->start_over();
  refusals_->lead();
  price();
}

void ControllerHost::Impl::follow(const std::string& why) {
  leads_ = false;
  log_.warning("does not lead any more", {{"why", why}});
  recorder_.leads(false);
  tell(controller::Following{});
}

/// Nothing is decided from here on; another replica may begin as soon as it sees that.
void ControllerHost::Impl::say_goodbye() {
  if (std::exchange(leaving_, true)) {
    loop_.quit();
    return;
  }
  if (leads_) follow("it ends");
  election_->stop(options_.farewell_ms, [this] { loop_.quit(); });
}

void ControllerHost::Impl::stop() {
  web_.reset();
  election_.reset();
  prices_.reset();
  refusals_.reset();
  announcer_.reset();
  requests_.reset();
  watches_.reset();
  client_.reset();
  election_client_.reset();
  solvers_->stop();
  log_.info("controller ends");
  log_.flush(true);
}

// --- Steps ---------------------------------------------------------------------------------------

void ControllerHost::Impl::tell(controller::Event event) {
  if (const auto* seen = std::get_if<controller::Seen>(&event)) {
    if (const auto* policy = std::get_if<control::SlicePolicy>(&seen->object))
      modes_[policy->meta.name] = policy->mode;
  } else if (const auto* gone = std::get_if<controller::Gone>(&event)) {
    if (gone->kind == control::Kind::SlicePolicy) modes_.erase(gone->key.name);
  }
  inbox_.push_back(std::move(event));
}

bool ControllerHost::Impl::acts(const std::string& policy) const {
  const auto mode = modes_.find(policy);
  return mode != modes_.end() && mode->second == control::Mode::Act;
}

/// Prices count once it is known what DaemonSets take of a node: else nodes would be bought that
/// are too small.
void ControllerHost::Impl::price() {
  if (!prices_told_ || !overhead_) return;
  controller::Offerings offerings;
  offerings.market = prices_told_->market;
  offerings.as_of = prices_told_->as_of_ms;
  offerings.overhead = *overhead_;
  offerings.source = prices_told_->source;
  offerings.trouble = prices_told_->trouble;
  tell(std::move(offerings));
}

void ControllerHost::Impl::step() {
  if (inbox_.empty()) return;
  // A step looks at everything: in a large cluster events are collected for as long as one takes.
  if (const runtime::Instant at = runtime::Loop::now(); at < not_before_) {
    if (!std::exchange(step_waits_, true)) loop_.at(not_before_, [this] { step_waits_ = false; });
    return;
  }
  const std::vector<controller::Event> batch = std::exchange(inbox_, {});
  const std::int64_t now = clock_.now();
  const auto began = std::chrono::steady_clock::now();
  const std::vector<controller::Effect> effects = mind_.step(batch, now);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  not_before_ =
      runtime::Loop::now() +
      std::min(std::chrono::duration_cast<std::chrono::milliseconds>(took).count(), kPauseMax);
  recorder_.observe(batch, effects, now, took.count());
  for (const controller::Effect& effect : effects) act(effect);
  // What was answered at once is the next batch's, which nothing else may bring.
  if (!inbox_.empty()) static_cast<void>(loop_.post([] {}));
}

void ControllerHost::Impl::act(const controller::Effect& effect) {
  if (const auto* wake = std::get_if<controller::WakeAt>(&effect.action)) {
    wake_at(wake->at);
  } else if (const auto* note = std::get_if<controller::Note>(&effect.action)) {
    const std::string decision = fmt::format("{}-{}", run_, ++decisions_);
    recorder_.decided(note->record, decision);
    announcer_->announce(note->record, decision, clock_.now());
  } else if (const auto* question = std::get_if<controller::Solve>(&effect.action)) {
    solvers_->solve(effect.id, question->problem);
  } else if (election_->leads()) {
    requests_->carry_out(effect);
  } else {  // not sure any more that it does: Following comes, or the Lease is renewed after all
    tell(controller::Done{effect.id, {controller::Result::Later, 0, "it does not lead"}});
  }
}

void ControllerHost::Impl::wake_at(std::int64_t at) {
  loop_.cancel(wake_);
  wake_ = loop_.after(std::max<std::int64_t>(at - clock_.now(), 1),
                      [this] { tell(controller::Woke{}); });
}

/// Figures for metrics, now and then.
void ControllerHost::Impl::look_over() {
  if (leads_) recorder_.overview(mind_.overview());
  const auto trouble = watches_->trouble_since();
  trouble_ms_ = trouble ? runtime::Loop::now() - *trouble : 0;
  events_dropped_ = announcer_->dropped();
  log_.flush();
  loop_.after(kOverviewEveryMs, [this] { look_over(); });
}

ControllerHost::ControllerHost(ControllerOptions options, market::Market types, telemetry::Log log)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(types), std::move(log))) {}
ControllerHost::~ControllerHost() = default;
Result<void> ControllerHost::run() { return impl_->run(); }

}  // namespace kerf::shell
