// Parts each node's units over its GPUs, gives every slice its start and every pod its devices.
#include "core/plan/expand.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "base/assert.h"

namespace kerf::plan {

namespace {

/// A pod (or headroom) and the devices it gets, by unit.
struct Holder {
  std::uint32_t pod = kNoPod;
  bool headroom = false;
  std::vector<std::pair<std::size_t, std::int64_t>> devices;  ///< unit, how many
};

class Expander {
 public:
  Expander(const Problem& problem, const cluster::Demand& demand, const market::Market& market,
           const cluster::Policy& policy, Geometries& tables)
      : problem_(problem),
        demand_(demand),
        market_(market),
        policy_(policy),
        tables_(tables),
        next_(problem.classes.size()) {}

  NodePlan node(const Pattern& pattern) {
    const Machine& machine = problem_.machines[pattern.machine];
    const GpuKind& kind = *problem_.kinds[machine.kind];
    NodePlan node;
    node.type = machine.type;
    node.capacity_type = machine.capacity_type;
    node.zones = machine.zones;
    node.price = machine.price;
    node.owned = machine.stock >= 0 && machine.price.micro == 0;
    node.allocatable = machine.allocatable;
    std::vector<Holder> holders;
    UnitCounts units;
    LabelNeeds labels;
    for (const auto& [index, n] : pattern.content) {
      const Candidate& candidate = machine.candidates[index];
      const ItemClass& item = problem_.classes[candidate.cls];
      node.used = node.used + item.need * n;
      units = units.plus(candidate.units, n);
      labels = merge(labels, item.labels);
      for (std::int32_t i = 0; i < n; ++i) hand_out(machine, candidate, holders, node);
    }
    std::sort(node.pods.begin(), node.pods.end());
    node.labels = labels_of(labels);
    auto parts = kind.part(units, machine.gpus);
    KERF_ASSERT(parts.has_value(), "a pattern is feasible");
    std::sort(parts->begin(), parts->end(), std::greater<>());
    parts->resize(static_cast<std::size_t>(machine.gpus));
    for (const UnitCounts& part : *parts) node.gpus.push_back(cut(kind, part));
    seat(kind, holders, node);
    return node;
  }

 private:
  using Devices = std::vector<std::pair<std::size_t, std::int64_t>>;  ///< unit, how many
  using DevicesOf = std::map<std::vector<cluster::GpuRequest>, Devices>;

  /// The next item of the class: its pods and what each gets.
  void hand_out(const Machine& machine, const Candidate& candidate, std::vector<Holder>& holders,
                NodePlan& node) {
    const ItemClass& item = problem_.classes[candidate.cls];
    std::size_t& next = next_[candidate.cls];
    KERF_ASSERT(next + item.bundle <= item.pods.size(), "no more is served than the demand");
    DevicesOf served;
    if (!item.headroom) served = serve(machine, candidate, item, next);
    for (std::uint32_t i = 0; i < item.bundle; ++i) {
      Holder holder;
      holder.pod = item.pods[next++];
      holder.headroom = item.headroom;
      if (item.headroom) {
        holder.devices = all_of(candidate.units);
      } else {
        node.pods.push_back(holder.pod);
        holder.devices = served.at(demand_.shapes[demand_.pods[holder.pod].shape].gpu);
      }
      holders.push_back(std::move(holder));
    }
  }

  static Devices all_of(const UnitCounts& units) {
    Devices devices;
    for (std::size_t u = 0; u < UnitCounts::kMax; ++u)
      if (units.n[u] > 0) devices.emplace_back(u, units.n[u]);
    return devices;
  }

  /// One request of all pods of the item that have it.
  struct Share {
    const std::vector<cluster::GpuRequest>* requests;
    const cluster::GpuRequest* request;
    std::int64_t pods;
  };

  /// What each pod of an item gets, by its requests: like pods are served alike, and together they
  /// take exactly the candidate's units, as Offers::options put them together.
  DevicesOf serve(const Machine& machine, const Candidate& candidate, const ItemClass& item,
                  std::size_t first) const {
    std::map<std::vector<cluster::GpuRequest>, std::int64_t> times;
    for (std::uint32_t i = 0; i < item.bundle; ++i)
      ++times[demand_.shapes[demand_.pods[item.pods[first + i]].shape].gpu];
    std::vector<Share> shares;
    for (const auto& [requests, pods] : times)
      for (const cluster::GpuRequest& request : requests)
        shares.push_back({&requests, &request, pods});
    UnitCounts left = candidate.units;
    DevicesOf served;
    const bool found = choose(machine, shares, 0, left, served);
    KERF_ASSERT(found, "an item's units serve its pods");
    return served;
  }

  bool choose(const Machine& machine, const std::vector<Share>& shares, std::size_t s,
              UnitCounts& left, DevicesOf& served) const {
    if (s == shares.size()) return left.zero();
    const GpuKind& kind = *problem_.kinds[machine.kind];
    const std::int64_t each = shares[s].request->count;
    const std::int64_t all = each * shares[s].pods;
    Devices& devices = served[*shares[s].requests];
    for (const gpu::Form& form :
         forms_for(*shares[s].request, market_, market_.types[machine.type], policy_)) {
      for (std::size_t u = 0; u < kind.units().size(); ++u) {
        if (!(kind.units()[u] == form) || left.n[u] < all) continue;
        left.n[u] = static_cast<std::uint8_t>(left.n[u] - all);
        devices.emplace_back(u, each);
        if (choose(machine, shares, s + 1, left, served)) return true;
        devices.pop_back();
        left.n[u] = static_cast<std::uint8_t>(left.n[u] + all);
      }
    }
    return false;
  }

  /// One GPU with the units of `part` on it.
  GpuPlan cut(const GpuKind& kind, const UnitCounts& part) {
    GpuPlan gpu;
    gpu::Counts counts(kind.model().profiles.size());
    bool slices = false;
    for (std::size_t u = 0; u < kind.units().size(); ++u) {
      if (part.n[u] == 0) continue;
      const gpu::Form& form = kind.units()[u];
      if (form.kind == gpu::FormKind::Slice) {
        counts[form.profile] = part.n[u];
        slices = true;
        continue;
      }
      for (std::uint8_t i = 0; i < form.replicas; ++i)
        gpu.slices.push_back({form, i, kNoPod, false});
    }
    if (!slices) return gpu;
    for (const gpu::Placed& placed : layout_of(kind.model(), counts))
      for (const gpu::Form& form : kind.units())
        if (form.kind == gpu::FormKind::Slice && form.profile == placed.profile)
          gpu.slices.push_back({form, placed.start, kNoPod, false});
    return gpu;
  }

  /// Where the slices start; worked out once for each set of them.
  const gpu::Layout& layout_of(const gpu::Model& model, const gpu::Counts& counts) {
    auto [it, fresh] = layouts_.try_emplace({&model, counts});
    if (!fresh) return it->second;
    const auto table = tables_.of(model);
    const auto state = table->arrange(counts);
    KERF_ASSERT(state.has_value(), "corners are legal");
    return it->second = table->layout(*state);
  }

  /// Pods with most devices first, each on as few GPUs as the order gives.
  static void seat(const GpuKind& kind, std::vector<Holder>& holders, NodePlan& node) {
    std::stable_sort(holders.begin(), holders.end(), [](const Holder& a, const Holder& b) {
      auto size = [](const Holder& h) {
        std::int64_t sum = 0;
        for (const auto& [u, n] : h.devices) sum += n;
        return sum;
      };
      return size(a) > size(b);
    });
    std::vector<std::vector<bool>> taken;
    for (const GpuPlan& gpu : node.gpus) taken.emplace_back(gpu.slices.size());
    for (const Holder& holder : holders) {
      for (auto [u, n] : holder.devices) {
        for (std::size_t g = 0; g < node.gpus.size() && n > 0; ++g) {
          for (std::size_t s = 0; s < node.gpus[g].slices.size() && n > 0; ++s) {
            SlicePlan& slice = node.gpus[g].slices[s];
            if (taken[g][s] || !(slice.form == kind.units()[u])) continue;
            taken[g][s] = true;
            slice.pod = holder.pod;
            slice.headroom = holder.headroom;
            --n;
          }
        }
        KERF_ASSERT(n == 0, "the GPUs hold all units of the node");
      }
    }
  }

  const Problem& problem_;
  const cluster::Demand& demand_;
  const market::Market& market_;
  const cluster::Policy& policy_;
  Geometries& tables_;
  std::vector<std::size_t> next_;  ///< by class: pods handed out
  std::map<std::pair<const gpu::Model*, gpu::Counts>, gpu::Layout> layouts_;
};

}  // namespace

std::vector<NodePlan> expand(const Problem& problem, const Fleet& fleet,
                             const cluster::Demand& demand, const market::Market& market,
                             const cluster::Policy& policy, Geometries* tables) {
  Fleet ordered = fleet;
  std::sort(ordered.begin(), ordered.end(), [&](const Pattern& a, const Pattern& b) {
    const Machine& x = problem.machines[a.machine];
    const Machine& y = problem.machines[b.machine];
    if (x.price != y.price) return x.price > y.price;
    return std::tie(market.types[x.type].name, a) < std::tie(market.types[y.type].name, b);
  });
  Geometries own;
  Expander expander(problem, demand, market, policy, tables != nullptr ? *tables : own);
  std::vector<NodePlan> nodes;
  for (const Pattern& pattern : ordered) nodes.push_back(expander.node(pattern));
  return nodes;
}

}  // namespace kerf::plan
