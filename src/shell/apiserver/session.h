// Session: requests and streams on a Transport, with token, rate limit, deadlines and figures.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/result.h"
#include "shell/apiserver/answer.h"
#include "shell/apiserver/credentials.h"
#include "shell/apiserver/pace.h"
#include "shell/apiserver/request.h"
#include "shell/apiserver/transport.h"

namespace kerf::apiserver {

/// An answer that is handed on as it comes.
struct Stream {
  std::string path;  ///< with query
  std::int64_t head_ms = 30'000;
  std::int64_t silent_ms = 150'000;
  std::function<void()> open;                  ///< the server said 200
  std::function<void(std::string_view)> data;  ///< never empty
  std::function<void(Answer)> end;  ///< Ok: the server ended it. Else as of a request that reads
};

/// The inside of Client, on the transport's thread; health() on any. The transport must outlive it.
class Session {
 public:
  using Id = std::uint64_t;  ///< never 0
  using Done = std::function<void(Answer)>;
  struct Options {
    std::int64_t qps = 20;
    std::int64_t burst = 40;
    std::size_t in_flight_max = 64;
    std::size_t waiting_max = 10'000;
  };
  /// `secrets` are loaded.
  Session(Transport& transport, Secrets secrets, const Options& options);

  Id call(Request request, Done done);
  Id stream(Stream stream);
  /// No callback of that request or stream comes any more.
  void drop(Id id);

  /// Timers of the transport.
  Id after(std::int64_t ms, std::function<void()> work) {
    return transport_.after(ms, std::move(work));
  }
  void forget(Id timer) { transport_.drop(timer); }
  Instant now() const { return transport_.now(); }

  Health health() const;

 private:
  struct Pending {
    Request request;
    Done done;
    std::shared_ptr<Stream> stream;  ///< its callbacks may drop it
    Id timer = 0;                    ///< deadline; of a stream: answered, then silent
    Id exchange = 0;                 ///< of the transport; 0 = it waits for its turn
    Instant started = 0;
    Instant heard = 0;  ///< a stream's last byte
    std::uint64_t token_version = 0;
    bool open = false;  ///< a stream that was answered with 200
    bool in_flight = false;
    bool repeated = false;  ///< at most once, for whatever reason
    bool writes() const { return request.method != Method::Get; }
    Lane lane() const { return stream ? Lane::Watches : Lane::Requests; }
  };

  Id enqueue(Pending pending);
  void pump();
  /// It is over, or dropped: whose turn is it?
  void leave_line(const Pending& pending);
  void go(Id id);
  void on_head(Id id, int status);
  void on_data(Id id, std::string_view bytes);
  void on_done(Id id, Exchange exchange);
  bool repeat(Id id, Pending& pending, const Exchange& exchange);
  void on_deadline(Id id);
  void on_silence(Id id);
  void hear(Lane lane);
  void finish(Id id, Exchange exchange);
  /// Leaves an exchange that says nothing; its connections too, if they have said nothing since.
  void leave(Pending& pending);

  Transport& transport_;
  Secrets secrets_;
  std::uint64_t trusted_ = 0;  ///< version of the authority that the transport has
  TokenBucket bucket_;
  std::size_t in_flight_max_;
  std::size_t waiting_max_;
  std::size_t in_flight_ = 0;  ///< requests, not streams
  Id last_ = 0;
  std::map<Id, Pending> pending_;
  std::deque<Id> waiting_;  ///< for their turn; some may have gone
  Id pump_timer_ = 0;
  Instant heard_[2] = {0, 0};  ///< by lane: when the server last said anything

  mutable std::mutex mutex_;
  Health health_;                   ///< under mutex_; without contact_age_ms
  std::optional<Instant> contact_;  ///< under mutex_
};

}  // namespace kerf::apiserver
