// Records -> Events of events.k8s.io/v1, one after the other.
#include "shell/controller/announcer.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/hash.h"
#include "report/decision.h"
#include "shell/controller/answers.h"

namespace kerf::shell {
namespace {

using apiserver::Answer;
using apiserver::Verdict;
using control::Key;
using control::Kind;
using controller::Record;

const apiserver::Resource kEvents{"events.k8s.io", "v1", "events"};
constexpr std::size_t kPodsMax = 20;
/// A line of the log about what could not be told, so often; the others only with level debug.
constexpr std::int64_t kLogEveryMs = 60'000;

/// "" for kinds that nothing is told on.
const char* api_version_of(Kind kind) {
  switch (kind) {
    case Kind::Pod:
    case Kind::Node: return "v1";
    case Kind::NodeClaim: return "karpenter.sh/v1";
    case Kind::SlicePolicy: return "kerf.dev/v1alpha1";
    case Kind::GpuNode:
    case Kind::Budget:
    case Kind::PriorityClass:
    case Kind::Workload:
    case Kind::NodeClass:
    case Kind::DeviceClass: break;
  }
  return "";
}

/// Of what an Event is about, so that another decision is another Event.
std::uint64_t cause_of(const Record& record, const std::string& reason) {
  Hasher hasher;
  hasher.add(reason);
  hasher.add(record.about.text());
  hasher.list(record.args, [&](const std::string& arg) { hasher.add(arg); });
  return hasher.value();
}

}  // namespace

class Announcer::Impl {
 public:
  Impl(Options options, apiserver::Client& client, Mirror mirror, runtime::Loop& loop,
       const telemetry::Log& log, std::function<bool(const std::string&)> acts)
      : options_(std::move(options)),
        client_(client),
        loop_(loop),
        log_(log),
        acts_(std::move(acts)),
        outbox_(options_.outbox, std::move(mirror)),
        answers_(loop, [this](std::uint64_t id, const Answer& answer) { answered(id, answer); }) {}
  ~Impl() { loop_.cancel(timer_); }

  void announce(const Record& record, const std::string& decision, std::int64_t wall_ms) {
    const bool on_policy = record.kind == Kind::SlicePolicy;
    if (!on_policy && !acts_(record.policy)) return;
    const report::Told told = report::tell(record);
    const Kind kind = record.kind == Kind::GpuNode ? Kind::Node : record.kind;
    const auto add = [&](Kind about, const Key& key, const report::Told& words, bool copy) {
      Outbox::Item item;
      item.kind = about;
      item.key = key;
      item.cause = cause_of(record, words.reason);
      item.copy = copy;
      item.event = event(about, key, words);
      item.event.decision = decision;
      item.event.at_ms = wall_ms;
      if (!outbox_.add(std::move(item), runtime::Loop::now()))
        complain("too many events wait", key.text(), words.reason, "it is not told");
    };
    if (*api_version_of(kind) != '\0') add(kind, record.about, told, false);
    if (kind == Kind::NodeClaim && !record.policy.empty())
      add(Kind::SlicePolicy, {"", record.policy}, told, false);
    if (kind != Kind::Pod && !record.pods.empty()) {
      const report::Told for_pod = report::tell_pod(record);
      for (std::size_t i = 0; i < std::min(kPodsMax, record.pods.size()); ++i)
        add(Kind::Pod, record.pods[i], for_pod, true);
    }
    send();
  }
  std::int64_t dropped() const { return outbox_.dropped(); }

 private:
  codec::EventRecord event(Kind kind, const Key& key, const report::Told& told) const {
    codec::EventRecord event;
    event.ns = key.ns.empty() ? "default" : key.ns;
    event.api_version = api_version_of(kind);
    event.kind = control::to_string(kind);
    event.object_ns = key.ns;
    event.object_name = key.name;
    event.type = told.warning ? "Warning" : "Normal";
    event.reason = told.reason;
    event.action = told.action;
    event.note = told.sentence;
    event.instance = options_.instance;
    return event;
  }

  void send() {
    loop_.cancel(timer_);
    for (auto item = outbox_.take(runtime::Loop::now()); item.has_value();
         item = outbox_.take(runtime::Loop::now())) {
      const std::uint64_t id = ++last_;
      const Outbox::Item& sent = in_flight_.emplace(id, *item).first->second;
      client_.create({kEvents, sent.event.ns, "", ""}, codec::event_object(sent.event),
                     answers_.expect(id));
    }
    if (const auto next = outbox_.next(runtime::Loop::now()))
      timer_ = loop_.at(*next, [this] { send(); });
  }

  void answered(std::uint64_t id, const Answer& answer) {
    auto flown = in_flight_.extract(id);
    if (flown.empty()) return;
    Outbox::Item item = std::move(flown.mapped());
    if (answer.ok() || answer.verdict == Verdict::AlreadyExists) {
      outbox_.written();
    } else {
      // Its name is its own: what may have been written already is AlreadyExists then.
      const bool again = answer.verdict == Verdict::Later || answer.verdict == Verdict::Unknown ||
                         answer.verdict == Verdict::Conflict || answer.verdict == Verdict::Gone;
      const std::string object = item.key.text();
      const std::string reason = item.event.reason;
      if (!outbox_.failed(std::move(item), again, answer.retry_after_ms, runtime::Loop::now()))
        complain("an event could not be written", object, reason, answer.message);
    }
    send();
  }

  void complain(const char* what, const std::string& object, const std::string& reason,
                const std::string& why) {
    const runtime::Instant now = runtime::Loop::now();
    const bool loud = !complained_ || now >= *complained_ + kLogEveryMs;
    if (loud) complained_ = now;
    log_.write(
        loud ? telemetry::Level::Warning : telemetry::Level::Debug, what,
        {{"object", object}, {"reason", reason}, {"why", why}, {"dropped", outbox_.dropped()}});
  }

  Options options_;
  apiserver::Client& client_;
  runtime::Loop& loop_;
  telemetry::Log log_;
  std::function<bool(const std::string&)> acts_;
  Outbox outbox_;
  std::map<std::uint64_t, Outbox::Item> in_flight_;
  std::uint64_t last_ = 0;
  runtime::TimerId timer_;
  std::optional<runtime::Instant> complained_;
  Answers answers_;
};

Announcer::Announcer(Options options, apiserver::Client& client, Mirror mirror, runtime::Loop& loop,
                     const telemetry::Log& log, std::function<bool(const std::string& policy)> acts)
    : impl_(std::make_unique<Impl>(std::move(options), client, std::move(mirror), loop, log,
                                   std::move(acts))) {}

Announcer::~Announcer() = default;

void Announcer::announce(const Record& record, const std::string& decision, std::int64_t wall_ms) {
  impl_->announce(record, decision, wall_ms);
}

std::int64_t Announcer::dropped() const { return impl_->dropped(); }

}  // namespace kerf::shell
