// replace: looks at dear nodes, alone and together, and buys for what does not fit elsewhere.
#include "core/online/replace.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "core/online/pending.h"
#include "core/online/sources.h"

namespace kerf::online {

namespace {

/// So many purchases in vain end each of the two searches.
constexpr int kVain = 16;
constexpr std::size_t kTogether = 4;  ///< nodes replaced at once, at most
constexpr std::int64_t kBuySteps = 200;

class Replacing {
 public:
  Replacing(Standing& standing, const ConsolidateLimits& limits, std::int64_t& steps)
      : standing_(standing),
        limits_(limits),
        steps_(steps),
        old_nodes_(standing.nodes()),
        old_pods_(standing.pods()) {}

  std::vector<Proposal> run(const std::vector<Proposal>& before) {
    for (const Proposal& proposal : before) do_it(proposal);
    search(1);
    for (std::size_t n = 2; n <= kTogether; ++n) search(n);
    return std::move(found_);
  }

 private:
  /// What is left of the limits after what was done.
  ConsolidateLimits left() const {
    ConsolidateLimits limits = limits_;
    limits.moves -= moved_;
    return limits;
  }

  void do_it(const Proposal& proposal) {
    moved_ += std::ssize(proposal.moves);
    carry_out(standing_, proposal);
  }

  /// Sources in the order in which they are worth looking at.
  std::vector<Source> candidates() const {
    std::vector<std::pair<Source, std::int64_t>> rated;
    for (Source& source : sources(standing_, left())) {
      std::int64_t elsewhere = 0;
      bool old = source.node < old_nodes_;
      for (const PodId pod : source.pods) {
        old = old && pod < old_pods_;
        elsewhere +=
            standing_.asks().asks()[standing_.ask_of(standing_.pod(pod).shape)].worth.micro;
      }
      if (old) rated.emplace_back(std::move(source), elsewhere);
    }
    std::stable_sort(rated.begin(), rated.end(), [](const auto& a, const auto& b) {
      return (a.first.saving.micro - a.second) * std::ssize(b.first.pods) >
             (b.first.saving.micro - b.second) * std::ssize(a.first.pods);
    });
    std::vector<Source> out;
    for (auto& [source, elsewhere] : rated) out.push_back(std::move(source));
    return out;
  }

  /// `n` neighbours at a time.
  void search(std::size_t n) {
    int vain = 0;
    std::vector<Source> open = candidates();
    for (std::size_t i = 0; i + n <= open.size() && vain < kVain && steps_ > 0;) {
      const std::vector<Source> group(open.begin() + static_cast<std::ptrdiff_t>(i),
                                      open.begin() + static_cast<std::ptrdiff_t>(i + n));
      if (auto proposal = better(group)) {
        do_it(*proposal);
        found_.push_back(std::move(*proposal));
        open = candidates();  // room and allowance are less now
        i = 0;
      } else {
        ++vain;
        ++i;
      }
    }
  }

  std::optional<Proposal> better(const std::vector<Source>& group) {
    std::vector<PodId> pods;
    for (const Source& source : group)
      pods.insert(pods.end(), source.pods.begin(), source.pods.end());
    if (!Allowance(standing_, left()).take(pods)) return std::nullopt;
    std::vector<Move> elsewhere = room_elsewhere(group, pods);
    std::optional<Proposal> best = with_purchase(group, pods, std::move(elsewhere));
    std::optional<Proposal> all = with_purchase(group, pods, {});
    if (all && (!best || all->saving > best->saving)) best = std::move(all);
    if (best && pays(best->saving, best->disruption, limits_)) return best;
    return std::nullopt;
  }

  /// Moves of those that fit where others stay, the hardest first.
  std::vector<Move> room_elsewhere(const std::vector<Source>& group, std::vector<PodId> pods) {
    const RoomUse use(standing_);
    Draft draft(standing_);
    const auto hardness = [&](PodId pod) { return use.hardness(standing_.pod(pod).shape); };
    std::stable_sort(pods.begin(), pods.end(),
                     [&](PodId a, PodId b) { return hardness(a) > hardness(b); });
    std::vector<bool> shut(standing_.nodes());
    for (const Source& source : group) shut[source.node] = true;
    for (std::size_t n = old_nodes_; n < shut.size(); ++n) shut[n] = true;
    for (const PodId pod : pods) draft.lift(pod);
    std::vector<Move> moves;
    for (const PodId pod : pods) {
      const ShapeId shape = standing_.pod(pod).shape;
      std::optional<std::pair<std::int64_t, NodeId>> best;
      for (NodeId n = 0; n < old_nodes_ && steps_ > 0; ++n) {
        if (shut[n] || !draft.may_go(pod, n)) continue;
        --steps_;
        const std::int64_t cost = use.cost(shape, draft.room(n));
        if (cost >= 0 && (!best || cost < best->first)) best = {cost, n};
      }
      if (!best) continue;
      const auto fit = use.best(shape, draft.room(best->second));
      Move move{pod, standing_.pod(pod).node, best->second, false,
                draft.devices_for(best->second, fit->steps)};
      draft.put(pod, move.to, move.devices);
      moves.push_back(std::move(move));
    }
    return moves;
  }

  /// The nodes given back, those moves, and the cheapest nodes for the other pods.
  std::optional<Proposal> with_purchase(const std::vector<Source>& group,
                                        const std::vector<PodId>& pods, std::vector<Move> moves) {
    Proposal proposal;
    proposal.kind = moves.size() < pods.size() ? ProposalKind::Replace : ProposalKind::FreeNode;
    for (const Source& source : group) {
      proposal.returns.push_back(source.node);
      proposal.saving += source.saving;
    }
    std::sort(proposal.returns.begin(), proposal.returns.end());
    proposal.moves = std::move(moves);
    proposal.disruption = std::ssize(pods);
    std::vector<PodId> rest;
    for (const PodId pod : pods)
      if (std::none_of(proposal.moves.begin(), proposal.moves.end(),
                       [&](const Move& move) { return move.pod == pod; }))
        rest.push_back(pod);
    if (rest.empty()) return proposal;
    const Purchase purchase = buy_now(proposal.moves, rest);
    if (!purchase.unplaced.empty()) return std::nullopt;
    proposal.saving = proposal.saving - purchase.bill;
    for (const plan::NodePlan& node : purchase.nodes)
      if (!add_purchase(node, rest, proposal)) return std::nullopt;
    return proposal;
  }

  /// A purchase for `rest` once the moves are made.
  Purchase buy_now(const std::vector<Move>& moves, const std::vector<PodId>& rest) {
    standing_.begin();
    for (const Move& move : moves) {
      cluster::Running pod = standing_.pod(move.pod);
      standing_.release(move.pod);
      pod.node = move.to;
      standing_.run(pod, move.devices);
    }
    cluster::Demand demand;
    demand.workloads.emplace_back();
    std::vector<std::uint32_t> wanted;
    for (const PodId pod : rest) {
      wanted.push_back(static_cast<std::uint32_t>(demand.pods.size()));
      const cluster::Running& running = standing_.pod(pod);
      demand.pods.push_back({running.name, demand.intern(standing_.shape_at(running.shape)), 0});
      standing_.release(pod);
    }
    Purchase purchase = buy_for(standing_, demand, in_order(standing_, demand, wanted), kBuySteps);
    standing_.rollback();
    return purchase;
  }

  /// The node joins the proposal, with PodIds. False: a pod that counts in its zone would leave it.
  bool add_purchase(plan::NodePlan node, const std::vector<PodId>& rest, Proposal& proposal) const {
    std::map<PodId, std::vector<DeviceAt>> devices;
    for (std::uint32_t g = 0; g < node.gpus.size(); ++g)
      for (plan::SlicePlan& slice : node.gpus[g].slices) {
        if (slice.pod == plan::kNoPod) continue;
        slice.pod = rest[slice.pod];
        devices[slice.pod].push_back({g, slice.form, slice.start});
      }
    for (std::uint32_t& pod : node.pods) pod = rest[pod];
    std::sort(node.pods.begin(), node.pods.end());
    const auto index = static_cast<NodeId>(proposal.buys.size());
    for (auto& [pod, held] : devices) {
      const cluster::Running& running = standing_.pod(pod);
      if (standing_.company().bound_to_zones(running.shape) &&
          node.zones != std::vector<std::string>{standing_.node(running.node).zone})
        return false;
      proposal.moves.push_back({pod, running.node, index, true, std::move(held)});
    }
    proposal.buys.push_back(std::move(node));
    return true;
  }

  Standing& standing_;
  const ConsolidateLimits& limits_;
  std::int64_t& steps_;
  std::size_t old_nodes_;
  std::size_t old_pods_;
  std::int64_t moved_ = 0;
  std::vector<Proposal> found_;
};

}  // namespace

std::vector<Proposal> replace(Standing& standing, const ConsolidateLimits& limits,
                              const std::vector<Proposal>& before, std::int64_t& steps) {
  const std::vector<std::int64_t> budgets = standing.budgets();
  standing.begin();
  std::vector<Proposal> found = Replacing(standing, limits, steps).run(before);
  standing.rollback();
  standing.budgets() = budgets;
  return found;
}

}  // namespace kerf::online
