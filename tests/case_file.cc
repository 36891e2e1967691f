// Reading and writing of planner cases, line by line.
#include "case_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <stdexcept>

#include "base/quantity.h"
#include "codec/catalogue.h"
#include "codec/gpu_request.h"
#include "core/gpu/geometry.h"

namespace kerf::tests {
namespace {

using Words = std::vector<std::string>;

Words split(const std::string& text, const std::string& separator) {
  Words parts;
  std::size_t from = 0;
  while (true) {
    const std::size_t at = text.find(separator, from);
    if (at > from || at == std::string::npos) parts.push_back(text.substr(from, at - from));
    if (at == std::string::npos) return parts;
    from = at + separator.size();
  }
}

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message());
  return *std::move(result);
}

[[noreturn]] void not_understood(const std::string& what) {
  throw std::runtime_error("not understood: " + what);
}

/// "6 x chat: ..." -> 6, "chat", "...".
struct Counted {
  std::int64_t count = 0;
  std::string name, rest;
};
Counted counted(const std::string& line) {
  const std::size_t x = line.find(" x ");
  const std::size_t colon = line.find(": ", x);
  if (x == std::string::npos || colon == std::string::npos) not_understood(line);
  return {std::stoll(line.substr(0, x)), line.substr(x + 3, colon - x - 3), line.substr(colon + 2)};
}

cluster::PodSelector pods_named(const std::string& name) {
  cluster::PodSelector selector;
  selector.namespaces = {"default"};
  selector.labels = {{"app", cluster::Operator::In, {name}}};
  return selector;
}

cluster::GpuRequest request_of(const std::string& resource, std::int64_t count,
                               const gpu::Catalogue& gpus) {
  return must(codec::parse_gpu_resource(resource, count, gpus));
}

cluster::SpreadConstraint spread_over(const std::string& key, const std::string& name) {
  cluster::SpreadConstraint spread;
  spread.topology_key = key;
  spread.selector = pods_named(name);
  return spread;
}

constexpr const char* kZone = "topology.kubernetes.io/zone";
constexpr const char* kHost = "kubernetes.io/hostname";

/// One clause of a demand line, e.g. "cpu 2" or "nvidia.com/gpu x2".
void apply_clause(const std::string& clause, const std::string& name, const gpu::Catalogue& gpus,
                  cluster::PodShape& shape) {
  const Words words = split(clause, " ");
  const std::string& verb = words[0];
  const std::string arg = words.size() > 1 ? words[1] : "";
  if (verb.find('/') != std::string::npos) {
    const std::int64_t count = arg.empty() ? 1 : std::stoll(arg.substr(1));
    shape.gpu.push_back(request_of(verb, count, gpus));
  } else if (verb == "cpu") {
    shape.requests.cpu_milli = must(to_milli_ceil(must(parse_quantity(arg))));
  } else if (verb == "memory") {
    shape.requests.memory_mib = must(to_mib_ceil(must(parse_quantity(arg))));
  } else if (verb == "select") {
    const Words pair = split(arg, "=");
    shape.node_selector.push_back({pair.at(0), cluster::Operator::In, {pair.at(1)}});
  } else if (verb == "tolerate") {
    shape.tolerations.push_back({arg, true, "", ""});
  } else if (verb == "priority") {
    shape.priority = std::stoi(arg);
  } else if (verb == "spread") {
    shape.spread.push_back(spread_over(arg == "zone" ? kZone : kHost, name));
  } else if (verb == "apart") {
    shape.anti_affinity.push_back({pods_named(name), kHost});
  } else if (verb == "with") {
    shape.affinity.push_back({pods_named(arg), kHost});
  } else if (verb == "volume" && words.size() == 3) {
    shape.volume_zone_bound = true;
    shape.volume_zones = {words[2]};
  } else {
    not_understood(clause);
  }
}

void read_demand(const std::string& line, CaseFile& file) {
  const Counted entry = counted(line);
  cluster::PodShape shape;
  shape.labels = {{"app", entry.name}};
  shape.requests.pods = 1;
  for (const std::string& clause : split(entry.rest, ", "))
    apply_clause(trimmed(clause), entry.name, file.market.gpus, shape);
  std::sort(shape.gpu.begin(), shape.gpu.end());
  cluster::Workload workload;
  workload.kind = "Deployment";
  workload.ns = shape.ns;
  workload.name = entry.name;
  workload.pods = entry.count;
  workload.asks = cluster::describe(shape.gpu);
  const std::uint32_t index = file.demand.intern(shape);
  file.demand.workloads.push_back(workload);
  for (std::int64_t i = 0; i < entry.count; ++i)
    file.demand.pods.push_back({fmt::format("{}-{}", entry.name, i), index,
                                static_cast<std::uint32_t>(file.demand.workloads.size() - 1)});
}

void read_market(const std::string& line, CaseFile& file) {
  const Words words = split(line, " ");
  market::Offering offering;
  const market::InstanceType* type = file.market.type_named(words.at(0));
  if (type == nullptr || words.size() < 2) not_understood(line);
  offering.type = static_cast<std::uint32_t>(type - file.market.types.data());
  offering.price = must(parse_usd_per_hour(words[1].substr(1)));
  for (std::size_t i = 2; i < words.size(); ++i) {
    if (const auto capacity = market::parse_capacity_type(words[i]))
      offering.capacity_type = *capacity;
    else offering.zone = words[i];
  }
  file.market.offerings.push_back(offering);
}

cluster::Isolation isolation_of(const std::string& word) {
  if (word == "Isolated") return cluster::Isolation::Isolated;
  if (word == "Enforced") return cluster::Isolation::Enforced;
  not_understood("isolation " + word);
}

void read_policy(const std::string& line, CaseFile& file) {
  const Words words = split(line, " ");
  const std::string arg = words.at(1);
  if (words[0] == "limit" && arg[0] == '$') {
    file.policy.limit_per_hour = must(parse_usd_per_hour(arg.substr(1)));
  } else if (words[0] == "limit") {
    file.policy.limit_gpus = std::stoll(arg);
  } else if (words[0] == "headroom") {
    file.policy.headroom.push_back(
        {request_of(words.at(3), 1, file.market.gpus), std::stoll(arg), {0, 0, 0, 1}});
  } else if (words[0] == "isolation") {
    file.policy.isolation_floor = isolation_of(arg);
  } else if (words[0] == "taint") {
    const Words effect = split(arg, ":");
    const Words pair = split(effect.at(0), "=");
    file.policy.node_taints.push_back({pair.at(0), pair.size() > 1 ? pair[1] : "", effect.at(1)});
  } else if (words[0] == "label") {
    const Words pair = split(arg, "=");
    file.policy.node_labels[pair.at(0)] = pair.at(1);
  } else if (words[0] == "daemonsets") {
    file.demand.overhead.daemonsets = {must(to_milli_ceil(must(parse_quantity(arg)))),
                                       must(to_mib_ceil(must(parse_quantity(words.at(2))))), 0, 0};
  } else {
    not_understood(line);
  }
}

void read_line(const std::string& section, const std::string& line, CaseFile& file) {
  if (section == "demand") read_demand(line, file);
  else if (section == "market") read_market(line, file);
  else if (section == "policy") read_policy(line, file);
  else if (section == "fleet") file.fleet.push_back(line);
  else if (section == "unplaced") file.unplaced.push_back(line);
  else not_understood(line);
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

CaseFile read_case(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw std::runtime_error(path + " cannot be read");
  CaseFile file;
  file.market = *codec::builtin_market("us-east-1");
  file.market.offerings.clear();
  std::string section, line;
  for (int number = 1; std::getline(in, line); ++number) {
    const bool indented = line.starts_with(' ');
    const std::string text = trimmed(line);
    if (text.empty() || text[0] == '#') continue;
    try {
      if (indented) read_line(section, text, file);
      else if (text.starts_with("cost ")) file.cost = text.substr(5);
      else section = text;
    } catch (const std::exception& error) {
      throw std::runtime_error(fmt::format("{}:{}: {}", path, number, error.what()));
    }
  }
  std::sort(file.market.offerings.begin(), file.market.offerings.end(),
            [](const market::Offering& a, const market::Offering& b) {
              return std::tie(a.type, a.zone, a.capacity_type) <
                     std::tie(b.type, b.zone, b.capacity_type);
            });
  return file;
}

std::vector<std::string> fleet_lines(const plan::Plan& plan, const market::Market& market) {
  std::vector<std::pair<std::string, std::int64_t>> lines;
  for (const plan::NodePlan& node : plan.nodes) {
    const market::InstanceType& type = market.types[node.type];
    Words gpus;
    for (const plan::GpuPlan& gpu : node.gpus) gpus.push_back(gpu_text(gpu, market.model_of(type)));
    const std::string zone = node.zones.size() == 1 ? " in " + node.zones[0] : "";
    const std::string text = fmt::format("{}{}: {}", type.name, zone, grouped(gpus));
    const auto same = std::find_if(lines.begin(), lines.end(),
                                   [&](const auto& entry) { return entry.first == text; });
    if (same == lines.end()) lines.emplace_back(text, 1);
    else ++same->second;
  }
  Words out;
  for (const auto& [text, count] : lines) out.push_back(fmt::format("{} x {}", count, text));
  return out;
}

std::vector<std::string> unplaced_lines(const plan::Plan& plan, const cluster::Demand& demand) {
  std::map<std::string, std::int64_t> lines;
  for (const plan::Unplaced& entry : plan.unplaced)
    ++lines[fmt::format("{}: {}", demand.workloads[demand.pods[entry.pod].workload].name,
                        plan::to_string(entry.reason.code))];
  Words out;
  for (const auto& [text, count] : lines) out.push_back(fmt::format("{} x {}", count, text));
  return out;
}

}  // namespace kerf::tests
