// What is different between two plans: cost, nodes, workloads, pods, and what they were made from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/money.h"
#include "codec/document.h"
#include "codec/plan_file.h"
#include "report/table.h"

namespace kerf::report {

/// Something that the plans were made from and that is not the same in both.
struct InputChange {
  std::string what;  ///< "prices", "policy", "pods"
  std::string before;
  std::string after;
};

struct AmountChange {
  std::string name;  ///< "an hour", "a month", "proven least", or a baseline's name
  std::optional<MicroUsdPerHour> before, after;  ///< unset: that plan has none
  bool same() const { return before == after; }
};

/// Nodes of one instance type and capacity type.
struct NodeChange {
  std::string type, capacity_type;
  bool owned = false;
  std::int64_t before = 0, after = 0;
  MicroUsdPerHour hour_before, hour_after;
  bool same() const { return before == after && hour_before == hour_after; }
};

struct WorkloadSide {
  std::int64_t pods = 0, placed = 0;
  std::string asks;
  std::string forms;  ///< "3 x 1g.5gb A100-40, 1 x whole L4"
  MicroUsdPerHour per_hour;
  bool operator==(const WorkloadSide&) const = default;
};

struct WorkloadChange {
  std::string kind, ns, name;
  std::optional<WorkloadSide> before, after;  ///< unset: that plan does not have the workload
  bool same() const { return before == after; }
};

enum class PodChangeKind : std::uint8_t {
  Unplaced,      ///< placed before, and not any more
  NewUnplaced,   ///< not in the first plan, and not placed in the second
  Placed,        ///< not placed before, and now it is
  GoneUnplaced,  ///< not placed before, and not in the second plan
  OtherReason,   ///< not placed in either, for another reason now
};
std::string_view to_string(PodChangeKind kind);

struct PodChange {
  PodChangeKind kind = PodChangeKind::Placed;
  std::string ns, name, workload;
  std::string why;  ///< of the second plan where it is not placed there, else of the first
};

struct PlanDiff {
  std::string before, after;              ///< files
  std::vector<InputChange> inputs;        ///< empty: both plans answer the same question
  std::vector<AmountChange> amounts;      ///< all, changed or not
  std::vector<NodeChange> nodes;          ///< that changed, the largest change of the bill first
  std::vector<WorkloadChange> workloads;  ///< that changed, likewise
  std::vector<PodChange> pods;            ///< by kind, namespace, name
  std::int64_t nodes_before = 0, nodes_after = 0;
  std::int64_t unplaced_before = 0, unplaced_after = 0;
  bool same() const;
};

PlanDiff diff_of(const codec::PlanFile& before, const codec::PlanFile& after);

std::string diff_table(const PlanDiff& diff, const TableOptions& options);
/// "kerf.dev/diff/v1alpha1"; docs/reference/diff.schema.json.
codec::Node diff_json(const PlanDiff& diff);

/// "+$1.20", "-$0.35", "$0.00"; with `decimals` digits.
std::string signed_usd(MicroUsdPerHour amount, int decimals = 2);

}  // namespace kerf::report
