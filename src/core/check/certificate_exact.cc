// The least bill of any fleet for few pods, by trying all: dynamic programming over their numbers.
//
// A vector says how many pods of each kind are served. What one node can hold is found vector by
// vector, with all sets of GPU units that may serve it; the least bill of a vector is that of a
// node's content and of the rest. Cost: the square of the vectors, times the pools with a limit.
#include <algorithm>
#include <limits>

#include "core/check/certificate_work.h"

namespace kerf::check {
namespace {

/// More vectors than the certificate may have where the checker tells more kinds of pods apart.
constexpr std::int64_t kMostVectors = 4 * plan::Certificate::kExactVectors;
constexpr std::size_t kMostUnits = 256;  ///< ways to serve one content
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

class Exact {
 public:
  explicit Exact(Proof& proof) : proof_(proof) {}

  std::optional<Int128> least_bill() {
    if (!number_vectors()) return std::nullopt;
    std::vector<std::int64_t> unlimited(vectors_, kNever);
    for (std::uint32_t p = 0; p < proof_.nodes.size(); ++p) {
      if (proof_.certificate.pools[p].at_most >= 0) continue;
      if (!add_contents(proof_.nodes[p], unlimited)) return std::nullopt;
    }
    std::vector<std::int64_t> bills(vectors_, kNever);
    bills[0] = 0;
    for (std::size_t v = 1; v < vectors_; ++v) bills[v] = cheapest(v, unlimited, bills);
    for (std::uint32_t p = 0; p < proof_.nodes.size(); ++p) {
      const std::int64_t at_most = proof_.certificate.pools[p].at_most;
      if (at_most < 0) continue;
      std::vector<std::int64_t> content(vectors_, kNever);
      if (!add_contents(proof_.nodes[p], content)) return std::nullopt;
      for (std::int64_t n = 0; n < std::min(at_most, pods_); ++n) {
        std::vector<std::int64_t> with = bills;
        for (std::size_t v = 1; v < vectors_; ++v) {
          with[v] = std::min(with[v], cheapest(v, content, bills));
        }
        if (with == bills) break;
        bills = std::move(with);
      }
    }
    if (bills.back() == kNever) {
      proof_.complain("the pods of the proof cannot all be served");
      return std::nullopt;
    }
    return bills.back();
  }

 private:
  /// Kinds of pods with their strides; pods that only their group tells apart are of one kind.
  bool number_vectors() {
    kind_of_.resize(proof_.parts.size());
    for (std::uint32_t p = 0; p < proof_.parts.size(); ++p) {
      const Part& part = proof_.parts[p];
      const auto same = std::find_if(kinds_.begin(), kinds_.end(), [&](std::uint32_t other) {
        const Part& of = proof_.parts[other];
        return of.requests() == part.requests() && of.gpu() == part.gpu() &&
               of.admitted == part.admitted && !of.one_per_node && !part.one_per_node;
      });
      kind_of_[p] = static_cast<std::size_t>(same - kinds_.begin());
      if (same == kinds_.end()) {
        kinds_.push_back(p);
        counts_.push_back(0);
      }
      counts_[kind_of_[p]] += part.count;
      pods_ += part.count;
    }
    Int128 vectors = 1;
    for (const std::int64_t count : counts_) {
      strides_.push_back(static_cast<std::size_t>(vectors));
      vectors *= count + 1;
      if (vectors > kMostVectors) {
        proof_.complain("not verified: the fleets for these pods are too many to try all");
        return false;
      }
    }
    vectors_ = static_cast<std::size_t>(vectors);
    return true;
  }

  std::int64_t digit(std::size_t vector, std::size_t kind) const {
    return static_cast<std::int64_t>(vector / strides_[kind]) % (counts_[kind] + 1);
  }

  /// Lowers `price` of every vector that one of these nodes can hold.
  bool add_contents(const std::vector<NodeKind>& nodes, std::vector<std::int64_t>& price) {
    for (const NodeKind& node : nodes) {
      std::vector<std::set<GpuRoom::Units>> units(vectors_);
      units[0] = {{}};
      for (std::size_t v = 1; v < vectors_; ++v) {
        if (!fill(node, v, units)) return false;
        if (!units[v].empty()) price[v] = std::min(price[v], node.price.micro);
      }
    }
    return true;
  }

  /// `units[v]` = all that may serve these pods on the node together. The last of them comes to
  /// what served the others.
  bool fill(const NodeKind& node, std::size_t v, std::vector<std::set<GpuRoom::Units>>& units) {
    std::size_t last = 0;
    Resources sum;
    for (std::size_t k = 0; k < kinds_.size(); ++k) {
      const std::int64_t count = digit(v, k);
      if (count == 0) continue;
      last = k;
      const Part& part = proof_.parts[kinds_[k]];
      if (part.one_per_node && count > 1) return true;
      if (!part.requests().fits(node.room)) return true;
      sum = sum + part.requests() * count;
    }
    if (!sum.fits(node.room)) return true;
    const auto at = std::lower_bound(node.parts.begin(), node.parts.end(), kinds_[last]);
    if (at == node.parts.end() || *at != kinds_[last]) return true;
    const auto& ways = node.ways[node.ways_of[static_cast<std::size_t>(at - node.parts.begin())]];
    for (const GpuRoom::Units& before : units[v - strides_[last]]) {
      for (const GpuRoom::Units& way : ways) {
        if (--steps_ < 0 || units[v].size() > kMostUnits) {
          proof_.complain("not verified: what a {} can hold is too much to try all",
                          proof_.market.types[node.type].name);
          return false;
        }
        GpuRoom::Units more = before;
        for (std::size_t f = 0; f < more.size(); ++f) {
          more[f] = static_cast<std::uint16_t>(more[f] + way[f]);
        }
        if (node.gpus.fits(more)) units[v].insert(more);
      }
    }
    return true;
  }

  /// The least of one content and the bill of what is left; `bills` may be the vector being made.
  std::int64_t cheapest(std::size_t v, const std::vector<std::int64_t>& content,
                        const std::vector<std::int64_t>& bills) {
    std::int64_t least = kNever;
    for (std::size_t u = 1; u <= v; ++u) {
      if (content[u] == kNever || !within(u, v) || bills[v - u] == kNever) continue;
      least = std::min(least, content[u] + bills[v - u]);
    }
    return least;
  }
  bool within(std::size_t u, std::size_t v) const {
    for (std::size_t k = 0; k < kinds_.size(); ++k) {
      if (digit(u, k) > digit(v, k)) return false;
    }
    return true;
  }

  Proof& proof_;
  std::vector<std::uint32_t> kinds_;  ///< a part of each
  std::vector<std::size_t> kind_of_;  ///< by part
  std::vector<std::int64_t> counts_;
  std::vector<std::size_t> strides_;
  std::size_t vectors_ = 0;
  std::int64_t pods_ = 0;
  std::int64_t steps_ = proof_.options.steps;
};

}  // namespace

std::optional<Int128> bound_by_trying_all(Proof& proof) { return Exact(proof).least_bill(); }

}  // namespace kerf::check
