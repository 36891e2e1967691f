// Pods start one after the other, company first; who is left joins a bundle that has company.
#include "core/online/bundling.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "core/plan/coupling_zones.h"

namespace kerf::online {

namespace {

using cluster::AffinityTerm;
using cluster::Demand;
using cluster::PodShape;

constexpr const char* kHostname = "kubernetes.io/hostname";
constexpr const char* kTied = "kerf.dev/bought-together";

bool by_hostname(const AffinityTerm& term) { return plan::is_host(term.topology_key); }

bool needs_company(const PodShape& shape) {
  return std::any_of(shape.affinity.begin(), shape.affinity.end(), by_hostname);
}

/// Is `other` a pod that all terms of `shape` select?
bool is_company(const PodShape& shape, const PodShape& other) {
  return std::all_of(shape.affinity.begin(), shape.affinity.end(), [&](const AffinityTerm& term) {
    return cluster::matches(term.selector, other);
  });
}

class Bundler {
 public:
  Bundler(Standing& standing, const Demand& demand,
          const std::function<bool(const Bundle&)>& can_be_had)
      : standing_(standing), demand_(demand), can_be_had_(can_be_had) {}

  Bundling run(const std::vector<std::vector<std::uint32_t>>& groups) {
    std::vector<std::optional<Bundle>> bundles(groups.size());
    // Those who need nobody to be nowhere come first: they are company to the others.
    for (const bool may_found : {false, true})
      for (std::size_t g = 0; g < groups.size(); ++g)
        if (!bundles[g]) bundles[g] = start(groups[g], groups[g].size(), may_found, bundles);
    Bundling out;
    for (std::size_t g = 0; g < groups.size(); ++g)
      if (!bundles[g] && !join(groups[g], bundles)) refuse(groups[g], out);
    for (std::optional<Bundle>& bundle : bundles)
      if (bundle) out.bundles.push_back(std::move(*bundle));
    return out;
  }

 private:
  const PodShape& shape(std::uint32_t pod) const { return demand_.shapes[demand_.pods[pod].shape]; }

  /// The pods as a bundle if all of them can start, one after the other; `may_found`: some as the
  /// first of their like, of which there must be none in `others`.
  std::optional<Bundle> start(const std::vector<std::uint32_t>& pods, std::size_t own,
                              bool may_found, const std::vector<std::optional<Bundle>>& others) {
    Bundle bundle{pods, std::vector<bool>(pods.size()), own};
    std::vector<bool> runs(pods.size());
    std::size_t left = pods.size();
    for (bool changed = true; changed;) {
      changed = false;
      for (std::size_t i = 0; i < pods.size(); ++i) {
        if (runs[i]) continue;
        const bool beside = has_company(pods[i], pods, runs);
        if (!beside && needs_company(shape(pods[i])) && !(may_found && founds(pods[i], others)))
          continue;
        bundle.follows[i] = beside;
        runs[i] = changed = true;
        --left;
      }
    }
    if (left > 0) return std::nullopt;
    return bundle;
  }

  bool has_company(std::uint32_t pod, const std::vector<std::uint32_t>& pods,
                   const std::vector<bool>& runs) const {
    if (!needs_company(shape(pod))) return false;
    for (std::size_t i = 0; i < pods.size(); ++i)
      if (runs[i] && is_company(shape(pod), shape(pods[i]))) return true;
    return false;
  }

  /// May it be the first of its like?
  bool founds(std::uint32_t pod, const std::vector<std::optional<Bundle>>& others) {
    const PodShape& own = shape(pod);
    if (!is_company(own, own) || !standing_.wants_company(standing_.shape(own))) return false;
    return std::none_of(others.begin(), others.end(), [&](const std::optional<Bundle>& bundle) {
      return bundle && std::any_of(bundle->pods.begin(), bundle->pods.end(),
                                   [&](std::uint32_t p) { return is_company(own, shape(p)); });
    });
  }

  bool join(const std::vector<std::uint32_t>& group, std::vector<std::optional<Bundle>>& bundles) {
    for (std::optional<Bundle>& host : bundles) {
      if (!host) continue;
      std::vector<std::uint32_t> pods = host->pods;
      pods.insert(pods.end(), group.begin(), group.end());
      std::optional<Bundle> both = start(pods, host->own, false, {});
      if (!both) both = start(pods, host->own, true, {});
      if (!both || !serves(*both, group)) continue;
      if (tries_ == 0) return false;
      --tries_;
      if (!can_be_had_(*both)) continue;
      host = std::move(both);
      return true;
    }
    return false;
  }

  /// Has each of the group the company there that it needs? None of them is the first of its like.
  bool serves(const Bundle& both, const std::vector<std::uint32_t>& group) const {
    const std::size_t first = both.pods.size() - group.size();
    for (std::size_t i = first; i < both.pods.size(); ++i)
      if (needs_company(shape(both.pods[i])) && !both.follows[i]) return false;
    return true;
  }

  void refuse(const std::vector<std::uint32_t>& group, Bundling& out) const {
    const auto needy = std::find_if(group.begin(), group.end(),
                                    [&](std::uint32_t pod) { return needs_company(shape(pod)); });
    const PodShape& pod = shape(*needy);
    const auto term = std::find_if(pod.affinity.begin(), pod.affinity.end(), by_hostname);
    const std::string why = "it must share a node with a pod that matches " +
                            plan::describe(term->selector) +
                            ", no node that has one has room for it, and none comes to a new node";
    for (const std::uint32_t one : group)
      out.unplaced.push_back({one, {plan::ReasonCode::ConflictingPods, {why}}});
  }

  Standing& standing_;
  const Demand& demand_;
  const std::function<bool(const Bundle&)>& can_be_had_;
  int tries_ = kBundleTries;
};

}  // namespace

void Bundle::leave() {
  pods.resize(own);
  follows.resize(own);
}

Bundling bundle(Standing& standing, const Demand& demand,
                const std::vector<std::vector<std::uint32_t>>& groups,
                const std::function<bool(const Bundle&)>& can_be_had) {
  return Bundler(standing, demand, can_be_had).run(groups);
}

void tie(const Bundle& bundle, std::size_t number, Demand& demand) {
  cluster::PodSelector all;
  all.all_namespaces = true;
  all.labels = {{kTied, cluster::Operator::In, {std::to_string(number)}}};
  for (const std::uint32_t pod : bundle.pods) {
    PodShape shape = demand.shapes[demand.pods[pod].shape];
    std::erase_if(shape.affinity, by_hostname);
    shape.affinity.push_back({all, kHostname});
    shape.labels[kTied] = std::to_string(number);
    demand.pods[pod].shape = demand.intern(std::move(shape));
  }
}

}  // namespace kerf::online
