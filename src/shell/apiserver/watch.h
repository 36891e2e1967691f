// What a watch of a collection tells, and how it behaves: list, then follow, then repair.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "codec/document.h"

namespace kerf::apiserver {

/// Callbacks, on the Client's thread; those left empty are not called.
///
/// Each version of an object is told once: what a new list shows unchanged is not told again. An
/// object that was deleted and made anew is Gone (old uid), then Seen.
struct WatchEvents {
  /// The whole object as it is now.
  std::function<void(codec::Node object, const std::string& version)> seen;
  std::function<void(const std::string& ns, const std::string& name, const std::string& uid)> gone;
  /// A list is complete: everything that exists was Seen, everything that does not is Gone. After
  /// the first list and after every later one. `version` is the list's: it shows all that was
  /// written up to there.
  std::function<void(const std::string& version)> synced;
  /// The API server answered a list with 404: it has no such kind. In place of `trouble`, if set;
  /// tried again as after any failure, and told each time.
  std::function<void()> absent;
  /// It does not work at the moment, since `since` (ms of the transport's steady clock); it is
  /// being tried again. Told for each failed try; also when something was sent that Kerf does not
  /// know.
  std::function<void(const std::string& what, std::int64_t since)> trouble;
  /// It works again: once after any number of troubles.
  std::function<void()> recovered;
};

struct WatchOptions {
  std::int64_t page = 500;  ///< objects in one answer of a list
  std::size_t page_bytes_max = 64u << 20;
  std::size_t event_bytes_max = 8u << 20;
  std::int64_t list_deadline_ms = 60'000;  ///< of a page
  std::int64_t head_ms = 30'000;           ///< a watch that was not answered in that time is left
  /// One that says nothing for that long is left, its connection with it. Bookmarks come once a
  /// minute.
  std::int64_t silent_ms = 150'000;
  /// The server ends each watch after a random time between the two; the next goes on from there.
  std::int64_t least_s = 300;
  std::int64_t most_s = 600;
};

}  // namespace kerf::apiserver
