// make_plan: compile, bound, search, improve, prove; then limits, accounts and baselines.
#include "core/plan/planner.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "core/plan/account.h"
#include "core/plan/baseline.h"
#include "core/plan/certify.h"
#include "core/plan/exact.h"
#include "core/plan/expand.h"
#include "core/plan/gpu_rent.h"
#include "core/plan/jobs.h"
#include "core/plan/levers.h"
#include "core/plan/limits.h"
#include "core/plan/owned.h"
#include "core/plan/problem.h"
#include "core/plan/search.h"

namespace kerf::plan {

namespace {

struct Solved {
  Problem problem;
  Fleet fleet;
  MicroUsdPerHour bill;
  Bound bound;
  Proof proof;  ///< of the bound, where it is for this problem; else empty
};

bool lacks_nodes(const Solved& solved) { return lacks_nodes(solved.problem, solved.fleet); }
bool headroom_lacks_nodes(const Solved& solved) {
  return headroom_lacks_nodes(solved.problem, solved.fleet);
}

std::vector<std::int64_t> demand_of(const Problem& problem) {
  std::vector<std::int64_t> demand;
  for (const ItemClass& item : problem.classes) demand.push_back(item.demand);
  return demand;
}

/// Were the same items made, and do the same machines serve them?
bool same_choice(const Problem& a, const Problem& b) {
  const auto same_class = [](const ItemClass& x, const ItemClass& y) { return x.pods == y.pods; };
  const auto same_candidate = [](const Candidate& x, const Candidate& y) { return x.cls == y.cls; };
  const auto same_machine = [&](const Machine& x, const Machine& y) {
    return x.zones == y.zones &&
           std::equal(x.candidates.begin(), x.candidates.end(), y.candidates.begin(),
                      y.candidates.end(), same_candidate);
  };
  return std::equal(a.classes.begin(), a.classes.end(), b.classes.begin(), b.classes.end(),
                    same_class) &&
         std::equal(a.machines.begin(), a.machines.end(), b.machines.begin(), b.machines.end(),
                    same_machine);
}

class Planner {
 public:
  Planner(const cluster::Demand& demand, const market::Market& market,
          const cluster::Policy& policy, LpSolver& solver, const PlanOptions& options)
      : demand_(demand),
        market_(market),
        policy_(policy),
        solver_(solver),
        options_(options),
        tables_(options.tables != nullptr ? *options.tables : own_tables_),
        effort_(effort_of(options.effort)) {}

  Plan run() {
    std::vector<std::uint32_t> pods(demand_.pods.size());
    std::iota(pods.begin(), pods.end(), 0);
    Solved solved = solve(pods, effort_);
    std::vector<Unplaced> cut_off;
    Plan plan;
    if (lacks_nodes(solved) && !headroom_lacks_nodes(solved)) solved = within_stock(pods, cut_off);
    if (broken_limit(solved) && !policy_.headroom.empty()) {
      for (const cluster::Headroom& headroom : policy_.headroom)
        plan.notes.push_back(
            fmt::format("{} no room for the headroom {}.",
                        lacks_nodes(solved) ? "Owned nodes have" : "The policy's limit leaves",
                        cluster::describe({headroom.request})));
      policy_.headroom.clear();
      solved = solve(pods, effort_);
    }
    if (lacks_nodes(solved)) solved = within_stock(pods, cut_off);
    if (const auto limit = broken_limit(solved)) solved = within_limits(pods, *limit, cut_off);
    plan.nodes = expand(solved.problem, solved.fleet, demand_, market_, policy_, &tables_);
    plan.unplaced = std::move(solved.problem.unplaced);
    plan.unplaced.insert(plan.unplaced.end(), cut_off.begin(), cut_off.end());
    std::sort(plan.unplaced.begin(), plan.unplaced.end(),
              [](const Unplaced& a, const Unplaced& b) { return a.pod < b.pod; });
    plan.notes.insert(plan.notes.end(), solved.problem.notes.begin(), solved.problem.notes.end());
    plan.bound = solved.bound;
    if (options_.certificate) certify_plan(solved, plan);
    account(solved.problem, demand_, market_, tables_, plan);
    return plan;
  }

  /// What Plan has beside the plan itself: other ways to serve the same pods.
  void compare(Plan& plan) {
    report("baselines", plan.bill, plan.bound.per_hour);
    plan.baselines.push_back(whole_gpu_baseline(demand_, market_, policy_));
    plan.baselines.push_back(best_whole_gpus());
    plan.baselines.push_back(static_mig_baseline(demand_, market_, policy_));
    if (allows_time_slicing(demand_, policy_)) plan.baselines.push_back(time_slicing());
  }

  /// The two fleets' prices, where the plan's nodes mix Jobs with what is always on.
  std::optional<JobsApart> other_way(const Plan& plan) {
    const std::vector<std::uint32_t> pods = placed_pods(plan);
    const ByDuration split = by_duration(demand_, pods);
    const auto mixes = [&](const NodePlan& node) { return by_duration(demand_, node.pods).both(); };
    if (options_.jobs == JobsOn::Apart ||
        std::none_of(plan.nodes.begin(), plan.nodes.end(), mixes) || tied_together(demand_, split))
      return std::nullopt;
    report("jobs apart", plan.bill, plan.bound.per_hour);
    const Effort quick = without_proof(effort_);
    JobsApart apart;
    const Solved always_on = solve_together(split.always_on, quick);
    const Solved jobs = solve_jobs(split.jobs, always_on, quick);
    if (lacks_nodes(always_on) || lacks_nodes(jobs)) return std::nullopt;
    apart.always_on = always_on.bill;
    apart.jobs = jobs.bill;
    return apart;
  }

 private:
  static std::vector<std::uint32_t> placed_pods(const Plan& plan) {
    std::vector<std::uint32_t> pods;
    for (const Placement& placement : plan.placements) pods.push_back(placement.pod);
    return pods;
  }

  void report(std::string_view stage, MicroUsdPerHour bill, MicroUsdPerHour bound) const {
    if (options_.progress) options_.progress({stage, bill, bound});
  }

  Solved solve(const std::vector<std::uint32_t>& pods, const Effort& effort) {
    const ByDuration split = by_duration(demand_, pods);
    if (options_.jobs != JobsOn::Apart || !split.both()) return solve_together(pods, effort);
    if (!tied_together(demand_, split)) return solve_apart(split, effort);
    Solved solved = solve_together(pods, effort);
    solved.problem.notes.push_back(
        "Jobs share nodes with other pods here: constraints between the pods tie them together.");
    return solved;
  }

  /// Jobs beside the fleet of what is always on: without headroom, with the owned nodes that it
  /// leaves. The bound counts them all, so that it holds however they are parted.
  Solved solve_jobs(const std::vector<std::uint32_t>& jobs, const Solved& others,
                    const Effort& effort) {
    const std::vector<cluster::Headroom> headroom = std::exchange(policy_.headroom, {});
    taken_.assign(others.problem.stocks.size(), 0);
    bool any = false;
    for (const Pattern& node : others.fleet) {
      const std::int32_t stock = others.problem.machines[node.machine].stock;
      if (stock < 0) continue;
      ++taken_[static_cast<std::size_t>(stock)];
      any = true;
    }
    if (!any) taken_.clear();
    Solved solved = solve_together(jobs, effort);
    taken_.clear();
    policy_.headroom = headroom;
    return solved;
  }

  /// Compiles for the search: without the owned nodes that are taken already.
  Problem compiled(const std::vector<std::uint32_t>& pods, Coupled coupled = Coupled::AsPlanned) {
    Problem problem = compile(demand_, pods, market_, policy_, coupled, &tables_);
    for (std::size_t s = 0; s < taken_.size(); ++s) problem.stocks[s] -= taken_[s];
    for (Machine& machine : problem.machines)
      if (machine.stock >= 0)
        machine.at_most = problem.stocks[static_cast<std::size_t>(machine.stock)];
    return problem;
  }

  /// Two fleets as one; what holds for each holds for both, the bounds add up.
  Solved solve_apart(const ByDuration& split, const Effort& effort) {
    Solved solved = solve_together(split.always_on, effort);
    Solved jobs = solve_jobs(split.jobs, solved, effort);
    append(solved.problem, solved.fleet, std::move(jobs.problem), jobs.fleet);
    solved.bill += jobs.bill;
    solved.bound.per_hour += jobs.bound.per_hour;
    solved.bound.optimal = solved.bound.optimal && jobs.bound.optimal;
    solved.bound.given = "Jobs on nodes of their own";
    solved.bound.search_nodes += jobs.bound.search_nodes;
    if (solved.bound.method == "none" || jobs.bound.method == "none")
      solved.bound = {{}, "none", false, {}, 0};
    else if (solved.bound.method == "exact") solved.bound.method = jobs.bound.method;
    for (const std::string& text : jobs.bound.relaxed)
      if (std::find(solved.bound.relaxed.begin(), solved.bound.relaxed.end(), text) ==
          solved.bound.relaxed.end())
        solved.bound.relaxed.push_back(text);
    return solved;
  }

  /// The planner's own fleet for whole GPUs in the place of every device asked for: what choosing
  /// the types well saves without any slicing.
  Baseline best_whole_gpus() {
    return planned_baseline(as_whole_gpus(demand_, market_.gpus), market_, "whole-gpu-best-types");
  }

  /// The planner's own fleet without MIG, with time-slicing where requests allow it.
  Baseline time_slicing() {
    return planned_baseline(time_slicing_demand(demand_, policy_, market_.gpus),
                            without_mig(market_), "time-slicing");
  }

  /// Searched with the same effort as the plan, so that the two can be compared.
  Baseline planned_baseline(const cluster::Demand& demand, const market::Market& market,
                            const char* name) {
    cluster::Policy policy = policy_;
    policy.limit_per_hour.reset();
    policy.limit_gpus.reset();
    for (cluster::Headroom& headroom : policy.headroom)
      headroom.request = as_whole_gpu(headroom.request, market.gpus);
    PlanOptions options = options_;
    options.certificate = false;
    options.tables = &tables_;
    options.progress = {};  // its figures are those of another problem
    return baseline_of(Planner(demand, market, policy, solver_, options).run(), market, name);
  }

  Solved solve_together(const std::vector<std::uint32_t>& pods, const Effort& effort) {
    report("compile", {}, {});
    Solved solved;
    solved.problem = compiled(pods);
    const Told told = [this](std::string_view stage, MicroUsdPerHour bill, MicroUsdPerHour bound) {
      report(stage, bill, bound);
    };
    Found found =
        search_within_gpus(solved.problem, demand_of(solved.problem), solver_, effort, told);
    solved.fleet = std::move(found.fleet);
    solved.bill = bill_of(solved.problem, solved.fleet);
    if (solved.problem.company_chosen) take_gathered_if_better(pods, without_proof(effort), solved);
    if (!solved.problem.restricted && taken_.empty()) {
      solved.bound = bound_from(solved.problem, found.proof, solved.bill);
      solved.proof = std::move(found.proof);
      return solved;
    }
    // Zones and company were chosen, not searched: the bound is for the problem without them.
    const Problem relaxed =
        compile(demand_, placed_in(solved), market_, policy_, Coupled::ForBound, &tables_);
    solved.bound =
        bound_from(relaxed, prove(relaxed, demand_of(relaxed), solved.bill, solver_, effort, told),
                   solved.bill);
    solved.bound.relaxed.insert(solved.bound.relaxed.begin(), solved.problem.relaxed.begin(),
                                solved.problem.relaxed.end());
    return solved;
  }

  /// The other choice of company and zones, where it serves more pods or costs less.
  void take_gathered_if_better(const std::vector<std::uint32_t>& pods, const Effort& effort,
                               Solved& solved) {
    Solved other;
    other.problem = compiled(pods, Coupled::Gathered);
    if (same_choice(other.problem, solved.problem)) return;
    report("company", solved.bill, {});
    other.fleet =
        search_within_gpus(other.problem, demand_of(other.problem), solver_, effort, {}).fleet;
    other.bill = bill_of(other.problem, other.fleet);
    const auto rank = [this](const Solved& s) {
      return std::make_tuple(s.problem.unplaced.size(), broken_limit(s).has_value(), s.bill);
    };
    if (rank(other) < rank(solved)) solved = std::move(other);
  }

  static std::vector<std::uint32_t> placed_in(const Solved& solved) {
    std::vector<std::uint32_t> placed;
    for (const ItemClass& item : solved.problem.classes)
      for (std::uint32_t pod : item.pods)
        if (pod != kNoPod) placed.push_back(pod);
    std::sort(placed.begin(), placed.end());
    return placed;
  }

  /// A GPU search that gave up says "does not fit" where it might, and ways to serve may have been
  /// cut off: then nothing is proven.
  static Bound bound_from(const Problem& problem, const Proof& proof, MicroUsdPerHour bill) {
    const bool inexact = std::any_of(problem.kinds.begin(), problem.kinds.end(),
                                     [](const auto& kind) { return !kind->exact(); });
    if (problem.truncated || inexact) return {{}, "none", false, {}, 0};
    Bound bound;
    bound.per_hour = std::min(proof.bound, bill);
    bound.method = proof.method;
    bound.optimal = bound.per_hour == bill;
    bound.search_nodes = proof.steps;
    if (proof.method != "exact" && problem.has_conflicts())
      bound.relaxed.push_back("pods that may not share a node");
    return bound;
  }

  /// The proof as data. Where the plan's own problem has what a certificate leaves out (zones
  /// chosen, pods bundled), the proof is for the problem without it.
  void certify_plan(const Solved& solved, Plan& plan) {
    if (solved.bound.method == "none" || !solved.bound.given.empty()) return;
    const Problem& own = solved.problem;
    const auto any = [&](auto&& holds) {
      return std::any_of(own.classes.begin(), own.classes.end(), holds);
    };
    const bool bundled = any([](const ItemClass& item) { return item.bundle > 1; });
    const bool labelled = any([](const ItemClass& item) { return !item.labels.empty(); });
    if (!own.restricted && !bundled && !labelled && !own.has_conflicts() &&
        !solved.proof.method.empty()) {
      plan.certificate = certificate_of(own, solved.proof);
    } else {
      report("certificate", solved.bill, solved.bound.per_hour);
      Problem open =
          compile(demand_, placed_in(solved), market_, policy_, Coupled::Unbundled, &tables_);
      open.conflicts.clear();
      for (ItemClass& item : open.classes) item.labels.clear();
      const Proof proof = prove(open, demand_of(open), solved.bill, solver_, effort_, {});
      if (proof.method == "none") return;
      plan.certificate = certificate_of(open, proof);
    }
    // What is told is what can be checked.
    Bound& bound = plan.bound;
    if (bundled) bound.relaxed.push_back("pods that must share a node");
    if (own.has_conflicts() && bound.method == "exact")
      bound.relaxed.push_back("pods that may not share a node");
    if (labelled) bound.relaxed.push_back("which labels the nodes carry");
    std::sort(bound.relaxed.begin(), bound.relaxed.end());
    bound.relaxed.erase(std::unique(bound.relaxed.begin(), bound.relaxed.end()),
                        bound.relaxed.end());
    plan.certificate->relaxed = bound.relaxed;
    bound.per_hour = std::min(bound.per_hour, plan.certificate->bound);
    bound.optimal = bound.per_hour == solved.bill;
  }

  /// Trying everything proves what holds with any number of GPUs: whoever checks tries the same.
  Certificate certificate_of(const Problem& problem, Proof proof) const {
    if (proof.method == "exact" && problem.limit_gpus >= 0)
      if (const auto fleet = exact_fleet(problem, demand_of(problem), Certificate::kExactVectors))
        proof.bound = std::min(proof.bound, bill_of(problem, *fleet));
    return make_certificate(problem, proof, demand_, solver_);
  }

  // --- limits --------------------------------------------------------------------------------

  /// The policy limit that the fleet breaks, or what is owned and used up, if any.
  std::optional<Reason> broken_limit(const Solved& solved) const {
    if (lacks_nodes(solved)) return used_up(solved.problem, solved.fleet, market_);
    return plan::broken_limit(policy_, solved.bill, gpus_of(solved.problem, solved.fleet));
  }

  /// Takes out of `pods` those that owned nodes alone could serve and that find none left: of each
  /// group that the same nodes serve, the longest prefix by priority stays.
  Solved within_stock(std::vector<std::uint32_t>& pods, std::vector<Unplaced>& cut_off) {
    const Effort quick = without_proof(effort_of(std::min(options_.effort, 2)));
    std::vector<std::uint32_t> kept;  // of those that need what is owned
    std::set<std::uint32_t> out;
    const auto with = [&](const std::vector<std::uint32_t>& more, std::size_t n) {
      std::vector<std::uint32_t> chosen = kept;
      chosen.insert(chosen.end(), more.begin(), more.begin() + static_cast<std::ptrdiff_t>(n));
      std::sort(chosen.begin(), chosen.end());
      return chosen;
    };
    for (const auto& [stock, needing] : needing_owned(compiled(pods), demand_)) {
      std::size_t fits = 0, fails = needing.size() + 1;
      Reason reason{ReasonCode::OwnedUsedUp, {}};
      while (fails - fits > 1) {
        const std::size_t middle = fits + (fails - fits) / 2;
        const Solved tried = solve(with(needing, middle), quick);
        (lacks_nodes(tried) ? fails : fits) = middle;
        if (lacks_nodes(tried)) reason = used_up(tried.problem, tried.fleet, market_);
      }
      kept = with(needing, fits);
      for (std::size_t i = fits; i < needing.size(); ++i) {
        cut_off.push_back({needing[i], reason});
        out.insert(needing[i]);
      }
    }
    std::erase_if(pods, [&](std::uint32_t pod) { return out.count(pod) > 0; });
    Solved solved = solve(pods, effort_);
    while (lacks_nodes(solved)) {  // the search does not always find what it found before
      const Reason reason = used_up(solved.problem, solved.fleet, market_);
      const std::set<std::uint32_t> too_many = pods_too_many(solved.problem, solved.fleet);
      if (too_many.empty()) break;  // what lacks a node is headroom
      for (const std::uint32_t pod : too_many) cut_off.push_back({pod, reason});
      std::erase_if(pods, [&](std::uint32_t pod) { return too_many.count(pod) > 0; });
      solved = solve(pods, effort_);
    }
    return solved;
  }

  /// The longest prefix of the pods, by priority, then by what they cost alone, then in order, that
  /// stays within the limits. Found by bisection, so among prefixes that do not fit a longer one is
  /// not looked for.
  Solved within_limits(std::vector<std::uint32_t> pods, Reason reason,
                       std::vector<Unplaced>& cut_off) {
    std::vector<MicroUsdPerHour> alone(demand_.pods.size(), {std::int64_t{1} << 60});
    Problem all = compiled(pods);
    for (std::uint32_t c = 0; c < all.classes.size(); ++c) {
      const std::vector<FormPrice> prices = form_prices(all, c);
      for (std::uint32_t pod : all.classes[c].pods)
        if (pod != kNoPod && !prices.empty()) alone[pod] = prices[0].per_item;
    }
    std::vector<bool> hopeless(demand_.pods.size());
    for (const Unplaced& entry : all.unplaced) hopeless[entry.pod] = true;
    std::vector<Unplaced> never = all.unplaced;
    // Who needs a node that breaks the limit by itself must not keep the others waiting.
    const std::vector<std::optional<Reason>> beyond = beyond_limits(all, policy_);
    for (std::uint32_t c = 0; c < all.classes.size(); ++c)
      for (std::uint32_t pod : all.classes[c].pods) {
        if (!beyond[c] || pod == kNoPod) continue;
        hopeless[pod] = true;
        never.push_back({pod, *beyond[c]});
      }
    std::erase_if(pods, [&](std::uint32_t pod) { return bool{hopeless[pod]}; });
    std::stable_sort(pods.begin(), pods.end(), [&](std::uint32_t a, std::uint32_t b) {
      const auto pa = demand_.shapes[demand_.pods[a].shape].priority;
      const auto pb = demand_.shapes[demand_.pods[b].shape].priority;
      return pa != pb ? pa > pb : alone[a] < alone[b];
    });
    const Effort quick = without_proof(effort_of(std::min(options_.effort, 2)));
    std::size_t fits = 0, fails = pods.size() + 1;
    auto prefix = [&](std::size_t n) {
      std::vector<std::uint32_t> chosen(pods.begin(),
                                        pods.begin() + static_cast<std::ptrdiff_t>(n));
      std::sort(chosen.begin(), chosen.end());
      return chosen;
    };
    const auto bisect = [&](const Effort& effort) {
      while (fails - fits > 1) {
        const std::size_t middle = fits + (fails - fits) / 2;
        if (const auto broken = broken_limit(solve(prefix(middle), effort))) {
          fails = middle;
          reason = *broken;  // in the end, that of the first pod which does not fit
        } else {
          fits = middle;
        }
      }
    };
    // Coarsely first: a better fleet holds a little more than one found at once.
    bisect(effort_of(1));
    fails = std::min(pods.size() + 1, fits + 2 + pods.size() / 16);
    bisect(quick);
    Solved solved = solve(prefix(fits), effort_);
    while (fits > 0 && broken_limit(solved)) solved = solve(prefix(--fits), effort_);
    for (std::size_t i = fits; i < pods.size(); ++i) cut_off.push_back({pods[i], reason});
    cut_off.insert(cut_off.end(), never.begin(), never.end());
    return solved;
  }

  const cluster::Demand& demand_;
  const market::Market& market_;
  cluster::Policy policy_;  ///< its headroom goes first where a limit is too low for all
  LpSolver& solver_;
  const PlanOptions& options_;
  Geometries own_tables_;
  Geometries& tables_;  ///< kept from one compile to the next
  const Effort effort_;
  std::vector<std::int64_t> taken_;  ///< by stock: owned nodes that are not to be used; or empty
};

/// True if the month of two fleets, with the hours given for every Job, is less than the plan's.
bool apart_is_cheaper(const Plan& plan, const cluster::Demand& demand) {
  if (!plan.jobs_apart) return false;
  const std::optional<double> longest = longest_job(plan, demand);
  if (!longest) return false;
  const double month = static_cast<double>(plan.jobs_apart->always_on.micro) * kHoursPerMonth +
                       static_cast<double>(plan.jobs_apart->jobs.micro) * *longest;
  return month < static_cast<double>(plan.month_micro_usd);
}

}  // namespace

Plan make_plan(const cluster::Demand& demand, const market::Market& market,
               const cluster::Policy& policy, LpSolver& solver, const PlanOptions& options) {
  Planner planner(demand, market, policy, solver, options);
  Plan plan = planner.run();
  plan.jobs_apart = planner.other_way(plan);
  if (options.jobs == JobsOn::Auto && apart_is_cheaper(plan, demand)) {
    PlanOptions apart = options;
    apart.jobs = JobsOn::Apart;
    Plan other = Planner(demand, market, policy, solver, apart).run();
    // A limit may leave pods out that share nodes otherwise: serving them comes first.
    if (other.unplaced.size() <= plan.unplaced.size() &&
        other.month_micro_usd < plan.month_micro_usd)
      plan = std::move(other);
  }
  if (options.baselines) planner.compare(plan);
  if (options.levers) {
    if (options.progress) options.progress({"levers", plan.bill, plan.bound.per_hour});
    plan.levers = levers_of(plan, demand, market, policy, solver, options);
  }
  return plan;
}

}  // namespace kerf::plan
