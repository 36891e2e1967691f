// A standing cluster at a glance: what it costs, who sits where on its GPUs, and who waits for
// what.
#pragma once

#include <string>

#include "codec/document.h"
#include "report/standing.h"
#include "report/table.h"

namespace kerf::report {

struct StatusOptions {
  TableOptions table = {};
  /// Only this node, which must be there, with every GPU; "" = all.
  std::string node = {};
};

/// For people. At first one screen: the dearest nodes, GPUs that are alike together.
std::string status_table(const Standing& in, const StatusOptions& options);

/// "kerf.dev/status/v1alpha1"; docs/reference/status.schema.json. Always everything.
codec::Node status_json(const Standing& in);

}  // namespace kerf::report
