// Clusters: whatever objects are read, pods and nodes hang together, and every micro-dollar of the
// nodes goes to a pod or to what keeps room unused.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "codec/catalogue.h"
#include "codec/cluster_read.h"
#include "codec/cluster_reading.h"
#include "codec/json.h"
#include "core/cluster/select.h"
#include "core/plan/ledger.h"
#include "core/plan/live.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using namespace kerf;

const market::Market& us_east() {
  static const market::Market all = codec::builtin_market("us-east-1").value();
  return all;
}

void check(const cluster::Cluster& cluster) {
  KERF_ASSERT(cluster.pods.size() == cluster.demand.pods.size(), "facts are by pod");
  std::int64_t prices = 0;
  for (const cluster::StandingNode& node : cluster.nodes) {
    prices += node.price.micro;
    KERF_ASSERT(
        node.gpus.size() == static_cast<std::size_t>(us_east().types.at(node.type).gpu_count),
        "a node has the GPUs of its type");
    for (const cluster::StandingGpu& gpu : node.gpus)
      for (const cluster::StandingSlice& slice : gpu.slices)
        KERF_ASSERT(slice.pod == cluster::kNone ||
                        (slice.pod < cluster.pods.size() && slice.holder.empty()),
                    "a device is held once");
  }
  const plan::Ledger ledger = plan::ledger_of(cluster, us_east(), {});
  std::int64_t parts = ledger.others.micro;
  for (const MicroUsdPerHour part : ledger.workloads) parts += part.micro;
  for (const MicroUsdPerHour part : ledger.wastes) parts += part.micro;
  KERF_ASSERT(parts == prices && ledger.bill.micro == prices, "money is conserved");
  const plan::Today today = plan::today_of(cluster);
  KERF_ASSERT(today.bill.micro == prices, "the bill is that of its nodes");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const codec::Limits limits{
      .bytes = 1u << 18, .depth = 64, .nodes = 20'000, .documents = 1, .scalar_bytes = 1u << 16};
  auto document = codec::parse_json(text, "fuzz.json", limits);
  if (!document) return 0;
  const std::vector<codec::Document> documents = {*std::move(document)};
  const auto reading = codec::read_cluster_documents(documents, "fuzz");
  if (!reading) return 0;
  const auto cluster = codec::read_cluster(*reading, us_east(),
                                           {.owned = {{"g4dn.xlarge", 1}, {"p4d.24xlarge", 2}}});
  if (!cluster) {
    KERF_ASSERT(!cluster.error().message().empty(), "an error says something");
    return 0;
  }
  check(*cluster);
  if (!cluster->demand.shapes.empty())
    check(cluster::select(*cluster, us_east(), {.ns = cluster->demand.shapes[0].ns, .labels = {}}));
  return 0;
}
