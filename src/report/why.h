// Why a pod or a workload is where it is, or waits; what else could serve it, and what its
// constraints cost.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "codec/document.h"
#include "core/cluster/policy.h"
#include "core/plan/alternatives.h"
#include "core/plan/obstacles.h"
#include "report/standing.h"
#include "report/table.h"

namespace kerf::report {

struct WhyTarget {
  std::uint32_t workload = 0;        ///< Demand::workloads
  std::optional<std::uint32_t> pod;  ///< Demand::pods, of that workload; unset: all of them
};

/// What is found out about a target.
struct Why {
  WhyTarget target;
  std::vector<std::uint32_t> pods;  ///< that are asked about, ascending
  /// Of the first of them that waits, else the first: the prices are for pods of its shape.
  std::uint32_t example = cluster::kNone;
  bool many_shapes = false;         ///< the workload has pods of other shapes too
  plan::Alternatives alternatives;  ///< for all pods of the workload that are of that shape
  std::vector<plan::ObstacleGroup> obstacles;  ///< of the example, where it waits
};

Why find_why(const Standing& in, const cluster::Policy& policy, const WhyTarget& target);

std::string why_table(const Standing& in, const Why& why, const TableOptions& options);

/// "kerf.dev/why/v1alpha1"; docs/reference/why.schema.json.
codec::Node why_json(const Standing& in, const Why& why);

/// An obstacle as what follows "2 nodes".
std::string_view meaning(plan::Obstacle obstacle);

}  // namespace kerf::report
