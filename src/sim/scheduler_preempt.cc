// How victims are chosen: all less important pods away, then spared one by one.
#include "sim/scheduler_preempt.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "sim/scheduler_fit.h"

namespace kerf::sim {
namespace {

using control::Budget;
using control::Pod;
using control::PriorityClass;

/// Smaller is better.
using Rank = std::tuple<int, std::int64_t, std::int64_t, std::size_t, Instant, std::string>;

/// Which of these pods, evicted in this order, would break a budget.
std::set<Key> against_budgets(const ApiServer& api, const SchedulerView& view,
                              const std::vector<Key>& pods) {
  std::map<Key, std::int64_t> left;
  for (const Budget& budget : api.all<Budget>())
    left[control::key_of(budget.meta)] = budget.allowed;
  std::set<Key> result;
  for (const Key& key : pods)
    for (const Budget& budget : api.all<Budget>())
      if (cluster::matches(budget.selector, view.pods().at(key).pod().shape) &&
          left[control::key_of(budget.meta)]-- <= 0)
        result.insert(key);
  return result;
}

/// Most important first: priority, then age.
void sort_by_importance(const SchedulerView& view, std::vector<Key>& pods) {
  std::stable_sort(pods.begin(), pods.end(), [&](const Key& a, const Key& b) {
    const Pod& x = view.pods().at(a).pod();
    const Pod& y = view.pods().at(b).pod();
    return std::tuple(-x.shape.priority, x.meta.created, a) <
           std::tuple(-y.shape.priority, y.meta.created, b);
  });
}

std::optional<std::pair<Rank, Eviction>> victims_on(const ApiServer& api, const SchedulerView& view,
                                                    const PodSeen& pod, const std::string& name,
                                                    const NodeSeen& node) {
  const std::int32_t priority = pod.pod().shape.priority;
  std::vector<Key> lower;
  for (const Key& key : node.pods)
    if (view.pods().at(key).pod().shape.priority < priority) lower.push_back(key);
  if (lower.empty()) return std::nullopt;
  std::set<Key> away(lower.begin(), lower.end());
  if (!obstacle(view, pod, node, away).why.empty()) return std::nullopt;

  sort_by_importance(view, lower);
  const std::set<Key> protected_pods = against_budgets(api, view, lower);
  std::stable_partition(lower.begin(), lower.end(),
                        [&](const Key& key) { return protected_pods.contains(key); });
  Eviction result{name, {}};
  int broken = 0;
  for (const Key& key : lower) {
    away.erase(key);
    if (obstacle(view, pod, node, away).why.empty()) continue;
    away.insert(key);
    result.victims.push_back(key);
    broken += protected_pods.contains(key) ? 1 : 0;
  }
  if (result.victims.empty()) return std::nullopt;
  std::int64_t highest = INT64_MIN;
  std::int64_t sum = 0;
  Instant oldest = INT64_MAX;
  for (const Key& key : result.victims) {
    const Pod& victim = view.pods().at(key).pod();
    highest = std::max<std::int64_t>(highest, victim.shape.priority);
    sum += std::int64_t{victim.shape.priority} + INT32_MAX + 1;
    oldest = std::min(oldest, victim.meta.created);
  }
  const Rank rank{broken, highest, sum, result.victims.size(), -oldest, name};
  return std::pair{rank, std::move(result)};
}

}  // namespace

bool may_preempt(const ApiServer& api, const SchedulerView& view, const Pod& pod) {
  bool never = false;
  for (const PriorityClass& it : api.all<PriorityClass>()) {
    if (it.value != pod.shape.priority) continue;
    if (it.preempts) {
      never = false;
      break;
    }
    never = true;
  }
  if (never) return false;
  const NodeSeen* nominated = pod.nominated.empty() ? nullptr : view.node(pod.nominated);
  if (!nominated) return true;
  return std::none_of(nominated->pods.begin(), nominated->pods.end(), [&](const Key& key) {
    const Pod& other = view.pods().at(key).pod();
    return other.meta.deleted != 0 && other.shape.priority < pod.shape.priority;
  });
}

Eviction choose_victims(const ApiServer& api, const SchedulerView& view, const PodSeen& pod) {
  std::optional<std::pair<Rank, Eviction>> best;
  for (const auto& [name, node] : view.nodes()) {
    if (!node.node()) continue;
    auto found = victims_on(api, view, pod, name, node);
    if (found && (!best || found->first < best->first)) best = std::move(found);
  }
  return best ? std::move(best->second) : Eviction{};
}

}  // namespace kerf::sim
