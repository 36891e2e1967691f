// LeaseRecord: what a Lease says about who leads, and how that is written.
#pragma once

#include <cstdint>
#include <string>

#include "codec/document.h"

namespace kerf::shell {

/// spec of a coordination.k8s.io/v1 Lease. Times as written; they are compared for being the same
/// only.
struct LeaseRecord {
  std::string holder;           ///< "" = nobody
  std::int64_t duration_s = 0;  ///< 0 = it does not say
  std::string acquired;
  std::string renewed;
  std::int64_t transitions = 0;
  bool operator==(const LeaseRecord&) const = default;
};

/// Leniently: what is absent or of another type is as if not said. A holder is cut to 4096 bytes.
LeaseRecord read_lease_record(const codec::Node& lease);

/// The body of a PUT: `lease` with these five fields of spec; all others, and metadata but for
/// managedFields, stay.
codec::Node with_lease_record(codec::Node lease, const LeaseRecord& record);
/// The body of a POST.
codec::Node new_lease(const std::string& ns, const std::string& name, const LeaseRecord& record);

}  // namespace kerf::shell
