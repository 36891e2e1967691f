// The text of `kerf why`: sentences, and small tables of nodes, forms and constraints.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "report/paper.h"
#include "report/sentence.h"
#include "report/why.h"

namespace kerf::report {
namespace {

constexpr std::size_t kRowsFirst = 8;
constexpr std::size_t kNameMax = 48;

std::string price_text(MicroUsdPerHour rate) { return format_usd(rate, 4) + "/h"; }

class WhyTable {
 public:
  WhyTable(const Standing& in, const Why& why, const TableOptions& options)
      : in_(in), why_(why), paper_(options, in.ledger.bill.micro * kHoursPerMonth) {}

  std::string write() {
    paper_.paragraph(in_.headline);
    paper_.blank();
    head();
    runs();
    elsewhere();
    waits();
    forms();
    constraints();
    for (const std::string& note : in_.notes) {
      paper_.blank();
      paper_.paragraph("note: " + note, Style::Dim);
    }
    return paper_.take();
  }

 private:
  bool one() const { return why_.target.pod.has_value(); }
  std::size_t shown(std::size_t rows) const {
    return paper_.options.all || rows <= kRowsFirst + 1 ? rows : kRowsFirst;
  }
  std::vector<std::uint32_t> those(PodState state) const {
    std::vector<std::uint32_t> out;
    for (const std::uint32_t p : why_.pods)
      if (state_of(in_.cluster.pods.at(p)) == state) out.push_back(p);
    return out;
  }
  std::string name(std::string_view text) const {
    return paper_.elide(paper_.safe(text), kNameMax);
  }
  void head();
  void runs();
  void elsewhere();
  void waits();
  void verdict();
  void forms();
  void compare();
  void constraints();

  const Standing& in_;
  const Why& why_;
  Paper paper_;
};

void WhyTable::head() {
  const cluster::Demand& demand = in_.cluster.demand;
  const cluster::Workload& workload = demand.workloads.at(why_.target.workload);
  const std::string owner = fmt::format("{}/{}", workload.ns, workload_text(workload));
  std::string text = one() ? fmt::format("{}, a pod of {},", pod_text(demand, *why_.target.pod),
                                         workload_text(workload))
                           : owner;
  if (!why_.pods.empty()) {
    const cluster::PodShape& shape = demand.shapes.at(demand.pods[why_.example].shape);
    text += fmt::format(
        " asks for {}, {} CPU, {:.1f} GiB of memory{}.", cluster::describe(shape.gpu),
        static_cast<double>(shape.requests.cpu_milli) / 1000,
        static_cast<double>(shape.requests.memory_mib) / 1024, one() ? "" : " for each pod");
  }
  paper_.paragraph(text, Style::Bold);
  if (why_.many_shapes && !one())
    paper_.paragraph("Its pods differ (a rollout?); what follows is about those like " +
                         pod_text(demand, why_.example) + ".",
                     Style::Dim);
}

void WhyTable::runs() {
  const std::vector<std::uint32_t> pods = those(PodState::Runs);
  if (pods.empty()) {
    if (why_.pods.empty()) paper_.line("It has no pod that asks for a GPU now.");
    return;
  }
  MicroUsdPerHour paid, list;
  for (const std::uint32_t p : pods) {
    paid += in_.ledger.pods.at(p);
    list += in_.list.pods.at(p);
  }
  std::string cost = fmt::format("{} {}, {} a month", pods.size() == 1 ? "It costs" : "They cost",
                                 price_text(paid), paper_.month(paid.micro * kHoursPerMonth));
  if (list != paid) cost += fmt::format("; at list prices {}", price_text(list));
  cost += ": the price of the GPUs' memory that " +
          std::string(pods.size() == 1 ? "it holds." : "they hold.");
  paper_.blank();
  if (one()) {
    const cluster::StandingNode& node = in_.cluster.nodes.at(in_.cluster.pods.at(pods[0]).node);
    const std::string devices = devices_text(in_, pods[0]);
    paper_.paragraph(fmt::format("It runs on {} ({}, {}{}){}.", node.name, type_of(in_, node).name,
                                 node.owned ? "owned" : market::to_string(node.capacity_type),
                                 node.zone.empty() ? "" : ", " + node.zone,
                                 devices.empty() ? "" : ", on " + devices));
    paper_.paragraph(cost);
    if (const std::string& fixed = in_.cluster.pods.at(pods[0]).fixed; !fixed.empty())
      paper_.paragraph(fmt::format("Kerf would never move it: {}.", fixed));
    return;
  }
  const auto n = static_cast<std::int64_t>(pods.size());
  paper_.paragraph(
      fmt::format("{} {}. {}", counted(n, "pod", "pods"), n == 1 ? "runs" : "run", cost));
  // By node and devices, the dearest first.
  struct Row {
    std::int64_t pods = 0;
    MicroUsdPerHour cost;
  };
  std::map<std::pair<std::uint32_t, std::string>, Row> rows;
  for (const std::uint32_t p : pods) {
    Row& row = rows[{in_.cluster.pods[p].node, devices_text(in_, p)}];
    ++row.pods;
    row.cost += in_.ledger.pods.at(p);
  }
  std::vector<std::pair<std::pair<std::uint32_t, std::string>, Row>> order(rows.begin(),
                                                                           rows.end());
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.second.cost > b.second.cost; });
  Grid grid({{"", false, 16}, {"", false, 12}, {"", false, 12}, {"", true}, {"", true}});
  const std::size_t most = shown(order.size());
  for (std::size_t i = 0; i < most; ++i) {
    const cluster::StandingNode& node = in_.cluster.nodes.at(order[i].first.first);
    grid.row({name(node.name), name(type_of(in_, node).name), paper_.safe(order[i].first.second),
              counted(order[i].second.pods, "pod", "pods"), price_text(order[i].second.cost)});
  }
  grid.print(paper_, 2);
  if (most < order.size())
    paper_.more(
        counted(static_cast<std::int64_t>(order.size() - most), "more place", "more places"));
}

void WhyTable::elsewhere() {
  const std::vector<std::uint32_t> pods = those(PodState::Elsewhere);
  if (pods.empty()) return;
  paper_.blank();
  const std::string& node = in_.cluster.pods.at(pods[0]).elsewhere;
  if (one())
    paper_.paragraph(fmt::format(
        "It is bound to {}, which is no GPU node that Kerf can price, so its cost is not known.",
        node));
  else
    paper_.paragraph(
        fmt::format("{} bound to nodes that Kerf cannot price, such as {}.",
                    counted(static_cast<std::int64_t>(pods.size()), "pod is", "pods are"), node));
}

void WhyTable::waits() {
  const std::vector<std::uint32_t> pods = those(PodState::Waits);
  if (pods.empty()) return;
  paper_.blank();
  const cluster::PodFacts& facts = in_.cluster.pods.at(why_.example);
  const std::string who =
      one() ? "It waits"
            : counted(static_cast<std::int64_t>(pods.size()), "pod waits", "pods wait");
  paper_.paragraph(facts.waits.empty()
                       ? who + ". The scheduler has not said why."
                       : fmt::format("{}. The scheduler says: {}", who, facts.waits));
  if (!facts.nominated.empty())
    paper_.paragraph(
        fmt::format("It is nominated to {}: a place is being made there.", facts.nominated));
  verdict();
  if (why_.obstacles.empty()) return;
  Grid grid({{"", true}, {"", false, 20}, {"", false, 16}});
  const std::size_t most = shown(why_.obstacles.size());
  for (std::size_t i = 0; i < most; ++i) {
    const plan::ObstacleGroup& group = why_.obstacles[i];
    std::string what(meaning(group.obstacle));
    if (!group.detail.empty()) what += ": " + paper_.safe(group.detail);
    std::string nodes = name(in_.cluster.nodes.at(group.nodes[0]).name);
    if (group.nodes.size() > 1)
      nodes += group.nodes.size() == 2 ? ", " + name(in_.cluster.nodes.at(group.nodes[1]).name)
                                       : fmt::format(" and {} more", group.nodes.size() - 1);
    grid.row(
        {counted(static_cast<std::int64_t>(group.nodes.size()), "node", "nodes"), what, nodes});
  }
  grid.print(paper_, 2);
  if (most < why_.obstacles.size())
    paper_.more(counted(static_cast<std::int64_t>(why_.obstacles.size() - most), "more obstacle",
                        "more obstacles"));
}

/// One sentence that sums up what keeps it from the nodes that stand.
void WhyTable::verdict() {
  using plan::Obstacle;
  std::map<Obstacle, std::size_t> count;
  for (const plan::ObstacleGroup& group : why_.obstacles)
    count[group.obstacle] += group.nodes.size();
  const std::size_t nodes = in_.cluster.nodes.size();
  const std::string asks = cluster::describe(
      in_.cluster.demand.shapes.at(in_.cluster.demand.pods[why_.example].shape).gpu);
  std::string text;
  if (nodes == 0) {
    text = "There is no GPU node at all.";
  } else if (count[Obstacle::Nothing] > 0) {
    text =
        "As far as Kerf sees it would fit on a node that stands; the scheduler may not have come "
        "to "
        "it yet, or knows a rule between pods (spread, affinity, a host port).";
  } else if (count[Obstacle::NoDevice] == nodes) {
    text = fmt::format("No node that stands offers {}: one has to be bought, or a GPU cut anew.",
                       asks);
  } else if (count[Obstacle::Held] + count[Obstacle::NoDevice] == nodes) {
    text = fmt::format("Every {} that it could use is held by another pod.", asks);
  } else if (count[Obstacle::Held] == 0 && count[Obstacle::Cpu] + count[Obstacle::Memory] > 0) {
    text = fmt::format("A free {} is there, but CPU or memory of its node is used up.", asks);
  } else {
    const std::size_t rules =
        count[Obstacle::Selector] + count[Obstacle::Zone] + count[Obstacle::Taint];
    if (rules > 0 && rules + count[Obstacle::NoDevice] == nodes)
      text = fmt::format("Nodes that offer {} stand, and its own rules keep it from them.", asks);
  }
  if (!text.empty()) paper_.paragraph(text);
}

void WhyTable::forms() {
  const plan::Alternatives& found = why_.alternatives;
  if (why_.pods.empty()) return;
  paper_.blank();
  if (!found.least) {
    paper_.paragraph("Nothing on sale can serve it. " + sentence(found.why_not), Style::Alarm);
    if (found.forms.empty()) return;
  }
  paper_.line("What could serve it, bought anew", Style::Bold);
  std::map<std::string, bool> now;
  for (const std::uint32_t p : why_.pods) now[devices_text(in_, p)] = true;
  Grid grid({{"", false, 20},
             {"in a full node", true},
             {"by itself", true},
             {"cheapest on", false, 12},
             {"", false}});
  const std::size_t most = shown(found.forms.size());
  for (std::size_t i = 0; i < most; ++i) {
    const plan::Alternative& form = found.forms[i];
    grid.row({paper_.safe(form.form), price_text(form.price.shared), price_text(form.price.alone),
              paper_.safe(form.type), now.contains(form.form) ? "now" : ""});
  }
  grid.print(paper_, 2);
  if (most < found.forms.size())
    paper_.more(
        counted(static_cast<std::int64_t>(found.forms.size() - most), "more form", "more forms"));
  paper_.paragraph(
      "For one pod. In a full node: its part of a node that pods like it fill. By itself: whole "
      "nodes for this workload alone.",
      Style::Dim, 2);
  compare();
}

/// What it holds now against the cheapest on sale, both in nodes that are well used.
void WhyTable::compare() {
  const std::vector<std::uint32_t> pods = those(PodState::Runs);
  if (pods.empty() || why_.alternatives.forms.empty()) return;
  MicroUsdPerHour list;
  for (const std::uint32_t p : pods) list += in_.list.pods.at(p);
  const auto n = static_cast<std::int64_t>(pods.size());
  const MicroUsdPerHour now{list.micro / n};
  const plan::Alternative& first = why_.alternatives.forms.front();
  const auto& requests =
      in_.cluster.demand.shapes.at(in_.cluster.demand.pods[why_.example].shape).gpu;
  const bool any_model = std::any_of(requests.begin(), requests.end(), [](const auto& one) {
    return one.kind == cluster::GpuRequestKind::Whole && one.gib == 0;
  });
  const std::string_view caveat =
      any_model ? " Its request is for any GPU: whether one with less memory or speed is enough, "
                  "Kerf cannot know."
                : "";
  const std::string_view who = n == 1 ? "it holds" : "a pod holds";
  paper_.paragraph(
      first.price.shared < now
          ? fmt::format("{} in a full node would cost {} less than what {} now ({} at list "
                        "prices).{}",
                        first.form, price_text(now - first.price.shared), who, price_text(now),
                        caveat)
          : fmt::format("None is cheaper than what {} now ({} at list prices).", who,
                        price_text(now)));
}

void WhyTable::constraints() {
  const plan::Alternatives& found = why_.alternatives;
  if (found.constraints.empty()) return;
  const plan::Constraint& first = found.constraints.front();
  paper_.blank();
  if (!found.least) {
    if (!first.without) {
      paper_.line("Dropping any one of its constraints would not help.");
      return;
    }
    paper_.line("It could run without one of these", Style::Bold);
  } else if (first.saving.micro == 0 && first.saving_alone.micro == 0) {
    paper_.line("None of its constraints by itself makes it dearer.");
    return;
  } else {
    const bool shared = first.saving.micro > 0;
    const MicroUsdPerHour saving = shared ? first.saving : first.saving_alone;
    paper_.paragraph(
        fmt::format("The constraint that costs most: {}. Without it, {}, a pod could cost {} less, "
                    "{} a month.",
                    first.name, shared ? "in a full node" : "by itself", price_text(saving),
                    paper_.month(saving.micro * kHoursPerMonth)),
        Style::Bold);
  }
  Grid grid({{"without", false, 24},
             {"in a full node", true},
             {"saves", true},
             {"by itself", true},
             {"saves", true}});
  std::size_t rows = 0;
  for (const plan::Constraint& one : found.constraints) {
    const bool tells =
        found.least ? one.saving.micro > 0 || one.saving_alone.micro > 0 : one.without.has_value();
    if (!tells || (rows == kRowsFirst && !paper_.options.all)) continue;
    ++rows;
    const auto saved = [&](MicroUsdPerHour rate) {
      return rate.micro > 0 ? price_text(rate) : std::string("-");
    };
    grid.row({paper_.safe(one.name), price_text(one.without->shared), saved(one.saving),
              price_text(one.without->alone), saved(one.saving_alone)});
  }
  grid.print(paper_, 2);
}

}  // namespace

std::string why_table(const Standing& in, const Why& why, const TableOptions& options) {
  return WhyTable(in, why, options).write();
}

}  // namespace kerf::report
