// The text of `kerf status`: totals, nodes with their GPUs drawn, pods that wait, what is strange.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "report/paper.h"
#include "report/slot_bar.h"
#include "report/status.h"

namespace kerf::report {
namespace {

using cluster::StandingGpu;
using cluster::StandingNode;

constexpr std::size_t kNodesFirst = 12;
constexpr std::size_t kBarsFirst = 3;     ///< different GPUs of a node on the first screen
constexpr std::size_t kWaitingFirst = 6;  ///< kinds of waiting pods there
constexpr std::size_t kNamesFirst = 6;    ///< names in a list there
constexpr std::size_t kNameMax = 48;      ///< columns of a name
constexpr std::size_t kBeside = 30;       ///< a bar this narrow has its names beside it
constexpr std::size_t kGpuLabel = 10;

class StatusTable {
 public:
  StatusTable(const Standing& in, const StatusOptions& options)
      : in_(in), options_(options), paper_(options.table, in.ledger.bill.micro * kHoursPerMonth) {}

  std::string write() {
    paper_.paragraph(in_.headline);
    if (options_.node.empty()) totals();
    nodes();
    if (options_.node.empty()) {
      waiting();
      elsewhere();
      strange();
    }
    for (const std::string& note : in_.notes) {
      paper_.blank();
      paper_.paragraph("note: " + note, Style::Dim);
    }
    return paper_.take();
  }

 private:
  bool all() const { return options_.table.all || !options_.node.empty(); }
  void totals();
  void nodes();
  void node(std::uint32_t index);
  void gpus(const StandingNode& node);
  void gpu_line(const std::string& label, const std::string& bar,
                const std::vector<std::string>& list);
  void waiting();
  void elsewhere();
  void strange();
  void legend();
  std::string names(const std::vector<std::string>& list, std::size_t most) const;
  std::string bar_of(const StandingNode& node, const StandingGpu& gpu) const;
  std::vector<std::string> holders_of(const StandingGpu& gpu) const;

  const Standing& in_;
  const StatusOptions& options_;
  Paper paper_;
  bool counted_ = false;  ///< a node was written whose layout was worked out
  bool vacant_ = false;
  bool uncut_ = false;
};

double memory_in_use(const Standing& in) {
  double held = 0, all = 0;
  for (const StandingNode& node : in.cluster.nodes) {
    const double each = type_of(in, node).gpu_memory_mib;
    all += each * static_cast<double>(node.gpus.size());
    for (const StandingGpu& gpu : node.gpus)
      for (const cluster::StandingSlice& slice : gpu.slices)
        if (!slice.free()) held += each * device_part(model_of(in, node), slice.form);
  }
  return all > 0 ? held / all : 0;
}

std::string StatusTable::names(const std::vector<std::string>& list, std::size_t most) const {
  std::string out;
  const std::size_t shown = all() || list.size() <= most + 1 ? list.size() : most;
  for (std::size_t i = 0; i < shown; ++i)
    out += (i == 0 ? "" : ", ") + paper_.elide(paper_.safe(list[i]), kNameMax);
  if (shown < list.size()) out += fmt::format(" and {} more", list.size() - shown);
  return out;
}

void StatusTable::totals() {
  paper_.blank();
  const cluster::Cluster& cluster = in_.cluster;
  std::int64_t gpus = 0, owned = 0, unpriced = 0, shared = 0;
  std::vector<std::string> down;
  MicroUsdPerHour owned_list;
  for (const StandingNode& node : cluster.nodes) {
    gpus += static_cast<std::int64_t>(node.gpus.size());
    owned += node.owned && !node.unpriced ? 1 : 0;
    if (node.owned) owned_list += node.list_price;
    unpriced += node.unpriced ? 1 : 0;
    shared += node.shared ? 1 : 0;
    if (in_trouble(node)) down.push_back(node.name);
  }
  std::int64_t runs = 0, waits = 0, elsewhere = 0;
  for (const cluster::PodFacts& facts : cluster.pods) {
    const PodState state = state_of(facts);
    (state == PodState::Runs ? runs : state == PodState::Waits ? waits : elsewhere) += 1;
  }
  const auto nodes = static_cast<std::int64_t>(cluster.nodes.size());
  if (nodes == 0) {
    paper_.line("No node with a GPU that Kerf knows.", Style::Bold);
  } else {
    paper_.line(fmt::format("{} with {}: {}, {} a month", counted(nodes, "node", "nodes"),
                            counted(gpus, "GPU", "GPUs"), paper_.hour(in_.ledger.bill),
                            paper_.month(in_.ledger.bill.micro * kHoursPerMonth)),
                Style::Bold);
    if (owned > 0)
      paper_.line(fmt::format("{} of them owned: not in the bill, worth {} on demand",
                              with_thousands(owned), paper_.hour(owned_list)));
    if (shared > 0)
      paper_.line(fmt::format("{} of them shared with other pods: counted at these pods' part",
                              with_thousands(shared)));
    if (unpriced > 0)
      paper_.line(
          fmt::format("{} of them without a known price: counted as $0", with_thousands(unpriced)),
          Style::Alarm);
    paper_.line(
        fmt::format("{:.0f} % of the GPU memory is held by pods", 100 * memory_in_use(in_)));
  }
  std::string pods =
      fmt::format("{} with a GPU request {}, {} {}", counted(runs, "pod", "pods"),
                  runs == 1 ? "runs" : "run", with_thousands(waits), waits == 1 ? "waits" : "wait");
  if (elsewhere > 0) pods += fmt::format(", {} on other nodes", with_thousands(elsewhere));
  if (cluster.cpu_nodes > 0)
    pods += fmt::format("; {} without GPUs beside", counted(cluster.cpu_nodes, "node", "nodes"));
  paper_.line(pods);
  if (!down.empty())
    paper_.paragraph(
        fmt::format("{} not ready or without GPUs to offer: {}",
                    counted(static_cast<std::int64_t>(down.size()), "node is", "nodes are"),
                    names(down, kNamesFirst)),
        Style::Alarm, 0, 2);
}

std::string StatusTable::bar_of(const StandingNode& node, const StandingGpu& gpu) const {
  plan::GpuPlan drawn;
  for (const cluster::StandingSlice& slice : gpu.slices)
    drawn.slices.push_back({slice.form, slice.start, slice.free() ? plan::kNoPod : 0, false});
  if (drawn.slices.empty()) return "no device to offer";
  return slot_bar(model_of(in_, node), drawn, options_.table.unicode);
}

std::vector<std::string> StatusTable::holders_of(const StandingGpu& gpu) const {
  std::vector<std::string> out;
  for (const cluster::StandingSlice& slice : gpu.slices)
    if (!slice.free()) out.push_back(holder_text(in_.cluster.demand, slice));
  return out;
}

void StatusTable::gpu_line(const std::string& label, const std::string& bar,
                           const std::vector<std::string>& list) {
  const std::string_view uncut = uncut_sign(options_.table.unicode);
  vacant_ = vacant_ || bar.find(free_sign(options_.table.unicode)) != std::string::npos;
  uncut_ = uncut_ || bar.find(std::string(uncut) + std::string(uncut)) != std::string::npos;
  const std::string text = padded("  " + label, kGpuLabel) + bar;
  const std::string who = names(list, kNamesFirst);
  if (columns(bar) <= kBeside) {
    const std::size_t indent = kGpuLabel + columns(bar) + 2;
    const std::vector<std::string> lines = wrapped(who, kColumnsMax - indent);
    for (std::size_t i = 0; i < lines.size(); ++i)
      paper_.line(i == 0 ? text + "  " + lines[i] : std::string(indent, ' ') + lines[i]);
    return;
  }
  paper_.line(text);
  if (!who.empty()) paper_.paragraph(who, Style::Plain, kGpuLabel, 0);
}

void StatusTable::gpus(const StandingNode& node) {
  if (node.layout == cluster::LayoutFrom::Nothing) return;
  if (all()) {
    for (std::size_t g = 0; g < node.gpus.size(); ++g)
      gpu_line(fmt::format("GPU {}", g), bar_of(node, node.gpus[g]), holders_of(node.gpus[g]));
    return;
  }
  struct Alike {
    std::string bar;
    std::int64_t count = 0;
    std::vector<std::string> names;
  };
  std::vector<Alike> groups;
  for (const StandingGpu& gpu : node.gpus) {
    const std::string bar = bar_of(node, gpu);
    auto it = std::find_if(groups.begin(), groups.end(),
                           [&](const Alike& group) { return group.bar == bar; });
    if (it == groups.end()) it = groups.insert(it, {bar, 0, {}});
    ++it->count;
    for (std::string& name : holders_of(gpu)) it->names.push_back(std::move(name));
  }
  // Those that somebody holds first.
  std::stable_sort(groups.begin(), groups.end(),
                   [](const Alike& a, const Alike& b) { return a.names.size() > b.names.size(); });
  const std::size_t shown = groups.size() <= kBarsFirst + 1 ? groups.size() : kBarsFirst;
  for (std::size_t i = 0; i < shown; ++i)
    gpu_line(node.gpus.size() == 1 ? "GPU" : fmt::format("{} x", groups[i].count), groups[i].bar,
             groups[i].names);
  std::int64_t rest = 0;
  for (std::size_t i = shown; i < groups.size(); ++i) rest += groups[i].count;
  if (rest > 0)
    paper_.line(
        fmt::format("  {} and {} cut otherwise (--node {} shows them)", paper_.dots(),
                    counted(rest, "GPU", "GPUs"), paper_.elide(paper_.safe(node.name), kNameMax)),
        Style::Dim);
}

void StatusTable::node(std::uint32_t index) {
  const StandingNode& node = in_.cluster.nodes[index];
  const market::InstanceType& type = type_of(in_, node);
  const std::string gpus = type.gpu_fraction > 1
                               ? fmt::format("1/{} {}", type.gpu_fraction, type.gpu_model)
                               : fmt::format("{} x {}", node.gpus.size(), type.gpu_model);
  std::string price = node.unpriced ? std::string("price not known")
                      : node.owned  ? fmt::format("owned, worth {}", paper_.hour(node.list_price))
                                    : format_usd(node.price, 3) + "/h";
  if (node.price_assumed) price += " (on-demand price)";
  if (node.shared && !node.unpriced) price += ", these pods' part";
  const std::string tail =
      fmt::format("  {}  {}  {}", paper_.elide(paper_.safe(type.name), 24), gpus, price);
  paper_.blank();
  paper_.line(paper_.elide(paper_.safe(node.name), kColumnsMax - columns(tail)) + tail,
              Style::Bold);
  std::string state(state_of(node));
  if (node.ready && node.cordoned && state != "cordoned") state += ", cordoned";
  if (node.kept && state != "do-not-disrupt") state += ", do-not-disrupt";
  const std::string capacity(market::to_string(node.capacity_type));
  std::string facts = fmt::format("{}, {}", capacity, node.zone.empty() ? "no zone" : node.zone);
  if (!node.pool.empty())
    facts += fmt::format(", pool {}", paper_.elide(paper_.safe(node.pool), kNameMax));
  const auto cpu = [](std::int64_t milli) { return static_cast<double>(milli) / 1000; };
  facts += fmt::format("; asked for: CPU {:.1f} of {:.1f}, memory {} of {} GiB",
                       cpu(node.used.cpu_milli), cpu(node.allocatable.cpu_milli),
                       with_thousands(node.used.memory_mib / 1024),
                       with_thousands(node.allocatable.memory_mib / 1024));
  if (node.shared) facts += "; shared with pods that are not selected";
  if (node.layout == cluster::LayoutFrom::Counted) {
    facts += "; layout worked out from counts";
    counted_ = true;
  }
  paper_.paragraph(fmt::format("{}: {}", state, facts),
                   in_trouble(node) ? Style::Alarm : Style::Dim, 2);
  this->gpus(node);
}

void StatusTable::nodes() {
  const std::vector<std::uint32_t> order = dearest_first(in_.cluster);
  if (!options_.node.empty()) {
    for (const std::uint32_t n : order)
      if (in_.cluster.nodes[n].name == options_.node) node(n);
    legend();
    return;
  }
  const std::size_t shown = all() || order.size() <= kNodesFirst + 1 ? order.size() : kNodesFirst;
  MicroUsdPerHour rest;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i < shown) node(order[i]);
    else rest += in_.cluster.nodes[order[i]].price;
  }
  if (shown < order.size()) {
    paper_.blank();
    paper_.more(fmt::format("{} more nodes, {} together",
                            with_thousands(static_cast<std::int64_t>(order.size() - shown)),
                            paper_.hour(rest)));
  }
  legend();
}

void StatusTable::legend() {
  std::string text;
  if (vacant_) text += fmt::format("{} no pod", free_sign(options_.table.unicode));
  if (uncut_)
    text +=
        fmt::format("{}{} not cut", text.empty() ? "" : "; ", uncut_sign(options_.table.unicode));
  if (counted_)
    text += fmt::format(
        "{}\"worked out from counts\": the node says how many of each device it has, not on which "
        "GPU; an agent of Kerf would",
        text.empty() ? "" : "; ");
  if (text.empty()) return;
  paper_.blank();
  // Not as a paragraph: the signs are Kerf's own, and no name has them.
  for (const std::string& line : wrapped(text, kColumnsMax)) paper_.line(line, Style::Dim);
}

void StatusTable::waiting() {
  const cluster::Demand& demand = in_.cluster.demand;
  // One entry for the pods of a workload of which the scheduler says the same.
  std::map<std::pair<std::uint32_t, std::string>, std::vector<std::uint32_t>> groups;
  std::int64_t count = 0;
  for (std::uint32_t p = 0; p < demand.pods.size(); ++p) {
    if (state_of(in_.cluster.pods.at(p)) != PodState::Waits) continue;
    groups[{demand.pods[p].workload, in_.cluster.pods[p].waits}].push_back(p);
    ++count;
  }
  if (groups.empty()) return;
  paper_.blank();
  paper_.line(
      fmt::format("Waiting: {} (kerf why NAMESPACE/POD says more)", counted(count, "pod", "pods")),
      Style::Bold);
  std::size_t shown = 0;
  std::int64_t rest = count;
  for (const auto& [key, pods] : groups) {
    if (shown++ == kWaitingFirst && !all()) break;
    const cluster::Workload& workload = demand.workloads.at(key.first);
    const auto n = static_cast<std::int64_t>(pods.size());
    rest -= n;
    const std::string who =
        n == 1 ? pod_text(demand, pods[0]) : fmt::format("{}/{}", workload.ns, workload.name);
    paper_.line(fmt::format("  {}{}  {}", paper_.elide(paper_.safe(who), 64),
                            n == 1 ? "" : fmt::format(", {} pods", with_thousands(n)),
                            paper_.safe(workload.asks)));
    const std::string& nominated = in_.cluster.pods[pods[0]].nominated;
    paper_.paragraph(key.second.empty() ? "the scheduler has not said why" : key.second, Style::Dim,
                     4);
    if (!nominated.empty()) paper_.paragraph("nominated to " + nominated, Style::Dim, 4);
  }
  if (rest > 0) paper_.more(counted(rest, "more pod", "more pods"));
}

void StatusTable::elsewhere() {
  std::map<std::string, std::vector<std::string>> by_node;
  for (std::uint32_t p = 0; p < in_.cluster.pods.size(); ++p)
    if (state_of(in_.cluster.pods[p]) == PodState::Elsewhere)
      by_node[in_.cluster.pods[p].elsewhere].push_back(pod_text(in_.cluster.demand, p));
  if (by_node.empty()) return;
  paper_.blank();
  paper_.line("On nodes that are not counted here", Style::Bold);
  std::size_t shown = 0;
  for (const auto& [node, pods] : by_node) {
    if (shown == kWaitingFirst && !all()) break;
    ++shown;
    paper_.paragraph(paper_.elide(paper_.safe(node), kNameMax) + ": " + names(pods, kNamesFirst),
                     Style::Plain, 2, 2);
  }
  if (shown < by_node.size())
    paper_.more(
        counted(static_cast<std::int64_t>(by_node.size() - shown), "more node", "more nodes"));
}

void StatusTable::strange() {
  if (in_.cluster.strange.empty()) return;
  paper_.blank();
  paper_.line("GPU nodes that cannot be priced or planned with", Style::Bold);
  std::size_t shown = 0;
  for (const cluster::StrangeNode& node : in_.cluster.strange) {
    if (shown == kWaitingFirst && !all()) break;
    ++shown;
    paper_.paragraph(
        fmt::format("{} ({}{}): {}", paper_.elide(paper_.safe(node.name), kNameMax),
                    node.type.empty() ? "no type label" : paper_.elide(paper_.safe(node.type), 24),
                    node.gpus > 0 ? ", " + counted(node.gpus, "GPU", "GPUs") : "", node.why),
        Style::Plain, 2, 2);
  }
  if (shown < in_.cluster.strange.size())
    paper_.more(counted(static_cast<std::int64_t>(in_.cluster.strange.size() - shown), "more node",
                        "more nodes"));
}

}  // namespace

std::string status_table(const Standing& in, const StatusOptions& options) {
  return StatusTable(in, options).write();
}

}  // namespace kerf::report
