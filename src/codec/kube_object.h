// KubeObject: one Kubernetes object of a file, its fields by type, and errors that point into it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "codec/document.h"

namespace kerf::codec {

using Labels = std::map<std::string, std::string>;

/// An object as `kubectl apply` would send it. Views and pointers go into the Document it is from,
/// which must outlive it.
///
/// The field readers take the mapping that holds the field; nullptr stands for an absent one, so
/// that they can be chained. A field that is absent or null is "not given": nullptr, an empty text,
/// nullopt. A value of another type is an error with file, position, object and path of the field.
struct KubeObject {
  std::string_view file;
  const Node* root = nullptr;
  std::string group;    ///< "apps"; empty for the core group
  std::string version;  ///< "v1"
  std::string kind;
  std::string ns;    ///< "default" if not given
  std::string name;  ///< metadata.name, else metadata.generateName

  /// Reads kind, apiVersion and metadata. Typed lists leave out both in their items: `kind` and
  /// `api_version` stand in where the item has none.
  static Result<KubeObject> read(std::string_view file, const Node& root,
                                 std::string_view kind = {}, std::string_view api_version = {});

  /// "Deployment search/embed".
  std::string label() const;
  /// "llm.yaml:12".
  std::string source() const;
  /// "llm.yaml:20:18: Deployment search/embed: spec.replicas: message". `at` is a node of the
  /// object.
  tl::unexpected<Error> wrong(const Node& at, std::string_view message,
                              ErrorCode code = ErrorCode::InvalidArgument) const;

  Result<const Node*> mapping(const Node* parent, std::string_view key) const;
  Result<const Node*> list(const Node* parent, std::string_view key) const;
  Result<std::string_view> text(const Node* parent, std::string_view key) const;
  Result<std::string_view> text_of(const Node& node) const;
  Result<std::optional<std::int64_t>> integer(const Node* parent, std::string_view key,
                                              std::int64_t least, std::int64_t most) const;
  /// false if not given.
  Result<bool> boolean(const Node* parent, std::string_view key) const;
  /// A mapping of strings, as labels and annotations are.
  Result<Labels> labels(const Node* parent, std::string_view key) const;
  /// A list of strings, in file order.
  Result<std::vector<std::string>> texts(const Node* parent, std::string_view key) const;
  /// `entry` must be a mapping, as entries of most lists are.
  Result<void> expect_mapping(const Node& entry) const;

  /// The object's metadata and spec; nullptr if not given.
  const Node* metadata() const { return root->find("metadata"); }
  const Node* spec() const { return root->find("spec"); }
};

/// "3 pods", "1 pod".
std::string counted(std::int64_t count, std::string_view thing);

}  // namespace kerf::codec
