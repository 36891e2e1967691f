// What is told and kept: a policy's status, and what all its pods could cost.
#include <algorithm>
#include <cstdlib>
#include <utility>

#include "core/control/names.h"
#include "core/controller/mind.h"

namespace kerf::controller {

using control::Pod;
using control::SlicePolicy;

namespace {

constexpr std::int64_t kDemandEveryMs = 10 * control::kMinute;

/// GPU pods that the policy governs, whoever serves them: pending ones and those that run.
bool counts(const Pod& pod) {
  return !pod.shape.gpu.empty() && !pod.done() && pod.meta.deleted == 0 && !pod.gated &&
         pod.owner.kind != "DaemonSet" && pod.shape.unplaceable.empty();
}

}  // namespace

bool Controller::Mind::is_bought_for(const Pod& pod) const {
  for (const auto& [key, claim] : store_.all<control::NodeClaim>())
    if (control::is_bought_for(claim.meta.annotations, pod.meta.uid)) return true;
  return false;
}

/// Takes over what another run of the controller kept.
void Controller::Mind::load(const SlicePolicy& policy) {
  PolicyMind& mind = policies_[policy.meta.name];
  if (mind.loaded) return;
  mind.loaded = true;
  mind.kept = policy.status.kept;
  mind.figures = policy.status.figures;
  // Written down, and no claim is there: a request of the run before this one may still arrive.
  const bool unsure = std::any_of(
      mind.kept.purchases.begin(), mind.kept.purchases.end(), [&](const auto& purchase) {
        const Pod* pod = store_.pod(purchase.first);
        return pod != nullptr && is_pending(*pod) && !is_bought_for(*pod);
      });
  if (unsure) mind.unsure_until = now_ + Flight::kLate;
  online::Forecast::State state;
  state.at = mind.kept.demand_at;
  for (const auto& [shape, units] : mind.kept.demand) {
    const auto id = static_cast<online::AskId>(mind.shapes.size());
    if (units <= 0 || !mind.shape_ids.try_emplace(shape, id).second) continue;
    mind.shapes.push_back(shape);
    state.entries.push_back({id, units});
  }
  mind.forecast.emplace(online::Forecast::Options(), std::move(state));
}

void Controller::Mind::write_status(const SlicePolicy& policy) {
  PolicyMind& mind = policies_[policy.meta.name];
  std::erase_if(mind.kept.purchases,
                [&](const auto& entry) {  // a pod that is bound never wants a place again
                  const Pod* pod = store_.pod(entry.first);
                  return pod == nullptr || !pod->node.empty();
                });
  const std::int64_t cool = policy.consolidation.cool_down_ms;
  std::erase_if(mind.kept.moved, [&](const auto& entry) { return entry.second + cool <= now_; });
  const bool must = mind.written < mind.noted;
  std::vector<control::Condition> conditions = this->conditions(policy);
  std::vector<control::NextStep> next = next_steps(policy);
  const bool figures = !(mind.figures == policy.status.figures) || conditions != mind.conditions ||
                       next != mind.next || mind.told_generation != policy.meta.generation;
  const bool arrivals = mind.forecast->state().at != policy.status.kept.demand_at;
  Instant due = mind.status_at + options_.status_every_ms;
  if (!figures && arrivals) due = mind.status_at + kDemandEveryMs;
  if (!must && !figures && !arrivals) return;
  if (!must && now_ < due) {
    wake_at(due);
    return;
  }
  const Key key{"", policy.meta.name};
  if (!is_free(Kind::SlicePolicy, key)) return;
  mind.kept.demand_at = mind.forecast->state().at;
  mind.kept.demand.clear();
  for (const online::Forecast::Entry& entry : mind.forecast->state().entries)
    mind.kept.demand.emplace_back(mind.shapes[entry.ask], entry.arrivals);
  mind.writing = mind.noted;
  mind.status_at = now_;
  mind.conditions = std::move(conditions);
  mind.next = std::move(next);
  mind.told_generation = policy.meta.generation;
  ask(Kind::SlicePolicy, key, policy.meta.version,
      PutStatus{policy.meta.name,
                policy.meta.version,
                {mind.kept, mind.figures, policy.meta.generation, mind.conditions, mind.next}});
}

/// Asks what everything would cost if it were bought now: also for names that the policy does not
/// buy for, and in either mode.
void Controller::Mind::compare(const SlicePolicy& policy) {
  PolicyMind& mind = policies_[policy.meta.name];
  if (mind.comparing != 0) return;
  cluster::Demand demand;
  control::Figures figures = mind.figures;
  figures.pods = figures.pending = 0;
  std::set<std::string> nodes;
  Hasher question;
  for (const auto& [key, pod] : store_.all<Pod>()) {
    if (!counts(pod) || governing(pod) != &policy) continue;
    ++figures.pods;
    figures.pending += pod.node.empty() ? 1 : 0;
    if (!pod.node.empty()) nodes.insert(pod.node);
    question.add(pod.meta.uid);
    question.add(pod.node);
    cluster::Pod wanted;
    wanted.name = key.text();
    wanted.shape = demand.intern(pod.shape);
    demand.pods.push_back(wanted);
  }
  demand.workloads.push_back({});
  figures.bill = bill(policy, nodes);
  question.add(market_number_);
  question.add(figures.bill.micro);
  if (question.value() == mind.compared_for) return;
  if (mind.figures_at != 0 && now_ < mind.figures_at + options_.status_every_ms) {
    wake_at(mind.figures_at + options_.status_every_ms);
    return;
  }
  mind.compared_for = question.value();
  mind.figures_at = now_;
  mind.figures = figures;
  std::shared_ptr<Problem> asked = problem(policy, Search::Compare);
  asked->pending = std::move(demand);
  asked->buys.limit_per_hour.reset();
  asked->buys.limit_gpus.reset();
  asked->buys.headroom.clear();
  mind.compared = asked;
  effects_.push_back({mind.comparing = flight_.number(), Solve{asked}});
  mind.bounding = mind.comparing;
}

/// Of the nodes that run governed pods, unless another policy answers for them, and of those that
/// this policy bought.
MicroUsdPerHour Controller::Mind::bill(const SlicePolicy& policy,
                                       const std::set<std::string>& nodes) const {
  MicroUsdPerHour sum;
  for (const auto& [name, machine] : fleet_)
    if (machine.policy == policy.meta.name) sum += machine.price;
  for (const auto& [key, node] : store_.all<control::Node>()) {
    const std::string owner = control::label_of(node.meta.labels, control::kPolicyLabel);
    if (!nodes.contains(key.name) || store_.find<SlicePolicy>(owner) != nullptr) continue;
    sum += price_of(*market_, node);
  }
  return sum;
}

void Controller::Mind::compared(const SlicePolicy& policy, const Problem& problem,
                                const Solution& solution) {
  PolicyMind& mind = policies_[policy.meta.name];
  if (mind.figures.could_be != solution.all.bill && mind.bounding != 0) {
    mind.figures.bound.reset();  // of other pods; the new one is on its way
    mind.figures.whole_gpus.reset();
  }
  mind.figures.could_be = solution.all.bill;
  mind.figures.unserved = std::ssize(solution.all.unplaced);
  if (policy.mode != control::Mode::Act) {  // else it is said of those that wait
    mind.waiting = {};
    for (const plan::Unplaced& unplaced : solution.all.unplaced) {
      if (mind.waiting.first.size() >= kWaitingMax) break;
      mind.waiting.add(problem.pending.pods[unplaced.pod].name, why_not(policy, unplaced.reason));
    }
    mind.waiting.count = mind.figures.unserved;
  }
  std::vector<std::string> fleet;
  std::map<std::string, std::int64_t> types;
  for (const plan::NodePlan& node : solution.all.nodes)
    ++types[problem.market->types[node.type].name];
  for (const auto& [type, count] : types) fleet.push_back(std::to_string(count) + " " + type);
  fleet.insert(fleet.begin(), format_usd(mind.figures.bill));
  mind.would = {"Would", fleet, solution.all.bill};
  // Told again only where the answer is another one: prices and pods change all the time.
  const auto differs = [](std::int64_t a, std::int64_t b) { return std::abs(a - b) * 20 > b; };
  if (policy.mode == control::Mode::Act || mind.figures.pods == 0 ||
      (mind.would_told && !differs(solution.all.bill.micro, mind.would_told->micro)))
    return;
  mind.would_told = solution.all.bill;
  note({now_,
        What::Would,
        Kind::SlicePolicy,
        {"", policy.meta.name},
        policy.meta.name,
        std::move(fleet),
        solution.all.bill,
        {}});
}

}  // namespace kerf::controller
