// The steps of a collection that is watched again and again.
#include "shell/controller/feed.h"

#include <charconv>
#include <utility>

namespace kerf::shell {

using control::Key;
using control::Version;
using What = FeedMessage::What;

Version version_number(std::string_view text) {
  Version version = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), version);
  const bool whole = wrong == std::errc() && end == text.data() + text.size();
  return whole && version > 0 ? version : 0;
}

Version version_of(const codec::Node& object) {
  return version_number(apiserver::metadata_text(object, "resourceVersion"));
}

Feed::Feed(std::size_t number, Options options, apiserver::Client& client, runtime::Loop& loop,
           FeedInbox::Send send, telemetry::Log log, Events events)
    : number_(number),
      options_(std::move(options)),
      client_(client),
      loop_(loop),
      send_(std::move(send)),
      log_(std::move(log)),
      events_(std::move(events)) {}

Feed::~Feed() { unwatch(); }

std::string Feed::name() const {
  return apiserver::path_of(options_.versions.at(at_)).value_or("?");
}

void Feed::begin(bool tell_all) {
  unwatch();
  begun_ = true;
  complete_ = false;
  tell_all_ = tell_all_ || tell_all;
  at_ = 0;
  not_there_ = 0;
  watch();
}

void Feed::hold() {
  unwatch();
  begun_ = false;
  complete_ = false;
}

void Feed::unwatch() {
  loop_.cancel(timer_);
  if (watch_) client_.unwatch(*watch_);
  watch_.reset();
  ++round_;  // what it has said and is not taken yet is stale
}

void Feed::watch() {
  const auto post = [send = send_, feed = number_, round = round_](What what, FeedMessage message) {
    message.feed = feed;
    message.round = round;
    message.what = what;
    send(std::move(message));
  };
  apiserver::WatchEvents events;
  events.seen = [post, strip = options_.strip](codec::Node object, const std::string& version) {
    FeedMessage message;
    if (strip) strip(object);
    message.object = std::move(object);
    message.text = version;
    post(What::Seen, std::move(message));
  };
  events.gone = [post](const std::string& ns, const std::string& name, const std::string& uid) {
    FeedMessage message;
    message.ns = ns;
    message.name = name;
    message.uid = uid;
    post(What::Gone, std::move(message));
  };
  events.synced = [post](const std::string& version) {
    FeedMessage message;
    message.text = version;
    post(What::Synced, std::move(message));
  };
  if (options_.may_be_absent) events.absent = [post] { post(What::Absent, {}); };
  events.trouble = [post](const std::string& what, std::int64_t) {
    FeedMessage message;
    message.text = what;
    post(What::Trouble, std::move(message));
  };
  events.recovered = [post] { post(What::Recovered, {}); };
  watch_ = client_.watch(options_.versions.at(at_), std::move(events));
}

void Feed::take(FeedMessage message) {
  if (message.round != round_) return;
  switch (message.what) {
    case What::Seen: return see(message.object, message.text);
    case What::Gone: return lose({message.ns, message.name}, message.uid);
    case What::Synced: return listed(version_number(message.text));
    case What::Absent: return absent();
    case What::Recovered: return works();
    case What::Trouble: break;
  }
  if (trouble_since_) return;
  trouble_since_ = runtime::Loop::now();
  log_.warning("a watch does not work; it is tried again", {{"why", message.text}});
}

void Feed::see(const codec::Node& object, const std::string& version) {
  const Key key{std::string(apiserver::metadata_text(object, "namespace")),
                std::string(apiserver::metadata_text(object, "name"))};
  const std::string_view uid = apiserver::metadata_text(object, "uid");
  if (const auto at = known_.find(key); at != known_.end() && at->second.uid != uid)
    lose(key, std::string(at->second.uid));
  const auto [at, fresh] = known_.try_emplace(key);
  Known& known = at->second;
  known.round = round_;
  if (!fresh && known.version == version && !tell_all_) return;
  known.uid = uid;
  known.version = version;
  events_.seen(object);
}

void Feed::lose(const Key& key, const std::string& uid) {
  const auto at = known_.find(key);
  if (at == known_.end() || at->second.uid != uid) return;
  known_.erase(at);
  events_.gone(key, uid);
}

/// What is known and this watch has not shown is gone.
void Feed::listed(Version version) {
  for (auto at = known_.begin(); at != known_.end();) {
    if (at->second.round == round_) {
      ++at;
      continue;
    }
    const auto gone = known_.extract(at++);
    events_.gone(gone.key(), gone.mapped().uid);
  }
  works();
  not_there_ = 0;
  version_ = version;
  complete_ = true;
  tell_all_ = false;
  was_absent_ = false;
  events_.synced(version);
}

void Feed::absent() {
  unwatch();
  if (++not_there_ < options_.versions.size()) {  // it may have gone over to another version
    at_ = (at_ + 1) % options_.versions.size();
    watch();
    return;
  }
  at_ = 0;
  not_there_ = 0;
  timer_ = loop_.after(options_.look_again_ms, [this] {
    unwatch();
    watch();
  });
  works();
  if (complete_ && was_absent_) return;  // nothing has changed, and nobody asked
  if (!was_absent_) log_.info("the cluster has no such kind", {{"collection", name()}});
  listed(0);
  was_absent_ = true;
}

void Feed::works() {
  if (!trouble_since_) return;
  trouble_since_.reset();
  log_.info("a watch works again", {{"collection", name()}});
}

}  // namespace kerf::shell
