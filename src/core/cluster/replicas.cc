// Numbers the pods anew, workload by workload.
#include "core/cluster/replicas.h"

#include <algorithm>
#include <string>
#include <vector>

namespace kerf::cluster {

Cluster with_replicas(const Cluster& cluster, const std::map<std::uint32_t, std::int64_t>& pods) {
  Cluster out = cluster;
  out.demand.pods.clear();
  out.pods.clear();
  std::vector<std::vector<std::uint32_t>> members(cluster.demand.workloads.size());
  for (std::uint32_t p = 0; p < cluster.demand.pods.size(); ++p)
    members[cluster.demand.pods[p].workload].push_back(p);
  std::vector<std::uint32_t> now(cluster.demand.pods.size(), kNone);
  for (std::uint32_t w = 0; w < members.size(); ++w) {
    const auto wanted = pods.find(w);
    const std::size_t count =
        members[w].empty() ? 0
        : wanted == pods.end()
            ? members[w].size()
            : static_cast<std::size_t>(std::max<std::int64_t>(wanted->second, 0));
    out.demand.workloads[w].pods = static_cast<std::int64_t>(count);
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint32_t like = members[w][std::min(i, members[w].size() - 1)];
      Pod pod = cluster.demand.pods[like];
      PodFacts facts;
      if (i < members[w].size()) {
        now[like] = static_cast<std::uint32_t>(out.demand.pods.size());
        facts = cluster.pods[like];
      } else {
        pod.name += "-more-" + std::to_string(i - members[w].size());
        facts.waits = "it does not exist: asked for by --replicas";
      }
      out.demand.pods.push_back(std::move(pod));
      out.pods.push_back(std::move(facts));
    }
  }
  for (StandingNode& node : out.nodes) {
    std::vector<std::uint32_t> stay;
    for (const std::uint32_t pod : node.pods) {
      if (now[pod] != kNone) stay.push_back(now[pod]);
      else node.used = node.used - cluster.demand.shapes[cluster.demand.pods[pod].shape].requests;
    }
    std::sort(stay.begin(), stay.end());
    node.pods = std::move(stay);
    for (StandingGpu& gpu : node.gpus)
      for (StandingSlice& slice : gpu.slices)
        if (slice.pod != kNone) slice.pod = now[slice.pod];
  }
  return out;
}

}  // namespace kerf::cluster
