// The kinds that are read of a cluster, and the one list of the fields that are kept of each.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "codec/cluster_reading.h"

namespace kerf::codec {

/// What is kept at a place: of a kind ("Pod") or of a part that several have ("pod-template").
struct KeptFields {
  std::string_view of;
  std::string_view where;  ///< path to a mapping: "spec.containers[]"; "" = the object itself
  /// Names with a blank between them. "x": a scalar; "x[]": a list of scalars; "x.*": a mapping of
  /// scalars; "x.**": all that is below; "x@pod-template": what is kept of that part;
  /// "x?annotations", "x?environment": those of the lists below; "x?claims": those
  /// volumes only that are claims, as "claim" says.
  std::string_view fields;
};

/// docs/reference/snapshot.md shows the same rows; its test compares the two.
std::span<const KeptFields> kept_fields();

/// Domains of the annotations that are kept, with their subdomains, and single names beside them.
std::span<const std::string_view> kept_annotation_domains();
std::span<const std::string_view> kept_annotations();

/// Whose environment it is.
enum class EnvironmentOf : std::uint8_t { AnyContainer, Karpenter, Nvidia };
/// Variables whose values are kept.
std::span<const std::string_view> kept_variables(EnvironmentOf whose);

}  // namespace kerf::codec
