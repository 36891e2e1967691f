// How the API server keeps objects, tells what changed, and judges what clients write.
#include "sim/api_server.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/assert.h"
#include "sim/api_server_rules.h"

namespace kerf::sim {
namespace {

using control::GpuNode;
using control::Meta;
using control::Node;
using control::Pod;

constexpr std::int64_t kCollectMs = control::kSecond;
constexpr std::int64_t kGraceMs = 30 * control::kSecond;

/// The annotation as a number; `missing` if it is not there or none.
std::int64_t number(const Pod& pod, const char* key, std::int64_t missing) {
  const auto found = pod.meta.annotations.find(key);
  if (found == pod.meta.annotations.end()) return missing;
  const std::string& text = found->second;
  std::int64_t value = missing;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

const char* to_string(Code code) {
  switch (code) {
    case Code::Ok: return "Ok";
    case Code::Conflict: return "Conflict";
    case Code::AlreadyExists: return "AlreadyExists";
    case Code::NotFound: return "NotFound";
    case Code::Invalid: return "Invalid";
    case Code::Forbidden: return "Forbidden";
    case Code::TooMany: return "TooMany";
    case Code::Unknown: return "Unknown";
  }
  return "?";
}

ApiServer::ApiServer(Clock& clock) : clock_(clock) {
  for (const Kind kind : {Kind::Node, Kind::GpuNode})
    listen(kind, [this](const Change& change) { collect_later(change); });
}

// --- Reading -------------------------------------------------------------------------------------

const Value* ApiServer::find_value(Kind kind, const Key& key) const {
  const auto& map = of(kind);
  const auto found = map.find(key);
  return found == map.end() ? nullptr : &found->second;
}

const std::set<Key>& ApiServer::pods_on(const std::string& node) const {
  static const std::set<Key> kNobody;
  const auto found = pods_on_.find(node);
  return found == pods_on_.end() ? kNobody : found->second;
}

// --- Changing ------------------------------------------------------------------------------------

std::string ApiServer::new_uid(Kind kind) {
  std::string number = std::to_string(++uids_);
  number.insert(0, number.size() < 6 ? 6 - number.size() : 0, '0');
  return std::string(control::to_string(kind)) + "-" + number;
}

void ApiServer::put(Kind kind, const Key& key, Value after) {
  if (retired_step_ != clock_.steps()) {
    retired_.clear();
    retired_step_ = clock_.steps();
  }
  ++version_;
  Change change{kind, key, nullptr, nullptr};
  auto& map = slot(kind);
  const auto found = map.find(key);
  if (found != map.end()) {
    change.before = found->second;
    retired_.push_back(found->second);
  }
  history_.add(static_cast<std::int32_t>(kind));
  history_.add(key.ns);
  history_.add(key.name);
  if (after) {
    auto object = std::make_shared<Object>(*after);
    control::meta_of(*object).version = version_;
    sim::add_to(history_, *object);
    change.after = std::move(object);
    if (found != map.end()) found->second = change.after;
    else map.emplace(key, change.after);
  } else {
    map.erase(found);
    finalizers_.erase({kind, key});
  }
  index(change);
  changes_.push_back(std::move(change));
  drain();
}

void ApiServer::index(const Change& change) {
  if (change.kind != Kind::Pod) return;
  const Pod* was = change.was<Pod>();
  const Pod* is = change.is<Pod>();
  const std::string before = was ? was->node : "";
  const std::string after = is ? is->node : "";
  if (before == after) return;
  if (!before.empty()) {
    const auto found = pods_on_.find(before);
    found->second.erase(change.key);
    if (found->second.empty()) pods_on_.erase(found);
  }
  if (!after.empty()) pods_on_[after].insert(change.key);
}

void ApiServer::drain() {
  if (draining_) return;
  draining_ = true;
  while (!changes_.empty()) {
    const Change change = std::move(changes_.front());
    changes_.pop_front();
    auto& listeners = listeners_[static_cast<std::size_t>(change.kind)];
    for (auto next = listeners.begin(); next != listeners.end();) {
      const std::uint64_t handle = next->first;
      const std::shared_ptr<Listener> listener = next->second;
      (*listener)(change);
      next = listeners.upper_bound(handle);
    }
  }
  draining_ = false;
}

bool ApiServer::create(Object object) {
  const Kind kind = control::kind_of(object);
  Meta& meta = control::meta_of(object);
  const Key key = control::key_of(meta);
  if (of(kind).contains(key)) return false;
  if (meta.uid.empty()) meta.uid = new_uid(kind);
  meta.generation = 1;
  meta.created = clock_.now();
  meta.deleted = 0;
  admit(object);
  put(kind, key, std::make_shared<const Object>(std::move(object)));
  return true;
}

bool ApiServer::change(Kind kind, const Key& key, const std::function<void(Object&)>& fn) {
  const Value* found = find_value(kind, key);
  if (!found) return false;
  const Value before = *found;
  Object after = *before;
  fn(after);
  settle(*before, after);
  KERF_ASSERT(inadmissible(*before, after).empty(), "components know the rules of objects");
  if (!alike(*before, after)) put(kind, key, std::make_shared<const Object>(std::move(after)));
  return true;
}

bool ApiServer::erase(Kind kind, const Key& key, std::int64_t grace_ms) {
  const Value* found = find_value(kind, key);
  if (!found) return false;
  const Value value = *found;
  const Pod* pod = std::get_if<Pod>(value.get());
  const bool waits_for_kubelet = pod && !pod->node.empty() && !pod->done() && grace_ms != 0;
  if (!waits_for_kubelet && !has_finalizer(kind, key)) return remove(kind, key);
  if (control::meta_of(*value).deleted != 0) return true;
  return change(kind, key, [&](Object& object) {
    control::meta_of(object).deleted = std::max<Instant>(clock_.now(), 1);
    if (Pod* ending = std::get_if<Pod>(&object); ending && grace_ms > 0)
      ending->meta.annotations[kEndsInMs] = std::to_string(std::min(grace_ms, ends_in_ms(*ending)));
  });
}

bool ApiServer::remove(Kind kind, const Key& key) {
  if (!of(kind).contains(key)) return false;
  put(kind, key, nullptr);
  return true;
}

void ApiServer::add_finalizer(Kind kind, const Key& key, const std::string& name) {
  KERF_ASSERT(of(kind).contains(key), "a finalizer is put on what is there");
  finalizers_[{kind, key}].insert(name);
}

void ApiServer::drop_finalizer(Kind kind, const Key& key, const std::string& name) {
  const auto found = finalizers_.find({kind, key});
  if (found == finalizers_.end() || found->second.erase(name) == 0) return;
  if (!found->second.empty()) return;
  finalizers_.erase(found);
  const Value* value = find_value(kind, key);
  if (!value || control::meta_of(**value).deleted == 0) return;
  // A pod that is bound waits for its kubelet all the same.
  const Pod* pod = std::get_if<Pod>(value->get());
  if (!pod || pod->node.empty() || pod->done()) remove(kind, key);
}

bool ApiServer::has_finalizer(Kind kind, const Key& key) const {
  return finalizers_.contains({kind, key});
}

/// A GpuNode is owned by the Node of its name: it goes soon after it, also if it came too late.
void ApiServer::collect_later(const Change& change) {
  const bool orphaned =
      change.kind == Kind::Node ? !change.after : !change.before && !find<Node>(change.key.name);
  const GpuNode* owned = orphaned ? find<GpuNode>(change.key.name) : nullptr;
  if (!owned) return;
  const bool need_not_be = change.kind == Kind::GpuNode;
  clock_.after(kCollectMs, [this, key = change.key, uid = owned->meta.uid, need_not_be] {
    const GpuNode* node = find<GpuNode>(key.name);
    if (!node || node->meta.uid != uid) return;
    if (need_not_be && find<Node>(key.name)) return;
    remove(Kind::GpuNode, key);
  });
}

// --- Listeners -----------------------------------------------------------------------------------

std::uint64_t ApiServer::listen(Kind kind, Listener listener) {
  const std::uint64_t handle = ++handles_;
  listeners_[static_cast<std::size_t>(kind)].emplace(
      handle, std::make_shared<Listener>(std::move(listener)));
  return handle;
}

void ApiServer::unlisten(std::uint64_t handle) {
  for (auto& listeners : listeners_) listeners.erase(handle);
}

// --- Clients -------------------------------------------------------------------------------------

Answer ApiServer::update(const Request& request, const Value& before) {
  Object after = *before;
  request.change(after);
  after = only_part(*before, std::move(after), request.part);
  settle(*before, after);
  if (std::string why = inadmissible(*before, after); !why.empty())
    return {Code::Invalid, 0, std::move(why)};
  if (!alike(*before, after))
    put(request.kind, request.key, std::make_shared<const Object>(std::move(after)));
  // Somebody may have changed it again, or removed it, on hearing of it.
  const Value* now = find_value(request.kind, request.key);
  return {Code::Ok, now ? control::meta_of(**now).version : version_, {}};
}

Answer ApiServer::write(const Request& request) {
  for (const auto& rule : rules_)
    if (std::string why = rule(request); !why.empty()) return {Code::Forbidden, 0, std::move(why)};
  if (std::string why = forbidden(request); !why.empty())
    return {Code::Forbidden, 0, std::move(why)};

  const Value* found = find_value(request.kind, request.key);
  if (request.verb == Verb::Create) {
    KERF_ASSERT(request.object && control::kind_of(*request.object) == request.kind &&
                    control::key_of(control::meta_of(*request.object)) == request.key,
                "a create carries the object that it names");
    if (found) return {Code::AlreadyExists, 0, request.key.text() + " is there already"};
    Object fresh = *request.object;
    control::meta_of(fresh).uid.clear();
    create(std::move(fresh));
    const Value* made = find_value(request.kind, request.key);
    return {Code::Ok, made ? control::meta_of(**made).version : version_, {}};
  }
  if (!found) return {Code::NotFound, 0, request.key.text() + " is not there"};
  const Value before = *found;
  const Meta& meta = control::meta_of(*before);
  if (!request.uid.empty() && request.uid != meta.uid)
    return {Code::Conflict, 0, "uid is " + meta.uid};
  if (request.version != 0 && request.version != meta.version)
    return {Code::Conflict, 0, "version is " + std::to_string(meta.version)};
  switch (request.verb) {
    case Verb::Update: return update(request, before);
    case Verb::Evict:
      if (evictions_) return evictions_(request);
      [[fallthrough]];
    case Verb::Delete:
    case Verb::Create: break;
  }
  erase(request.kind, request.key);
  return {};
}

void ApiServer::deny(std::function<std::string(const Request&)> rule) {
  rules_.push_back(std::move(rule));
}

void ApiServer::serve_evictions(std::function<Answer(const Request&)> server) {
  evictions_ = std::move(server);
}

// --- Hash, annotations ---------------------------------------------------------------------------

void ApiServer::add_to(Hasher& hasher) const {
  hasher.add(version_);
  hasher.add(uids_);
  hasher.add(history_.value());
}

std::uint64_t ApiServer::hash() const {
  Hasher hasher;
  add_to(hasher);
  return hasher.value();
}

std::int64_t runs_for_ms(const Pod& pod) { return number(pod, kRunsForMs, 0); }
bool fails(const Pod& pod) { return pod.meta.annotations.contains(kFails); }
std::int64_t ends_in_ms(const Pod& pod) {
  return std::min(number(pod, kEndsInMs, control::kSecond), kGraceMs);
}

}  // namespace kerf::sim
