// The lines that planner cases and online cases share.
#include "case_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <tuple>

#include "base/quantity.h"
#include "codec/catalogue.h"
#include "codec/gpu_request.h"
#include "core/gpu/geometry.h"

namespace kerf::tests {
namespace {

constexpr const char* kZone = "topology.kubernetes.io/zone";
constexpr const char* kHost = "kubernetes.io/hostname";

cluster::PodSelector pods_named(const std::string& name) {
  cluster::PodSelector selector;
  selector.namespaces = {"default"};
  selector.labels = {{"app", cluster::Operator::In, {name}}};
  return selector;
}

std::string domain_of(const std::string& word) {
  if (word == "zone") return kZone;
  if (word == "node") return kHost;
  expected("zone or node", word);
}

cluster::SpreadConstraint spread_over(const std::string& word, const std::string& name) {
  cluster::SpreadConstraint spread;
  spread.topology_key = domain_of(word);
  spread.selector = pods_named(name);
  return spread;
}

std::int64_t times_of(const std::string& word) {
  if (word.empty()) return 1;
  if (word[0] != 'x') expected("xN, as in nvidia.com/gpu x2", word);
  return number(word.substr(1));
}

std::pair<std::string, std::string> pair_of(const std::string& text) {
  const Words pair = split(text, "=");
  if (pair.size() != 2) expected("KEY=VALUE", text);
  return {pair[0], pair[1]};
}

cluster::Isolation isolation_of(const std::string& word) {
  if (word == "Isolated") return cluster::Isolation::Isolated;
  if (word == "Enforced") return cluster::Isolation::Enforced;
  expected("isolation Isolated or Enforced", word);
}

std::string gpu_text(const plan::GpuPlan& gpu, const gpu::Model& model) {
  if (gpu.slices.empty()) return "idle";
  if (gpu.slices[0].form.kind != gpu::FormKind::Slice)
    return gpu::describe(model, gpu.slices[0].form);
  gpu::Layout layout;
  for (const plan::SlicePlan& slice : gpu.slices)
    layout.push_back({slice.form.profile, slice.start});
  return gpu::format_layout(model, layout);
}

/// Like neighbours together: "a; 2 of (b)".
std::string grouped(const Words& texts) {
  std::string out;
  for (std::size_t i = 0; i < texts.size();) {
    std::size_t n = i;
    while (n < texts.size() && texts[n] == texts[i]) ++n;
    out += out.empty() ? "" : "; ";
    out += n - i == 1 ? texts[i] : fmt::format("{} of ({})", n - i, texts[i]);
    i = n;
  }
  return out;
}

}  // namespace

Words split(const std::string& text, const std::string& separator) {
  Words parts;
  std::size_t from = 0;
  while (true) {
    const std::size_t at = text.find(separator, from);
    const std::string part = text.substr(from, at == std::string::npos ? at : at - from);
    if (!part.empty()) parts.push_back(part);
    if (at == std::string::npos) return parts;
    from = at + separator.size();
  }
}

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

void expected(const std::string& what, const std::string& found) {
  throw std::runtime_error(fmt::format("expected {}, found \"{}\"", what, found));
}

std::int64_t number(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) expected("a whole number", text);
  return value;
}

MicroUsdPerHour dollars(const std::string& text) {
  if (text.empty() || text[0] != '$') expected("dollars per hour, as in $6.88", text);
  return must(parse_usd_per_hour(text.substr(1)));
}

std::string exact_usd(MicroUsdPerHour rate) { return "$" + format_exact(rate); }

Words exactly(std::size_t words, const std::string& form, const std::string& text) {
  Words found = split(text, " ");
  if (found.size() != words) expected(form, text);
  return found;
}

Counted counted(const std::string& line) {
  const std::size_t x = line.find(" x ");
  const std::size_t colon = line.find(": ", x);
  if (x == std::string::npos || colon == std::string::npos) expected("N x NAME: ...", line);
  return {number(line.substr(0, x)), line.substr(x + 3, colon - x - 3), line.substr(colon + 2)};
}

cluster::PodShape plain_pod(const std::string& name) {
  cluster::PodShape shape;
  shape.labels = {{"app", name}};
  shape.requests.pods = 1;
  return shape;
}

void apply_clause(const std::string& clause, const std::string& name, const gpu::Catalogue& gpus,
                  cluster::PodShape& shape) {
  const Words words = split(clause, " ");
  const std::string verb = words.empty() ? "" : words[0];
  const std::string arg = words.size() > 1 ? words[1] : "";
  const auto only = [&](std::size_t count, const std::string& form) {
    exactly(count, form, clause);
  };
  if (verb.find('/') != std::string::npos) {
    if (words.size() > 2) expected("RESOURCE [xN]", clause);
    shape.gpu.push_back(must(codec::parse_gpu_resource(verb, times_of(arg), gpus)));
    std::sort(shape.gpu.begin(), shape.gpu.end());
  } else if (verb == "cpu") {
    only(2, "cpu C");
    shape.requests.cpu_milli = must(to_milli_ceil(must(parse_quantity(arg))));
  } else if (verb == "memory") {
    only(2, "memory M");
    shape.requests.memory_mib = must(to_mib_ceil(must(parse_quantity(arg))));
  } else if (verb == "select") {
    only(2, "select KEY=VALUE");
    const auto [key, value] = pair_of(arg);
    shape.node_selector.push_back({key, cluster::Operator::In, {value}});
  } else if (verb == "tolerate") {
    only(2, "tolerate KEY");
    shape.tolerations.push_back({arg, true, "", ""});
  } else if (verb == "priority") {
    only(2, "priority P");
    shape.priority = static_cast<std::int32_t>(number(arg));
  } else if (verb == "spread") {
    only(2, "spread zone or spread node");
    shape.spread.push_back(spread_over(arg, name));
  } else if (verb == "apart" && words.size() <= 2) {
    shape.anti_affinity.push_back({pods_named(arg.empty() ? name : arg), kHost});
  } else if (verb == "with") {
    only(2, "with NAME");
    shape.affinity.push_back({pods_named(arg), kHost});
  } else if (verb == "volume" && words.size() == 3 && arg == "in") {
    shape.volume_zone_bound = true;
    shape.volume_zones = {words[2]};
  } else {
    expected("a clause about pods (README.md lists them)", clause);
  }
}

void add_pods(const std::string& line, const gpu::Catalogue& gpus,
              std::map<std::string, int>& named, cluster::Demand& demand) {
  const Counted entry = counted(line);
  cluster::PodShape shape = plain_pod(entry.name);
  for (const std::string& clause : split(entry.rest, ", "))
    apply_clause(trimmed(clause), entry.name, gpus, shape);
  cluster::Workload workload;
  workload.kind = "Deployment";
  workload.ns = shape.ns;
  workload.name = entry.name;
  workload.pods = entry.count;
  workload.asks = cluster::describe(shape.gpu);
  const std::uint32_t index = demand.intern(shape);
  demand.workloads.push_back(workload);
  for (std::int64_t i = 0; i < entry.count; ++i)
    demand.pods.push_back({fmt::format("{}-{}", entry.name, named[entry.name]++), index,
                           static_cast<std::uint32_t>(demand.workloads.size() - 1)});
}

market::Market empty_market() {
  market::Market market = *codec::builtin_market("us-east-1");
  market.offerings.clear();
  return market;
}

void read_market(const std::string& line, market::Market& market) {
  const Words words = split(line, " ");
  if (words.size() < 2)
    expected("TYPE $PRICE [ZONE] [spot or reserved], or TYPE owned xN [ZONE]", line);
  const market::InstanceType* type = market.type_named(words[0]);
  if (type == nullptr) expected("an instance type of data/", words[0]);
  market::Offering offering;
  offering.type = static_cast<std::uint32_t>(type - market.types.data());
  std::size_t next = 2;
  if (words[1] == "owned") {
    if (words.size() < 3) expected("TYPE owned xN [ZONE]", line);
    offering.capacity_type = market::CapacityType::Reserved;
    offering.count = times_of(words[next++]);
  } else {
    offering.price = dollars(words[1]);
  }
  for (std::size_t i = next; i < words.size(); ++i) {
    if (const auto capacity = market::parse_capacity_type(words[i]))
      offering.capacity_type = *capacity;
    else if (offering.zone.empty() && words[i].starts_with(market.region)) offering.zone = words[i];
    else expected("a zone of " + market.region + ", spot or reserved", words[i]);
  }
  market.offerings.push_back(offering);
}

void sort_offerings(market::Market& market) {
  std::sort(market.offerings.begin(), market.offerings.end(),
            [](const market::Offering& a, const market::Offering& b) {
              return std::tuple(a.type, a.zone, a.capacity_type, !a.count.has_value()) <
                     std::tuple(b.type, b.zone, b.capacity_type, !b.count.has_value());
            });
}

cluster::Taint taint_of(const std::string& text) {
  const Words effect = split(text, ":");
  if (effect.size() != 2) expected("KEY=VALUE:EFFECT", text);
  const Words pair = split(effect[0], "=");
  if (pair.empty()) expected("KEY=VALUE:EFFECT", text);
  return {pair[0], pair.size() > 1 ? pair[1] : "", effect[1]};
}

bool read_policy(const std::string& line, const gpu::Catalogue& gpus, cluster::Policy& policy) {
  const Words words = split(line, " ");
  const std::string arg = words.size() > 1 ? words[1] : "";
  if (words[0] == "limit" && words.size() == 2) {
    policy.limit_per_hour = dollars(arg);
  } else if (words[0] == "limit") {
    if (words.size() != 3 || words[2] != "GPUs") expected("limit $X or limit N GPUs", line);
    policy.limit_gpus = number(arg);
  } else if (words[0] == "headroom") {
    if (words.size() != 4 || words[2] != "x") expected("headroom N x RESOURCE", line);
    policy.headroom.push_back(
        {must(codec::parse_gpu_resource(words[3], 1, gpus)), number(arg), {0, 0, 0, 1}});
  } else if (words[0] == "isolation") {
    policy.isolation_floor = isolation_of(arg);
  } else if (words[0] == "taint") {
    policy.node_taints.push_back(taint_of(arg));
  } else if (words[0] == "label") {
    const auto [key, value] = pair_of(arg);
    policy.node_labels[key] = value;
  } else {
    return false;
  }
  return true;
}

void each_line(std::istream& in, const std::string& name, const Words& sections,
               const std::function<void(const std::string&, const std::string&)>& each) {
  std::string section, line;
  for (int at = 1; std::getline(in, line); ++at) {
    const bool indented = line.starts_with(' ');
    const std::string text = trimmed(line);
    if (text.empty() || text[0] == '#') continue;
    try {
      if (indented && section.empty()) expected("a section", text);
      const bool known = std::find(sections.begin(), sections.end(), text) != sections.end();
      if (!indented) section = known ? text : "";
      each(section, known && !indented ? "" : text);
    } catch (const std::exception& error) {
      throw std::runtime_error(fmt::format("{}:{}: {}", name, at, error.what()));
    }
  }
}

Words fleet_lines(const std::vector<plan::NodePlan>& nodes, const market::Market& market) {
  std::vector<std::pair<std::string, std::int64_t>> lines;
  for (const plan::NodePlan& node : nodes) {
    const market::InstanceType& type = market.types[node.type];
    Words gpus;
    for (const plan::GpuPlan& gpu : node.gpus) gpus.push_back(gpu_text(gpu, market.model_of(type)));
    const std::string zone = node.zones.size() == 1 ? " in " + node.zones[0] : "";
    const std::string text =
        fmt::format("{}{}{}: {}", type.name, zone, node.owned ? " owned" : "", grouped(gpus));
    const auto same = std::find_if(lines.begin(), lines.end(),
                                   [&](const auto& entry) { return entry.first == text; });
    if (same == lines.end()) lines.emplace_back(text, 1);
    else ++same->second;
  }
  Words out;
  for (const auto& [text, count] : lines) out.push_back(fmt::format("{} x {}", count, text));
  return out;
}

Words unplaced_lines(const std::vector<plan::Unplaced>& unplaced, const cluster::Demand& demand) {
  std::map<std::string, std::int64_t> lines;
  for (const plan::Unplaced& entry : unplaced)
    ++lines[fmt::format("{}: {}", demand.workloads[demand.pods[entry.pod].workload].name,
                        plan::to_string(entry.reason.code))];
  Words out;
  for (const auto& [text, count] : lines) out.push_back(fmt::format("{} x {}", count, text));
  return out;
}

}  // namespace kerf::tests
