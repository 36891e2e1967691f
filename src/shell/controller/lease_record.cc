// Reads and writes the five fields.
#include "shell/controller/lease_record.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace kerf::shell {

using codec::Node;

namespace {

constexpr std::size_t kTextBytesMax = 4096;

std::string text_of(const Node* spec, std::string_view key) {
  const Node* value = spec == nullptr ? nullptr : spec->find(key);
  if (value == nullptr || value->kind != Node::Kind::String) return {};
  return value->text.substr(0, kTextBytesMax);
}

std::int64_t integer_of(const Node* spec, std::string_view key) {
  const Node* value = spec == nullptr ? nullptr : spec->find(key);
  if (value == nullptr || value->kind != Node::Kind::Int) return 0;
  return std::max<std::int64_t>(0, value->integer);
}

void put(Node& mapping, const std::string& key, Node value) {
  for (Node::Member& member : mapping.members) {
    if (member.first == key) {
      member.second = std::move(value);
      return;
    }
  }
  mapping.set(key, std::move(value));
}

}  // namespace

LeaseRecord read_lease_record(const Node& lease) {
  const Node* spec = lease.find("spec");
  LeaseRecord record;
  record.holder = text_of(spec, "holderIdentity");
  record.duration_s = integer_of(spec, "leaseDurationSeconds");
  record.acquired = text_of(spec, "acquireTime");
  record.renewed = text_of(spec, "renewTime");
  record.transitions = integer_of(spec, "leaseTransitions");
  return record;
}

Node with_lease_record(Node lease, const LeaseRecord& record) {
  const Node* before = lease.find("spec");
  Node spec = before != nullptr && before->kind == Node::Kind::Mapping ? *before : Node::mapping();
  spec.key_at.clear();
  put(spec, "holderIdentity", Node::of(record.holder));
  put(spec, "leaseDurationSeconds", Node::of(record.duration_s));
  put(spec, "acquireTime", Node::of(record.acquired));
  put(spec, "renewTime", Node::of(record.renewed));
  put(spec, "leaseTransitions", Node::of(record.transitions));
  lease.key_at.clear();
  put(lease, "spec", std::move(spec));
  for (Node::Member& member : lease.members) {
    if (member.first != "metadata") continue;
    member.second.key_at.clear();
    std::erase_if(member.second.members, [](const auto& m) { return m.first == "managedFields"; });
  }
  return lease;
}

Node new_lease(const std::string& ns, const std::string& name, const LeaseRecord& record) {
  Node metadata = Node::mapping();
  metadata.set("namespace", Node::of(ns)).set("name", Node::of(name));
  Node lease = Node::mapping();
  lease.set("apiVersion", Node::of("coordination.k8s.io/v1"))
      .set("kind", Node::of("Lease"))
      .set("metadata", std::move(metadata));
  return with_lease_record(std::move(lease), record);
}

}  // namespace kerf::shell
