// Takes pods out of a cluster, and with them the nodes that only others use.
#include "core/cluster/select.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/gpu/parts.h"

namespace kerf::cluster {

namespace {

bool selected(const PodShape& shape, const Selection& selection) {
  return (selection.ns.empty() || shape.ns == selection.ns) &&
         std::all_of(selection.labels.begin(), selection.labels.end(),
                     [&](const Requirement& one) { return matches(one, shape.labels); });
}

/// Parts of GPUs that they hold: kWholeGpu for each.
struct Held {
  std::int64_t mine = 0;
  std::int64_t others = 0;
};

/// Divisible by every number of parts that a GPU is handed out in, up to 10, and by 48.
constexpr std::int64_t kWholeGpu = 5'040;

class Selector {
 public:
  Selector(const Cluster& cluster, const market::Market& market, const Selection& selection)
      : from_(cluster), market_(market), selection_(selection) {}

  Cluster run() {
    out_.source = from_.source;
    out_.read_ms = from_.read_ms;
    out_.cpu_nodes = from_.cpu_nodes;
    out_.pools = from_.pools;
    copy_demand();
    std::vector<std::uint32_t> node_of(from_.nodes.size(), kNone);
    for (std::uint32_t n = 0; n < from_.nodes.size(); ++n) {
      StandingNode node = with_new_pods(from_.nodes[n]);
      if (node.pods.empty()) continue;
      node_of[n] = static_cast<std::uint32_t>(out_.nodes.size());
      out_.nodes.push_back(std::move(node));
    }
    for (PodFacts& pod : out_.pods)
      if (pod.node != kNone) pod.node = node_of[pod.node];
    return std::move(out_);
  }

 private:
  void copy_demand() {
    const Demand& demand = from_.demand;
    out_.demand.overhead = demand.overhead;
    out_.demand.notes = demand.notes;
    out_.demand.described = demand.described;
    std::vector<std::uint32_t> workload_of(demand.workloads.size(), kNone);
    new_pod_.assign(demand.pods.size(), kNone);
    for (std::uint32_t p = 0; p < demand.pods.size(); ++p) {
      const Pod& pod = demand.pods[p];
      if (!selected(demand.shapes[pod.shape], selection_)) continue;
      std::uint32_t& workload = workload_of[pod.workload];
      if (workload == kNone) {
        workload = static_cast<std::uint32_t>(out_.demand.workloads.size());
        out_.demand.workloads.push_back(demand.workloads[pod.workload]);
        out_.demand.workloads.back().pods = 0;
      }
      ++out_.demand.workloads[workload].pods;
      new_pod_[p] = static_cast<std::uint32_t>(out_.demand.pods.size());
      out_.demand.pods.push_back(
          {pod.name, out_.demand.intern(demand.shapes[pod.shape]), workload});
      out_.pods.push_back(from_.pods[p]);
    }
    for (Autoscaler one : from_.autoscalers) {
      if (workload_of[one.workload] == kNone) continue;
      one.workload = workload_of[one.workload];
      out_.autoscalers.push_back(one);
    }
  }

  std::string name_of(std::uint32_t pod) const {
    const Pod& one = from_.demand.pods[pod];
    return from_.demand.shapes[one.shape].ns + "/" + one.name;
  }

  StandingNode with_new_pods(StandingNode node) const {
    Held held;
    std::int64_t others = 0;
    std::vector<std::uint32_t> pods;
    for (const std::uint32_t pod : node.pods) {
      if (new_pod_[pod] != kNone) {
        pods.push_back(new_pod_[pod]);
        continue;
      }
      node.used_by_others = node.used_by_others + requests(pod);
      ++others;
    }
    node.pods = std::move(pods);
    for (StandingGpu& gpu : node.gpus)
      for (StandingSlice& slice : gpu.slices)
        hand_over(slice, market_.model_of(market_.types.at(node.type)), held);
    if (held.mine + held.others == 0) {  // nobody holds anything known: a pod is a pod
      held.mine = static_cast<std::int64_t>(node.pods.size());
      held.others = others;
    }
    if (held.others > 0) {
      node.shared = true;
      node.price = split(node.price, {held.mine, held.others}).front();
      node.list_price = split(node.list_price, {held.mine, held.others}).front();
    }
    return node;
  }

  void hand_over(StandingSlice& slice, const gpu::Model& model, Held& held) const {
    if (slice.free()) return;
    const std::int64_t weight = kWholeGpu * gpu::parts_held(model, slice.form) /
                                std::max<std::int64_t>(gpu::parts_of_gpu(model, slice.form), 1);
    if (slice.pod != kNone && new_pod_[slice.pod] != kNone) {
      slice.pod = new_pod_[slice.pod];
      held.mine += weight;
      return;
    }
    if (slice.pod != kNone) slice.holder = name_of(slice.pod);
    slice.pod = kNone;
    held.others += weight;
  }

  const Resources& requests(std::uint32_t pod) const {
    return from_.demand.shapes[from_.demand.pods[pod].shape].requests;
  }

  const Cluster& from_;
  const market::Market& market_;
  const Selection& selection_;
  std::vector<std::uint32_t> new_pod_;  ///< by pod of the whole cluster; kNone = not selected
  Cluster out_;
};

}  // namespace

Cluster select(const Cluster& cluster, const market::Market& market, const Selection& selection) {
  return selection.all() ? cluster : Selector(cluster, market, selection).run();
}

}  // namespace kerf::cluster
