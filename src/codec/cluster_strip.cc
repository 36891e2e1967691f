// stripped(): the rows of cluster_kinds.cc made into a tree once, and objects cut down by it.
#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "base/assert.h"
#include "codec/cluster_kinds.h"
#include "codec/cluster_reading.h"

namespace kerf::codec {
namespace {

/// A variable is a word or a list of devices; what is longer is something else.
constexpr std::size_t kVariableBytesMax = 1024;
constexpr std::string_view kMetadataPart = "every-kind";

enum class What : std::uint8_t {
  Fields,  ///< a mapping, of which some fields are kept
  Scalar,
  Scalars,
  ScalarMap,
  All,
  Annotations,
  Environment,
  Claims,
};

/// What is kept at one place of an object.
struct Place {
  What what = What::Fields;
  bool is_list = false;  ///< Fields: of each entry of a list
  std::map<std::string_view, std::unique_ptr<Place>> fields;
};

/// Takes the text up to one of `ends` off the front of `rest`.
std::string_view take_until(std::string_view& rest, std::string_view ends) {
  const std::string_view taken = rest.substr(0, rest.find_first_of(ends));
  rest.remove_prefix(taken.size());
  return taken;
}

bool take(std::string_view& rest, std::string_view word) {
  if (!rest.starts_with(word)) return false;
  rest.remove_prefix(word.size());
  return true;
}

/// Makes the tree of one kind. Parts are written out wherever they are named; none holds itself.
class TreeMaker {
 public:
  static std::unique_ptr<Place> make(std::string_view kind) {
    auto root = std::make_unique<Place>();
    add_part(*root, kMetadataPart);
    add_part(*root, kind);
    return root;
  }

 private:
  static Place& field(Place& parent, std::string_view name) {
    std::unique_ptr<Place>& child = parent.fields[name];
    if (child == nullptr) child = std::make_unique<Place>();
    return *child;
  }

  static void add_part(Place& place, std::string_view part) {
    bool known = false;
    for (const KeptFields& row : kept_fields()) {
      if (row.of != part) continue;
      known = true;
      add_fields(at(place, row.where), row.fields);
    }
    KERF_ASSERT(known, "the table of kept fields says what a part is");
  }

  /// The place that a path leads to.
  static Place& at(Place& place, std::string_view path) {
    Place* here = &place;
    while (!path.empty()) {
      here = &field(*here, take_until(path, ".["));
      here->is_list = take(path, "[]");
      take(path, ".");
    }
    return *here;
  }

  static void add_fields(Place& place, std::string_view fields) {
    while (!fields.empty()) {
      std::string_view word = take_until(fields, " ");
      take(fields, " ");
      Place& child = field(place, take_until(word, ".[@?"));
      const bool is_list = take(word, "[]");
      if (take(word, "@")) {
        child.is_list = is_list;
        add_part(child, word);
      } else {
        child.what = what_of(is_list, word);
        if (child.what == What::Claims) add_part(child, "claim");
      }
    }
  }

  static What what_of(bool is_list, std::string_view ending) {
    if (is_list) return What::Scalars;
    if (ending == ".*") return What::ScalarMap;
    if (ending == ".**") return What::All;
    if (ending == "?annotations") return What::Annotations;
    if (ending == "?environment") return What::Environment;
    if (ending == "?claims") return What::Claims;
    KERF_ASSERT(ending.empty(), "the table of kept fields is written by its rules");
    return What::Scalar;
  }
};

const Place& tree_of(const ClusterKind& kind) {
  static const auto trees = [] {
    std::map<std::string_view, std::unique_ptr<Place>> all;
    for (const ClusterKind& one : cluster_kinds()) all[one.kind] = TreeMaker::make(one.kind);
    return all;
  }();
  const auto found = trees.find(kind.kind);
  KERF_ASSERT(found != trees.end(), "only kinds of cluster_kinds() are stripped");
  return *found->second;
}

std::string_view text_at(const Node& node, std::string_view key) {
  const Node* const value = node.find(key);
  return value != nullptr && value->kind == Node::Kind::String ? value->text : std::string_view();
}

bool is_among(std::span<const std::string_view> list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool is_kept_annotation(std::string_view name) {
  if (is_among(kept_annotations(), name)) return true;
  const std::string_view domain = name.substr(0, name.find('/'));
  if (domain.size() == name.size()) return false;
  const auto domains = kept_annotation_domains();
  return std::any_of(domains.begin(), domains.end(), [&](std::string_view one) {
    if (!domain.ends_with(one)) return false;
    return domain.size() == one.size() || domain[domain.size() - one.size() - 1] == '.';
  });
}

/// What wears the name of one of NVIDIA's programs, by the labels of its charts and of its
/// operator; of Karpenter by those of its chart.
EnvironmentOf environment_of(const ClusterKind& kind, const Node& object) {
  if (kind.kind == "ClusterPolicy") return EnvironmentOf::Nvidia;
  const Node* const metadata = object.find("metadata");
  const Node* const labels = metadata == nullptr ? nullptr : metadata->find("labels");
  if (labels == nullptr) return EnvironmentOf::AnyContainer;
  const std::string_view name = text_at(*labels, "app.kubernetes.io/name");
  if (kind.kind == "Deployment" && name == "karpenter") return EnvironmentOf::Karpenter;
  if (kind.kind != "DaemonSet") return EnvironmentOf::AnyContainer;
  for (const std::string_view word : {name, text_at(*labels, "app")})
    if (word.starts_with("nvidia-") || word == "gpu-feature-discovery")
      return EnvironmentOf::Nvidia;
  return EnvironmentOf::AnyContainer;
}

/// Cuts down one object; one that may be changed is taken apart.
template <class From>
class Stripper {
 public:
  explicit Stripper(EnvironmentOf environment) : environment_(environment) {}

  std::optional<Node> fields(const Place& place, From& node) const {
    if (node.kind != Node::Kind::Mapping) return std::nullopt;
    const auto kept_at = [&](const std::string& key) -> const Place* {
      const auto field = place.fields.find(key);
      return field == place.fields.end() ? nullptr : field->second.get();
    };
    Node out = empty_as(node);
    out.members.reserve(static_cast<std::size_t>(
        std::count_if(node.members.begin(), node.members.end(),
                      [&](const Node::Member& one) { return kept_at(one.first) != nullptr; })));
    for (auto& [key, value] : node.members) {
      const Place* const field = kept_at(key);
      if (field == nullptr) continue;
      if (std::optional<Node> kept = strip(*field, value)) out.set(taken(key), *std::move(kept));
    }
    return out;
  }

 private:
  template <class Value>
  static std::remove_const_t<Value> taken(Value& value) {
    return std::move(value);  // a copy of what must not be changed
  }

  static Node empty_as(const Node& node) {
    Node out;
    out.kind = node.kind;
    out.at = node.at;
    return out;
  }

  /// nullopt: nothing is kept.
  std::optional<Node> strip(const Place& place, From& node) const {
    switch (place.what) {
      case What::Fields: return place.is_list ? entries(place, node) : fields(place, node);
      case What::Scalar: return scalar(node);
      case What::Scalars: return scalars(node);
      case What::ScalarMap: return members(node, [](std::string_view) { return true; });
      case What::All: return node.is_null() ? std::nullopt : std::optional<Node>(taken(node));
      case What::Annotations: return members(node, is_kept_annotation);
      case What::Environment: return environment(node);
      case What::Claims: return claims(place, node);
    }
    return std::nullopt;
  }

  static bool is_kept_scalar(const Node& node) { return node.is_scalar() && !node.is_null(); }

  static std::optional<Node> scalar(From& node) {
    if (!is_kept_scalar(node)) return std::nullopt;
    return taken(node);
  }

  /// A scalar in place of the list stays, so that its reader can refuse it.
  static std::optional<Node> scalars(From& node) {
    if (node.kind != Node::Kind::Sequence) return scalar(node);
    Node out = empty_as(node);
    out.items.reserve(node.items.size());
    for (auto& item : node.items)
      if (std::optional<Node> kept = scalar(item)) out.push(*std::move(kept));
    return out;
  }

  template <class Keeps>
  static std::optional<Node> members(From& node, Keeps keeps) {
    if (node.kind != Node::Kind::Mapping) return std::nullopt;
    const auto is_kept = [&](const Node::Member& one) {
      return is_kept_scalar(one.second) && keeps(one.first);
    };
    const auto count = std::count_if(node.members.begin(), node.members.end(), is_kept);
    if (count == 0) return std::nullopt;
    Node out = empty_as(node);
    out.members.reserve(static_cast<std::size_t>(count));
    for (auto& member : node.members)
      if (is_kept(member)) out.members.push_back(taken(member));
    return out;
  }

  std::optional<Node> entries(const Place& place, From& node) const {
    if (node.kind != Node::Kind::Sequence) return std::nullopt;
    Node out = empty_as(node);
    out.items.reserve(node.items.size());
    for (auto& item : node.items)
      if (std::optional<Node> kept = fields(place, item)) out.push(*std::move(kept));
    return out;
  }

  std::optional<Node> environment(const Node& node) const {
    if (node.kind != Node::Kind::Sequence) return std::nullopt;
    Node out = empty_as(node);
    for (const Node& variable : node.items) {
      const std::string_view name = text_at(variable, "name");
      const Node* const value = variable.find("value");
      if (value == nullptr || value->kind != Node::Kind::String) continue;
      if (value->text.size() > kVariableBytesMax || !is_kept_variable(name)) continue;
      Node kept = empty_as(variable);
      kept.set("name", *variable.find("name")).set("value", *value);
      out.push(std::move(kept));
    }
    if (out.items.empty()) return std::nullopt;
    return out;
  }

  bool is_kept_variable(std::string_view name) const {
    return is_among(kept_variables(EnvironmentOf::AnyContainer), name) ||
           is_among(kept_variables(environment_), name);
  }

  std::optional<Node> claims(const Place& place, From& node) const {
    if (node.kind != Node::Kind::Sequence) return std::nullopt;
    Node out = empty_as(node);
    for (auto& volume : node.items) {
      std::optional<Node> kept = fields(place, volume);
      if (!kept) continue;
      if (kept->find("persistentVolumeClaim") != nullptr || kept->find("ephemeral") != nullptr)
        out.push(*std::move(kept));
    }
    if (out.items.empty()) return std::nullopt;
    return out;
  }

  EnvironmentOf environment_;
};

template <class From>
Node stripped_of(const ClusterKind& kind, From& object) {
  const auto word = [&](std::string_view key, std::string_view otherwise) {
    const std::string_view given = text_at(object, key);
    return Node::of(std::string(given.empty() ? otherwise : given));
  };
  Node out = Node::mapping();
  out.at = object.at;
  Node version = word("apiVersion", kind.api_version);
  std::optional<Node> kept =
      Stripper<From>(environment_of(kind, object)).fields(tree_of(kind), object);
  out.members.reserve(2 + (kept ? kept->members.size() : 0));
  out.set("apiVersion", std::move(version));
  out.set("kind", Node::of(std::string(kind.kind)));
  if (!kept) return out;
  for (Node::Member& member : kept->members)
    if (member.first != "apiVersion" && member.first != "kind")
      out.members.push_back(std::move(member));
  return out;
}

}  // namespace

Node stripped(const ClusterKind& kind, const Node& object) { return stripped_of(kind, object); }
Node stripped(const ClusterKind& kind, Node&& object) { return stripped_of(kind, object); }

}  // namespace kerf::codec
