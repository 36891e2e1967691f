// Demand: all that is to be planned, as read from manifests or a trace.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/cluster/pod.h"
#include "core/market/market.h"

namespace kerf::cluster {

/// What owns pods: a Deployment, a Job, a group of like pods of a trace.
struct Workload {
  std::string kind;  ///< "Deployment"; "Trace" for a group of a trace
  std::string ns;
  std::string name;
  std::int64_t pods = 0;
  /// Job and CronJob: counted at peak, and in the month only for hours_per_month.
  bool transient = false;
  double hours_per_month = 730;  ///< transient and not given: 0
  std::string asks;              ///< the GPU request for people: "1 x mig-1g.10gb", "whole GPU"
  std::string source;            ///< "llm.yaml:12"
};

/// Something read and not planned: told in the output.
struct LeftOut {
  std::string what;  ///< "3 objects of kind Service"
  std::string why;   ///< "holds no pods"
  std::int64_t count = 1;
};

/// The pods to place. Shapes are distinct; pods are in order of workload, then name as created.
struct Demand {
  std::vector<PodShape> shapes;
  std::vector<Workload> workloads;
  std::vector<Pod> pods;            ///< pods with a GPU request only
  std::int64_t cpu_only_pods = 0;   ///< reported, not planned
  std::int64_t cpu_only_milli = 0;  ///< their CPU
  std::vector<LeftOut> left_out;
  std::vector<std::string> notes;  ///< assumptions made while reading, one sentence each
  market::NodeOverhead overhead;   ///< DaemonSets of the input
  std::string described;           ///< one phrase: "4 files", "trace default.csv, map memory"

  /// The index of an equal shape, added if new.
  std::uint32_t intern(PodShape shape);

 private:
  std::map<PodShape, std::uint32_t> index_;
};

/// "2 x nvidia.com/mig-1g.10gb", "kerf.dev/gpu-16gi-shared", "nvidia.com/gpu": for people.
std::string describe(const std::vector<GpuRequest>& gpu);
/// The extended resource name of a request ("nvidia.com/mig-1g.5gb.me"); ShareOf*: "0.46 GPU".
std::string resource_name(const GpuRequest& request);

}  // namespace kerf::cluster
