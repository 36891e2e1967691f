// The cluster, the run of one order of arrivals, and the metric.
#include "fgd/protocol.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/assert.h"

namespace kerf::fgd {
namespace {

constexpr GpuMask bit(int gpu) { return GpuMask{1} << gpu; }

/// Sums of what the cluster had allocated, by load point.
class Curve {
 public:
  void add(int point, std::int64_t used_milli) {
    if (point > kLoadMax + 1) return;
    auto& [events, used] = points_[static_cast<std::size_t>(point)];
    ++events;
    used += used_milli;
  }

  std::optional<double> percent(std::size_t point, std::int64_t total_milli) const {
    Sum sum = points_[point];
    if (sum.events == 0) {
      for (const std::size_t near : {point - 1, point + 1}) {
        if (near >= points_.size()) continue;  // also point - 1 of point 0
        sum.events += points_[near].events;
        sum.used_milli += points_[near].used_milli;
      }
    }
    if (sum.events == 0) return std::nullopt;
    return 100.0 * static_cast<double>(sum.used_milli) / static_cast<double>(sum.events) /
           static_cast<double>(total_milli);
  }

 private:
  struct Sum {
    std::int64_t events = 0;
    std::int64_t used_milli = 0;
  };
  std::array<Sum, kLoadMax + 2> points_{};  // one more than asked for: the last one's neighbour
};

/// One run in progress.
class Run {
 public:
  Run(Cluster& cluster, Policy& policy, const RunOptions& options)
      : cluster_(cluster), policy_(policy), options_(options) {}

  void arrive(const Task& task) {
    ++outcome_.arrived;
    arrived_milli_ += task.demand_milli();
    GroupCount& group = groups_[group_of(task)];
    ++group.arrived;
    if (!try_to_place(task) && !(make_moves(&task) && try_to_place(task))) {
      ++group.rejected;
      if (cluster_.fits_somewhere(task)) ++outcome_.violations;
    }
    if (options_.tick_arrivals > 0 && outcome_.arrived % options_.tick_arrivals == 0) {
      make_moves(nullptr);
    }
    curve_.add(load_point(arrived_milli_, cluster_.total_milli()), cluster_.used_milli());
    if (!full_ && arrived_milli_ >= cluster_.total_milli()) note_full();
  }

  Outcome finish() {
    if (!full_) note_full();
    for (std::size_t point = 0; point < outcome_.allocation.size(); ++point) {
      outcome_.allocation[point] = curve_.percent(point, cluster_.total_milli());
    }
    return std::move(outcome_);
  }

 private:
  bool try_to_place(const Task& task) {
    const std::optional<Choice> choice = policy_.choose(cluster_, task);
    if (!choice) return false;
    cluster_.place(task, *choice);
    ++outcome_.placed;
    policy_.changed(cluster_, choice->node);
    return true;
  }

  /// Whether any were made.
  bool make_moves(const Task* failed) {
    const std::int64_t allowed = outcome_.placed * options_.moves_per_mille / 1000 - outcome_.moves;
    if (allowed <= 0) return false;
    const std::vector<Move> moves = policy_.moves_for(cluster_, failed, allowed);
    KERF_ASSERT(moves.size() <= static_cast<std::size_t>(allowed),
                "a policy makes no more moves than it is allowed");
    for (const Move& move : moves) {
      KERF_ASSERT(move.pod < cluster_.pods().size(), "only pods that run are moved");
      const std::size_t from = cluster_.pods()[move.pod].at.node;
      cluster_.move(move);
      ++outcome_.moves;
      policy_.changed(cluster_, from);
      if (move.to.node != from) policy_.changed(cluster_, move.to.node);
    }
    return !moves.empty();
  }

  void note_full() {
    full_ = true;
    outcome_.groups_at_full = groups_;
    outcome_.moves_at_full = outcome_.moves;
  }

  Cluster& cluster_;
  Policy& policy_;
  const RunOptions& options_;
  Outcome outcome_;
  Curve curve_;
  std::array<GroupCount, kGroups.size()> groups_{};
  std::int64_t arrived_milli_ = 0;
  bool full_ = false;
};

}  // namespace

bool NodeState::fits(const Task& task) const {
  if (task.cpu_milli > cpu_milli || task.memory_mib > memory_mib) return false;
  if (!accepts(task.models)) return false;
  int missing = task.gpus;
  for (int gpu = 0; gpu < gpus && missing > 0; ++gpu) {
    if (gpu_milli[static_cast<std::size_t>(gpu)] >= task.gpu_milli) --missing;
  }
  return missing == 0;
}

bool NodeState::fits(const Task& task, GpuMask gpus_taken) const {
  if (task.cpu_milli > cpu_milli || task.memory_mib > memory_mib) return false;
  if (!accepts(task.models) || std::popcount(gpus_taken) != task.gpus) return false;
  if (gpus_taken >= bit(gpus)) return false;
  for (int gpu = 0; gpu < gpus; ++gpu) {
    if ((gpus_taken & bit(gpu)) == 0) continue;
    if (gpu_milli[static_cast<std::size_t>(gpu)] < task.gpu_milli) return false;
  }
  return true;
}

void NodeState::take(const Task& task, GpuMask gpus_taken) {
  KERF_ASSERT(fits(task, gpus_taken), "a task is placed only where there is room for it");
  cpu_milli -= task.cpu_milli;
  memory_mib -= task.memory_mib;
  for (int gpu = 0; gpu < gpus; ++gpu) {
    if ((gpus_taken & bit(gpu)) != 0) gpu_milli[static_cast<std::size_t>(gpu)] -= task.gpu_milli;
  }
}

void NodeState::give_back(const Task& task, GpuMask gpus_taken) {
  cpu_milli += task.cpu_milli;
  memory_mib += task.memory_mib;
  for (int gpu = 0; gpu < gpus; ++gpu) {
    if ((gpus_taken & bit(gpu)) == 0) continue;
    std::int32_t& left = gpu_milli[static_cast<std::size_t>(gpu)];
    left += task.gpu_milli;
    KERF_ASSERT(left <= kWholeGpu, "no more is given back than was taken");
  }
}

std::int64_t NodeState::free_milli() const {
  std::int64_t sum = 0;
  for (const std::int32_t left : gpu_milli) sum += left;
  return sum;
}

Cluster::Cluster(const NodeList& list, std::vector<std::size_t> ranks)
    : ranks_(std::move(ranks)), on_node_(list.nodes.size()) {
  KERF_ASSERT(ranks_.size() == list.nodes.size(), "each node has a rank");
  std::vector<bool> seen(ranks_.size());
  for (const std::size_t rank : ranks_) {
    KERF_ASSERT(rank < seen.size() && !seen[rank], "ranks are the numbers from 0, each once");
    seen[rank] = true;
  }
  nodes_.reserve(list.nodes.size());
  for (const NodeSpec& spec : list.nodes) {
    NodeState node{spec.cpu_milli, spec.memory_mib, {}, spec.gpus, spec.model};
    std::fill_n(node.gpu_milli.begin(), spec.gpus, kWholeGpu);
    nodes_.push_back(node);
  }
  total_milli_ = list.gpus * kWholeGpu;
}

bool Cluster::fits_somewhere(const Task& task) const {
  return std::any_of(nodes_.begin(), nodes_.end(),
                     [&](const NodeState& node) { return node.fits(task); });
}

std::size_t Cluster::place(const Task& task, const Choice& choice) {
  KERF_ASSERT(choice.node < nodes_.size(), "a choice names a node of the cluster");
  nodes_[choice.node].take(task, choice.gpus);
  used_milli_ += task.demand_milli();
  on_node_[choice.node].push_back(pods_.size());
  pods_.push_back({&task, choice});
  return pods_.size() - 1;
}

void Cluster::move(const Move& move) {
  KERF_ASSERT(move.pod < pods_.size() && move.to.node < nodes_.size(),
              "a move names a pod and a node of the cluster");
  Pod& pod = pods_[move.pod];
  nodes_[pod.at.node].give_back(*pod.task, pod.at.gpus);
  std::erase(on_node_[pod.at.node], move.pod);
  nodes_[move.to.node].take(*pod.task, move.to.gpus);
  on_node_[move.to.node].push_back(move.pod);
  pod.at = move.to;
}

int load_point(std::int64_t arrived_milli, std::int64_t total_milli) {
  const std::int64_t scaled = arrived_milli * 100;
  const std::int64_t below = scaled / total_milli;
  const std::int64_t twice_rest = 2 * (scaled % total_milli);
  const bool up = twice_rest > total_milli || (twice_rest == total_milli && below % 2 == 1);
  return static_cast<int>(below + (up ? 1 : 0));
}

std::size_t group_of(const Task& task) {
  if (task.gpus == 0) return 0;
  if (task.is_fraction()) return 1;
  switch (task.gpus) {
    case 1: return 2;
    case 2: return 3;
    case 4: return 4;
    case 8: return 5;
    default: return 6;
  }
}

double GroupCount::rejected_percent() const {
  return arrived == 0 ? 0 : 100.0 * static_cast<double>(rejected) / static_cast<double>(arrived);
}

std::optional<double> Outcome::unallocated_at_full() const {
  const std::optional<double>& allocated = allocation[100];
  return allocated ? std::optional(100 - *allocated) : std::nullopt;
}

Outcome run(const Trace& trace, const std::vector<std::size_t>& arrivals, Cluster& cluster,
            Policy& policy, const RunOptions& options) {
  Run running(cluster, policy, options);
  for (const std::size_t task : arrivals) running.arrive(trace.tasks[task]);
  return running.finish();
}

}  // namespace kerf::fgd
