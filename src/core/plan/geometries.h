// Geometries: the tables of legal states by GPU model, kept from one compile to the next.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>

#include "core/gpu/geometry.h"

namespace kerf::plan {

/// A table is made when its model is first asked for; one costs a few ms and under 2 MB. Nothing
/// that is planned depends on what is kept.
///
/// Models are told apart by their keys, so one Geometries is for one catalogue. Bound: where a
/// model more than kModelsMax is asked for, all tables are forgotten and made anew when needed.
class Geometries {
 public:
  static constexpr std::size_t kModelsMax = 64;

  /// The model must be cuttable. The table stays valid as long as somebody holds it.
  std::shared_ptr<const gpu::Geometry> of(const gpu::Model& model);

  std::size_t kept() const { return tables_.size(); }

 private:
  std::map<std::string, std::shared_ptr<const gpu::Geometry>> tables_;
};

}  // namespace kerf::plan
