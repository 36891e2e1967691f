// FGD's experiment (Weng et al., "Beware of Fragmentation", USENIX ATC 2023) for any policy: tasks
// arrive one by one on a fixed cluster and never leave.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "fgd/trace.h"

namespace kerf::fgd {

/// GPUs of one node: bit i is GPU i.
using GpuMask = std::uint32_t;

/// What is left of a node.
struct NodeState {
  std::int64_t cpu_milli = 0;
  std::int64_t memory_mib = 0;
  std::array<std::int32_t, kGpusMax> gpu_milli{};  ///< left of each GPU; 0 beyond `gpus`
  int gpus = 0;                                    ///< that the node has
  Models model = 0;

  bool accepts(Models wish) const { return wish == 0 || (wish & model) != 0; }
  /// CPU, memory, GPU model, and `task.gpus` GPUs with `task.gpu_milli` left. Whole GPUs are free
  /// ones; a fraction lies on one GPU.
  bool fits(const Task& task) const;
  /// As fits(), for these GPUs: as many as the task asks for, each with room.
  bool fits(const Task& task, GpuMask gpus_taken) const;
  /// `gpus_taken` as in fits(); a bug otherwise.
  void take(const Task& task, GpuMask gpus_taken);
  void give_back(const Task& task, GpuMask gpus_taken);

  std::int64_t free_milli() const;

  bool operator==(const NodeState&) const = default;
};

struct Choice {
  std::size_t node = 0;
  GpuMask gpus = 0;  ///< 0 for a CPU-only task
};

/// A task that runs.
struct Pod {
  const Task* task = nullptr;  ///< of the trace, which outlives the cluster
  Choice at;
};

/// A running pod is stopped, then started there; the same node's other GPUs are a move too.
struct Move {
  std::size_t pod = 0;  ///< index in Cluster::pods()
  Choice to;
};

/// The nodes and what runs on them. Every change is checked: a choice that has no room is a bug of
/// the policy (assert).
class Cluster {
 public:
  /// `ranks[i]` is node i's place where a policy breaks ties, smaller wins; all different.
  Cluster(const NodeList& list, std::vector<std::size_t> ranks);

  const std::vector<NodeState>& nodes() const { return nodes_; }
  std::size_t rank(std::size_t node) const { return ranks_[node]; }
  /// In order of arrival; pods never leave, so an index stays valid.
  const std::vector<Pod>& pods() const { return pods_; }
  const std::vector<std::size_t>& pods_on(std::size_t node) const { return on_node_[node]; }
  std::int64_t total_milli() const { return total_milli_; }
  std::int64_t used_milli() const { return used_milli_; }

  bool fits(std::size_t node, const Task& task) const { return nodes_[node].fits(task); }
  bool fits_somewhere(const Task& task) const;

  /// Returns the new pod's index.
  std::size_t place(const Task& task, const Choice& choice);
  void move(const Move& move);

 private:
  std::vector<NodeState> nodes_;
  std::vector<std::size_t> ranks_;
  std::vector<Pod> pods_;
  std::vector<std::vector<std::size_t>> on_node_;
  std::int64_t total_milli_ = 0;
  std::int64_t used_milli_ = 0;
};

/// Decides where tasks go. One object serves one run; the protocol calls it from one thread and
/// makes every change itself.
class Policy {
 public:
  Policy() = default;
  virtual ~Policy() = default;
  Policy(const Policy&) = delete;
  Policy& operator=(const Policy&) = delete;

  /// Where this task goes now; nullopt = nowhere, which while some node fits it is a violation
  /// that the protocol counts.
  virtual std::optional<Choice> choose(const Cluster& cluster, const Task& task) = 0;

  /// Something was placed on this node or moved off it. Called after each single change.
  virtual void changed(const Cluster& /*cluster*/, std::size_t /*node*/) {}

  /// At most `allowed` moves, done one after another, each with room when its turn comes. Called
  /// with the task that choose() just found no node for, after which choose() is asked once more,
  /// and with nullptr at ticks.
  virtual std::vector<Move> moves_for(const Cluster& /*cluster*/, const Task* /*failed*/,
                                      std::int64_t /*allowed*/) {
    return {};
  }
};

inline constexpr int kLoadMax =
    130;  ///< percent of the cluster's GPUs asked for by the tasks so far

/// The load point that an event counts for: arrived demand in percent of all GPUs, rounded to the
/// nearest, halves to the even number.
int load_point(std::int64_t arrived_milli, std::int64_t total_milli);

/// By GPUs asked for: CPU only, a fraction of one, 1, 2, 4, 8, other numbers.
inline constexpr std::array<std::string_view, 7> kGroups = {"cpu", "<1", "1",    "2",
                                                            "4",   "8",  "other"};
std::size_t group_of(const Task& task);

struct GroupCount {
  std::int64_t arrived = 0;
  std::int64_t rejected = 0;

  /// Percent of those that arrived; 0 where none did.
  double rejected_percent() const;
};

struct RunOptions {
  /// Cumulative moves stay within this many per thousand pods placed so far; 0 = none.
  std::int64_t moves_per_mille = 0;
  /// moves_for(nullptr) is asked after every so many arrivals; 0 = only when a task fails.
  std::int64_t tick_arrivals = 0;
};

struct Outcome {
  /// Per load point the mean, over its events (arrivals, placed or not), of the percentage of all
  /// GPUs allocated after the event. A point without events is the mean of its two neighbours'
  /// events; absent if they have none either.
  std::array<std::optional<double>, kLoadMax + 1> allocation;
  std::int64_t arrived = 0;
  std::int64_t placed = 0;
  std::int64_t moves = 0;
  std::int64_t violations = 0;  ///< tasks refused, after moves if any, although a node fitted them
  /// Up to and with the arrival that made the demand reach 100 % of all GPUs, or all of them.
  std::array<GroupCount, kGroups.size()> groups_at_full{};
  std::int64_t moves_at_full = 0;

  /// GPU milli that no task holds at 100 % arrival, percent of all: 100 - allocation[100].
  std::optional<double> unallocated_at_full() const;
};

/// Runs the tasks of `arrivals` (indices into trace.tasks) in that order.
/// Cost: the policy's, plus one look at every node for each task refused.
Outcome run(const Trace& trace, const std::vector<std::size_t>& arrivals, Cluster& cluster,
            Policy& policy, const RunOptions& options = {});

}  // namespace kerf::fgd
