// The snapshot file as a document, and which lines of a metrics page it keeps.
#pragma once

#include <string>
#include <string_view>

#include "codec/cluster_reading.h"

namespace kerf::codec {

inline constexpr std::string_view kSnapshotApiVersion = "kerf.dev/snapshot/v1alpha1";

/// True for every version of it.
bool is_snapshot(const Document& document);
/// Its items are stripped again: whoever has edited one cannot put more into a reading than a
/// cluster could. `source` stays "". Kinds that it does not have are Absent; those that Kerf does
/// not know are passed over.
Result<ClusterReading> read_snapshot(const Document& document);

/// The lines of a page of Karpenter's metrics that are kept: series of prices, of availability and
/// of the version, each with what HELP and TYPE say of it. Ends with a newline if it is not "".
std::string kept_series(std::string_view page);

}  // namespace kerf::codec
