// The bound of a certificate by duals: its claims, its leaves, and the least of them.
#include <algorithm>

#include "core/check/certificate_work.h"

namespace kerf::check {
namespace {

using plan::Certificate;

/// Nodes of a pool in a branch; most < 0: any number.
struct Range {
  std::int64_t least = 0;
  std::int64_t most = -1;
  bool empty() const { return most >= 0 && least > most; }
};

std::string dollars(Int128 parts) {
  const Int128 micro = parts / Certificate::kParts;
  return format_usd({static_cast<std::int64_t>(std::clamp<Int128>(micro, 0, INT64_MAX))}, 6);
}

class Duals {
 public:
  explicit Duals(Proof& proof) : proof_(proof) {}

  std::optional<Int128> bound() {
    for (std::uint32_t l = 0; l < proof_.certificate.leaves.size(); ++l) check_leaf(l);
    if (!proof_.sound()) return std::nullopt;
    std::vector<Range> ranges;
    for (const Certificate::Pool& pool : proof_.certificate.pools) {
      ranges.push_back({0, pool.at_most});
    }
    std::optional<Int128> least;
    walk(0, ranges, least);
    if (!proof_.sound()) return std::nullopt;
    if (!least) proof_.complain("no branch of the proof holds a fleet");
    return least;
  }

 private:
  void check_leaf(std::uint32_t index) {
    const Certificate::Leaf& leaf = proof_.certificate.leaves[index];
    std::vector<bool> claimed(proof_.certificate.pools.size(), false);
    for (const Certificate::Claim& claim : leaf.claims) {
      if (claimed[claim.pool]) {
        proof_.complain("leaf {} has two claims about {}", index, proof_.pool_name(claim.pool));
      }
      claimed[claim.pool] = true;
      for (const NodeKind& node : proof_.nodes[claim.pool]) check_claim(index, claim, node);
      ++(claim.by_multipliers ? proof_.verdict.by_multipliers : proof_.verdict.by_search);
    }
    for (std::uint32_t p = 0; p < claimed.size(); ++p) {
      if (!claimed[p]) proof_.complain("leaf {} claims nothing of {}", index, proof_.pool_name(p));
    }
    if (leaf.gpu > 0 && !proof_.policy.limit_gpus) {
      proof_.complain("leaf {} counts on a limit on GPUs that the policy does not have", index);
    }
  }

  void check_claim(std::uint32_t leaf, const Certificate::Claim& claim, const NodeKind& node) {
    const std::vector<Item> items = items_of(proof_, node, proof_.certificate.leaves[leaf].values);
    const std::string& type = proof_.market.types[node.type].name;
    const Int128 shown = bound_by_multipliers(node, items, claim.multipliers);
    if (shown <= claim.worth) return;
    if (claim.by_multipliers) {
      proof_.complain(
          "leaf {}, {}: the multipliers show that a {} holds pods of at most {}, and the claim is "
          "{}",
          leaf, proof_.pool_name(claim.pool), type, dollars(shown), dollars(claim.worth));
      return;
    }
    const std::int64_t before = steps_;
    const Searched found = search_node(node, items, claim.worth, claim.multipliers, steps_);
    proof_.verdict.steps += before - std::max<std::int64_t>(steps_, 0);
    if (found.outcome == Searched::Outcome::Beaten) {
      proof_.complain(
          "leaf {}, {}: a {} can hold pods worth {}, {} among them, and the claim is {}", leaf,
          proof_.pool_name(claim.pool), type, dollars(found.value), proof_.group_name(found.group),
          dollars(claim.worth));
    } else if (found.outcome == Searched::Outcome::TooLarge) {
      proof_.complain("leaf {}, {}: not verified, the search of what a {} can hold is too large",
                      leaf, proof_.pool_name(claim.pool), type);
    }
  }

  /// What a node of the pool is counted at: the least of its offerings' prices, with what the leaf
  /// adds for GPUs.
  Int128 price_of(const Certificate::Pool& pool, const Certificate::Leaf& leaf) const {
    std::optional<Int128> least;
    for (const Certificate::Offered& offered : pool.offerings) {
      const Int128 price = Int128{offered.price.micro} * Certificate::kParts +
                           Int128{leaf.gpu} * proof_.market.types[offered.type].gpu_count;
      if (!least || price < *least) least = price;
    }
    return *least;
  }

  /// What any fleet of these ranges costs at least; nullopt after a complaint.
  std::optional<Int128> leaf_bound(std::uint32_t index, const std::vector<Range>& ranges) {
    const Certificate::Leaf& leaf = proof_.certificate.leaves[index];
    Int128 sum = 0;
    for (std::size_t g = 0; g < leaf.values.size(); ++g) {
      sum += Int128{leaf.values[g]} * proof_.sizes[g];
    }
    if (proof_.policy.limit_gpus) sum -= Int128{leaf.gpu} * *proof_.policy.limit_gpus;
    for (const Certificate::Claim& claim : leaf.claims) {
      const Int128 price = price_of(proof_.certificate.pools[claim.pool], leaf);
      const Range& range = ranges[claim.pool];
      if (price >= claim.worth) {
        sum += (price - claim.worth) * range.least;
      } else if (range.most >= 0) {
        sum += (price - claim.worth) * range.most;
      } else {
        proof_.complain(
            "leaf {}, {}: its nodes may hold pods worth {}, cost {}, and there is no limit to "
            "their number",
            index, proof_.pool_name(claim.pool), dollars(claim.worth), dollars(price));
        return std::nullopt;
      }
    }
    return sum;
  }

  /// Branches point forward only and each is reached once (shape_holds), so this ends.
  void walk(std::uint32_t index, std::vector<Range>& ranges, std::optional<Int128>& least) {
    const Certificate::Branch& branch = proof_.certificate.branches[index];
    if (branch.leaf >= 0) {
      if (std::any_of(ranges.begin(), ranges.end(), [](const Range& r) { return r.empty(); })) {
        return;  // no fleet is like this
      }
      const auto bound = leaf_bound(static_cast<std::uint32_t>(branch.leaf), ranges);
      if (bound && (!least || *bound < *least)) least = bound;
      return;
    }
    const Range before = ranges[branch.pool];
    Range& range = ranges[branch.pool];
    range.most = before.most < 0 ? branch.at_most : std::min(before.most, branch.at_most);
    walk(branch.left, ranges, least);
    range = before;
    range.least = std::max(before.least, branch.at_most + 1);
    walk(branch.right, ranges, least);
    range = before;
  }

  Proof& proof_;
  std::int64_t steps_ = proof_.options.steps;
};

}  // namespace

std::optional<Int128> bound_by_duals(Proof& proof) { return Duals(proof).bound(); }

}  // namespace kerf::check
