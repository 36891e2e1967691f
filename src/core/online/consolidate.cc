// consolidate: empty nodes, nodes emptied together, nodes emptied one by one, nodes replaced.
#include "core/online/consolidate.h"

#include <algorithm>
#include <utility>

#include "core/online/empty_one.h"
#include "core/online/proposal_order.h"
#include "core/online/replace.h"
#include "core/online/sources.h"

namespace kerf::online {

namespace {

/// So many nodes that could not be emptied end the search one by one.
constexpr int kVain = 24;
/// Places tried for one node: so many, and so many for each node that stands.
constexpr std::int64_t kTries = 4000;
constexpr std::int64_t kTriesPerNode = 16;

std::vector<Proposal> empty_nodes(const Standing& standing, const ConsolidateLimits& limits) {
  std::vector<Proposal> proposals;
  for (NodeId n = 0; n < standing.nodes(); ++n) {
    if (!standing.stands(n) || !standing.pods_on(n).empty() || standing.node(n).kept) continue;
    Proposal proposal;
    proposal.returns = {n};
    proposal.saving = standing.node(n).price;
    if (pays(proposal.saving, 0, limits)) proposals.push_back(std::move(proposal));
  }
  std::stable_sort(proposals.begin(), proposals.end(),
                   [](const Proposal& a, const Proposal& b) { return a.saving > b.saving; });
  return proposals;
}

/// The nodes that can be freed by moves alone.
class Freeing {
 public:
  Freeing(const Standing& standing, const ConsolidateLimits& limits, std::int64_t& steps)
      : limits_(limits),
        draft_(standing),
        use_(standing),
        allowance_(standing, limits),
        steps_(steps) {
    off_.shut.resize(standing.nodes());
    off_.late.resize(standing.nodes());
  }

  std::vector<Proposal> run(const std::vector<Proposal>& returned) {
    for (const Proposal& proposal : returned) off_.shut[proposal.returns[0]] = true;
    sources_ = sources(draft_.standing(), limits_);
    const std::size_t start = draft_.mark();
    const std::vector<bool> empty =
        empty_together(draft_, use_, sources_, off_.shut, allowance_, limits_, steps_);
    if (const auto alone = dearest_alone(empty, start)) {
      note(*alone, {});
    } else {
      for (std::uint32_t i = 0; i < sources_.size(); ++i)
        if (empty[i]) note(i, {});
    }
    one_by_one(false);
    one_by_one(true);
    return proposals();
  }

 private:
  struct Freed {
    std::uint32_t source = 0;
    std::vector<PodId> sent_on;
  };

  void note(std::uint32_t source, std::vector<PodId> sent_on) {
    off_.shut[sources_[source].node] = true;
    for (const PodId pod : sent_on) off_.late[draft_.standing().pod(pod).node] = true;
    freed_.push_back({source, std::move(sent_on)});
  }

  /// Pods of the source that run there and did not move.
  std::vector<PodId> staying(const Source& source) const {
    std::vector<PodId> pods;
    for (const PodId pod : source.pods)
      if (!draft_.moved(pod)) pods.push_back(pod);
    return pods;
  }

  /// Empties it in the draft if that pays.
  std::optional<std::vector<PodId>> empty(const Source& source, bool send_on) {
    const std::vector<PodId> own = staying(source);
    if (!allowance_.take(own)) return std::nullopt;
    const std::int64_t tries = std::min(
        steps_, kTries + kTriesPerNode * static_cast<std::int64_t>(draft_.standing().nodes()));
    const std::size_t mark = draft_.mark();
    EmptyOne search(draft_, use_, off_, allowance_, tries);
    auto sent_on = search.run(source, send_on);
    steps_ -= tries - search.tries_left();
    if (sent_on && pays(source.saving, std::ssize(own) + std::ssize(*sent_on), limits_))
      return sent_on;
    draft_.rollback(mark);
    allowance_.give_back(own);
    if (sent_on) allowance_.give_back(*sent_on);
    return std::nullopt;
  }

  /// A node that saves more by itself than all of `empty`: emptied, and nothing else.
  std::optional<std::uint32_t> dearest_alone(const std::vector<bool>& empty_now,
                                             std::size_t start) {
    MicroUsdPerHour saved;
    std::vector<PodId> moved;
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      if (!empty_now[i]) continue;
      saved += sources_[i].saving;
      moved.insert(moved.end(), sources_[i].pods.begin(), sources_[i].pods.end());
    }
    std::vector<std::uint32_t> dearer;
    for (std::uint32_t i = 0; i < sources_.size(); ++i)
      if (sources_[i].saving > saved) dearer.push_back(i);
    std::stable_sort(dearer.begin(), dearer.end(), [&](std::uint32_t a, std::uint32_t b) {
      return sources_[a].saving > sources_[b].saving;
    });
    if (dearer.empty()) return std::nullopt;
    const std::vector<Seat> seats = seats_of(draft_, moved);
    draft_.rollback(start);
    allowance_.give_back(moved);
    int vain = 0;
    for (const std::uint32_t i : dearer) {
      if (vain++ == kVain || steps_ <= 0) break;
      if (empty(sources_[i], false)) return i;
    }
    allowance_.take(moved);
    seat(draft_, seats);
    return std::nullopt;
  }

  void one_by_one(bool send_on) {
    int vain = 0;
    for (std::uint32_t i = 0; i < sources_.size() && vain < kVain && steps_ > 0; ++i) {
      if (off_.shut[sources_[i].node]) continue;
      if (auto sent_on = empty(sources_[i], send_on)) note(i, std::move(*sent_on));
      else ++vain;
    }
  }

  Move move_of(PodId pod) const {
    return {pod, draft_.standing().pod(pod).node, draft_.node_of(pod), false,
            draft_.devices_of(pod)};
  }

  std::vector<Proposal> proposals() const {
    std::vector<bool> told(draft_.standing().pods());
    std::vector<Proposal> out;
    for (const Freed& freed : freed_) {
      const Source& source = sources_[freed.source];
      Proposal proposal;
      proposal.kind = ProposalKind::FreeNode;
      proposal.returns = {source.node};
      proposal.saving = source.saving;
      std::vector<PodId> pods = freed.sent_on;
      pods.insert(pods.end(), source.pods.begin(), source.pods.end());
      for (const PodId pod : pods) {
        if (told[pod]) continue;  // sent on from there before
        told[pod] = true;
        proposal.moves.push_back(move_of(pod));
      }
      proposal.disruption = std::ssize(proposal.moves);
      out.push_back(std::move(proposal));
    }
    return out;
  }

  const ConsolidateLimits& limits_;
  Draft draft_;
  RoomUse use_;
  Allowance allowance_;
  std::int64_t& steps_;
  OffLimits off_;
  std::vector<Source> sources_;
  std::vector<Freed> freed_;  ///< in the order in which they were found
};

}  // namespace

std::vector<Proposal> consolidate(Standing& standing, const ConsolidateLimits& limits) {
  std::vector<Proposal> out = empty_nodes(standing, limits);
  if (!limits.open) return out;
  std::int64_t steps = limits.steps;
  std::vector<Proposal> moving = Freeing(standing, limits, steps).run(out);
  if (limits.buy) {
    std::vector<Proposal> before = out;
    before.insert(before.end(), moving.begin(), moving.end());
    for (Proposal& proposal : replace(standing, limits, before, steps))
      moving.push_back(std::move(proposal));
  }
  for (Proposal& proposal : best_first(standing, std::move(moving)))
    out.push_back(std::move(proposal));
  return out;
}

}  // namespace kerf::online
