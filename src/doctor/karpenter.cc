// Karpenter: is it there, how new, with which gates; and do its pages have prices?
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "codec/price_file.h"
#include "codec/prometheus.h"
#include "doctor/checks.h"
#include "doctor/look.h"

namespace kerf::doctor {
namespace {

using codec::Node;

constexpr Version kLeast{1, 14};

/// What Karpenter's Deployment, or else its pods, say of it.
struct Karpenter {
  std::vector<About> seen;
  std::string version_text;
  std::string gates;  ///< "ReservedCapacity=true,SpotToSpotConsolidation=false"
};

bool is_karpenter(const std::map<std::string, std::string>& labels) {
  const auto name = labels.find("app.kubernetes.io/name");
  return name != labels.end() && name->second == "karpenter";
}

void take_containers(std::span<const Node> containers, Karpenter& out) {
  for (const Node& container : containers) {
    const std::string image = text(container, {"image"});
    const std::string_view tag = tag_of(image);
    if (version(tag)) out.version_text = tag;
    for (const Node& variable : list(container, {"env"})) {
      if (text(variable, {"name"}) == "FEATURE_GATES") out.gates = text(variable, {"value"});
    }
  }
}

/// The label of karpenter_build_info, on any page.
std::string built(const Facts& facts) {
  for (const codec::PricePage& page : facts.reading.pages) {
    codec::PrometheusReader reader(page.text, page.pod);
    codec::Sample sample;
    for (auto more = reader.next(sample); more && *more; more = reader.next(sample)) {
      if (sample.name != "karpenter_build_info") continue;
      const std::string* found = sample.label("version");
      if (found != nullptr && version(*found)) return *found;
    }
  }
  return "";
}

Karpenter look(const Facts& facts) {
  Karpenter out;
  for (const Node& object : facts.objects("Deployment")) {
    if (!is_karpenter(texts(object, {"metadata", "labels"}))) continue;
    out.seen.push_back(about("Deployment", object));
    take_containers(list(object, {"spec", "template", "spec", "containers"}), out);
  }
  const bool deployed = !out.seen.empty();
  for (const PodFacts& pod : facts.pods) {
    if (deployed || pod.ended || !is_karpenter(pod.labels)) continue;
    out.seen.push_back(pod.about);
    take_containers(list(*pod.object, {"spec", "containers"}), out);
  }
  if (const std::string page = built(facts); !page.empty()) out.version_text = page;
  return out;
}

/// What a gate is set to; nullopt: it is not named.
std::optional<bool> gate(std::string_view gates, std::string_view name) {
  while (!gates.empty()) {
    const std::string_view one = gates.substr(0, gates.find(','));
    gates.remove_prefix(std::min(one.size() + 1, gates.size()));
    const std::size_t equals = one.find('=');
    if (equals != one.npos && one.substr(0, equals) == name) {
      return one.substr(equals + 1) == "true";
    }
  }
  return std::nullopt;
}

void check_gates(const Facts& facts, const Karpenter& karpenter, Findings& out) {
  if (gate(karpenter.gates, "ReservedCapacity") == false) {  // the default is true since 1.6
    std::vector<About> users;
    for (const Node& object : facts.objects("EC2NodeClass")) {
      if (!list(object, {"spec", "capacityReservationSelectorTerms"}).empty()) {
        users.push_back(about("EC2NodeClass", object));
      }
    }
    for (const NodeFacts& node : facts.nodes) {
      if (node.label("karpenter.sh/capacity-type") == "reserved") users.push_back(node.about);
    }
    if (!users.empty()) {
      out.push_back({Code::ReservedOff,
                     "Karpenter runs with ReservedCapacity=false, and capacity reservations are in "
                     "use",
                     std::move(users)});
    }
  }
  if (gate(karpenter.gates, "NodeRepair") == true) {
    out.push_back({Code::NodeRepairOn,
                   "Karpenter runs with NodeRepair=true: a node of which GPUs are reported not "
                   "ready for 10 min is replaced, with all its pods",
                   karpenter.seen});
  }
}

struct Prices {
  std::string pod;
  std::int64_t offerings = 0;
  std::int64_t spot = 0;
  std::int64_t spot_as_on_demand = 0;
};

/// Of GPU types. nullopt: the page has none, or cannot be read.
std::optional<Prices> prices_of(const codec::PricePage& page, const market::Market& market) {
  const auto file = codec::read_price_page(page.text, page.pod);
  if (!file) return std::nullopt;
  Prices out{.pod = page.pod};
  std::map<std::pair<std::string, std::string>, MicroUsdPerHour> on_demand;
  for (const codec::PriceLine& line : file->lines) {
    if (!line.known || market.type_named(line.type) == nullptr) continue;
    ++out.offerings;
    if (line.capacity == market::CapacityType::OnDemand) {
      on_demand[{line.type, line.zone}] = line.price;
    }
  }
  for (const codec::PriceLine& line : file->lines) {
    if (!line.known || line.capacity != market::CapacityType::Spot) continue;
    const auto found = on_demand.find({line.type, line.zone});
    if (found == on_demand.end()) continue;
    ++out.spot;
    if (found->second == line.price) ++out.spot_as_on_demand;
  }
  if (out.offerings == 0) return std::nullopt;
  return out;
}

}  // namespace

void check_karpenter(const Facts& facts, Findings& out) {
  if (facts.absent("NodeClaim")) {
    out.push_back({Code::KarpenterAbsent,
                   "The API server serves no NodeClaims: Karpenter is not installed, so Kerf can "
                   "plan, and buy nothing"});
    return;
  }
  const Karpenter karpenter = look(facts);
  if (karpenter.seen.empty()) {
    if (facts.read("NodeClaim") && facts.read("Pod") && facts.reading.only_namespace.empty()) {
      out.push_back(
          {Code::KarpenterNotSeen,
           "Karpenter's kinds are served, and no pod labelled app.kubernetes.io/name=karpenter "
           "was seen"});
    }
    return;
  }
  const std::optional<Version> its = version(karpenter.version_text);
  if (its && *its < kLeast) {
    out.push_back({Code::KarpenterOld,
                   fmt::format("Karpenter is {}; Kerf was tried with 1.14", karpenter.version_text),
                   karpenter.seen});
  } else {
    out.push_back({Code::KarpenterReady,
                   its ? fmt::format("Karpenter {}", karpenter.version_text)
                       : "Karpenter is there; its image does not tell its version",
                   karpenter.seen});
  }
  check_gates(facts, karpenter, out);
}

void check_prices(const Facts& facts, Findings& out) {
  if (facts.absent("NodeClaim")) return;
  std::optional<Prices> best;
  std::size_t read = 0;
  for (const codec::PricePage& page : facts.reading.pages) {
    if (page.text.empty()) continue;
    ++read;
    const std::optional<Prices> prices = prices_of(page, facts.market);
    if (prices && (!best || prices->offerings > best->offerings)) best = prices;
  }
  if (!best) {
    out.push_back(
        {Code::NoPrices,
         read == 0 ? std::string("No metrics page of Karpenter was read: plans use the table that "
                                 "ships with Kerf, on demand, months old")
                   : fmt::format("{} of Karpenter {} no prices of GPU nodes: plans use the table "
                                 "that ships with Kerf, on demand, months old",
                                 counted(read, "metrics page", "metrics pages"),
                                 read == 1 ? "has" : "have")});
    return;
  }
  out.push_back({Code::PricesRead,
                 fmt::format("{} has {}", best->pod,
                             counted(static_cast<std::size_t>(best->offerings), "price", "prices") +
                                 " of GPU nodes")});
  if (best->spot > 0 && best->spot == best->spot_as_on_demand) {
    out.push_back({Code::SpotNotRefreshed,
                   fmt::format("All {} spot prices equal the on-demand price: Karpenter has not "
                               "got spot prices yet, and spot looks as dear as on demand",
                               best->spot)});
  }
}

}  // namespace kerf::doctor
