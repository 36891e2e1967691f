// Reads objects of all kinds but pods, and decides which of them are told.
#include "shell/controller/object_book.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "codec/extended_resource.h"
#include "codec/gpu_node.h"
#include "codec/gpu_request.h"
#include "codec/json.h"
#include "codec/live_objects.h"
#include "core/control/names.h"
#include "shell/apiserver/answer.h"

namespace kerf::shell {

using apiserver::metadata_text;
using codec::Node;
using control::Key;
using control::Kind;
using control::Object;

namespace {

std::size_t index(Kind kind) { return static_cast<std::size_t>(kind); }

template <class T>
Result<Object> object_of(Result<T> read) {
  if (!read) return tl::unexpected(std::move(read).error());
  return Object(*std::move(read));
}

const Node* part(const Node& object, std::string_view mapping, std::string_view key) {
  const Node* outer = object.find(mapping);
  return outer == nullptr ? nullptr : outer->find(key);
}

}  // namespace

ObjectBook::ObjectBook(const gpu::Catalogue& gpus, const market::Market& types, telemetry::Log log,
                       Events events)
    : gpus_(gpus), types_(types), log_(std::move(log)), events_(std::move(events)) {}

Result<Object> ObjectBook::read(Kind kind, const Node& object,
                                const codec::Surroundings& around) const {
  switch (kind) {
    case Kind::Node: return object_of(codec::read_live_node(object));
    case Kind::NodeClaim: return object_of(codec::read_node_claim(object));
    case Kind::GpuNode: return object_of(codec::read_gpu_node(codec::Field("GpuNode", object)));
    case Kind::SlicePolicy: return object_of(codec::read_live_policy(object, gpus_));
    case Kind::Budget: return object_of(codec::read_budget(object));
    case Kind::PriorityClass: return object_of(codec::read_priority_class(object));
    case Kind::Workload: return object_of(codec::read_workload_group(object, around, gpus_));
    case Kind::NodeClass: return object_of(codec::read_node_class(object));
    case Kind::DeviceClass: return object_of(codec::read_device_class(object));
    case Kind::Pod: break;
  }
  KERF_ASSERT(false, "pods are PodBook's");
  return fail(ErrorCode::Unsupported, "");
}

bool ObjectBook::is_of_use(const Object& object) const {
  if (const auto* group = std::get_if<control::Workload>(&object)) return group->at_once > 0;
  const auto* node = std::get_if<control::Node>(&object);
  if (node == nullptr || node->meta.labels.contains(control::kPolicyLabel)) return true;
  if (types_.type_named(control::label_of(node->meta.labels, control::kTypeLabel)) != nullptr)
    return true;
  return std::any_of(node->capacity_of.begin(), node->capacity_of.end(),
                     [](const auto& entry) { return codec::is_gpu_resource(entry.first); });
}

void ObjectBook::seen(Kind kind, const Key& key, const Node& object,
                      const codec::Surroundings& around) {
  auto read = this->read(kind, object, around);
  if (!read) return unreadable(kind, key, object, read.error());
  readable(kind, key);
  control::meta_of(*read).name = key.name;
  if (!is_of_use(*read)) return lose(kind, key, true);
  take(kind, key, object, *std::move(read));
}

void ObjectBook::take(Kind kind, const Key& key, const Node& object, Object read) {
  Watches::Known& known = known_[index(kind)][key];
  known.uid = control::meta_of(read).uid;
  known.version = metadata_text(object, "resourceVersion");
  std::string kerf_node;
  if (const auto* node = std::get_if<control::Node>(&read)) {
    const Node* taints = part(object, "spec", "taints");
    known.extra = taints != nullptr ? *taints : Node();
    known.capacity = node->capacity_of;
    if (node->meta.labels.contains(control::kPolicyLabel)) kerf_node = key.name;
  } else if (const auto* claim = std::get_if<control::NodeClaim>(&read)) {
    kerf_node = claim->node;
  } else if (kind == Kind::SlicePolicy) {
    const Node* status = object.find("status");
    known.extra = status != nullptr ? *status : Node();
  } else if (const auto* group = std::get_if<control::Workload>(&read)) {
    groups_[key] = {codec::write_json(object), *group};
  }
  events_.tell(controller::Seen{std::move(read)});
  if (kind == Kind::Node || kind == Kind::NodeClaim) speak_of(kind, key, kerf_node);
}

void ObjectBook::speak_of(Kind kind, const Key& key, const std::string& node) {
  auto& speaks = speaks_of_[index(kind)];
  const auto at = speaks.find(key);
  const std::string before = at == speaks.end() ? std::string() : at->second;
  if (before == node) return;
  if (node.empty()) speaks.erase(key);
  else speaks[key] = node;
  if (!node.empty()) events_.hold_node(node);
  if (!before.empty()) events_.release_node(before);
}

/// What was told of it does not hold any more.
void ObjectBook::lose(Kind kind, const Key& key, bool stays) {
  groups_.erase(key);
  speak_of(kind, key, "");
  const auto known = known_[index(kind)].extract(key);
  if (!known.empty()) events_.tell(controller::Gone{kind, key, known.mapped().uid, stays});
}

void ObjectBook::gone(Kind kind, const Key& key, const std::string& uid) {
  readable(kind, key);
  const auto at = known_[index(kind)].find(key);
  if (at != known_[index(kind)].end() && at->second.uid == uid) lose(kind, key, false);
}

void ObjectBook::unreadable(Kind kind, const Key& key, const Node& object, const Error& error) {
  const std::string& why = error.message();
  const auto [at, fresh] = unreadable_[index(kind)].try_emplace(key, why);
  if (std::exchange(at->second, why) != why || fresh) {
    log_.error("an object cannot be read; it counts as not there",
               {{"kind", control::to_string(kind)}, {"object", key.text()}, {"why", why}});
  }
  lose(kind, key, true);
  if (kind != Kind::SlicePolicy) return;
  Watches::Unread& unread = unread_policies_[key.name];
  unread.why = why;
  unread.version = metadata_text(object, "resourceVersion");
  const Node* generation = part(object, "metadata", "generation");
  unread.generation = generation != nullptr ? generation->integer : 0;
  const Node* status = object.find("status");
  unread.status = status != nullptr ? *status : Node();
  events_.policy_refused(key.name);
}

void ObjectBook::readable(Kind kind, const Key& key) {
  if (unreadable_[index(kind)].erase(key) == 0 || kind != Kind::SlicePolicy) return;
  if (unread_policies_.erase(key.name) > 0) events_.policy_refused(key.name);
}

void ObjectBook::read_again(const codec::Surroundings& around) {
  for (auto& [key, group] : groups_) {
    const auto object = codec::parse_json(group.text, "a group that was kept");
    if (!object) continue;
    auto read = codec::read_workload_group(object->root, around, gpus_);
    if (!read) continue;  // it could be read before: only what it refers to has changed
    read->meta.name = key.name;
    if (*read == group.told) continue;
    group.told = *read;
    events_.tell(controller::Seen{*std::move(read)});
  }
}

const Watches::Known* ObjectBook::find(Kind kind, const Key& key) const {
  const auto at = known_[index(kind)].find(key);
  return at == known_[index(kind)].end() ? nullptr : &at->second;
}

const Watches::Unread* ObjectBook::unread_policy(const std::string& name) const {
  const auto at = unread_policies_.find(name);
  return at == unread_policies_.end() ? nullptr : &at->second;
}

std::int64_t ObjectBook::told(Kind kind) const {
  return static_cast<std::int64_t>(known_[index(kind)].size());
}

}  // namespace kerf::shell
