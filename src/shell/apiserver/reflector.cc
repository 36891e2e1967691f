// The steps of a watched collection.
#include "shell/apiserver/reflector.h"

#include <fmt/format.h>

#include "base/quote.h"

namespace kerf::apiserver {
namespace {

constexpr std::int64_t kAtOnceMs = 1000;  // a watch that lives shorter, and says nothing, is odd

std::string text(std::string_view view) { return std::string(view); }

}  // namespace

Reflector::Reflector(Session& session, Collection collection, WatchEvents events,
                     const WatchOptions& options, const Backoff::Options& backoff,
                     std::uint64_t seed)
    : session_(session),
      collection_(std::move(collection)),
      events_(std::move(events)),
      options_(options),
      backoff_(backoff, seed) {}

void Reflector::start(std::string path) {
  path_ = std::move(path);
  list();
}

void Reflector::stop() {
  stopped_ = true;
  if (pager_) pager_->stop();
  session_.drop(stream_);
  session_.forget(timer_);
}

// --- Listing -------------------------------------------------------------------------------------

void Reflector::list() {
  Pager::Options options;
  options.page = options_.page;
  options.page_bytes_max = options_.page_bytes_max;
  options.deadline_ms = options_.list_deadline_ms;
  Pager::Events events;
  events.begin = [this] { ++round_; };
  events.page = [this](std::vector<codec::Node> items) { on_page(std::move(items)); };
  events.done = [this](Answer answer, const std::string& version) {
    old_pager_ = std::move(pager_);
    on_listed(std::move(answer), version);
  };
  pager_ =
      std::make_unique<Pager>(session_, path_, selectors(collection_), options, std::move(events));
  pager_->start();
}

void Reflector::on_page(std::vector<codec::Node> items) {
  for (codec::Node& item : items) {
    if (stopped_) return;
    if (is_object(item)) {
      see(std::move(item));
    } else {
      worry("the list has an item without name, uid or version");
    }
  }
}

void Reflector::on_listed(Answer answer, const std::string& version) {
  if (stopped_) return;
  if (answer.verdict == Verdict::NotFound && events_.absent) {
    try_again(true, answer.retry_after_ms);
    events_.absent();
    return;
  }
  if (!answer.ok()) {
    fail("list: " + answer.message, true, answer.retry_after_ms);
    return;
  }
  version_ = version;
  sweep();
  if (stopped_) return;
  works();
  if (stopped_) return;
  if (events_.synced) events_.synced(version_);
  if (!stopped_) follow();
}

/// What the list did not show is gone.
void Reflector::sweep() {
  for (auto at = known_.begin(); at != known_.end() && !stopped_;) {
    if (at->second.round == round_) {
      ++at;
      continue;
    }
    const auto gone = known_.extract(at++);
    if (events_.gone) events_.gone(gone.key().first, gone.key().second, gone.mapped().uid);
  }
}

// --- Following -----------------------------------------------------------------------------------

void Reflector::follow() {
  const std::int64_t seconds =
      options_.least_s + backoff_.below(options_.most_s - options_.least_s + 1);
  Query query = selectors(collection_);
  query.emplace_back("watch", "1");
  query.emplace_back("resourceVersion", version_);
  query.emplace_back("allowWatchBookmarks", "true");
  query.emplace_back("timeoutSeconds", std::to_string(seconds));
  Stream stream;
  stream.path = path_ + query_text(query);
  stream.head_ms = options_.head_ms;
  stream.silent_ms = options_.silent_ms;
  stream.open = [this] { on_open(); };
  stream.data = [this](std::string_view bytes) { on_data(bytes); };
  stream.end = [this](const Answer& answer) { on_end(answer); };
  lines_.emplace(options_.event_bytes_max);
  opened_.reset();
  heard_ = false;
  stream_ = session_.stream(std::move(stream));
}

void Reflector::on_open() {
  opened_ = session_.now();
  works();
}

void Reflector::on_data(std::string_view bytes) {
  lines_->feed(bytes);
  while (!stopped_) {
    auto event = lines_->next();
    if (!event) {
      session_.drop(stream_);
      fail(event.error().message(), true);
      return;
    }
    if (!*event || !take(std::move(**event))) return;
  }
}

bool Reflector::take(WatchEvent event) {
  if (event.type == WatchEvent::Type::Error) return take_error(event.object);
  if (event.type == WatchEvent::Type::Other) {
    worry(fmt::format("ignored a watch event of type {}", quoted(event.type_text)));
    return true;
  }
  const bool bookmark = event.type == WatchEvent::Type::Bookmark;
  const std::string version = text(metadata_text(event.object, "resourceVersion"));
  if (bookmark ? version.empty() : !is_object(event.object)) {
    session_.drop(stream_);
    fail(fmt::format("a watch event {} without name, uid or version", quoted(event.type_text)),
         true);
    return false;
  }
  version_ = version;
  heard_ = true;
  lists_in_row_ = 0;
  if (event.type == WatchEvent::Type::Deleted) {
    lose(event.object);
  } else if (!bookmark) {
    see(std::move(event.object));
  }
  if (!stopped_) works();
  return !stopped_;
}

bool Reflector::take_error(const codec::Node& status) {
  session_.drop(stream_);
  const codec::Node* code = status.find("code");
  const codec::Node* message = status.find("message");
  const std::string why = message == nullptr ? "an ERROR event" : shown(message->text);
  if (code != nullptr && code->integer == 410) {
    list_again(why);
  } else {
    fail("watch: " + why, true);
  }
  return false;
}

void Reflector::on_end(const Answer& answer) {
  const std::int64_t lived = opened_ ? session_.now() - *opened_ : 0;
  if (opened_) backoff_.went_well(lived);
  switch (answer.verdict) {
    case Verdict::Ok:
      if (lines_->mid_event()) return fail("the watch ended in the middle of an event", false);
      if (!heard_ && lived < kAtOnceMs) return fail("the watch ended at once", false);
      return follow();
    case Verdict::Gone: return list_again(answer.message);
    case Verdict::Later: return fail("watch: " + answer.message, false, answer.retry_after_ms);
    default: return fail("watch: " + answer.message, true, answer.retry_after_ms);
  }
}

/// The server no longer knows what happened since version_: usual after a pause, so no trouble the
/// first time.
void Reflector::list_again(const std::string& why) {
  if (++lists_in_row_ > 1) return fail("watch: " + why, true);
  list();
}

// --- Objects -------------------------------------------------------------------------------------

bool Reflector::is_object(const codec::Node& object) const {
  return !metadata_text(object, "name").empty() && !metadata_text(object, "uid").empty() &&
         !metadata_text(object, "resourceVersion").empty();
}

void Reflector::see(codec::Node object) {
  const Key key{metadata_text(object, "namespace"), metadata_text(object, "name")};
  const std::string uid = text(metadata_text(object, "uid"));
  const std::string version = text(metadata_text(object, "resourceVersion"));
  const auto [at, fresh] = known_.try_emplace(key);
  Known& known = at->second;
  known.round = round_;
  if (!fresh && known.uid == uid && known.version == version) return;
  const std::string before = std::exchange(known.uid, uid);
  known.version = version;
  if (!fresh && before != uid && events_.gone) events_.gone(key.first, key.second, before);
  if (!stopped_ && events_.seen) events_.seen(std::move(object), version);
}

void Reflector::lose(const codec::Node& object) {
  const Key key{metadata_text(object, "namespace"), metadata_text(object, "name")};
  const auto found = known_.find(key);
  if (found == known_.end()) return;
  const std::string uid = found->second.uid;
  known_.erase(found);
  if (events_.gone) events_.gone(key.first, key.second, uid);
}

// --- Trouble -------------------------------------------------------------------------------------

void Reflector::fail(const std::string& why, bool relist, std::int64_t least_ms) {
  try_again(relist, least_ms);
  worry(why);
}

void Reflector::try_again(bool relist, std::int64_t least_ms) {
  const std::int64_t wait = std::max(backoff_.failed(), least_ms);
  timer_ = session_.after(wait, [this, relist] { relist ? list() : follow(); });
}

void Reflector::worry(const std::string& why) {
  if (!trouble_since_) trouble_since_ = session_.now();
  if (events_.trouble) events_.trouble(path_ + ": " + why, *trouble_since_);
}

void Reflector::works() {
  if (!trouble_since_) return;
  trouble_since_.reset();
  if (events_.recovered) events_.recovered();
}

}  // namespace kerf::apiserver
