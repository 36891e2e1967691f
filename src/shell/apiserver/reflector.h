// Reflector: one watched collection: list, follow, and repair, as watch.h promises.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "shell/apiserver/pace.h"
#include "shell/apiserver/pager.h"
#include "shell/apiserver/resource.h"
#include "shell/apiserver/session.h"
#include "shell/apiserver/watch.h"
#include "shell/apiserver/watch_stream.h"

namespace kerf::apiserver {

/// On the session's thread. Keeps of each object its name, uid and version, to tell each change
/// once and to notice, in a list, what is gone.
///
///   list -> follow from its version -> (the server ends it) follow from the last version seen
///   connection broken, silent, 429, 5xx:  wait, follow from the last version seen
///   404 of a list, if `absent` is set:    say so, wait, list again
///   410 (answer or ERROR event):          list again; the second time in a row, wait first
///   other ERROR events, not an event, any other status:  wait, list again
class Reflector {
 public:
  Reflector(Session& session, Collection collection, WatchEvents events,
            const WatchOptions& options, const Backoff::Options& backoff, std::uint64_t seed);
  ~Reflector() { stop(); }
  Reflector(const Reflector&) = delete;
  Reflector& operator=(const Reflector&) = delete;

  /// `path` of the collection.
  void start(std::string path);
  /// No callback comes any more. From inside one, too; the object itself must live until that
  /// returned.
  void stop();

 private:
  struct Known {
    std::string uid;
    std::string version;
    std::uint64_t round = 0;  ///< of the list that saw it last
  };
  using Key = std::pair<std::string, std::string>;  ///< namespace, name

  void list();
  void on_page(std::vector<codec::Node> items);
  void on_listed(Answer answer, const std::string& version);
  void sweep();
  void follow();
  void on_open();
  void on_data(std::string_view bytes);
  void on_end(const Answer& answer);
  /// Returns whether to go on with the stream.
  bool take(WatchEvent event);
  bool take_error(const codec::Node& status);
  bool is_object(const codec::Node& object) const;
  void see(codec::Node object);
  void lose(const codec::Node& object);
  void list_again(const std::string& why);
  void fail(const std::string& why, bool relist, std::int64_t least_ms = 0);
  void try_again(bool relist, std::int64_t least_ms);
  void worry(const std::string& why);
  void works();

  Session& session_;
  Collection collection_;
  WatchEvents events_;
  WatchOptions options_;
  Backoff backoff_;
  std::string path_;

  bool stopped_ = false;
  std::unique_ptr<Pager> pager_;
  std::unique_ptr<Pager> old_pager_;  ///< whose callback is running
  Session::Id stream_ = 0;
  Session::Id timer_ = 0;
  std::optional<WatchStream> lines_;
  std::optional<Instant> opened_;  ///< the stream, if it was
  bool heard_ = false;             ///< an event or a bookmark on this stream
  int lists_in_row_ = 0;           ///< without an event or a bookmark in between
  std::optional<Instant> trouble_since_;

  std::map<Key, Known> known_;
  std::uint64_t round_ = 0;
  std::string version_;
};

}  // namespace kerf::apiserver
