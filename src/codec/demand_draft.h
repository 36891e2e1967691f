// DemandDraft: workloads and their pods while manifests are read, before shapes are final.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "codec/workloads.h"
#include "core/cluster/demand.h"

namespace kerf::codec {

/// Keeps ranges of pods, not pods, and each shape once.
class DemandDraft {
 public:
  using WorkloadId = std::size_t;
  using ShapeId = std::uint32_t;

  WorkloadId add(cluster::Workload workload);
  cluster::Workload& workload(WorkloadId id) { return workloads_[id]; }
  ShapeId shape(cluster::PodShape shape);
  /// Counts the pods in the workload too.
  void add_pods(WorkloadId workload, ShapeId shape, const PodRun& run);

  /// Appends all of it to the demand. Labels by which only the pods of one controller differ (their
  /// ordinal, say) are dropped unless some pod selects by them: they would make every pod a shape.
  void move_to(cluster::Demand& demand) &&;

 private:
  struct Chunk {
    ShapeId shape;
    PodRun run;
  };
  std::vector<cluster::Workload> workloads_;
  std::vector<std::vector<Chunk>> chunks_;  ///< by workload
  std::map<cluster::PodShape, ShapeId> index_;
  std::vector<const cluster::PodShape*> shapes_;  ///< keys of index_, by id
};

}  // namespace kerf::codec
