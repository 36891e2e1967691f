// Groups like nodes, scores pairs of groups by the seats that they share, and takes the best first.
#include "core/plan/reuse_nodes.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>

namespace kerf::plan {

using cluster::StandingNode;
using gpu::GpuMode;

namespace {

using Kinds = std::vector<std::pair<std::uint32_t, std::int32_t>>;
/// What a node is bought as: type, owned, and if it is not, capacity type.
using Sort = std::tuple<std::uint32_t, bool, market::CapacityType>;

Sort sort_of(std::uint32_t type, bool owned, market::CapacityType capacity) {
  return {type, owned, owned ? market::CapacityType::OnDemand : capacity};
}

template <class Gpus>
GpuMode mode_of(const market::Market& market, std::uint32_t index, const Gpus& gpus) {
  const market::InstanceType& type = market.types[index];
  if (gpu::mode_is_the_nodes(market.model_of(type), type.gpu_fraction))
    for (const auto& gpu : gpus)
      for (const auto& slice : gpu.slices)
        return slice.form.kind == gpu::FormKind::Slice ? GpuMode::Cut : GpuMode::Whole;
  return GpuMode::Any;
}

bool holds_others(const StandingNode& node) {
  for (const cluster::StandingGpu& gpu : node.gpus)
    for (const cluster::StandingSlice& slice : gpu.slices)
      if (slice.pod == cluster::kNone && !slice.holder.empty()) return true;
  return false;
}

/// Do pods of a shape go on a standing node? Judged: labels that no offering decides, and taints.
/// All else the planner has judged by type, zone and capacity type.
class Doors {
 public:
  explicit Doors(const cluster::Demand& demand) : demand_(demand) {
    const auto note = [&](const cluster::Requirements& requirements) {
      for (const cluster::Requirement& requirement : requirements)
        if (!market::is_well_known_label(requirement.key)) keys_.insert(requirement.key);
    };
    for (const cluster::PodShape& shape : demand.shapes) {
      note(shape.node_selector);
      for (const cluster::Requirements& term : shape.node_affinity) note(term);
    }
  }

  /// Nodes with one number admit the same shapes.
  std::uint32_t number(const StandingNode& node) {
    Door door;
    for (const std::string& key : keys_)
      if (const auto label = node.labels.find(key); label != node.labels.end())
        door.first.insert(*label);
    for (const cluster::Taint& taint : node.taints)
      if (taint.key != "kerf.dev/slices") door.second.push_back(taint);
    std::sort(door.second.begin(), door.second.end());
    const auto next = static_cast<std::uint32_t>(doors_.size());
    const auto [it, fresh] = doors_.try_emplace(std::move(door), next);
    if (fresh) {
      by_number_.push_back(&it->first);
      answers_.emplace_back();
    }
    return it->second;
  }

  bool admits(std::uint32_t number, std::uint32_t shape) {
    std::vector<Answer>& answers = answers_[number];
    if (answers.empty()) answers.assign(demand_.shapes.size(), Answer::NotAsked);
    Answer& answer = answers[shape];
    if (answer == Answer::NotAsked)
      answer = opens(*by_number_[number], demand_.shapes[shape]) ? Answer::Yes : Answer::No;
    return answer == Answer::Yes;
  }

 private:
  enum class Answer : std::uint8_t { NotAsked, No, Yes };
  using Door = std::pair<std::map<std::string, std::string>, std::vector<cluster::Taint>>;

  static bool opens(const Door& door, const cluster::PodShape& shape) {
    const auto all = [&](const cluster::Requirements& requirements) {
      return std::all_of(requirements.begin(), requirements.end(),
                         [&](const cluster::Requirement& requirement) {
                           return market::is_well_known_label(requirement.key) ||
                                  cluster::matches(requirement, door.first);
                         });
    };
    return all(shape.node_selector) &&
           (shape.node_affinity.empty() ||
            std::any_of(shape.node_affinity.begin(), shape.node_affinity.end(), all)) &&
           std::all_of(door.second.begin(), door.second.end(), [&](const cluster::Taint& taint) {
             return cluster::tolerates(shape.tolerations, taint);
           });
  }

  const cluster::Demand& demand_;
  std::set<std::string> keys_;
  std::map<Door, std::uint32_t> doors_;
  std::vector<const Door*> by_number_;
  std::vector<std::vector<Answer>> answers_;  ///< by number, shape
};

/// Nodes that nothing tells apart. `next` counts those that are taken.
struct Group {
  std::vector<std::uint32_t> nodes;  ///< ascending
  std::size_t next = 0;
  std::vector<std::uint32_t> shapes;  ///< of the pods in its seats
  std::uint32_t door = 0;             ///< standing nodes: Doors::number
  bool open() const { return next < nodes.size(); }
  std::uint32_t first() const { return nodes[next]; }
};

class Matcher {
 public:
  Matcher(const cluster::Cluster& cluster, const market::Market& market, const Plan& plan,
          const SeatReader& reader, const std::vector<Seats>& seats,
          const std::vector<Seats>& running,
          const std::function<bool(std::uint32_t, std::uint32_t)>& fits)
      : cluster_(cluster),
        market_(market),
        plan_(plan),
        reader_(reader),
        seats_(seats),
        running_(running),
        fits_(fits),
        doors_(cluster.demand),
        found_(plan.nodes.size(), cluster::kNone) {}

  std::vector<std::uint32_t> run() {
    group_planned();
    group_standing();
    for (const auto& [sort, planned] : planned_)
      if (const auto standing = standing_.find(sort); standing != standing_.end()) {
        share(planned, standing->second);
        fill(planned, standing->second);
      }
    return std::move(found_);
  }

 private:
  std::vector<std::uint32_t> shapes_of(const Kinds& kinds) const {
    std::set<std::uint32_t> shapes;
    for (const auto& [kind, count] : kinds) shapes.insert(reader_.shape(kind));
    return {shapes.begin(), shapes.end()};
  }

  void group_planned() {
    using Key = std::tuple<Sort, Kinds, std::uint32_t, std::vector<std::string>, GpuMode>;
    std::map<Key, std::size_t> known;
    for (std::uint32_t n = 0; n < plan_.nodes.size(); ++n) {
      const NodePlan& node = plan_.nodes[n];
      const Sort sort = sort_of(node.type, node.owned, node.capacity_type);
      const auto [it, fresh] = known.try_emplace({sort, seats_[n].kinds, seats_[n].same, node.zones,
                                                  mode_of(market_, node.type, node.gpus)},
                                                 groups_.size());
      if (fresh) {
        planned_[sort].push_back(groups_.size());
        groups_.push_back({{}, 0, shapes_of(seats_[n].kinds), 0});
      }
      groups_[it->second].nodes.push_back(n);
    }
  }

  void group_standing() {
    using Key = std::tuple<Sort, Kinds, std::uint32_t, std::string, std::int64_t, bool,
                           std::uint32_t, GpuMode, std::uint32_t>;
    std::map<Key, std::size_t> known;
    for (std::uint32_t n = 0; n < cluster_.nodes.size(); ++n) {
      const StandingNode& node = cluster_.nodes[n];
      if (!node.ready || node.cordoned || node.shared ||
          node.layout == cluster::LayoutFrom::Nothing)
        continue;
      const Sort sort = sort_of(node.type, node.owned, node.capacity_type);
      const auto [it, fresh] =
          known.try_emplace({sort, running_[n].kinds, running_[n].same, node.zone, node.price.micro,
                             node.kept, doors_.number(node), mode_of(market_, node.type, node.gpus),
                             holds_others(node) ? n + 1 : 0},
                            groups_.size());
      if (fresh) {
        standing_[sort].push_back(groups_.size());
        groups_.push_back({{}, 0, shapes_of(running_[n].kinds), doors_.number(node)});
      }
      groups_[it->second].nodes.push_back(n);
    }
  }

  /// May a node of the planned group be one of the standing group?
  bool may_be(const Group& planned, const Group& standing) {
    const NodePlan& node = plan_.nodes[planned.nodes[0]];
    const StandingNode& there = cluster_.nodes[standing.nodes[0]];
    if (!node.zones.empty() &&
        std::find(node.zones.begin(), node.zones.end(), there.zone) == node.zones.end())
      return false;
    return std::all_of(planned.shapes.begin(), planned.shapes.end(), [&](std::uint32_t shape) {
      // Who runs there came in.
      return doors_.admits(standing.door, shape) ||
             std::binary_search(standing.shapes.begin(), standing.shapes.end(), shape);
    });
  }

  std::size_t zones_of(const Group& planned) const {
    const std::size_t zones = plan_.nodes[planned.nodes[0]].zones.size();
    return zones == 0 ? ~std::size_t{0} : zones;
  }

  void take(Group& planned, Group& standing) {
    while (planned.open() && standing.open()) {
      const std::uint32_t p = planned.first(), s = standing.first();
      if (holds_others(cluster_.nodes[s]) && !fits_(p, s)) return;
      found_[p] = s;
      ++planned.next;
      ++standing.next;
    }
  }

  /// 0: the same devices, held alike; 1: held alike.
  static int unlike(const Seats& a, const Seats& b) {
    return a.same == b.same ? 0 : a.alike == b.alike ? 1 : 2;
  }

  /// Pairs that share seats.
  void share(const std::vector<std::size_t>& planned, const std::vector<std::size_t>& standing) {
    std::map<std::uint32_t, std::vector<std::pair<std::size_t, std::int32_t>>> who;  // by kind
    for (const std::size_t s : standing)
      for (const auto& [kind, count] : running_[groups_[s].nodes[0]].kinds)
        who[kind].emplace_back(s, count);
    // Common seats, alike or not, zones; then standing (kept, price, name), planned: least first.
    using Pair = std::pair<std::uint64_t, std::uint64_t>;
    std::vector<Pair> pairs;
    const std::vector<std::size_t> by_worth = in_order_of_worth(standing);
    std::vector<std::uint64_t> rank(groups_.size(), 0);
    for (std::size_t i = 0; i < by_worth.size(); ++i) rank[by_worth[i]] = i;
    std::vector<std::int32_t> common(groups_.size(), 0);
    for (std::size_t i = 0; i < planned.size(); ++i) {
      const Group& group = groups_[planned[i]];
      const std::uint64_t zones = std::min<std::uint64_t>(zones_of(group), 0xffff);
      const Seats& seats = seats_[group.nodes[0]];
      std::vector<std::size_t> touched;
      for (const auto& [kind, count] : seats.kinds)
        if (const auto list = who.find(kind); list != who.end())
          for (const auto& [s, there] : list->second) {
            if (common[s] == 0) touched.push_back(s);
            common[s] += std::min(count, there);
          }
      for (const std::size_t s : touched) {
        if (may_be(group, groups_[s])) {
          const auto apart = static_cast<std::uint64_t>(0x7fffffff - common[s]);
          const auto unlikely =
              static_cast<std::uint64_t>(unlike(seats, running_[groups_[s].nodes[0]]));
          pairs.emplace_back(apart << 32 | unlikely << 16 | zones, rank[s] << 32 | i);
        }
        common[s] = 0;
      }
    }
    std::sort(pairs.begin(), pairs.end());
    for (const auto& [score, who_is_it] : pairs)
      take(groups_[planned[who_is_it & 0xffffffff]], groups_[by_worth[who_is_it >> 32]]);
  }

  /// Those that are kept, then the cheaper, then by name.
  std::vector<std::size_t> in_order_of_worth(std::vector<std::size_t> standing) const {
    const auto worth = [&](std::size_t s) {
      const std::uint32_t first = groups_[s].nodes[0];
      const StandingNode& node = cluster_.nodes[first];
      return std::tuple(!node.kept, node.price, first);
    };
    std::sort(standing.begin(), standing.end(),
              [&](std::size_t a, std::size_t b) { return worth(a) < worth(b); });
    return standing;
  }

  /// Whoever found none takes any that may be it: nothing need be bought.
  void fill(const std::vector<std::size_t>& planned, const std::vector<std::size_t>& standing) {
    std::vector<std::size_t> rest;
    for (const std::size_t p : planned)
      if (groups_[p].open()) rest.push_back(p);
    std::stable_sort(rest.begin(), rest.end(), [&](std::size_t a, std::size_t b) {
      return zones_of(groups_[a]) < zones_of(groups_[b]);
    });
    for (const std::size_t p : rest) {
      const NodePlan& node = plan_.nodes[groups_[p].nodes[0]];
      const GpuMode mode = mode_of(market_, node.type, node.gpus);
      std::vector<std::tuple<bool, int, bool, std::int64_t, std::uint32_t, std::size_t>> open;
      for (const std::size_t s : standing) {
        if (!groups_[s].open() || !may_be(groups_[p], groups_[s])) continue;
        const StandingNode& there = cluster_.nodes[groups_[s].first()];
        const GpuMode now = mode_of(market_, there.type, there.gpus);
        const bool other = mode != now && mode != GpuMode::Any && now != GpuMode::Any;
        open.emplace_back(other, unlike(seats_[groups_[p].first()], running_[groups_[s].first()]),
                          !there.kept, there.price.micro, groups_[s].first(), s);
      }
      std::sort(open.begin(), open.end());
      for (const auto& entry : open) take(groups_[p], groups_[std::get<5>(entry)]);
    }
  }

  const cluster::Cluster& cluster_;
  const market::Market& market_;
  const Plan& plan_;
  const SeatReader& reader_;
  const std::vector<Seats>& seats_;
  const std::vector<Seats>& running_;
  const std::function<bool(std::uint32_t, std::uint32_t)>& fits_;
  Doors doors_;
  std::vector<Group> groups_;
  std::map<Sort, std::vector<std::size_t>> planned_, standing_;  ///< groups
  std::vector<std::uint32_t> found_;
};

}  // namespace

std::vector<std::uint32_t> match_nodes(
    const cluster::Cluster& cluster, const market::Market& market, const Plan& plan,
    const SeatReader& reader, const std::vector<Seats>& seats, const std::vector<Seats>& running,
    const std::function<bool(std::uint32_t, std::uint32_t)>& fits) {
  return Matcher(cluster, market, plan, reader, seats, running, fits).run();
}

}  // namespace kerf::plan
