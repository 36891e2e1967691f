// LiveObject: one object of the API server, its parts as fields whose errors name kind and object.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/lenient_fields.h"
#include "core/cluster/pod.h"
#include "core/control/object.h"

namespace kerf::codec {

/// Lists of live objects beyond this are TooLarge.
inline constexpr std::size_t kLiveEntriesMax = 10'000;

/// The fields that it gives out point into it and into the document: both must outlive them.
class LiveObject {
 public:
  /// Reads metadata: name, uid and resourceVersion must be there. `kind` stands in where the object
  /// does not say: those of a list do not.
  static Result<LiveObject> read(const Node& object, std::string_view kind);

  const control::Meta& meta() const { return meta_; }
  const Node& root() const { return *root_; }
  /// "Job".
  const std::string& kind() const { return kind_; }
  /// The object itself: errors begin "Pod train/worker-0: ".
  Field whole() const { return Field(label_, *root_); }
  /// A mapping of it; nullopt: it is not given.
  Result<std::optional<Field>> part(std::string_view key) const {
    return given_mapping(whole(), key);
  }

 private:
  std::string label_;
  std::string kind_;
  const Node* root_ = nullptr;
  control::Meta meta_;
};

/// Taints as Nodes and NodeClaims list them, in their order.
Result<std::vector<cluster::Taint>> given_taints(const std::optional<Field>& mapping,
                                                 std::string_view key);

}  // namespace kerf::codec
