// Store: what the controller has been told is there.
#pragma once

#include <map>
#include <set>
#include <string>
#include <tuple>

#include "core/control/objects.h"

namespace kerf::controller {

/// Objects by kind and key, as last seen. A value older than the one known is not believed, nor one
/// of an object that is known to be gone.
class Store {
 public:
  /// True if it is news.
  bool see(const control::Object& object);
  /// True if that object was there.
  bool lose(control::Kind kind, const control::Key& key, const std::string& uid);
  /// All of that kind was listed: what is gone cannot come late any more.
  void listed(control::Kind kind) { gone_[static_cast<std::size_t>(kind)].clear(); }

  template <class T>
  const std::map<control::Key, T>& all() const {
    return std::get<std::map<control::Key, T>>(objects_);
  }
  /// nullptr: not there.
  template <class T>
  const T* find(const control::Key& key) const {
    const auto at = all<T>().find(key);
    return at == all<T>().end() ? nullptr : &at->second;
  }
  template <class T>
  const T* find(const std::string& name) const {
    return find<T>(control::Key{"", name});
  }
  /// The pod of that uid; nullptr: not there.
  const control::Pod* pod(const std::string& uid) const;
  /// 0: not there.
  control::Version version(control::Kind kind, const control::Key& key) const;

 private:
  template <class T>
  using Map = std::map<control::Key, T>;

  std::tuple<Map<control::Pod>, Map<control::Node>, Map<control::NodeClaim>, Map<control::GpuNode>,
             Map<control::SlicePolicy>, Map<control::Budget>, Map<control::PriorityClass>,
             Map<control::Workload>, Map<control::NodeClass>, Map<control::DeviceClass>>
      objects_;
  std::map<std::string, control::Key> pods_;     ///< by uid
  std::set<std::string> gone_[control::kKinds];  ///< uids
};

}  // namespace kerf::controller
