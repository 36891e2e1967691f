// Feed: one collection of the API server, followed through any number of new beginnings.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/control/object.h"
#include "shell/apiserver/client.h"
#include "shell/controller/feed_inbox.h"
#include "shell/runtime/loop.h"
#include "shell/telemetry/log.h"

namespace kerf::shell {

/// Keeps of each object name, uid and version, across watches: what a new list does not show any
/// more is told as gone before it is told as complete. Nothing of a watch that was replaced comes
/// after the first of the next. Lives on the loop's thread; Client and Loop must outlive it.
class Feed {
 public:
  struct Options {
    /// The same objects in several versions of their API: the first one that is there is watched.
    std::vector<apiserver::Collection> versions;
    /// An API server without the kind (404) is one without such objects; it is asked again every
    /// `look_again_ms`. Else a 404 is trouble as any other failure.
    bool may_be_absent = false;
    std::int64_t look_again_ms = 60'000;
    /// Takes off what nobody reads, before the object waits for the loop. On the client's thread;
    /// must leave name, namespace, uid and resourceVersion. May be empty.
    std::function<void(codec::Node&)> strip;
  };
  struct Events {
    std::function<void(const codec::Node& object)> seen;
    std::function<void(const control::Key& key, const std::string& uid)> gone;
    /// All was told, as of that version (0: the kind is not there). After each list.
    std::function<void(control::Version version)> synced;
  };
  /// `number` names it in the messages that `send` passes on and take() gets.
  Feed(std::size_t number, Options options, apiserver::Client& client, runtime::Loop& loop,
       FeedInbox::Send send, telemetry::Log log, Events events);
  ~Feed();
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

  /// Lists from now on, and follows. `tell_all`: what has not changed since it was told last is
  /// told again too.
  void begin(bool tell_all);
  /// Stops following; it is not complete until it has begun again. What is known stays.
  void hold();
  void take(FeedMessage message);

  bool begun() const { return begun_; }
  /// A list that began with begin() is complete.
  bool complete() const { return complete_; }
  /// Of the last complete list.
  control::Version version() const { return version_; }
  /// Since when it does not work, or has sent what cannot be understood; nullopt: it works.
  std::optional<runtime::Instant> trouble_since() const { return trouble_since_; }
  /// The path of the collection, for people.
  std::string name() const;
  const std::string& plural() const { return options_.versions.front().resource.plural; }

 private:
  struct Known {
    std::string uid;
    std::string version;
    std::uint64_t round = 0;  ///< of the watch that showed it last
  };

  void watch();
  void unwatch();
  void see(const codec::Node& object, const std::string& version);
  void lose(const control::Key& key, const std::string& uid);
  void listed(control::Version version);
  void absent();
  void works();

  std::size_t number_;
  Options options_;
  apiserver::Client& client_;
  runtime::Loop& loop_;
  FeedInbox::Send send_;
  telemetry::Log log_;
  Events events_;

  std::map<control::Key, Known> known_;
  std::uint64_t round_ = 0;
  std::size_t at_ = 0;         ///< of options_.versions
  std::size_t not_there_ = 0;  ///< versions that were not there, one after the other
  std::optional<apiserver::Client::WatchId> watch_;
  runtime::TimerId timer_;
  bool begun_ = false;
  bool complete_ = false;
  bool tell_all_ = false;
  bool was_absent_ = false;  ///< said so, and has not been there since
  control::Version version_ = 0;
  std::optional<runtime::Instant> trouble_since_;
};

/// metadata.resourceVersion or a list's as a number; 0 if it is none.
control::Version version_number(std::string_view text);
/// That of an object.
control::Version version_of(const codec::Node& object);

}  // namespace kerf::shell
