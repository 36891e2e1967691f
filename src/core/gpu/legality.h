// Usage: what the slices on one GPU take, and why one more does not fit: the rules, in one place.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/gpu/geometry.h"
#include "core/gpu/model.h"

namespace kerf::gpu {

/// What one GPU's slices take together. Rules and their sources: Geometry.
class Usage {
 public:
  static constexpr std::size_t kEngineKinds = 5;
  using EngineCounts = std::array<int, kEngineKinds>;

  /// The model must outlive this object and be cuttable.
  explicit Usage(const Model& model);

  enum class Conflict : std::uint8_t { None, Slots, Instances, Engines };
  /// Why `placed` cannot be added; its start must be one of its profile's.
  Conflict conflict(Placed placed) const;
  void add(Placed placed);
  void remove(Placed placed);

  /// After Conflict::Engines: the first kind that does not suffice, e.g. "decoders".
  struct Shortage {
    std::string_view kind;
    int used = 0;
    int needed = 0;
    int limit = 0;
  };
  Shortage shortage(Placed placed) const;

 private:
  const Model* model_;
  EngineCounts limits_;                ///< of the full-GPU profile; a large number where unknown
  std::vector<EngineCounts> engines_;  ///< per profile; 0 where unknown
  std::vector<std::uint16_t> widths_;  ///< per profile: its slots as bits from 0
  std::vector<int> instances_;
  EngineCounts used_{};
  std::uint16_t slots_ = 0;
};

/// Engines of a profile kind by kind (copy, decoders, encoders, jpeg, ofa); -1 = unknown.
Usage::EngineCounts engine_counts(const Engines& engines);

/// The order of slices in a layout: by start, then profile.
inline bool before(Placed a, Placed b) {
  return a.start != b.start ? a.start < b.start : a.profile < b.profile;
}

}  // namespace kerf::gpu
