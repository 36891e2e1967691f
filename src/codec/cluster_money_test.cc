// Money is conserved: whatever cluster is read, every micro-dollar of its nodes goes somewhere, and
// every device is held once.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/prng.h"
#include "codec/cluster_read_testing.h"
#include "core/cluster/select.h"
#include "core/plan/ledger.h"
#include "core/plan/live.h"

namespace kerf::codec {
namespace {

using testing::Objects;

constexpr int kSeeds = 60;
constexpr const char* kNamespaces[] = {"a", "b", "c"};

/// Ways in which nodes of a type hand out GPUs: amounts, labels.
struct Way {
  const char* type;
  const char* amounts;
  const char* labels;
};
constexpr Way kWays[] = {
    {"p4d.24xlarge", "nvidia.com/gpu: \"8\"", ""},
    {"p4d.24xlarge", "nvidia.com/mig-1g.5gb: \"20\", nvidia.com/mig-3g.20gb: \"5\"", ""},
    {"p4d.24xlarge", "nvidia.com/mig-2g.10gb: \"3\", nvidia.com/gpu: \"5\"", ""},
    {"p5.4xlarge", "nvidia.com/gpu: \"7\"", "nvidia.com/gpu.product: X-MIG-1g.10gb"},
    {"p5.4xlarge", "nvidia.com/mig-1g.10gb: \"70\"", ""},
    {"g4dn.12xlarge", "nvidia.com/gpu: \"16\"", "nvidia.com/gpu.replicas: \"4\""},
    {"g4dn.12xlarge", "nvidia.com/gpu.shared: \"12\"", "nvidia.com/gpu.replicas: \"3\""},
    {"g6f.2xlarge", "nvidia.com/gpu: \"1\"", ""},
    {"g5.12xlarge", "nvidia.com/gpu: \"3\"", ""},
    {"g5.12xlarge", "", ""},
    {"p99.metal", "nvidia.com/gpu: \"2\"", ""},
    {"m7i.large", "", ""},
};
constexpr const char* kAsks[] = {
    "nvidia.com/gpu: 1",
    "nvidia.com/gpu: 3",
    "nvidia.com/mig-1g.5gb: 1",
    "nvidia.com/mig-1g.10gb: 2",
    "nvidia.com/mig-3g.20gb: 1",
    "nvidia.com/gpu.shared: 1",
    "kerf.dev/gpu-4gi-shared: 1",
    "kerf.dev/gpu-5gi: 1",
    "memory: 1Gi",
    "nvidia.com/gpu: 1, nvidia.com/mig-2g.10gb: 1",
};
constexpr const char* kCapacities[] = {"on-demand", "spot", "reserved"};
constexpr const char* kOwners[] = {"",      "StatefulSet/db", "ReplicaSet/web-1",
                                   "Job/j", "DaemonSet/d",    "StatefulSet/other"};

template <class T, std::size_t n>
const T& one_of(const T (&list)[n], Prng& prng) {
  return list[prng.below(n)];
}

/// What an agent could report of a p5.4xlarge, and some of it that it could not.
std::string report(Prng& prng, int pods) {
  std::string slices;
  for (std::uint64_t i = prng.below(9); i > 0; --i) {
    const char* const profiles[] = {"1g.10gb", "2g.20gb", "3g.40gb", "whole", "replica/2"};
    const char* const states[] = {"Free", "Used", "Used", "Retiring", "Creating", "Lost"};
    slices +=
        fmt::format("{{profile: {}, start: {}, state: {}, pod: {}}}, ", one_of(profiles, prng),
                    prng.below(8), one_of(states, prng),
                    prng.below(4) == 0 ? std::string("\"\"")
                                       : fmt::format("{}/p{}", one_of(kNamespaces, prng),
                                                     prng.below(static_cast<std::uint64_t>(pods))));
  }
  return "status: {gpus: [{uuid: GPU-1, slices: [" + slices + "]}]}";
}

Objects random_objects(Prng& prng) {
  Objects objects;
  const int nodes = 1 + static_cast<int>(prng.below(8));
  const int pods = 1 + static_cast<int>(prng.below(60));
  for (int n = 0; n < nodes; ++n) {
    const std::string name = "n" + std::to_string(n);
    if (prng.below(5) == 0) {
      objects.node(name, "p5.4xlarge", "nvidia.com/gpu: \"1\"")
          .object("kerf.dev/v1alpha1", "GpuNode", name, report(prng, pods), "");
      continue;
    }
    const Way& way = one_of(kWays, prng);
    std::string labels = std::string("karpenter.sh/capacity-type: ") + one_of(kCapacities, prng);
    if (*way.labels != '\0') labels += std::string(", ") + way.labels;
    objects.node(name, way.type, way.amounts, labels);
  }
  for (int p = 0; p < pods; ++p) {
    testing::PodText pod;
    pod.name = "p" + std::to_string(p);
    pod.ns = one_of(kNamespaces, prng);
    pod.asks = one_of(kAsks, prng);
    pod.owner = one_of(kOwners, prng);
    if (prng.below(4) != 0)
      pod.node = "n" + std::to_string(prng.below(static_cast<std::uint64_t>(nodes) + 1));
    if (prng.below(10) == 0) pod.status = "phase: Succeeded";
    if (prng.below(10) == 0) pod.meta = "deletionTimestamp: \"2026-11-01T00:00:00Z\"";
    objects.pod(pod);
  }
  return objects;
}

std::int64_t sum(const std::vector<MicroUsdPerHour>& parts) {
  std::int64_t all = 0;
  for (const MicroUsdPerHour part : parts) all += part.micro;
  return all;
}

void check_ledger(const cluster::Cluster& cluster, bool list) {
  const plan::Ledger ledger = plan::ledger_of(cluster, testing::us_east(), {}, list);
  std::int64_t nodes = 0;
  for (const cluster::StandingNode& node : cluster.nodes)
    nodes += list ? node.list_price.micro : node.price.micro;
  std::int64_t parts = sum(ledger.workloads) + ledger.others.micro;
  for (const MicroUsdPerHour waste : ledger.wastes) parts += waste.micro;
  EXPECT_EQ(ledger.bill.micro, nodes);
  EXPECT_EQ(parts, nodes);
  EXPECT_EQ(sum(ledger.pods), sum(ledger.workloads));
  ASSERT_EQ(ledger.nodes.size(), cluster.nodes.size());
  for (const plan::NodeLedger& node : ledger.nodes) {
    std::int64_t gpus = 0;
    for (const plan::GpuLedger& gpu : node.gpus) {
      gpus += gpu.price.micro;
      std::int64_t shares = gpu.idle.micro;
      for (const plan::GpuLedger::Share& share : gpu.shares) {
        EXPECT_GE(share.cost.micro, 0);
        shares += share.cost.micro;
      }
      EXPECT_EQ(shares, gpu.price.micro);
    }
    EXPECT_EQ(gpus, node.price.micro);
  }
}

/// No pod holds more than it asks for, and none anything on a node that it is not on.
void check_holders(const cluster::Cluster& cluster) {
  std::map<std::uint32_t, std::int64_t> held;
  for (std::uint32_t n = 0; n < cluster.nodes.size(); ++n)
    for (const cluster::StandingGpu& gpu : cluster.nodes[n].gpus)
      for (const cluster::StandingSlice& slice : gpu.slices) {
        if (slice.pod == cluster::kNone) continue;
        ASSERT_LT(slice.pod, cluster.pods.size());
        EXPECT_TRUE(slice.holder.empty()) << "held by two";
        EXPECT_EQ(cluster.pods[slice.pod].node, n);
        if (cluster.nodes[n].layout != cluster::LayoutFrom::Seen) ++held[slice.pod];
      }
  for (const auto& [pod, count] : held) {
    std::int64_t asked = 0;
    for (const cluster::GpuRequest& request :
         cluster.demand.shapes[cluster.demand.pods[pod].shape].gpu)
      asked += request.count;
    EXPECT_LE(count, asked);
  }
}

/// Every pod stands once in its workload's order, and once on its node.
void check_pods(const cluster::Cluster& cluster) {
  ASSERT_EQ(cluster.pods.size(), cluster.demand.pods.size());
  std::set<std::pair<std::string, std::string>> names;
  std::vector<std::int64_t> counts(cluster.demand.workloads.size(), 0);
  for (std::size_t p = 0; p < cluster.demand.pods.size(); ++p) {
    const cluster::Pod& pod = cluster.demand.pods[p];
    EXPECT_TRUE(names.emplace(cluster.demand.shapes[pod.shape].ns, pod.name).second) << pod.name;
    ASSERT_LT(pod.workload, counts.size());
    ++counts[pod.workload];
    if (p > 0) {
      EXPECT_LE(cluster.demand.pods[p - 1].workload, pod.workload);
    }
  }
  for (std::size_t w = 0; w < counts.size(); ++w)
    EXPECT_EQ(counts[w], cluster.demand.workloads[w].pods);
  std::size_t placed = 0;
  for (std::uint32_t n = 0; n < cluster.nodes.size(); ++n) {
    placed += cluster.nodes[n].pods.size();
    EXPECT_TRUE(std::is_sorted(cluster.nodes[n].pods.begin(), cluster.nodes[n].pods.end()));
    for (const std::uint32_t pod : cluster.nodes[n].pods) EXPECT_EQ(cluster.pods[pod].node, n);
  }
  for (const cluster::PodFacts& pod : cluster.pods) placed -= pod.node != cluster::kNone ? 1 : 0;
  EXPECT_EQ(placed, 0u);
}

/// Namespace by namespace, a node costs all that it costs where only their pods hold it.
void check_parts(const cluster::Cluster& cluster) {
  std::map<std::string, std::int64_t> parts;  // by node
  for (const char* ns : kNamespaces) {
    const cluster::Cluster part =
        cluster::select(cluster, testing::us_east(), {.ns = ns, .labels = {}});
    check_ledger(part, false);
    check_pods(part);
    for (const cluster::StandingNode& node : part.nodes) parts[node.name] += node.price.micro;
  }
  for (const cluster::StandingNode& node : cluster.nodes) {
    bool others = false;
    for (const cluster::StandingGpu& gpu : node.gpus)
      for (const cluster::StandingSlice& slice : gpu.slices) others |= !slice.holder.empty();
    const std::int64_t all = node.pods.empty() ? 0 : node.price.micro;
    const std::int64_t found = parts[node.name];
    EXPECT_LE(found, all + 3) << node.name;
    if (!others) {
      EXPECT_NEAR(static_cast<double>(found), static_cast<double>(all), 3) << node.name;
    }
  }
}

TEST(ClusterMoney, IsConservedOverRandomClusters) {
  std::int64_t dollars = 0;
  for (int seed = 0; seed < kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Prng prng(static_cast<std::uint64_t>(seed));
    const cluster::Cluster cluster = random_objects(prng).read();
    check_pods(cluster);
    check_holders(cluster);
    check_ledger(cluster, false);
    check_ledger(cluster, true);
    check_parts(cluster);
    const plan::Today today = plan::today_of(cluster);
    dollars += today.bill.micro / 1'000'000;
    EXPECT_EQ(today.running + today.waiting, static_cast<std::int64_t>(cluster.demand.pods.size()));
    if (HasFailure()) return;
  }
  EXPECT_GT(dollars, kSeeds) << "the clusters are not worth a look";
}

TEST(ClusterMoney, ManyNodesAndPodsAllFindTheirDevices) {
  Objects objects;
  constexpr int kNodes = 100;
  for (int n = 0; n < kNodes; ++n)
    objects.node("n" + std::to_string(n), "p4d.24xlarge",
                 "nvidia.com/mig-1g.5gb: \"29\", nvidia.com/mig-2g.10gb: \"7\"");
  for (int p = 0; p < 10 * kNodes; ++p)
    objects.pod({.name = "p" + std::to_string(p),
                 .asks = "nvidia.com/mig-1g.5gb: 1",
                 .node = "n" + std::to_string(p % kNodes),
                 .owner = "StatefulSet/s" + std::to_string(p % 300)});
  const cluster::Cluster cluster = objects.read();
  std::int64_t held = 0;
  for (const cluster::StandingNode& node : cluster.nodes)
    for (const cluster::StandingGpu& gpu : node.gpus)
      for (const cluster::StandingSlice& slice : gpu.slices) held += slice.free() ? 0 : 1;
  EXPECT_EQ(held, 10 * kNodes);
  EXPECT_EQ(cluster.demand.workloads.size(), 300u);
}

}  // namespace
}  // namespace kerf::codec
