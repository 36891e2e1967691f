// Dollars, reasons and utilisation of a finished fleet.
#include "core/plan/account.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <tuple>

#include "core/gpu/geometry.h"
#include "core/plan/month.h"

namespace kerf::plan {

namespace {

/// Memory slots held, of the model's slots (whole GPUs and replicas: in the same measure).
double slots_held(const gpu::Model& model, const gpu::Form& form) {
  if (form.kind == gpu::FormKind::Slice)
    return static_cast<double>(model.profiles[form.profile].slots) / model.slots;
  return 1.0 / form.replicas;
}

/// One order of forms for every list that is named.
void in_order(gpu::Devices& devices) {
  std::sort(devices.begin(), devices.end(), [](const auto& a, const auto& b) {
    return std::tie(a.first.kind, a.first.profile, a.first.replicas) <
           std::tie(b.first.kind, b.first.profile, b.first.replicas);
  });
}

class Accountant {
 public:
  Accountant(const Problem& problem, const cluster::Demand& demand, const market::Market& market,
             Plan& plan)
      : problem_(problem), demand_(demand), market_(market), plan_(plan), month_(demand) {}

  void run() {
    plan_.bill = {};
    plan_.classes = static_cast<std::int64_t>(problem_.classes.size());
    class_of_.assign(demand_.pods.size(), 0);
    for (std::uint32_t c = 0; c < problem_.classes.size(); ++c)
      for (std::uint32_t pod : problem_.classes[c].pods)
        if (pod != kNoPod) class_of_[pod] = c;
    plan_.workloads.assign(demand_.workloads.size(), {});
    forms_.resize(demand_.workloads.size());
    for (std::uint32_t n = 0; n < plan_.nodes.size(); ++n) place(n);
    std::sort(plan_.placements.begin(), plan_.placements.end(),
              [](const Placement& a, const Placement& b) { return a.pod < b.pod; });
    for (std::size_t w = 0; w < forms_.size(); ++w) {
      auto& list = plan_.workloads[w].forms;
      list.assign(forms_[w].begin(), forms_[w].end());
      std::stable_sort(list.begin(), list.end(),
                       [](const auto& a, const auto& b) { return a.second > b.second; });
    }
    actions();
    plan_.transient_part = month_.transient();
    plan_.month_micro_usd = month_.micro_usd();
    for (std::size_t w = 0; w < plan_.workloads.size(); ++w)
      plan_.workloads[w].month_micro_usd = month_.by_workload()[w];
    use();
  }

 private:
  const gpu::Model& model(const NodePlan& node) const {
    return market_.model_of(market_.types[node.type]);
  }

  /// What a pod holds on its node.
  struct Held {
    gpu::Devices devices;  ///< by form
    std::int64_t weight = 0;
  };

  std::map<std::uint32_t, Held> held_on(const NodePlan& node, bool& headroom) const {
    std::map<std::uint32_t, Held> held;
    for (const GpuPlan& gpu : node.gpus)
      for (const SlicePlan& slice : gpu.slices) {
        headroom = headroom || slice.headroom;
        if (slice.pod == kNoPod) continue;
        Held& mine = held[slice.pod];
        mine.weight += form_weight(model(node), slice.form);
        const auto known = std::find_if(mine.devices.begin(), mine.devices.end(),
                                        [&](const auto& e) { return e.first == slice.form; });
        if (known == mine.devices.end()) mine.devices.emplace_back(slice.form, 1);
        else ++known->second;
      }
    for (auto& [pod, mine] : held) in_order(mine.devices);
    return held;
  }

  void place(std::uint32_t n) {
    const NodePlan& node = plan_.nodes[n];
    plan_.bill += node.price;
    bool headroom = false;
    const std::map<std::uint32_t, Held> held = held_on(node, headroom);
    std::vector<std::int64_t> weights;
    for (std::uint32_t pod : node.pods) {
      const Resources& need = demand_.shapes[demand_.pods[pod].shape].requests;
      weights.push_back(
          std::max({price_weight(need.cpu_milli, node.allocatable.cpu_milli),
                    price_weight(need.memory_mib, node.allocatable.memory_mib),
                    price_weight(held.at(pod).weight, std::int64_t{GpuKind::kWholeWeight} *
                                                          std::int64_t(node.gpus.size()))}));
    }
    const std::vector<MicroUsdPerHour> costs = split(node.price, weights);
    const bool shared = headroom || std::any_of(node.pods.begin(), node.pods.end(), [&](auto pod) {
                          return class_of_[pod] != class_of_[node.pods[0]];
                        });
    std::vector<NodePart> parts;
    for (std::size_t i = 0; i < node.pods.size(); ++i) {
      const std::uint32_t pod = node.pods[i];
      const std::uint32_t workload = demand_.pods[pod].workload;
      const gpu::Devices& devices = held.at(pod).devices;
      const std::string name = gpu::full_name(model(node), devices);
      plan_.placements.push_back({pod, n, devices[0].first, devices, costs[i],
                                  reason(class_of_[pod], name, costs[i], shared)});
      plan_.workloads[workload].per_hour += costs[i];
      ++plan_.workloads[workload].placed;
      ++forms_[workload][name];
      parts.push_back({workload, costs[i]});
    }
    month_.add(node.price, parts, headroom);
  }

  Reason reason(std::uint32_t cls, const std::string& form, MicroUsdPerHour cost, bool shared) {
    auto [it, fresh] = prices_.try_emplace(cls);
    if (fresh) it->second = form_prices(problem_, cls);
    const std::string paid = format_usd(cost, 4);
    const auto next = std::find_if(it->second.begin(), it->second.end(),
                                   [&](const FormPrice& price) { return price.form != form; });
    if (next == it->second.end()) return {ReasonCode::OnlyForm, {form, paid}};
    const ReasonCode code = cost <= next->per_item ? ReasonCode::CheapestForm
                            : shared               ? ReasonCode::FillsRoom
                                                   : ReasonCode::PartOfFleet;
    return {code, {form, paid, next->form, format_usd(next->per_item, 4)}};
  }

  void actions() {
    std::map<std::tuple<std::uint32_t, market::CapacityType, bool>, std::size_t> index;
    plan_.actions.clear();
    for (std::uint32_t n = 0; n < plan_.nodes.size(); ++n) {
      const NodePlan& node = plan_.nodes[n];
      auto [it, fresh] =
          index.try_emplace({node.type, node.capacity_type, node.owned}, plan_.actions.size());
      if (fresh)
        plan_.actions.push_back({node.owned ? ActionKind::Keep : ActionKind::Buy,
                                 0,
                                 node.type,
                                 node.capacity_type,
                                 {},
                                 {}});
      Action& action = plan_.actions[it->second];
      ++action.count;
      action.nodes.push_back(n);
      action.per_hour += node.price;
    }
  }

  // --- utilisation ---------------------------------------------------------------------------

  enum class Cause { Geometry, Cpu, Memory, None };

  /// What keeps the free room of one GPU from being used by any class of this plan.
  Cause cause(const NodePlan& node, const Machine& machine, const GpuPlan& gpu) {
    const GpuKind& kind = *problem_.kinds[machine.kind];
    const Resources left = node.allocatable - node.used;
    Cause found = Cause::Geometry;
    for (const Candidate& candidate : machine.candidates) {
      bool room = false;
      for (std::size_t u = 0; u < kind.units().size() && !room; ++u)
        room = candidate.units.n[u] > 0 && fits(kind.model(), gpu, kind.units()[u]);
      if (!room) continue;
      const Resources& need = problem_.classes[candidate.cls].need;
      if (need.fits(left)) return Cause::None;
      Cause blocked = need.cpu_milli > left.cpu_milli ? Cause::Cpu : Cause::Memory;
      if (found == Cause::Geometry) found = blocked;
    }
    return found;
  }

  bool fits(const gpu::Model& model, const GpuPlan& gpu, const gpu::Form& form) {
    if (gpu.slices.empty()) return true;
    if (form.kind != gpu::FormKind::Slice) {
      return gpu.slices[0].form == form &&
             std::any_of(gpu.slices.begin(), gpu.slices.end(),
                         [](const SlicePlan& s) { return s.pod == kNoPod && !s.headroom; });
    }
    if (gpu.slices[0].form.kind != gpu::FormKind::Slice) return false;
    const gpu::Geometry& table = geometries_.try_emplace(model.key, model).first->second;
    gpu::Layout layout;
    for (const SlicePlan& slice : gpu.slices) layout.push_back({slice.form.profile, slice.start});
    const auto state = table.state(layout);
    return state.has_value() && table.starts(*state, form.profile) != 0;
  }

  void use() {
    Utilisation& use = plan_.utilisation;
    use = {};
    double held = 0;
    Resources used, allocatable;
    for (const NodePlan& node : plan_.nodes) {
      used = used + node.used;
      allocatable = allocatable + node.allocatable;
      use.gpus += static_cast<std::int64_t>(node.gpus.size());
      const Machine* machine = machine_of(node);
      const std::vector<MicroUsdPerHour> prices =
          split(node.price, std::vector<std::int64_t>(node.gpus.size(), 1));
      for (std::size_t g = 0; g < node.gpus.size(); ++g) {
        double here = 0;
        for (const SlicePlan& slice : node.gpus[g].slices)
          if (slice.pod != kNoPod || slice.headroom) here += slots_held(model(node), slice.form);
        held += here;
        const MicroUsdPerHour idle{
            std::llround(static_cast<double>(prices[g].micro) * std::max(0.0, 1 - here))};
        if (idle.micro == 0) continue;
        use.idle += idle;
        switch (machine == nullptr ? Cause::None : cause(node, *machine, node.gpus[g])) {
          case Cause::Geometry: use.stranded_geometry += idle; break;
          case Cause::Cpu: use.stranded_cpu += idle; break;
          case Cause::Memory: use.stranded_memory += idle; break;
          case Cause::None: use.free += idle; break;
        }
      }
    }
    auto ratio = [](std::int64_t a, std::int64_t b) {
      return b == 0 ? 0.0 : static_cast<double>(a) / static_cast<double>(b);
    };
    use.gpu_memory = use.gpus == 0 ? 0 : held / static_cast<double>(use.gpus);
    use.cpu = ratio(used.cpu_milli, allocatable.cpu_milli);
    use.memory = ratio(used.memory_mib, allocatable.memory_mib);
  }

  const Machine* machine_of(const NodePlan& node) const {
    for (const Machine& machine : problem_.machines) {
      if (machine.type != node.type || machine.capacity_type != node.capacity_type ||
          machine.price != node.price || machine.zones != node.zones || machine.missing)
        continue;
      // Ampere types stand twice: as cut and as whole nodes.
      const GpuMode mode = problem_.kinds[machine.kind]->mode();
      bool cut = false, any = false;
      for (const GpuPlan& gpu : node.gpus)
        for (const SlicePlan& slice : gpu.slices) {
          any = true;
          cut = cut || slice.form.kind == gpu::FormKind::Slice;
        }
      if (mode == GpuMode::Any || !any || cut == (mode == GpuMode::Cut)) return &machine;
    }
    return nullptr;
  }

  const Problem& problem_;
  const cluster::Demand& demand_;
  const market::Market& market_;
  Plan& plan_;
  MonthBill month_;
  std::vector<std::uint32_t> class_of_;                     ///< by pod
  std::vector<std::map<std::string, std::int64_t>> forms_;  ///< by workload
  std::map<std::uint32_t, std::vector<FormPrice>> prices_;
  std::map<std::string, gpu::Geometry> geometries_;
};

}  // namespace

std::vector<FormPrice> form_prices(const Problem& problem, std::uint32_t cls) {
  const ItemClass& item = problem.classes[cls];
  const auto pods = item.demand * static_cast<std::int64_t>(item.bundle);
  std::map<std::string, MicroUsdPerHour> best;
  for (std::uint32_t m = 0; m < problem.machines.size(); ++m) {
    const Machine& machine = problem.machines[m];
    if (machine.missing) continue;
    const GpuKind& kind = *problem.kinds[machine.kind];
    const auto first =
        std::lower_bound(machine.candidates.begin(), machine.candidates.end(), cls,
                         [](const Candidate& c, std::uint32_t key) { return c.cls < key; });
    for (auto it = first; it != machine.candidates.end() && it->cls == cls; ++it) {
      const auto i = static_cast<std::uint32_t>(it - machine.candidates.begin());
      const std::int64_t n = Room(problem, m).most(i, 255);
      if (n <= 0 || pods <= 0) continue;
      const std::int64_t nodes = (item.demand + n - 1) / n;
      if (machine.stock >= 0 && nodes > machine.at_most) continue;
      const MicroUsdPerHour each{
          static_cast<std::int64_t>((Int128{machine.price.micro} * nodes + pods - 1) / pods)};
      gpu::Devices devices;
      for (std::size_t u = 0; u < kind.units().size(); ++u)
        if (const int count = machine.candidates[i].units.n[u]; count > 0)
          devices.emplace_back(kind.units()[u], count);
      if (item.bundle > 1)  // several pods: the names of all their forms, whoever gets which
        for (auto& [form, count] : devices) count = 1;
      in_order(devices);
      auto [known, fresh] = best.try_emplace(gpu::full_name(kind.model(), devices), each);
      if (!fresh) known->second = std::min(known->second, each);
    }
  }
  std::vector<FormPrice> prices;
  for (const auto& [form, price] : best) prices.push_back({form, price});
  std::stable_sort(prices.begin(), prices.end(),
                   [](const FormPrice& a, const FormPrice& b) { return a.per_item < b.per_item; });
  return prices;
}

void account(const Problem& problem, const cluster::Demand& demand, const market::Market& market,
             Plan& plan) {
  Accountant(problem, demand, market, plan).run();
}

}  // namespace kerf::plan
