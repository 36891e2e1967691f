// Emptying: hardest pods first, sources opened from the worst end.
#include "core/online/emptying.h"

#include <algorithm>
#include <map>
#include <utility>

namespace kerf::online {

std::vector<bool> Emptying::run(const std::vector<Source>& sources, std::vector<bool> chosen,
                                const std::vector<bool>& shut) {
  const Standing& standing = draft_.standing();
  sources_ = &sources;
  shut_ = &shut;
  empty_ = std::move(chosen);
  stuck_.assign(sources.size(), false);
  source_of_.assign(standing.nodes(), kNone);
  versions_.assign(standing.nodes(), 0);
  std::map<std::pair<std::int64_t, ShapeId>, std::vector<PodId>> by_hardness;
  for (std::uint32_t i = 0; i < sources.size(); ++i) {
    source_of_[sources[i].node] = i;
    if (!empty_[i]) continue;
    for (const PodId pod : sources[i].pods) {
      const ShapeId shape = standing.pod(pod).shape;
      by_hardness[{-use_.hardness(shape), shape}].push_back(pod);
      draft_.lift(pod);
    }
  }
  for (auto& [key, pods] : by_hardness) {
    std::sort(pods.begin(), pods.end());
    place_all(key.second, pods);
  }
  return empty_;
}

void Emptying::place_all(ShapeId shape, const std::vector<PodId>& pods) {
  const Standing& standing = draft_.standing();
  shape_ = shape;
  offers_ = {};
  no_room_from_ = static_cast<std::uint32_t>(sources_->size());
  const auto waits = [&](PodId pod) { return !draft_.placed(pod); };
  if (std::none_of(pods.begin(), pods.end(), waits)) return;
  const std::vector<std::vector<Way>>& ways = standing.asks().asks()[standing.ask_of(shape)].ways;
  for (NodeId node = 0; node < standing.nodes(); ++node)
    if (!ways[standing.room(node).kind].empty()) offer(node);
  for (const PodId pod : pods)
    if (waits(pod) && !place(pod)) make_room(pod);
}

void Emptying::offer(NodeId node) {
  const cluster::Node& at = draft_.standing().node(node);
  if (at.closed || (*shut_)[node] || is_source(node) || !draft_.standing().stands(node)) return;
  if (--steps_ < 0) return;
  const std::int64_t cost = use_.cost(shape_, draft_.room(node));
  if (cost >= 0) offers_.push({cost, node, versions_[node]});
}

void Emptying::changed(NodeId node) {
  ++versions_[node];
  offer(node);
}

bool Emptying::place(PodId pod) {
  std::vector<Offer> refused;  // by other pods: room for the next of this shape may be there
  bool placed = false;
  while (!placed && !offers_.empty()) {
    const Offer best = offers_.top();
    offers_.pop();
    if (best.version != versions_[best.node]) continue;
    if (!draft_.may_go(pod, best.node)) {
      refused.push_back(best);
      continue;
    }
    const auto fit = use_.best(shape_, draft_.room(best.node));
    draft_.put(pod, best.node, draft_.devices_for(best.node, fit->steps));
    changed(best.node);
    placed = true;
  }
  for (const Offer& one : refused) offers_.push(one);
  return placed;
}

void Emptying::make_room(PodId pod) {
  const Standing& standing = draft_.standing();
  const auto all = static_cast<std::uint32_t>(sources_->size());
  const std::uint32_t own = source_of_[standing.pod(pod).node];
  // Where others decide, a place that this pod may not have may be right for the next of its shape.
  const bool constrained = draft_.constrained(shape_);
  for (std::uint32_t end = constrained ? all : no_room_from_; end > own + 1 && steps_ > 0; --end) {
    const std::uint32_t i = end - 1;
    if (!constrained) no_room_from_ = i;
    if (!empty_[i]) continue;
    const NodeId node = (*sources_)[i].node;
    --steps_;
    if (use_.cost(shape_, standing.room(node)) < 0 || !draft_.may_go(pod, node)) continue;
    open(i);
    if (place(pod)) return;
  }
  stuck_[own] = true;
  open(own);
}

void Emptying::open(std::uint32_t source) {
  const Standing& standing = draft_.standing();
  empty_[source] = false;
  const NodeId home = (*sources_)[source].node;
  std::vector<NodeId> left;
  for (const PodId pod : (*sources_)[source].pods) {
    if (draft_.placed(pod)) {
      left.push_back(draft_.node_of(pod));
      draft_.lift(pod);
    }
    draft_.put(pod, home, standing.devices_of(pod));
  }
  for (const NodeId node : left) changed(node);
  changed(home);
}

}  // namespace kerf::online
