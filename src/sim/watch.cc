// How streams of a client list, watch, break and list anew, and what becomes of its writes.
#include "sim/watch.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/assert.h"

namespace kerf::sim {
namespace {

enum class What : std::uint8_t {
  Listed,  ///< an object of a list
  Synced,  ///< the list is complete
  Seen,
  Gone,
  Expired,  ///< nothing more comes of this stream: list anew
};

struct Word {
  What what = What::Seen;
  Instant due = 0;
  Value value;  ///< Gone: the last value
};

/// One kind for one client. What the server sends stands in a queue, so nothing overtakes within a
/// stream.
struct Stream {
  Sink sink;
  std::string only;
  std::uint64_t listener = 0;
  bool open = false;        ///< changes are being sent
  bool asking = false;      ///< a list is asked for, and not taken yet
  bool listing = false;     ///< a list was taken, and is not complete at the client
  bool once_more = false;   ///< another list was wanted while this one was coming
  std::uint64_t round = 0;  ///< of lists asked for
  std::deque<Word> queue;
  Timer timer;
  std::map<Key, std::string> known;  ///< uid, as told
  std::set<Key> listed;              ///< told by the list that is coming
  Version listed_at = 0;             ///< the version that it shows
};

}  // namespace

struct Client::State : std::enable_shared_from_this<State> {
  State(ApiServer& server, const std::string& name, std::uint64_t seed)
      : api(server), clock(server.clock()), dice(seed, "client/" + name) {}

  ApiServer& api;
  Clock& clock;
  Dice dice;
  WatchFaults faults;
  WriteFaults write_faults;
  bool closed = false;
  std::array<std::unique_ptr<Stream>, control::kKinds> streams;
  std::size_t in_flight = 0;
  std::uint64_t told = 0;
  std::uint64_t written = 0;

  Stream* stream(Kind kind) { return streams[static_cast<std::size_t>(kind)].get(); }
  void list(Kind kind, std::int64_t delay_ms);
  void take_list(Kind kind);
  void send(Kind kind, What what, Value value, std::int64_t delay_ms);
  void heard(Kind kind, const Change& change);
  void break_off(Kind kind);
  void arm(Kind kind);
  void deliver(Kind kind);
  void tell(Kind kind, const Word& word);
  void tell_value(Kind kind, const Value& value);
  void tell_synced(Kind kind);
  void want_list(Kind kind);
  void answer(Kind kind, const std::function<void(const Answer&)>& answered, const Answer& answer);
};

// --- Lists ---------------------------------------------------------------------------------------

/// Drops what is still coming: the list will be newer than all of it.
void Client::State::list(Kind kind, std::int64_t delay_ms) {
  Stream& s = *stream(kind);
  s.open = false;
  s.asking = true;
  s.listing = false;
  s.once_more = false;
  s.queue.clear();
  clock.cancel(s.timer);
  const std::uint64_t round = ++s.round;
  clock.after(delay_ms, [self = shared_from_this(), kind, round] {
    if (!self->closed && self->stream(kind)->round == round) self->take_list(kind);
  });
}

/// All pages show the same moment; what changes while they come follows as changes.
void Client::State::take_list(Kind kind) {
  Stream& s = *stream(kind);
  s.asking = false;
  s.listing = true;
  s.open = true;
  s.listed_at = api.version();
  s.listed.clear();
  std::int64_t delay = dice.between(faults.delay_least_ms, faults.delay_most_ms);
  int on_page = 0;
  for (const auto& [key, value] : api.of(kind)) {
    if (!s.only.empty() && key.name != s.only) continue;
    if (faults.page_objects > 0 && on_page == faults.page_objects) {
      on_page = 0;
      delay += dice.between(1, faults.page_ms);
      if (dice.chance(faults.page_expired_milli)) {
        s.open = false;
        send(kind, What::Expired, nullptr, delay);
        return;
      }
    }
    ++on_page;
    send(kind, What::Listed, value, delay);
  }
  send(kind, What::Synced, nullptr, delay);
}

/// A list that is asked for and not taken yet will do; one that is coming is followed by another.
void Client::State::want_list(Kind kind) {
  Stream* s = stream(kind);
  if (!s || closed || s->asking) return;
  if (s->listing) s->once_more = true;
  else list(kind, dice.between(faults.delay_least_ms, faults.delay_most_ms));
}

// --- Changes -------------------------------------------------------------------------------------

void Client::State::send(Kind kind, What what, Value value, std::int64_t delay_ms) {
  Stream& s = *stream(kind);
  // What is due before the one in front of it waits for that: nothing overtakes.
  s.queue.push_back({what, clock.now() + delay_ms, std::move(value)});
  arm(kind);
}

void Client::State::heard(Kind kind, const Change& change) {
  Stream& s = *stream(kind);
  if (!s.open || (!s.only.empty() && change.key.name != s.only)) return;
  if (dice.chance(faults.break_milli)) return break_off(kind);
  std::int64_t delay = dice.between(faults.delay_least_ms, faults.delay_most_ms);
  if (dice.chance(faults.late_milli)) delay += dice.between(0, faults.late_most_ms);
  const What what = change.after ? What::Seen : What::Gone;
  const Value& value = change.after ? change.after : change.before;
  send(kind, what, value, delay);
  if (dice.chance(faults.repeat_milli))
    send(kind, what, value, delay + dice.between(0, faults.delay_most_ms));
}

void Client::State::break_off(Kind kind) {
  Stream& s = *stream(kind);
  if (!s.open) return;
  s.open = false;
  send(kind, What::Expired, nullptr, dice.between(faults.broken_least_ms, faults.broken_most_ms));
}

void Client::State::arm(Kind kind) {
  Stream& s = *stream(kind);
  if (s.queue.empty() || clock.waits(s.timer)) return;
  s.timer =
      clock.at(s.queue.front().due, [self = shared_from_this(), kind] { self->deliver(kind); });
}

void Client::State::deliver(Kind kind) {
  Stream& s = *stream(kind);
  while (!closed && !s.queue.empty() && s.queue.front().due <= clock.now()) {
    const Word word = std::move(s.queue.front());
    s.queue.pop_front();
    tell(kind, word);
  }
  if (!closed) arm(kind);
}

void Client::State::tell(Kind kind, const Word& word) {
  Stream& s = *stream(kind);
  ++told;
  switch (word.what) {
    case What::Listed:
      s.listed.insert(control::key_of(control::meta_of(*word.value)));
      return tell_value(kind, word.value);
    case What::Seen: return tell_value(kind, word.value);
    case What::Gone: {
      const control::Meta& meta = control::meta_of(*word.value);
      const Key key = control::key_of(meta);
      if (const auto known = s.known.find(key); known != s.known.end() && known->second == meta.uid)
        s.known.erase(known);
      return s.sink.gone(kind, key, meta.uid);
    }
    case What::Synced: return tell_synced(kind);
    case What::Expired:
      return list(kind, dice.between(faults.delay_least_ms, faults.delay_most_ms));
  }
}

/// A name that has another uid now: the one before is gone, and that may have been missed.
void Client::State::tell_value(Kind kind, const Value& value) {
  Stream& s = *stream(kind);
  const control::Meta& meta = control::meta_of(*value);
  const Key key = control::key_of(meta);
  std::string& uid = s.known[key];
  const std::string before = std::exchange(uid, meta.uid);
  if (!before.empty() && before != meta.uid) {
    s.sink.gone(kind, key, before);
    if (closed) return;
  }
  s.sink.seen(value);
}

void Client::State::tell_synced(Kind kind) {
  Stream& s = *stream(kind);
  s.listing = false;
  std::vector<std::pair<Key, std::string>> missing;
  for (const auto& entry : s.known)
    if (!s.listed.contains(entry.first)) missing.push_back(entry);
  for (const auto& [key, uid] : missing) {
    s.known.erase(key);
    s.sink.gone(kind, key, uid);
    if (closed) return;
  }
  s.sink.synced(kind, s.listed_at);
  if (!closed && s.once_more) list(kind, dice.between(faults.delay_least_ms, faults.delay_most_ms));
}

// --- Writes --------------------------------------------------------------------------------------

void Client::State::answer(Kind kind, const std::function<void(const Answer&)>& answered,
                           const Answer& answer) {
  --in_flight;
  if (closed) return;
  answered(answer);
  if (answer.code == Code::Unknown) want_list(kind);
}

void Client::write(Request request, std::function<void(const Answer&)> answered) {
  State& s = *state_;
  KERF_ASSERT(!s.closed, "a closed client writes nothing");
  request.client = name_;
  const Kind kind = request.kind;
  const WriteFaults& f = s.write_faults;
  const auto delay = [&] { return s.dice.between(f.delay_least_ms, f.delay_most_ms); };
  const bool lost = s.dice.chance(f.lost_milli);
  const bool answer_lost = !lost && s.dice.chance(f.answer_lost_milli);
  const bool late = !lost && !answer_lost && s.dice.chance(f.late_milli);
  const bool unknown = lost || answer_lost || late;
  const bool conflict = !unknown && s.dice.chance(f.conflict_milli);
  std::int64_t there = delay();
  if (!unknown && s.dice.chance(f.throttle_milli)) there += s.dice.between(0, f.throttle_most_ms);
  const std::int64_t back = delay();
  if (late) there = f.unknown_after_ms + s.dice.between(1, f.late_most_ms);

  ++s.in_flight;
  ++s.written;
  const auto self = state_;
  if (unknown)
    s.clock.after(f.unknown_after_ms, [self, kind, answered] {
      self->answer(kind, answered, {Code::Unknown, 0, "no answer"});
    });
  if (lost) return;
  s.clock.after(there, [self, kind, back, unknown, conflict, answered = std::move(answered),
                        request = std::move(request)] {
    const Answer result = conflict ? Answer{Code::Conflict, 0, "the object has been modified"}
                                   : self->api.write(request);
    if (unknown) return;
    self->clock.after(back,
                      [self, kind, answered, result] { self->answer(kind, answered, result); });
  });
}

// --- The rest ------------------------------------------------------------------------------------

Client::Client(ApiServer& api, std::string name, std::uint64_t seed, WatchFaults watch,
               WriteFaults write)
    : name_(std::move(name)), state_(std::make_shared<State>(api, name_, seed)) {
  set_faults(watch, write);
}

Client::~Client() { close(); }

void Client::set_faults(const WatchFaults& watch, const WriteFaults& write) {
  state_->faults = watch;
  state_->write_faults = write;
}

void Client::watch(Kind kind, Sink sink, std::string only) {
  auto& slot = state_->streams[static_cast<std::size_t>(kind)];
  KERF_ASSERT(!slot && !state_->closed, "each kind is watched once");
  slot = std::make_unique<Stream>();
  slot->sink = std::move(sink);
  slot->only = std::move(only);
  State* state = state_.get();
  slot->listener =
      state->api.listen(kind, [state, kind](const Change& change) { state->heard(kind, change); });
  state->list(kind, state->dice.between(state->faults.delay_least_ms, state->faults.delay_most_ms));
}

void Client::relist(Kind kind) { state_->want_list(kind); }

void Client::break_stream(Kind kind) {
  if (!state_->closed && state_->stream(kind)) state_->break_off(kind);
}

std::size_t Client::in_flight() const { return state_->in_flight; }

void Client::close() {
  if (std::exchange(state_->closed, true)) return;
  for (const auto& stream : state_->streams) {
    if (!stream) continue;
    state_->api.unlisten(stream->listener);
    state_->clock.cancel(stream->timer);
    stream->queue.clear();
  }
}

void Client::add_to(Hasher& hasher) const {
  state_->dice.add_to(hasher);
  hasher.add(state_->told);
  hasher.add(state_->written);
  hasher.add(static_cast<std::uint64_t>(state_->in_flight));
  for (const auto& stream : state_->streams) {
    if (!stream) continue;
    hasher.add(static_cast<std::uint64_t>(stream->queue.size()));
    hasher.add(static_cast<std::uint64_t>(stream->known.size()));
  }
}

}  // namespace kerf::sim
