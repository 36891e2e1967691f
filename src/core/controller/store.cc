// The newest value of each object wins.
#include "core/controller/store.h"

namespace kerf::controller {

using control::Key;
using control::Kind;
using control::Version;

namespace {

/// Calls `each` with the map of that kind.
template <class Maps, class Each>
void with_map(Maps& maps, Kind kind, Each each) {
  std::size_t at = 0;
  std::apply(
      [&](auto&... map) { ((at++ == static_cast<std::size_t>(kind) ? each(map) : void()), ...); },
      maps);
}

}  // namespace

bool Store::see(const control::Object& object) {
  const control::Meta& meta = control::meta_of(object);
  if (gone_[object.index()].uids.contains(meta.uid)) return false;
  return std::visit(
      [&](const auto& value) {
        using T = std::decay_t<decltype(value)>;
        Map<T>& map = std::get<Map<T>>(objects_);
        if constexpr (std::is_same_v<T, control::Pod>) {
          pods_[meta.uid] = control::key_of(meta);
          gone_pods_.erase(control::key_of(meta));
        }
        const auto [at, fresh] = map.try_emplace(control::key_of(meta), value);
        if (fresh) return true;
        if (at->second.meta.version > meta.version) return false;
        if (at->second.meta.version == meta.version) {
          // Another value all the same: what it was read with has changed, the zone of a volume or
          // the labels of a namespace.
          if constexpr (std::is_same_v<T, control::Pod> || std::is_same_v<T, control::Workload>) {
            if (at->second == value) return false;
          } else {
            return false;
          }
        }
        at->second = value;
        return true;
      },
      object);
}

bool Store::lose(Kind kind, const Key& key, const std::string& uid, bool stays) {
  Dead& dead = gone_[static_cast<std::size_t>(kind)];
  if (!stays && dead.uids.insert(uid).second) {
    dead.order.push_back(uid);
    if (dead.order.size() > kGoneMax) {
      dead.uids.erase(dead.order.front());
      dead.order.pop_front();
    }
  }
  if (kind == Kind::Pod) pods_.erase(uid);
  bool there = false;
  with_map(objects_, kind, [&](auto& map) {
    const auto at = map.find(key);
    if (at == map.end() || at->second.meta.uid != uid) return;
    map.erase(at);
    there = true;
  });
  if (kind == Kind::Pod && there && !stays) {
    if (gone_pods_.size() >= kGoneMax) gone_pods_.clear();
    gone_pods_.insert(key);
  }
  return there;
}

const control::Pod* Store::pod(const std::string& uid) const {
  const auto at = pods_.find(uid);
  if (at == pods_.end()) return nullptr;
  const control::Pod* pod = find<control::Pod>(at->second);
  return pod != nullptr && pod->meta.uid == uid ? pod : nullptr;
}

Version Store::version(Kind kind, const Key& key) const {
  Version version = 0;
  with_map(objects_, kind, [&](const auto& map) {
    const auto at = map.find(key);
    if (at != map.end()) version = at->second.meta.version;
  });
  return version;
}

}  // namespace kerf::controller
