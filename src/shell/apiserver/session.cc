// Requests from the waiting line to their answer.
#include "shell/apiserver/session.h"

#include <fmt/format.h>

#include <utility>

namespace kerf::apiserver {
namespace {

constexpr std::size_t kStreamErrorBytesMax = 1u << 20;  // of an answer that is no stream

const char* text_of(Method method) {
  switch (method) {
    case Method::Get: return "GET";
    case Method::Post: return "POST";
    case Method::Put: return "PUT";
    case Method::Patch: return "PATCH";
    case Method::Delete: return "DELETE";
  }
  return "?";
}

bool is_contact(int status) { return status < 500 && status != 401 && status != 429; }

Exchange failure(Ending ending, std::string words) {
  Exchange exchange;
  exchange.ending = ending;
  exchange.error = std::move(words);
  return exchange;
}

}  // namespace

Session::Session(Transport& transport, Secrets secrets, const Options& options)
    : transport_(transport),
      secrets_(std::move(secrets)),
      bucket_(options.qps, options.burst),
      in_flight_max_(options.in_flight_max),
      waiting_max_(options.waiting_max) {}

Session::Id Session::call(Request request, Done done) {
  Pending pending;
  pending.request = std::move(request);
  pending.done = std::move(done);
  return enqueue(std::move(pending));
}

Session::Id Session::stream(Stream stream) {
  Pending pending;
  pending.request.path = stream.path;
  pending.request.deadline_ms = stream.head_ms;
  pending.request.body_bytes_max = kStreamErrorBytesMax;
  pending.stream = std::make_shared<Stream>(std::move(stream));
  return enqueue(std::move(pending));
}

Session::Id Session::enqueue(Pending pending) {
  const Id id = ++last_;
  const std::int64_t deadline_ms = pending.request.deadline_ms;
  Pending& kept = pending_.emplace(id, std::move(pending)).first->second;
  if (waiting_.size() >= waiting_max_) {
    kept.timer = transport_.after(0, [this, id] {  // not from inside call()
      finish(id, failure(Ending::NotSent, "too many requests wait for their turn in Kerf itself"));
    });
    return id;
  }
  kept.timer = transport_.after(deadline_ms, [this, id] { on_deadline(id); });
  waiting_.push_back(id);
  pump();
  return id;
}

void Session::pump() {
  while (!waiting_.empty() && pump_timer_ == 0) {
    const Id id = waiting_.front();
    if (const auto found = pending_.find(id); found != pending_.end()) {
      const bool counts = !found->second.stream;
      if (counts && in_flight_ >= in_flight_max_) return;  // goes on when one is over
      if (const std::int64_t ms = bucket_.take(transport_.now()); ms > 0) {
        const std::lock_guard lock(mutex_);
        ++health_.delayed;
        pump_timer_ = transport_.after(ms, [this] {
          pump_timer_ = 0;
          pump();
        });
        return;
      }
      if (counts) ++in_flight_;
      found->second.in_flight = counts;
    }
    waiting_.pop_front();
    go(id);
  }
}

void Session::go(Id id) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) return;
  Pending& pending = found->second;
  secrets_.refresh(transport_.now());
  if (secrets_.ca_version() != trusted_) {
    trusted_ = secrets_.ca_version();
    transport_.trust(secrets_.ca());
  }
  pending.token_version = secrets_.token_version();
  pending.started = transport_.now();
  Call call;
  call.lane = pending.lane();
  call.method = text_of(pending.request.method);
  call.path = pending.request.path + query_text(pending.request.query);
  call.bearer = secrets_.token();
  call.content_type = pending.request.content_type;
  call.body = pending.request.body;  // kept: it may have to go out again
  // By its body a write shows whether it was begun: libcurl repeats what was not.
  if (pending.writes() && call.body.empty()) call.body = "{}";
  call.body_bytes_max = pending.request.body_bytes_max;
  call.head = [this, id](int status) { on_head(id, status); };
  if (pending.stream) call.data = [this, id](std::string_view bytes) { on_data(id, bytes); };
  call.done = [this, id](Exchange exchange) { on_done(id, std::move(exchange)); };
  pending.exchange = transport_.start(std::move(call));
}

void Session::hear(Lane lane) { heard_[static_cast<std::size_t>(lane)] = transport_.now(); }

void Session::on_head(Id id, int status) {
  Pending& pending = pending_.at(id);
  hear(pending.lane());
  {
    const std::lock_guard lock(mutex_);
    ++health_.answers[status];
    if (is_contact(status)) contact_ = transport_.now();
  }
  if (!pending.stream || status != 200) return;
  pending.open = true;
  pending.heard = transport_.now();
  transport_.drop(pending.timer);
  pending.timer = transport_.after(pending.stream->silent_ms, [this, id] { on_silence(id); });
  const auto stream = pending.stream;
  if (stream->open) stream->open();
}

void Session::on_data(Id id, std::string_view bytes) {
  Pending& pending = pending_.at(id);
  hear(Lane::Watches);
  pending.heard = transport_.now();
  {
    const std::lock_guard lock(mutex_);
    contact_ = transport_.now();
  }
  const auto stream = pending.stream;
  stream->data(bytes);
}

/// Every byte would mean a new timer: it is set again when it has run instead.
void Session::on_silence(Id id) {
  Pending& pending = pending_.at(id);
  const std::int64_t silent_ms = pending.stream->silent_ms;
  const std::int64_t left = pending.heard + silent_ms - transport_.now();
  if (left > 0) {
    pending.timer = transport_.after(left, [this, id] { on_silence(id); });
    return;
  }
  leave(pending);
  finish(id,
         failure(Ending::Broken, fmt::format("the watch said nothing for {} s", silent_ms / 1000)));
}

void Session::on_deadline(Id id) {
  Pending& pending = pending_.at(id);
  if (pending.exchange == 0) {
    finish(id, failure(Ending::NotSent, "its time was over before it was its turn in Kerf itself"));
    return;
  }
  const std::int64_t deadline_ms = pending.request.deadline_ms;
  leave(pending);
  finish(id, failure(Ending::Broken,
                     fmt::format("the API server did not answer within {} ms", deadline_ms)));
}

void Session::leave(Pending& pending) {
  transport_.drop(pending.exchange);
  if (heard_[static_cast<std::size_t>(pending.lane())] <= pending.started || pending.open) {
    transport_.renew(pending.lane());
  }
}

/// Once for each request at most. What came back with 401 was not done, whatever it was.
bool Session::repeat(Id id, Pending& pending, const Exchange& exchange) {
  if (pending.repeated) return false;
  if (exchange.ending == Ending::Complete) {
    if (exchange.status != 401) return false;
    secrets_.refresh(transport_.now(), true);
    if (secrets_.token_version() == pending.token_version) return false;
  } else if (exchange.ending != Ending::Broken || pending.writes() || pending.stream) {
    return false;
  }
  pending.repeated = true;
  {
    const std::lock_guard lock(mutex_);
    ++health_.repeated;
  }
  go(id);
  return true;
}

void Session::on_done(Id id, Exchange exchange) {
  const auto found = pending_.find(id);
  if (found == pending_.end() || repeat(id, found->second, exchange)) return;
  finish(id, std::move(exchange));
}

void Session::finish(Id id, Exchange exchange) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) return;
  Pending pending = std::move(found->second);
  pending_.erase(found);
  transport_.drop(pending.timer);
  {
    const std::lock_guard lock(mutex_);
    if (exchange.ending == Ending::NotSent) ++health_.not_sent;
    if (exchange.ending == Ending::Broken) ++health_.broken;
    health_.credentials_problem = secrets_.problem();
  }
  leave_line(pending);
  Answer answer = judge(std::move(exchange), pending.writes());
  if (pending.stream) {
    pending.stream->end(std::move(answer));
  } else if (pending.done) {
    pending.done(std::move(answer));
  }
}

void Session::drop(Id id) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) return;
  transport_.drop(found->second.timer);
  if (found->second.exchange != 0) transport_.drop(found->second.exchange);
  const Pending pending = std::move(found->second);
  pending_.erase(found);
  leave_line(pending);
}

void Session::leave_line(const Pending& pending) {
  if (!pending.in_flight) return;
  --in_flight_;
  pump();
}

Health Session::health() const {
  const Instant now = transport_.now();
  const std::lock_guard lock(mutex_);
  Health health = health_;
  if (contact_) health.contact_age_ms = now - *contact_;
  return health;
}

}  // namespace kerf::apiserver
