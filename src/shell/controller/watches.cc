// Begins, gates and joins the feeds, and hands what they say to the books.
#include "shell/controller/watches.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "shell/controller/feed.h"
#include "shell/controller/object_book.h"
#include "shell/controller/pod_book.h"
#include "shell/controller/surroundings_book.h"
#include "shell/controller/watched_kinds.h"

namespace kerf::shell {

using codec::Node;
using control::Key;
using control::Kind;
using control::Version;

namespace {

/// Surroundings that change are looked at so often at most.
constexpr std::int64_t kRefreshEveryMs = 100;

std::size_t index(Kind kind) { return static_cast<std::size_t>(kind); }

}  // namespace

// Pods and groups are read with their surroundings, so their feeds begin once those of all
// surroundings are complete: nothing of them has to wait in memory.
class Watches::Impl {
 public:
  Impl(Options options, const gpu::Catalogue& gpus, const market::Market& types,
       apiserver::Client& client, runtime::Loop& loop, telemetry::Log log, Events events)
      : options_(std::move(options)),
        loop_(loop),
        log_(std::move(log)),
        events_(std::move(events)),
        around_(gpus),
        pods_(gpus, log_, events_.tell),
        objects_(gpus, types, log_,
                 {events_.tell, events_.policy_refused,
                  [this](const std::string& node) { pods_.hold_node(node); },
                  [this](const std::string& node) { pods_.release_node(node); }}),
        inbox_(loop, {[this](FeedMessage message) { take(std::move(message)); },
                      [this] { refresh_soon(); }}) {
    std::vector<Watched> all = watched_kinds(options_.node_classes);
    for (Watched& watched : all) add(std::move(watched), client);
  }
  ~Impl() {
    loop_.cancel(refresh_timer_);
    for (const Joined& joined : joined_) loop_.cancel(joined.timer);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void start_over();
  void relist(Kind kind);

  const Known* find(Kind kind, const Key& key) const {
    return kind == Kind::Pod ? pods_.find(key) : objects_.find(kind, key);
  }
  const Unread* unread_policy(const std::string& name) const {
    return objects_.unread_policy(name);
  }
  std::optional<Key> pod_of(const std::string& uid) const { return pods_.of_uid(uid); }
  std::optional<runtime::Instant> trouble_since() const;
  std::map<std::string, std::int64_t> counts() const;

 private:
  struct Source {
    std::optional<Kind> kind;
    std::optional<Around> around;
    std::unique_ptr<Feed> feed;
    bool gated() const { return kind == Kind::Pod || kind == Kind::Workload; }
  };
  /// The feeds of one kind together.
  struct Joined {
    bool again = false;  ///< to be listed from after now on; until then it is not Synced
    runtime::Instant begun = 0;
    runtime::TimerId timer;
    std::vector<Feed*> feeds;
  };

  void add(Watched watched, apiserver::Client& client);
  void take(FeedMessage message) {
    Feed& feed = *sources_.at(message.feed).feed;
    feed.take(std::move(message));
  }
  void seen(const Source& source, const Node& object);
  void gone(const Source& source, const Key& key, const std::string& uid);
  void synced(const Source& source);
  void list_again(Kind kind);
  void open_gate();
  void refresh_soon();
  void refresh();

  Options options_;
  runtime::Loop& loop_;
  telemetry::Log log_;
  Events events_;
  SurroundingsBook around_;
  PodBook pods_;
  ObjectBook objects_;
  FeedInbox inbox_;
  std::vector<Source> sources_;
  Joined joined_[control::kKinds];
  bool started_ = false;
  bool gate_open_ = false;
  runtime::Instant refreshed_ = 0;
  runtime::TimerId refresh_timer_;
};

void Watches::Impl::add(Watched watched, apiserver::Client& client) {
  const std::size_t number = sources_.size();
  watched.options.look_again_ms = options_.look_again_ms;
  Feed::Events events;
  events.seen = [this, number](const Node& object) { seen(sources_[number], object); };
  events.gone = [this, number](const Key& key, const std::string& uid) {
    gone(sources_[number], key, uid);
  };
  events.synced = [this, number](Version) { synced(sources_[number]); };
  Source source;
  source.kind = watched.kind;
  source.around = watched.around;
  source.feed = std::make_unique<Feed>(number, std::move(watched.options), client, loop_,
                                       inbox_.sender(), log_, std::move(events));
  if (source.kind) joined_[index(*source.kind)].feeds.push_back(source.feed.get());
  sources_.push_back(std::move(source));
}

// --- Beginnings ----------------------------------------------------------------------------------

void Watches::Impl::start_over() {
  started_ = true;
  gate_open_ = false;
  for (Source& source : sources_) {
    if (source.gated()) source.feed->hold();
    else source.feed->begin(true);
  }
  for (Joined& joined : joined_) {
    joined.again = false;
    joined.begun = runtime::Loop::now();
  }
}

void Watches::Impl::open_gate() {
  gate_open_ = true;
  refresh();
  for (Source& source : sources_) {
    if (source.gated()) source.feed->begin(true);
  }
  for (const Kind kind : {Kind::Pod, Kind::Workload}) {
    joined_[index(kind)].again = false;  // this list is from after whatever was asked
    joined_[index(kind)].begun = runtime::Loop::now();
  }
}

void Watches::Impl::relist(Kind kind) {
  if (!started_) return;
  joined_[index(kind)].again = true;
  list_again(kind);
}

/// Not while a list is under way, which would be lost, and not too often.
void Watches::Impl::list_again(Kind kind) {
  Joined& joined = joined_[index(kind)];
  if (!joined.again) return;
  for (const Feed* feed : joined.feeds)
    if (!feed->complete()) return;  // synced() comes back here
  const std::int64_t wait = joined.begun + options_.relist_every_ms - runtime::Loop::now();
  loop_.cancel(joined.timer);
  if (wait > 0) {
    joined.timer = loop_.after(wait, [this, kind] { list_again(kind); });
    return;
  }
  joined.again = false;
  joined.begun = runtime::Loop::now();
  for (Feed* feed : joined.feeds) feed->begin(false);
}

// --- What the feeds say --------------------------------------------------------------------------

namespace {

/// The key under which the mind knows it.
Key told_key(Kind kind, const Feed& feed, Key key) {
  if (kind != Kind::Workload) return key;
  key.name = feed.plural() + "/" + key.name;
  return key;
}

}  // namespace

void Watches::Impl::seen(const Source& source, const Node& object) {
  const Key key{std::string(apiserver::metadata_text(object, "namespace")),
                std::string(apiserver::metadata_text(object, "name"))};
  if (source.around) {
    const auto put = around_.put(*source.around, object);
    if (!put)
      log_.error("an object cannot be read; it counts as not there",
                 {{"collection", source.feed->name()},
                  {"object", key.text()},
                  {"why", put.error().message()}});
  }
  if (!source.kind) return;
  if (*source.kind == Kind::Pod) pods_.seen(object, around_.now());
  else
    objects_.seen(*source.kind, told_key(*source.kind, *source.feed, key), object, around_.now());
}

void Watches::Impl::gone(const Source& source, const Key& key, const std::string& uid) {
  if (source.around) around_.remove(*source.around, key);
  if (!source.kind) return;
  if (*source.kind == Kind::Pod) pods_.gone(key, uid);
  else objects_.gone(*source.kind, told_key(*source.kind, *source.feed, key), uid);
}

void Watches::Impl::synced(const Source& source) {
  if (source.kind) {
    const Joined& joined = joined_[index(*source.kind)];
    const bool complete = std::all_of(joined.feeds.begin(), joined.feeds.end(),
                                      [](const Feed* feed) { return feed->complete(); });
    if (complete && joined.again) {
      list_again(*source.kind);
    } else if (complete) {
      Version version = 0;
      for (const Feed* feed : joined.feeds) version = std::max(version, feed->version());
      events_.tell(controller::Synced{*source.kind, version});
    }
  }
  if (!source.around || gate_open_) return;
  const bool all = std::all_of(sources_.begin(), sources_.end(), [](const Source& one) {
    return !one.around || one.feed->complete();
  });
  if (all) open_gate();
}

// --- Surroundings --------------------------------------------------------------------------------

void Watches::Impl::refresh_soon() {
  if (!gate_open_ || !around_.stale() || refresh_timer_ != runtime::TimerId()) return;
  const std::int64_t wait = refreshed_ + kRefreshEveryMs - runtime::Loop::now();
  if (wait <= 0) return refresh();
  refresh_timer_ = loop_.after(wait, [this] {
    refresh_timer_ = {};
    refresh();
  });
}

void Watches::Impl::refresh() {
  const Stale stale = around_.refresh();
  refreshed_ = runtime::Loop::now();
  if (const auto overhead = around_.new_overhead()) events_.overhead(*overhead);
  if (!stale.any()) return;
  pods_.read_again(stale, around_.now());
  objects_.read_again(around_.now());
}

// --- For others ----------------------------------------------------------------------------------

std::optional<runtime::Instant> Watches::Impl::trouble_since() const {
  std::optional<runtime::Instant> since;
  for (const Source& source : sources_) {
    const auto one = source.feed->trouble_since();
    if (one && (!since || *one < *since)) since = one;
  }
  return since;
}

std::map<std::string, std::int64_t> Watches::Impl::counts() const {
  std::map<std::string, std::int64_t> counts;
  for (int kind = 0; kind < control::kKinds; ++kind) {
    const auto of = static_cast<Kind>(kind);
    counts[control::to_string(of)] = of == Kind::Pod ? pods_.told() : objects_.told(of);
  }
  return counts;
}

Watches::Watches(Options options, const gpu::Catalogue& gpus, const market::Market& types,
                 apiserver::Client& client, runtime::Loop& loop, telemetry::Log log, Events events)
    : impl_(std::make_unique<Impl>(std::move(options), gpus, types, client, loop, std::move(log),
                                   std::move(events))) {}
Watches::~Watches() = default;

void Watches::start_over() { impl_->start_over(); }
void Watches::relist(Kind kind) { impl_->relist(kind); }
const Watches::Known* Watches::find(Kind kind, const Key& key) const {
  return impl_->find(kind, key);
}
const Watches::Unread* Watches::unread_policy(const std::string& name) const {
  return impl_->unread_policy(name);
}
std::optional<Key> Watches::pod_of(const std::string& uid) const { return impl_->pod_of(uid); }
std::optional<runtime::Instant> Watches::trouble_since() const { return impl_->trouble_since(); }
std::map<std::string, std::int64_t> Watches::counts() const { return impl_->counts(); }

}  // namespace kerf::shell
