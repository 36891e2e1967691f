// Paths and queries of the Kubernetes API, built from names that are not trusted.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace kerf::apiserver {

/// A kind of object as the API's paths name it: {"kerf.dev", "v1alpha1", "gpunodes"}; the core
/// group is "".
struct Resource {
  std::string group;
  std::string version;
  std::string plural;
};

/// Objects of one kind: in one namespace, or with ns "" those of the cluster (all namespaces for
/// kinds that live in one). Selectors as in kubectl: "metadata.name=n1", "app=web,tier!=db"; "" =
/// all. One single object is watched by name through field_selector (see only()).
struct Collection {
  Resource resource;
  std::string ns;
  std::string field_selector;
  std::string label_selector;
};
/// The collection of that one object.
Collection only(Resource resource, std::string ns, std::string name);

/// One object, or a part of it: subresource "" or e.g. "status", "eviction".
struct Target {
  Resource resource;
  std::string ns;
  std::string name;
  std::string subresource;
};

/// "/apis/kerf.dev/v1alpha1/gpunodes/n1/status", percent-encoded. InvalidArgument for a part that
/// cannot be one segment of a path: empty, "." or "..", longer than 253 bytes, with '/' or a
/// control character. Any thread.
Result<std::string> path_of(const Target& target);
Result<std::string> path_of(const Collection& collection);

using Query = std::vector<std::pair<std::string, std::string>>;
/// "?limit=500&fieldSelector=metadata.name%3Dn1", in the order given; "" for none.
std::string query_text(const Query& query);
/// The selectors of a collection.
Query selectors(const Collection& collection);

/// Everything but RFC 3986's unreserved characters as %XX.
std::string percent_encoded(std::string_view text);

}  // namespace kerf::apiserver
