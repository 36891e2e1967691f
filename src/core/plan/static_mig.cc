// static_mig_baseline(): one pool of nodes per instance type and cut, each request in one of them.
//
// This is what a NodeOverlay of Karpenter can express: a fixed number of one resource on each type.
//
// Assumptions: an empty cluster; every GPU of a pool is cut alike, into as many slices of one
// profile as the model's geometry allows, or shared alike by replicas, or left whole; a fractional
// instance has its one device. Nodes of a pool differ in zone and capacity type only.
//
// Rules:
//  1. Requests that the same forms serve, on the same offers, form a lot.
//  2. The cheapest of three ways to house a lot is taken, each actually packed:
//      - all of it in one pool, the one whose nodes cost least in all;
//      - the same for each part of the lot that fits on the same types;
//      - each kind of pod where price / how many an empty node holds is least. This alone would put
//        three pods on an eight-GPU node because a slice of it is cheapest.
//  3. Lots of one pool are then packed together: first fit, by devices, CPU, memory, descending.
//  4. Items that ask for whole GPUs only are packed as in whole_gpu.cc, all together.
//  5. A lot that some pool can hold whole on owned nodes that are left goes there, where it takes
//  the
//     fewest; lots in order, after rule 4. Else its nodes are chosen by what they cost to buy, and
//     owned ones stand in for nodes of their type as long as there are any.
//  6. A pod whose requests no single kind of device can serve is left out, and counted.
// Constraints between pods and labels count as in whole_gpu.cc.
//
// Ties: the earlier way of rule 2; the pool that could have been cheaper; the lower type, then the
// order of gpu::forms_of; like items in the order of the demand.
// Cost: lots x pools that can still win x (kinds of pods x nodes with a free device).
#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

#include "base/assert.h"
#include "core/gpu/geometry.h"
#include "core/plan/baseline.h"
#include "core/plan/baseline_packing.h"

namespace kerf::plan {

namespace {

using cluster::GpuRequest;
using Classes = std::vector<std::uint32_t>;
using Housing = std::map<std::size_t, Classes>;  ///< who is in which pool

/// Nodes of one type, every GPU of which is handed out in one way.
struct Pool {
  std::uint32_t type = 0;
  std::int64_t devices = 0;  ///< of an empty node
  NodeRules rules;
  OpenNode empty;                                            ///< to be bought; without offers: none
  std::vector<std::pair<std::size_t, OpenNode>> owned = {};  ///< stock, an empty node of it
};

/// What a pool costs for some classes.
struct Quote {
  MicroUsdPerHour cost;
  std::size_t pool = 0;
};

std::int64_t ceil_div(std::int64_t value, std::int64_t by) {
  return by <= 0 ? 0 : (value + by - 1) / by;
}

bool whole_only(const Offers& offers, const BaselineClass& item) {
  return std::all_of(item.shapes.begin(), item.shapes.end(), [&](std::uint32_t s) {
    const std::vector<GpuRequest>& gpu = offers.shape(s).gpu;
    return std::all_of(gpu.begin(), gpu.end(), [](const GpuRequest& request) {
      return request.kind == cluster::GpuRequestKind::Whole;
    });
  });
}

class StaticPools {
 public:
  /// `owned`: nodes left of each stock.
  StaticPools(const Offers& offers, const std::vector<BaselineClass>& classes,
              std::vector<std::int64_t> owned)
      : offers_(offers), classes_(classes), owned_(std::move(owned)) {}

  /// Chooses the pools of these classes and buys their nodes.
  void buy(const Classes& chosen, BaselineBill& bill) {
    make_pools(chosen);
    std::map<std::pair<std::vector<bool>, std::vector<bool>>, Classes> lots;
    for (const std::uint32_t c : chosen) lots[{served_by(c), classes_[c].offers}].push_back(c);
    Housing housing;
    for (const auto& [key, lot] : lots)
      if (!house_on_owned(key.first, lot, bill)) house(key.first, lot, housing, bill);
    for (const auto& [p, classes] : housing) {
      const auto nodes = first_fit(pools_[p].rules, pools_[p].empty, classes, std::nullopt);
      KERF_ASSERT(nodes.has_value(), "without a limit everything is packed");
      for (const OpenNode& node : *nodes) bill.buy(pools_[p].rules, owned_instead(pools_[p], node));
    }
  }

 private:
  // --- what is owned -------------------------------------------------------------------------

  /// Rule 5 for the whole lot; false: not enough is left in any one pool.
  bool house_on_owned(const std::vector<bool>& served, const Classes& lot, BaselineBill& bill) {
    const Pool* best = nullptr;
    std::size_t best_stock = 0;
    std::vector<OpenNode> best_nodes;
    for (std::size_t p = 0; p < pools_.size(); ++p) {
      if (!served[p]) continue;
      for (const auto& [stock, empty] : pools_[p].owned) {
        const OpenNode& node = empty;
        if (!std::all_of(lot.begin(), lot.end(),
                         [&](std::uint32_t c) { return pools_[p].rules.takes(node, c); }))
          continue;
        auto nodes = first_fit(pools_[p].rules, node, lot, std::nullopt);
        if (static_cast<std::int64_t>(nodes->size()) > owned_[stock] ||
            (best != nullptr && nodes->size() >= best_nodes.size()))
          continue;
        best = &pools_[p];
        best_stock = stock;
        best_nodes = std::move(*nodes);
      }
    }
    if (best == nullptr) return false;
    owned_[best_stock] -= static_cast<std::int64_t>(best_nodes.size());
    for (const OpenNode& node : best_nodes) bill.buy(best->rules, node);
    return true;
  }

  /// An owned node with the same content, if one is left that takes it; else the node.
  OpenNode owned_instead(const Pool& pool, const OpenNode& node) {
    for (const auto& [stock, empty] : pool.owned) {
      if (owned_[stock] <= 0) continue;
      OpenNode mine = empty;
      bool all = true;
      for (const auto& [cls, item] : node.items) {
        all = all && pool.rules.takes(mine, cls);
        if (all) pool.rules.add(mine, cls, item);
      }
      if (!all) continue;
      --owned_[stock];
      return mine;
    }
    return node;
  }

  // --- pools ---------------------------------------------------------------------------------

  /// Every type with every form in which some request of the classes can be served there.
  void make_pools(const Classes& chosen) {
    for (const std::uint32_t c : chosen)
      for (const std::uint32_t s : classes_[c].shapes)
        for (const GpuRequest& request : offers_.shape(s).gpu) serves_.try_emplace(request);
    const market::Market& market = offers_.market();
    std::vector<bool> sold(market.types.size());
    for (const Offer& offer : offers_.all()) sold[offer.type] = true;
    for (std::uint32_t t = 0; t < market.types.size(); ++t) {
      if (!sold[t]) continue;
      const market::InstanceType& type = market.types[t];
      std::vector<std::vector<gpu::Form>> forms;  // by request
      for (const auto& entry : serves_)
        forms.push_back(forms_for(entry.first, market, type, offers_.policy()));
      for (const gpu::Form& form :
           gpu::forms_of(market.model_of(type), type.gpu_fraction, offers_.policy().sharing))
        make_pool(t, form, forms);
    }
  }

  void make_pool(std::uint32_t t, const gpu::Form& form,
                 const std::vector<std::vector<gpu::Form>>& forms) {
    std::vector<bool> serves;
    for (const std::vector<gpu::Form>& list : forms)
      serves.push_back(std::find(list.begin(), list.end(), form) != list.end());
    if (std::find(serves.begin(), serves.end(), true) == serves.end()) return;
    const market::Market& market = offers_.market();
    const std::int64_t devices =
        devices_of_gpu(market.model_of(market.types[t]), form) * market.types[t].gpu_count;
    if (devices == 0) return;
    std::vector<std::int64_t> by_type(market.types.size());
    by_type[t] = devices;
    NodeRules rules(offers_, classes_, std::move(by_type));
    OpenNode empty = rules.empty();
    Pool pool{t, devices, std::move(rules), std::move(empty)};
    for (std::size_t stock = 0; stock < owned_.size(); ++stock)
      if (OpenNode node = pool.rules.owned(stock); owned_[stock] > 0 && !node.offers.empty())
        pool.owned.emplace_back(stock, std::move(node));
    pools_.push_back(std::move(pool));
    std::size_t r = 0;
    for (auto& entry : serves_) entry.second.push_back(serves[r++]);
  }

  /// Devices of one GPU that is handed out in this form alone.
  std::int64_t devices_of_gpu(const gpu::Model& model, const gpu::Form& form) {
    if (form.kind != gpu::FormKind::Slice) return form.replicas;
    const auto [it, fresh] = slices_.try_emplace(model.key);
    if (fresh) {
      const gpu::Geometry geometry(model);
      for (std::size_t p = 0; p < model.profiles.size(); ++p)
        it->second.push_back(geometry.room(0, p));
    }
    return it->second[form.profile];
  }

  /// By pool: true if its devices serve every request of the class.
  std::vector<bool> served_by(std::uint32_t cls) const {
    std::vector<bool> served(pools_.size(), true);
    for (const std::uint32_t s : classes_[cls].shapes)
      for (const GpuRequest& request : offers_.shape(s).gpu) {
        const std::vector<bool>& serves = serves_.at(request);
        for (std::size_t p = 0; p < served.size(); ++p) served[p] = served[p] && serves[p];
      }
    return served;
  }

  // --- choice --------------------------------------------------------------------------------

  std::int64_t least_nodes(const Pool& pool, const Classes& members) const {
    Resources need;
    std::int64_t devices = 0;
    for (const std::uint32_t c : members) {
      const auto items = static_cast<std::int64_t>(classes_[c].items());
      need = need + classes_[c].need * items;
      devices += classes_[c].devices * items;
    }
    const Resources& room = offers_.allocatable(pool.type);
    return std::max({ceil_div(devices, pool.devices), ceil_div(need.cpu_milli, room.cpu_milli),
                     ceil_div(need.memory_mib, room.memory_mib), ceil_div(need.pods, room.pods)});
  }

  /// The cheapest pool of those that `served` allows and that can hold every member.
  std::optional<Quote> cheapest(const std::vector<bool>& served, const Classes& members) const {
    std::vector<Quote> candidates;  // with what the pool costs at least
    for (std::size_t p = 0; p < pools_.size(); ++p) {
      if (!served[p]) continue;
      const Pool& pool = pools_[p];
      if (!std::all_of(members.begin(), members.end(),
                       [&](std::uint32_t c) { return pool.rules.takes(pool.empty, c); }))
        continue;
      candidates.push_back({pool.rules.price(pool.empty) * least_nodes(pool, members), p});
    }
    std::stable_sort(candidates.begin(), candidates.end(),
                     [](const Quote& a, const Quote& b) { return a.cost < b.cost; });
    std::optional<Quote> best;
    for (const Quote& candidate : candidates) {
      if (best && candidate.cost >= best->cost) break;
      const Pool& pool = pools_[candidate.pool];
      const auto nodes = first_fit(pool.rules, pool.empty, members,
                                   best ? std::optional(best->cost) : std::nullopt);
      if (!nodes) continue;
      const MicroUsdPerHour cost = price_of(pool.rules, *nodes);
      if (!best || cost < best->cost) best = {cost, candidate.pool};
    }
    return best;
  }

  /// How many of its items an empty node holds.
  std::int64_t most_items(const Pool& pool, const BaselineClass& item) const {
    std::int64_t most = std::min<std::int64_t>(
        item.per_node, pool.devices / std::max<std::int64_t>(item.devices, 1));
    const Resources& room = offers_.allocatable(pool.type);
    for (const auto part :
         {&Resources::cpu_milli, &Resources::memory_mib, &Resources::disk_mib, &Resources::pods})
      if (item.need.*part > 0) most = std::min(most, room.*part / (item.need.*part));
    return most;
  }

  /// The pool with the least price per item when a node holds its like alone.
  std::size_t best_filled(const std::vector<bool>& holds, std::uint32_t cls) const {
    std::optional<std::size_t> best;
    MicroUsdPerHour best_price;
    std::int64_t best_fit = 0;
    for (std::size_t p = 0; p < pools_.size(); ++p) {
      if (!holds[p]) continue;
      OpenNode node = pools_[p].empty;
      pools_[p].rules.add(node, cls, 0);
      const std::int64_t fit = most_items(pools_[p], classes_[cls]);
      const MicroUsdPerHour price = pools_[p].rules.price(node);
      if (best && Int128{price.micro} * best_fit >= Int128{best_price.micro} * fit) continue;
      best = p;
      best_price = price;
      best_fit = fit;
    }
    KERF_ASSERT(best.has_value(), "some pool holds the class");
    return *best;
  }

  /// Rule 2 for the members of one lot, each of which some pool holds. `parts` has them by the
  /// pools that do.
  Housing cheapest_housing(const std::vector<bool>& served,
                           const std::map<std::vector<bool>, Classes>& parts) const {
    Classes all;
    Housing in_parts;
    Housing by_kind;
    for (const auto& [holds, members] : parts) {
      all.insert(all.end(), members.begin(), members.end());
      Classes& part = in_parts[cheapest(holds, members)->pool];
      part.insert(part.end(), members.begin(), members.end());
      for (const std::uint32_t c : members) by_kind[best_filled(holds, c)].push_back(c);
    }
    std::vector<Housing> ways;
    if (const auto together = cheapest(served, all)) ways.push_back({{together->pool, all}});
    ways.push_back(std::move(in_parts));
    ways.push_back(std::move(by_kind));
    return *std::min_element(ways.begin(), ways.end(), [&](const Housing& a, const Housing& b) {
      return cost_of(a) < cost_of(b);
    });
  }

  MicroUsdPerHour cost_of(const Housing& housing) const {
    MicroUsdPerHour sum;
    for (const auto& [p, members] : housing)
      sum += price_of(pools_[p].rules,
                      *first_fit(pools_[p].rules, pools_[p].empty, members, std::nullopt));
    return sum;
  }

  /// Rules 1, 2 and 6.
  void house(const std::vector<bool>& served, const Classes& lot, Housing& chosen,
             BaselineBill& bill) const {
    std::map<std::vector<bool>, Classes> parts;
    for (const std::uint32_t c : lot) {
      std::vector<bool> holds(pools_.size());
      for (std::size_t p = 0; p < pools_.size(); ++p)
        holds[p] = served[p] && pools_[p].rules.takes(pools_[p].empty, c);
      if (std::find(holds.begin(), holds.end(), true) != holds.end()) parts[holds].push_back(c);
      else bill.leave_out(classes_[c].pods);
    }
    if (parts.empty()) return;
    for (const auto& [p, members] : cheapest_housing(served, parts))
      chosen[p].insert(chosen[p].end(), members.begin(), members.end());
  }

  const Offers& offers_;
  const std::vector<BaselineClass>& classes_;
  std::vector<std::int64_t> owned_;  ///< by stock: nodes left
  std::vector<Pool> pools_;
  std::map<GpuRequest, std::vector<bool>> serves_;           ///< by request, pool
  std::map<std::string, std::vector<std::int64_t>> slices_;  ///< by model, profile
};

}  // namespace

Baseline static_mig_baseline(const cluster::Demand& demand, const market::Market& market,
                             const cluster::Policy& policy) {
  Offers offers(demand, market, policy);
  BaselineItems items = baseline_items(demand, offers, [&](std::uint32_t shape) {
    return Zones{offers.zones(shape), offers.selected_zones(shape)};
  });
  Classes whole;
  Classes others;
  for (std::uint32_t c = 0; c < items.classes.size(); ++c) {
    if (whole_only(offers, items.classes[c])) {
      keep_whole_gpus(offers, items.classes[c]);
      whole.push_back(c);
    } else {
      others.push_back(c);
    }
  }
  BaselineBill bill("static-mig", demand);
  bill.leave_out(items.unplaced);
  std::vector<std::int64_t> owned = offers.stocks();
  buy_as_karpenter(offers, items.classes, whole, owned, bill);
  StaticPools(offers, items.classes, std::move(owned)).buy(others, bill);
  return bill.finish();
}

}  // namespace kerf::plan
