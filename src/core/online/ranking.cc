// Ranking: tournament trees and the list of nodes by their last change.
#include "core/online/ranking.h"

#include <algorithm>
#include <bit>

#include "base/assert.h"

namespace kerf::online {

void Ranking::touch(NodeIndex index) {
  Node& node = nodes_[index];
  const bool listed = node.changed_at != 0;
  node.changed_at = ++now_;
  if (newest_ == index) return;
  if (listed) {
    nodes_[node.newer].older = node.older;
    if (node.older != kNobody) nodes_[node.older].newer = node.newer;
  }
  node.newer = kNobody;
  node.older = newest_;
  if (newest_ != kNobody) nodes_[newest_].newer = index;
  newest_ = index;
}

void Ranking::add(NodeIndex node, std::uint32_t rank) {
  if (node >= nodes_.size()) nodes_.resize(node + std::size_t{1});
  KERF_ASSERT(!nodes_[node].present, "a node is added once");
  nodes_[node].rank = rank;
  nodes_[node].present = true;
  touch(node);
}

void Ranking::changed(NodeIndex node) {
  KERF_ASSERT(node < nodes_.size() && nodes_[node].present, "the node was added");
  touch(node);
}

void Ranking::removed(NodeIndex node) {
  KERF_ASSERT(node < nodes_.size() && nodes_[node].present, "the node was added");
  nodes_[node].present = false;
  touch(node);
}

NodeIndex Ranking::better(const Tree& tree, NodeIndex a, NodeIndex b) const {
  if (a == kNobody) return b;
  if (b == kNobody) return a;
  if (tree.scores[a] != tree.scores[b]) return tree.scores[a] < tree.scores[b] ? a : b;
  if (nodes_[a].rank != nodes_[b].rank) return nodes_[a].rank < nodes_[b].rank ? a : b;
  return std::min(a, b);
}

void Ranking::grow(Tree& tree) const {
  if (tree.scores.size() >= nodes_.size()) return;
  const std::size_t leaves = std::bit_ceil(nodes_.size());
  std::vector<NodeIndex> winners(2 * leaves, kNobody);
  const std::size_t had = tree.winners.size() / 2;
  std::copy(tree.winners.begin() + static_cast<std::ptrdiff_t>(had), tree.winners.end(),
            winners.begin() + static_cast<std::ptrdiff_t>(leaves));
  tree.winners = std::move(winners);
  tree.scores.resize(leaves);
  for (std::size_t at = leaves - 1; at > 0; --at) {
    tree.winners[at] = better(tree, tree.winners[2 * at], tree.winners[2 * at + 1]);
  }
}

void Ranking::update(AskId ask) {
  if (ask >= trees_.size()) trees_.resize(ask + std::size_t{1});
  Tree& tree = trees_[ask];
  grow(tree);
  const std::size_t leaves = tree.winners.size() / 2;
  for (NodeIndex at = newest_; at != kNobody && nodes_[at].changed_at > tree.seen_at;
       at = nodes_[at].older) {
    std::optional<std::int64_t> score;
    if (nodes_[at].present) {
      ++scored_;
      score = scorer_->score(ask, at);
    }
    if (score) tree.scores[at] = *score;
    std::size_t position = leaves + at;
    if (!score && tree.winners[position] == kNobody) continue;
    tree.winners[position] = score ? at : kNobody;
    for (position /= 2; position > 0; position /= 2) {
      tree.winners[position] =
          better(tree, tree.winners[2 * position], tree.winners[2 * position + 1]);
    }
  }
  tree.seen_at = now_;
}

std::optional<Ranking::Ranked> Ranking::best(AskId ask) {
  update(ask);
  const Tree& tree = trees_[ask];
  if (tree.winners.empty() || tree.winners[1] == kNobody) return std::nullopt;
  return Ranked{tree.winners[1], tree.scores[tree.winners[1]]};
}

Ranking::Walk Ranking::walk(AskId ask) {
  update(ask);
  return Walk(*this, ask);
}

Ranking::Walk::Walk(const Ranking& ranking, AskId ask) : ranking_(&ranking), ask_(ask) {
  const Tree& tree = ranking.trees_[ask];
  if (!tree.winners.empty() && tree.winners[1] != kNobody) waiting_.push_back(1);
}

std::optional<Ranking::Ranked> Ranking::Walk::next() {
  if (waiting_.empty()) return std::nullopt;
  const Tree& tree = ranking_->trees_[ask_];
  const auto later = [&](std::uint32_t a, std::uint32_t b) {
    return ranking_->better(tree, tree.winners[a], tree.winners[b]) != tree.winners[a];
  };
  std::pop_heap(waiting_.begin(), waiting_.end(), later);
  std::uint32_t position = waiting_.back();
  waiting_.pop_back();
  const NodeIndex node = tree.winners[position];
  // The losers beside the winner's way down are what can come next.
  while (2 * std::size_t{position} < tree.winners.size()) {
    const std::uint32_t left = 2 * position;
    const bool on_left = tree.winners[left] == node;
    const std::uint32_t beside = on_left ? left + 1 : left;
    if (tree.winners[beside] != kNobody) {
      waiting_.push_back(beside);
      std::push_heap(waiting_.begin(), waiting_.end(), later);
    }
    position = on_left ? left : left + 1;
  }
  return Ranked{node, tree.scores[node]};
}

}  // namespace kerf::online
