// Placer: ranks what stands for each ask, cuts and harm on one scale, and buys for the rest.
#include "core/online/place.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "base/assert.h"
#include "core/online/pending.h"

namespace kerf::online {

namespace {

/// The states of that room to which the units of the devices lead, each once.
std::vector<GpuState> ends(const GpuTable& table, GpuState from, const std::vector<Device>& devices,
                           GpuState room) {
  std::vector<GpuState> states = {from};
  for (const Device& device : devices) {
    std::vector<GpuState> next;
    for (const GpuState state : states)
      next.insert(next.end(), table.after(state, device.unit).begin(),
                  table.after(state, device.unit).end());
    std::sort(next.begin(), next.end());
    next.erase(std::unique(next.begin(), next.end()), next.end());
    states = std::move(next);
  }
  std::erase_if(states, [&](GpuState state) { return table.room(state) != room; });
  return states;
}

}  // namespace

Placer::Placer(Standing& standing, Expectation expectation, PlaceOptions options,
               Potential::Options potential)
    : standing_(standing),
      options_(options),
      potential_(standing.asks().kinds(), standing.asks().asks(), std::move(expectation),
                 potential),
      scarcity_(potential_, standing.asks().kinds(), standing.asks().asks()),
      ranking_(*this) {}

void Placer::expect(Expectation expectation) {
  potential_.expect(std::move(expectation));
  scarcity_.clear();
  for (NodeId node = 0; node < ranked_; ++node) look_at(node);
}

bool Placer::takes_pods(NodeId node) const {
  return node < standing_.nodes() && standing_.stands(node) && !standing_.node(node).closed;
}

void Placer::look_at(NodeId node) {
  ranking_.changed(node);
  scarcity_.set(node, takes_pods(node) ? &standing_.room(node) : nullptr);
}

void Placer::catch_up() {
  for (NodeId node : standing_.take_changes()) {
    while (ranked_ <= node) {
      ranking_.add(ranked_, 0);
      ++ranked_;
    }
    look_at(node);
  }
  for (const NodeId node : scarcity_.reprice()) ranking_.changed(node);
}

std::int64_t Placer::cost(std::int64_t harm, std::size_t cuts) const {
  const Int128 rate = static_cast<Int128>(harm) * options_.minutes / 60;
  return static_cast<std::int64_t>(rate) + static_cast<std::int64_t>(cuts) * options_.cut_micro_usd;
}

std::optional<std::int64_t> Placer::score(AskId ask, NodeIndex node) {
  const std::optional<Place> best = best_on(ask, node);
  if (!best) return std::nullopt;
  return best->micro_usd;
}

std::optional<Place> Placer::best_on(AskId ask, NodeId node) {
  if (!takes_pods(node)) return std::nullopt;
  std::optional<Place> best;
  for (const Potential::Scored& scored : potential_.fits(ask, standing_.room(node))) {
    if (best && cost(scored.harm, 0) >= best->micro_usd) break;  // harm only grows from here on
    Place place = place_of(node, scored);
    if (!best || place.micro_usd < best->micro_usd) best = std::move(place);
  }
  return best;
}

Place Placer::place_of(NodeId node, const Potential::Scored& scored) const {
  Place place;
  place.node = node;
  place.devices = devices_of(node, scored.fit);
  place.cuts = standing_.cuts_for(node, place.devices);
  place.harm = {scored.harm};
  place.micro_usd = cost(scored.harm, place.cuts.size());
  return place;
}

std::vector<DeviceAt> Placer::devices_of(NodeId node, const Fit& fit) const {
  const NodeRoom& room = standing_.room(node);
  const GpuTable& table = *standing_.asks().kinds()[room.kind].gpus;
  const SliceTable& slices = standing_.asks().slices(room.kind);
  std::vector<bool> taken(room.gpus.size());
  std::vector<DeviceAt> devices;
  for (const auto& [gpu, to] : fit.gpus) {
    const std::vector<Device> added = slices.all_added(room.gpus[gpu], to);
    std::vector<DeviceAt> best;
    std::uint32_t best_gpu = gpu;
    std::size_t least = std::numeric_limits<std::size_t>::max();
    for (std::uint32_t g = 0; g < room.gpus.size() && least > 0; ++g) {
      if (taken[g] || table.room(room.gpus[g]) != table.room(room.gpus[gpu])) continue;
      for (const GpuState end : ends(table, room.gpus[g], added, table.room(to))) {
        std::vector<DeviceAt> here = standing_.devices_to(node, g, end);
        std::size_t changes = 0;
        for (const Cut& cut : standing_.cuts_for(node, here))
          changes += cut.create.size() + cut.destroy.size();
        if (changes >= least) continue;
        least = changes;
        best = std::move(here);
        best_gpu = g;
      }
    }
    taken[best_gpu] = true;
    devices.insert(devices.end(), best.begin(), best.end());
  }
  return devices;
}

void Placer::for_each_place(ShapeId shape, const std::function<bool(const Place&)>& each) {
  catch_up();
  const AskId ask = standing_.ask_of(shape);
  Ranking::Walk walk = ranking_.walk(ask);
  while (const auto ranked = walk.next()) {
    if (!standing_.allows(shape, ranked->node)) continue;
    const std::optional<Place> place = best_on(ask, ranked->node);
    KERF_ASSERT(place.has_value(), "a ranked node has room");
    if (each(*place)) return;
  }
}

std::optional<Place> Placer::find(ShapeId shape) {
  std::optional<Place> found;
  for_each_place(shape, [&](const Place& place) {
    found = place;
    return true;
  });
  return found;
}

Placed Placer::run(const cluster::Demand& demand, std::uint32_t pod, std::vector<Place> places) {
  Placed placed;
  placed.pod = pod;
  placed.place = std::move(places.front());
  placed.others.assign(std::make_move_iterator(places.begin() + 1),
                       std::make_move_iterator(places.end()));
  const ShapeId shape = standing_.shape(demand.shapes[demand.pods[pod].shape]);
  placed.buying = standing_.asks().asks()[standing_.ask_of(shape)].worth;
  cluster::Running running;
  running.name = demand.pods[pod].name;
  running.shape = shape;
  running.node = placed.place.node;
  running.owner = demand.pods[pod].workload;
  placed.as = standing_.run(running, placed.place.devices);
  return placed;
}

bool Placer::settle(const cluster::Demand& demand, std::uint32_t pod, std::vector<Placed>& placed) {
  const ShapeId shape = standing_.shape(demand.shapes[demand.pods[pod].shape]);
  std::vector<Place> places;
  for_each_place(shape, [&](const Place& place) {
    places.push_back(place);
    return places.size() > options_.others;
  });
  if (places.empty()) return false;
  placed.push_back(run(demand, pod, std::move(places)));
  return true;
}

Decision Placer::decide(const cluster::Demand& demand, const std::vector<std::uint32_t>& pods) {
  Decision decision;
  std::vector<std::vector<std::uint32_t>> left;
  for (const std::vector<std::uint32_t>& together : in_order(standing_, demand, pods)) {
    const bool settled = together.size() == 1 ? settle(demand, together[0], decision.placed)
                                              : settle_together(demand, together, decision.placed);
    if (!settled) left.push_back(together);
  }
  decision.purchase = buy_for(standing_, demand, left, options_.buy_steps);
  return decision;
}

}  // namespace kerf::online
