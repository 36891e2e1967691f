// What pods of a cluster ask for, rewritten shape by shape.
#include "core/plan/live_demand.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "core/plan/admission.h"
#include "core/plan/baseline.h"

namespace kerf::plan {

namespace {

using cluster::GpuRequest;
using cluster::GpuRequestKind;
using cluster::kNone;
using cluster::PodShape;
using cluster::Requirement;

constexpr const char* kProduct = "nvidia.com/gpu.product";

/// Labels by which a pod says which GPU it wants.
bool names_gpu(const std::string& key) {
  static const std::set<std::string> kKeys = {kProduct,
                                              "nvidia.com/gpu.memory",
                                              "nvidia.com/gpu.family",
                                              "node.kubernetes.io/instance-type",
                                              "beta.kubernetes.io/instance-type",
                                              "karpenter.k8s.aws/instance-family",
                                              "karpenter.k8s.aws/instance-gpu-name",
                                              "karpenter.k8s.aws/instance-gpu-memory"};
  return kKeys.contains(key);
}

bool names_gpu(const PodShape& shape) {
  const auto any = [](const cluster::Requirements& all) {
    return std::any_of(all.begin(), all.end(),
                       [](const Requirement& one) { return names_gpu(one.key); });
  };
  return any(shape.node_selector) ||
         (!shape.node_affinity.empty() &&
          std::all_of(shape.node_affinity.begin(), shape.node_affinity.end(), any));
}

bool asks_plainly_for_whole(const PodShape& shape) {
  return std::any_of(shape.gpu.begin(), shape.gpu.end(), [](const GpuRequest& request) {
    return request.kind == GpuRequestKind::Whole && request.gib == 0;
  });
}

void pin(PodShape& shape, const gpu::Model& model) {
  if (model.labels.empty()) return;
  Requirement product{kProduct, cluster::Operator::In, model.labels};
  std::sort(product.values.begin(), product.values.end());
  shape.node_selector.push_back(std::move(product));
  std::sort(shape.node_selector.begin(), shape.node_selector.end());
}

std::int32_t rung_below(std::int32_t nominal_gb) {
  std::int32_t best = 0;
  for (const int rung : cluster::kPortableLadder)
    if (rung <= nominal_gb) best = rung;
  return best;
}

/// 0: there is none.
std::int32_t rung_above(std::int32_t nominal_gb) {
  for (const int rung : cluster::kPortableLadder)
    if (rung >= nominal_gb) return rung;
  return 0;
}

/// The form of a pod's first device today; nullptr: it holds none that is known.
const gpu::Form* held_form(const cluster::Cluster& cluster, std::uint32_t pod) {
  const std::uint32_t n = cluster.pods[pod].node;
  if (n == kNone) return nullptr;
  for (const cluster::StandingGpu& gpu : cluster.nodes[n].gpus)
    for (const cluster::StandingSlice& slice : gpu.slices)
      if (slice.pod == pod) return &slice.form;
  return nullptr;
}

/// All of it but pods and shapes.
cluster::Demand without_pods(const cluster::Demand& demand) {
  cluster::Demand out;
  out.workloads = demand.workloads;
  for (cluster::Workload& workload : out.workloads) workload.pods = 0;
  out.cpu_only_pods = demand.cpu_only_pods;
  out.cpu_only_milli = demand.cpu_only_milli;
  out.left_out = demand.left_out;
  out.notes = demand.notes;
  out.overhead = demand.overhead;
  out.described = demand.described;
  return out;
}

class LiveReader {
 public:
  LiveReader(const cluster::Cluster& cluster, const market::Market& market,
             const cluster::Policy& policy, const std::string& gpu, Keeps keeps)
      : cluster_(cluster), market_(market), policy_(policy), keeps_(keeps) {
    if (!gpu.empty()) fallback_ = market.gpus.find(gpu);
  }

  LiveDemand run() {
    for (cluster::Demand* demand : {&out_.planned, &out_.held, &out_.held_any_model})
      *demand = without_pods(cluster_.demand);
    count_models();
    for (std::uint32_t p = 0; p < cluster_.demand.pods.size(); ++p) add(p);
    tell();
    return std::move(out_);
  }

 private:
  const gpu::Model* node_model(std::uint32_t pod) const {
    const std::uint32_t n = cluster_.pods[pod].node;
    return n == kNone ? nullptr : &market_.model_of(market_.types[cluster_.nodes[n].type]);
  }
  const PodShape& shape_of(std::uint32_t pod) const {
    return cluster_.demand.shapes[cluster_.demand.pods[pod].shape];
  }

  /// Which model most running pods of each workload have; ties to the catalogue's order.
  void count_models() {
    std::vector<std::map<const gpu::Model*, std::int64_t>> counts(cluster_.demand.workloads.size());
    for (std::uint32_t p = 0; p < cluster_.demand.pods.size(); ++p)
      if (const gpu::Model* model = node_model(p))
        ++counts[cluster_.demand.pods[p].workload][model];
    usual_.assign(counts.size(), nullptr);
    for (std::size_t w = 0; w < counts.size(); ++w) {
      std::int64_t most = 0;
      for (const gpu::Model& model : market_.gpus.models) {
        const auto at = counts[w].find(&model);
        if (at == counts[w].end() || at->second <= most) continue;
        most = at->second;
        usual_[w] = &model;
      }
    }
  }

  bool is_of_today(const Requirement& requirement) const {
    return !market::is_well_known_label(requirement.key) && !can_be_given(requirement.key) &&
           !policy_.node_labels.contains(requirement.key);
  }

  /// Rule 1.
  void drop_pools(PodShape& shape, std::uint32_t pod) {
    const auto drop = [&](cluster::Requirements& all) {
      std::erase_if(all, [&](const Requirement& one) {
        if (!is_of_today(one)) return false;
        dropped_[one.key].insert(pod);
        return true;
      });
    };
    drop(shape.node_selector);
    for (cluster::Requirements& term : shape.node_affinity) {
      const bool empty_before = term.empty();
      drop(term);
      if (term.empty() && !empty_before) {  // what is left of the term holds everywhere
        shape.node_affinity.clear();
        return;
      }
    }
  }

  /// The one model that every node or pool has which the pod's selectors name.
  const gpu::Model* pool_model(const PodShape& shape) const {
    std::set<std::string> models;
    for (const Requirement& one : shape.node_selector) {
      if (!is_of_today(one) || one.op != cluster::Operator::In) continue;
      for (const cluster::StandingNode& node : cluster_.nodes)
        if (cluster::matches(one, node.labels)) models.insert(market_.types[node.type].gpu_model);
      if (one.key != "karpenter.sh/nodepool") continue;
      for (const std::string& name : one.values)
        if (const auto pool = cluster_.pools.find(name); pool != cluster_.pools.end())
          models.insert(pool->second.models.begin(), pool->second.models.end());
    }
    return models.size() == 1 ? market_.gpus.find(*models.begin()) : nullptr;
  }

  /// Rule 2: nullptr where none is known.
  const gpu::Model* model_today(std::uint32_t pod) const {
    if (const gpu::Model* model = node_model(pod)) return model;
    if (const gpu::Model* model = usual_[cluster_.demand.pods[pod].workload]) return model;
    if (const gpu::Model* model = pool_model(shape_of(pod))) return model;
    return fallback_;
  }

  void plan_whole(std::uint32_t pod, PodShape& shape) {
    out_.whole.push_back(pod);
    const gpu::Model* model = model_today(pod);
    if (model == nullptr) {
      out_.unknown.push_back(pod);
      shape.unplaceable.push_back(
          {"nvidia.com/gpu",
           "which GPU it needs is not known: no pod of it runs, and nothing else says; give --gpu "
           "MODEL, or let it ask for memory (kerf.dev/gpu-16gi)"});
      return;
    }
    ++out_.kept[model->key];
    if (keeps_ == Keeps::Model) return pin(shape, *model);
    for (GpuRequest& request : shape.gpu)
      if (request.kind == GpuRequestKind::Whole) request.gib = model->nominal_gb;
  }

  PodShape planned_shape(std::uint32_t pod, const gpu::Form* held) {
    PodShape shape = shape_of(pod);
    drop_pools(shape, pod);
    if (held != nullptr && held->kind == gpu::FormKind::Fraction) {  // rule 4
      for (GpuRequest& request : shape.gpu) {
        if (request.kind != GpuRequestKind::Whole) continue;
        request.kind = GpuRequestKind::Portable;
        request.gib = rung_below(held->nominal_gb);
      }
      return shape;
    }
    if (asks_plainly_for_whole(shape) && !names_gpu(shape)) plan_whole(pod, shape);
    return shape;
  }

  void add(std::uint32_t pod) {
    const gpu::Form* held = held_form(cluster_, pod);
    const PodShape planned = planned_shape(pod, held);
    PodShape any = planned;
    if (held != nullptr && held->kind == gpu::FormKind::Whole)
      for (GpuRequest& request : any.gpu) request = as_whole_gpu(request, market_.gpus);
    PodShape same = any;
    if (const gpu::Model* model = node_model(pod); model != nullptr && !is_pinned(same))
      pin(same, *model);
    put(out_.planned, pod, planned);
    put(out_.held_any_model, pod, std::move(any));
    put(out_.held, pod, std::move(same));
  }

  static bool is_pinned(const PodShape& shape) {
    return std::any_of(shape.node_selector.begin(), shape.node_selector.end(),
                       [](const Requirement& one) { return one.key == kProduct; });
  }

  void put(cluster::Demand& demand, std::uint32_t pod, PodShape shape) const {
    const cluster::Pod& of = cluster_.demand.pods[pod];
    demand.pods.push_back({of.name, demand.intern(std::move(shape)), of.workload});
    ++demand.workloads[of.workload].pods;
  }

  void tell() {
    std::vector<std::string>& notes = out_.planned.notes;
    for (const auto& [key, pods] : dropped_)
      notes.push_back(
          fmt::format("{} {} nodes by {}, which is about today's nodes; planned without.",
                      pods.size(), pods.size() == 1 ? "pod selects" : "pods select", key));
    for (const auto& [model, pods] : out_.kept)
      notes.push_back(fmt::format("{} {} for a whole GPU and not which; planned on {}, as today.",
                                  pods, pods == 1 ? "pod asks" : "pods ask", model));
  }

  const cluster::Cluster& cluster_;
  const market::Market& market_;
  const cluster::Policy& policy_;
  const Keeps keeps_;
  const gpu::Model* fallback_ = nullptr;
  std::vector<const gpu::Model*> usual_;                    ///< by workload
  std::map<std::string, std::set<std::uint32_t>> dropped_;  ///< label: pods
  LiveDemand out_;
};

}  // namespace

LiveDemand live_demand(const cluster::Cluster& cluster, const market::Market& market,
                       const cluster::Policy& policy, const std::string& gpu, Keeps keeps) {
  return LiveReader(cluster, market, policy, gpu, keeps).run();
}

cluster::Demand only(const cluster::Demand& demand, const std::vector<std::uint32_t>& pods) {
  cluster::Demand out = demand;
  out.pods.clear();
  for (cluster::Workload& workload : out.workloads) workload.pods = 0;
  for (const std::uint32_t pod : pods) {
    out.pods.push_back(demand.pods[pod]);
    ++out.workloads[demand.pods[pod].workload].pods;
  }
  return out;
}

cluster::Demand asking_for(const cluster::Demand& demand, const std::vector<std::uint32_t>& pods,
                           std::int32_t gib) {
  cluster::Demand out = demand;
  for (const std::uint32_t pod : pods) {
    PodShape shape = demand.shapes[demand.pods[pod].shape];
    std::erase_if(shape.unplaceable,
                  [](const cluster::Unplaceable& one) { return one.field == "nvidia.com/gpu"; });
    std::erase_if(shape.node_selector, [](const Requirement& one) { return one.key == kProduct; });
    for (GpuRequest& request : shape.gpu) {
      if (request.kind != GpuRequestKind::Whole) continue;
      request.kind = GpuRequestKind::Portable;
      request.gib = gib;
    }
    out.pods[pod].shape = out.intern(std::move(shape));
  }
  return out;
}

cluster::Demand by_memory(const cluster::Demand& demand, const gpu::Catalogue& gpus,
                          std::int64_t& asking) {
  cluster::Demand out = demand;
  asking = 0;
  for (cluster::Pod& pod : out.pods) {
    PodShape shape = demand.shapes[pod.shape];
    bool changed = false;
    for (GpuRequest& request : shape.gpu) {
      if (request.kind != GpuRequestKind::Slice) continue;
      const std::int32_t gib = rung_above(as_whole_gpu(request, gpus).gib);
      if (gib == 0) continue;
      request.kind = GpuRequestKind::Portable;
      request.profile.clear();
      request.gib = gib;
      changed = true;
    }
    if (!changed) continue;
    ++asking;
    std::sort(shape.gpu.begin(), shape.gpu.end());
    pod.shape = out.intern(std::move(shape));
  }
  return out;
}

}  // namespace kerf::plan
