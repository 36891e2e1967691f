// Evictions: the eviction API, and the controller that keeps what PodDisruptionBudgets allow.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/hash.h"
#include "sim/api_server.h"
#include "sim/workloads_spec.h"

namespace kerf::sim {

/// The spec of a PodDisruptionBudget; exactly one of the two is given.
struct BudgetSpec {
  std::string ns = "default";
  std::string name;
  cluster::PodSelector selector;
  std::optional<std::int64_t> min_available;
  std::optional<std::int64_t> max_unavailable;
};

/// Serves Verb::Evict of the API server and keeps Budget.allowed.
///
/// A pod counts as healthy if it runs and is not being deleted. Allowed = healthy pods less those
/// that must be: min_available, or what the owners of its pods want (`scale`; without it, the pods
/// there are) less max_unavailable; never below 0. With max_unavailable a pod without an owner that
/// is known makes it 0, as in Kubernetes. It is worked out anew 20..200 ms after pods or budgets
/// changed; an eviction counts it down at once.
/// An eviction of a pod that is pending, done or being deleted needs no budget; one that two
/// budgets select is refused (Invalid), as in Kubernetes.
class Evictions {
 public:
  /// Pods that an owner wants; nullopt: it does not know the owner (Workloads::wanted).
  using Scale = std::function<std::optional<Wanted>(const control::Owner&)>;

  Evictions(ApiServer& api, std::uint64_t seed, Scale scale = {});
  ~Evictions();
  Evictions(const Evictions&) = delete;
  Evictions& operator=(const Evictions&) = delete;

  /// Creates the budget; one of the same name gets the new spec.
  void put_budget(const BudgetSpec& spec);
  void remove_budget(const Key& key);

  /// Ok: it is being deleted. TooMany (429): not now.
  Answer evict(const Key& pod);

  void add_to(Hasher& hasher) const;

 private:
  void changed();
  void update();
  std::int64_t allowed(const BudgetSpec& spec) const;

  ApiServer& api_;
  Dice dice_;
  Scale scale_;
  std::map<Key, BudgetSpec> specs_;
  Timer update_;
  std::vector<std::uint64_t> listeners_;
};

}  // namespace kerf::sim
