// ApiServer: the truth of the simulated cluster: typed objects, versions, admission, deletion.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/hash.h"
#include "core/control/objects.h"
#include "sim/clock.h"

namespace kerf::sim {

using control::Key;
using control::Kind;
using control::Object;
using control::Version;

/// One value of an object; never changes.
using Value = std::shared_ptr<const Object>;

namespace detail {
template <class T, std::size_t I = 0>
constexpr Kind kind_for() {
  static_assert(I < std::variant_size_v<Object>, "not a kind of object");
  if constexpr (std::is_same_v<std::variant_alternative_t<I, Object>, T>)
    return static_cast<Kind>(I);
  else return kind_for<T, I + 1>();
}
}  // namespace detail

/// The Kind of control::Pod, control::Node ...
template <class T>
inline constexpr Kind kKindOf = detail::kind_for<T>();

/// What happened to one object, for components inside the cluster.
struct Change {
  Kind kind = Kind::Pod;
  Key key;
  Value before;  ///< null: it was created
  Value after;   ///< null: it is gone

  template <class T>
  const T* was() const {
    return before ? std::get_if<T>(before.get()) : nullptr;
  }
  template <class T>
  const T* is() const {
    return after ? std::get_if<T>(after.get()) : nullptr;
  }
};

enum class Verb : std::uint8_t { Create, Update, Delete, Evict };
/// Which part of an object an update writes; what it changes of the other part is dropped, as the
/// status subresource does. Main: spec, labels, annotations, taints.
enum class Part : std::uint8_t { Main, Status };

/// One write of a client.
struct Request {
  std::string client;  ///< "controller", "agent/<node>", "user": who it is, for admission
  Verb verb = Verb::Update;
  Kind kind = Kind::Pod;
  Key key;
  Part part = Part::Main;
  std::string uid;                      ///< it must have this one; "" = whichever
  Version version = 0;                  ///< it must be this one; 0 = whichever
  std::optional<Object> object;         ///< Create
  std::function<void(Object&)> change;  ///< Update: a patch, applied to the object as it is then
};

enum class Code : std::uint8_t {
  Ok,
  Conflict,       ///< another version, or another uid
  AlreadyExists,  ///< Create
  NotFound,
  Invalid,    ///< admission: such a change is never possible
  Forbidden,  ///< this client may not do it
  TooMany,    ///< Evict: no disruption is allowed now
  Unknown,    ///< it may have been done, or may be yet (Client only)
};
const char* to_string(Code code);

struct Answer {
  Code code = Code::Ok;
  Version version = 0;  ///< Ok: the object's; Delete, Evict: 0
  std::string why;
};

/// Objects of one kind, by key: `for (const control::Pod& pod : api.all<control::Pod>())`.
/// Objects may be changed meanwhile, not created or removed: for that take keys<T>() first.
template <class T>
class All {
 public:
  using Map = std::map<Key, Value>;
  class Iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using pointer = const T*;
    using reference = const T&;

    Iterator() = default;
    explicit Iterator(Map::const_iterator at) : at_(at) {}
    reference operator*() const { return *std::get_if<T>(at_->second.get()); }
    pointer operator->() const { return std::get_if<T>(at_->second.get()); }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    Iterator operator++(int) {
      Iterator old = *this;
      ++at_;
      return old;
    }
    bool operator==(const Iterator&) const = default;

   private:
    Map::const_iterator at_;
  };

  explicit All(const Map& map) : map_(&map) {}
  Iterator begin() const { return Iterator(map_->begin()); }
  Iterator end() const { return Iterator(map_->end()); }
  std::size_t size() const { return map_->size(); }
  bool empty() const { return map_->empty(); }

 private:
  const Map* map_;
};

/// The truth. Components inside the cluster (scheduler, kubelets, Karpenter, controllers) read and
/// write it directly and answer for their own reaction times; Kerf's programs use sim::Client.
///
/// Pointers and references to values stay good until the callback of the clock ends in which they
/// were taken, whatever happens to the object; keep a Key, not a pointer.
///
/// Deletion. `erase` asks for it: an object with a finalizer, and a pod that is bound and not done,
/// only gets meta.deleted and stays; it goes when the last finalizer is dropped, or when its
/// kubelet says pod_terminated(). Everything else is gone at once. A GpuNode goes 1 s after its
/// Node (owner reference).
class ApiServer {
 public:
  using Listener = std::function<void(const Change&)>;

  explicit ApiServer(Clock& clock);
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  Clock& clock() const { return clock_; }

  // --- For components inside the cluster ---------------------------------------------------------

  /// Null: there is none.
  template <class T>
  const T* find(const Key& key) const {
    const Value* value = find_value(kKindOf<T>, key);
    return value ? std::get_if<T>(value->get()) : nullptr;
  }
  template <class T>
  const T* find(const std::string& name) const {
    return find<T>(Key{"", name});
  }
  template <class T>
  All<T> all() const {
    return All<T>(of(kKindOf<T>));
  }
  template <class T>
  std::vector<Key> keys() const {
    std::vector<Key> result;
    for (const auto& entry : of(kKindOf<T>)) result.push_back(entry.first);
    return result;
  }
  /// Null value: there is none.
  const Value* find_value(Kind kind, const Key& key) const;
  const std::map<Key, Value>& of(Kind kind) const {
    return objects_[static_cast<std::size_t>(kind)];
  }
  /// Pods with that spec.nodeName, terminating and done ones too.
  const std::set<Key>& pods_on(const std::string& node) const;

  /// uid (if ""), version, generation and created are the server's to give. A pod with a GPU
  /// request gets a toleration of kerf.dev/slices, and its shape the labels and namespace of meta.
  /// False: it exists.
  bool create(Object object);
  /// Changes it by `fn(T&)`; false: there is none. No new version where nothing changes.
  template <class T, class Fn>
  bool mutate(const Key& key, Fn&& fn) {
    return change(kKindOf<T>, key, [&](Object& object) { fn(*std::get_if<T>(&object)); });
  }
  bool change(Kind kind, const Key& key, const std::function<void(Object&)>& fn);
  /// Asks for deletion; again: nothing new. `grace_ms` < 0: the pod's own; 0: at once (force).
  bool erase(Kind kind, const Key& key, std::int64_t grace_ms = -1);
  /// Gone now, finalizers or not. (Also how a kubelet that comes back learns: the pod is not
  /// there.)
  bool remove(Kind kind, const Key& key);
  /// The kubelet has ended a pod that is being deleted: it goes. Its devices are free by now.
  bool pod_terminated(const Key& pod) { return remove(Kind::Pod, pod); }
  /// Finalizers, by any name. Dropping the last one of an object that is being deleted removes it.
  void add_finalizer(Kind kind, const Key& key, const std::string& name);
  void drop_finalizer(Kind kind, const Key& key, const std::string& name);
  bool has_finalizer(Kind kind, const Key& key) const;

  /// Called for each change of that kind, in the order of the changes, before the outermost call
  /// that changed something returns; a listener may change things itself. Returns a handle.
  std::uint64_t listen(Kind kind, Listener listener);
  void unlisten(std::uint64_t handle);

  // --- For clients -------------------------------------------------------------------------------

  /// Judges and does one write now: deny hook, preconditions, admission.
  Answer write(const Request& request);
  /// Adds a rule: a sentence refuses the request (Forbidden), "" lets the next rule decide.
  void deny(std::function<std::string(const Request&)> rule);
  /// Who serves Verb::Evict (sim::Evictions).
  void serve_evictions(std::function<Answer(const Request&)> server);

  /// Of the last change; what a list shows is as of this.
  Version version() const { return version_; }
  /// A new uid: "pod-000017".
  std::string new_uid(Kind kind);

  /// Of all objects and of how they came to be.
  void add_to(Hasher& hasher) const;
  std::uint64_t hash() const;

 private:
  using FinalizerKey = std::pair<Kind, Key>;

  std::map<Key, Value>& slot(Kind kind) { return objects_[static_cast<std::size_t>(kind)]; }
  void put(Kind kind, const Key& key, Value after);
  void drain();
  void index(const Change& change);
  void collect_later(const Change& change);
  Answer update(const Request& request, const Value& before);

  Clock& clock_;
  Version version_ = 0;
  std::uint64_t uids_ = 0;
  std::uint64_t handles_ = 0;
  std::array<std::map<Key, Value>, control::kKinds> objects_;
  std::map<FinalizerKey, std::set<std::string>> finalizers_;
  std::map<std::string, std::set<Key>> pods_on_;
  /// By handle, so in the order in which they came.
  std::array<std::map<std::uint64_t, std::shared_ptr<Listener>>, control::kKinds> listeners_;
  std::deque<Change> changes_;  ///< not told yet
  bool draining_ = false;
  std::vector<Value> retired_;  ///< replaced in this step of the clock
  std::uint64_t retired_step_ = 0;
  std::vector<std::function<std::string(const Request&)>> rules_;
  std::function<Answer(const Request&)> evictions_;
  Hasher history_;
};

// What a pod does when it runs, for the kubelet: Workloads writes it, in annotations of the pod.
inline constexpr const char* kRunsForMs = "sim.kerf.dev/runs-for-ms";
inline constexpr const char* kEndsInMs = "sim.kerf.dev/ends-in-ms";
inline constexpr const char* kFails = "sim.kerf.dev/fails";
/// Its containers end by themselves so long after they started: Succeeded, or Failed if fails().
/// 0 = they run until they are told to end.
std::int64_t runs_for_ms(const control::Pod& pod);
bool fails(const control::Pod& pod);
/// From being told to end (meta.deleted) until its containers have ended; at most the grace.
std::int64_t ends_in_ms(const control::Pod& pod);

}  // namespace kerf::sim
