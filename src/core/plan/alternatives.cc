// Prices of forms and constraints: the pods' problem is compiled again without each constraint.
#include "core/plan/alternatives.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>

#include "core/plan/account.h"
#include "core/plan/problem.h"

namespace kerf::plan {
namespace {

/// The market without what is owned.
market::Market bought_only(market::Market market) {
  std::erase_if(market.offerings, [](const market::Offering& offering) {
    return offering.count.has_value() && offering.price.micro == 0;
  });
  return market;
}

MicroUsdPerHour divided_up(Int128 total, std::int64_t by) {
  return {static_cast<std::int64_t>((total + by - 1) / by)};
}

/// What a compiled problem says: prices are weighted by pods where zones part them in classes.
struct Priced {
  std::vector<Alternative> forms;
  std::optional<PodPrice> least;
  Reason why_not;
};

class Sum {
 public:
  void add(const PodPrice& price, std::int64_t pods) {
    shared_ += Int128{price.shared.micro} * pods;
    alone_ += Int128{price.alone.micro} * pods;
    pods_ += pods;
  }
  PodPrice mean() const { return {divided_up(shared_, pods_), divided_up(alone_, pods_)}; }

 private:
  Int128 shared_ = 0, alone_ = 0;
  std::int64_t pods_ = 0;
};

Priced priced(const cluster::Demand& demand, const std::vector<std::uint32_t>& pods,
              const market::Market& market, const cluster::Policy& policy, Geometries& tables) {
  const Problem problem = compile(demand, pods, market, policy, Coupled::AsPlanned, &tables);
  Priced out;
  struct Entry {
    std::string type;
    Sum sum;
  };
  std::map<std::string, Entry> forms;
  Sum least;
  bool served = problem.unplaced.empty();
  if (!served) out.why_not = problem.unplaced.front().reason;
  for (std::uint32_t cls = 0; cls < problem.classes.size(); ++cls) {
    const ItemClass& item = problem.classes[cls];
    if (item.headroom) continue;
    const auto count = item.demand * static_cast<std::int64_t>(item.bundle);
    std::optional<PodPrice> best;
    for (const FormPrice& form : form_prices(problem, cls)) {
      const PodPrice price{form.shared, form.per_item};
      Entry& entry =
          forms.try_emplace(form.form, Entry{market.types[form.type].name, {}}).first->second;
      entry.sum.add(price, count);
      if (!best) best = price;
      best->shared = std::min(best->shared, price.shared);
      best->alone = std::min(best->alone, price.alone);
    }
    if (best) least.add(*best, count);
    else served = false;
  }
  for (const auto& [name, entry] : forms) out.forms.push_back({name, entry.type, entry.sum.mean()});
  std::stable_sort(out.forms.begin(), out.forms.end(),
                   [](const auto& a, const auto& b) { return a.price < b.price; });
  if (served && !out.forms.empty()) out.least = least.mean();
  else if (out.why_not.args.empty())
    out.why_not = {ReasonCode::NoTypeMatches, {"the number of nodes that can be had"}};
  return out;
}

std::string text_of(const cluster::Requirement& requirement) {
  using cluster::Operator;
  const std::string values = fmt::format("{}", fmt::join(requirement.values, " or "));
  switch (requirement.op) {
    case Operator::In: return fmt::format("{}={}", requirement.key, values);
    case Operator::NotIn: return fmt::format("{} not {}", requirement.key, values);
    case Operator::Exists: return requirement.key;
    case Operator::DoesNotExist: return "no " + requirement.key;
    case Operator::Gt: return fmt::format("{} > {}", requirement.key, values);
    case Operator::Lt: return fmt::format("{} < {}", requirement.key, values);
  }
  return requirement.key;
}

std::string text_of(const std::vector<cluster::Requirements>& terms) {
  std::string out;
  for (const cluster::Requirements& term : terms) {
    if (!out.empty()) out += ", or ";
    for (std::size_t i = 0; i < term.size(); ++i) out += (i == 0 ? "" : " and ") + text_of(term[i]);
  }
  return out;
}

/// The largest portable request that a device of so many GB meets.
std::int32_t ladder_below(std::int32_t gb) {
  std::int32_t best = cluster::kPortableLadder[0];
  for (const int step : cluster::kPortableLadder)
    if (step <= gb) best = step;
  return best;
}

/// "1g.10gb+me" -> 10; 0 if the name does not say it.
std::int32_t profile_gb(const std::string& profile) {
  const std::size_t dot = profile.find('.');
  std::int32_t gb = 0;
  for (std::size_t i = dot == std::string::npos ? profile.size() : dot + 1;
       i < profile.size() && profile[i] >= '0' && profile[i] <= '9' && gb < 1000; ++i)
    gb = gb * 10 + (profile[i] - '0');
  return gb;
}

/// The shape and the policy with one thing less.
struct Relaxed {
  std::string name;
  cluster::PodShape shape;
  cluster::Policy policy;
};

class Relaxing {
 public:
  Relaxing(const cluster::PodShape& shape, const cluster::Policy& policy)
      : shape_(shape), policy_(policy) {}

  std::vector<Relaxed> run() {
    for (std::size_t i = 0; i < shape_.node_selector.size(); ++i)
      without("node selector " + text_of(shape_.node_selector[i]), [&](cluster::PodShape& shape) {
        shape.node_selector.erase(shape.node_selector.begin() + static_cast<std::ptrdiff_t>(i));
      });
    if (!shape_.node_affinity.empty())
      without("node affinity " + text_of(shape_.node_affinity),
              [](cluster::PodShape& shape) { shape.node_affinity.clear(); });
    if (shape_.volume_zone_bound)
      without(fmt::format("volumes in {}",
                          shape_.volume_zones.empty()
                              ? "no zone that all of them are in"
                              : fmt::format("{}", fmt::join(shape_.volume_zones, " or "))),
              [](cluster::PodShape& shape) {
                shape.volume_zone_bound = false;
                shape.volume_zones.clear();
              });
    taints();
    each(&cluster::PodShape::spread, "spread over ");
    each(&cluster::PodShape::affinity, "affinity to other pods by ");
    each(&cluster::PodShape::anti_affinity, "anti-affinity by ");
    requests();
    if (shape_.requests.cpu_milli > 0)
      without(fmt::format("{} CPU", static_cast<double>(shape_.requests.cpu_milli) / 1000),
              [](cluster::PodShape& shape) { shape.requests.cpu_milli = 0; });
    if (shape_.requests.memory_mib > 0)
      without(fmt::format("{:.1f} GiB of memory",
                          static_cast<double>(shape_.requests.memory_mib) / 1024),
              [](cluster::PodShape& shape) { shape.requests.memory_mib = 0; });
    if (policy_.architectures.size() == 1 && !names_arch(shape_)) {
      Relaxed more{fmt::format("architecture {} of the policy", policy_.architectures[0]), shape_,
                   policy_};
      more.policy.architectures = {"amd64", "arm64"};
      out_.push_back(std::move(more));
    }
    return std::move(out_);
  }

 private:
  void without(std::string name, const std::function<void(cluster::PodShape&)>& change) {
    Relaxed relaxed{std::move(name), shape_, policy_};
    change(relaxed.shape);
    if (relaxed.shape != shape_) out_.push_back(std::move(relaxed));
  }

  template <class T>
  void each(std::vector<T> cluster::PodShape::*list, const std::string& what) {
    for (std::size_t i = 0; i < (shape_.*list).size(); ++i)
      without(what + (shape_.*list)[i].topology_key, [&](cluster::PodShape& shape) {
        (shape.*list).erase((shape.*list).begin() + static_cast<std::ptrdiff_t>(i));
      });
  }

  void taints() {
    std::vector<std::string> hard;
    for (const cluster::Taint& taint : policy_.node_taints)
      if (taint.effect != "PreferNoSchedule" && !tolerates(shape_.tolerations, taint))
        hard.push_back(taint.key);
    if (hard.empty()) return;
    without(fmt::format("no toleration of {}", fmt::join(hard, ", ")),
            [](cluster::PodShape& shape) {
              shape.tolerations.push_back({"", true, "", ""});
            });
  }

  /// Isolation, and asking for one product where memory is what counts.
  void requests() {
    using cluster::GpuRequestKind;
    using cluster::Isolation;
    bool isolated = policy_.isolation_floor != Isolation::Shared;
    bool portable = false;
    for (const cluster::GpuRequest& request : shape_.gpu) {
      portable = portable || request.kind == GpuRequestKind::Portable;
      isolated = isolated || request.isolation != Isolation::Shared;
    }
    if (portable && isolated) {
      Relaxed relaxed{"isolation (no time-slicing)", shape_, policy_};
      relaxed.policy.isolation_floor = Isolation::Shared;
      for (cluster::GpuRequest& request : relaxed.shape.gpu) request.isolation = Isolation::Shared;
      out_.push_back(std::move(relaxed));
    }
    for (std::size_t i = 0; i < shape_.gpu.size(); ++i) {
      const cluster::GpuRequest& request = shape_.gpu[i];
      const std::int32_t gb = profile_gb(request.profile);
      if (request.kind == GpuRequestKind::Slice && gb > 0)
        without(fmt::format("profile {} by name (not kerf.dev/gpu-{}gi)", request.profile,
                            ladder_below(gb)),
                [&](cluster::PodShape& shape) {
                  shape.gpu[i].kind = GpuRequestKind::Portable;
                  shape.gpu[i].profile.clear();
                  shape.gpu[i].gib = ladder_below(gb);
                });
    }
  }

  const cluster::PodShape& shape_;
  const cluster::Policy& policy_;
  std::vector<Relaxed> out_;
};

}  // namespace

Alternatives alternatives(const cluster::Demand& demand, const std::vector<std::uint32_t>& pods,
                          const market::Market& market, const cluster::Policy& policy) {
  Alternatives out;
  if (pods.empty()) return out;
  const market::Market bought = bought_only(market);
  const std::uint32_t shape = demand.pods.at(pods.front()).shape;
  // These pods and nobody else: affinity to others cannot be judged, and is left out.
  cluster::Demand own;
  cluster::PodShape alike = demand.shapes.at(shape);
  std::erase_if(alike.affinity, [&](const cluster::AffinityTerm& term) {
    return !cluster::matches(term.selector, demand.shapes.at(shape));
  });
  own.shapes = {alike};
  own.overhead = demand.overhead;
  own.workloads = {demand.workloads.at(demand.pods[pods.front()].workload)};
  std::vector<std::uint32_t> all;
  for (const std::uint32_t pod : pods) {
    all.push_back(static_cast<std::uint32_t>(own.pods.size()));
    own.pods.push_back({demand.pods.at(pod).name, 0, 0});
  }
  cluster::Policy plain = policy;
  plain.headroom.clear();
  Geometries tables;
  Priced now = priced(own, all, bought, plain, tables);
  out.forms = std::move(now.forms);
  out.least = now.least;
  out.why_not = std::move(now.why_not);
  for (Relaxed& relaxed : Relaxing(alike, plain).run()) {
    own.shapes = {std::move(relaxed.shape)};
    const Priced then = priced(own, all, bought, relaxed.policy, tables);
    Constraint constraint{std::move(relaxed.name), then.least, {}, {}};
    if (out.least && then.least) {
      constraint.saving = std::max(out.least->shared - then.least->shared, MicroUsdPerHour{});
      constraint.saving_alone = std::max(out.least->alone - then.least->alone, MicroUsdPerHour{});
    }
    out.constraints.push_back(std::move(constraint));
  }
  const bool stuck = !out.least;
  std::stable_sort(out.constraints.begin(), out.constraints.end(),
                   [&](const Constraint& a, const Constraint& b) {
                     if (stuck && a.without.has_value() != b.without.has_value())
                       return a.without.has_value();
                     if (a.saving != b.saving) return a.saving > b.saving;
                     return a.saving_alone > b.saving_alone;
                   });
  return out;
}

}  // namespace kerf::plan
