// FakeApi: an API server as a model with rules, and time that tests let pass.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "codec/document.h"
#include "core/control/object.h"
#include "shell/apiserver/transport.h"

namespace kerf::shell {

/// Collections are named as "v1/pods", "apps/v1/daemonsets". Lists with pages, watches, GET, POST
/// and PUT of single objects with the rules of resourceVersion; of selectors it knows
/// metadata.name=, status.phase!= and that a label exists. It answers when pump() is called.
///
/// Everything on one thread, that of the loop: see FakeWorld.
class FakeApi {
 public:
  FakeApi();
  ~FakeApi();

  /// A transport that talks to it. It may outlive this object only until it is used.
  std::unique_ptr<apiserver::Transport> connect();

  /// Creates or changes an object, given as JSON; without a uid it has the one that it had, else a
  /// new one. Its version.
  std::int64_t put(const std::string& collection, const std::string& json);
  void remove(const std::string& collection, const std::string& ns, const std::string& name);
  /// nullptr: it is not there.
  const codec::Node* find(const std::string& collection, const std::string& ns,
                          const std::string& name) const;
  std::int64_t version() const { return version_; }

  std::map<std::string, int> refuse;  ///< by collection: every request is answered with that status
  std::set<std::string> hold;         ///< collections whose lists are not answered
  std::set<std::size_t> cut_off;  ///< transports, in the order of connect(): nothing gets through
  std::set<std::size_t> mute;     ///< requests get through, answers do not
  /// Called before a write is looked at.
  std::function<void()> before_write;
  /// All watches of the collection end with 410, and lists are needed.
  void forget_history(const std::string& collection);

  /// Requests so far that matched: "LIST v1/pods", "WATCH v1/pods", "PUT ...".
  std::int64_t asked(const std::string& what) const;
  /// Lists that wait because of `hold`.
  std::int64_t held(const std::string& collection) const;

  /// Does what was posted, and answers what can be answered. True if there was anything.
  bool pump();

  std::int64_t now = 1'000'000;  ///< ms, steady
  using Timer = std::uint64_t;
  Timer after(std::int64_t ms, std::function<void()> work);
  void cancel(Timer timer) { timers_.erase(timer); }
  /// Runs the first timer that is due by then, as of its time; false: there is none.
  bool run_timer(std::int64_t until);

 private:
  class Connection;
  struct Object {
    codec::Node value;
    std::int64_t version = 0;
  };
  using Key = std::pair<std::string, std::string>;
  struct Where {
    std::string collection, ns, name;
    std::map<std::string, std::string> query;
  };

  static Where parse(const std::string& path);
  static bool matches(const Where& where, const codec::Node& object);
  void answer(Connection& connection, std::uint64_t id);
  std::pair<int, std::string> handle(const apiserver::Call& call, const Where& where);
  std::pair<int, std::string> list(const Where& where) const;
  std::pair<int, std::string> write(const apiserver::Call& call, const Where& where);
  void tell(const std::string& collection, const std::string& type, const codec::Node& before,
            const codec::Node& after);

  std::map<std::string, std::map<Key, Object>> collections_;
  std::int64_t version_ = 100;
  std::int64_t uids_ = 0;
  std::map<std::string, std::int64_t> asked_;
  std::vector<Connection*> connections_;
  std::map<Timer, std::pair<std::int64_t, std::function<void()>>> timers_;
  Timer last_ = 0;
};

}  // namespace kerf::shell
