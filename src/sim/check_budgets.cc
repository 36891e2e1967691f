// Checks what is bought against the budgets of namespaces, by parts of GPUs that are held.
#include <algorithm>
#include <set>

#include "core/agent/shape.h"
#include "core/control/names.h"
#include "sim/check.h"

namespace kerf::sim {

using control::NodeClaim;
using control::SlicePolicy;

namespace {

/// A part of a node: thousandths of GPUs, and what they cost.
struct Share {
  std::int64_t gpu_milli = 0;
  MicroUsdPerHour rate;
};
void operator+=(Share& sum, const Share& more) {
  sum.gpu_milli += more.gpu_milli;
  sum.rate += more.rate;
}

/// What a namespace holds when a purchase is decided, by kubelets' books, and what is coming for
/// pods of it, by the layouts of the claims. Places that are kept on nodes that stand are left out:
/// the controller may count more, never less.
class Budgets : public Checker {
 public:
  using Checker::Checker;

  void noted(const controller::Record& record) override {
    if (record.what != controller::What::Buy) return;
    const auto* policy = checks_.world().api().find<SlicePolicy>(record.policy);
    if (policy == nullptr) return;
    for (const auto& [ns, budget] : policy->budgets)
      held_[{record.about.name, ns}] = held(*policy, ns);
  }

  void changed(const Change& change) override {
    const auto* claim = change.is<NodeClaim>();
    if (claim == nullptr || change.was<NodeClaim>() != nullptr) return;
    const SlicePolicy* policy = policy_of(checks_.world().api(), claim->meta.labels);
    if (policy == nullptr) return;
    for (const auto& [ns, budget] : policy->budgets) check(*claim, *policy, ns, budget);
  }

 private:
  void check(const NodeClaim& claim, const SlicePolicy& policy, const std::string& ns,
             const control::NamespaceBudget& budget) {
    const ApiServer& api = checks_.world().api();
    std::set<std::string> counted;  // once for each pod: a node that is of no use is bought again
    Share sum = coming(claim, ns, counted);
    if (sum.gpu_milli == 0) return;  // for others
    // Between the decision and now some may have come and others gone: the lesser of the two.
    const Share then = held_[{claim.meta.name, ns}];
    const Share now = held(policy, ns);
    sum += {std::min(then.gpu_milli, now.gpu_milli), std::min(then.rate, now.rate)};
    for (const NodeClaim& other : api.all<NodeClaim>())
      if (other.meta.deleted == 0 && !other.initialized &&
          policy_of(api, other.meta.labels) == &policy)
        sum += coming(other, ns, counted);
    if (budget.gpus && sum.gpu_milli > *budget.gpus * 1000)
      checks_.breach(Promise::Limits, claim.meta.name + " gives " + ns + " " +
                                          std::to_string(sum.gpu_milli) +
                                          " thousandths of a GPU, over its budget of " +
                                          std::to_string(*budget.gpus) + " GPUs");
    if (budget.per_hour && sum.rate > *budget.per_hour)
      checks_.breach(Promise::Limits, claim.meta.name + " gives " + ns + " GPUs for " +
                                          std::to_string(sum.rate.micro) +
                                          " micro-dollars per hour, over its budget of " +
                                          std::to_string(budget.per_hour->micro));
  }

  Share held(const SlicePolicy& policy, const std::string& ns) const {
    World& world = checks_.world();
    Share sum;
    for (const NodeClaim& claim : world.api().all<NodeClaim>()) {
      if (claim.node.empty() || policy_of(world.api(), claim.meta.labels) != &policy) continue;
      Machine* machine = world.karpenter().machine(claim.node);
      if (machine == nullptr || !machine->on()) continue;
      for (const PodDevices& holder : machine->kubelet().checkpoint()) {
        const std::size_t slash = holder.pod.find('/');
        if (holder.pod.substr(0, slash) != ns) continue;
        // Who was deleted by force is nobody's any more, whatever kubelet still has to end.
        const auto* pod = world.api().find<control::Pod>(Key{ns, holder.pod.substr(slash + 1)});
        if (pod == nullptr || pod->meta.uid != holder.uid || pod->done()) continue;
        for (const auto& [resource, ids] : holder.ids)
          for (const std::string& id : ids)
            if (const auto name = agent::parse_device_id(id)) sum += part(claim, name->form);
      }
    }
    return sum;
  }

  /// Of the claim's layout: what its pods of the namespace that are not bound yet will have.
  Share coming(const NodeClaim& claim, const std::string& ns,
               std::set<std::string>& counted) const {
    Share sum;
    std::map<std::string, std::int64_t> asked;  // by resource
    for (const control::Pod& pod : checks_.world().api().all<control::Pod>())
      if (pod.meta.ns == ns && pod.node.empty() && pod.meta.deleted == 0 &&
          control::is_bought_for(claim.meta.annotations, pod.meta.uid) &&
          counted.insert(pod.meta.uid).second)
        for (const cluster::GpuRequest& request : pod.shape.gpu)
          asked[cluster::resource_name(request)] += request.count;
    for (const control::WantedGpu& gpu : claim.layout.gpus)
      for (const control::WantedSlice& slice : gpu.slices)
        if (slice.published && asked[slice.resource]-- > 0) sum += part(claim, slice.form);
    return sum;
  }

  Share part(const NodeClaim& claim, const std::string& text) const {
    const market::Market& feed = checks_.prices_of(claim.meta.name);
    const market::InstanceType* type = feed.type_named(claim.type);
    if (type == nullptr) return {};
    const gpu::Model& model = feed.model_of(*type);
    const auto form = control::parse_form(model, text, type->gpu_fraction);
    if (!form) return {};
    Share share;
    share.gpu_milli = 1000;
    if (form->kind == gpu::FormKind::Slice)
      share.gpu_milli = 1000 * model.profiles[form->profile].slots / model.slots;
    else if (form->replicas > 1) share.gpu_milli = 1000 / form->replicas;
    share.rate = {least_price(feed, claim).micro * share.gpu_milli / (1000 * type->gpu_count)};
    return share;
  }

  std::map<std::pair<std::string, std::string>, Share> held_;  ///< by claim and namespace
};

}  // namespace

std::unique_ptr<Checker> check_budgets(Checks& checks) { return std::make_unique<Budgets>(checks); }

}  // namespace kerf::sim
