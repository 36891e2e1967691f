// Parts each node's price over what is held of its GPUs, and says why the rest is not used.
#include "core/plan/ledger.h"

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <utility>

#include "base/assert.h"
#include "core/plan/admission.h"
#include "core/plan/free_room.h"
#include "core/plan/geometries.h"

namespace kerf::plan {

std::string_view to_string(Waste waste) {
  switch (waste) {
    case Waste::Down: return "down";
    case Waste::Empty: return "empty";
    case Waste::Geometry: return "geometry";
    case Waste::Cpu: return "cpu";
    case Waste::Memory: return "memory";
    case Waste::Free: return "free";
  }
  return "?";
}

namespace {

/// A device and who holds it: a pod of the demand, or somebody with a name.
struct Holding {
  HeldDevice device;
  std::uint32_t pod = kNoPod;
  std::string holder;
};

/// A node of a cluster or of a plan, as far as its dollars go.
struct Account {
  std::uint32_t type = 0;
  MicroUsdPerHour price;
  Resources left;  ///< of allocatable
  bool down = false;
  bool shared = false;  ///< StandingNode::shared: `price` is what pods of the demand owe
  std::vector<std::vector<Holding>> gpus;  ///< by start; what is held only
};

class Bookkeeper {
 public:
  Bookkeeper(const cluster::Demand& demand, const market::Market& market, cluster::Policy policy)
      : demand_(demand), market_(market), policy_(std::move(policy)) {
    std::map<std::pair<std::vector<cluster::GpuRequest>, Resources>, bool> distinct;
    for (const cluster::PodShape& shape : demand.shapes)
      if (!shape.gpu.empty()) distinct.try_emplace({shape.gpu, shape.requests});
    for (const auto& [wish, unused] : distinct) wishes_.push_back(wish);
    ledger_.pods.resize(demand.pods.size());
    ledger_.workloads.resize(demand.workloads.size());
  }

  void add(const Account& node) {
    NodeLedger entry;
    entry.price = node.price;
    const gpu::Model& model = market_.model_of(market_.types.at(node.type));
    const std::vector<MicroUsdPerHour> prices =
        split(node.price, std::vector<std::int64_t>(node.gpus.size(), 1));
    for (std::size_t g = 0; g < node.gpus.size(); ++g)
      entry.gpus.push_back(part(model, node.gpus[g], prices[g]));
    if (node.shared) charge_demand_alone(model, node, entry);
    explain(node, entry);
    for (const GpuLedger& gpu : entry.gpus) book(gpu);
    ledger_.bill += node.price;
    ledger_.nodes.push_back(std::move(entry));
  }

  Ledger take() { return std::move(ledger_); }

 private:
  /// One request of a shape on one type: which of the type's forms serve it.
  struct Need {
    std::vector<std::size_t> forms;
    std::int64_t count = 1;
  };
  /// What the demand wants of GPUs of one type.
  struct Wants {
    std::vector<gpu::Form> forms;
    std::vector<std::vector<Need>> needs;  ///< by wish; empty where some request has no form
    std::shared_ptr<const gpu::Geometry> table;
  };

  static GpuLedger part(const gpu::Model& model, const std::vector<Holding>& held,
                        MicroUsdPerHour price) {
    GpuLedger gpu;
    gpu.price = price;
    if (held.empty()) {
      gpu.idle = price;
      return gpu;
    }
    const std::int64_t all = parts_of_gpu(model, held[0].device.form);
    std::vector<std::int64_t> weights;
    for (const Holding& holding : held)
      weights.push_back(all * parts_held(model, holding.device.form) /
                        std::max<std::int64_t>(parts_of_gpu(model, holding.device.form), 1));
    const std::int64_t sum = std::accumulate(weights.begin(), weights.end(), std::int64_t{0});
    weights.push_back(std::max<std::int64_t>(all - sum, 0));
    const std::vector<MicroUsdPerHour> costs = split(price, weights);
    for (std::size_t i = 0; i < held.size(); ++i)
      gpu.shares.push_back({held[i].pod, held[i].holder, costs[i]});
    gpu.idle = costs.back();
    return gpu;
  }

  /// What others hold is not in the price: each pod of the demand pays for what it holds as on any
  /// node, and the rest is idle.
  static void charge_demand_alone(const gpu::Model& model, const Account& node, NodeLedger& entry) {
    constexpr std::int64_t kGpu = 5'040;  // divisible by every number of parts of a GPU
    std::int64_t mine = 0, others = 0;
    std::vector<std::int64_t> weights;
    for (const std::vector<Holding>& gpu : node.gpus) {
      std::int64_t idle = kGpu;
      for (const Holding& holding : gpu) {
        const std::int64_t held =
            kGpu * parts_held(model, holding.device.form) /
            std::max<std::int64_t>(parts_of_gpu(model, holding.device.form), 1);
        (holding.pod == kNoPod ? others : mine) += held;
        weights.push_back(holding.pod == kNoPod ? 0 : held);
        idle -= held;
      }
      weights.push_back(-std::max<std::int64_t>(idle, 0));  // below 0: nobody holds it
    }
    for (std::int64_t& weight : weights)
      weight = weight < 0 ? -weight * mine : weight * (mine + others);
    const std::vector<MicroUsdPerHour> costs = split(node.price, weights);
    auto cost = costs.begin();
    for (GpuLedger& gpu : entry.gpus) {
      gpu.price = {};
      for (GpuLedger::Share& share : gpu.shares) gpu.price += share.cost = *cost++;
      gpu.price += gpu.idle = *cost++;
    }
  }

  void book(const GpuLedger& gpu) {
    for (const GpuLedger::Share& share : gpu.shares) {
      if (share.pod == kNoPod) {
        ledger_.others += share.cost;
        continue;
      }
      KERF_ASSERT(share.pod < demand_.pods.size(), "who holds a device is a pod of the demand");
      ledger_.pods[share.pod] += share.cost;
      ledger_.workloads[demand_.pods[share.pod].workload] += share.cost;
    }
    ledger_.wastes[static_cast<std::size_t>(gpu.waste)] += gpu.idle;
  }

  // --- why the rest is not used --------------------------------------------------------------

  void explain(const Account& node, NodeLedger& entry) {
    const bool any_idle = std::any_of(entry.gpus.begin(), entry.gpus.end(),
                                      [](const GpuLedger& gpu) { return gpu.idle.micro != 0; });
    if (!any_idle) return;
    const bool empty = std::all_of(entry.gpus.begin(), entry.gpus.end(),
                                   [](const GpuLedger& gpu) { return gpu.shares.empty(); });
    std::vector<Waste> causes(node.gpus.size(), node.down ? Waste::Down : Waste::Empty);
    if (!node.down && !empty) causes = causes_on(node);
    for (std::size_t g = 0; g < entry.gpus.size(); ++g)
      if (entry.gpus[g].idle.micro != 0) entry.gpus[g].waste = causes[g];
  }

  /// By GPU. Each form is as useful as the best of those who could have it here; a GPU's rest as
  /// the best form that can still be made of it.
  std::vector<Waste> causes_on(const Account& node) {
    const Wants& wants = wants_of(node.type);
    std::vector<std::vector<std::int64_t>> room;  // by GPU, form
    std::vector<std::int64_t> in_all(wants.forms.size(), 0);
    const gpu::GpuMode mode = mode_of(node);
    for (const std::vector<Holding>& gpu : node.gpus) {
      std::vector<HeldDevice> held;
      for (const Holding& holding : gpu) held.push_back(holding.device);
      const FreeRoom free(wants.table.get(), mode, std::move(held));
      std::vector<std::int64_t>& here = room.emplace_back();
      for (std::size_t f = 0; f < wants.forms.size(); ++f) {
        here.push_back(free.most(wants.forms[f]));
        in_all[f] += here.back();
      }
    }
    const std::vector<Waste> worth = worth_of(wants, in_all, node.left);
    std::vector<Waste> causes;
    for (const std::vector<std::int64_t>& here : room) {
      Waste best = Waste::Geometry;
      for (std::size_t f = 0; f < here.size(); ++f)
        if (here[f] > 0) best = std::max(best, worth[f]);
      causes.push_back(best);
    }
    return causes;
  }

  /// By form: Geometry where nobody wants it, else what keeps the luckiest of those who do.
  std::vector<Waste> worth_of(const Wants& wants, const std::vector<std::int64_t>& in_all,
                              const Resources& left) const {
    static_assert(Waste::Geometry < Waste::Cpu && Waste::Cpu < Waste::Memory &&
                  Waste::Memory < Waste::Free);
    std::vector<Waste> worth(wants.forms.size(), Waste::Geometry);
    for (std::size_t w = 0; w < wishes_.size(); ++w) {
      const auto enough = [&](const Need& need, std::size_t form) {
        return in_all[form] >= need.count;
      };
      const std::vector<Need>& needs = wants.needs[w];
      const bool served =
          !needs.empty() && std::all_of(needs.begin(), needs.end(), [&](const Need& need) {
            return std::any_of(need.forms.begin(), need.forms.end(),
                               [&](std::size_t form) { return enough(need, form); });
          });
      if (!served) continue;
      const Resources& asked = wishes_[w].second;
      const Waste here = asked.fits(left)                    ? Waste::Free
                         : asked.cpu_milli <= left.cpu_milli ? Waste::Memory
                                                             : Waste::Cpu;
      for (const Need& need : needs)
        for (const std::size_t form : need.forms)
          if (enough(need, form)) worth[form] = std::max(worth[form], here);
    }
    return worth;
  }

  gpu::GpuMode mode_of(const Account& node) const {
    const market::InstanceType& type = market_.types.at(node.type);
    if (!gpu::mode_is_the_nodes(market_.model_of(type), type.gpu_fraction))
      return gpu::GpuMode::Any;
    for (const std::vector<Holding>& gpu : node.gpus)
      for (const Holding& holding : gpu)
        return holding.device.form.kind == gpu::FormKind::Slice ? gpu::GpuMode::Cut
                                                                : gpu::GpuMode::Whole;
    return gpu::GpuMode::Any;
  }

  const Wants& wants_of(std::uint32_t index) {
    auto [it, fresh] = wants_.try_emplace(index);
    Wants& wants = it->second;
    if (!fresh) return wants;
    const market::InstanceType& type = market_.types.at(index);
    const gpu::Model& model = market_.model_of(type);
    if (model.cuttable() && type.gpu_fraction == 1) wants.table = geometries_.of(model);
    std::map<std::vector<cluster::GpuRequest>, std::vector<Need>> known;
    for (const auto& [requests, resources] : wishes_) {
      auto [entry, first] = known.try_emplace(requests);
      if (first) entry->second = needs_of(requests, type, wants);
      wants.needs.push_back(entry->second);
    }
    return wants;
  }

  std::vector<Need> needs_of(const std::vector<cluster::GpuRequest>& requests,
                             const market::InstanceType& type, Wants& wants) const {
    std::vector<Need> needs;
    for (const cluster::GpuRequest& request : requests) {
      Need need;
      need.count = request.count;
      for (const gpu::Form& form : forms_for(request, market_, type, policy_)) {
        const auto at = std::find(wants.forms.begin(), wants.forms.end(), form);
        need.forms.push_back(static_cast<std::size_t>(at - wants.forms.begin()));
        if (at == wants.forms.end()) wants.forms.push_back(form);
      }
      if (need.forms.empty()) return {};
      needs.push_back(std::move(need));
    }
    return needs;
  }

  const cluster::Demand& demand_;
  const market::Market& market_;
  cluster::Policy policy_;
  /// Distinct requests of the demand: devices, and all else.
  std::vector<std::pair<std::vector<cluster::GpuRequest>, Resources>> wishes_;
  std::map<std::uint32_t, Wants> wants_;  ///< by type
  Geometries geometries_;
  Ledger ledger_;
};

/// A GPU may stand shared among a number of pods that the policy does not plan with; that form too
/// serves who asks for so little.
void allow(gpu::SharingOptions& sharing, const gpu::Form& form) {
  const bool mps = form.kind == gpu::FormKind::Mps;
  if (!mps && form.kind != gpu::FormKind::TimeSliced) return;
  std::vector<std::uint8_t>& list = mps ? sharing.mps_replicas : sharing.time_slicing_replicas;
  if (mps && !sharing.offer_mps) list.clear();
  sharing.offer_mps = sharing.offer_mps || mps;
  if (std::find(list.begin(), list.end(), form.replicas) == list.end())
    list.push_back(form.replicas);
}

void by_start(std::vector<Holding>& held) {
  std::stable_sort(held.begin(), held.end(), [](const Holding& a, const Holding& b) {
    return a.device.start < b.device.start;
  });
}

}  // namespace

Ledger ledger_of(const cluster::Cluster& cluster, const market::Market& market,
                 const cluster::Policy& policy, bool list) {
  cluster::Policy known = policy;
  for (const cluster::StandingNode& node : cluster.nodes)
    for (const cluster::StandingGpu& gpu : node.gpus)
      for (const cluster::StandingSlice& slice : gpu.slices) allow(known.sharing, slice.form);
  Bookkeeper books(cluster.demand, market, std::move(known));
  for (const cluster::StandingNode& node : cluster.nodes) {
    Account account;
    account.type = node.type;
    account.price = list ? node.list_price : node.price;
    account.left = node.allocatable - node.used;
    account.down = !node.ready || node.layout == cluster::LayoutFrom::Nothing;
    account.shared = node.shared;
    for (const cluster::StandingGpu& gpu : node.gpus) {
      std::vector<Holding>& held = account.gpus.emplace_back();
      for (const cluster::StandingSlice& slice : gpu.slices)
        if (!slice.free())
          held.push_back(
              {{slice.form, slice.start},
               slice.pod,
               slice.pod == kNoPod ? slice.holder : cluster.demand.pods.at(slice.pod).name});
      by_start(held);
    }
    // Of which nothing at all is known: its price is somewhere all the same.
    if (account.gpus.empty())
      account.gpus.resize(static_cast<std::size_t>(
          std::max<std::int32_t>(market.types.at(node.type).gpu_count, 1)));
    books.add(account);
  }
  return books.take();
}

Ledger ledger_of(const Plan& plan, const cluster::Demand& demand, const market::Market& market,
                 const cluster::Policy& policy) {
  Bookkeeper books(demand, market, policy);
  for (const NodePlan& node : plan.nodes) {
    Account account;
    account.type = node.type;
    account.price = node.price;
    account.left = node.allocatable - node.used;
    for (const GpuPlan& gpu : node.gpus) {
      std::vector<Holding>& held = account.gpus.emplace_back();
      for (const SlicePlan& slice : gpu.slices)
        if (slice.pod != kNoPod || slice.headroom)
          held.push_back(
              {{slice.form, slice.start},
               slice.pod,
               slice.pod == kNoPod ? std::string("headroom") : demand.pods.at(slice.pod).name});
      by_start(held);
    }
    books.add(account);
  }
  return books.take();
}

}  // namespace kerf::plan
