// How budgets are counted, and how an eviction is judged.
#include "sim/evictions.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/assert.h"

namespace kerf::sim {
namespace {

using control::Budget;
using control::Pod;

constexpr std::int64_t kUpdateLeastMs = 20;
constexpr std::int64_t kUpdateMostMs = 200;

bool healthy(const Pod& pod) {
  return pod.phase == control::PodPhase::Running && pod.meta.deleted == 0;
}

/// Could it change how many pods are healthy, or which a budget selects?
bool counts(const Change& change) {
  const Pod* was = change.was<Pod>();
  const Pod* is = change.is<Pod>();
  if (!was || !is) return true;
  return healthy(*was) != healthy(*is) || was->done() != is->done() ||
         was->meta.labels != is->meta.labels;
}

}  // namespace

Evictions::Evictions(ApiServer& api, std::uint64_t seed, Scale scale)
    : api_(api), dice_(seed, "evictions"), scale_(std::move(scale)) {
  api_.serve_evictions([this](const Request& request) { return evict(request.key); });
  listeners_.push_back(api_.listen(Kind::Pod, [this](const Change& change) {
    if (counts(change)) changed();
  }));
}

Evictions::~Evictions() {
  for (const std::uint64_t listener : listeners_) api_.unlisten(listener);
  api_.serve_evictions({});
  api_.clock().cancel(update_);
}

void Evictions::put_budget(const BudgetSpec& spec) {
  KERF_ASSERT(spec.min_available.has_value() != spec.max_unavailable.has_value(),
              "a budget says min_available or max_unavailable");
  const Key key{spec.ns, spec.name};
  specs_[key] = spec;
  Budget budget;
  budget.meta.ns = spec.ns;
  budget.meta.name = spec.name;
  budget.selector = spec.selector;
  if (!api_.create(budget))
    api_.mutate<Budget>(key, [&](Budget& it) { it.selector = spec.selector; });
  changed();
}

void Evictions::remove_budget(const Key& key) {
  specs_.erase(key);
  api_.erase(Kind::Budget, key);
}

void Evictions::changed() {
  if (specs_.empty() || api_.clock().waits(update_)) return;
  update_ = api_.clock().after(dice_.between(kUpdateLeastMs, kUpdateMostMs), [this] { update(); });
}

void Evictions::update() {
  for (const auto& [key, spec] : specs_) {
    const std::int64_t now = allowed(spec);
    api_.mutate<Budget>(key, [&](Budget& it) { it.allowed = now; });
  }
}

std::int64_t Evictions::allowed(const BudgetSpec& spec) const {
  std::int64_t running = 0;
  std::int64_t wanted = 0;
  std::set<std::string> counted;
  for (const Pod& pod : api_.all<Pod>()) {
    if (pod.done() || !cluster::matches(spec.selector, pod.shape)) continue;
    running += healthy(pod) ? 1 : 0;
    if (!scale_ || spec.min_available) {
      ++wanted;
      continue;
    }
    const auto scale = scale_(pod.owner);
    if (!scale) return 0;
    if (counted.insert(scale->workload).second) wanted += scale->pods;
  }
  const std::int64_t least =
      spec.min_available ? *spec.min_available : wanted - *spec.max_unavailable;
  return std::max<std::int64_t>(0, running - std::max<std::int64_t>(0, least));
}

Answer Evictions::evict(const Key& key) {
  const Pod* pod = api_.find<Pod>(key);
  if (!pod) return {Code::NotFound, 0, key.text() + " is not there"};
  const bool free = pod->phase != control::PodPhase::Running || pod->meta.deleted != 0;
  std::optional<Key> budget;
  for (const Budget& it : api_.all<Budget>()) {
    if (free || !cluster::matches(it.selector, pod->shape)) continue;
    if (budget) return {Code::Invalid, 0, "more than one PodDisruptionBudget selects the pod"};
    budget = control::key_of(it.meta);
  }
  if (budget) {
    if (api_.find<Budget>(*budget)->allowed <= 0)
      return {Code::TooMany, 0, "PodDisruptionBudget " + budget->text() + " allows none now"};
    api_.mutate<Budget>(*budget, [](Budget& it) { --it.allowed; });
  }
  api_.erase(Kind::Pod, key);
  return {};
}

void Evictions::add_to(Hasher& hasher) const {
  dice_.add_to(hasher);
  hasher.add(static_cast<std::uint64_t>(specs_.size()));
}

}  // namespace kerf::sim
