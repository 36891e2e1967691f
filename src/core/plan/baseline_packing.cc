// Items, open nodes and the bill of the baselines.
#include "core/plan/baseline_packing.h"

#include <algorithm>
#include <tuple>

#include "base/assert.h"

namespace kerf::plan {

namespace {

std::int64_t devices_of(const cluster::PodShape& shape) {
  std::int64_t sum = 0;
  for (const cluster::GpuRequest& request : shape.gpu) sum += request.count;
  return sum;
}

BaselineClass make_class(const Offers& offers, const Group& group) {
  BaselineClass item;
  item.shapes = group.shapes;
  item.per_node = group.per_node;
  item.offers.assign(offers.all().size(), true);
  for (const std::uint32_t s : group.shapes) {
    const cluster::PodShape& shape = offers.shape(s);
    item.need = item.need + shape.requests;
    item.devices += devices_of(shape);
    item.labels = merge(item.labels, label_needs(offers.market(), offers.policy(), shape));
    for (std::size_t o = 0; o < offers.all().size(); ++o) {
      const bool in_zone = group.zone.empty() || group.zone == offers.all()[o].zone;
      item.offers[o] = item.offers[o] && in_zone && offers.admitted(s, o);
    }
  }
  return item;
}

void add_headroom(const Offers& offers, std::uint32_t first_shape, BaselineItems& items) {
  for (std::size_t h = 0; h < offers.policy().headroom.size(); ++h) {
    const std::int64_t count = offers.policy().headroom[h].count;
    if (count <= 0) continue;
    Group group;
    group.shapes = {first_shape + static_cast<std::uint32_t>(h)};
    items.classes.push_back(make_class(offers, group));
    items.classes.back().pods.assign(static_cast<std::size_t>(count), kNoPod);
  }
}

}  // namespace

BaselineItems baseline_items(const cluster::Demand& demand, const Offers& offers,
                             const ZonesOf& zones_of) {
  std::vector<std::uint32_t> pods(demand.pods.size());
  for (std::uint32_t p = 0; p < pods.size(); ++p) pods[p] = p;
  const Coupling coupling = couple(demand, pods, zones_of, false);

  BaselineItems items;
  for (const Unplaced& entry : coupling.unplaced) items.unplaced.push_back(entry.pod);
  std::vector<bool> alone(coupling.groups.size());
  for (const auto& [a, b] : coupling.conflicts) alone[a] = alone[b] = true;
  using Key = std::tuple<Resources, std::vector<std::vector<cluster::GpuRequest>>,
                         std::vector<std::uint32_t>, std::string, std::size_t>;
  std::map<Key, std::uint32_t> index;
  std::vector<std::uint32_t> class_of;
  for (std::size_t g = 0; g < coupling.groups.size(); ++g) {
    const Group& group = coupling.groups[g];
    Resources need;
    std::vector<std::vector<cluster::GpuRequest>> gpu;
    std::vector<std::uint32_t> signatures;
    for (const std::uint32_t s : group.shapes) {
      need = need + offers.shape(s).requests;
      gpu.push_back(offers.shape(s).gpu);
      signatures.push_back(offers.signature(s));
    }
    // What is limited or kept apart counts one group only, so such groups stay alone.
    const bool limited = group.per_node != std::numeric_limits<std::int32_t>::max();
    const Key key{need, gpu, signatures, group.zone, alone[g] || limited ? g + 1 : 0};
    const auto [it, fresh] =
        index.try_emplace(key, static_cast<std::uint32_t>(items.classes.size()));
    if (fresh) items.classes.push_back(make_class(offers, group));
    BaselineClass& item = items.classes[it->second];
    item.pods.insert(item.pods.end(), group.pods.begin(), group.pods.end());
    class_of.push_back(it->second);
  }
  for (BaselineClass& item : items.classes)
    if (item.shapes.size() == 1) std::sort(item.pods.begin(), item.pods.end());
  for (const auto& [a, b] : coupling.conflicts) {
    items.classes[class_of[a]].apart.push_back(class_of[b]);
    items.classes[class_of[b]].apart.push_back(class_of[a]);
  }
  add_headroom(offers, static_cast<std::uint32_t>(demand.shapes.size()), items);
  return items;
}

// --- nodes -------------------------------------------------------------------------------------

bool NodeRules::company_permits(const OpenNode& node, std::uint32_t cls) const {
  const BaselineClass& item = classes_[cls];
  if (!item.apart.empty() || item.per_node <= static_cast<std::int64_t>(node.items.size())) {
    std::int64_t like = 0;
    for (const auto& [other, number] : node.items) {
      if (other == cls) ++like;
      if (std::find(item.apart.begin(), item.apart.end(), other) != item.apart.end()) return false;
    }
    if (like >= item.per_node) return false;
  }
  return item.labels.empty() || node.labels.empty() || compatible(node.labels, item.labels);
}

bool NodeRules::takes(const OpenNode& node, std::uint32_t cls) const {
  const BaselineClass& item = classes_[cls];
  const Resources need = node.used + item.need;
  const std::int64_t devices = node.devices + item.devices;
  std::uint32_t type = std::numeric_limits<std::uint32_t>::max();
  bool large_enough = false;
  for (const std::uint32_t o : node.offers) {
    if (offers_.all()[o].type != type) {
      type = offers_.all()[o].type;
      large_enough = fits(type, need, devices);
    }
    if (large_enough && item.offers[o]) return company_permits(node, cls);
  }
  return false;
}

void NodeRules::add(OpenNode& node, std::uint32_t cls, std::uint32_t number) const {
  const BaselineClass& item = classes_[cls];
  node.used = node.used + item.need;
  node.devices += item.devices;
  node.pods += static_cast<std::int64_t>(item.shapes.size());
  node.items.emplace_back(cls, number);
  if (!item.labels.empty()) node.labels = merge(std::move(node.labels), item.labels);
  std::erase_if(node.offers, [&](std::uint32_t o) {
    return !item.offers[o] || !fits(offers_.all()[o].type, node.used, node.devices);
  });
  KERF_ASSERT(!node.offers.empty(), "only items that a node takes are added");
}

OpenNode NodeRules::empty() const {
  OpenNode node;
  for (std::uint32_t o = 0; o < offers_.all().size(); ++o)
    if (devices_[offers_.all()[o].type] > 0 && offers_.all()[o].stock < 0) node.offers.push_back(o);
  return node;
}

OpenNode NodeRules::owned(std::size_t stock) const {
  OpenNode node;
  for (std::uint32_t o = 0; o < offers_.all().size(); ++o)
    if (devices_[offers_.all()[o].type] > 0 &&
        offers_.all()[o].stock == static_cast<std::int32_t>(stock))
      node.offers.push_back(o);
  return node;
}

bool NodeRules::full(const OpenNode& node) const {
  return std::all_of(node.offers.begin(), node.offers.end(), [&](std::uint32_t o) {
    return devices_[offers_.all()[o].type] <= node.devices;
  });
}

std::uint32_t NodeRules::cheapest(const OpenNode& node) const {
  return *std::min_element(node.offers.begin(), node.offers.end(),
                           [&](std::uint32_t a, std::uint32_t b) {
                             return offers_.all()[a].price < offers_.all()[b].price;
                           });
}

std::optional<std::vector<OpenNode>> first_fit(const NodeRules& rules, const OpenNode& fresh,
                                               std::vector<std::uint32_t> chosen,
                                               std::optional<MicroUsdPerHour> limit) {
  const std::vector<BaselineClass>& classes = rules.classes();
  std::sort(chosen.begin(), chosen.end());
  std::stable_sort(chosen.begin(), chosen.end(), [&](std::uint32_t a, std::uint32_t b) {
    const BaselineClass& x = classes[a];
    const BaselineClass& y = classes[b];
    return std::tie(x.devices, x.need.cpu_milli, x.need.memory_mib) >
           std::tie(y.devices, y.need.cpu_milli, y.need.memory_mib);
  });
  std::vector<OpenNode> nodes;
  std::vector<std::uint32_t> open;  // nodes with a free device, in order
  MicroUsdPerHour least;            // that the nodes cost: they only get dearer as offers go
  for (const std::uint32_t c : chosen) {
    std::size_t at = 0;
    for (std::uint32_t i = 0; i < classes[c].items(); ++i) {
      while (at < open.size() && !rules.takes(nodes[open[at]], c)) ++at;
      if (at == open.size()) {
        open.push_back(static_cast<std::uint32_t>(nodes.size()));
        nodes.push_back(fresh);
        least += rules.price(fresh);
        if (limit && least >= *limit) return std::nullopt;
      }
      rules.add(nodes[open[at]], c, i);
    }
    std::erase_if(open, [&](std::uint32_t n) { return rules.full(nodes[n]); });
  }
  return nodes;
}

MicroUsdPerHour price_of(const NodeRules& rules, const std::vector<OpenNode>& nodes) {
  MicroUsdPerHour sum;
  for (const OpenNode& node : nodes) sum += rules.price(node);
  return sum;
}

// --- money -------------------------------------------------------------------------------------

BaselineBill::BaselineBill(std::string name, const cluster::Demand& demand)
    : demand_(demand), month_(demand) {
  baseline_.name = std::move(name);
  baseline_.per_workload.resize(demand.workloads.size());
}

void BaselineBill::leave_out(const std::vector<std::uint32_t>& pods) {
  for (const std::uint32_t pod : pods)
    if (pod != kNoPod) baseline_.unplaced.push_back(pod);
}

void BaselineBill::buy(const NodeRules& rules, const OpenNode& node) {
  const Offer& offer = rules.offers().all()[rules.cheapest(node)];
  const Resources& room = rules.offers().allocatable(offer.type);
  baseline_.per_hour += offer.price;
  ++baseline_.nodes;
  ++fleet_[rules.offers().market().types[offer.type].name];
  std::vector<std::uint32_t> workloads;
  std::vector<std::int64_t> weights;
  bool headroom = false;
  for (const auto& [cls, number] : node.items) {
    const BaselineClass& item = rules.classes()[cls];
    for (std::size_t i = 0; i < item.shapes.size(); ++i) {
      const std::uint32_t pod = item.pods[number * item.shapes.size() + i];
      if (pod == kNoPod) {
        headroom = true;
        continue;
      }
      const cluster::PodShape& shape = demand_.shapes[demand_.pods[pod].shape];
      workloads.push_back(demand_.pods[pod].workload);
      weights.push_back(std::max({price_weight(shape.requests.cpu_milli, room.cpu_milli),
                                  price_weight(shape.requests.memory_mib, room.memory_mib),
                                  price_weight(devices_of(shape), rules.devices(offer.type))}));
    }
  }
  if (workloads.empty()) headroom_alone_ += offer.price;
  const std::vector<MicroUsdPerHour> costs = split(offer.price, weights);
  std::vector<NodePart> parts;
  for (std::size_t i = 0; i < workloads.size(); ++i) {
    baseline_.per_workload[workloads[i]] += costs[i];
    parts.push_back({workloads[i], costs[i]});
  }
  month_.add(offer.price, parts, headroom);
}

Baseline BaselineBill::finish() {
  std::vector<std::int64_t> weights;
  for (const MicroUsdPerHour cost : baseline_.per_workload) weights.push_back(cost.micro);
  const std::vector<MicroUsdPerHour> parts = split(headroom_alone_, weights);
  for (std::size_t w = 0; w < parts.size(); ++w) baseline_.per_workload[w] += parts[w];
  std::sort(baseline_.unplaced.begin(), baseline_.unplaced.end());
  baseline_.transient_part = month_.transient();
  baseline_.month_micro_usd = month_.micro_usd();
  baseline_.months = month_.by_workload();
  baseline_.fleet.assign(fleet_.begin(), fleet_.end());
  return std::move(baseline_);
}

}  // namespace kerf::plan
