// Reads what live objects of all kinds have.
#include "codec/live_fields.h"

#include <utility>

#include "base/quote.h"
#include "codec/kube_meta.h"

namespace kerf::codec {
namespace {

/// The text of a field for a label; "" if there is none.
std::string shown_text(const Node* parent, std::string_view key) {
  const Node* node = parent == nullptr ? nullptr : parent->find(key);
  return node == nullptr || node->kind != Node::Kind::String ? "" : shown(node->text);
}

}  // namespace

Result<LiveObject> LiveObject::read(const Node& object, std::string_view kind) {
  LiveObject live;
  live.root_ = &object;
  live.kind_ = shown_text(&object, "kind");
  if (live.kind_.empty()) live.kind_ = kind;
  const Node* metadata = object.find("metadata");
  const std::string ns = shown_text(metadata, "namespace");
  const std::string name = shown_text(metadata, "name");
  live.label_ = live.kind_;
  if (!name.empty()) live.label_ += " " + (ns.empty() ? name : ns + "/" + name);

  KERF_TRY(const std::optional<Field> given, live.part("metadata"));
  if (!given) return live.whole().wrong("metadata is missing");
  KERF_TRY(live.meta_, read_metadata(given));
  if (live.meta_.name.empty()) return given->wrong("name is missing");
  if (live.meta_.uid.empty()) return given->wrong("uid is missing");
  if (live.meta_.version == 0) return given->wrong("resourceVersion is missing");
  return live;
}

Result<std::vector<cluster::Taint>> given_taints(const std::optional<Field>& mapping,
                                                 std::string_view key) {
  std::vector<cluster::Taint> taints;
  KERF_TRY(const std::vector<Field> entries, given_list(mapping, key, kLiveEntriesMax));
  for (const Field& entry : entries) {
    cluster::Taint& taint = taints.emplace_back();
    KERF_TRY(taint.key, given_text(entry, "key", 512));
    KERF_TRY(taint.value, given_text(entry, "value"));
    KERF_TRY(taint.effect, given_text(entry, "effect"));
  }
  return taints;
}

}  // namespace kerf::codec
