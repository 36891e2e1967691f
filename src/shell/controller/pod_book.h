// PodBook: which pods the controller's mind is told of, and what is kept of the others.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "codec/document.h"
#include "codec/live_objects.h"
#include "core/controller/words.h"
#include "shell/controller/kept_pods.h"
#include "shell/controller/surroundings_book.h"
#include "shell/controller/watches.h"
#include "shell/telemetry/log.h"

namespace kerf::shell {

/// Told are pods that ask for a GPU, pods whose spec cannot be read, and pods bound to a node of
/// Kerf's; a pod that was told once is told until it is gone. Kept in case that their node turns
/// out to be Kerf's: pods bound to another node, less than 1 kB each. Nothing is kept of pods that
/// are not bound and ask for no GPU. Of those whose shape depends on their surroundings the object
/// is kept too, as text.
///
/// Lives on the loop's thread.
class PodBook {
 public:
  PodBook(const gpu::Catalogue& gpus, telemetry::Log log,
          std::function<void(controller::Event)> tell);
  ~PodBook();

  /// `object` from strip_pod().
  void seen(const codec::Node& object, const codec::Surroundings& around);
  void gone(const control::Key& key, const std::string& uid);
  /// Reads pods again that depend on what has changed; tells those that are another now, with the
  /// version that they had.
  void read_again(const Stale& stale, const codec::Surroundings& around);

  /// That node is Kerf's for one reason more; pods bound to it are told.
  void hold_node(const std::string& node);
  /// For one reason less. Pods that were told stay told.
  void release_node(const std::string& node);

  const Watches::Known* find(const control::Key& key) const;  ///< of those that were told
  std::optional<control::Key> of_uid(const std::string& uid) const;
  std::int64_t told() const { return static_cast<std::int64_t>(by_uid_.size()); }
  std::int64_t kept() const { return static_cast<std::int64_t>(pods_.size()) - told(); }

 private:
  struct Entry;

  void take(codec::LivePod read, const codec::Node& object);
  /// `stays`: it is there.
  void lose(const control::Key& key, const std::string& uid, bool stays);
  void keep(Entry& entry, const control::Key& key, control::Pod pod);
  void unkeep(Entry& entry, const control::Key& key);
  bool is_of_use(const codec::LivePod& read) const;

  const gpu::Catalogue& gpus_;
  KeptPods kept_;
  telemetry::Log log_;
  std::function<void(controller::Event)> tell_;
  std::map<control::Key, Entry> pods_;
  std::map<std::string, control::Key> by_uid_;               ///< told
  std::map<std::string, std::set<control::Key>> untold_on_;  ///< by node
  std::map<std::string, int> nodes_;                         ///< Kerf's, and for how many reasons
  std::map<std::string, std::set<control::Key>> depend_;     ///< by namespace
  std::set<control::Key> select_namespaces_;                 ///< of those
};

}  // namespace kerf::shell
