// Reads what a CDI spec of NVIDIA's generator does to every container.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/quote.h"
#include "codec/cdi.h"
#include "codec/lenient_fields.h"
#include "codec/yaml.h"

namespace kerf::codec {
namespace {

constexpr std::size_t kEntriesMax = 4'096;
constexpr std::size_t kTextBytesMax = 32u << 10;
constexpr Limits kLimits{
    .bytes = 4u << 20, .depth = 32, .nodes = 500'000, .documents = 16, .scalar_bytes = 1u << 20};
constexpr std::string_view kVisible = "NVIDIA_VISIBLE_DEVICES=";

/// Of the OCI runtime specification, as the CDI library accepts them.
constexpr std::array<std::string_view, 6> kHooks = {
    "prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"};

bool is_path(const std::string& text) { return text.starts_with('/'); }

Result<std::string> read_path(const Field& entry, std::string_view key) {
  KERF_TRY(std::string path, given_text(entry, key, 4'096));
  if (is_path(path)) return path;
  return entry.wrong(fmt::format("{} is {}; expected an absolute path", key,
                                 path.empty() ? "missing" : quoted(path)));
}

Result<std::vector<std::string>> read_env(const Field& entry) {
  KERF_TRY(std::vector<std::string> env, given_texts(entry, "env", kEntriesMax, kTextBytesMax));
  for (const std::string& variable : env) {
    const std::size_t equals = variable.find('=');
    if (equals == std::string::npos || equals == 0)
      return entry.wrong("env: " + quoted(variable) + "; expected NAME=value");
  }
  return env;
}

Result<CdiDeviceNode> read_node(const Field& entry) {
  CdiDeviceNode node;
  KERF_TRY(node.path, read_path(entry, "path"));
  KERF_TRY(node.host_path, given_text(entry, "hostPath", 4'096));
  if (!node.host_path.empty() && !is_path(node.host_path))
    return entry.wrong("hostPath is " + quoted(node.host_path) + "; expected an absolute path");
  KERF_TRY(node.type, given_text(entry, "type"));
  if (!node.type.empty() && node.type != "c" && node.type != "b" && node.type != "u" &&
      node.type != "p")
    return entry.wrong("type " + quoted(node.type) + "; expected one of b, c, u, p");
  KERF_TRY(node.major, given_integer(entry, "major", 0, INT32_MAX));
  KERF_TRY(node.minor, given_integer(entry, "minor", 0, INT32_MAX));
  KERF_TRY(node.file_mode, given_integer(entry, "fileMode", 0, UINT32_MAX));
  KERF_TRY(node.permissions, given_text(entry, "permissions"));
  if (node.permissions.find_first_not_of("rwm") != std::string::npos)
    return entry.wrong("permissions " + quoted(node.permissions) + "; expected letters of rwm");
  KERF_TRY(node.uid, given_integer(entry, "uid", 0, UINT32_MAX));
  KERF_TRY(node.gid, given_integer(entry, "gid", 0, UINT32_MAX));
  return node;
}

Result<CdiMount> read_mount(const Field& entry) {
  CdiMount mount;
  KERF_TRY(mount.host_path, read_path(entry, "hostPath"));
  KERF_TRY(mount.container_path, read_path(entry, "containerPath"));
  KERF_TRY(mount.type, given_text(entry, "type"));
  KERF_TRY(mount.options, given_texts(entry, "options", kEntriesMax, kTextBytesMax));
  return mount;
}

Result<CdiHook> read_hook(const Field& entry) {
  CdiHook hook;
  KERF_TRY(hook.name, given_text(entry, "hookName"));
  if (std::ranges::find(kHooks, hook.name) == kHooks.end()) {
    return entry.wrong(
        fmt::format("hookName {}; expected one of {}", quoted(hook.name), fmt::join(kHooks, ", ")));
  }
  KERF_TRY(hook.path, read_path(entry, "path"));
  KERF_TRY(hook.args, given_texts(entry, "args", kEntriesMax, kTextBytesMax));
  KERF_TRY(hook.env, read_env(entry));
  KERF_TRY(hook.timeout_s, given_integer(entry, "timeout", 1, INT32_MAX));
  return hook;
}

template <class T>
Result<std::vector<T>> read_list(const Field& edits, std::string_view key,
                                 Result<T> (*read)(const Field&)) {
  KERF_TRY(const std::vector<Field> entries, given_list(edits, key, kEntriesMax));
  std::vector<T> all;
  for (const Field& entry : entries) {
    KERF_TRY(T one, read(entry));
    all.push_back(std::move(one));
  }
  return all;
}

Result<std::int64_t> read_gid(const Field& entry) { return entry.integer(0, UINT32_MAX); }

}  // namespace

Result<CdiEdits> read_cdi_base(const Document& spec) {
  const Field root(spec.file, spec.root);
  KERF_TRY(const std::string version, given_text(root, "cdiVersion"));
  KERF_TRY(const std::string kind, given_text(root, "kind", 512));
  if (version.empty() || kind.empty())
    return root.wrong("no CDI spec: cdiVersion and kind are expected");
  KERF_TRY(const std::optional<Field> edits, given_mapping(root, "containerEdits"));
  CdiEdits base;
  if (!edits) return base;
  KERF_TRY(base.env, read_env(*edits));
  std::erase_if(base.env, [](const std::string& variable) {
    return variable.starts_with(kVisible) && variable.substr(kVisible.size()) != "void";
  });
  KERF_TRY(base.nodes, read_list(*edits, "deviceNodes", read_node));
  KERF_TRY(base.mounts, read_list(*edits, "mounts", read_mount));
  KERF_TRY(base.hooks, read_list(*edits, "hooks", read_hook));
  KERF_TRY(base.additional_gids, read_list(*edits, "additionalGids", read_gid));
  return base;
}

Result<CdiEdits> read_cdi_base(std::string_view text, std::string_view file) {
  KERF_TRY(const std::vector<Document> documents, parse_yaml(text, file, kLimits));
  if (documents.size() != 1)
    return invalid(fmt::format("{}: {} documents; expected one CDI spec", file, documents.size()));
  return read_cdi_base(documents.front());
}

}  // namespace kerf::codec
