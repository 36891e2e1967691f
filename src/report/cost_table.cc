// The text of `kerf cost`.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "report/cost.h"
#include "report/paper.h"

namespace kerf::report {
namespace {

constexpr std::int64_t kCent = 10'000;  ///< micro-dollars
constexpr std::int64_t kDollar = 1'000'000;
constexpr std::size_t kGroupsFirst = 10;
constexpr std::size_t kWorkloadsFirst = 5;  ///< of each namespace
constexpr std::size_t kRowsFirst = 30;      ///< of a flat list

/// Amounts rounded so that what idles and what does not each add up, whatever the leaves are: every
/// view says the same of both.
std::vector<std::int64_t> rounded_apart(const std::vector<std::int64_t>& amounts,
                                        const std::vector<bool>& idle, std::int64_t unit) {
  std::vector<std::int64_t> parts[2];
  for (std::size_t i = 0; i < amounts.size(); ++i) parts[idle[i] ? 1 : 0].push_back(amounts[i]);
  const auto sum = [](const std::vector<std::int64_t>& of) {
    return std::accumulate(of.begin(), of.end(), std::int64_t{0});
  };
  const std::int64_t all = (sum(amounts) + unit / 2) / unit;
  parts[1] = rounded_parts(parts[1], unit);
  parts[0] = rounded_parts(parts[0], unit, all - sum(parts[1]));
  std::size_t next[2] = {0, 0};
  std::vector<std::int64_t> out;
  for (std::size_t i = 0; i < amounts.size(); ++i) {
    const std::size_t which = idle[i] ? 1 : 0;
    out.push_back(parts[which][next[which]++]);
  }
  return out;
}

/// The least parts of the bill, rounded once for every sum that is shown.
class Amounts {
 public:
  Amounts(std::vector<std::int64_t> leaves, const std::vector<bool>& idle, std::int64_t month_unit)
      : leaves_(std::move(leaves)), month_unit_(month_unit) {
    hours_ = rounded_apart(leaves_, idle, kCent);
    std::vector<std::int64_t> months = leaves_;
    for (std::int64_t& amount : months) amount *= kHoursPerMonth;
    months_ = rounded_apart(months, idle, month_unit_);
  }

  std::string hour(const std::vector<std::size_t>& of) const {
    return format_usd({sum(hours_, of) * kCent});
  }
  std::string month(const std::vector<std::size_t>& of) const {
    return format_usd({sum(months_, of) * month_unit_}, month_unit_ == kCent ? 2 : 0);
  }
  std::string share(const std::vector<std::size_t>& of) const {
    const std::int64_t all = std::accumulate(leaves_.begin(), leaves_.end(), std::int64_t{0});
    if (all <= 0) return {};
    return fmt::format("{:.1f} %",
                       100 * static_cast<double>(sum(leaves_, of)) / static_cast<double>(all));
  }
  std::int64_t exact(const std::vector<std::size_t>& of) const { return sum(leaves_, of); }

 private:
  static std::int64_t sum(const std::vector<std::int64_t>& values,
                          const std::vector<std::size_t>& of) {
    std::int64_t out = 0;
    for (const std::size_t i : of) out += values.at(i);
    return out;
  }
  std::vector<std::int64_t> leaves_, hours_, months_;
  std::int64_t month_unit_;
};

/// A line of the table: what it sums up.
struct Line {
  std::string name;
  std::vector<std::size_t> leaves;
  double gpus = 0;
  std::int64_t pods = 0;
  std::string note = {};
  std::string more = {};
  Style style = Style::Plain;
};

class CostTable {
 public:
  CostTable(const Standing& in, const CostOptions& options)
      : in_(in),
        options_(options),
        paper_(options.table, in.ledger.bill.micro * kHoursPerMonth),
        owned_(in.ledger.bill != in.list.bill &&
               std::any_of(in.cluster.nodes.begin(), in.cluster.nodes.end(),
                           [](const auto& node) { return node.owned; })) {}

  std::string write();

 private:
  bool all() const { return options_.table.all; }
  void make_lines();
  void by_namespace();
  void by_workload();
  void by_pod();
  void by_node();
  void add_rest();
  std::size_t leaf(MicroUsdPerHour paid, MicroUsdPerHour list, bool idle = false);
  void print();
  void causes();
  void add_more(std::vector<Line> rest, std::string_view singular, std::string_view plural,
                std::string_view indent);

  const Standing& in_;
  const CostOptions& options_;
  Paper paper_;
  bool owned_;
  std::vector<std::int64_t> paid_, list_;  ///< leaves
  std::vector<bool> idles_;                ///< parallel to them: nobody holds it
  std::vector<Line> lines_;
  std::vector<Line> idle_;
};

std::size_t CostTable::leaf(MicroUsdPerHour paid, MicroUsdPerHour list, bool idle) {
  idles_.push_back(idle);
  paid_.push_back(paid.micro);
  list_.push_back(list.micro);
  return paid_.size() - 1;
}

void append(Line& sum, const Line& part) {
  sum.leaves.insert(sum.leaves.end(), part.leaves.begin(), part.leaves.end());
  sum.gpus += part.gpus;
  sum.pods += part.pods;
}

void CostTable::add_more(std::vector<Line> rest, std::string_view singular, std::string_view plural,
                         std::string_view indent) {
  if (rest.empty()) return;
  Line sum{fmt::format("{}{} {}", indent, paper_.dots(),
                       counted(static_cast<std::int64_t>(rest.size()), singular, plural)),
           {},
           0,
           0,
           "",
           "",
           Style::Dim};
  for (const Line& line : rest) append(sum, line);
  lines_.push_back(std::move(sum));
}

/// Lines of the workloads, each one leaf.
void CostTable::by_workload() {
  const cluster::Demand& demand = in_.cluster.demand;
  const std::vector<double> held = gpus_held(in_);
  std::vector<Line> lines;
  for (std::size_t w = 0; w < demand.workloads.size(); ++w) {
    const cluster::Workload& workload = demand.workloads[w];
    lines.push_back({paper_.safe(workload.ns + "/" + workload_text(workload)),
                     {leaf(in_.ledger.workloads.at(w), in_.list.workloads.at(w))}});
  }
  for (std::size_t p = 0; p < demand.pods.size(); ++p) {
    if (state_of(in_.cluster.pods.at(p)) != PodState::Runs) continue;
    lines[demand.pods[p].workload].gpus += held[p];
    ++lines[demand.pods[p].workload].pods;
  }
  std::erase_if(lines, [&](const Line& line) {
    return line.pods == 0 && paid_[line.leaves[0]] == 0 && list_[line.leaves[0]] == 0;
  });
  lines_ = std::move(lines);
}

void CostTable::by_pod() {
  const std::vector<double> held = gpus_held(in_);
  for (std::uint32_t p = 0; p < in_.cluster.demand.pods.size(); ++p) {
    if (state_of(in_.cluster.pods.at(p)) != PodState::Runs) continue;
    lines_.push_back({paper_.safe(pod_text(in_.cluster.demand, p)),
                      {leaf(in_.ledger.pods.at(p), in_.list.pods.at(p))},
                      held[p],
                      1,
                      paper_.safe(devices_text(in_, p))});
  }
}

void CostTable::by_node() {
  for (const std::uint32_t n : dearest_first(in_.cluster)) {
    const cluster::StandingNode& node = in_.cluster.nodes[n];
    Line line{paper_.safe(node.name), {}};
    MicroUsdPerHour idle, list_idle;
    std::set<std::string> why;
    for (std::size_t g = 0; g < in_.ledger.nodes.at(n).gpus.size(); ++g) {
      const plan::GpuLedger& gpu = in_.ledger.nodes[n].gpus[g];
      const plan::GpuLedger& list = in_.list.nodes.at(n).gpus.at(g);
      idle += gpu.idle;
      list_idle += list.idle;
      if (list.idle.micro > 0 || gpu.idle.micro > 0)
        why.insert(std::string(plan::to_string(list.waste)));
    }
    line.leaves = {leaf(in_.ledger.nodes[n].price - idle, in_.list.nodes.at(n).price - list_idle),
                   leaf(idle, list_idle, true)};
    for (const cluster::StandingGpu& gpu : node.gpus)
      for (const cluster::StandingSlice& slice : gpu.slices)
        if (slice.pod != cluster::kNone || (!node.shared && !slice.free()))
          line.gpus += gpu_part(in_, node, slice.form);
    line.pods = static_cast<std::int64_t>(node.pods.size());
    line.note = paper_.elide(paper_.safe(type_of(in_, node).name), 20);
    line.more = fmt::format("{}", fmt::join(why, ", "));
    lines_.push_back(std::move(line));
  }
}

void CostTable::by_namespace() {
  by_workload();
  std::map<std::string, std::vector<Line>> groups;
  const cluster::Demand& demand = in_.cluster.demand;
  std::vector<Line> flat = std::move(lines_);
  lines_.clear();
  for (Line& line : flat) {
    const cluster::Workload& workload = demand.workloads.at(line.leaves[0]);
    line.name = "  " + paper_.safe(workload_text(workload));
    groups[workload.ns].push_back(std::move(line));
  }
  const auto cost = [&](const std::vector<Line>& lines) {
    std::pair<std::int64_t, std::int64_t> sum;
    for (const Line& line : lines)
      for (const std::size_t i : line.leaves) {
        sum.first += paid_[i];
        sum.second += list_[i];
      }
    return sum;
  };
  std::vector<std::pair<std::string, std::vector<Line>>> order(groups.begin(), groups.end());
  std::stable_sort(order.begin(), order.end(),
                   [&](const auto& a, const auto& b) { return cost(a.second) > cost(b.second); });
  std::vector<Line> rest;
  for (std::size_t i = 0; i < order.size(); ++i) {
    auto& [ns, lines] = order[i];
    Line head{paper_.safe(ns), {}, 0, 0, "", "", Style::Bold};
    for (const Line& line : lines) append(head, line);
    if (i >= kGroupsFirst && !all() && order.size() > kGroupsFirst + 1) {
      rest.push_back(std::move(head));
      continue;
    }
    lines_.push_back(std::move(head));
    std::stable_sort(lines.begin(), lines.end(),
                     [&](const Line& a, const Line& b) { return cost({a}) > cost({b}); });
    const std::size_t shown =
        all() || lines.size() <= kWorkloadsFirst + 1 ? lines.size() : kWorkloadsFirst;
    for (std::size_t l = 0; l < shown; ++l) lines_.push_back(lines[l]);
    add_more({lines.begin() + static_cast<std::ptrdiff_t>(shown), lines.end()}, "more workload",
             "more workloads", "  ");
  }
  add_more(std::move(rest), "more namespace", "more namespaces", "");
}

void CostTable::make_lines() {
  switch (options_.by) {
    case CostBy::Namespace: by_namespace(); return;
    case CostBy::Workload: by_workload(); break;
    case CostBy::Pod: by_pod(); break;
    case CostBy::Node: by_node(); break;
  }
  const auto cost = [&](const Line& line) {
    std::pair<std::int64_t, std::int64_t> sum;
    for (const std::size_t i : line.leaves) {
      sum.first += paid_[i];
      sum.second += list_[i];
    }
    return sum;
  };
  std::stable_sort(lines_.begin(), lines_.end(),
                   [&](const Line& a, const Line& b) { return cost(a) > cost(b); });
  if (all() || lines_.size() <= kRowsFirst + 1) return;
  std::vector<Line> rest(lines_.begin() + kRowsFirst, lines_.end());
  lines_.resize(kRowsFirst);
  add_more(std::move(rest), "more", "more", "");
}

/// What is nobody's of the demand; of nodes it is in their lines already.
void CostTable::add_rest() {
  if (options_.by == CostBy::Node) return;
  if (in_.ledger.others.micro > 0 || in_.list.others.micro > 0)
    lines_.push_back({"pods that are not planned",
                      {leaf(in_.ledger.others, in_.list.others)},
                      0,
                      0,
                      "not of this reading's pods",
                      "",
                      Style::Plain});
  for (int w = 0; w < plan::kWastes; ++w) {
    const auto waste = static_cast<plan::Waste>(w);
    const auto at = static_cast<std::size_t>(w);
    if (in_.ledger.wastes[at].micro == 0 && in_.list.wastes[at].micro == 0) continue;
    idle_.push_back({fmt::format("  {}", plan::to_string(waste)),
                     {leaf(in_.ledger.wastes[at], in_.list.wastes[at], true)}});
  }
}

void CostTable::print() {
  const std::int64_t unit = paper_.month_decimals() == 0 ? kDollar : kCent;
  const Amounts paid(paid_, idles_, unit);
  const Amounts list(list_, idles_, unit);
  std::vector<std::size_t> every(paid_.size());
  std::iota(every.begin(), every.end(), std::size_t{0});
  const bool by_node = options_.by == CostBy::Node;
  const bool noted = by_node || options_.by == CostBy::Pod;
  std::vector<Grid::Column> heads = {{"", false, 24}, {"a month", true}, {"an hour", true}};
  if (by_node) heads.push_back({"idle/h", true});
  else heads.push_back({"share", true});
  heads.push_back({"GPUs", true});
  if (!noted) heads.push_back({"pods", true});
  if (owned_) heads.push_back({"at list/h", true});
  if (noted) heads.push_back({"", false, 12});
  if (by_node) heads.push_back({"idle because", false, 12});
  Grid grid(heads);
  const auto idle_of = [&](const Line& line) {
    std::vector<std::size_t> idle;
    for (const std::size_t i : line.leaves)
      if (idles_[i]) idle.push_back(i);
    return idle;
  };
  const auto row = [&](const Line& line, bool counts) {
    std::vector<std::string> cells = {line.name, paid.month(line.leaves), paid.hour(line.leaves)};
    if (by_node) cells.push_back(paid.hour(idle_of(line)));
    else cells.push_back(paid.share(line.leaves));
    cells.push_back(counts ? gpus_text(line.gpus) : "");
    if (!noted) cells.push_back(counts ? with_thousands(line.pods) : "");
    if (owned_) cells.push_back(list.hour(line.leaves));
    if (noted) cells.push_back(line.note);
    if (by_node) cells.push_back(line.more);
    grid.row(std::move(cells), line.style);
  };
  double gpus = 0;
  std::int64_t pods = 0;
  const bool grouped = options_.by == CostBy::Namespace;
  for (const Line& line : lines_) {
    row(line, line.note != "not of this reading's pods");
    const bool inner = grouped && line.name.starts_with("  ");
    if (!inner) gpus += line.gpus, pods += line.pods;
  }
  if (!idle_.empty()) {
    Line head{"idle or stranded", {}, 0, 0, "", "", Style::Bold};
    for (const Line& line : idle_) append(head, line);
    row(head, false);
    for (const Line& line : idle_) row(line, false);
  }
  row({"all nodes", every, gpus, pods, "", "", Style::Bold}, true);
  grid.print(paper_, 2);
}

/// What each cause of waste that there is means, and what would help.
void CostTable::causes() {
  constexpr std::size_t kLabel = 12;
  bool first = true;
  for (int w = 0; w < plan::kWastes; ++w) {
    const auto at = static_cast<std::size_t>(w);
    const auto waste = static_cast<plan::Waste>(w);
    if (in_.ledger.wastes[at].micro == 0 && in_.list.wastes[at].micro == 0) continue;
    if (first) paper_.blank();
    first = false;
    std::string label = padded("  " + std::string(plan::to_string(waste)), kLabel);
    for (const std::string& line :
         wrapped(fmt::format("{}: {}", meaning(waste), remedy(waste)), kColumnsMax - kLabel)) {
      paper_.line(label + line, Style::Dim);
      label = std::string(kLabel, ' ');
    }
  }
}

std::string CostTable::write() {
  paper_.paragraph(in_.headline);
  paper_.blank();
  if (in_.cluster.nodes.empty()) {
    paper_.line("No node with a GPU that Kerf knows: nothing is paid for GPUs.", Style::Bold);
  } else {
    make_lines();
    add_rest();
    print();
  }
  causes();
  if (owned_) {
    paper_.blank();
    paper_.paragraph(
        fmt::format("What is owned costs nothing more and is not in the bill; at list prices all "
                    "nodes are worth {}.",
                    paper_.hour(in_.list.bill)),
        Style::Dim);
  }
  for (const std::string& note : in_.notes) {
    paper_.blank();
    paper_.paragraph("note: " + note, Style::Dim);
  }
  return paper_.take();
}

}  // namespace

std::vector<std::int64_t> rounded_parts(const std::vector<std::int64_t>& amounts,
                                        std::int64_t unit) {
  const std::int64_t sum = std::accumulate(amounts.begin(), amounts.end(), std::int64_t{0});
  return rounded_parts(amounts, unit, (sum + unit / 2) / unit);
}

std::vector<std::int64_t> rounded_parts(const std::vector<std::int64_t>& amounts, std::int64_t unit,
                                        std::int64_t sum) {
  std::vector<std::int64_t> parts(amounts.size());
  std::vector<std::size_t> order(amounts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::int64_t missing = sum;
  for (std::size_t i = 0; i < amounts.size(); ++i) missing -= parts[i] = amounts[i] / unit;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return amounts[a] % unit > amounts[b] % unit;
  });
  for (std::size_t i = 0; i < order.size() && missing > 0; ++i, --missing) ++parts[order[i]];
  return parts;
}

std::string cost_table(const Standing& in, const CostOptions& options) {
  return CostTable(in, options).write();
}

}  // namespace kerf::report
