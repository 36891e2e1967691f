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
  if (gone_[object.index()].contains(meta.uid)) return false;
  return std::visit(
      [&](const auto& value) {
        using T = std::decay_t<decltype(value)>;
        Map<T>& map = std::get<Map<T>>(objects_);
        if constexpr (std::is_same_v<T, control::Pod>) pods_[meta.uid] = control::key_of(meta);
        const auto [at, fresh] = map.try_emplace(control::key_of(meta), value);
        if (fresh) return true;
        if (at->second.meta.version >= meta.version) return false;
        at->second = value;
        return true;
      },
      object);
}

bool Store::lose(Kind kind, const Key& key, const std::string& uid) {
  gone_[static_cast<std::size_t>(kind)].insert(uid);
  if (kind == Kind::Pod) pods_.erase(uid);
  bool there = false;
  with_map(objects_, kind, [&](auto& map) {
    const auto at = map.find(key);
    if (at == map.end() || at->second.meta.uid != uid) return;
    map.erase(at);
    there = true;
  });
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
