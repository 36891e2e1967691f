// Outbox: Events that wait to be written: bounded, paced, and not for ever.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "codec/live_writes.h"
#include "core/control/object.h"
#include "shell/controller/mirror.h"

namespace kerf::shell {

/// Rules. What is about an object itself goes before what is only told to others (pods of a node):
/// of the latter the newest gives way when it is full. Whoever has no uid here waits for one and
/// holds nobody up. A failed one comes back later, and is dropped after the third time. No clock:
/// `now` is in milliseconds and never goes back.
class Outbox {
 public:
  struct Options {
    std::size_t waiting_max = 256;
    std::size_t in_flight_max = 8;
    std::int64_t pace_ms = 200;     ///< one at most so often
    std::int64_t uid_ms = 60'000;   ///< so long for an object to come
    std::int64_t look_ms = 1'000;   ///< for one that has no uid, so often
    std::int64_t retry_ms = 2'000;  ///< after a failure; doubled
    int tries = 3;
  };
  struct Item {
    codec::EventRecord event;  ///< without uid and name before it is taken
    control::Kind kind = control::Kind::Pod;
    control::Key key;         ///< of the object that it is told on
    std::uint64_t cause = 0;  ///< hash of what it is about, without the uid
    bool copy = false;        ///< told to others than the object itself
    // The Outbox's.
    std::int64_t since = 0;
    std::int64_t not_before = 0;
    int failures = 0;
  };

  Outbox(Options options, Mirror mirror);

  /// False: there was no room for it, or for another one that gave way.
  bool add(Item item, std::int64_t now);
  /// The next one that may be written now, with uid and name; it is in flight then.
  std::optional<Item> take(std::int64_t now);
  /// It was written, or is there.
  void written();
  /// False: it is dropped. `again` false: it can never be written.
  bool failed(Item item, bool again, std::int64_t retry_after_ms, std::int64_t now);
  /// When take() may give something; nullopt: not before add(), written() or failed().
  std::optional<std::int64_t> next(std::int64_t now) const;

  std::size_t waiting() const { return items_.size(); }
  std::int64_t dropped() const { return dropped_; }

 private:
  const std::string* uid_of(const Item& item) const;
  void drop_expired(std::int64_t now);

  Options options_;
  Mirror mirror_;
  std::deque<Item> items_;
  std::size_t in_flight_ = 0;
  std::int64_t free_at_ = 0;  ///< by the pace
  std::int64_t dropped_ = 0;
};

/// "<object's name, cut>.<hash of uid and cause>", a DNS subdomain (RFC 1123) of at most 253 bytes.
std::string event_name(const std::string& object, const std::string& uid, std::uint64_t cause);

}  // namespace kerf::shell
