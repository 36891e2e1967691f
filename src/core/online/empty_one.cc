// empty_one: depth first over places, then swaps.
#include "core/online/empty_one.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace kerf::online {

std::optional<std::vector<PodId>> EmptyOne::run(const Source& source, bool send_on) {
  source_ = source.node;
  send_on_ = send_on;
  sent_on_.clear();
  sent_from_.clear();
  pods_ = draft_.pods_on(source_);
  const Standing& standing = draft_.standing();
  const auto hardness = [&](PodId pod) { return use_.hardness(standing.pod(pod).shape); };
  std::stable_sort(pods_.begin(), pods_.end(),
                   [&](PodId a, PodId b) { return hardness(a) > hardness(b); });
  const std::size_t start = draft_.mark();
  for (const PodId pod : pods_) draft_.lift(pod);
  if (settle(0)) return std::move(sent_on_);
  draft_.rollback(start);
  return std::nullopt;
}

bool EmptyOne::open(PodId pod, NodeId node) const {
  if (node == source_ || off_.shut[node]) return false;
  if (came(pod) && (off_.late[node] ||
                    std::find(sent_from_.begin(), sent_from_.end(), node) != sent_from_.end()))
    return false;
  return draft_.may_go(pod, node);
}

std::vector<std::pair<std::int64_t, NodeId>> EmptyOne::places(PodId pod, NodeId but) {
  const Standing& standing = draft_.standing();
  const ShapeId shape = standing.pod(pod).shape;
  const std::vector<std::vector<Way>>& ways = standing.asks().asks()[standing.ask_of(shape)].ways;
  std::vector<std::pair<std::int64_t, NodeId>> found;
  for (NodeId node = 0; node < standing.nodes(); ++node) {
    if (node == but || ways[standing.room(node).kind].empty() || !open(pod, node)) continue;
    if (--tries_ < 0) break;
    const std::int64_t cost = use_.cost(shape, draft_.room(node));
    if (cost >= 0) found.emplace_back(cost, node);
  }
  std::sort(found.begin(), found.end());
  return found;
}

bool EmptyOne::settle(std::size_t next) {
  if (next == pods_.size()) return true;
  const PodId pod = pods_[next];
  const ShapeId shape = draft_.standing().pod(pod).shape;
  const std::vector<std::pair<std::int64_t, NodeId>> all = places(pod, source_);
  for (const auto& [cost, node] : all)
    for (const RoomUse::Fit& fit : use_.all(shape, draft_.room(node))) {
      if (--tries_ < 0) return false;
      const std::size_t mark = draft_.mark();
      draft_.put(pod, node, draft_.devices_for(node, fit.steps));
      if (settle(next + 1)) return true;
      draft_.rollback(mark);
    }
  return all.empty() && send_on_ && !came(pod) && settle_by_sending_on(next);
}

bool EmptyOne::may_be_sent_on(PodId pod, PodId other) const {
  const Standing& standing = draft_.standing();
  const cluster::Running& running = standing.pod(other);
  if (running.fixed || draft_.moved(other) || draft_.constrained(running.shape)) return false;
  return use_.hardness(running.shape) < use_.hardness(standing.pod(pod).shape);
}

bool EmptyOne::settle_by_sending_on(std::size_t next) {
  const Standing& standing = draft_.standing();
  const PodId pod = pods_[next];
  const Resources& need = standing.shape_at(standing.pod(pod).shape).requests;
  std::vector<std::tuple<std::int64_t, NodeId, PodId>> others;
  for (NodeId node = 0; node < standing.nodes(); ++node) {
    if (!open(pod, node)) continue;
    const std::vector<PodId>& here = draft_.pods_on(node);
    if (std::any_of(here.begin(), here.end(), [&](PodId one) {
          return !standing.shape_at(standing.pod(one).shape).affinity.empty();
        }))
      continue;
    for (const PodId other : here) {
      const ShapeId shape = standing.pod(other).shape;
      if (!may_be_sent_on(pod, other)) continue;
      if (!need.fits(draft_.room(node).left + standing.shape_at(shape).requests)) continue;
      others.emplace_back(use_.hardness(shape), node, other);
    }
  }
  std::sort(others.begin(), others.end());
  for (const auto& [hardness, node, other] : others) {
    if (--tries_ < 0) return false;
    if (!allowance_.take({other})) continue;
    const std::size_t mark = draft_.mark();
    if (swap(pod, node, other)) {
      sent_on_.push_back(other);
      sent_from_.push_back(node);
      if (settle(next + 1)) return true;
      sent_on_.pop_back();
      sent_from_.pop_back();
    }
    draft_.rollback(mark);
    allowance_.give_back({other});
  }
  return false;
}

/// The pod takes the other's node, the other goes to its best place.
bool EmptyOne::swap(PodId pod, NodeId node, PodId other) {
  draft_.lift(other);
  const auto fit = use_.best(draft_.standing().pod(pod).shape, draft_.room(node));
  if (!fit) return false;
  draft_.put(pod, node, draft_.devices_for(node, fit->steps));
  const std::vector<std::pair<std::int64_t, NodeId>> elsewhere = places(other, node);
  if (elsewhere.empty()) return false;
  const NodeId there = elsewhere.front().second;
  const auto place = use_.best(draft_.standing().pod(other).shape, draft_.room(there));
  draft_.put(other, there, draft_.devices_for(there, place->steps));
  return true;
}

}  // namespace kerf::online
