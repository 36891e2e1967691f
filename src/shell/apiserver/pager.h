// Pager: one whole list of a collection, page by page.
#pragma once

#include <functional>
#include <string>

#include "shell/apiserver/session.h"

namespace kerf::apiserver {

/// A list as of one moment. If the server forgets that moment in the middle (410), it is begun
/// again from its first page, at most kRestartsMax times. On the session's thread.
class Pager {
 public:
  static constexpr int kRestartsMax = 3;
  static constexpr int kPagesMax = 20'000;  ///< a server that never ends is not believed
  struct Options {
    std::int64_t page = 500;
    std::size_t page_bytes_max = 64u << 20;
    std::int64_t deadline_ms = 60'000;
  };
  struct Events {
    std::function<void()>
        begin;  ///< before the first page, again when it starts over; may be empty
    std::function<void(std::vector<codec::Node> items)> page;
    /// Ok: all pages were told; `version` is the list's.
    std::function<void(Answer, const std::string& version)> done;
  };

  /// `path` from path_of().
  Pager(Session& session, std::string path, Query selectors, const Options& options, Events events);
  ~Pager() { stop(); }
  Pager(const Pager&) = delete;
  Pager& operator=(const Pager&) = delete;

  void start();
  /// No callback comes any more; from inside one, too.
  void stop();

 private:
  void ask();
  void answered(Answer answer);
  /// Nothing of this object is touched after it.
  void end(Answer answer);

  Session& session_;
  std::string path_;
  Query selectors_;
  Options options_;
  Events events_;
  Session::Id call_ = 0;
  std::string continue_;
  bool stopped_ = false;
  int restarts_ = 0;
  int pages_ = 0;
  std::string version_;
};

}  // namespace kerf::apiserver
