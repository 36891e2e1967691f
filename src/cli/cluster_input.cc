// From a context or a snapshot to a cluster with prices.
#include "cli/cluster_input.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/quote.h"
#include "cli/demand_input.h"
#include "cli/files.h"
#include "cli/suggest.h"
#include "codec/catalogue.h"
#include "codec/cluster_read.h"
#include "codec/document.h"
#include "codec/label_selector.h"
#include "codec/overrides.h"
#include "codec/price_file.h"
#include "codec/prices.h"
#include "codec/timestamp.h"
#include "core/cluster/replicas.h"
#include "core/cluster/select.h"
#include "shell/kubectl/kubectl.h"

namespace kerf::cli {
namespace {

using codec::ClusterReading;
using market::CapacityType;
using market::Market;
using Tell = std::function<void(std::string_view)>;

constexpr std::string_view kFallbackRegion = "us-east-1";
constexpr std::string_view kSnapshotExpected =
    "a snapshot (kerf snapshot) or what kubectl get nodes,pods -A -o json prints";
constexpr std::size_t kSnapshotBytesMax = std::size_t{512} << 20;

Result<ClusterReading> from_snapshot(const std::string& file, const Tell& tell) {
  tell(fmt::format("reading {}", display_name(file)));
  codec::Limits limits;
  limits.bytes = kSnapshotBytesMax;
  limits.nodes *= 4;
  KERF_TRY(const std::string text, read_text(file, limits.bytes));
  if (text.find_first_not_of(" \t\r\n") == std::string::npos)
    return invalid(fmt::format("{}: empty; expected {}", display_name(file), kSnapshotExpected));
  KERF_TRY(const std::vector<codec::Document> documents, parse_documents(text, file, limits));
  if (is_plan_document(documents))
    return invalid(fmt::format("{}: is a plan, which has no nodes and pods to read; expected {}",
                               display_name(file), kSnapshotExpected));
  auto reading =
      codec::read_cluster_documents(documents, fmt::format("snapshot {}", display_name(file)));
  if (!reading) return tl::unexpected(std::move(reading).error().within(display_name(file)));
  return reading;
}

Result<ClusterReading> from_cluster(const PlanArguments& arguments, const Tell& tell) {
  kubectl::KubectlOptions options;
  options.kubeconfig = arguments.kubeconfig.value_or("");
  options.context = arguments.context.value_or("");
  options.fallback_namespace = arguments.ns.value_or("");
  options.prices = !arguments.prices.has_value();
  options.tell = tell;
  return kubectl::read_cluster(options);
}

/// The region that most nodes say they are in; "" = none says.
std::string region_of(const ClusterReading& reading) {
  std::map<std::string, std::int64_t> votes;
  for (const codec::Node& item : reading.of("Node").items) {
    const codec::Node* metadata = item.find("metadata");
    const codec::Node* labels = metadata == nullptr ? nullptr : metadata->find("labels");
    if (labels == nullptr) continue;
    const codec::Node* region = labels->find("topology.kubernetes.io/region");
    const codec::Node* zone = labels->find("topology.kubernetes.io/zone");
    std::string name = region != nullptr ? region->text : "";
    if (name.empty() && zone != nullptr) name = codec::region_of(zone->text);
    if (!name.empty() && codec::is_place_name(name)) ++votes[name];
  }
  std::string best;
  for (const auto& [name, count] : votes)
    if (best.empty() || count > votes[best]) best = name;
  return best;
}

/// The page of Karpenter's metrics that has the most offerings, as a market; nullopt: none has any.
std::optional<Market> market_from_pages(const ClusterReading& reading, const std::string& region,
                                        std::vector<std::string>& notes) {
  std::set<std::string> namespaces;
  for (const codec::PricePage& page : reading.pages)
    if (!page.text.empty()) namespaces.insert(page.pod.substr(0, page.pod.find('/')));
  if (namespaces.size() > 1) {  // whoever may make a pod can give it Karpenter's label
    notes.push_back(fmt::format(
        "Pods with Karpenter's label run in namespaces {}: their prices were not used. --prices "
        "FILE names a page or a table.",
        fmt::join(namespaces, ", ")));
    return std::nullopt;
  }
  std::optional<Market> best;
  std::string refused;
  for (const codec::PricePage& page : reading.pages) {
    if (page.text.empty()) continue;
    Market market = *codec::builtin_market(codec::builtin_regions().front());
    const auto loaded = codec::load_prices(page.text, "metrics of " + page.pod, region, market);
    if (!loaded) {
      refused = loaded.error().message();
      continue;
    }
    if (best && best->offerings.size() >= market.offerings.size()) continue;
    market.price_source = fmt::format("Karpenter's metrics, pod {}", page.pod);
    market.price_date = reading.taken_ms == 0 ? "" : codec::timestamp_text(reading.taken_ms);
    best = std::move(market);
  }
  if (!best && !refused.empty())
    notes.push_back(fmt::format("Prices of Karpenter's metrics were not used: {}.", refused));
  return best;
}

/// Prices by the arguments, the cluster's own metrics, or the shipped table; and what to say of it.
Result<Market> market_for(const PlanArguments& arguments, const ClusterReading& reading,
                          std::vector<std::string>& notes) {
  const std::string here = arguments.region.value_or(region_of(reading));
  if (arguments.prices || arguments.price_region) {
    PlanArguments wanted = arguments;
    if (!arguments.prices && !wanted.region && !here.empty()) wanted.region = here;
    return load_market(wanted, notes);
  }
  if (auto market = market_from_pages(reading, here, notes)) return *std::move(market);
  PlanArguments wanted = arguments;
  const std::vector<std::string> shipped = codec::builtin_regions();
  if (!here.empty()) wanted.region = here;
  if (!here.empty() && std::find(shipped.begin(), shipped.end(), here) == shipped.end())
    wanted.price_region = std::string(kFallbackRegion);
  return load_market(wanted, notes);
}

/// What may be bought where nobody says: on demand, and what the cluster's nodes and pools are.
std::vector<CapacityType> usual_capacity(const cluster::Cluster& cluster, const Market& market) {
  std::vector<CapacityType> types = {CapacityType::OnDemand};
  const bool spot_sold =
      std::any_of(market.offerings.begin(), market.offerings.end(),
                  [](const auto& one) { return one.capacity_type == CapacityType::Spot; });
  const bool spot_used =
      std::any_of(cluster.nodes.begin(), cluster.nodes.end(),
                  [](const auto& one) { return one.capacity_type == CapacityType::Spot; }) ||
      std::any_of(cluster.pools.begin(), cluster.pools.end(), [](const auto& pool) {
        const auto& all = pool.second.capacity_types;
        return std::find(all.begin(), all.end(), CapacityType::Spot) != all.end();
      });
  if (spot_sold && spot_used) types.push_back(CapacityType::Spot);
  return types;
}

/// Nodes that cost nothing more: of --owned, reserved ones that stand, those without a price.
std::map<std::string, std::int64_t> owned_nodes(const PlanArguments& arguments,
                                                const Market& market, cluster::Cluster& cluster) {
  std::map<std::string, std::int64_t> standing;
  for (cluster::StandingNode& node : cluster.nodes) {
    node.owned = node.owned || node.unpriced;
    if (node.owned) ++standing[market.types[node.type].name];
  }
  for (const auto& [type, count] : arguments.owned)
    standing[type] = std::max(standing[type], count);
  return standing;
}

/// Kinds that could not be read, in one line; the demand's notes say what each leaves out.
void tell_unread(const ClusterReading& reading, std::vector<std::string>& notes) {
  std::vector<std::string_view> kinds;
  for (const codec::KindReading& one : reading.kinds)
    if (one.state == codec::KindState::Forbidden || one.state == codec::KindState::Failed)
      kinds.push_back(one.kind->resource);
  if (kinds.empty()) return;
  notes.push_back(fmt::format(
      "Not read: {}. The notes below say what that leaves out, kerf doctor which rights it needs.",
      fmt::join(kinds, ", ")));
}

/// Capacity reservations that the NodeClasses name. How many nodes one has is not in the cluster.
void tell_reservations(const ClusterReading& reading,
                       const std::map<std::string, std::int64_t>& owned,
                       std::vector<std::string>& notes) {
  std::set<std::string> types;
  for (const codec::Node& item : reading.of("EC2NodeClass").items) {
    const codec::Node* status = item.find("status");
    const codec::Node* list = status == nullptr ? nullptr : status->find("capacityReservations");
    if (list == nullptr) continue;
    for (const codec::Node& one : list->items)
      if (const codec::Node* type = one.find("instanceType"); type != nullptr)
        types.insert(type->text);
  }
  for (const std::string& type : types) {
    const auto standing = owned.find(type);
    notes.push_back(fmt::format(
        "A NodeClass names a capacity reservation of {}: {} of it {} as owned. If it has more, say "
        "how many there are in all: --owned {}=N.",
        type, standing == owned.end() ? 0 : standing->second,
        standing != owned.end() && standing->second == 1 ? "counts" : "count", type));
  }
}

std::string headline_of(const ClusterReading& reading, const Market& market,
                        const cluster::Policy& policy) {
  std::string text = reading.source;
  if (reading.taken_ms != 0)
    text += fmt::format(", read {}", codec::timestamp_text(reading.taken_ms));
  std::string capacity;
  for (const CapacityType type : policy.capacity_types)
    capacity += fmt::format("{}{}", capacity.empty() ? "" : " and ", market::to_string(type));
  text += fmt::format("; {}, {} prices of {}", market.region, capacity.empty() ? "all" : capacity,
                      market.price_source);
  const bool dated =
      !market.price_date.empty() && market.price_date[0] >= '0' && market.price_date[0] <= '9';
  if (dated && market.price_date != codec::timestamp_text(reading.taken_ms))
    text += fmt::format(" ({})", market.price_date);
  return text;
}

/// Without pods every GPU would look idle, and a plan would give all of them back; without nodes
/// there is still something to plan.
Result<void> check_read(const ClusterReading& reading, std::vector<std::string>& notes) {
  const codec::KindReading& pods = reading.of("Pod");
  if (pods.state == codec::KindState::Absent && !reading.of("Node").items.empty())
    return fail(
        ErrorCode::InvalidArgument,
        fmt::format("{}: nodes are in it and no pods, so who uses them is not known; expected "
                    "{}",
                    reading.source, kSnapshotExpected));
  if (pods.state == codec::KindState::Forbidden || pods.state == codec::KindState::Failed)
    return fail(
        ErrorCode::Unavailable,
        fmt::format("{}: pods could not be read, so who uses the GPUs is not known: {}. Kerf "
                    "needs get and list on pods; with rights in one namespace only, name it "
                    "with -n",
                    reading.source, pods.why));
  const codec::KindReading& nodes = reading.of("Node");
  if (nodes.state != codec::KindState::Read)
    notes.push_back(
        fmt::format("Nodes could not be read ({}): what stands, and what it costs today, "
                    "is not known.",
                    nodes.why));
  return {};
}

/// "; pods of namespace ml with app=web": what the figures are of.
std::string selection_words(const PlanArguments& arguments) {
  if (!arguments.ns && !arguments.selector) return "";
  std::string text = "; pods";
  if (arguments.ns) text += fmt::format(" of namespace {}", *arguments.ns);
  if (arguments.selector) text += fmt::format(" with {}", *arguments.selector);
  return text + " only";
}

/// The part of the cluster that is asked for. A name that no pod has would read as a bill of $0.
Result<cluster::Cluster> selected(const PlanArguments& arguments, const cluster::Cluster& all,
                                  const Market& market, const cluster::Selection& selection) {
  cluster::Cluster part = cluster::select(all, market, selection);
  if (!part.demand.pods.empty() || all.demand.pods.empty()) return part;
  std::set<std::string> seen;
  for (const cluster::Workload& workload : all.demand.workloads) seen.insert(workload.ns);
  const std::vector<std::string> namespaces(seen.begin(), seen.end());
  if (arguments.ns && seen.count(*arguments.ns) == 0) {
    constexpr std::size_t kNamedMax = 8;
    const std::vector<std::string> near = nearest(*arguments.ns, namespaces);
    const std::vector<std::string> named(
        namespaces.begin(),
        namespaces.begin() + static_cast<std::ptrdiff_t>(std::min(kNamedMax, namespaces.size())));
    return fail(
        ErrorCode::NotFound,
        fmt::format(
            "--namespace: no pod of {} asks for a GPU{}", quoted(*arguments.ns),
            !near.empty()
                ? did_you_mean(near)
                : fmt::format("; pods that do are in {}{}", fmt::join(named, ", "),
                              named.size() < namespaces.size() ? " and other namespaces" : "")));
  }
  return fail(ErrorCode::NotFound,
              fmt::format("--selector: no pod that asks for a GPU{} has such labels; kubectl get "
                          "pods --show-labels shows what they have",
                          arguments.ns ? " in namespace " + *arguments.ns : ""));
}

Result<void> check_gpu(const std::string& gpu) {
  const gpu::Catalogue& gpus = codec::builtin_catalogue();
  if (gpu.empty() || gpus.find(gpu) != nullptr) return {};
  std::vector<std::string> names;
  for (const gpu::Model& model : gpus.models) names.push_back(model.key);
  const std::vector<std::string> near = nearest(gpu, names);
  return fail(ErrorCode::NotFound,
              fmt::format("--gpu: no GPU model is called {}{}", quoted(gpu),
                          near.empty() ? fmt::format("; models are {}", fmt::join(names, ", "))
                                       : did_you_mean(near)));
}

}  // namespace

Result<ClusterReading> read_reading(const PlanArguments& arguments, const Tell& tell) {
  return arguments.snapshot ? from_snapshot(*arguments.snapshot, tell)
                            : from_cluster(arguments, tell);
}

Result<ClusterInput> read_cluster_input(const PlanArguments& arguments, const Tell& tell) {
  cluster::Selection selection;
  selection.ns = arguments.ns.value_or("");
  if (arguments.selector) {
    auto labels = codec::parse_label_selector(*arguments.selector);
    if (!labels) return tl::unexpected(std::move(labels).error().within("--selector"));
    selection.labels = *std::move(labels);
  }
  KERF_CHECK_OK(check_gpu(arguments.gpu));

  ClusterInput out;
  KERF_TRY(out.reading, read_reading(arguments, tell));
  KERF_CHECK_OK(check_read(out.reading, out.notes));
  tell("reading the cluster");
  KERF_TRY(out.purchase.market, market_for(arguments, out.reading, out.purchase.notes));
  Market& market = out.purchase.market;
  KERF_CHECK_OK(apply_discounts(arguments.discounts, market));
  KERF_TRY(out.cluster, codec::read_cluster(out.reading, market, {arguments.owned}));
  if (arguments.daemonsets) {
    out.cluster.demand.overhead.daemonsets = *arguments.daemonsets;
    out.cluster.demand.overhead.source = "--daemonsets";
  }
  if (arguments.root_volume_gib)
    out.cluster.demand.overhead.root_volume_gib = *arguments.root_volume_gib;
  const auto owned = owned_nodes(arguments, market, out.cluster);
  tell_unread(out.reading, out.notes);
  tell_reservations(out.reading, owned, out.purchase.notes);
  KERF_CHECK_OK(apply_policy(arguments, usual_capacity(out.cluster, market), owned, out.purchase));
  if (!arguments.replicas.empty()) {
    std::vector<codec::OverrideTarget> targets;
    for (std::size_t w = 0; w < out.cluster.demand.workloads.size(); ++w) {
      const cluster::Workload& one = out.cluster.demand.workloads[w];
      targets.push_back({one.kind, one.ns, one.name, w});
    }
    KERF_TRY(const auto counts,
             codec::resolve_overrides("--replicas", arguments.replicas, targets));
    std::map<std::uint32_t, std::int64_t> pods;
    for (const auto& [w, count] : counts) pods[static_cast<std::uint32_t>(w)] = count;
    out.cluster = cluster::with_replicas(out.cluster, pods);
  }
  if (!selection.all()) {
    KERF_TRY(out.cluster, selected(arguments, out.cluster, market, selection));
  }
  out.headline = headline_of(out.reading, market, out.purchase.policy) + selection_words(arguments);
  return out;
}

}  // namespace kerf::cli
