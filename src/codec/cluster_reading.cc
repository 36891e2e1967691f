// Documents as a cluster: snapshots and plain output of kubectl, kind by kind and in order.
#include "codec/cluster_reading.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/assert.h"
#include "codec/snapshot.h"

namespace kerf::codec {
namespace {

std::string_view text_at(const Node& node, std::string_view key) {
  const Node* const value = node.find(key);
  return value != nullptr && value->kind == Node::Kind::String ? value->text : std::string_view();
}

std::string_view group_of(std::string_view api_version) {
  const std::size_t slash = api_version.find('/');
  return slash == std::string_view::npos ? std::string_view() : api_version.substr(0, slash);
}

/// Namespace and name; "" where there is none.
std::pair<std::string_view, std::string_view> place_of(const Node& object) {
  const Node* const metadata = object.find("metadata");
  if (metadata == nullptr) return {};
  return {text_at(*metadata, "namespace"), text_at(*metadata, "name")};
}

/// Calls `take(kind, api_version, object)` for each Kubernetes object, those of lists one by one.
/// Entries of a typed list ("PodList") say neither; the list says it for them. False: `take` has
/// had enough.
template <class Take>
bool for_each_object(const Node& root, std::string_view kind, std::string_view api_version,
                     const Take& take) {
  const std::string_view own_kind = text_at(root, "kind");
  const std::string_view own_version = text_at(root, "apiVersion");
  if (!own_kind.empty()) kind = own_kind;
  if (!own_version.empty()) api_version = own_version;
  const Node* const items = root.find("items");
  if (kind.ends_with("List") && items != nullptr && items->kind == Node::Kind::Sequence) {
    const bool is_mixed = kind == "List";
    kind.remove_suffix(std::string_view("List").size());
    return std::all_of(items->items.begin(), items->items.end(), [&](const Node& item) {
      return for_each_object(item, kind, is_mixed ? std::string_view() : api_version, take);
    });
  }
  if (kind.empty() || api_version.empty() || root.kind != Node::Kind::Mapping) return true;
  return take(kind, api_version, root);
}

Result<ClusterReading> read_objects(const std::vector<Document>& documents) {
  ClusterReading reading;
  reading.kinds = unread_kinds("not in the input");
  bool any = false;
  for (const Document& document : documents) {
    for_each_object(document.root, {}, {},
                    [&](std::string_view kind, std::string_view version, const Node& object) {
                      any = true;
                      const ClusterKind* const known = cluster_kind(version, kind);
                      if (known == nullptr) return true;
                      KindReading& into =
                          reading.kinds[static_cast<std::size_t>(known - cluster_kinds().data())];
                      into.state = KindState::Read;
                      into.why.clear();
                      into.items.push_back(stripped(*known, object));
                      return true;
                    });
  }
  if (!any)
    return invalid(
        "no Kubernetes object is in it; expected a snapshot (kerf snapshot) or what kubectl get "
        "nodes,pods -A -o json prints");
  for (KindReading& kind : reading.kinds) arrange(kind.items);
  return reading;
}

}  // namespace

const ClusterKind* cluster_kind(std::string_view api_version, std::string_view kind) {
  for (const ClusterKind& one : cluster_kinds())
    if (one.kind == kind && group_of(one.api_version) == group_of(api_version)) return &one;
  return nullptr;
}

std::string_view to_string(KindState state) {
  switch (state) {
    case KindState::Read: return "Read";
    case KindState::Absent: return "Absent";
    case KindState::Forbidden: return "Forbidden";
    case KindState::Failed: return "Failed";
  }
  return "?";
}

const KindReading& ClusterReading::of(std::string_view kind) const {
  const auto found = std::find_if(kinds.begin(), kinds.end(),
                                  [&](const KindReading& one) { return one.kind->kind == kind; });
  KERF_ASSERT(found != kinds.end(), "a reading has every kind of cluster_kinds()");
  return *found;
}

std::vector<KindReading> unread_kinds(std::string_view why) {
  std::vector<KindReading> kinds;
  for (const ClusterKind& kind : cluster_kinds())
    kinds.push_back({&kind, KindState::Absent, std::string(why), {}});
  return kinds;
}

void arrange(std::vector<Node>& items) {
  std::stable_sort(items.begin(), items.end(),
                   [](const Node& a, const Node& b) { return place_of(a) < place_of(b); });
  const auto same = [](const Node& a, const Node& b) { return place_of(a) == place_of(b); };
  items.erase(std::unique(items.begin(), items.end(), same), items.end());
}

Result<ClusterReading> read_cluster_documents(const std::vector<Document>& documents,
                                              std::string_view source) {
  const auto snapshot = std::find_if(documents.begin(), documents.end(), is_snapshot);
  if (snapshot != documents.end() && documents.size() > 1) {
    return invalid(fmt::format(
        "{}: a snapshot is read alone; it describes a whole cluster, and there are {} documents",
        snapshot->file, documents.size()));
  }
  KERF_TRY(ClusterReading reading,
           snapshot != documents.end() ? read_snapshot(*snapshot) : read_objects(documents));
  reading.source = source;
  return reading;
}

bool describes_cluster(const std::vector<Document>& documents) {
  return std::any_of(documents.begin(), documents.end(), [](const Document& document) {
    if (is_snapshot(document)) return true;
    return !for_each_object(document.root, {}, {},
                            [](std::string_view kind, std::string_view version, const Node&) {
                              return kind != "Node" || version != "v1";
                            });
  });
}

}  // namespace kerf::codec
