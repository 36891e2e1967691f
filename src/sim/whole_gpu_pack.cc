// The packing: a view of the cluster in which pods are assumed to be where they would go.
#include "sim/whole_gpu_pack.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "core/control/names.h"
#include "core/plan/admission.h"
#include "sim/scheduler_fit.h"

namespace kerf::sim {
namespace {

using control::Node;
using control::NodeClaim;
using control::Pod;

constexpr const char* kGpu = "nvidia.com/gpu";

std::int64_t gpus_of(const cluster::PodShape& shape) {
  std::int64_t gpus = 0;
  for (const cluster::GpuRequest& request : shape.gpu) gpus += request.count;
  return gpus;
}

/// Does it matter in which zone the pod runs?
bool cares_for_zone(const cluster::PodShape& shape) {
  const auto of_zone = [](const auto& term) { return term.topology_key == control::kZoneLabel; };
  const auto any = [&](const auto& terms) {
    return std::any_of(terms.begin(), terms.end(), of_zone);
  };
  return any(shape.spread) || any(shape.affinity) || any(shape.anti_affinity) ||
         !shape.node_selector.empty() || !shape.node_affinity.empty() || shape.volume_zone_bound;
}

/// A claim that is being filled.
struct Open {
  std::string name;  ///< of its node in the view
  std::size_t pool = 0;
  std::string zone;
  std::vector<const market::Offering*> offers;  ///< left, cheapest first
  Resources used;
  std::int64_t gpus = 0;
  std::int64_t pods = 0;
  bool zonal = false;
};

class Packer {
 public:
  explicit Packer(const PackInput& input) : in_(input) {
    see_cluster();
    find_offers();
  }

  Packing run();

 private:
  void see_cluster();
  void see_standing(const Node& node);
  void see_claim(const NodeClaim& claim);
  void find_offers();
  bool on_standing(const Key& key);
  bool on_open(const Key& key, const Pod& pod);
  bool opens(const Key& key, const Pod& pod);
  std::vector<const market::Offering*> left(const Open& open, const Pod& pod) const;
  bool admitted(const Open& open, const Pod& pod, const market::Offering& offer) const;
  void show(const Open& open);
  bool take(Open& open, const Key& key, const Pod& pod,
            std::vector<const market::Offering*> offers);
  PackedClaim close(const Open& open) const;

  const PackInput& in_;
  SchedulerView view_;
  std::vector<std::string> order_;                            ///< nodes that stand or are under way
  std::vector<std::vector<const market::Offering*>> offers_;  ///< by pool, cheapest first
  std::vector<std::int64_t> gpus_left_;                       ///< by pool; -1 = no limit
  std::vector<Open> open_;
};

// --- What stands ---------------------------------------------------------------------------------

/// Before it is initialized a node counts with what its type has, and is taken to be ready.
void Packer::see_standing(const Node& node) {
  Node seen = node;
  if (!node.meta.labels.contains("karpenter.sh/initialized")) {
    const auto type = node.meta.labels.find(control::kTypeLabel);
    const market::InstanceType* bought =
        type == node.meta.labels.end() ? nullptr : in_.feed.type_named(type->second);
    seen.ready = true;
    if (bought != nullptr) seen.allocatable_of[kGpu] = bought->gpu_count;
    std::erase_if(seen.taints, [](const cluster::Taint& taint) {
      return taint.key.starts_with("node.kubernetes.io/");
    });
  }
  view_.see_node(node.meta.name, std::make_shared<const control::Object>(std::move(seen)));
  order_.push_back(node.meta.name);
}

/// A claim without a Node yet.
void Packer::see_claim(const NodeClaim& claim) {
  const market::InstanceType* type = in_.feed.type_named(claim.type);
  if (type == nullptr) return;
  const std::string zone = !claim.zone.empty()   ? claim.zone
                           : claim.zones.empty() ? ""
                                                 : claim.zones.front();
  Node node;
  node.meta.name = "claim/" + claim.meta.name;
  node.meta.labels = market::node_labels(in_.feed, *type, zone,
                                         claim.launched() || claim.capacity_types.empty()
                                             ? claim.capacity_type
                                             : claim.capacity_types.front());
  for (const auto& [key, value] : claim.meta.labels) node.meta.labels[key] = value;
  node.meta.labels["kubernetes.io/hostname"] = node.meta.name;
  node.ready = true;
  node.taints = claim.taints;
  node.allocatable = market::allocatable(*type, in_.overhead);
  node.allocatable_of[kGpu] = type->gpu_count;
  order_.push_back(node.meta.name);
  view_.see_node(order_.back(), std::make_shared<const control::Object>(std::move(node)));
}

void Packer::see_cluster() {
  std::vector<std::string> young;
  for (const Node& node : in_.api.all<Node>()) {
    if (node.meta.deleted != 0 || node.meta.name == in_.without) continue;
    const bool initialized = node.meta.labels.contains("karpenter.sh/initialized");
    see_standing(node);
    if (initialized) continue;
    young.push_back(node.meta.name);
    order_.pop_back();
  }
  order_.insert(order_.end(), young.begin(), young.end());
  for (const auto& [key, value] : in_.api.of(Kind::Pod)) {
    const Pod& pod = *std::get_if<Pod>(value.get());
    if (!pod.node.empty() && !pod.done() && view_.node(pod.node) != nullptr)
      view_.see_pod(key, value);
  }
  gpus_left_.assign(in_.pools.size(), -1);
  for (std::size_t p = 0; p < in_.pools.size(); ++p)
    gpus_left_[p] = in_.pools[p].buys.limit_gpus.value_or(-1);
  for (const NodeClaim& claim : in_.api.all<NodeClaim>()) {
    const market::InstanceType* type = in_.feed.type_named(claim.type);
    const auto pool = claim.meta.labels.find(kPoolLabel);
    for (std::size_t p = 0; type != nullptr && p < in_.pools.size(); ++p)
      if (gpus_left_[p] >= 0 && pool != claim.meta.labels.end() &&
          pool->second == in_.pools[p].meta.name)
        gpus_left_[p] = std::max<std::int64_t>(0, gpus_left_[p] - type->gpu_count);
    if (claim.node.empty() && claim.meta.deleted == 0) see_claim(claim);
  }
}

void Packer::find_offers() {
  offers_.resize(in_.pools.size());
  for (std::size_t p = 0; p < in_.pools.size(); ++p) {
    for (const market::Offering& offer : in_.feed.offerings) {
      const market::InstanceType& type = in_.feed.types[offer.type];
      if (type.gpu_fraction == 1 && type.gpu_count > 0 && !offer.zone.empty() &&
          cluster::allows(in_.pools[p].buys, type, offer))
        offers_[p].push_back(&offer);
    }
    std::stable_sort(offers_[p].begin(), offers_[p].end(),
                     [](const auto* a, const auto* b) { return a->price < b->price; });
  }
}

// --- One pod -------------------------------------------------------------------------------------

bool Packer::on_standing(const Key& key) {
  for (const std::string& name : order_) {
    if (!obstacle(view_, *view_.pod(key), *view_.node(name)).why.empty()) continue;
    view_.assume(key, name);
    return true;
  }
  return false;
}

bool Packer::admitted(const Open& open, const Pod& pod, const market::Offering& offer) const {
  const market::InstanceType& type = in_.feed.types[offer.type];
  const std::int64_t left = gpus_left_[open.pool];
  if (open.gpus + gpus_of(pod.shape) > type.gpu_count || (left >= 0 && type.gpu_count > left))
    return false;
  if (!(open.used + pod.shape.requests).fits(market::allocatable(type, in_.overhead))) return false;
  return plan::admits(in_.feed, in_.pools[open.pool].buys, pod.shape, type, offer.zone,
                      offer.capacity_type)
      .ok;
}

std::vector<const market::Offering*> Packer::left(const Open& open, const Pod& pod) const {
  std::vector<const market::Offering*> offers;
  for (const market::Offering* offer : open.offers)
    if (admitted(open, pod, *offer)) offers.push_back(offer);
  return offers;
}

/// Puts the claim's node, as its cheapest offer, into the view. Resources are judged offer by
/// offer.
void Packer::show(const Open& open) {
  const market::Offering& offer = *open.offers.front();
  Node node;
  node.meta.name = open.name;
  node.meta.labels =
      market::node_labels(in_.feed, in_.feed.types[offer.type], open.zone, offer.capacity_type);
  const cluster::Policy& buys = in_.pools[open.pool].buys;
  for (const auto& [key, value] : buys.node_labels) node.meta.labels[key] = value;
  node.meta.labels["kubernetes.io/hostname"] = open.name;
  node.taints = buys.node_taints;
  node.ready = true;
  constexpr std::int64_t kPlenty = std::int64_t{1} << 40;
  node.allocatable = {kPlenty, kPlenty, kPlenty, kPlenty};
  node.allocatable_of[kGpu] = kPlenty;
  view_.see_node(open.name, std::make_shared<const control::Object>(std::move(node)));
}

/// Adds the pod if the other pods permit it there.
bool Packer::take(Open& open, const Key& key, const Pod& pod,
                  std::vector<const market::Offering*> offers) {
  if (offers.empty()) return false;
  std::swap(open.offers, offers);
  show(open);
  if (!obstacle(view_, *view_.pod(key), *view_.node(open.name)).why.empty()) {
    std::swap(open.offers, offers);
    if (open.pods > 0) show(open);
    else view_.see_node(open.name, nullptr);
    return false;
  }
  view_.assume(key, open.name);
  open.used = open.used + pod.shape.requests;
  open.gpus += gpus_of(pod.shape);
  ++open.pods;
  open.zonal |= cares_for_zone(pod.shape);
  return true;
}

bool Packer::on_open(const Key& key, const Pod& pod) {
  const auto pool = pool_of(in_.pools, pod);
  std::vector<Open*> order;
  for (Open& open : open_)
    if (open.pool == pool) order.push_back(&open);
  std::stable_sort(order.begin(), order.end(),
                   [](const Open* a, const Open* b) { return a->pods < b->pods; });
  return std::any_of(order.begin(), order.end(),
                     [&](Open* open) { return take(*open, key, pod, left(*open, pod)); });
}

/// The zone of the cheapest type that has room for the pod alone, of those that its company allows.
bool Packer::opens(const Key& key, const Pod& pod) {
  const auto pool = pool_of(in_.pools, pod);
  if (!in_.may_buy || !pool) return false;
  std::vector<std::string> zones;
  for (const market::Offering* offer : offers_[*pool]) {
    if (std::find(zones.begin(), zones.end(), offer->zone) == zones.end())
      zones.push_back(offer->zone);
  }
  std::vector<Open> fresh;
  for (const std::string& zone : zones) {
    Open open;
    open.name = "new/" + std::to_string(open_.size());
    open.pool = *pool;
    open.zone = zone;
    for (const market::Offering* offer : offers_[*pool])
      if (offer->zone == zone) open.offers.push_back(offer);
    open.offers = left(open, pod);
    if (!open.offers.empty()) fresh.push_back(std::move(open));
  }
  std::stable_sort(fresh.begin(), fresh.end(), [](const Open& a, const Open& b) {
    return a.offers.front()->price < b.offers.front()->price;
  });
  for (Open& open : fresh) {
    if (!take(open, key, pod, open.offers)) continue;
    open_.push_back(std::move(open));
    return true;
  }
  return false;
}

PackedClaim Packer::close(const Open& open) const {
  const market::Offering& best = *open.offers.front();
  const market::InstanceType& type = in_.feed.types[best.type];
  PackedClaim claim;
  claim.pool = open.pool;
  claim.type = type.name;
  claim.price = best.price;
  claim.spot = best.capacity_type == market::CapacityType::Spot;
  claim.gpus = type.gpu_count;
  claim.pods = open.pods;
  std::set<std::string> zones;
  std::set<market::CapacityType> capacity_types;
  for (const market::Offering* offer : open.offers) {
    if (offer->type != best.type) continue;
    zones.insert(offer->zone);
    capacity_types.insert(offer->capacity_type);
  }
  if (!open.zonal)
    for (const market::Offering* offer : offers_[open.pool])
      if (offer->type == best.type) zones.insert(offer->zone);
  claim.zones.assign(zones.begin(), zones.end());
  claim.capacity_types.assign(capacity_types.begin(), capacity_types.end());
  return claim;
}

Packing Packer::run() {
  std::vector<Value> queue = in_.pods;
  const auto pod_of = [](const Value& value) -> const Pod& {
    return *std::get_if<Pod>(value.get());
  };
  std::sort(queue.begin(), queue.end(), [&](const Value& left, const Value& right) {
    const Pod& a = pod_of(left);
    const Pod& b = pod_of(right);
    const auto key = [](const Pod& pod) {
      return std::tuple(-pod.shape.requests.cpu_milli, -pod.shape.requests.memory_mib,
                        pod.meta.created, control::key_of(pod.meta));
    };
    return key(a) < key(b);
  });
  Packing packing;
  for (const Value& value : queue) {
    const Pod& pod = pod_of(value);
    const Key key = control::key_of(pod.meta);
    view_.see_pod(key, value);
    const std::size_t before = open_.size();
    if (!on_standing(key) && !on_open(key, pod) && !opens(key, pod)) ++packing.unplaced;
    if (open_.size() == before) continue;
    // The pool's limit counts a new claim by the largest type that it may still become.
    std::int64_t& left = gpus_left_[open_.back().pool];
    if (left >= 0) {
      std::int64_t most = 0;
      for (const market::Offering* offer : open_.back().offers)
        most = std::max<std::int64_t>(most, in_.feed.types[offer->type].gpu_count);
      left = std::max<std::int64_t>(0, left - most);
    }
  }
  for (const Open& open : open_) packing.claims.push_back(close(open));
  return packing;
}

}  // namespace

std::optional<std::size_t> pool_of(const std::vector<control::SlicePolicy>& pools,
                                   const control::Pod& pod) {
  std::optional<std::size_t> best;
  for (std::size_t p = 0; p < pools.size(); ++p) {
    if (!control::selects(pools[p], pod.meta.ns, pod.meta.labels)) continue;
    const auto rank = [&](std::size_t i) {
      return std::tuple(-pools[i].priority, std::string_view(pools[i].meta.name));
    };
    if (!best || rank(p) < rank(*best)) best = p;
  }
  return best;
}

Packing pack_whole(const PackInput& input) { return Packer(input).run(); }

}  // namespace kerf::sim
