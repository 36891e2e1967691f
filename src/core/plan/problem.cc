// compile(): pods become classes, offers become machines, and what can never run gets its reason.
#include "core/plan/problem.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "core/plan/coupling.h"
#include "core/plan/offers.h"
#include "core/plan/unservable.h"

namespace kerf::plan {

namespace {

using cluster::GpuRequest;
using market::CapacityType;

/// Of a node that is missing: above all prices, and far below what sums can hold.
constexpr MicroUsdPerHour kMissingPrice{100'000'000'000};

bool for_bound(Coupled coupled) {
  return coupled == Coupled::ForBound || coupled == Coupled::Unbundled;
}

class Compiler {
 public:
  Compiler(Offers& offers, Geometries& tables) : offers_(offers), tables_(tables) {}

  Problem run(const cluster::Demand& demand, const std::vector<std::uint32_t>& pods,
              Coupled coupled) {
    Coupling coupling = couple(
        demand, pods,
        [this](std::uint32_t shape) {
          return Zones{offers_.zones(shape), offers_.selected_zones(shape)};
        },
        for_bound(coupled), coupled != Coupled::Unbundled, coupled == Coupled::Gathered);
    open_labels_ = for_bound(coupled);
    problem_.unplaced = std::move(coupling.unplaced);
    problem_.relaxed = std::move(coupling.relaxed);
    problem_.company_chosen = coupling.company_chosen;
    problem_.notes = offers_.notes();
    make_classes(coupling);
    if (chose_labels_) problem_.relaxed.push_back("which labels the nodes carry");
    problem_.restricted = !problem_.relaxed.empty();
    add_headroom(static_cast<std::uint32_t>(demand.shapes.size()));
    problem_.stocks = offers_.stocks();
    make_machines();
    drop_unservable(demand);
    drop_dominated();
    add_missing();
    index_conflicts();
    problem_.limit_gpus = offers_.policy().limit_gpus.value_or(-1);
    problem_.truncated = offers_.truncated();
    return std::move(problem_);
  }

 private:
  void make_classes(const Coupling& coupling) {
    std::vector<bool> alone(coupling.groups.size());
    for (const auto& [a, b] : coupling.conflicts) alone[a] = alone[b] = true;
    // What must be equal for two groups to be one class.
    using Key = std::tuple<Resources, std::vector<std::vector<GpuRequest>>,
                           std::vector<std::uint32_t>, std::string, std::int32_t, std::size_t>;
    std::map<Key, std::uint32_t> index;
    std::vector<std::uint32_t> class_of;
    for (std::size_t g = 0; g < coupling.groups.size(); ++g) {
      const Group& group = coupling.groups[g];
      ItemClass item;
      std::vector<std::vector<GpuRequest>> gpu;
      std::vector<std::uint32_t> admissions;
      for (std::uint32_t s : group.shapes) {
        item.need = item.need + offers_.shape(s).requests;
        gpu.push_back(offers_.shape(s).gpu);
        admissions.push_back(offers_.admission(s));
      }
      // A limit of items on a node counts one group only, so such groups stay classes of their own.
      bool limited = group.per_node != std::numeric_limits<std::int32_t>::max();
      Key key{
          item.need, gpu, admissions, group.zone, group.per_node, alone[g] || limited ? g + 1 : 0};
      auto [it, fresh] =
          index.try_emplace(key, static_cast<std::uint32_t>(problem_.classes.size()));
      if (fresh) {
        item.bundle = static_cast<std::uint32_t>(group.shapes.size());
        item.shapes = group.shapes;
        item.per_node = group.per_node;
        for (std::uint32_t s : group.shapes) add_labels(s, item);
        problem_.classes.push_back(std::move(item));
        zone_.push_back(group.zone);
      }
      ItemClass& item_class = problem_.classes[it->second];
      item_class.pods.insert(item_class.pods.end(), group.pods.begin(), group.pods.end());
      item_class.demand = static_cast<std::int64_t>(item_class.pods.size() / item_class.bundle);
      class_of.push_back(it->second);
    }
    for (const auto& [a, b] : coupling.conflicts) apart_.emplace_back(class_of[a], class_of[b]);
  }

  /// Where labels had to be chosen, a bound leaves them open.
  void add_labels(std::uint32_t s, ItemClass& item) {
    if (chooses_labels(offers_.market(), offers_.policy(), offers_.shape(s))) {
      chose_labels_ = true;
      if (open_labels_) return;
    }
    item.labels =
        merge(item.labels, label_needs(offers_.market(), offers_.policy(), offers_.shape(s)));
  }

  void add_headroom(std::uint32_t first_shape) {
    for (std::size_t h = 0; h < offers_.policy().headroom.size(); ++h) {
      if (offers_.policy().headroom[h].count <= 0) continue;
      ItemClass item;
      item.shapes = {first_shape + static_cast<std::uint32_t>(h)};
      item.need = offers_.policy().headroom[h].each;
      item.need.pods = 1;
      item.demand = offers_.policy().headroom[h].count;
      item.pods.assign(static_cast<std::size_t>(item.demand), kNoPod);
      item.headroom = true;
      problem_.classes.push_back(std::move(item));
      zone_.emplace_back();
    }
  }

  bool admits_class(std::uint32_t c, std::size_t offer) const {
    if (!zone_[c].empty() && zone_[c] != offers_.all()[offer].zone) return false;
    for (const auto& [key, need] : problem_.classes[c].labels)
      if (!need.satisfiable()) return false;
    for (std::uint32_t s : problem_.classes[c].shapes)
      if (!offers_.admitted(s, offer)) return false;
    return true;
  }

  struct Draft {
    std::vector<std::pair<std::uint32_t, FormCounts>> ways;  ///< class, forms
  };

  /// What classes can do on a type and mode, before any offering is looked at.
  const Draft& draft(std::uint32_t type, GpuMode mode) {
    auto [it, fresh] = drafts_.try_emplace({type, mode});
    if (!fresh) return it->second;
    for (std::uint32_t c = 0; c < problem_.classes.size(); ++c) {
      if (!problem_.classes[c].need.fits(offers_.allocatable(type))) continue;
      for (FormCounts& way : offers_.options(problem_.classes[c].shapes, type, mode))
        it->second.ways.emplace_back(c, std::move(way));
    }
    return it->second;
  }

  /// One kind per model, mode and set of forms in use by some class there.
  std::uint16_t kind_of(const gpu::Model& model, GpuMode mode, const Draft& draft) {
    std::vector<gpu::Form> units;
    for (const auto& [c, way] : draft.ways)
      for (const auto& [form, n] : way)
        if (std::find(units.begin(), units.end(), form) == units.end()) units.push_back(form);
    std::sort(units.begin(), units.end(), [](const gpu::Form& a, const gpu::Form& b) {
      return std::tie(a.kind, a.profile, a.replicas) < std::tie(b.kind, b.profile, b.replicas);
    });
    for (std::size_t k = 0; k < problem_.kinds.size(); ++k)
      if (problem_.kinds[k]->model().key == model.key && problem_.kinds[k]->mode() == mode &&
          problem_.kinds[k]->units() == units)
        return static_cast<std::uint16_t>(k);
    problem_.kinds.push_back(std::make_unique<GpuKind>(model, mode, std::move(units), &tables_));
    return static_cast<std::uint16_t>(problem_.kinds.size() - 1);
  }

  static UnitCounts to_units(const GpuKind& kind, const FormCounts& way) {
    UnitCounts units;
    for (const auto& [form, n] : way)
      for (std::size_t u = 0; u < kind.units().size(); ++u)
        if (kind.units()[u] == form) units.n[u] = static_cast<std::uint8_t>(units.n[u] + n);
    return units;
  }

  void make_machines() {
    std::map<std::tuple<std::uint32_t, CapacityType, GpuMode, std::int64_t, std::int32_t,
                        std::vector<bool>>,
             std::size_t>
        index;
    for (std::size_t o = 0; o < offers_.all().size(); ++o) {
      const Offer& offer = offers_.all()[o];
      const market::InstanceType& type = offers_.market().types[offer.type];
      const gpu::Model& model = offers_.market().model_of(type);
      for (GpuMode mode : offers_.modes(offer.type)) {
        const Draft& ways = draft(offer.type, mode);
        std::vector<bool> serves(ways.ways.size());
        bool any = false;
        for (std::size_t i = 0; i < ways.ways.size(); ++i) {
          serves[i] = admits_class(ways.ways[i].first, o);
          any = any || serves[i];
        }
        if (!any) continue;
        auto [it, fresh] = index.try_emplace(
            {offer.type, offer.capacity_type, mode, offer.price.micro, offer.stock, serves},
            problem_.machines.size());
        if (!fresh) {
          problem_.machines[it->second].zones.push_back(offer.zone);
          continue;
        }
        Machine machine;
        machine.type = offer.type;
        machine.capacity_type = offer.capacity_type;
        if (!offer.zone.empty()) machine.zones = {offer.zone};
        machine.price = offer.price;
        machine.stock = offer.stock;
        if (offer.stock >= 0)
          machine.at_most = problem_.stocks[static_cast<std::size_t>(offer.stock)];
        machine.allocatable = offers_.allocatable(offer.type);
        machine.gpus = type.gpu_count;
        machine.kind = kind_of(model, mode, ways);
        const GpuKind& kind = *problem_.kinds[machine.kind];
        for (std::size_t i = 0; i < ways.ways.size(); ++i) {
          if (!serves[i]) continue;
          UnitCounts units = to_units(kind, ways.ways[i].second);
          if (kind.covers(units, machine.gpus))
            machine.candidates.push_back({ways.ways[i].first, units});
        }
        problem_.machines.push_back(std::move(machine));
      }
    }
    std::erase_if(problem_.machines, [](const Machine& m) { return m.candidates.empty(); });
    for (Machine& machine : problem_.machines)
      std::sort(machine.zones.begin(), machine.zones.end());
  }

  /// Each pod of the class gets its reason: what alike pods say of nodes may differ in words.
  void refuse(const cluster::Demand& demand, std::uint32_t c) {
    ItemClass one = problem_.classes[c];
    std::map<std::uint32_t, Reason> reasons;  // by shape
    for (const std::uint32_t pod : problem_.classes[c].pods) {
      if (pod == kNoPod) continue;
      const std::uint32_t shape = one.bundle == 1 ? demand.pods[pod].shape : one.shapes[0];
      auto it = reasons.find(shape);
      if (it == reasons.end()) {
        if (one.bundle == 1) one.shapes = {shape};
        it = reasons.emplace(shape, why_unservable(offers_, one, zone_[c])).first;
      }
      problem_.unplaced.push_back({pod, it->second});
    }
  }

  /// Gives every class that no machine serves its reason and takes it out.
  void drop_unservable(const cluster::Demand& demand) {
    std::vector<bool> served(problem_.classes.size());
    for (const Machine& machine : problem_.machines)
      for (const Candidate& candidate : machine.candidates) served[candidate.cls] = true;
    std::vector<std::uint32_t> renumbered(problem_.classes.size());
    std::vector<ItemClass> kept;
    for (std::uint32_t c = 0; c < problem_.classes.size(); ++c) {
      renumbered[c] = static_cast<std::uint32_t>(kept.size());
      if (served[c]) {
        kept.push_back(std::move(problem_.classes[c]));
        continue;
      }
      refuse(demand, c);
      if (problem_.classes[c].headroom)
        problem_.notes.push_back(
            fmt::format("No node can serve the headroom {}.",
                        cluster::describe(offers_.shape(problem_.classes[c].shapes[0]).gpu)));
    }
    problem_.classes = std::move(kept);
    for (Machine& machine : problem_.machines)
      for (Candidate& candidate : machine.candidates) candidate.cls = renumbered[candidate.cls];
    std::erase_if(apart_,
                  [&](const auto& pair) { return !served[pair.first] || !served[pair.second]; });
    for (auto& [a, b] : apart_) {
      a = renumbered[a];
      b = renumbered[b];
    }
  }

  /// Takes out machines that another one beats: no dearer, no smaller, the same GPUs, and every
  /// class of theirs, and as many as anybody wants (or the same nodes). No fleet gets dearer by it,
  /// so bounds and plans may both rely on it.
  void drop_dominated() {
    auto beats = [](const Machine& a, const Machine& b) {
      if (a.stock >= 0 && a.stock != b.stock) return false;
      if (a.kind != b.kind || a.gpus != b.gpus || a.price > b.price ||
          !b.allocatable.fits(a.allocatable) || a.candidates.size() < b.candidates.size())
        return false;
      std::size_t i = 0;
      for (const Candidate& candidate : b.candidates) {
        while (i < a.candidates.size() && (a.candidates[i].cls != candidate.cls ||
                                           !(a.candidates[i].units == candidate.units)))
          ++i;
        if (i == a.candidates.size()) return false;
      }
      return true;
    };
    std::vector<Machine>& machines = problem_.machines;
    std::vector<bool> drop(machines.size());
    for (std::size_t i = 0; i < machines.size(); ++i)
      for (std::size_t j = 0; j < machines.size() && !drop[i]; ++j)
        if (i != j && !drop[j] && beats(machines[j], machines[i]))
          drop[i] = j < i || !beats(machines[i], machines[j]);
    for (std::size_t i = 0; i < machines.size(); ++i) {
      if (!drop[i]) continue;
      for (std::size_t k = 0; k < machines.size(); ++k) {
        if (drop[k] || !beats(machines[k], machines[i])) continue;
        machines[k].beaten.push_back(
            {machines[i].type, machines[i].capacity_type, machines[i].zones, machines[i].price});
        break;
      }
    }
    std::vector<Machine> kept;
    for (std::size_t i = 0; i < machines.size(); ++i)
      if (!drop[i]) kept.push_back(std::move(machines[i]));
    machines = std::move(kept);
  }

  /// For classes that only limited machines serve: the same machines without a limit, as missing.
  void add_missing() {
    std::vector<bool> sure(problem_.classes.size());
    for (const Machine& machine : problem_.machines)
      for (const Candidate& candidate : machine.candidates)
        if (machine.stock < 0) sure[candidate.cls] = true;
    std::vector<Machine> missing;
    for (const Machine& machine : problem_.machines) {
      if (machine.stock < 0) continue;
      Machine copy = machine;
      std::erase_if(copy.candidates, [&](const Candidate& c) { return bool{sure[c.cls]}; });
      if (copy.candidates.empty()) continue;
      copy.beaten.clear();
      copy.at_most = copy.stock = -1;
      copy.missing = true;
      copy.price = kMissingPrice;
      missing.push_back(std::move(copy));
    }
    problem_.machines.insert(problem_.machines.end(), missing.begin(), missing.end());
  }

  void index_conflicts() {
    const std::size_t n = problem_.classes.size();
    const bool labels = std::any_of(problem_.classes.begin(), problem_.classes.end(),
                                    [](const ItemClass& item) { return !item.labels.empty(); });
    if (apart_.empty() && !labels) return;
    problem_.conflicts.assign(n * n, false);
    for (const auto& [a, b] : apart_)
      problem_.conflicts[a * n + b] = problem_.conflicts[b * n + a] = true;
    if (!labels) return;
    for (std::size_t a = 0; a < n; ++a)
      for (std::size_t b = a + 1; b < n; ++b)
        if (!compatible(problem_.classes[a].labels, problem_.classes[b].labels))
          problem_.conflicts[a * n + b] = problem_.conflicts[b * n + a] = true;
  }

  Offers& offers_;
  Geometries& tables_;
  Problem problem_;
  bool open_labels_ = false;
  bool chose_labels_ = false;
  std::map<std::pair<std::uint32_t, GpuMode>, Draft> drafts_;
  std::vector<std::string> zone_;  ///< by class: "" = any
  std::vector<std::pair<std::uint32_t, std::uint32_t>> apart_;
};

}  // namespace

Problem compile(const cluster::Demand& demand, const std::vector<std::uint32_t>& pods,
                const market::Market& market, const cluster::Policy& policy, Coupled coupled,
                Geometries* tables) {
  Offers offers(demand, market, policy,
                for_bound(coupled) ? GivenLabels::Open : GivenLabels::AsChosen);
  Geometries own;
  return Compiler(offers, tables != nullptr ? *tables : own).run(demand, pods, coupled);
}

}  // namespace kerf::plan
