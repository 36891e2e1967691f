// Pods that need each other on one node: in which order, and which places leave room for all.
#include <algorithm>
#include <iterator>
#include <set>
#include <tuple>
#include <utility>

#include "core/online/place.h"

namespace kerf::online {

/// The search for one group. On a node the pods go in one order (larger devices first, as far as
/// their constraints let them) and each tries its places there, least cost first, until the rest
/// fit too. What a node lacks is remembered in terms of rooms, so that nothing is searched twice,
/// nor on nodes that are alike. Nothing but the order of the nodes is by cost of the whole group.
class Placer::Together {
 public:
  Together(Placer& placer, const cluster::Demand& demand, const std::vector<std::uint32_t>& pods)
      : placer_(placer), standing_(placer.standing_), demand_(demand) {
    for (const std::uint32_t pod : pods) {
      const ShapeId shape = standing_.shape(demand.shapes[demand.pods[pod].shape]);
      group_.push_back({pod, shape, standing_.ask_of(shape)});
    }
  }

  /// Nodes that have room for the one of them that is dearest to buy, its best first.
  std::vector<NodeId> nodes() {
    placer_.catch_up();
    const std::vector<Ask>& asks = standing_.asks().asks();
    const Member& dearest = *std::max_element(
        group_.begin(), group_.end(),
        [&](const Member& a, const Member& b) { return asks[a.ask].worth < asks[b.ask].worth; });
    std::vector<NodeId> nodes;
    Ranking::Walk walk = placer_.ranking_.walk(dearest.ask);
    while (const auto ranked = walk.next()) nodes.push_back(ranked->node);
    return nodes;
  }

  /// All of them run on the node afterwards, and are added to `placed`; or false, and none does.
  bool settle(NodeId node, std::vector<Placed>& placed) {
    node_ = node;
    order_.clear();
    here_.clear();
    Resources need;
    for (const Member& one : group_) need = need + standing_.asks().asks()[one.ask].need;
    if (!need.fits(standing_.room(node).left) || !put_in_order() || !search(0)) return false;
    placed.insert(placed.end(), std::make_move_iterator(here_.begin()),
                  std::make_move_iterator(here_.end()));
    return true;
  }

 private:
  struct Member {
    std::uint32_t pod = 0;
    ShapeId shape = 0;
    AskId ask = 0;
  };
  /// All that decides whether the rest of the group fits: kind, left, rooms, asks of the rest.
  using Case = std::tuple<KindId, Resources, std::vector<GpuState>, std::vector<AskId>>;

  /// The part of a GPU that the pod's largest device takes, in the first way.
  std::int32_t largest_device(AskId ask) const {
    const KindId kind = standing_.room(node_).kind;
    const GpuTable& table = *standing_.asks().kinds()[kind].gpus;
    std::int32_t largest = 0;
    const std::vector<Way>& ways = standing_.asks().asks()[ask].ways[kind];
    if (ways.empty()) return 0;
    for (const auto& [unit, count] : ways.front())
      if (table.fits(0, unit))
        largest = std::max(largest, GpuTable::kWhole - table.idle(table.after(0, unit).front()));
    return largest;
  }

  /// An order in which the constraints between pods let all of them come to the node.
  bool put_in_order() {
    std::vector<Member> left = group_;
    std::stable_sort(left.begin(), left.end(), [&](const Member& a, const Member& b) {
      return largest_device(a.ask) > largest_device(b.ask);
    });
    Company& company = standing_.company();
    while (!left.empty()) {
      const auto next = std::find_if(left.begin(), left.end(), [&](const Member& one) {
        return standing_.allows(one.shape, node_);
      });
      if (next == left.end()) break;
      company.bind(next->shape, standing_.company_of(node_));
      order_.push_back(*next);
      left.erase(next);
    }
    for (const Member& one : order_) company.release(one.shape, standing_.company_of(node_));
    return left.empty();
  }

  Case what_is_left(std::size_t next) const {
    const NodeRoom& room = standing_.room(node_);
    const GpuTable& table = *standing_.asks().kinds()[room.kind].gpus;
    Case now{room.kind, room.left, {}, {}};
    for (const GpuState gpu : room.gpus) std::get<2>(now).push_back(table.room(gpu));
    std::sort(std::get<2>(now).begin(), std::get<2>(now).end());
    for (std::size_t i = next; i < order_.size(); ++i) std::get<3>(now).push_back(order_[i].ask);
    std::sort(std::get<3>(now).begin(), std::get<3>(now).end());
    return now;
  }

  /// The places of the pod on the node, least cost first.
  std::vector<Place> places(AskId ask) const {
    std::vector<Place> places;
    for (const Potential::Scored& scored : placer_.potential_.fits(ask, standing_.room(node_)))
      places.push_back(placer_.place_of(node_, scored));
    std::stable_sort(places.begin(), places.end(),
                     [](const Place& a, const Place& b) { return a.micro_usd < b.micro_usd; });
    return places;
  }

  bool search(std::size_t next) {
    if (next == order_.size()) return true;
    Case now = what_is_left(next);
    if (hopeless_.count(now) != 0) return false;
    bool first = true;
    for (Place& place : places(order_[next].ask)) {
      if (!std::exchange(first, false) && --steps_ < 0) return false;
      standing_.begin();
      here_.push_back(placer_.run(demand_, order_[next].pod, {std::move(place)}));
      if (search(next + 1)) {
        standing_.commit();
        return true;
      }
      here_.pop_back();
      standing_.rollback();
    }
    if (steps_ >= 0) hopeless_.insert(std::move(now));
    return false;
  }

  Placer& placer_;
  Standing& standing_;
  const cluster::Demand& demand_;
  std::vector<Member> group_;
  NodeId node_ = 0;
  std::vector<Member> order_;  ///< on the node
  std::vector<Placed> here_;   ///< in that order
  std::int64_t steps_ = kTogetherSteps;
  std::set<Case> hopeless_;
};

bool Placer::settle_together(const cluster::Demand& demand, const std::vector<std::uint32_t>& pods,
                             std::vector<Placed>& placed) {
  Together together(*this, demand, pods);
  for (const NodeId node : together.nodes())
    if (together.settle(node, placed)) return true;
  return false;
}

}  // namespace kerf::online
