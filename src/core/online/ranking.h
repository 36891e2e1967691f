// Ranking: the best node for each ask, kept up to date by looking only at nodes that changed.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/online/ask.h"

namespace kerf::online {

using NodeIndex = std::uint32_t;

/// What placing one pod of an ask on a node costs; the caller of Ranking implements it.
class Scorer {
 public:
  virtual ~Scorer() = default;
  /// The least score wins; nullopt = the pod does not fit there. A function of ask and node that
  /// changes only where Ranking is told so.
  virtual std::optional<std::int64_t> score(AskId ask, NodeIndex node) = 0;
};

/// Assumptions: scores change only for nodes reported by added, changed or removed.
/// Rules: each ask has a tournament over the nodes, made when the ask is first asked for. Nodes
/// stand in one list, the last changed first; an ask goes through that list only as far as what
/// changed since it was last asked for, so a node that did not change is not scored again.
/// Tie-breaks: score, then the node's rank, then its index.
/// Cost: best() O(c (scorer + log n)) for c nodes changed since; next() O(log n) and as much for
/// each position that is waiting; memory 20 bytes for each ask asked for and node.
class Ranking {
 public:
  struct Ranked {
    NodeIndex node = 0;
    std::int64_t score = 0;
    bool operator==(const Ranked&) const = default;
  };

  /// `scorer` outlives the Ranking.
  explicit Ranking(Scorer& scorer) : scorer_(&scorer) {}

  /// Indices are the caller's; those of removed nodes may be used again. Small numbers: memory goes
  /// with the greatest.
  void add(NodeIndex node, std::uint32_t rank);
  /// Its score may be another now, for any ask.
  void changed(NodeIndex node);
  void removed(NodeIndex node);

  /// The best node for this ask, nullopt if none fits.
  std::optional<Ranked> best(AskId ask);

  /// All nodes that fit, best first. Valid until the Ranking or the scores change.
  class Walk {
   public:
    std::optional<Ranked> next();

   private:
    friend class Ranking;
    Walk(const Ranking& ranking, AskId ask);

    const Ranking* ranking_;
    AskId ask_;
    std::vector<std::uint32_t> waiting_;  ///< heap of positions in the tree, none above another
  };
  Walk walk(AskId ask);

  /// How often the scorer was called so far.
  std::uint64_t scored() const { return scored_; }

 private:
  static constexpr NodeIndex kNobody = ~NodeIndex{0};
  struct Node {
    std::uint32_t rank = 0;
    bool present = false;
    std::uint64_t changed_at = 0;  ///< 0 = never
    NodeIndex newer = kNobody;     ///< neighbours in the list by changed_at
    NodeIndex older = kNobody;
  };
  struct Tree {
    std::uint64_t seen_at = 0;  ///< changes up to here are in
    std::vector<std::int64_t> scores;
    /// Position p has children 2p and 2p + 1; leaves are the last half, by node. The best node
    /// below each position, kNobody if none fits.
    std::vector<NodeIndex> winners;
  };

  void touch(NodeIndex node);
  void update(AskId ask);
  void grow(Tree& tree) const;
  NodeIndex better(const Tree& tree, NodeIndex a, NodeIndex b) const;

  Scorer* scorer_;
  std::vector<Node> nodes_;
  NodeIndex newest_ = kNobody;
  std::uint64_t now_ = 0;
  std::vector<Tree> trees_;  ///< by ask
  std::uint64_t scored_ = 0;
};

}  // namespace kerf::online
