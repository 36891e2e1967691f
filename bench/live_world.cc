// Nodes, then workloads until there are enough pods; each object is written as soon as it is made.
#include "live_world.h"

#include <fmt/format.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "codec/document.h"
#include "codec/json.h"

namespace kerf::bench {
namespace {

using codec::Node;

constexpr const char* kZones[] = {"us-east-1a", "us-east-1b", "us-east-1c"};
constexpr const char* kGpu = "nvidia.com/gpu";

struct Type {
  const char* name;
  int cpus, gib, gpus;
  const char* product;
  const char* slice;  ///< resource of all slices of the node; "" = whole GPUs
  int slices;         ///< on each GPU
};
constexpr Type kTypes[] = {
    {"g5.xlarge", 4, 16, 1, "NVIDIA-A10G", "", 0},
    {"g6.xlarge", 4, 16, 1, "NVIDIA-L4", "", 0},
    {"m6i.4xlarge", 16, 64, 0, "", "", 0},
    {"g6.12xlarge", 48, 192, 4, "NVIDIA-L4", "", 0},
    {"p4d.24xlarge", 96, 1152, 8, "NVIDIA-A100-SXM4-40GB", "nvidia.com/mig-1g.5gb", 7},
    {"p4d.24xlarge", 96, 1152, 8, "NVIDIA-A100-SXM4-40GB", "", 0},
    {"m6i.4xlarge", 16, 64, 0, "", "", 0},
    {"p5.48xlarge", 192, 2048, 8, "NVIDIA-H100-80GB-HBM3", "nvidia.com/mig-3g.40gb", 2},
};
/// What the pods of a workload ask for; a third of the workloads ask for no GPU.
constexpr const char* kAsks[] = {
    "", "", kGpu, "nvidia.com/mig-1g.5gb", kGpu, "nvidia.com/mig-3g.40gb"};

Node map_of(std::initializer_list<std::pair<const char*, std::string>> members) {
  Node out = Node::mapping();
  for (const auto& [key, value] : members) out.set(key, Node::of(value));
  return out;
}

Node list_of(Node only) { return std::move(Node::sequence().push(std::move(only))); }

Node conditions(std::initializer_list<const char*> types, const char* status) {
  Node out = Node::sequence();
  for (const char* type : types)
    out.push(map_of(
        {{"lastTransitionTime", "2026-11-29T16:00:05Z"}, {"status", status}, {"type", type}}));
  return out;
}

/// A List, written item by item.
class ListFile {
 public:
  ListFile(const std::string& folder, const std::string& resource)
      : out_(folder + "/" + resource + ".json") {
    out_ << "{\n\"apiVersion\": \"v1\",\n\"items\": [\n";
  }
  ~ListFile() { out_ << "],\n\"kind\": \"List\"\n}\n"; }
  ListFile(const ListFile&) = delete;
  ListFile& operator=(const ListFile&) = delete;

  void add(const Node& object) {
    if (any_) out_ << ",\n";
    any_ = true;
    out_ << codec::write_json(object);
  }

 private:
  std::ofstream out_;
  bool any_ = false;
};

struct Owner {
  std::string version, kind, name;
};

class Maker {
 public:
  Maker(const LiveWorld& world, const std::string& folder)
      : nodes_(folder, "nodes"),
        pods_(folder, "pods"),
        sets_(folder, "replicasets.apps"),
        autoscalers_(folder, "horizontalpodautoscalers.autoscaling") {
    for (std::size_t n = 0; n < world.nodes; ++n) add_node(n);
    std::size_t left = world.pods;
    for (std::size_t w = 0; left > 0; ++w) {
      const std::size_t count = std::min<std::size_t>(left, 1 + prng_.below(40));
      add_workload(w, count);
      left -= count;
    }
  }

 private:
  struct Standing {
    std::string name;
    std::int64_t devices = 0, milli = 0;
  };

  Node metadata(const std::string& name, const std::string& ns, Node labels, const Owner& owner) {
    Node out = Node::mapping();
    out.set("annotations", map_of({{"prometheus.io/scrape", "true"},
                                   {"example.com/checksum", std::string(64, 'c')}}))
        .set("creationTimestamp", Node::of(fmt::format("2026-11-2{}T08:00:00Z", serial_ % 9)))
        .set("labels", std::move(labels))
        .set("name", Node::of(name));
    if (!ns.empty()) out.set("namespace", Node::of(ns));
    if (!owner.name.empty()) {
      Node reference = map_of({{"apiVersion", owner.version},
                               {"kind", owner.kind},
                               {"name", owner.name},
                               {"uid", fmt::format("owner-{}", owner.name)}});
      out.set("ownerReferences", list_of(std::move(reference.set("controller", Node::of(true)))));
    }
    out.set("resourceVersion", Node::of(std::to_string(100'000 + serial_)))
        .set("uid", Node::of(fmt::format("{:08x}-5c1e-4f0a-9b6d-{:012x}", serial_, serial_)));
    ++serial_;
    return out;
  }

  static Node object(const char* version, const char* kind, Node metadata, Node spec, Node status) {
    return std::move(Node::mapping()
                         .set("apiVersion", Node::of(version))
                         .set("kind", Node::of(kind))
                         .set("metadata", std::move(metadata))
                         .set("spec", std::move(spec))
                         .set("status", std::move(status)));
  }

  void add_node(std::size_t n) {
    const Type& type = kTypes[n % std::size(kTypes)];
    const std::string name =
        fmt::format("ip-10-{}-{}-{}.ec2.internal", n / 65'536, n / 256 % 256, n % 256);
    const char* const zone = kZones[n % std::size(kZones)];
    Node labels = map_of({{"kubernetes.io/arch", "amd64"},
                          {"kubernetes.io/hostname", name},
                          {"kubernetes.io/os", "linux"},
                          {"node.kubernetes.io/instance-type", type.name},
                          {"topology.kubernetes.io/region", "us-east-1"},
                          {"topology.kubernetes.io/zone", zone},
                          {"karpenter.sh/capacity-type", "on-demand"},
                          {"karpenter.sh/nodepool", type.gpus > 0 ? "gpu" : "default"}});
    Node amounts = map_of({{"cpu", fmt::format("{}", type.cpus)},
                           {"ephemeral-storage", "209702892Ki"},
                           {"memory", fmt::format("{}Ki", type.gib * 990'000)},
                           {"pods", "110"}});
    std::string resource = "cpu only";
    std::int64_t devices = 0;
    if (type.gpus > 0) {
      resource = type.slices > 0 ? type.slice : kGpu;
      devices = type.gpus * std::max(type.slices, 1);
      labels.set("nvidia.com/gpu.present", Node::of("true"))
          .set("nvidia.com/gpu.product", Node::of(type.product))
          .set("nvidia.com/mig.strategy", Node::of(type.slices > 0 ? "mixed" : "none"));
      amounts.set(resource, Node::of(std::to_string(devices)));
    }
    free_[resource].push_back({name, devices, (type.cpus - 1) * 1000});
    Node images = Node::sequence();
    for (int i = 0; i < 20; ++i)
      images.push(std::move(
          Node::mapping()
              .set("names", list_of(Node::of(fmt::format("registry.example.com/image-{}", i))))
              .set("sizeBytes", Node::of(std::int64_t{1'000'000} * i))));
    Node status = Node::mapping();
    status.set("allocatable", amounts).set("capacity", amounts);
    status.set("conditions", conditions({"Ready"}, "True")).set("images", std::move(images));
    nodes_.add(object("v1", "Node", metadata(name, "", std::move(labels), {}),
                      map_of({{"providerID", fmt::format("aws:///{}/i-{:017x}", zone, n)}}),
                      std::move(status)));
  }

  void add_workload(std::size_t w, std::size_t count) {
    const std::string resource = kAsks[prng_.below(std::size(kAsks))];
    const std::string ns = fmt::format("team-{}", prng_.below(8));
    const std::string name = fmt::format("service-{}", w);
    const std::int64_t milli = 250 * (1 + static_cast<std::int64_t>(prng_.below(8)));
    const Owner deployment{"apps/v1", "Deployment", name};
    const Owner set{"apps/v1", "ReplicaSet", name + "-5d9c7f68b4"};
    const Node labels = map_of({{"app", name}, {"team", ns}, {"pod-template-hash", "5d9c7f68b4"}});
    sets_.add(object("apps/v1", "ReplicaSet", metadata(set.name, ns, labels, deployment),
                     Node::mapping(), Node::mapping()));
    if (w % 3 == 0) {
      Node spec = Node::mapping();
      spec.set("scaleTargetRef",
               map_of({{"apiVersion", "apps/v1"}, {"kind", "Deployment"}, {"name", name}}))
          .set("minReplicas", Node::of(std::int64_t{1}))
          .set("maxReplicas", Node::of(static_cast<std::int64_t>(2 * count)));
      autoscalers_.add(object("autoscaling/v2", "HorizontalPodAutoscaler",
                              metadata(name, ns, Node::mapping(), {}), std::move(spec),
                              Node::mapping()));
    }
    for (std::size_t i = 0; i < count; ++i) {
      const bool waits = !resource.empty() && prng_.below(100) < 5;
      const std::string node = waits ? "" : node_for(resource, milli);
      Node status = node.empty() ? waiting() : running();
      pods_.add(object("v1", "Pod",
                       metadata(fmt::format("{}-{:05x}", set.name, serial_), ns, labels, set),
                       pod_spec(name, resource, milli, node), std::move(status)));
    }
  }

  /// A node with a device and CPU left; "" where there is none: then the pod waits.
  std::string node_for(const std::string& resource, std::int64_t milli) {
    std::vector<Standing>& nodes = free_[resource.empty() ? "cpu only" : resource];
    for (std::size_t tries = 0; tries < nodes.size() && tries < 64; ++tries) {
      Standing& node = nodes[prng_.below(nodes.size())];
      if (!resource.empty() && (node.devices == 0 || node.milli < milli)) continue;
      --node.devices;
      node.milli -= milli;
      return node.name;
    }
    return "";
  }

  static Node pod_spec(const std::string& name, const std::string& resource, std::int64_t milli,
                       const std::string& node) {
    Node amounts = map_of({{"cpu", fmt::format("{}m", milli)}, {"memory", "2Gi"}});
    if (!resource.empty()) amounts.set(resource, Node::of("1"));
    Node env = Node::sequence();
    for (int i = 0; i < 20; ++i)
      env.push(map_of({{"name", fmt::format("SETTING_{}", i)}, {"value", std::string(40, 'v')}}));
    Node container = map_of({{"image", fmt::format("registry.example.com/{}:v1.2.3", name)},
                             {"imagePullPolicy", "IfNotPresent"},
                             {"name", "main"},
                             {"terminationMessagePath", "/dev/termination-log"}});
    container.set("args", list_of(Node::of("--model=/models/base"))).set("env", std::move(env));
    container.set("resources",
                  std::move(Node::mapping().set("limits", amounts).set("requests", amounts)));
    Node tolerations = Node::sequence();
    for (const char* key : {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"})
      tolerations.push(map_of({{"effect", "NoExecute"}, {"key", key}, {"operator", "Exists"}}));
    tolerations.push(map_of({{"effect", "NoSchedule"}, {"key", kGpu}, {"operator", "Exists"}}));
    Node volumes = Node::sequence();
    for (int i = 0; i < 4; ++i)
      volumes.push(std::move(map_of({{"name", fmt::format("config-{}", i)}})
                                 .set("configMap", map_of({{"name", fmt::format("c-{}", i)}}))));
    Node spec = map_of({{"dnsPolicy", "ClusterFirst"},
                        {"restartPolicy", "Always"},
                        {"schedulerName", "default-scheduler"},
                        {"serviceAccountName", name}});
    if (!node.empty()) spec.set("nodeName", Node::of(node));
    spec.set("containers", list_of(std::move(container)))
        .set("tolerations", std::move(tolerations))
        .set("volumes", std::move(volumes));
    return spec;
  }

  static Node running() {
    Node status = map_of({{"hostIP", "10.0.0.1"},
                          {"phase", "Running"},
                          {"podIP", "10.0.9.9"},
                          {"startTime", "2026-11-29T16:00:04Z"}});
    status.set("conditions", conditions({"PodReadyToStartContainers", "Initialized", "Ready",
                                         "ContainersReady", "PodScheduled"},
                                        "True"));
    status.set("containerStatuses",
               list_of(map_of({{"containerID", "containerd://" + std::string(64, 'a')},
                               {"imageID", "sha256:" + std::string(64, 'b')},
                               {"name", "main"}})));
    return status;
  }

  static Node waiting() {
    Node status = map_of({{"phase", "Pending"}});
    status.set("conditions",
               list_of(map_of({{"lastTransitionTime", "2026-11-29T16:00:04Z"},
                               {"message", "0/9 nodes are available: 9 Insufficient GPUs."},
                               {"reason", "Unschedulable"},
                               {"status", "False"},
                               {"type", "PodScheduled"}})));
    return status;
  }

  Prng prng_{1};
  std::uint64_t serial_ = 1;
  std::map<std::string, std::vector<Standing>> free_;  ///< by what the node offers
  ListFile nodes_, pods_, sets_, autoscalers_;
};

}  // namespace

void write_live_world(const LiveWorld& world, const std::string& folder) {
  std::filesystem::create_directories(folder);
  Maker(world, folder);
}

}  // namespace kerf::bench
