// Numbers the pods anew, workload by workload.
#include "core/cluster/replicas.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace kerf::cluster {

Scaled scaled(const Demand& demand, const std::map<std::uint32_t, std::int64_t>& pods) {
  std::vector<std::vector<std::uint32_t>> members(demand.workloads.size());
  for (std::uint32_t p = 0; p < demand.pods.size(); ++p)
    members[demand.pods[p].workload].push_back(p);
  Scaled out{demand, std::vector<std::uint32_t>(demand.pods.size(), kNone), {}};
  out.demand.pods.clear();
  for (std::uint32_t w = 0; w < members.size(); ++w) {
    const std::vector<std::uint32_t>& old = members[w];
    const auto wanted = pods.find(w);
    const std::size_t count =
        old.empty() || wanted == pods.end()
            ? old.size()
            : static_cast<std::size_t>(std::max<std::int64_t>(wanted->second, 0));
    out.demand.workloads[w].pods = static_cast<std::int64_t>(count);
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint32_t like = old[std::min(i, old.size() - 1)];
      Pod pod = demand.pods[like];
      if (i < old.size()) out.now[like] = static_cast<std::uint32_t>(out.demand.pods.size());
      else pod.name += "-more-" + std::to_string(i - old.size());
      out.demand.pods.push_back(std::move(pod));
      out.like.push_back(like);
    }
  }
  return out;
}

Cluster with_replicas(const Cluster& cluster, const std::map<std::uint32_t, std::int64_t>& pods) {
  Cluster out = cluster;
  Scaled to = scaled(cluster.demand, pods);
  const std::vector<std::uint32_t>& now = to.now;
  out.demand = std::move(to.demand);
  out.pods.clear();
  for (std::uint32_t p = 0; p < to.like.size(); ++p) {
    if (now[to.like[p]] == p) {
      out.pods.push_back(cluster.pods[to.like[p]]);
      continue;
    }
    PodFacts facts;
    facts.waits = "it does not exist: asked for by --replicas";
    out.pods.push_back(std::move(facts));
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
