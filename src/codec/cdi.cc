// Writes a CDI spec of one device and reads its annotations back; cdi_base.cc reads NVIDIA's.
#include "codec/cdi.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "base/quote.h"
#include "codec/json.h"
#include "codec/lenient_fields.h"

namespace kerf::codec {
namespace {

constexpr std::size_t kBytesMax = 4u << 20;
constexpr Limits kLimits{
    .bytes = kBytesMax, .depth = 16, .nodes = 200'000, .documents = 1, .scalar_bytes = kBytesMax};

Node texts_node(const std::vector<std::string>& texts) {
  Node node = Node::sequence();
  for (const std::string& text : texts) node.push(Node::of(text));
  return node;
}

void set_text(Node& node, const char* key, const std::string& text) {
  if (!text.empty()) node.set(key, Node::of(text));
}

void set_number(Node& node, const char* key, const std::optional<std::int64_t>& number) {
  if (number) node.set(key, Node::of(*number));
}

void set_texts(Node& node, const char* key, const std::vector<std::string>& texts) {
  if (!texts.empty()) node.set(key, texts_node(texts));
}

Node device_node(const CdiDeviceNode& device) {
  Node node = Node::mapping();
  node.set("path", Node::of(device.path));
  set_text(node, "hostPath", device.host_path);
  set_text(node, "type", device.type);
  set_number(node, "major", device.major);
  set_number(node, "minor", device.minor);
  set_number(node, "fileMode", device.file_mode);
  set_text(node, "permissions", device.permissions);
  set_number(node, "uid", device.uid);
  set_number(node, "gid", device.gid);
  return node;
}

Node mount_node(const CdiMount& mount) {
  Node node = Node::mapping();
  node.set("hostPath", Node::of(mount.host_path));
  node.set("containerPath", Node::of(mount.container_path));
  set_text(node, "type", mount.type);
  set_texts(node, "options", mount.options);
  return node;
}

Node hook_node(const CdiHook& hook) {
  Node node = Node::mapping();
  node.set("hookName", Node::of(hook.name));
  node.set("path", Node::of(hook.path));
  set_texts(node, "args", hook.args);
  set_texts(node, "env", hook.env);
  set_number(node, "timeout", hook.timeout_s);
  return node;
}

template <class T>
void set_list(Node& node, const char* key, const std::vector<T>& entries, Node (*make)(const T&)) {
  if (entries.empty()) return;
  Node list = Node::sequence();
  for (const T& entry : entries) list.push(make(entry));
  node.set(key, std::move(list));
}

Node number_node(const std::int64_t& number) { return Node::of(number); }

Node edits_node(const CdiEdits& edits) {
  Node node = Node::mapping();
  set_texts(node, "env", edits.env);
  set_list(node, "deviceNodes", edits.nodes, device_node);
  set_list(node, "hooks", edits.hooks, hook_node);
  set_list(node, "mounts", edits.mounts, mount_node);
  set_list(node, "additionalGids", edits.additional_gids, number_node);
  return node;
}

std::string_view variable_of(std::string_view env) { return env.substr(0, env.find('=')); }

/// Puts `more` behind `base`, from which it takes what has the same key.
template <class T, class Key>
void append(std::vector<T>& base, const std::vector<T>& more, const Key& key) {
  std::erase_if(base, [&](const T& old) {
    return std::ranges::any_of(more, [&](const T& added) { return key(added) == key(old); });
  });
  base.insert(base.end(), more.begin(), more.end());
}

}  // namespace

CdiEdits merged(CdiEdits base, const CdiEdits& more) {
  append(base.env, more.env, variable_of);
  append(base.nodes, more.nodes, [](const CdiDeviceNode& node) { return node.path; });
  append(base.mounts, more.mounts, [](const CdiMount& mount) { return mount.container_path; });
  append(base.hooks, more.hooks, [](const CdiHook& hook) { return hook; });
  append(base.additional_gids, more.additional_gids, [](std::int64_t gid) { return gid; });
  return base;
}

std::string cdi_name(std::string_view device_id) {
  std::string name(device_id);
  for (char& c : name) {
    const bool kept = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == '.' || c == ':' || c == '-';
    if (!kept) c = '_';
  }
  return name;
}

std::string cdi_qualified_name(std::string_view device_id) {
  return fmt::format("{}={}", kCdiKind, cdi_name(device_id));
}

std::string cdi_file_name(std::string_view device_id) {
  return fmt::format("kerf.dev-gpu_{}.json", cdi_name(device_id));
}

std::string cdi_spec(const agent::CdiEntry& entry, const CdiEdits& common, const CdiEdits& own) {
  KERF_ASSERT(own != CdiEdits{}, "runtimes refuse a device without edits");
  const bool has_gids = !common.additional_gids.empty() || !own.additional_gids.empty();
  Node device = Node::mapping();
  device.set("name", Node::of(cdi_name(entry.device)));
  device.set("annotations", Node::mapping()
                                .set(std::string(kCdiDevice), Node::of(entry.device))
                                .set(std::string(kCdiUuid), Node::of(entry.uuid)));
  device.set("containerEdits", edits_node(own));
  Node spec = Node::mapping();
  spec.set("cdiVersion", Node::of(has_gids ? "0.7.0" : "0.6.0"));
  spec.set("kind", Node::of(std::string(kCdiKind)));
  spec.set("devices", std::move(Node::sequence().push(std::move(device))));
  if (common != CdiEdits{}) spec.set("containerEdits", edits_node(common));
  return write_json(spec);
}

Result<agent::CdiEntry> read_cdi_entry(std::string_view text, std::string_view file) {
  KERF_TRY(const Document document, parse_json(text, file, kLimits));
  const Field root(file, document.root);
  KERF_TRY(const std::string kind, given_text(root, "kind", 512));
  if (kind != kCdiKind)
    return root.wrong(fmt::format("kind {}; Kerf's is {}", quoted(kind), kCdiKind));
  KERF_TRY(const std::vector<Field> devices, given_list(root, "devices", 4'096));
  if (devices.size() != 1)
    return root.wrong(fmt::format("{} devices; Kerf's specs have one", devices.size()));
  const Field& device = devices.front();
  KERF_TRY(const std::string name, given_text(device, "name"));
  KERF_TRY(const std::optional<Field> annotations, given_mapping(device, "annotations"));
  agent::CdiEntry entry;
  KERF_TRY(entry.device, given_text(annotations, kCdiDevice));
  KERF_TRY(entry.uuid, given_text(annotations, kCdiUuid));
  if (entry.device.empty() || entry.uuid.empty())
    return device.wrong(fmt::format("no annotations {} and {}", kCdiDevice, kCdiUuid));
  if (name != cdi_name(entry.device)) {
    return device.wrong(fmt::format("name {} of device {}", quoted(name), quoted(entry.device)));
  }
  return entry;
}

}  // namespace kerf::codec
