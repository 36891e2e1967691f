// Writes SlicePolicy.status; read back in policy_status_read.cc.
#include "codec/policy_status.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "codec/kube_meta.h"
#include "codec/policy.h"
#include "codec/timestamp.h"

namespace kerf::codec {
namespace {

using control::Figures;
using control::Kept;
using control::PolicyStatus;

constexpr std::size_t kNextMax = 10;

Node time_node(control::Instant at) {
  return Node::of(timestamp_text_ms(std::clamp<control::Instant>(at, 0, kTimestampMax)));
}

/// Every digit, so that it reads back the same.
Node money_node(MicroUsdPerHour rate) {
  return Node::of(format_exact(std::max(rate, MicroUsdPerHour{})));
}

Node figures_node(const Figures& figures) {
  Node node = Node::mapping();
  node.set("pods", Node::of(figures.pods));
  node.set("pending", Node::of(figures.pending));
  node.set("unserved", Node::of(figures.unserved));
  node.set("usdPerHour", money_node(figures.bill));
  if (figures.could_be) node.set("couldBeUsdPerHour", money_node(*figures.could_be));
  if (figures.bound) node.set("boundUsdPerHour", money_node(*figures.bound));
  if (figures.whole_gpus) node.set("wholeGpuUsdPerHour", money_node(*figures.whole_gpus));
  return node;
}

std::string word_of(const std::vector<std::string>& words, std::size_t index) {
  return index < words.size() ? words[index] : std::string();
}

Node conditions_node(const PolicyStatus& status, const StatusWords& words,
                     const ConditionTimes& times) {
  Node list = Node::sequence();
  for (std::size_t i = 0; i < status.conditions.size(); ++i) {
    const control::Condition& condition = status.conditions[i];
    list.push(condition_node(times, control::to_string(condition.type), condition.ok,
                             condition.reason, word_of(words.conditions, i)));
  }
  return list;
}

Node next_node(const PolicyStatus& status, const StatusWords& words) {
  Node list = Node::sequence();
  for (std::size_t i = 0; i < std::min(status.next.size(), kNextMax); ++i)
    list.push(Node::mapping()
                  .set("action", Node::of(status.next[i].what))
                  .set("message", Node::of(word_of(words.next, i)))
                  .set("usdPerHour", money_node(status.next[i].price)));
  return list;
}

/// {"1": [uid, ...], "2": [...]}: most pods have the same count.
Node purchases_node(const Kept& kept) {
  std::map<std::int64_t, Node> by_count;
  for (const auto& [uid, count] : kept.purchases)
    if (count > 0) by_count.try_emplace(count, Node::sequence()).first->second.push(Node::of(uid));
  Node node = Node::mapping();
  for (auto& [count, uids] : by_count) node.set(std::to_string(count), std::move(uids));
  return node;
}

/// The heaviest, in the order in which they are kept.
Node demand_node(const Kept& kept) {
  std::vector<std::size_t> order(kept.demand.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::erase_if(order, [&](std::size_t i) { return kept.demand[i].second <= 0; });
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    return kept.demand[a].second > kept.demand[b].second;
  });
  if (order.size() > kKeptDemandMax) order.resize(kKeptDemandMax);
  std::ranges::sort(order);
  Node list = Node::sequence();
  for (const std::size_t i : order)
    list.push(Node::mapping()
                  .set("weight", Node::of(kept.demand[i].second))
                  .set("shape", pod_shape_node(kept.demand[i].first)));
  return list;
}

Node kept_node(const Kept& kept) {
  Node moved = Node::mapping();
  for (const auto& [owner, at] : kept.moved) moved.set(owner, time_node(at));
  Node moves = Node::sequence();
  for (const control::Instant at : kept.moves) moves.push(time_node(at));
  Node node = Node::mapping();
  node.set("purchases", purchases_node(kept));
  node.set("moved", std::move(moved));
  node.set("moves", std::move(moves));
  if (kept.demand_at != 0) node.set("demandAt", time_node(kept.demand_at));
  return std::move(node.set("demand", demand_node(kept)));
}

}  // namespace

Node policy_status_node(const PolicyStatus& status, const StatusWords& words, const Node* previous,
                        std::int64_t now_ms) {
  const ConditionTimes times{previous,
                             timestamp_text(std::clamp<control::Instant>(now_ms, 0, kTimestampMax)),
                             status.observed_generation};
  Node node = Node::mapping();
  node.set("observedGeneration", Node::of(status.observed_generation));
  if (!words.summary.empty()) node.set("summary", Node::of(words.summary));
  node.set("figures", figures_node(status.figures));
  node.set("conditions", conditions_node(status, words, times));
  node.set("next", next_node(status, words));
  return std::move(node.set("kept", kept_node(status.kept)));
}

Node policy_status_object(const std::string& name, const std::string& version, Node status) {
  return Node::mapping()
      .set("apiVersion", Node::of(std::string(kSlicePolicyApiVersion)))
      .set("kind", Node::of(std::string(kSlicePolicyKind)))
      .set("metadata",
           Node::mapping().set("name", Node::of(name)).set("resourceVersion", Node::of(version)))
      .set("status", std::move(status));
}

}  // namespace kerf::codec
