// Scarcity: rooms counted by change, rivals, the chance that a room is missed.
#include "core/online/scarcity.h"

#include <algorithm>
#include <utility>

#include "base/money.h"

namespace kerf::online {

namespace {

constexpr std::int64_t kMilli = 1000;

/// The greatest integer whose square is at most x.
std::int64_t root(std::int64_t x) {
  std::int64_t low = 0;
  for (std::int64_t bit = std::int64_t{1} << 30; bit > 0; bit /= 2)
    if ((low + bit) * (low + bit) <= x) low += bit;
  return low;
}

}  // namespace

void Scarcity::clear() {
  nodes_.clear();
  nodes_of_kind_.clear();
  priced_.clear();
  idle_ = 0;
  kinds_changed_ = changed_ = true;
}

void Scarcity::set(NodeIndex index, const NodeRoom* room) {
  if (index >= nodes_.size()) nodes_.resize(index + std::size_t{1});
  Node& node = nodes_[index];
  take_out(node);
  if (room != nullptr) {
    node.here = true;
    node.room = *room;
    put_in(node);
  }
  changed_ = true;
}

void Scarcity::take_out(Node& node) {
  if (!node.here) return;
  node.here = false;
  idle_ -= node.idle;
  if (--nodes_of_kind_[node.room.kind] == 0) kinds_changed_ = true;
  for (std::size_t p = 0; p < node.fitting.size(); ++p) priced_[p].rooms -= node.fitting[p];
  node.fitting.clear();
}

void Scarcity::put_in(Node& node) {
  const KindId kind = node.room.kind;
  if (kind >= nodes_of_kind_.size()) nodes_of_kind_.resize(kind + std::size_t{1});
  if (nodes_of_kind_[kind]++ == 0) kinds_changed_ = true;
  node.idle = 0;
  for (const GpuState gpu : node.room.gpus) node.idle += kinds_[kind].gpus->idle(gpu);
  idle_ += node.idle;
  if (!kinds_changed_) count(node);  // else find_priced() does
}

const Resources& Scarcity::need(std::uint32_t expected) const {
  return asks_[potential_.expectation()[expected].ask].need;
}

void Scarcity::count(Node& node) {
  node.fitting.clear();
  for (Priced& priced : priced_) {
    node.fitting.push_back(potential_.fitting(priced.expected, node.room));
    priced.rooms += node.fitting.back();
  }
}

void Scarcity::find_priced() {
  const Expectation& expectation = potential_.expectation();
  use_ = 0;
  priced_.clear();
  for (std::uint32_t e = 0; e < expectation.size(); ++e) {
    std::int64_t least = 0;  // part of the GPUs of a node; 0 = no node serves it, or without GPU
    bool spans = true;
    for (KindId kind = 0; kind < nodes_of_kind_.size(); ++kind) {
      if (nodes_of_kind_[kind] == 0) continue;
      const Potential::Use use = potential_.use(e, kind);
      if (use.part == 0) continue;
      least = least == 0 ? use.part : std::min(least, use.part);
      spans = spans && use.spans;
    }
    use_ += Int128(least) * expectation[e].weight;
    if (least > 0) priced_.push_back({e, spans, rivals_of(e), 0, 0});
  }
  for (Node& node : nodes_)
    if (node.here) count(node);
}

Int128 Scarcity::rivals_of(std::uint32_t expected) const {
  const Expectation& expectation = potential_.expectation();
  Int128 weight = 0;
  for (std::uint32_t other = 0; other < expectation.size(); ++other)
    if (is_rival(expected, other)) weight += expectation[other].weight;
  return weight;
}

bool Scarcity::is_rival(std::uint32_t of, std::uint32_t other) const {
  if (!need(of).fits(need(other))) return false;
  bool served = false;
  for (KindId kind = 0; kind < nodes_of_kind_.size(); ++kind) {
    if (nodes_of_kind_[kind] == 0) continue;
    const Potential::Use theirs = potential_.use(other, kind);
    if (!theirs.served) continue;
    const Potential::Use own = potential_.use(of, kind);
    if (!own.served || theirs.part < own.part) return false;
    served = true;
  }
  return served;
}

/// In steps of 1 / kSteps.
std::int64_t Scarcity::chance_step(const Priced& priced) const {
  const Int128 expected = Int128(idle_) * kMilli * priced.rivals / use_;
  if (!priced.spans && expected > kRare * kMilli) return 0;
  const auto demand = static_cast<std::int64_t>(expected);
  const std::int64_t reach = kSpreads * root((demand + kMilli / 4) * kMilli);
  const std::int64_t missing = demand + reach - priced.rooms * kMilli;
  return std::clamp<std::int64_t>(missing * kSteps / (2 * reach), 0, kSteps);
}

std::vector<NodeIndex> Scarcity::reprice() {
  if (!changed_) return {};
  changed_ = false;
  const bool all = std::exchange(kinds_changed_, false);
  if (all) find_priced();
  const Expectation& expectation = potential_.expectation();
  std::vector<std::int64_t> prices(expectation.size());
  std::vector<std::size_t> moved;  // indices in priced_
  for (std::size_t p = 0; p < priced_.size(); ++p) {
    const Expected& expected = expectation[priced_[p].expected];
    const Int128 own = Int128(expected.weight) * asks_[expected.ask].worth.micro;
    std::int64_t& price = prices[priced_[p].expected];
    price = static_cast<std::int64_t>(own * chance_step(priced_[p]) / kSteps / priced_[p].rivals);
    if (price != std::exchange(priced_[p].price, price)) moved.push_back(p);
  }
  std::vector<NodeIndex> touched;
  if (!all && moved.empty()) return touched;
  potential_.set_prices(std::move(prices));
  for (NodeIndex n = 0; n < nodes_.size(); ++n) {
    const Node& node = nodes_[n];
    const bool holds = std::any_of(moved.begin(), moved.end(),
                                   [&](std::size_t p) { return node.here && node.fitting[p] > 0; });
    if (node.here && (all || holds)) touched.push_back(n);
  }
  return touched;
}

}  // namespace kerf::online
