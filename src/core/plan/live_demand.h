// LiveDemand: the pods of a cluster as they are planned: freed of today's node pools, and with the
// GPU model that a request for a whole GPU means today.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/cluster/cluster.h"
#include "core/cluster/demand.h"
#include "core/cluster/policy.h"
#include "core/market/market.h"

namespace kerf::plan {

/// Demands with the same pods in the same order as Cluster::demand; shapes are their own.
struct LiveDemand {
  /// What is planned for. Rules:
  ///  1. Selectors by labels that no new node would carry (names of node pools and node groups,
  ///  what
  ///     NVIDIA's software writes about a node's cut) are dropped, and told.
  ///  2. A request for whole GPUs without a word of which keeps the model of today: that of the
  ///     pod's node; else of most pods of its workload; else the one model that the pool which it
  ///     selects has or buys; else --gpu. A word is: memory asked for, or a selector by product,
  ///     GPU name or memory, instance type or family.
  ///  3. Where rule 2 finds none, the pod is not planned (PodShape::unplaceable), and told.
  ///  4. Who holds the GPU of a fractional instance by nvidia.com/gpu asks for its memory.
  cluster::Demand planned;
  /// As it is today: who holds whole GPUs asks for whole ones of that model, who holds a part for
  /// what it asks for, of that model. Pods that wait: as planned.
  cluster::Demand held;
  /// The same with the models free where the request allows it.
  cluster::Demand held_any_model;

  std::vector<std::uint32_t> whole;          ///< pods that rule 2 is about, ascending
  std::vector<std::uint32_t> unknown;        ///< of them: those of rule 3
  std::map<std::string, std::int64_t> kept;  ///< model: pods of rule 2 that keep it
};

/// What rule 2 keeps of today's GPU: the model, or GPUs with no less memory (where the question is
/// what fits on other GPUs that are there).
enum class Keeps : std::uint8_t { Model, Memory };

/// `gpu`: --gpu, a key of the catalogue; "" = not given.
LiveDemand live_demand(const cluster::Cluster& cluster, const market::Market& market,
                       const cluster::Policy& policy, const std::string& gpu,
                       Keeps keeps = Keeps::Model);

/// The demand with these pods only (ascending indices); workloads stay, with fewer pods.
cluster::Demand only(const cluster::Demand& demand, const std::vector<std::uint32_t>& pods);
/// The demand in which these pods ask for `gib` of memory (kerf.dev/gpu-<gib>gi) for each whole
/// GPU, of any model.
cluster::Demand asking_for(const cluster::Demand& demand, const std::vector<std::uint32_t>& pods,
                           std::int32_t gib);

/// The demand in which every MIG slice that is asked for by name is asked for by its memory: any
/// form with as much will do. `asking` counts the pods that change.
cluster::Demand by_memory(const cluster::Demand& demand, const gpu::Catalogue& gpus,
                          std::int64_t& asking);

}  // namespace kerf::plan
