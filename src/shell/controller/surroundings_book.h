// SurroundingsBook: namespaces, volumes, classes and DaemonSets, as far as pods are read with them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/result.h"
#include "codec/document.h"
#include "codec/kube_surroundings.h"
#include "core/control/object.h"
#include "core/gpu/model.h"
#include "core/market/market.h"

namespace kerf::shell {

/// The kinds of objects that hold no pods but decide about those of others.
enum class Around : std::uint8_t {
  Namespace,
  VolumeClaim,
  Volume,
  StorageClass,
  RuntimeClass,
  PriorityClass,
  DaemonSet,
};
inline constexpr int kArounds = 7;

/// Of an object only what is read of it here, with apiVersion and kind. Any thread.
codec::Node strip_around(Around kind, const codec::Node& object);
/// Takes off a pod, or a template of pods, what says nothing about where it can run: managed
/// fields, foreign annotations, environment, commands, mounts, probes. Any thread.
void strip_pod(codec::Node& pod);

/// Which pods have to be read again.
struct Stale {
  bool all = false;
  bool labels = false;               ///< of namespaces: the pods that select namespaces
  std::set<std::string> namespaces;  ///< the pods in these
  bool any() const { return all || labels || !namespaces.empty(); }
};

/// Each object is kept as text of a few hundred bytes, because codec::Surroundings cannot forget:
/// what is changed or gone means to make them anew, in refresh(). Claims and volumes, of which
/// there may be many, come in one by one as long as none goes.
class SurroundingsBook {
 public:
  explicit SurroundingsBook(const gpu::Catalogue& gpus) : gpus_(gpus) {}

  /// `object` from strip_around(). An error: it cannot be read, and is taken for not there.
  Result<void> put(Around kind, const codec::Node& object);
  void remove(Around kind, const control::Key& key);

  /// As of the last refresh(), and claims and volumes that came since.
  const codec::Surroundings& now() const { return now_; }
  /// True if refresh() has something to do.
  bool stale() const { return stale_.any() || daemonsets_stale_; }
  /// Which pods are affected by what has changed since the last call.
  Stale refresh();
  /// What the DaemonSets take of every GPU node, as of the last refresh(), if it is not what this
  /// said last (the first time always).
  std::optional<market::NodeOverhead> new_overhead();

 private:
  Result<void> try_out(Around kind, const codec::Node& object);
  void touch(Around kind, const codec::Node& object);
  void rebuild();

  const gpu::Catalogue& gpus_;
  std::map<control::Key, std::string> kept_[kArounds];  ///< JSON
  codec::Surroundings now_;
  Stale stale_;
  bool rebuild_ = false;
  bool daemonsets_stale_ = true;
  market::NodeOverhead overhead_;
  bool told_ = false;
};

}  // namespace kerf::shell
