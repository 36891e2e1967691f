// One request at a time about one Lease; what comes of it decides who leads.
#include "shell/controller/election.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "base/prng.h"
#include "base/quote.h"
#include "codec/json.h"
#include "codec/timestamp.h"
#include "shell/apiserver/answer.h"
#include "shell/controller/feed.h"
#include "shell/controller/lease_record.h"

namespace kerf::shell {

using apiserver::Answer;
using apiserver::Method;
using apiserver::Verdict;
using codec::Node;

namespace {

/// A record that says more is no reason to wait for ever.
constexpr std::int64_t kDurationMsMax = 10 * 60'000;
constexpr std::int64_t kReleaseRetryMs = 200;
/// The answer to a request comes by its deadline; if the loop's queue would not take it, it never
/// does.
constexpr std::int64_t kSlackMs = 500;

const apiserver::Resource kLeases{"coordination.k8s.io", "v1", "leases"};

std::int64_t ms_of(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

}  // namespace

Election::Clock Election::clock_of(runtime::Loop& loop) {
  Clock clock;
  clock.now = [] { return ms_of(CLOCK_BOOTTIME); };
  clock.wall_ms = [] { return ms_of(CLOCK_REALTIME); };
  clock.after = [&loop](std::int64_t ms, std::function<void()> work) {
    return loop.after(ms, std::move(work)).value;
  };
  clock.cancel = [&loop](std::uint64_t id) { loop.cancel({id}); };
  return clock;
}

// A step is a GET, or a PUT or POST; its answer makes the next step, at once or at the next look.
// A leader writes straight away on the version that it wrote last.
class Election::Impl {
 public:
  Impl(Options options, apiserver::Client& client, runtime::Loop& loop, telemetry::Log log,
       Events events);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void start();
  void stop(std::int64_t within_ms, std::function<void()> done);
  bool leads() const { return leads_ && now() < until_; }
  const std::string& holder() const { return observed_.holder; }

 private:
  std::int64_t now() const { return options_.clock.now(); }
  void ask(Method method, const Node& body, std::function<void(Answer)> done);
  void watch();
  void saw(const Node& lease);
  void observe(Node lease);
  bool free() const;
  std::int64_t free_in() const;
  LeaseRecord own_record() const;

  void step();
  void step_in(std::int64_t ms);
  void step_later();
  void read();
  void write();
  void written(const Answer& answer, std::int64_t asked);
  void failed(const Answer& answer);
  void lead(std::int64_t asked);
  void follow(const std::string& why);
  void expire();
  void finish();

  Options options_;
  apiserver::Client& client_;
  runtime::Loop& loop_;
  telemetry::Log log_;
  Events events_;
  Prng jitter_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

  std::optional<apiserver::Client::WatchId> watch_;
  std::optional<Node> lease_;  ///< as seen last; nullopt: not there, or not known
  bool looked_ = false;        ///< lease_ is what the API server said; else it is to be read first
  LeaseRecord observed_;
  std::optional<std::int64_t> observed_at_;  ///< when it became that
  bool leads_ = false;
  std::int64_t until_ = 0;     ///< it leads until then, unless it renews
  std::uint64_t request_ = 0;  ///< the one under way; 0 = none
  std::uint64_t last_request_ = 0;
  std::optional<std::uint64_t> next_, watchdog_, expiry_, end_;
  bool hurry_ = false;          ///< something came meanwhile: the next step at once
  std::function<void()> done_;  ///< of stop()
  bool stopping_ = false;
  bool over_ = false;      ///< nothing is asked any more
  std::string complaint_;  ///< logged last
};

Election::Impl::Impl(Options options, apiserver::Client& client, runtime::Loop& loop,
                     telemetry::Log log, Events events)
    : options_(std::move(options)),
      client_(client),
      loop_(loop),
      log_(std::move(log)),
      events_(std::move(events)),
      jitter_(std::hash<std::string>{}(options_.identity)) {
  if (!options_.clock.now) options_.clock = clock_of(loop_);
  KERF_ASSERT(options_.retry_ms > 0 && options_.retry_ms < options_.renew_deadline_ms &&
                  options_.renew_deadline_ms < options_.duration_ms,
              "a leader stops before another may begin");
}

Election::Impl::~Impl() {
  *alive_ = false;
  if (watch_) client_.unwatch(*watch_);
  for (const auto& timer : {next_, watchdog_, expiry_, end_})
    if (timer) options_.clock.cancel(*timer);
}

void Election::Impl::start() {
  watch();
  step();
}

// --- Talking -------------------------------------------------------------------------------------

/// The answer, or that there will be none. One at a time.
void Election::Impl::ask(Method method, const Node& body, std::function<void(Answer)> done) {
  apiserver::Request request;
  const auto path =
      method == Method::Post
          ? apiserver::path_of(apiserver::Collection{kLeases, options_.ns, "", ""})
          : apiserver::path_of(apiserver::Target{kLeases, options_.ns, options_.lease, ""});
  KERF_ASSERT(path, "the names of the Lease make a path");
  request.method = method;
  request.path = *path;
  const bool writes = method != Method::Get;
  if (writes) {
    request.query.emplace_back("fieldManager", options_.field_manager);
    request.body = codec::write_json(body);
  }
  // A leader has time for another try before its Lease runs out.
  request.deadline_ms = options_.renew_deadline_ms / 2;
  if (leads_)
    request.deadline_ms = std::clamp<std::int64_t>(until_ - now(), 1, request.deadline_ms);
  const std::uint64_t number = ++last_request_;
  request_ = number;
  const auto answered = [this, number, done = std::move(done)](Answer answer) {
    if (request_ != number) return;
    request_ = 0;
    if (watchdog_) options_.clock.cancel(*std::exchange(watchdog_, std::nullopt));
    done(std::move(answer));
  };
  watchdog_ = options_.clock.after(request.deadline_ms + kSlackMs, [answered] {
    Answer none;
    none.message = "no answer came";
    answered(none);
  });
  client_.call(std::move(request),
               [loop = &loop_, alive = alive_, writes, answered](Answer answer) {
                 if (answer.ok()) apiserver::read_object(answer, writes);
                 static_cast<void>(loop->post([alive, answered, answer = std::move(answer)] {
                   if (*alive) answered(answer);
                 }));
               });
}

/// Beside looking every now and then: what it says is believed, but it may say nothing.
void Election::Impl::watch() {
  const auto post = [loop = &loop_, alive = alive_](std::function<void()> work) {
    static_cast<void>(loop->post([alive, work = std::move(work)] {
      if (*alive) work();
    }));
  };
  apiserver::WatchEvents events;
  events.seen = [this, post](Node lease, const std::string&) {
    post([this, lease = std::move(lease)] { saw(lease); });
  };
  events.gone = [this, post](const std::string&, const std::string&, const std::string&) {
    post([this] {
      looked_ = false;
      step_in(0);
    });
  };
  watch_ = client_.watch(apiserver::only(kLeases, options_.ns, options_.lease), std::move(events));
}

void Election::Impl::saw(const Node& lease) {
  if (lease_ && version_of(lease) <= version_of(*lease_)) return;
  observe(lease);
  if (!leads_ && observed_.holder.empty()) step_in(0);
  else if (!leads_ && request_ == 0) step_later();
}

void Election::Impl::observe(Node lease) {
  const LeaseRecord record = read_lease_record(lease);
  if (!observed_at_ || !(record == observed_)) {
    if (record.holder != observed_.holder)
      log_.info("the Lease is held", {{"lease", options_.lease}, {"holder", record.holder}});
    observed_ = record;
    observed_at_ = now();
  }
  lease_ = std::move(lease);
  looked_ = true;
  if (leads_ && observed_.holder != options_.identity)
    follow(fmt::format("the Lease is held by {}", quoted(observed_.holder)));
}

// --- Deciding ------------------------------------------------------------------------------------

/// May it be taken?
bool Election::Impl::free() const { return free_in() <= 0; }

/// Whoever was seen to hold it may decide for that long yet; also if the Lease was deleted since.
std::int64_t Election::Impl::free_in() const {
  if (observed_.holder.empty() || observed_.holder == options_.identity) return 0;
  const std::int64_t said = std::min(observed_.duration_s, kDurationMsMax / 1000) * 1000;
  return *observed_at_ + (said > 0 ? said : options_.duration_ms) - now();
}

LeaseRecord Election::Impl::own_record() const {
  const std::int64_t wall = options_.clock.wall_ms();
  LeaseRecord record = lease_ ? observed_ : LeaseRecord{};
  if (stopping_) {
    record.holder.clear();
    record.duration_s = 1;
    record.renewed = codec::timestamp_text_us(wall);
    return record;
  }
  if (record.holder != options_.identity || record.acquired.empty()) {
    if (lease_ && record.holder != options_.identity) ++record.transitions;
    record.acquired = codec::timestamp_text_us(wall);
  }
  record.holder = options_.identity;
  record.duration_s = (options_.duration_ms + 999) / 1000;
  record.renewed = codec::timestamp_text_us(wall);
  return record;
}

void Election::Impl::step_in(std::int64_t ms) {
  if (over_) return;
  if (request_ != 0) {
    hurry_ = hurry_ || ms == 0;
    return;
  }
  if (next_) options_.clock.cancel(*next_);
  next_ = options_.clock.after(ms, [this] {
    next_.reset();
    step();
  });
}

/// At the next look, or when the Lease becomes free, if that is sooner. Standbys do not all look at
/// one time.
void Election::Impl::step_later() {
  if (std::exchange(hurry_, false)) return step_in(0);
  if (stopping_) return step_in(kReleaseRetryMs);
  std::int64_t wait = options_.retry_ms;
  if (!leads_) {
    const std::int64_t half = options_.retry_ms / 2;
    wait = options_.retry_ms - half +
           static_cast<std::int64_t>(jitter_.below(static_cast<std::uint64_t>(half + 1)));
    if (!free()) wait = std::min(wait, free_in());
  }
  step_in(wait);
}

void Election::Impl::step() {
  if (request_ != 0 || over_) return;
  hurry_ = false;
  if (stopping_ && looked_ && observed_.holder != options_.identity) return finish();
  if (looked_ && (leads_ || stopping_)) return write();
  read();
}

void Election::Impl::read() {
  ask(Method::Get, {}, [this](Answer answer) {
    if (answer.ok()) {
      complaint_.clear();
      observe(std::move(answer.object));
    } else if (answer.verdict == Verdict::NotFound) {
      complaint_.clear();
      lease_.reset();
      looked_ = true;
    } else {
      return failed(answer);
    }
    if (stopping_ && (!lease_ || observed_.holder != options_.identity)) return finish();
    if (over_) return;
    if (!free()) return step_later();
    write();
  });
}

void Election::Impl::write() {
  const LeaseRecord record = own_record();
  const std::int64_t asked = now();
  const auto done = [this, asked](Answer answer) { written(answer, asked); };
  if (lease_) ask(Method::Put, with_lease_record(*lease_, record), done);
  else ask(Method::Post, new_lease(options_.ns, options_.lease, record), done);
}

void Election::Impl::written(const Answer& answer, std::int64_t asked) {
  if (answer.ok()) {
    complaint_.clear();
    observe(answer.object);
    if (stopping_) {
      if (observed_.holder == options_.identity) return step_in(0);  // it was a renewal
      return finish();
    }
    if (observed_.holder == options_.identity) lead(asked);
    return step_later();
  }
  looked_ = false;  // whatever it was, the next step reads first
  const bool stale = answer.verdict == Verdict::Conflict ||
                     answer.verdict == Verdict::AlreadyExists ||
                     (answer.verdict == Verdict::NotFound && lease_);
  if (!stale) return failed(answer);
  step_in(leads_ || stopping_ ? 0 : options_.retry_ms / 2);
}

void Election::Impl::failed(const Answer& answer) {
  if (std::exchange(complaint_, answer.message) != answer.message)
    log_.warning("the Lease cannot be read or written; it is tried again",
                 {{"lease", options_.lease}, {"why", answer.message}});
  hurry_ = false;
  if (leads_) return step_in(std::min<std::int64_t>(options_.retry_ms, 500));
  step_later();
}

void Election::Impl::lead(std::int64_t asked) {
  const std::int64_t until = asked + options_.renew_deadline_ms;
  if (now() >= until) return;  // it took too long to say: the next renewal may count
  until_ = until;
  if (expiry_) options_.clock.cancel(*expiry_);
  expiry_ = options_.clock.after(until_ - now(), [this] {
    expiry_.reset();
    expire();
  });
  if (std::exchange(leads_, true)) return;
  log_.info("leads", {{"lease", options_.lease}, {"identity", options_.identity}});
  events_.leading();
}

void Election::Impl::expire() {
  const std::int64_t left = until_ - now();
  if (left > 0) {  // timers and clock may differ by a little
    expiry_ = options_.clock.after(left, [this] {
      expiry_.reset();
      expire();
    });
    return;
  }
  follow("the Lease could not be renewed in time");
}

void Election::Impl::follow(const std::string& why) {
  if (expiry_) options_.clock.cancel(*std::exchange(expiry_, std::nullopt));
  if (!std::exchange(leads_, false)) return;
  log_.warning("does not lead any more", {{"lease", options_.lease}, {"why", why}});
  events_.following(why);
}

// --- The end -------------------------------------------------------------------------------------

void Election::Impl::stop(std::int64_t within_ms, std::function<void()> done) {
  const bool may_hold = leads_ || request_ != 0 || observed_.holder == options_.identity;
  follow("it ends");
  stopping_ = true;
  done_ = std::move(done);
  if (watch_) client_.unwatch(*std::exchange(watch_, std::nullopt));
  if (next_) options_.clock.cancel(*std::exchange(next_, std::nullopt));
  if (!may_hold) return finish();
  end_ = options_.clock.after(within_ms, [this] {
    end_.reset();
    finish();
  });
  step();  // nothing while a request is under way: its answer comes back here
}

void Election::Impl::finish() {
  over_ = true;
  if (next_) options_.clock.cancel(*std::exchange(next_, std::nullopt));
  if (end_) options_.clock.cancel(*std::exchange(end_, std::nullopt));
  if (const auto done = std::exchange(done_, nullptr)) done();
}

Election::Election(Options options, apiserver::Client& client, runtime::Loop& loop,
                   telemetry::Log log, Events events)
    : impl_(std::make_unique<Impl>(std::move(options), client, loop, std::move(log),
                                   std::move(events))) {}
Election::~Election() = default;

void Election::start() { impl_->start(); }
void Election::stop(std::int64_t within_ms, std::function<void()> done) {
  impl_->stop(within_ms, std::move(done));
}
bool Election::leads() const { return impl_->leads(); }
const std::string& Election::holder() const { return impl_->holder(); }

}  // namespace kerf::shell
