// Packing for the baselines: like pods as items, nodes being filled, and their price by workload.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/cluster/demand.h"
#include "core/plan/admission.h"
#include "core/plan/coupling.h"
#include "core/plan/month.h"
#include "core/plan/offers.h"
#include "core/plan/plan.h"

namespace kerf::plan {

/// Items that a baseline may exchange for one another. An item is one pod, or several that must
/// share a node (required affinity on the hostname).
struct BaselineClass {
  Resources need;                     ///< of one item
  std::int64_t devices = 0;           ///< of one item, whatever their names
  std::vector<std::uint32_t> shapes;  ///< of the pods of one item
  std::vector<std::uint32_t> pods;    ///< item by item; kNoPod = headroom
  std::int32_t per_node = std::numeric_limits<std::int32_t>::max();  ///< most items on one node
  std::vector<bool> offers;          ///< by Offers::all(): those that admit every pod of the item
  LabelNeeds labels;                 ///< that a node must be given for it
  std::vector<std::uint32_t> apart;  ///< classes that must not share a node with it

  std::size_t items() const { return pods.size() / shapes.size(); }
};

struct BaselineItems {
  std::vector<BaselineClass> classes;
  std::vector<std::uint32_t> unplaced;  ///< pods that constraints between pods leave no place
};

/// Groups the demand and the policy's headroom. Zones and company are those that the planner's own
/// rules give (coupling.h), so that plan and baselines obey the same constraints.
BaselineItems baseline_items(const cluster::Demand& demand, const Offers& offers,
                             const ZonesOf& zones_of);

/// A node being filled. What it will be is open as long as several offers are left; Karpenter calls
/// that a NodeClaim.
struct OpenNode {
  std::vector<std::uint32_t> offers;  ///< index in Offers::all(), ascending, never empty
  Resources used;
  std::int64_t devices = 0;
  std::int64_t pods = 0;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> items;  ///< class, number of the item
  LabelNeeds labels;
};

/// The rules by which nodes are filled. `devices` says how many a node of each type has; a type
/// with none is not used. Holds references.
class NodeRules {
 public:
  NodeRules(const Offers& offers, const std::vector<BaselineClass>& classes,
            std::vector<std::int64_t> devices)
      : offers_(offers), classes_(classes), devices_(std::move(devices)) {}

  /// True if some offer that is left could still be bought with one more item of the class: it
  /// admits it, and CPU, memory, disk, pod count and devices suffice; company and labels permit it.
  bool takes(const OpenNode& node, std::uint32_t cls) const;
  /// Adds an item that the node takes; offers that are then too small go.
  void add(OpenNode& node, std::uint32_t cls, std::uint32_t item) const;
  /// An empty node that may still become anything that can be bought.
  OpenNode empty() const;
  /// An empty node of what is owned: one of this stock (Offers::stocks).
  OpenNode owned(std::size_t stock) const;
  /// True if no offer that is left has a device to spare.
  bool full(const OpenNode& node) const;
  /// The cheapest offer left; ties to the lower index.
  std::uint32_t cheapest(const OpenNode& node) const;
  MicroUsdPerHour price(const OpenNode& node) const { return offers_.all()[cheapest(node)].price; }

  const Offers& offers() const { return offers_; }
  const std::vector<BaselineClass>& classes() const { return classes_; }
  std::int64_t devices(std::uint32_t type) const { return devices_[type]; }

 private:
  bool fits(std::uint32_t type, const Resources& need, std::int64_t devices) const {
    return devices <= devices_[type] && need.fits(offers_.allocatable(type));
  }
  bool company_permits(const OpenNode& node, std::uint32_t cls) const;

  const Offers& offers_;
  const std::vector<BaselineClass>& classes_;
  std::vector<std::int64_t> devices_;  ///< by Market::types
};

/// Fills nodes with all items of these classes: first fit, by devices, CPU, memory, descending,
/// then in the order of the classes. Each class must fit `fresh`, an empty node. nullopt as soon as
/// the nodes cost `limit` or more.
std::optional<std::vector<OpenNode>> first_fit(const NodeRules& rules, const OpenNode& fresh,
                                               std::vector<std::uint32_t> chosen,
                                               std::optional<MicroUsdPerHour> limit);
MicroUsdPerHour price_of(const NodeRules& rules, const std::vector<OpenNode>& nodes);

/// Sums up nodes into a Baseline.
class BaselineBill {
 public:
  BaselineBill(std::string name, const cluster::Demand& demand);

  /// The node's price is parted among its pods by the largest part that each takes of CPU, memory
  /// or devices, exactly to the micro-dollar; headroom is carried by those who are there.
  void buy(const NodeRules& rules, const OpenNode& node);
  /// Pods that are not served; headroom among them is nobody.
  void leave_out(const std::vector<std::uint32_t>& pods);
  /// Nodes that hold headroom alone are parted among the workloads by what they pay already.
  Baseline finish();

 private:
  const cluster::Demand& demand_;
  Baseline baseline_;
  MonthBill month_;
  MicroUsdPerHour headroom_alone_;
  std::map<std::string, std::int64_t> fleet_;
};

/// Whole GPUs for every device of a class: `offers` loses what has no whole GPU that is large
/// enough. A request that no model of the catalogue can stand in for loses all.
void keep_whole_gpus(const Offers& offers, BaselineClass& item);
/// Zones in which whole GPUs can serve the shape, ascending.
std::vector<std::string> whole_gpu_zones(const Offers& offers, std::uint32_t shape);
/// Packs these classes on whole GPUs as Karpenter's scheduler does (whole_gpu.cc) and buys the
/// nodes. `owned` has the nodes left of each stock, and loses those that are used.
void buy_as_karpenter(const Offers& offers, const std::vector<BaselineClass>& classes,
                      const std::vector<std::uint32_t>& chosen, std::vector<std::int64_t>& owned,
                      BaselineBill& bill);

}  // namespace kerf::plan
