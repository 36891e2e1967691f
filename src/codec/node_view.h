// Nodes, Leases and ResourceSlices as the API server has them: the few fields that an agent needs.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/result.h"
#include "codec/strict_fields.h"

namespace kerf::codec {

// All leniently: other fields are passed over, what is absent has its default, and a value of
// another type is an error that says where.

/// A Node.
struct NodeView {
  std::string name;
  std::string uid;
  bool unschedulable = false;
  std::map<std::string, std::string> labels;
  /// The annotation kerf.dev/layout, for gpu_node_spec_from_json(). nullopt: there is none.
  std::optional<std::string> layout;
  /// Extended resources: those whose name has a domain that is not Kubernetes' own. Amounts that
  /// are no whole numbers are left out: no extended resource has one.
  std::map<std::string, std::int64_t> capacity;
  std::map<std::string, std::int64_t> allocatable;
};
Result<NodeView> read_node_view(const Field& node);
/// The extended resources of status.capacity or status.allocatable (`key`), as above.
Result<std::map<std::string, std::int64_t>> read_extended_amounts(
    const std::optional<Field>& status, std::string_view key);

/// A Lease of coordination.k8s.io.
struct LeaseView {
  std::string holder;           ///< "" = nobody
  std::string renewed;          ///< spec.renewTime as it was written; "" = never
  std::int64_t renewed_ms = 0;  ///< the same, since 1970; 0 = never
};
Result<LeaseView> read_lease_view(const Field& lease);

/// A ResourceSliceList of resource.k8s.io (v1 or v1beta): the drivers that publish slices, and for
/// which node; the node is "" where a slice is for several. At most 100,000 slices.
Result<std::set<std::pair<std::string, std::string>>> read_resource_slices(const Field& list);

}  // namespace kerf::codec
