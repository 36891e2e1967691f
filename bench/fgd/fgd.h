// FGD (fragmentation gradient descent, Weng et al., USENIX ATC 2023): a task goes where the GPU
// milli that typical tasks cannot use grow least. The baseline that Kerf's placement is measured
// by.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fgd/protocol.h"

namespace kerf::fgd {

/// A class of tasks (equal in everything but memory) and its share of those expected next.
struct TypicalTask {
  std::int64_t cpu_milli = 0;
  std::int32_t gpu_milli = 0;  ///< of each GPU; 0 = CPU only
  int gpus = 0;
  std::string spec;  ///< as in Task
  Models models = 0;
  double share = 0;  ///< of all typical tasks; sums to 1
};

/// The most frequent classes of the pod list, as many as it takes to reach 95 % of it; equal counts
/// by the larger CPU, then GPU milli, GPUs, spec.
std::vector<TypicalTask> typical_tasks(const Trace& trace);

/// F: the node's idle GPU milli that a typical task cannot use, expected over them. To a task that
/// asks for no GPU, does not accept the model, or does not fit by CPU or GPUs, all that is idle is
/// lost; to one that fits, the GPUs with less left than it asks of one. Memory does not count.
double expected_loss(const NodeState& node, const std::vector<TypicalTask>& typical);

/// int(100 x sigmoid(drop / 1000)), 0 to 100: 50 where F stays as it is, less where it grows.
int score_of(double drop_milli);

/// Scores every node that fits and takes the highest, ties to the smaller rank. A fraction goes to
/// the GPU of the node with the highest score, whole GPUs to free ones, ties to the lower index.
///
/// Cost of a decision: one comparison for each node, and a score for each node that changed since a
/// task of the same kind came last. Losses are kept by node state.
std::unique_ptr<Policy> make_fgd(const Trace& trace);

}  // namespace kerf::fgd
