// Proposals: do they still hold, and doing them.
#include <algorithm>
#include <map>
#include <set>

#include "base/assert.h"
#include "core/online/consolidate.h"
#include "core/online/draft.h"
#include "core/online/sources.h"
#include "core/plan/limits.h"

namespace kerf::online {

namespace {

using cluster::Running;

bool sold(const Standing& standing, const plan::NodePlan& buy) {
  const auto& offerings = standing.market().offerings;
  return std::any_of(offerings.begin(), offerings.end(), [&](const market::Offering& offering) {
    const bool zone =
        offering.zone.empty() || buy.zones.empty() ||
        std::find(buy.zones.begin(), buy.zones.end(), offering.zone) != buy.zones.end();
    return offering.type == buy.type && offering.capacity_type == buy.capacity_type && zone &&
           offering.price <= buy.price &&
           cluster::allows(standing.policy(), standing.market().types[offering.type], offering);
  });
}

bool within_limits(const Standing& standing, const std::vector<plan::NodePlan>& buys) {
  MicroUsdPerHour bill = standing.bill();
  std::int64_t gpus = standing.gpus();
  for (const plan::NodePlan& buy : buys) {
    bill += buy.price;
    gpus += std::ssize(buy.gpus);
  }
  return !plan::broken_limit(standing.policy(), bill, gpus);
}

/// What concerns nodes.
std::string nodes_stale(const Standing& standing, const Proposal& proposal) {
  for (const NodeId node : proposal.returns)
    if (!standing.stands(node)) return "node-gone";
  for (const Move& move : proposal.moves)
    if (!move.bought && !standing.stands(move.to)) return "node-gone";
  for (const NodeId node : proposal.returns)
    if (standing.node(node).kept) return "kept";
  for (const Move& move : proposal.moves)
    if ((!move.bought && standing.node(move.to).closed) || standing.node(move.from).closed)
      return "closed";
  return {};
}

/// What concerns money.
std::string money_stale(const Standing& standing, const ConsolidateLimits& limits,
                        const Proposal& proposal) {
  for (const plan::NodePlan& buy : proposal.buys)
    if (!sold(standing, buy)) return "not-sold";
  if (!proposal.buys.empty() && !within_limits(standing, proposal.buys)) return "limit";
  MicroUsdPerHour saving;
  for (const NodeId node : proposal.returns) saving += standing.node(node).price;
  for (const plan::NodePlan& buy : proposal.buys) saving = saving - buy.price;
  if (proposal.kind == ProposalKind::OpenSlot) saving = proposal.saving;
  if (saving < proposal.saving || !pays(saving, std::ssize(proposal.moves), limits))
    return "saves-less";
  return {};
}

/// What concerns the pods that move, and those that do not.
std::string pods_stale(const Standing& standing, const Proposal& proposal) {
  std::vector<std::int64_t> budgets = standing.budgets();
  std::set<PodId> moving;
  for (const Move& move : proposal.moves)
    if (move.pod >= standing.pods() || !standing.runs(move.pod) ||
        standing.pod(move.pod).node != move.from || !moving.insert(move.pod).second)
      return "pod-gone";
  for (const PodId pod : moving)
    if (standing.pod(pod).fixed) return "fixed";
  for (const PodId pod : moving)
    if (const std::uint32_t budget = standing.pod(pod).budget;
        budget != cluster::kNone && --budgets[budget] < 0)
      return "budget";
  for (const NodeId node : proposal.returns)
    for (const PodId pod : standing.pods_on(node))
      if (moving.count(pod) == 0) return "not-empty";
  return {};
}

/// Move by move: is there room, and may the pod go there?
std::string places_stale(const Standing& standing, const Proposal& proposal) {
  Draft draft(standing);
  const auto admitted = [&](ShapeId shape, NodeId node, const std::vector<DeviceAt>& devices) {
    const cluster::PodShape& wanted = standing.shape_at(shape);
    return wanted.requests.fits(draft.room(node).left) && standing.serves(shape, node, devices) &&
           draft.free(node, devices);
  };
  for (const Move& move : proposal.moves) {
    draft.lift(move.pod);
    if (move.bought) continue;
    if (!admitted(standing.pod(move.pod).shape, move.to, move.devices)) return "destination-taken";
    if (!draft.may_go(move.pod, move.to)) return "constraint";
    draft.put(move.pod, move.to, move.devices);
  }
  if (proposal.kind != ProposalKind::OpenSlot) return {};
  if (!standing.stands(proposal.slot_node)) return "node-gone";
  if (standing.node(proposal.slot_node).closed) return "closed";
  if (!admitted(proposal.slot_shape, proposal.slot_node, proposal.slot)) return "destination-taken";
  return draft.may_start(proposal.slot_shape, proposal.slot_node) ? "" : "constraint";
}

}  // namespace

std::string why_stale(const Standing& standing, const ConsolidateLimits& limits,
                      const Proposal& proposal) {
  if (!limits.open && !proposal.moves.empty()) return "window";
  if (std::ssize(proposal.moves) > limits.moves) return "moves";
  if (!limits.buy && !proposal.buys.empty()) return "buying";
  std::string why = nodes_stale(standing, proposal);
  if (why.empty()) why = money_stale(standing, limits, proposal);
  if (why.empty()) why = pods_stale(standing, proposal);
  if (why.empty()) why = places_stale(standing, proposal);
  return why;
}

std::vector<NodeId> carry_out(Standing& standing, const Proposal& proposal) {
  std::vector<NodeId> bought;
  for (const plan::NodePlan& buy : proposal.buys)
    bought.push_back(standing.add(as_node(buy, standing.market(), standing.policy(),
                                          "bought-" + std::to_string(standing.nodes()))));
  for (const Move& move : proposal.moves) {
    Running pod = standing.pod(move.pod);
    standing.release(move.pod);
    pod.node = move.bought ? bought[move.to] : move.to;
    if (pod.budget != cluster::kNone) --standing.budgets()[pod.budget];
    standing.run(pod, move.devices);
  }
  for (const NodeId node : proposal.returns) {
    KERF_ASSERT(standing.pods_on(node).empty(), "nodes are given back empty");
    standing.remove(node);
  }
  return bought;
}

}  // namespace kerf::online
