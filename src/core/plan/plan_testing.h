// Small demands and markets for the tests of core/plan, and a slow, simple judge of what a node
// holds.
#pragma once

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/prng.h"
#include "codec/catalogue.h"
#include "core/cluster/demand.h"
#include "core/gpu/geometry.h"
#include "core/market/market.h"
#include "core/plan/pattern.h"
#include "core/plan/planner.h"
#include "core/plan/problem.h"

namespace kerf::plan::testing {

inline cluster::GpuRequest slice(const std::string& profile, std::int64_t count = 1) {
  cluster::GpuRequest request;
  request.kind = cluster::GpuRequestKind::Slice;
  request.profile = profile;
  request.count = count;
  return request;
}

inline cluster::GpuRequest whole(std::int64_t count = 1) {
  cluster::GpuRequest request;
  request.count = count;
  return request;
}

inline cluster::GpuRequest portable(std::int32_t gib) {
  cluster::GpuRequest request;
  request.kind = cluster::GpuRequestKind::Portable;
  request.gib = gib;
  return request;
}

/// Adds one workload of `count` like pods.
inline void add(cluster::Demand& demand, const std::string& name, std::int64_t count,
                cluster::PodShape shape) {
  shape.labels.emplace("app", name);
  shape.requests.pods = 1;
  cluster::Workload workload;
  workload.kind = "Deployment";
  workload.ns = shape.ns;
  workload.name = name;
  workload.pods = count;
  workload.asks = cluster::describe(shape.gpu);
  const std::uint32_t index = demand.intern(std::move(shape));
  demand.workloads.push_back(std::move(workload));
  for (std::int64_t i = 0; i < count; ++i)
    demand.pods.push_back({name + "-" + std::to_string(i), index,
                           static_cast<std::uint32_t>(demand.workloads.size() - 1)});
}

inline cluster::PodShape shape(cluster::GpuRequest request, std::int64_t cpu_milli = 1000,
                               std::int64_t memory_mib = 2048) {
  cluster::PodShape pod;
  pod.gpu = {std::move(request)};
  pod.requests = {cpu_milli, memory_mib, 0, 1};
  return pod;
}

/// The shipped market cut down to these types (all if empty).
inline market::Market market(const std::vector<std::string>& types = {}) {
  market::Market all = *codec::builtin_market("us-east-1");
  if (types.empty()) return all;
  std::erase_if(all.offerings, [&](const market::Offering& offering) {
    return std::find(types.begin(), types.end(), all.types[offering.type].name) == types.end();
  });
  return all;
}

/// No baselines, and few steps where the search is not what is tested.
inline PlanOptions quick(int effort = 2) {
  PlanOptions options;
  options.baselines = false;
  options.effort = effort;
  return options;
}

/// A demand compiled for tests of the planner's parts. The problem points into the market.
struct Compiled {
  cluster::Demand demand;
  market::Market market;
  cluster::Policy policy;
  Problem problem;
  std::vector<std::int64_t> items;  ///< by class

  Compiled() = default;
  Compiled(const Compiled&) = delete;
  Compiled& operator=(const Compiled&) = delete;

  void run() {
    std::vector<std::uint32_t> pods(demand.pods.size());
    std::iota(pods.begin(), pods.end(), 0);
    problem = compile(demand, pods, market, policy, Coupled::AsPlanned);
    items.clear();
    for (const ItemClass& item : problem.classes) items.push_back(item.demand);
  }
};

/// Types with one, two, four and eight GPUs, cut and uncut.
inline const std::vector<std::string>& some_types() {
  static const std::vector<std::string> types = {
      "g4dn.xlarge", "g4dn.12xlarge", "g6.xlarge",  "g6.12xlarge",  "g6f.2xlarge", "g6f.4xlarge",
      "g7e.2xlarge", "g7e.12xlarge",  "p5.4xlarge", "p4d.24xlarge", "g5.4xlarge"};
  return types;
}

/// Workloads of 1 to `most` pods that ask for slices, whole GPUs and portable shares.
inline void add_random(Prng& prng, int kinds, std::uint64_t most, cluster::Demand& demand) {
  const char* profiles[] = {"1g.5gb", "2g.10gb", "3g.20gb", "1g.10gb", "3g.40gb", "1g.24gb"};
  const std::int32_t ladder[] = {5, 8, 10, 16, 20};
  for (int k = 0; k < kinds; ++k) {
    cluster::GpuRequest request = whole();
    const std::uint64_t draw = prng.below(6);
    if (draw < 3) request = slice(profiles[prng.below(6)], 1 + static_cast<std::int64_t>(draw / 2));
    else if (draw < 5) request = portable(ladder[prng.below(5)]);
    if (draw == 4) request.isolation = cluster::Isolation::Shared;
    add(demand, "w" + std::to_string(demand.workloads.size()),
        static_cast<std::int64_t>(1 + prng.below(most)),
        shape(request, static_cast<std::int64_t>(250 * (1 + prng.below(16))),
              static_cast<std::int64_t>(1024 * (1 + prng.below(16)))));
  }
}

/// One device request and the forms that serve it; all `count` devices get the same form.
struct Wish {
  std::vector<gpu::Form> forms;
  std::int64_t count = 1;
};

/// Says by plain search over legal states, one device after the other, whether the GPUs of one node
/// serve all wishes. Shares nothing with GpuKind but the table of legal states.
class NodeOracle {
 public:
  NodeOracle(const gpu::Model& model, int gpus)
      : model_(&model), empty_(static_cast<std::size_t>(gpus)) {}

  bool holds(const std::vector<Wish>& wishes) {
    wishes_ = &wishes;
    failed_.clear();
    return serve(0, empty_);
  }

 private:
  /// What is on one GPU: (0, 0, 0) nothing, (1, state, 0) slices, (2, form, n) n pods in that form.
  using Gpu = std::tuple<int, int, int>;
  using Gpus = std::vector<Gpu>;

  static const gpu::Geometry& table(const gpu::Model& model) {
    static std::map<std::string, gpu::Geometry> tables;
    return tables.try_emplace(model.key, model).first->second;
  }
  static int key(const gpu::Form& form) {
    return static_cast<int>(form.kind) * 256 + form.replicas;
  }

  bool serve(std::size_t wish, const Gpus& gpus) {
    if (wish == wishes_->size()) return true;
    for (std::size_t f = 0; f < (*wishes_)[wish].forms.size(); ++f)
      if (put(wish, f, (*wishes_)[wish].count, gpus)) return true;
    return false;
  }

  bool put(std::size_t wish, std::size_t f, std::int64_t left, const Gpus& gpus) {
    if (left == 0) return serve(wish + 1, gpus);
    const auto question = std::make_tuple(wish, f, left, gpus);
    if (failed_.count(question) != 0) return false;
    const gpu::Form& form = (*wishes_)[wish].forms[f];
    for (std::size_t g = 0; g < gpus.size(); ++g) {
      if (g > 0 && gpus[g] == gpus[g - 1]) continue;  // the same again
      for (const Gpu& next : after(gpus[g], form)) {
        Gpus changed = gpus;
        changed[g] = next;
        std::sort(changed.begin(), changed.end());
        if (mixed(changed)) continue;
        if (put(wish, f, left - 1, changed)) return true;
      }
    }
    failed_.insert(question);
    return false;
  }

  /// All that one GPU can be after one more device.
  Gpus after(const Gpu& gpu, const gpu::Form& form) const {
    const auto [kind, what, n] = gpu;
    Gpus next;
    if (form.kind != gpu::FormKind::Slice) {
      if (kind == 0 || (kind == 2 && what == key(form) && n < form.replicas))
        next.emplace_back(2, key(form), n + 1);
      return next;
    }
    if (kind == 2) return next;
    const gpu::Geometry& states = table(*model_);
    const auto state = static_cast<gpu::Geometry::State>(what);
    for (std::size_t i = 0; i < states.items().size(); ++i)
      if (states.items()[i].profile == form.profile && (states.addable(state) >> i & 1) != 0)
        next.emplace_back(1, states.added(state, static_cast<gpu::Geometry::Item>(i)), 0);
    return next;
  }

  /// On Ampere a node is cut or whole.
  bool mixed(const Gpus& gpus) const {
    if (model_->generation != gpu::Generation::Ampere || !model_->cuttable()) return false;
    bool cut = false, uncut = false;
    for (const Gpu& gpu : gpus) {
      cut = cut || std::get<0>(gpu) == 1;
      uncut = uncut || std::get<0>(gpu) == 2;
    }
    return cut && uncut;
  }

  const gpu::Model* model_;
  Gpus empty_;
  const std::vector<Wish>* wishes_ = nullptr;
  std::set<std::tuple<std::size_t, std::size_t, std::int64_t, Gpus>> failed_;
};

/// Can a node hold this content? By sums, by the rules for company, and by NodeOracle.
inline bool feasible(const Problem& problem, const Pattern& pattern) {
  const Machine& machine = problem.machines[pattern.machine];
  const GpuKind& kind = *problem.kinds[machine.kind];
  Resources used;
  std::map<std::uint32_t, std::int64_t> here;
  std::vector<Wish> wishes;
  for (const auto& [candidate, n] : pattern.content) {
    const Candidate& c = machine.candidates[candidate];
    used = used + problem.classes[c.cls].need * n;
    here[c.cls] += n;
    for (std::size_t u = 0; u < kind.units().size(); ++u)
      if (c.units.n[u] > 0) wishes.push_back({{kind.units()[u]}, std::int64_t{c.units.n[u]} * n});
  }
  if (!used.fits(machine.allocatable)) return false;
  for (const auto& [a, n] : here) {
    if (n > problem.classes[a].per_node) return false;
    for (const auto& [b, m] : here)
      if (a != b && !problem.may_share(a, b)) return false;
  }
  return NodeOracle(kind.model(), machine.gpus).holds(wishes);
}

/// The same by filling a Room again, for nodes that are too full for plain search.
inline bool refills(const Problem& problem, const Pattern& pattern) {
  Room room(problem, pattern.machine);
  for (const auto& [candidate, n] : pattern.content) {
    if (n <= 0 || room.most(candidate, n) != n) return false;
    room.add(candidate, n);
  }
  return true;
}

}  // namespace kerf::plan::testing
