// The plan of a cluster as text for people and as JSON: today's bill, what to do, what makes the
// difference, what to ask next.
#pragma once

#include <string>
#include <vector>

#include "codec/document.h"
#include "core/cluster/cluster.h"
#include "core/cluster/policy.h"
#include "core/market/market.h"
#include "core/plan/live.h"
#include "report/table.h"

namespace kerf::report {

/// What the reports of a live plan need; all of it outlives the call.
struct LiveView {
  const plan::LivePlan& live;
  const cluster::Cluster& cluster;
  const market::Market& market;
  const cluster::Policy& policy;
  /// What was read, when, at which prices; for the first line.
  std::string headline;
  std::vector<std::string> notes;  ///< what could not be read
  bool selected = false;  ///< `cluster` is some pods of one, and the nodes that they run on
};

/// The first screen: what the cluster costs, what it could cost, what would be done. Complete
/// before levers, sizes and autoscalers are known.
std::string live_table_first(const LiveView& view, const TableOptions& options);
/// The rest: levers, what smaller requests would cost, autoscalers, workloads, fleet, notes.
std::string live_table_rest(const LiveView& view, const TableOptions& options);

/// The plan document (report/plan_json.h) with one more member, "cluster".
codec::Node live_json(const LiveView& view, const char* solver_version);

}  // namespace kerf::report
