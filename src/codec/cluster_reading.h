// ClusterReading: what was read of a cluster: objects by kind, price pages, and what could not be.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/document.h"

namespace kerf::codec {

/// A kind of object that Kerf reads from a cluster.
struct ClusterKind {
  std::string_view resource;     ///< as kubectl takes it: "nodeclaims.karpenter.sh"
  std::string_view api_version;  ///< of the objects: "karpenter.sh/v1"; other versions are read too
  std::string_view kind;         ///< "NodeClaim"
  bool namespaced = false;
  /// What a plan lacks without it, as the end of a sentence: "limits of NodePools are not known".
  std::string_view without;
};

/// All of them, in the order in which they are read and written.
std::span<const ClusterKind> cluster_kinds();
/// nullptr: not one of them. Any version of the group will do.
const ClusterKind* cluster_kind(std::string_view api_version, std::string_view kind);

/// The object with those fields only that Kerf reads: no environment (but the few variables that
/// docs/reference/snapshot.md lists), no command, no annotation that is not Kerf's, Karpenter's or
/// NVIDIA's, no managedFields, no data of Secrets or ConfigMaps. A field of an unexpected type is
/// kept as it is if it is a scalar and its path is on the list, else left out.
Node stripped(const ClusterKind& kind, const Node& object);
/// The same of an object that is no longer needed, without a copy of what is kept.
Node stripped(const ClusterKind& kind, Node&& object);

enum class KindState : std::uint8_t {
  Read,
  Absent,     ///< the API server does not serve it
  Forbidden,  ///< the user may not list it
  Failed,     ///< kubectl failed, or what it printed could not be read
};
std::string_view to_string(KindState state);

struct KindReading {
  const ClusterKind* kind = nullptr;
  KindState state = KindState::Read;
  std::string why;          ///< not Read: kubectl's first line, or what is wrong with the output
  std::vector<Node> items;  ///< stripped
};

/// One page of Karpenter's metrics, of which the series of prices, availability and versions are
/// kept.
struct PricePage {
  std::string pod;  ///< "kube-system/karpenter-6d5c"
  std::string text;
  std::string why;  ///< it could not be read; text is ""
};

struct ClusterReading {
  std::string context;             ///< "" = not known (a plain list of kubectl)
  std::string source;              ///< "context prod", "snapshot eks.json": for people
  std::int64_t taken_ms = 0;       ///< since 1970; 0 = not known
  std::string server_version;      ///< "v1.36.3"; "" = not known
  std::string only_namespace;      ///< pods of this namespace only could be read; "" = of all
  std::vector<KindReading> kinds;  ///< of every kind, in the order of cluster_kinds()
  std::vector<PricePage> pages;

  const KindReading& of(std::string_view kind) const;  ///< "Pod"; must be one of cluster_kinds()
};

/// Every kind, Absent for this reason: what a reading begins with.
std::vector<KindReading> unread_kinds(std::string_view why);
/// Orders by namespace and name; of several with the same the first stays.
void arrange(std::vector<Node>& items);

/// The snapshot file: apiVersion kerf.dev/snapshot/v1alpha1. Read back it is the same reading, as
/// long as its items are stripped and arranged, and its pages are kept_series().
Node snapshot_node(const ClusterReading& reading);
/// The same without a second copy of all items in memory.
Node snapshot_node(ClusterReading&& reading);
/// A snapshot, or objects as `kubectl get ... -o json` prints them (one, a List, several
/// documents); these are stripped while they are read. Kinds that a plain list has none of are
/// Absent ("not in the input"). An object that is none of cluster_kinds() is passed over. Errors:
/// no Kubernetes object at all; a snapshot of an unknown version.
Result<ClusterReading> read_cluster_documents(const std::vector<Document>& documents,
                                              std::string_view source);
/// True if the documents hold a snapshot or a Node of Kubernetes: then they describe a cluster.
bool describes_cluster(const std::vector<Document>& documents);

}  // namespace kerf::codec
