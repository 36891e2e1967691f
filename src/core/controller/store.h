// Store: what the controller has been told is there.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include "core/control/objects.h"

namespace kerf::controller {

/// Objects by kind and key, as last seen. A value older than the one known is not believed, nor one
/// of an object that is known to be gone: of each kind the last kGoneMax that went since its list.
class Store {
 public:
  static constexpr std::size_t kGoneMax = 10'000;

  /// True if it is news.
  bool see(const control::Object& object);
  /// True if that object was there. `stays`: it is there still, and may be seen again.
  bool lose(control::Kind kind, const control::Key& key, const std::string& uid,
            bool stays = false);
  /// All of that kind was listed: what is gone cannot come late any more.
  void listed(control::Kind kind) { gone_[static_cast<std::size_t>(kind)] = {}; }

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
  /// A pod of that name was there, has gone, and no other has come under its name.
  bool has_gone(const control::Key& pod) const { return gone_pods_.contains(pod); }
  /// 0: not there.
  control::Version version(control::Kind kind, const control::Key& key) const;

 private:
  template <class T>
  using Map = std::map<control::Key, T>;

  std::tuple<Map<control::Pod>, Map<control::Node>, Map<control::NodeClaim>, Map<control::GpuNode>,
             Map<control::SlicePolicy>, Map<control::Budget>, Map<control::PriorityClass>,
             Map<control::Workload>, Map<control::NodeClass>, Map<control::DeviceClass>>
      objects_;
  std::map<std::string, control::Key> pods_;  ///< by uid
  struct Dead {
    std::set<std::string> uids;
    std::deque<std::string> order;  ///< of going
  };
  Dead gone_[control::kKinds];
  std::set<control::Key> gone_pods_;  ///< forgotten all at once when there are kGoneMax
};

}  // namespace kerf::controller
