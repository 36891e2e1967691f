// Nodes first, because a pod's request can depend on how its node hands out GPUs; then pods, each
// put under what owns it in the end; then the devices that they hold.
#include "codec/cluster_read.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "codec/cluster_nodes.h"
#include "codec/daemonsets.h"
#include "codec/kube_selectors.h"
#include "codec/kube_surroundings.h"
#include "codec/lenient_fields.h"
#include "codec/live_objects.h"
#include "codec/manifest_input.h"
#include "codec/node_pools.h"
#include "codec/pod_spec.h"
#include "codec/reading_notes.h"
#include "codec/workloads.h"
#include "core/control/names.h"

namespace kerf::codec {
namespace {

using cluster::Cluster;
using cluster::kNone;
using cluster::StandingNode;

constexpr const char* kFile = "cluster";
constexpr const char* kGpu = "nvidia.com/gpu";

/// An owner, whatever its version.
struct OwnerKey {
  std::string kind, ns, name;
  auto operator<=>(const OwnerKey&) const = default;
};

/// Puts a resource under another name in every container; false: none asks for it.
bool rename_resource(Node& pod, std::string_view from, const std::string& to) {
  bool any = false;
  const auto part = [](Node& parent, std::string_view key) -> Node* {
    for (auto& [name, value] : parent.members)
      if (name == key) return &value;
    return nullptr;
  };
  Node* spec = part(pod, "spec");
  for (const char* list : {"containers", "initContainers"}) {
    Node* containers = spec == nullptr ? nullptr : part(*spec, list);
    if (containers == nullptr) continue;
    for (Node& container : containers->items) {
      Node* resources = part(container, "resources");
      for (const char* kind : {"limits", "requests"}) {
        Node* amounts = resources == nullptr ? nullptr : part(*resources, kind);
        if (amounts == nullptr) continue;
        for (auto& member : amounts->members) {
          if (member.first != from) continue;
          member.first = to;
          any = true;
        }
      }
    }
  }
  return any;
}

std::string node_name_of(const Node& pod) {
  const Node* spec = pod.find("spec");
  const Node* name = spec == nullptr ? nullptr : spec->find("nodeName");
  return name == nullptr ? "" : name->text;
}

class ClusterReader {
 public:
  ClusterReader(const ClusterReading& reading, const market::Market& market,
                const ClusterOptions& options)
      : reading_(reading), market_(market), nodes_(market, options) {}

  Result<Cluster> run() {
    if (reading_.of("Pod").items.empty() && reading_.of("Node").items.empty())
      return invalid(fmt::format("{}: there is no Node and no Pod in it", reading_.source));
    out_.source = reading_.source;
    out_.read_ms = reading_.taken_ms;
    out_.demand.described = reading_.source;
    read_surroundings();
    read_owners();
    nodes_.read(reading_, out_);
    out_.pools = read_node_pools(reading_.of("NodePool"), market_);
    daemons_.resize(out_.nodes.size());
    others_.resize(out_.nodes.size());
    for (const Node& item : reading_.of("Pod").items) read_pod(item);
    settle_pods();
    hold();
    set_overhead();
    read_autoscalers();
    tell();
    return std::move(out_);
  }

 private:
  void read_surroundings() {
    for (const char* kind : {"Namespace", "PersistentVolume", "PersistentVolumeClaim",
                             "StorageClass", "PriorityClass", "RuntimeClass"}) {
      const KindReading& read = reading_.of(kind);
      for (const Node& item : read.items) {
        const auto object = KubeObject::read(kFile, item, read.kind->kind, read.kind->api_version);
        if (!object || !around_.add(*object)) leave_out(out_, kind, "it cannot be read");
      }
    }
    for (const Node& item : reading_.of("Pod").items) {
      const Node* metadata = item.find("metadata");
      const Node* ns = metadata == nullptr ? nullptr : metadata->find("namespace");
      if (ns != nullptr) around_.namespaces.add(ns->text);
    }
  }

  /// Who owns what owns pods.
  void read_owners() {
    for (const char* kind : {"ReplicaSet", "Job"}) {
      const KindReading& read = reading_.of(kind);
      for (const Node& item : read.items) {
        const auto object = KubeObject::read(kFile, item, read.kind->kind, read.kind->api_version);
        if (!object) continue;
        const auto owner = controller_of(*object);
        if (owner && *owner)
          owners_[{object->kind, object->ns, object->name}] = {(*owner)->kind, object->ns,
                                                               (*owner)->name};
      }
    }
  }

  // --- pods ----------------------------------------------------------------------------------

  /// `renamed`: it asks for GPUs by a name that means less on its node.
  Result<LivePod> read_one(const Node& item, std::uint32_t standing, bool& renamed) const {
    if (standing == kNone || nodes_.gpu_means(standing).empty())
      return read_live_pod(item, around_, market_.gpus);
    const std::string& means = nodes_.gpu_means(standing);
    Node as_held = item;
    renamed = rename_resource(as_held, kGpu, means);
    renamed = rename_resource(as_held, control::kSharedGpu, means) || renamed;
    return read_live_pod(as_held, around_, market_.gpus);
  }

  void read_pod(const Node& item) {
    const NodeRef* node = nodes_.find(node_name_of(item));
    const std::uint32_t standing = node == nullptr ? kNone : node->standing;
    bool renamed = false;
    auto live = read_one(item, standing, renamed);
    if (!live) {
      leave_out(out_, "pod", "it cannot be read: " + live.error().message());
      return;
    }
    control::Pod& pod = live->pod;
    if (pod.meta.ns.empty()) pod.meta.ns = pod.shape.ns = "default";
    if (pod.done()) return;
    if (!names_.insert(pod.meta.ns + "/" + pod.meta.name).second) {
      leave_out(out_, "pod", "another one of its name stands before it");
      return;
    }
    const bool daemon = pod.owner.kind == "DaemonSet" || pod.mirror || pod.owner.kind == "Node";
    const bool odd = pod.unread || !pod.shape.unplaceable.empty();
    const bool asks = !pod.shape.gpu.empty() || (odd && asks_for_gpu(item.find("spec")));
    if (standing != kNone) {
      StandingNode& on = out_.nodes[standing];
      on.used = on.used + pod.shape.requests;
      // One that ends makes room for its successor, which is counted.
      if (daemon && pod.meta.deleted == 0)
        daemons_[standing] = daemons_[standing] + pod.shape.requests;
      if (!daemon && !asks) ++on.cpu_pods;
    }
    if (!asks) {
      if (!daemon) {
        ++out_.demand.cpu_only_pods;
        out_.demand.cpu_only_milli += pod.shape.requests.cpu_milli;
      }
      return;
    }
    if (pod.meta.deleted != 0 || daemon || (pod.gated && pod.node.empty())) {
      const char* why = pod.meta.deleted != 0 ? "being deleted"
                        : daemon              ? "one on each node is no demand of a known size"
                                              : "held back by a scheduling gate";
      leave_out(out_, daemon ? "pod of a DaemonSet" : "pod", why);
      if (standing != kNone)
        others_[standing].push_back(
            {kNone, pod.meta.ns + "/" + pod.meta.name, std::move(pod.shape.gpu)});
      return;
    }
    if (!pod.node.empty() && standing == kNone && nodes_read()) {
      leave_out(out_, "pod",
                node == nullptr ? "its node is not there" : "runs on a node that cannot be priced");
      return;
    }
    renamed_ += renamed ? 1 : 0;
    OwnerKey owner = owner_of(pod);
    found_.push_back({std::move(owner), std::move(pod), standing});
  }

  bool nodes_read() const { return reading_.of("Node").state == KindState::Read; }

  /// Somebody who holds devices of a node.
  struct Seat {
    std::uint32_t pod = kNone;
    std::string name;  ///< of one that is not planned
    std::vector<cluster::GpuRequest> requests;

    /// Whoever is content with many devices leaves the others those that they need.
    bool is_content() const {
      return std::any_of(requests.begin(), requests.end(), [](const auto& request) {
        return request.kind == cluster::GpuRequestKind::Portable;
      });
    }
  };
  struct Found {
    OwnerKey owner;
    control::Pod pod;
    std::uint32_t standing = kNone;
  };

  /// What the pod belongs to, in the end.
  OwnerKey owner_of(const control::Pod& pod) const {
    const std::string group = control::label_of(pod.meta.labels, control::kGroupLabel);
    if (const std::size_t slash = group.find('/'); slash != std::string::npos)
      return {group.substr(0, slash), pod.meta.ns, group.substr(group.rfind('/') + 1)};
    if (pod.owner.kind.empty()) return {"Pod", pod.meta.ns, pod.meta.name};
    OwnerKey owner{pod.owner.kind, pod.meta.ns, pod.owner.name};
    if (const auto above = owners_.find(owner); above != owners_.end()) return above->second;
    if (owner.kind == "ReplicaSet") {  // ReplicaSets could not be read
      const std::string deployment = deployment_of(owner.name, pod.meta.labels);
      if (!deployment.empty()) return {"Deployment", owner.ns, deployment};
    }
    return owner;
  }

  static std::string fixed_why(const control::Pod& pod, const OwnerKey& owner) {
    if (control::label_of(pod.meta.annotations, control::kDoNotDisrupt) == "true")
      return "do-not-disrupt";
    if (pod.owner.kind.empty()) return "bare pod";
    return owner.kind == "Job" || owner.kind == "CronJob" || pod.owner.kind == "Job" ? "Job" : "";
  }

  std::uint32_t workload_of(const Found& found, const std::string& asks) {
    const auto [at, fresh] = workloads_.try_emplace(
        {found.owner, asks}, static_cast<std::uint32_t>(out_.demand.workloads.size()));
    if (fresh) {
      cluster::Workload workload;
      workload.kind = found.owner.kind;
      workload.ns = found.owner.ns;
      workload.name = found.owner.name;
      workload.asks = asks;
      workload.source = reading_.source;
      out_.demand.workloads.push_back(std::move(workload));
    }
    ++out_.demand.workloads[at->second].pods;
    return at->second;
  }

  /// Pods by owner, then name: the order of the demand.
  void settle_pods() {
    std::stable_sort(found_.begin(), found_.end(), [](const Found& a, const Found& b) {
      return std::tie(a.owner.ns, a.owner.name, a.owner.kind, a.pod.meta.name) <
             std::tie(b.owner.ns, b.owner.name, b.owner.kind, b.pod.meta.name);
    });
    std::vector<std::vector<std::size_t>> members;  // by workload, in order of their first pods
    for (std::size_t i = 0; i < found_.size(); ++i) {
      const std::uint32_t workload =
          workload_of(found_[i], cluster::describe(found_[i].pod.shape.gpu));
      members.resize(out_.demand.workloads.size());
      members[workload].push_back(i);
    }
    for (std::uint32_t w = 0; w < members.size(); ++w)
      for (const std::size_t i : members[w]) settle(found_[i], w);
    found_.clear();
  }

  void settle(Found& found, std::uint32_t workload) {
    control::Pod& pod = found.pod;
    const auto index = static_cast<std::uint32_t>(out_.demand.pods.size());
    by_name_.emplace(pod.meta.ns + "/" + pod.meta.name, index);
    cluster::PodFacts facts;
    facts.fixed = fixed_why(pod, found.owner);
    facts.nominated = pod.nominated;
    facts.created_ms = pod.meta.created;
    newest_.resize(out_.demand.workloads.size());
    newest_[workload] = std::max(newest_[workload], pod.meta.created);
    facts.node = found.standing;
    if (found.standing == kNone && !pod.node.empty()) facts.elsewhere = pod.node;
    if (pod.node.empty()) facts.waits = pod.message;
    if (found.standing != kNone) out_.nodes[found.standing].pods.push_back(index);
    out_.demand.pods.push_back({pod.meta.name, out_.demand.intern(std::move(pod.shape)), workload});
    out_.pods.push_back(std::move(facts));
  }

  // --- devices -------------------------------------------------------------------------------

  void hold() {
    for (std::uint32_t n = 0; n < out_.nodes.size(); ++n) {
      StandingNode& node = out_.nodes[n];
      const gpu::Model& model = nodes_.model(node);
      if (const control::GpuNodeStatus* status = nodes_.agent(node.name)) {
        NodeDevices seen = seen_devices(*status, market_.types[node.type], model, nodes_.tables(),
                                        [&](const std::string& name) { return pod_on(n, name); });
        node.layout = seen.from;
        node.gpus = std::move(seen.gpus);
      }
      Resources mine;
      std::vector<Seat> seats;
      for (const std::uint32_t pod : node.pods) {
        const cluster::PodShape& shape = out_.demand.shapes[out_.demand.pods[pod].shape];
        mine = mine + shape.requests;
        seats.push_back({pod, "", shape.gpu});
      }
      node.used_by_others = node.used - mine;
      std::move(others_[n].begin(), others_[n].end(), std::back_inserter(seats));
      std::stable_partition(seats.begin(), seats.end(),
                            [](const Seat& seat) { return !seat.is_content(); });
      for (const Seat& seat : seats) hand_out(seat.requests, seat.pod, seat.name, model, node.gpus);
    }
  }

  /// The planned pod of that name, if it runs on this node: a report can be older than the pod.
  std::uint32_t pod_on(std::uint32_t node, const std::string& name) const {
    const auto at = by_name_.find(name);
    return at == by_name_.end() || out_.pods[at->second].node != node ? kNone : at->second;
  }

  /// The most that DaemonSets ask for on one GPU node; of all of them where no GPU node stands.
  void set_overhead() {
    market::NodeOverhead& overhead = out_.demand.overhead;
    if (!out_.nodes.empty()) {
      for (const Resources& one : daemons_) overhead.daemonsets = max(overhead.daemonsets, one);
      overhead.source = "DaemonSet pods on the cluster's GPU nodes";
      return;
    }
    DaemonSets sets(true);
    ReadingNotes notes;
    const KindReading& read = reading_.of("DaemonSet");
    for (const Node& item : read.items) {
      const auto object = KubeObject::read(kFile, item, read.kind->kind, read.kind->api_version);
      if (!object) continue;
      const auto pods = read_workload(*object, PodKind::DaemonSet, std::nullopt);
      if (!pods || pods->templates.empty()) continue;
      const auto pod =
          codec::read_pod(*object, *pods->templates[0], pods->labels, false, around_, market_.gpus);
      if (pod) sets.add(object->ns, object->name, *pod, notes);
    }
    sets.tell(overhead);
  }

  void read_autoscalers() {
    for (const Node& item : reading_.of("HorizontalPodAutoscaler").items) {
      if (!read_autoscaler(item)) leave_out(out_, "HorizontalPodAutoscaler", "it cannot be read");
    }
  }

  Result<void> read_autoscaler(const Node& item) {
    constexpr std::int64_t kMost = 1'000'000;
    const Field whole(kFile, item);
    KERF_TRY(const std::optional<Field> metadata, given_mapping(whole, "metadata"));
    KERF_TRY(const std::string ns, given_text(metadata, "namespace"));
    KERF_TRY(const std::optional<Field> spec, given_mapping(whole, "spec"));
    KERF_TRY(const std::optional<Field> target, given_mapping(spec, "scaleTargetRef"));
    KERF_TRY(const std::string kind, given_text(target, "kind"));
    KERF_TRY(const std::string name, given_text(target, "name"));
    KERF_TRY(const auto least, given_integer(spec, "minReplicas", 0, kMost));
    KERF_TRY(const auto most, given_integer(spec, "maxReplicas", 0, kMost));
    // Of several requests of one owner the newest is that of its template; the others go away.
    std::optional<std::uint32_t> scaled;
    const OwnerKey owner{kind, ns.empty() ? "default" : ns, name};
    for (auto at = workloads_.lower_bound({owner, ""});
         at != workloads_.end() && at->first.first == owner; ++at)
      if (!scaled || newest_[at->second] > newest_[*scaled]) scaled = at->second;
    if (!scaled) return {};
    const std::int64_t low = least.value_or(1);
    out_.autoscalers.push_back({*scaled, low, std::max(most.value_or(low), low)});
    return {};
  }

  void tell() {
    if (renamed_ > 0)
      out_.demand.notes.push_back(fmt::format(
          "{} {} for nvidia.com/gpu on nodes that share GPUs out under that name; planned as "
          "asking for what is held there.",
          renamed_, renamed_ == 1 ? "pod asks" : "pods ask"));
    for (const KindReading& kind : reading_.kinds) {
      if (kind.state != KindState::Forbidden && kind.state != KindState::Failed) continue;
      out_.demand.notes.push_back(fmt::format("{} could not be read ({}), so {}.",
                                              kind.kind->resource, kind.why, kind.kind->without));
    }
    if (!reading_.only_namespace.empty())
      out_.demand.notes.push_back(
          fmt::format("Only pods of namespace {} could be read: what others hold counts as idle.",
                      reading_.only_namespace));
  }

  const ClusterReading& reading_;
  const market::Market& market_;
  ClusterNodes nodes_;
  Surroundings around_;
  std::map<OwnerKey, OwnerKey> owners_;
  std::map<std::pair<OwnerKey, std::string>, std::uint32_t> workloads_;
  std::vector<std::int64_t> newest_;  ///< when the youngest pod of each workload was made
  std::vector<Found> found_;
  std::vector<std::vector<Seat>> others_;  ///< by standing node
  std::vector<Resources> daemons_;         ///< by standing node
  std::map<std::string, std::uint32_t> by_name_;
  std::set<std::string> names_;  ///< "namespace/name" of all pods that have not ended
  std::int64_t renamed_ = 0;
  Cluster out_;
};

}  // namespace

Result<Cluster> read_cluster(const ClusterReading& reading, const market::Market& market,
                             const ClusterOptions& options) {
  return ClusterReader(reading, market, options).run();
}

}  // namespace kerf::codec
