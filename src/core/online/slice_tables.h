// SliceTables: tables of GPU models, kept from one search to the next.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "core/online/slice_table.h"
#include "core/plan/geometries.h"

namespace kerf::online {

/// A table is made when it is first asked for (some ms for the largest models). Nothing that is
/// decided depends on what is kept. Models are told apart by their keys, so one SliceTables is for
/// one catalogue. Not thread-safe. References stay valid.
class SliceTables {
 public:
  const SliceTable& of(const gpu::Model& model, gpu::GpuMode mode, std::uint8_t fraction,
                       const gpu::SharingOptions& sharing);
  /// For whoever compiles a problem or buys.
  plan::Geometries& geometries() { return geometries_; }

 private:
  using Key = std::tuple<std::string, gpu::GpuMode, std::uint8_t, std::vector<std::uint8_t>, bool,
                         std::vector<std::uint8_t>>;
  std::map<Key, std::unique_ptr<SliceTable>> tables_;
  plan::Geometries geometries_;
};

}  // namespace kerf::online
