// Client: how Kerf's programs read and write the API server: late, repeated, broken off, unsure.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/hash.h"
#include "sim/api_server.h"

namespace kerf::sim {

/// What can happen to a watch. Probabilities are thousandths, drawn for each event.
struct WatchFaults {
  std::int64_t delay_least_ms = 2;  ///< from change to client
  std::int64_t delay_most_ms = 30;
  int late_milli = 0;  ///< an event, and all behind it, is late by up to ...
  std::int64_t late_most_ms = 5000;
  int repeat_milli = 0;               ///< an event is told twice
  int break_milli = 0;                ///< the stream breaks: events are missed until the next list
  std::int64_t broken_least_ms = 50;  ///< until the client learns (expired) and lists anew
  std::int64_t broken_most_ms = 3000;
  int page_objects = 0;        ///< a list comes in pages of so many; 0 = at once
  std::int64_t page_ms = 50;   ///< between pages, up to
  int page_expired_milli = 0;  ///< a page cannot be had any more: the list starts anew
};

/// What can happen to a write. Thousandths, drawn for each write; the first that happens counts.
struct WriteFaults {
  std::int64_t delay_least_ms = 2;  ///< to the server; and back again
  std::int64_t delay_most_ms = 15;
  int lost_milli = 0;         ///< never arrives: Unknown
  int answer_lost_milli = 0;  ///< done: Unknown
  int late_milli = 0;         ///< Unknown, and done up to late_most_ms after that was said
  std::int64_t late_most_ms = 20000;
  std::int64_t unknown_after_ms = 10000;  ///< when the client gives up waiting
  int conflict_milli = 0;                 ///< answered Conflict and not done
  int throttle_milli = 0;                 ///< waits before it is sent, up to ...
  std::int64_t throttle_most_ms = 2000;
};

/// Told in order for one kind; between kinds there is no order.
struct Sink {
  /// Is there with this value; may be told twice, or be older than one that was told.
  std::function<void(const Value&)> seen;
  /// Is not there any more.
  std::function<void(Kind, const Key&, const std::string& uid)> gone;
  /// Everything of that kind was said, as of that version.
  std::function<void(Kind, Version)> synced;
};

/// One process that talks to the API server. Destroyed or closed: it hears nothing any more; writes
/// under way may still be done. Nothing is lost for ever: a stream that misses events ends, and the
/// client lists anew, says Gone for what is not there and Synced.
class Client {
 public:
  /// `name`: for admission (Request::client) and for chance.
  Client(ApiServer& api, std::string name, std::uint64_t seed, WatchFaults watch = {},
         WriteFaults write = {});
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  const std::string& name() const { return name_; }
  /// From now on; {} stops all faults (a stream that is broken is mended in its time).
  void set_faults(const WatchFaults& watch, const WriteFaults& write);

  /// Lists and watches. `only`: the object of that name ("" = all of the kind). Once for each kind.
  void watch(Kind kind, Sink sink, std::string only = {});
  /// Lists that kind anew, as after an outcome that is not known.
  void relist(Kind kind);
  /// Breaks the stream now, as break_milli does.
  void break_stream(Kind kind);

  /// Sends it (`client` is filled in); `answered` is called once, later, unless closed. Unknown:
  /// the kind is listed anew after `answered` returned.
  void write(Request request, std::function<void(const Answer&)> answered);

  /// Writes under way.
  std::size_t in_flight() const;
  /// Hears nothing from now on: the process died.
  void close();

  void add_to(Hasher& hasher) const;

 private:
  struct State;
  std::string name_;
  std::shared_ptr<State> state_;
};

}  // namespace kerf::sim
