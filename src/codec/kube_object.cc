// Fields of Kubernetes objects by type. Paths for errors are searched only when there is an error.
#include "codec/kube_object.h"

#include <fmt/format.h>

#include "base/quote.h"

namespace kerf::codec {
namespace {

/// Appends the path from `node` to `target` (".spec.containers[0]"); false if it is not below.
/// As deep as the document, which the readers bound.
bool append_path(const Node& node, const Node* target, std::string& path) {
  if (&node == target) return true;
  const std::size_t length = path.size();
  for (const auto& [key, value] : node.members) {
    // Keys like nvidia.com/gpu in brackets, as the API server writes them.
    const bool plain = key.find_first_of("./[] ") == std::string::npos && key.size() <= 64;
    path += plain ? "." + key : fmt::format("[{}]", key.size() <= 64 ? key : "...");
    if (append_path(value, target, path)) return true;
    path.resize(length);
  }
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    path += fmt::format("[{}]", i);
    if (append_path(node.items[i], target, path)) return true;
    path.resize(length);
  }
  return false;
}

/// "a string, \"3\"": what was found in place of what was expected.
std::string found(const Node& node) {
  const std::string kind(describe(node.kind));
  return node.is_scalar() && !node.is_null() ? fmt::format("{}, {}", kind, quoted(node.text))
                                             : kind;
}

/// The member, or nullptr if it is absent or null.
const Node* given(const Node* parent, std::string_view key) {
  const Node* node = parent == nullptr ? nullptr : parent->find(key);
  return node == nullptr || node->is_null() ? nullptr : node;
}

/// What to do with a file that is no manifest, by what it looks like.
std::string_view advice(std::string_view file, const Node& root) {
  const std::string_view base = file.substr(file.find_last_of('/') + 1);
  const Node* resources = root.find("resources");
  const bool of_kustomization = resources != nullptr && resources->kind == Node::Kind::Sequence;
  const bool of_values = (resources != nullptr && resources->kind == Node::Kind::Mapping) ||
                         root.find("replicaCount") != nullptr;
  if (base.starts_with("kustomization.") || of_kustomization ||
      root.find("patchesStrategicMerge") != nullptr) {
    return "if this is a kustomization, render it first: kubectl kustomize DIR | kerf plan -";
  }
  if (base.starts_with("Chart.") || base.find("values") != std::string_view::npos || of_values) {
    return "this looks like a file of a Helm chart; render the chart first: helm template CHART | "
           "kerf plan -";
  }
  return "leave the file out, or render it first if it belongs to a Helm chart (helm template) or "
         "a kustomization (kubectl kustomize)";
}

/// What kubectl get prints without -o.
bool is_kubectl_table(const Node& root) {
  return root.kind == Node::Kind::String &&
         (root.text.starts_with("NAME ") || root.text.starts_with("NAMESPACE "));
}

}  // namespace

Result<KubeObject> KubeObject::read(std::string_view file, const Node& root, std::string_view kind,
                                    std::string_view api_version) {
  KubeObject object;
  object.file = file;
  object.root = &root;
  if (root.kind != Node::Kind::Mapping) {
    return tl::unexpected(error_at(
        file, root.at,
        fmt::format("expected a Kubernetes object with apiVersion and kind, got {}{}", found(root),
                    is_kubectl_table(root) ? "; this is kubectl's table: add -o json" : "")));
  }
  KERF_TRY(const std::string_view own_kind, object.text(&root, "kind"));
  KERF_TRY(std::string_view own_version, object.text(&root, "apiVersion"));
  if (!own_kind.empty()) kind = own_kind;
  if (own_version.empty()) own_version = api_version;
  if (kind.empty() || own_version.empty()) {
    const std::string_view missing = kind.empty() && own_version.empty()
                                         ? "apiVersion and kind are missing"
                                     : kind.empty() ? "kind is missing"
                                                    : "apiVersion is missing";
    return tl::unexpected(error_at(
        file, root.at, fmt::format("no Kubernetes object: {}; {}", missing, advice(file, root))));
  }
  object.kind = kind;
  const std::size_t slash = own_version.find('/');
  object.version = own_version.substr(slash == std::string_view::npos ? 0 : slash + 1);
  if (slash != std::string_view::npos) object.group = own_version.substr(0, slash);
  if (object.group == "kustomize.config.k8s.io") {
    return tl::unexpected(
        error_at(file, root.at,
                 "a kustomization changes other files, so render it first: kubectl kustomize DIR | "
                 "kerf plan -"));
  }
  KERF_TRY(const Node* metadata, object.mapping(&root, "metadata"));
  KERF_TRY(const std::string_view ns, object.text(metadata, "namespace"));
  KERF_TRY(std::string_view name, object.text(metadata, "name"));
  if (name.empty()) {
    KERF_TRY(name, object.text(metadata, "generateName"));
  }
  object.ns = ns.empty() ? "default" : ns;
  object.name = name;
  return object;
}

std::string KubeObject::label() const {
  if (kind.empty()) return "object";
  if (name.empty()) return kind;
  return fmt::format("{} {}/{}", kind, ns, name);
}

std::string KubeObject::source() const {
  return root->at.line == 0 ? std::string(file) : fmt::format("{}:{}", file, root->at.line);
}

tl::unexpected<Error> KubeObject::wrong(const Node& at, std::string_view message,
                                        ErrorCode code) const {
  std::string path;
  append_path(*root, &at, path);
  if (path.starts_with('.')) path.erase(0, 1);
  std::string text = label() + ": ";
  if (!path.empty()) text += path + ": ";
  return tl::unexpected(error_at(file, at.at, text += message, code));
}

Result<const Node*> KubeObject::mapping(const Node* parent, std::string_view key) const {
  const Node* node = given(parent, key);
  if (node != nullptr && node->kind != Node::Kind::Mapping) {
    return wrong(*node, "expected a mapping, got " + found(*node));
  }
  return node;
}

Result<const Node*> KubeObject::list(const Node* parent, std::string_view key) const {
  const Node* node = given(parent, key);
  if (node != nullptr && node->kind != Node::Kind::Sequence) {
    return wrong(*node, "expected a list, got " + found(*node));
  }
  return node;
}

Result<std::string_view> KubeObject::text(const Node* parent, std::string_view key) const {
  const Node* node = given(parent, key);
  if (node == nullptr) return std::string_view{};
  return text_of(*node);
}

Result<std::string_view> KubeObject::text_of(const Node& node) const {
  if (node.kind != Node::Kind::String) {
    return wrong(node, fmt::format("expected a string, got {}{}", found(node),
                                   node.is_scalar() ? "; put it in quotes" : ""));
  }
  return node.text;
}

Result<std::optional<std::int64_t>> KubeObject::integer(const Node* parent, std::string_view key,
                                                        std::int64_t least,
                                                        std::int64_t most) const {
  const Node* node = given(parent, key);
  if (node == nullptr) return std::optional<std::int64_t>{};
  if (node->kind != Node::Kind::Int) {
    return wrong(*node, fmt::format("expected an integer, got {}", found(*node)));
  }
  if (node->integer < least || node->integer > most) {
    return wrong(*node, fmt::format("expected {} to {}, got {}", least, most, node->integer));
  }
  return std::optional<std::int64_t>{node->integer};
}

Result<bool> KubeObject::boolean(const Node* parent, std::string_view key) const {
  const Node* node = given(parent, key);
  if (node == nullptr) return false;
  if (node->kind != Node::Kind::Bool) {
    return wrong(*node, "expected true or false, got " + found(*node));
  }
  return node->boolean;
}

Result<Labels> KubeObject::labels(const Node* parent, std::string_view key) const {
  KERF_TRY(const Node* node, mapping(parent, key));
  Labels out;
  if (node == nullptr) return out;
  for (const auto& [label_key, node_of] : node->members) {
    std::string_view label_value;  // null is "", as the API server has it
    if (!node_of.is_null()) {
      KERF_TRY(label_value, text_of(node_of));
    }
    out.emplace(label_key, label_value);
  }
  return out;
}

Result<std::vector<std::string>> KubeObject::texts(const Node* parent, std::string_view key) const {
  KERF_TRY(const Node* node, list(parent, key));
  std::vector<std::string> out;
  if (node == nullptr) return out;
  for (const Node& item : node->items) {
    KERF_CHECK_OK(text_of(item));
    out.push_back(item.text);
  }
  return out;
}

Result<void> KubeObject::expect_mapping(const Node& entry) const {
  if (entry.kind != Node::Kind::Mapping) {
    return wrong(entry, "expected a mapping, got " + found(entry));
  }
  return {};
}

std::string counted(std::int64_t count, std::string_view thing) {
  return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

}  // namespace kerf::codec
