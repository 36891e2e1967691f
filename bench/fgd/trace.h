// The openb GPU-sharing trace as FGD's experiment reads it: nodes, tasks, arrival orders.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kerf::fgd {

inline constexpr std::int32_t kWholeGpu = 1000;  ///< thousandths in one GPU
inline constexpr int kGpusMax = 8;               ///< GPUs of one node, at most

/// GPU models as bits: bit i is NodeList::models[i]. As a wish, 0 = any model.
using Models = std::uint32_t;
/// The bit of a model that no node has: a task that wishes for only such models fits nowhere.
inline constexpr Models kUnknownModel = Models{1} << 31;

struct NodeSpec {
  std::string name;
  std::int64_t cpu_milli = 0;
  std::int64_t memory_mib = 0;
  int gpus = 0;  ///< 0 to kGpusMax
  Models model = 0;
};

struct NodeList {
  std::vector<NodeSpec> nodes;  ///< by name
  std::vector<std::string> models;
  std::int64_t gpus = 0;  ///< of all nodes
};

/// What one pod asks for. Several GPUs are whole ones.
struct Task {
  std::int64_t cpu_milli = 0;
  std::int64_t memory_mib = 0;
  int gpus = 0;                ///< 0 to kGpusMax; 0 = CPU only
  std::int32_t gpu_milli = 0;  ///< of each GPU: 1 to kWholeGpu, 0 for a CPU-only task
  Models models = 0;           ///< GPU models that it accepts
  std::string spec;            ///< the same as written: "V100M16|V100M32", "" = any
  /// Equal for tasks that are equal in everything above; from 0, in order of first appearance.
  std::size_t kind = 0;

  std::int64_t demand_milli() const { return std::int64_t{gpus} * gpu_milli; }
  bool is_fraction() const { return gpus == 1 && gpu_milli < kWholeGpu; }
};

struct Trace {
  std::vector<Task> tasks;  ///< row i of the pod list
  std::size_t kinds = 0;
};

/// Columns sn, cpu_milli, memory_mib, gpu, model. Refused: more than kGpusMax GPUs on a node, more
/// than 31 models, a name twice.
Result<NodeList> read_nodes(std::string csv, std::string file);

/// Columns cpu_milli, memory_mib, num_gpu, gpu_milli; gpu_spec (models apart by '|') if it is
/// there. Refused: several GPUs that are not whole, a GPU task without GPU milli.
Result<Trace> read_tasks(std::string csv, std::string file, const NodeList& nodes);

/// One number a line, each below `below`: an arrival order (numbers of tasks, may repeat) or the
/// tie-break ranks of the nodes in name order.
Result<std::vector<std::size_t>> read_numbers(std::string_view text, std::string_view file,
                                              std::size_t below);

}  // namespace kerf::fgd
