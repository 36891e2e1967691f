// Dollars, reasons and utilisation of a finished fleet.
#include "core/plan/account.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <tuple>

#include "core/plan/free_room.h"
#include "core/plan/month.h"

namespace kerf::plan {

namespace {

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
             Geometries& geometries, Plan& plan)
      : problem_(problem), demand_(demand), market_(market), plan_(plan), geometries_(geometries) {}

  void run() {
    plan_.bill = {};
    plan_.classes = static_cast<std::int64_t>(problem_.classes.size());
    class_of_.assign(demand_.pods.size(), 0);
    for (std::uint32_t c = 0; c < problem_.classes.size(); ++c)
      for (std::uint32_t pod : problem_.classes[c].pods)
        if (pod != kNoPod) class_of_[pod] = c;
    for (std::uint32_t n = 0; n < plan_.nodes.size(); ++n) place(n);
    std::sort(plan_.placements.begin(), plan_.placements.end(),
              [](const Placement& a, const Placement& b) { return a.pod < b.pod; });
    tally(demand_, market_, plan_);
    actions();
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
    for (std::size_t i = 0; i < node.pods.size(); ++i) {
      const std::uint32_t pod = node.pods[i];
      const gpu::Devices& devices = held.at(pod).devices;
      const std::string name = gpu::full_name(model(node), devices);
      plan_.placements.push_back({pod, n, devices[0].first, devices, costs[i],
                                  reason(class_of_[pod], name, costs[i], shared)});
    }
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
    const FreeRoom free = free_room(kind.model(), gpu);
    Cause found = Cause::Geometry;
    for (const Candidate& candidate : machine.candidates) {
      bool room = false;
      for (std::size_t u = 0; u < kind.units().size() && !room; ++u)
        room = candidate.units.n[u] > 0 && free.most(kind.units()[u]) > 0;
      if (!room) continue;
      const Resources& need = problem_.classes[candidate.cls].need;
      if (need.fits(left)) return Cause::None;
      Cause blocked = need.cpu_milli > left.cpu_milli ? Cause::Cpu : Cause::Memory;
      if (found == Cause::Geometry) found = blocked;
    }
    return found;
  }

  FreeRoom free_room(const gpu::Model& model, const GpuPlan& gpu) {
    std::vector<HeldDevice> held;
    for (const SlicePlan& slice : gpu.slices)
      if (slice.pod != kNoPod || slice.headroom) held.push_back({slice.form, slice.start});
    // What a node's mode does not allow is among no machine's candidates.
    if (!model.cuttable()) return {nullptr, GpuMode::Any, std::move(held)};
    auto& table = tables_[model.key];
    if (table == nullptr) table = geometries_.of(model);
    return {table.get(), GpuMode::Any, std::move(held)};
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
          if (slice.pod != kNoPod || slice.headroom)
            here += static_cast<double>(parts_held(model(node), slice.form)) /
                    static_cast<double>(parts_of_gpu(model(node), slice.form));
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
  std::vector<std::uint32_t> class_of_;  ///< by pod
  std::map<std::uint32_t, std::vector<FormPrice>> prices_;
  Geometries& geometries_;
  std::map<std::string, std::shared_ptr<const gpu::Geometry>> tables_;
};

}  // namespace

std::vector<FormPrice> form_prices(const Problem& problem, std::uint32_t cls) {
  const ItemClass& item = problem.classes[cls];
  const auto pods = item.demand * static_cast<std::int64_t>(item.bundle);
  std::map<std::string, FormPrice> best;
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
      const std::int64_t full = n * item.bundle;
      const MicroUsdPerHour shared{
          static_cast<std::int64_t>((Int128{machine.price.micro} + full - 1) / full)};
      const std::string form = gpu::full_name(kind.model(), devices);
      const auto [known, fresh] =
          best.try_emplace(form, FormPrice{form, each, shared, machine.type});
      FormPrice& price = known->second;
      price.per_item = std::min(price.per_item, each);
      if (shared < price.shared) {
        price.shared = shared;
        price.type = machine.type;
      }
    }
  }
  std::vector<FormPrice> prices;
  for (auto& [form, price] : best) prices.push_back(std::move(price));
  std::stable_sort(prices.begin(), prices.end(),
                   [](const FormPrice& a, const FormPrice& b) { return a.per_item < b.per_item; });
  return prices;
}

void tally(const cluster::Demand& demand, const market::Market& market, Plan& plan) {
  plan.workloads.assign(demand.workloads.size(), {});
  std::vector<std::map<std::string, std::int64_t>> forms(demand.workloads.size());
  std::vector<MicroUsdPerHour> costs(demand.pods.size());
  for (const Placement& placement : plan.placements) {
    const std::uint32_t workload = demand.pods[placement.pod].workload;
    const gpu::Model& model = market.model_of(market.types[plan.nodes[placement.node].type]);
    plan.workloads[workload].per_hour += placement.cost;
    ++plan.workloads[workload].placed;
    ++forms[workload][gpu::full_name(model, devices_of(placement))];
    costs[placement.pod] = placement.cost;
  }
  MonthBill month(demand);
  for (const NodePlan& node : plan.nodes) {
    std::vector<NodePart> parts;
    for (const std::uint32_t pod : node.pods)
      parts.push_back({demand.pods[pod].workload, costs[pod]});
    bool headroom = false;
    for (const GpuPlan& gpu : node.gpus)
      for (const SlicePlan& slice : gpu.slices) headroom = headroom || slice.headroom;
    month.add(node.price, parts, headroom);
  }
  plan.transient_part = month.transient();
  plan.month_micro_usd = month.micro_usd();
  for (std::size_t w = 0; w < plan.workloads.size(); ++w) {
    WorkloadCost& workload = plan.workloads[w];
    workload.month_micro_usd = month.by_workload()[w];
    workload.forms.assign(forms[w].begin(), forms[w].end());
    std::stable_sort(workload.forms.begin(), workload.forms.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
  }
}

void account(const Problem& problem, const cluster::Demand& demand, const market::Market& market,
             Geometries& geometries, Plan& plan) {
  Accountant(problem, demand, market, geometries, plan).run();
}

}  // namespace kerf::plan
