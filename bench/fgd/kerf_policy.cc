// Translates the experiment's nodes and tasks into rooms and asks, and asks Kerf.
#include "fgd/kerf_policy.h"

#include <algorithm>
#include <map>
#include <utility>

#include "core/online/gpu_table.h"
#include "core/online/ranking.h"
#include "core/online/scarcity.h"
#include "fgd/fgd.h"
#include "fgd/make_room.h"

namespace kerf::fgd {
namespace {

using namespace online;

/// Tasks of classes rarer than the last hundredth are left out of what is expected.
constexpr std::int64_t kTypicalPercent = 99;

/// A GPU in thousandths: a state for each sum of shares that fits, a unit for each distinct share.
class Thousandths {
 public:
  explicit Thousandths(const Trace& trace) {
    for (const Task& task : trace.tasks) {
      if (task.gpus > 0) shares_.push_back(task.gpu_milli);
    }
    std::sort(shares_.begin(), shares_.end());
    shares_.erase(std::unique(shares_.begin(), shares_.end()), shares_.end());

    std::vector<bool> reached(kWholeGpu + 1);
    reached[0] = true;
    for (std::size_t used = 0; used < reached.size(); ++used) {
      if (!reached[used]) continue;
      state_.resize(used + 1);
      state_[used] = static_cast<GpuState>(used_.size());
      used_.push_back(static_cast<std::int32_t>(used));
      for (const std::int32_t share : shares_) {
        const std::size_t next = used + static_cast<std::size_t>(share);
        if (next < reached.size()) reached[next] = true;
      }
    }
    std::vector<std::vector<GpuState>> after;
    std::vector<std::int32_t> idle;
    for (const std::int32_t used : used_) {
      idle.push_back((kWholeGpu - used) * GpuTable::kWhole / kWholeGpu);
      for (const std::int32_t share : shares_) {
        after.emplace_back();
        if (used + share <= kWholeGpu) {
          after.back().push_back(state_[static_cast<std::size_t>(used + share)]);
        }
      }
    }
    table_ = std::make_unique<GpuTable>(shares_.size(), after, std::move(idle));
  }

  const GpuTable& table() const { return *table_; }
  Unit unit(std::int32_t share) const {
    return static_cast<Unit>(std::lower_bound(shares_.begin(), shares_.end(), share) -
                             shares_.begin());
  }
  GpuState state(std::int32_t left) const {
    return state_[static_cast<std::size_t>(kWholeGpu - left)];
  }

 private:
  std::vector<std::int32_t> shares_;  ///< by unit
  std::vector<std::int32_t> used_;    ///< by state
  std::vector<GpuState> state_;       ///< by thousandths in use
  std::unique_ptr<GpuTable> table_;
};

class KerfPolicy final : public Policy, private Scorer, private Judge {
 public:
  KerfPolicy(const Trace& trace, const NodeList& nodes, Potential::Options options)
      : gpu_(trace),
        kinds_(kinds(nodes)),
        asks_(asks(trace, nodes)),
        potential_(kinds_, asks_, expected(trace), options) {}

  std::optional<Choice> choose(const Cluster& cluster, const Task& task) override {
    if (rooms_.empty()) read(cluster);
    for (const NodeIndex node : scarcity_.reprice()) ranking_.changed(node);
    const auto ask = static_cast<AskId>(task.kind);
    const auto best = ranking_.best(ask);
    if (!best) return std::nullopt;
    return Choice{best->node, place_in(rooms_[best->node], ask)->gpus};
  }

  void changed(const Cluster& cluster, std::size_t node) override {
    if (rooms_.empty()) return;
    rooms_[node] = room(cluster.nodes()[node]);
    look_at(static_cast<NodeIndex>(node));
  }

  std::vector<Move> moves_for(const Cluster& cluster, const Task* failed,
                              std::int64_t allowed) override {
    return failed == nullptr ? std::vector<Move>() : make_room(cluster, *this, *failed, allowed);
  }

 private:
  std::int64_t worth(const NodeState& node) override { return potential_.worth(room(node)); }

  std::optional<Place> place(const NodeState& node, const Task& task) override {
    return place_in(room(node), static_cast<AskId>(task.kind));
  }

  void each_node(const Task& task, const std::function<bool(std::size_t)>& each) override {
    Ranking::Walk walk = ranking_.walk(static_cast<AskId>(task.kind));
    while (const auto ranked = walk.next())
      if (each(ranked->node)) return;
  }

  std::optional<Place> place_in(const NodeRoom& room, AskId ask) {
    const auto fits = potential_.fits(ask, room);
    if (fits.empty()) return std::nullopt;
    Place place{0, fits.front().harm};
    for (const auto& [gpu, state] : fits.front().fit.gpus) place.gpus |= GpuMask{1} << gpu;
    return place;
  }

  std::optional<std::int64_t> score(AskId ask, NodeIndex node) override {
    return potential_.least_harm(ask, rooms_[node]);
  }

  void read(const Cluster& cluster) {
    for (std::size_t node = 0; node < cluster.nodes().size(); ++node) {
      rooms_.push_back(room(cluster.nodes()[node]));
      ranking_.add(static_cast<NodeIndex>(node), static_cast<std::uint32_t>(cluster.rank(node)));
      look_at(static_cast<NodeIndex>(node));
    }
  }

  void look_at(NodeIndex node) {
    ranking_.changed(node);
    scarcity_.set(node, &rooms_[node]);
  }

  NodeRoom room(const NodeState& node) const {
    NodeRoom room;
    room.kind = static_cast<KindId>(std::countr_zero(node.model));
    room.left.cpu_milli = node.cpu_milli;
    room.left.memory_mib = node.memory_mib;
    for (int gpu = 0; gpu < node.gpus; ++gpu) {
      room.gpus.push_back(gpu_.state(node.gpu_milli[static_cast<std::size_t>(gpu)]));
    }
    return room;
  }

  std::vector<Kind> kinds(const NodeList& nodes) const {
    return std::vector<Kind>(nodes.models.size(), Kind{&gpu_.table()});
  }

  std::vector<Ask> asks(const Trace& trace, const NodeList& nodes) const {
    std::vector<Ask> asks(trace.kinds);
    for (const Task& task : trace.tasks) {
      Ask& ask = asks[task.kind];
      if (!ask.ways.empty()) continue;
      ask.need.cpu_milli = task.cpu_milli;
      ask.need.memory_mib = task.memory_mib;
      ask.worth.micro = task.demand_milli() * 1000;
      Way way;
      if (task.gpus > 0) way.emplace_back(gpu_.unit(task.gpu_milli), task.gpus);
      ask.ways.resize(nodes.models.size());
      for (std::size_t model = 0; model < nodes.models.size(); ++model) {
        if (task.models == 0 || (task.models >> model & 1) != 0) ask.ways[model].push_back(way);
      }
    }
    return asks;
  }

  static Expectation expected(const Trace& trace) {
    std::vector<std::int64_t> counts(trace.kinds);
    for (const Task& task : trace.tasks) ++counts[task.kind];
    std::vector<std::pair<std::int64_t, AskId>> order;
    for (AskId a = 0; a < trace.kinds; ++a) order.emplace_back(-counts[a], a);
    std::sort(order.begin(), order.end());
    Expectation out;
    std::int64_t sum = 0;
    for (const auto& [count, ask] : order) {
      if (sum * 100 >= kTypicalPercent * static_cast<std::int64_t>(trace.tasks.size())) break;
      sum -= count;
      out.push_back({ask, -count});
    }
    std::sort(out.begin(), out.end(), [](auto& a, auto& b) { return a.ask < b.ask; });
    return out;
  }

  Thousandths gpu_;
  std::vector<Kind> kinds_;
  std::vector<Ask> asks_;
  Potential potential_;
  Scarcity scarcity_{potential_, kinds_, asks_};
  std::vector<NodeRoom> rooms_;
  Ranking ranking_{*this};
};

}  // namespace

std::unique_ptr<Policy> make_kerf(const Trace& trace, const NodeList& nodes,
                                  online::Potential::Options options) {
  return std::make_unique<KerfPolicy>(trace, nodes, options);
}

}  // namespace kerf::fgd
