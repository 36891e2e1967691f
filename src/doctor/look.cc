// Fields of objects whose shape nobody vouches for.
#include "doctor/look.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/quantity.h"

namespace kerf::doctor {

using codec::Node;

const Node* at(const Node& root, Path path) {
  const Node* node = &root;
  for (const std::string_view key : path) {
    node = node->find(key);
    if (node == nullptr) return nullptr;
  }
  return node;
}

std::string text(const Node& root, Path path) {
  const Node* node = at(root, path);
  return node != nullptr && node->kind == Node::Kind::String ? node->text : "";
}

std::span<const Node> list(const Node& root, Path path) {
  const Node* node = at(root, path);
  if (node == nullptr || node->kind != Node::Kind::Sequence) return {};
  return node->items;
}

bool flag(const Node& root, Path path) {
  const Node* node = at(root, path);
  if (node == nullptr) return false;
  return node->kind == Node::Kind::Bool ? node->boolean
                                        : node->kind == Node::Kind::String && node->text == "true";
}

bool flag_unless_false(const Node& root, Path path) {
  const Node* node = at(root, path);
  return node == nullptr || node->kind != Node::Kind::Bool || node->boolean;
}

std::optional<std::int64_t> whole(const Node* node) {
  if (node == nullptr) return std::nullopt;
  if (node->kind == Node::Kind::Int) return node->integer;
  if (node->kind != Node::Kind::String) return std::nullopt;
  const auto quantity = parse_quantity(node->text);
  if (!quantity) return std::nullopt;
  const auto value = to_integer(*quantity);
  if (!value) return std::nullopt;
  return *value;
}

std::map<std::string, std::string> texts(const Node& root, Path path) {
  std::map<std::string, std::string> out;
  const Node* node = at(root, path);
  if (node == nullptr) return out;
  for (const auto& [key, value] : node->members) {
    if (value.kind == Node::Kind::String) out.emplace(key, value.text);
  }
  return out;
}

std::vector<cluster::Toleration> tolerations(const Node& root, Path path) {
  std::vector<cluster::Toleration> out;
  for (const Node& entry : list(root, path)) {
    out.push_back({.key = text(entry, {"key"}),
                   .exists = text(entry, {"operator"}) == "Exists",
                   .value = text(entry, {"value"}),
                   .effect = text(entry, {"effect"})});
  }
  return out;
}

std::vector<cluster::Taint> taints(const Node& root, Path path) {
  std::vector<cluster::Taint> out;
  for (const Node& entry : list(root, path)) {
    out.push_back({.key = text(entry, {"key"}),
                   .value = text(entry, {"value"}),
                   .effect = text(entry, {"effect"})});
  }
  return out;
}

cluster::Requirements requirements(const Node& root, Path path) {
  using cluster::Operator;
  static constexpr std::pair<std::string_view, Operator> kOperators[] = {
      {"In", Operator::In}, {"NotIn", Operator::NotIn}, {"Exists", Operator::Exists},
      {"Gt", Operator::Gt}, {"Lt", Operator::Lt},       {"DoesNotExist", Operator::DoesNotExist},
  };
  cluster::Requirements out;
  for (const Node& entry : list(root, path)) {
    const std::string op = text(entry, {"operator"});
    for (const auto& [name, meaning] : kOperators) {
      if (op != name) continue;
      cluster::Requirement one{.key = text(entry, {"key"}), .op = meaning, .values = {}};
      for (const Node& value : list(entry, {"values"})) one.values.push_back(value.text);
      std::sort(one.values.begin(), one.values.end());
      const bool compares = meaning == Operator::Gt || meaning == Operator::Lt;
      if (!one.key.empty() && (!compares || one.values.size() == 1)) out.push_back(std::move(one));
    }
  }
  return out;
}

cluster::Requirements selector(const Node& root, Path path) {
  const Node* node = at(root, path);
  if (node == nullptr) return {};
  cluster::Requirements out = requirements(*node, {"matchExpressions"});
  for (auto& [key, value] : texts(*node, {"matchLabels"})) {
    out.push_back({.key = key, .op = cluster::Operator::In, .values = {value}});
  }
  return out;
}

bool all_match(const cluster::Requirements& requirements,
               const std::map<std::string, std::string>& labels) {
  return std::all_of(requirements.begin(), requirements.end(),
                     [&](const auto& one) { return cluster::matches(one, labels); });
}

const Node* condition(const Node& object, std::string_view type) {
  for (const Node& entry : list(object, {"status", "conditions"})) {
    if (text(entry, {"type"}) == type) return &entry;
  }
  return nullptr;
}

std::string condition_status(const Node& object, std::string_view type) {
  const Node* found = condition(object, type);
  return found == nullptr ? "" : text(*found, {"status"});
}

std::optional<Version> version(std::string_view text) {
  if (text.starts_with('v')) text.remove_prefix(1);
  Version out;
  const char* end = text.data() + text.size();
  const auto major = std::from_chars(text.data(), end, out.major);
  if (major.ec != std::errc{} || major.ptr == end || *major.ptr != '.') return std::nullopt;
  const auto minor = std::from_chars(major.ptr + 1, end, out.minor);
  if (minor.ec != std::errc{} || out.major < 0 || out.minor < 0) return std::nullopt;
  return out;
}

std::string_view tag_of(std::string_view image) {
  image = image.substr(0, image.find('@'));
  const std::size_t slash = image.rfind('/');
  const std::size_t colon = image.rfind(':');
  if (colon == image.npos || (slash != image.npos && colon < slash)) return {};
  return image.substr(colon + 1);
}

}  // namespace kerf::doctor
