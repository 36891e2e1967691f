// whole_gpu_baseline(): every device becomes a whole GPU, packed as Karpenter's scheduler packs.
//
// Source: sigs.k8s.io/karpenter v1.14.1, pkg/controllers/provisioning/scheduling: queue.go
// (byCPUAndMemoryDescending), scheduler.go (add, addToInflightNode, addToNewNodeClaim),
// nodeclaim.go (CanAdd, filterInstanceTypesByRequirements), and what the AWS provider then
// launches.
//
// Assumptions: an empty cluster; one NodePool that may buy all that the policy allows; pods pending
// at once; the cheapest type is to be had (on-demand by lowest price).
//
// Rules:
//  1. A slice of a profile becomes a GPU whose nominal memory is at least the profile's; a portable
//     request for M one of at least M; a share of a GPU, as traces have it, any GPU. Fractional
//     instances have no whole GPU. Daemonsets are taken off every node.
//  2. Pods by CPU, then memory, descending. GPUs are not looked at.
//  3. Each pod goes to the first claim, fewest pods first, of which some type is left that admits
//  the
//     pod and has room for all that the claim then holds. Else it opens a claim of its own.
//  4. In the end each claim becomes its cheapest remaining offer.
//  5. Nodes that are owned stand already: a pod goes to the first of them that has room for it, and
//     looks at claims only where none has.
// So claims with few pods swallow more pods until only a large type is left, whatever that costs.
//
// Respected: architecture, node selector and affinity, taints, volume zones, labels that a node
// must be given; zones of spread and zone (anti-)affinity, chosen beforehand by the planner's rules
// and not while packing; host ports, hostname spread and anti-affinity; hostname affinity, with the
// pods that need each other as one item.
//
// Ties: pods alike in CPU and memory in the order of the demand (Karpenter: creation, then UID);
// claims with as many pods keep their order (Karpenter's sort is not stable). The bill of the openb
// default pods as whole GPUs is Karpenter's to the cent.
// Cost: pods x open claims look-ups, and kinds of pods x open claims checks against the types left.
#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <set>

#include "core/plan/baseline.h"
#include "core/plan/baseline_packing.h"

namespace kerf::plan {

namespace {

using cluster::GpuRequest;
using cluster::GpuRequestKind;

/// The least nominal GB of a whole GPU that stands in for one device; nullopt: nothing is known of
/// such a device.
std::optional<std::int32_t> least_nominal_gb(const gpu::Catalogue& gpus,
                                             const GpuRequest& request) {
  if (request.kind == GpuRequestKind::ShareOfMemory ||
      request.kind == GpuRequestKind::ShareOfCompute)
    return 0;
  if (request.kind != GpuRequestKind::Slice) return request.gib;
  std::optional<std::int32_t> least;
  for (const gpu::Model& model : gpus.models) {
    const auto profile = model.profile_named(request.profile);
    if (!profile) continue;
    const std::int32_t nominal = model.profiles[*profile].nominal_gb;
    least = least ? std::min(*least, nominal) : nominal;
  }
  return least;
}

std::optional<std::int32_t> least_nominal_gb(const gpu::Catalogue& gpus,
                                             const std::vector<GpuRequest>& requests) {
  std::int32_t least = 0;
  for (const GpuRequest& request : requests) {
    const auto one = least_nominal_gb(gpus, request);
    if (!one) return std::nullopt;
    least = std::max(least, *one);
  }
  return least;
}

bool has_whole_gpus(const market::InstanceType& type, std::int32_t nominal_gb) {
  return type.gpu_fraction == 1 && type.nominal_gb >= nominal_gb;
}

/// Claims in the order in which Karpenter looks at them: by number of pods, ascending.
class Claims {
 public:
  /// `owned`: nodes of each stock.
  Claims(const NodeRules& rules, const std::vector<std::int64_t>& owned)
      : rules_(rules), fresh_(rules.empty()) {
    for (std::size_t stock = 0; stock < owned.size(); ++stock) {
      const OpenNode node = rules.owned(stock);
      if (node.offers.empty()) continue;
      standing_.insert(standing_.end(), static_cast<std::size_t>(owned[stock]), node);
    }
    standing_refused_.assign(standing_.size(), kNobody);
  }

  /// Rules 5 and 3; false if not even an empty node takes the item.
  bool place(std::uint32_t cls, std::uint32_t item) {
    for (std::size_t n = 0; n < standing_.size(); ++n) {
      if (standing_refused_[n] == cls) continue;
      if (rules_.takes(standing_[n], cls)) {
        rules_.add(standing_[n], cls, item);
        return true;
      }
      standing_refused_[n] = cls;
    }
    for (std::size_t at = 0; at < order_.size(); ++at) {
      // A claim only ever gets fuller, so what it refused once it need not be asked again.
      if (refused_[order_[at]] == cls) continue;
      if (!rules_.takes(nodes_[order_[at]], cls)) {
        refused_[order_[at]] = cls;
        continue;
      }
      rules_.add(nodes_[order_[at]], cls, item);
      settle(at);
      return true;
    }
    if (!rules_.takes(fresh_, cls)) return false;
    const auto index = static_cast<std::uint32_t>(nodes_.size());
    nodes_.push_back(fresh_);
    refused_.push_back(kNobody);
    rules_.add(nodes_.back(), cls, item);
    if (rules_.full(nodes_.back())) return true;
    const auto later = std::upper_bound(
        order_.begin(), order_.end(), nodes_.back().pods,
        [&](std::int64_t pods, std::uint32_t other) { return pods < nodes_[other].pods; });
    order_.insert(later, index);
    return true;
  }

  const std::vector<OpenNode>& nodes() const { return nodes_; }
  const std::vector<OpenNode>& standing() const { return standing_; }

 private:
  static constexpr std::uint32_t kNobody = 0xffffffff;

  /// The claim at `at` got fuller: moves it behind all that have fewer pods. A full one is not
  /// asked again: every item needs a device.
  void settle(std::size_t at) {
    const auto here = order_.begin() + static_cast<std::ptrdiff_t>(at);
    const std::uint32_t index = *here;
    if (rules_.full(nodes_[index])) {
      order_.erase(here);
      return;
    }
    const auto behind = std::lower_bound(
        here + 1, order_.end(), nodes_[index].pods,
        [&](std::uint32_t other, std::int64_t pods) { return nodes_[other].pods < pods; });
    std::rotate(here, here + 1, behind);
  }

  const NodeRules& rules_;
  const OpenNode fresh_;
  std::vector<OpenNode> standing_;               ///< what is owned
  std::vector<std::uint32_t> standing_refused_;  ///< by node: the class that it refused last
  std::vector<OpenNode> nodes_;                  ///< in the order in which they were opened
  std::vector<std::uint32_t> refused_;           ///< by node: the class that it refused last
  std::vector<std::uint32_t> order_;             ///< nodes that are not full, fewest pods first
};

}  // namespace

GpuRequest as_whole_gpu(const GpuRequest& request, const gpu::Catalogue& gpus) {
  constexpr std::int32_t kNoGpuThatLarge = 1 << 30;
  GpuRequest whole;
  whole.count = request.count;
  whole.gib = least_nominal_gb(gpus, request).value_or(kNoGpuThatLarge);
  return whole;
}

void keep_whole_gpus(const Offers& offers, BaselineClass& item) {
  const market::Market& market = offers.market();
  for (const std::uint32_t s : item.shapes) {
    const auto nominal = least_nominal_gb(market.gpus, offers.shape(s).gpu);
    for (std::size_t o = 0; o < item.offers.size(); ++o) {
      const market::InstanceType& type = market.types[offers.all()[o].type];
      item.offers[o] = item.offers[o] && nominal && has_whole_gpus(type, *nominal);
    }
  }
}

std::vector<std::string> whole_gpu_zones(const Offers& offers, std::uint32_t shape) {
  const market::Market& market = offers.market();
  const cluster::PodShape& pod = offers.shape(shape);
  const auto nominal = least_nominal_gb(market.gpus, pod.gpu);
  std::int64_t devices = 0;
  for (const GpuRequest& request : pod.gpu) devices += request.count;
  std::set<std::string> zones;
  for (std::size_t o = 0; nominal && o < offers.all().size(); ++o) {
    const Offer& offer = offers.all()[o];
    const market::InstanceType& type = market.types[offer.type];
    if (offers.admitted(shape, o) && has_whole_gpus(type, *nominal) && devices <= type.gpu_count &&
        pod.requests.fits(offers.allocatable(offer.type)))
      zones.insert(offer.zone);
  }
  return {zones.begin(), zones.end()};
}

void buy_as_karpenter(const Offers& offers, const std::vector<BaselineClass>& classes,
                      const std::vector<std::uint32_t>& chosen, std::vector<std::int64_t>& owned,
                      BaselineBill& bill) {
  std::vector<std::int64_t> devices;
  for (const market::InstanceType& type : offers.market().types)
    devices.push_back(type.gpu_fraction == 1 ? type.gpu_count : 0);
  const NodeRules rules(offers, classes, std::move(devices));

  std::vector<std::pair<std::uint32_t, std::uint32_t>> queue;  // class, item
  for (const std::uint32_t c : chosen)
    for (std::uint32_t i = 0; i < classes[c].items(); ++i) queue.emplace_back(c, i);
  const auto first_pod = [&](const auto& entry) {
    const BaselineClass& item = classes[entry.first];
    return item.pods[entry.second * item.shapes.size()];
  };
  std::stable_sort(queue.begin(), queue.end(), [&](const auto& a, const auto& b) {
    const Resources& x = classes[a.first].need;
    const Resources& y = classes[b.first].need;
    if (x.cpu_milli != y.cpu_milli) return x.cpu_milli > y.cpu_milli;
    if (x.memory_mib != y.memory_mib) return x.memory_mib > y.memory_mib;
    return first_pod(a) < first_pod(b);
  });

  std::vector<std::int64_t> useful = owned;
  for (std::int64_t& nodes : useful)
    nodes = std::min(nodes, static_cast<std::int64_t>(queue.size()));
  Claims claims(rules, useful);
  for (const auto& [cls, item] : queue) {
    if (claims.place(cls, item)) continue;
    const auto size = static_cast<std::ptrdiff_t>(classes[cls].shapes.size());
    const auto first = classes[cls].pods.begin() + static_cast<std::ptrdiff_t>(item) * size;
    bill.leave_out({first, first + size});
  }
  for (const OpenNode& node : claims.standing()) {
    if (node.items.empty()) continue;
    --owned[static_cast<std::size_t>(offers.all()[node.offers.front()].stock)];
    bill.buy(rules, node);
  }
  for (const OpenNode& node : claims.nodes()) bill.buy(rules, node);
}

Baseline whole_gpu_baseline(const cluster::Demand& demand, const market::Market& market,
                            const cluster::Policy& policy) {
  const Offers offers(demand, market, policy);
  BaselineItems items = baseline_items(demand, offers, [&](std::uint32_t shape) {
    return Zones{whole_gpu_zones(offers, shape), offers.selected_zones(shape)};
  });
  for (BaselineClass& item : items.classes) keep_whole_gpus(offers, item);
  std::vector<std::uint32_t> all(items.classes.size());
  std::iota(all.begin(), all.end(), 0);
  BaselineBill bill("whole-gpu", demand);
  bill.leave_out(items.unplaced);
  std::vector<std::int64_t> owned = offers.stocks();
  buy_as_karpenter(offers, items.classes, all, owned, bill);
  return bill.finish();
}

cluster::Demand as_whole_gpus(cluster::Demand demand, const gpu::Catalogue& gpus) {
  for (cluster::PodShape& shape : demand.shapes) {
    std::map<std::int32_t, cluster::GpuRequest> by_size;
    for (const cluster::GpuRequest& request : shape.gpu) {
      const cluster::GpuRequest whole = as_whole_gpu(request, gpus);
      auto [it, fresh] = by_size.try_emplace(whole.gib, whole);
      if (!fresh) it->second.count += whole.count;
    }
    shape.gpu.clear();
    for (const auto& [gib, request] : by_size) shape.gpu.push_back(request);
  }
  return demand;
}

Baseline baseline_of(const Plan& plan, const market::Market& market, std::string name) {
  Baseline baseline;
  baseline.name = std::move(name);
  baseline.per_hour = plan.bill;
  baseline.nodes = static_cast<std::int64_t>(plan.nodes.size());
  for (const Unplaced& entry : plan.unplaced) baseline.unplaced.push_back(entry.pod);
  baseline.transient_part = plan.transient_part;
  baseline.month_micro_usd = plan.month_micro_usd;
  for (const WorkloadCost& cost : plan.workloads) {
    baseline.per_workload.push_back(cost.per_hour);
    baseline.months.push_back(cost.month_micro_usd);
  }
  std::map<std::string, std::int64_t> fleet;
  for (const NodePlan& node : plan.nodes) ++fleet[market.types[node.type].name];
  baseline.fleet.assign(fleet.begin(), fleet.end());
  return baseline;
}

}  // namespace kerf::plan
