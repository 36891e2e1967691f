// Watches: everything that the controller's mind is told of the cluster, kind by kind.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "codec/document.h"
#include "core/controller/words.h"
#include "core/gpu/model.h"
#include "core/market/market.h"
#include "shell/apiserver/client.h"
#include "shell/runtime/loop.h"
#include "shell/telemetry/log.h"

namespace kerf::shell {

/// Lists and follows, with field and label selectors where they help, and hands on Seen, Gone and
/// Synced. Pods and groups are listed once namespaces, claims, volumes, classes and DaemonSets are
/// there; those that depend on them are read again when these change, and told with the version
/// that they had. Handed on are only: pods with a GPU request (or a spec that cannot be read) and
/// pods bound to a node of Kerf's (that it is labelled kerf.dev/policy, or that a claim names);
/// nodes with GPUs; claims that carry kerf.dev/policy; groups that count whole, under a name with
/// their plural in front ("jobs/train"); everything of the other kinds. A pod that becomes of use
/// (bound to a node that turns out to be Kerf's) is handed on then. Kinds that not every cluster
/// has (kerf.dev's and Karpenter's, JobSet, LeaderWorkerSet, DeviceClass, a provider's NodeClass)
/// count as empty where they are not there (404), and are looked for again every minute; whatever
/// else goes wrong is trouble, logged once, and the kind is not Synced.
///
/// Memory is bounded by what is handed on, about 1.5 kB for each other pod that is bound, and the
/// whole object (5 to 15 kB) of each pod that has a claim of a volume or a namespaceSelector. Lives
/// on the loop's thread.
class Watches {
 public:
  struct Options {
    apiserver::Resource node_classes{"karpenter.k8s.aws", "v1", "ec2nodeclasses"};
    std::int64_t look_again_ms = 60'000;   ///< for kinds that are not there
    std::int64_t relist_every_ms = 2'000;  ///< at most so often for each kind
  };
  struct Events {
    std::function<void(controller::Event)> tell;  ///< Seen, Gone, Synced
    /// What DaemonSets take of every GPU node has changed (also once at first, before Synced).
    std::function<void(const market::NodeOverhead&)> overhead;
    /// A SlicePolicy that cannot be read has come or changed, or is one no more: unread_policy().
    std::function<void(const std::string& policy)> policy_refused;
  };

  /// All must outlive it.
  Watches(Options options, const gpu::Catalogue& gpus, const market::Market& types,
          apiserver::Client& client, runtime::Loop& loop, telemetry::Log log, Events events);
  ~Watches();
  Watches(const Watches&) = delete;
  Watches& operator=(const Watches&) = delete;

  /// Begins, or begins anew: everything is listed again, and each kind is Synced when it is
  /// complete. What was there and is not any more is Gone before that.
  void start_over();
  /// One kind listed anew, from after this call; coalesced.
  void relist(control::Kind kind);

  /// What is known of an object beside what the mind has; nullptr: it is not there.
  struct Known {
    std::string uid;
    std::string version;  ///< as the API server wrote it
    /// Node: spec.taints. SlicePolicy: status. Else Null.
    codec::Node extra;
    control::Amounts capacity;  ///< Node: extended resources in capacity
  };
  const Known* find(control::Kind kind, const control::Key& key) const;
  /// A SlicePolicy that cannot be read, as it is.
  struct Unread {
    std::string why;
    std::string version;  ///< as the API server wrote it
    std::int64_t generation = 0;
    codec::Node status;  ///< Null: it has none
  };
  /// nullptr: it can be read, or is not there.
  const Unread* unread_policy(const std::string& name) const;
  /// A pod's key by uid; nullopt: it is not known.
  std::optional<control::Key> pod_of(const std::string& uid) const;

  /// Since when some watch has not worked, ms of runtime::Loop::now(); nullopt: all do.
  std::optional<runtime::Instant> trouble_since() const;
  /// Objects handed on, by kind; for metrics.
  std::map<std::string, std::int64_t> counts() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kerf::shell
