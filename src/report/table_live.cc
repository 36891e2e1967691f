// The table of a cluster's plan.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "report/figures.h"
#include "report/headline.h"
#include "report/live.h"
#include "report/screen.h"
#include "report/standing.h"

namespace kerf::report {
namespace {

using plan::ActionKind;

constexpr auto kAllMonth = static_cast<double>(kHoursPerMonth);

Screen screen_of(const LiveView& view, const TableOptions& options) {
  return Screen(view.live.plan, view.live.demand.planned, view.market, view.policy, options,
                month_micro_usd(view.live.today.bill, kAllMonth));
}

std::string a_month(const Screen& screen, MicroUsdPerHour rate) {
  return screen.month(month_micro_usd(rate, kAllMonth));
}

MicroUsdPerHour absolute(MicroUsdPerHour rate) {
  return {rate.micro < 0 ? -rate.micro : rate.micro};
}

void write_read(Screen& screen, const LiveView& view) {
  const plan::Today& today = view.live.today;
  screen.paragraph(view.headline);
  std::string text =
      today.nodes == 0
          ? std::string("no GPU node that Kerf knows")
          : fmt::format("{} with {}, {} on {}", counted(today.nodes, "GPU node", "GPU nodes"),
                        counted(today.gpus, "GPU", "GPUs"), counted(today.running, "pod", "pods"),
                        today.nodes == 1 ? "it" : "them");
  if (today.waiting > 0)
    text += fmt::format("; {} for a GPU", counted(today.waiting, "pod waits", "pods wait"));
  if (view.cluster.cpu_nodes > 0)
    text += fmt::format("; {} not priced", counted(view.cluster.cpu_nodes, "node without GPUs is",
                                                   "nodes without GPUs are"));
  if (!view.policy.name.empty()) text += "; policy " + view.policy.name;
  screen.paragraph(text);
  std::string owned;
  for (const auto& [type, nodes] : owned_nodes(view.market))
    owned +=
        fmt::format("{}{} x {}", owned.empty() ? "owned: " : ", ", with_thousands(nodes), type);
  if (!owned.empty()) screen.paragraph(owned);
  screen.blank();
}

/// "This cluster's GPU nodes cost $40,993 a month ($56.15/h)."
std::string cost_of_today(const Screen& screen, const LiveView& view) {
  const MicroUsdPerHour today = view.live.today.bill;
  if (view.live.today.nodes == 0) return "No GPU node is known.";
  const auto shared = std::count_if(view.cluster.nodes.begin(), view.cluster.nodes.end(),
                                    [](const auto& node) { return node.shared; });
  const bool one = view.live.today.nodes == 1;
  return fmt::format("{}'{} GPU {} {} a month ({}{}).",
                     view.selected ? "These pods" : "This cluster", view.selected ? "" : "s",
                     one ? "node costs" : "nodes cost", a_month(screen, today), screen.hour(today),
                     shared == 0 ? ""
                                 : fmt::format("; of {} shared with other pods, their part",
                                               counted(shared, "node that is", "nodes that are")));
}

bool serves_waiting(const LiveView& view) {
  return std::any_of(view.live.plan.placements.begin(), view.live.plan.placements.end(),
                     [&](const plan::Placement& one) {
                       const cluster::PodFacts& pod = view.cluster.pods[one.pod];
                       return pod.node == cluster::kNone && pod.elsewhere.empty();
                     });
}

/// The line that people read first.
std::string verdict(const Screen& screen, const LiveView& view) {
  const MicroUsdPerHour today = view.live.today.bill;
  const MicroUsdPerHour then = view.live.plan.bill;
  const std::string now = cost_of_today(screen, view);
  if (screen.demand.pods.empty()) return now + " No pod asks for a GPU: nothing of it is needed.";
  if (view.live.plan.placements.empty())
    return fmt::format(
        "{} {} be placed; the reasons are below.", now,
        screen.demand.pods.size() == 1
            ? "The one pod that asks for a GPU cannot"
            : fmt::format("None of the {} pods that ask for GPUs can", screen.demand.pods.size()));
  if (view.live.today.nodes == 0)
    return fmt::format("{} The plan for the {} costs {} a month ({}).", now,
                       counted(view.live.today.waiting, "pod that waits", "pods that wait"),
                       a_month(screen, then), screen.hour(then));
  const std::string waiting = serves_waiting(view) ? ", those that wait included," : "";
  if (then == today)
    return fmt::format("{} Bought and cut well, the same pods{} cost the same.", now, waiting);
  if (then < today)
    return fmt::format("{} Bought and cut well, the same pods{} cost {}: {} less, {} a month.", now,
                       waiting, a_month(screen, then),
                       percent(saving_tenths(today.micro, then.micro)),
                       a_month(screen, today - then));
  return fmt::format("{} The plan for the same pods{}{} costs {}: {} a month MORE.", now, waiting,
                     view.selected ? " bought for alone," : "", a_month(screen, then),
                     a_month(screen, then - today));
}

/// Nodes and pods that could not be read are missing in every figure.
void write_unreadable(Screen& screen) {
  std::int64_t nodes = 0, pods = 0;
  for (const cluster::LeftOut& one : screen.demand.left_out) {
    if (!one.why.starts_with("it cannot be read")) continue;
    nodes += one.what == "node" ? one.count : 0;
    pods += one.what == "pod" ? one.count : 0;
  }
  if (nodes + pods == 0) return;
  std::string what = nodes == 0 ? "" : counted(nodes, "node", "nodes");
  if (pods > 0) what += (nodes == 0 ? "" : " and ") + counted(pods, "pod", "pods");
  screen.paragraph(what + " cannot be read and are left out of every figure: see Notes below.",
                   Style::Alarm);
}

/// What the figures leave out or assume, where people would be misled.
void write_doubts(Screen& screen, const LiveView& view) {
  const plan::Today& today = view.live.today;
  if (today.price_assumed > 0)
    screen.paragraph(
        fmt::format("{} at the on-demand price: no spot prices are known. Karpenter's metrics or "
                    "--prices have them.",
                    counted(today.price_assumed, "spot node is counted", "spot nodes are counted")),
        Style::Alarm);
  if (today.unpriced > 0) {
    std::set<std::string> types;
    for (const cluster::StandingNode& node : view.cluster.nodes)
      if (node.unpriced) types.insert(view.market.types.at(node.type).name);
    screen.paragraph(
        fmt::format("{} no price ({}) and {} as $0, today and in the plan: --prices FILE has one.",
                    counted(today.unpriced, "node has", "nodes have"), fmt::join(types, ", "),
                    today.unpriced == 1 ? "counts" : "count"),
        Style::Alarm);
  }
  std::int64_t down = 0;
  MicroUsdPerHour lost;
  for (const cluster::StandingNode& node : view.cluster.nodes) {
    if (!in_trouble(node)) continue;
    ++down;
    lost += node.price;
  }
  if (down > 0)
    screen.paragraph(
        fmt::format("{} not ready or {} no GPU, for {}: kerf status names {}.",
                    counted(down, "node is", "nodes are"), down == 1 ? "offers" : "offer",
                    screen.hour(lost), down == 1 ? "it" : "them"),
        Style::Alarm);
  write_unreadable(screen);
  std::int64_t strange = 0;
  for (const cluster::StrangeNode& node : view.cluster.strange) strange += node.gpus > 0 ? 1 : 0;
  if (strange > 0)
    screen.paragraph(fmt::format("{} of a type that Kerf does not know and {} left out with {} "
                                 "pods: kerf status names them.",
                                 counted(strange, "GPU node is", "GPU nodes are"),
                                 strange == 1 ? "is" : "are", strange == 1 ? "its" : "their"),
                     Style::Alarm);
  const auto unknown = static_cast<std::int64_t>(view.live.demand.unknown.size());
  if (unknown > 0)
    screen.paragraph(
        fmt::format("{} a whole GPU, and nothing says which: not planned, not guessed. --gpu MODEL "
                    "says it; below is what they would cost if they asked for memory.",
                    counted(unknown, "pod asks for", "pods ask for")),
        Style::Alarm);
  const auto unplaced = static_cast<std::int64_t>(view.live.plan.unplaced.size()) - unknown;
  if (unplaced > 0)
    screen.paragraph(fmt::format("{} be placed and cost nothing here; the reasons are below.",
                                 counted(unplaced, "pod cannot", "pods cannot")),
                     Style::Alarm);
  for (const std::string& note : view.notes) screen.paragraph(note, Style::Alarm);
}

/// "2 x p4d.24xlarge, 3 x g6.xlarge": what an action is about, by type.
std::string fleet_words(const Screen& screen, const std::vector<plan::Action>& actions,
                        ActionKind kind, std::int64_t& nodes, MicroUsdPerHour& change) {
  std::map<std::pair<std::string, std::string>, std::int64_t> types;
  for (const plan::Action& action : actions) {
    if (action.kind != kind) continue;
    nodes += action.count;
    change += action.per_hour;
    types[{screen.market.types.at(action.type).name,
           action.capacity_type == market::CapacityType::OnDemand
               ? ""
               : " " + std::string(market::to_string(action.capacity_type))}] += action.count;
  }
  std::string out;
  std::size_t shown = 0;
  for (const auto& [type, count] : types) {
    if (shown == 4 && !screen.options.all && types.size() > 5) {
      out += fmt::format(" and {} more types", types.size() - shown);
      break;
    }
    out += fmt::format("{}{} x {}{}", shown++ == 0 ? "" : ", ", count, type.first, type.second);
  }
  return out;
}

void write_actions(Screen& screen, const LiveView& view) {
  if (view.live.plan.actions.empty()) return;
  screen.blank();
  screen.line("From what stands to this plan", Style::Bold);
  Grid grid({{"", false, 0}, {"", true, 0}, {"an hour", true, 0}, {"", false, 20}});
  const std::pair<ActionKind, const char*> kinds[] = {{ActionKind::Keep, "keep"},
                                                      {ActionKind::Cut, "cut anew"},
                                                      {ActionKind::Return, "return"},
                                                      {ActionKind::Buy, "buy"}};
  for (const auto& [kind, name] : kinds) {
    std::int64_t nodes = 0;
    MicroUsdPerHour change;
    const std::string types = fleet_words(screen, view.live.plan.actions, kind, nodes, change);
    if (nodes == 0) continue;
    const std::string sign = change.micro < 0 ? "-" : change.micro > 0 ? "+" : "";
    grid.row({name, with_thousands(nodes),
              change.micro == 0 ? "" : sign + screen.hour(absolute(change)), screen.safe(types)});
  }
  grid.print(screen, 2);
  const plan::Reuse& reuse = view.live.reuse;
  const auto moves = static_cast<std::int64_t>(
      std::count_if(reuse.moves.begin(), reuse.moves.end(),
                    [](const plan::PodMove& move) { return move.to != cluster::kNone; }));
  std::string text = moves == 0 ? "No pod moves" : counted(moves, "pod moves", "pods move");
  if (moves > 0 && reuse.stay > 0)
    text += fmt::format(", {} where {}",
                        reuse.stay == 1 ? "1 stays" : with_thousands(reuse.stay) + " stay",
                        reuse.stay == 1 ? "it is" : "they are");
  text += '.';
  if (reuse.fixed > 0)
    text += fmt::format(
        " Kerf itself never moves {} of them (bare pods, Jobs, do-not-disrupt): wait until {}.",
        with_thousands(reuse.fixed), reuse.fixed == 1 ? "it ends" : "they end");
  screen.paragraph(text, Style::Plain, 2);
  const auto shared = std::count_if(view.cluster.nodes.begin(), view.cluster.nodes.end(),
                                    [](const auto& node) { return node.shared; });
  if (shared > 0)
    screen.paragraph(
        fmt::format("{} for the other pods on {}: what these pods pay less there, others pay.",
                    counted(shared, "shared node stays", "shared nodes stay"),
                    shared == 1 ? "it" : "them"),
        Style::Plain, 2);
  if (view.live.today.empty_nodes > 0)
    screen.paragraph(
        fmt::format("At once and without moving a pod: {} a GPU. Given back, {} less a month is "
                    "paid.",
                    counted(view.live.today.empty_nodes, "node has no pod that holds",
                            "nodes have no pod that holds"),
                    a_month(screen, view.live.today.empty)),
        Style::Plain, 2);
}

/// "-37.1 %", "+2.2 %"; "" where nothing is paid today.
std::string change(MicroUsdPerHour today, MicroUsdPerHour then) {
  if (today.micro <= 0) return "";
  const std::int64_t saved = saving_tenths(today.micro, then.micro);
  return then > today ? "+" + percent(-saved) : "-" + percent(saved);
}

void write_sizes(Screen& screen, const LiveView& view) {
  const plan::LivePlan& live = view.live;
  if (live.sizes.empty()) return;
  const MicroUsdPerHour today = live.today.owned > 0 ? live.today.list : live.today.bill;
  const auto whole = static_cast<std::int64_t>(live.demand.whole.size());
  screen.blank();
  screen.line(fmt::format("If the {} for a whole GPU asked for memory instead",
                          counted(whole, "pod that asks", "pods that ask")),
              Style::Bold);
  Grid grid({{"each asks for", false, 0},
             {"all pods, a month", true, 0},
             {"an hour", true, 0},
             {"against today", true, 0},
             {"", false, 10}});
  for (const plan::LivePlan::Size& size : live.sizes) {
    grid.row({fmt::format("kerf.dev/gpu-{}gi", size.gib), a_month(screen, size.cost.bill),
              screen.hour(size.cost.bill), change(today, size.cost.bill),
              size.cost.unplaced == 0
                  ? ""
                  : counted(size.cost.unplaced, "pod not served", "pods not served")});
  }
  grid.print(screen, 2);
  if (live.today.owned > 0)
    screen.paragraph(
        fmt::format("What is owned is counted at its on-demand price here, as today's {}: the "
                    "difference is what becomes free, not what is paid.",
                    screen.hour(today)),
        Style::Plain, 2);
  screen.paragraph(
      "How much they need is not known here: the most memory that they use tells "
      "(DCGM_FI_DEV_FB_USED). kerf why NAMESPACE/POD shows one of them.",
      Style::Dim, 2);
}

void write_by_memory(Screen& screen, const LiveView& view) {
  const plan::LivePlan& live = view.live;
  if (!live.by_memory) return;
  const MicroUsdPerHour today = live.today.owned > 0 ? live.today.list : live.today.bill;
  const std::string difference = change(today, live.by_memory->bill);
  screen.blank();
  screen.line(fmt::format("If the {} a MIG profile asked for its memory instead",
                          counted(live.by_name, "pod that names", "pods that name")),
              Style::Bold);
  screen.paragraph(
      fmt::format("All pods would cost {} a month{}: kerf.dev/gpu-<M>gi may be served by any form "
                  "with as much memory, the slice among them.",
                  a_month(screen, live.by_memory->bill),
                  difference.empty() ? "" : fmt::format(" ({} against today)", difference)),
      Style::Plain, 2);
}

void write_autoscalers(Screen& screen, const LiveView& view) {
  const plan::LivePlan& live = view.live;
  if (!live.least || !live.most) return;
  screen.blank();
  const auto workloads = static_cast<std::int64_t>(view.cluster.autoscalers.size());
  screen.line(fmt::format("With {} at another size",
                          counted(workloads, "autoscaled workload", "autoscaled workloads")),
              Style::Bold);
  Grid grid({{"", false, 0}, {"a month", true, 0}, {"an hour", true, 0}, {"", false, 10}});
  const auto row = [&](const char* name, MicroUsdPerHour bill, std::int64_t unplaced) {
    grid.row({name, a_month(screen, bill), screen.hour(bill),
              unplaced == 0 ? "" : counted(unplaced, "pod not served", "pods not served")});
  };
  row("all at their minimum", live.least->bill, live.least->unplaced);
  row("as now (this plan)", live.plan.bill, static_cast<std::int64_t>(live.plan.unplaced.size()));
  row("all at their maximum", live.most->bill, live.most->unplaced);
  grid.print(screen, 2);
}

void write_next(Screen& screen, const LiveView& view) {
  const bool snapshot = view.cluster.source.starts_with("snapshot ");
  screen.blank();
  screen.line(snapshot ? "What to ask next, with the same --snapshot" : "What to ask next",
              Style::Bold);
  Grid grid({{"", false, 0}, {"", false, 20}});
  grid.row({"kerf cost", "who pays what, and what is idle for which reason"});
  grid.row({"kerf status", "which GPU is cut how, and who sits where"});
  if (view.live.today.waiting > 0)
    grid.row(
        {"kerf why NAMESPACE/POD", "why a pod waits, or is where it is, and what else there is"});
  else
    grid.row({"kerf why NAMESPACE/POD", "why a pod is where it is, and what else it could have"});
  grid.row({"kerf doctor", "what stands in the way of slices in this cluster"});
  if (!snapshot)
    grid.row({"kerf snapshot", "save what was read; plan it again with --snapshot, offline"});
  grid.print(screen, 2);
}

}  // namespace

std::string live_table_first(const LiveView& view, const TableOptions& options) {
  Screen screen = screen_of(view, options);
  write_read(screen, view);
  const plan::LivePlan& live = view.live;
  if (live.demand.planned.pods.empty() && live.today.nodes == 0) {
    screen.line("No pod asks for a GPU and no GPU node stands: there is nothing to plan.",
                Style::Bold);
    write_doubts(screen, view);
    return screen.take();
  }
  if (options.owned_only) {
    write_owned_only(screen);
    write_doubts(screen, view);
    return screen.take();
  }
  screen.paragraph(verdict(screen, view), Style::Bold);
  if (!live.plan.placements.empty()) screen.paragraph(proof_words(screen));
  write_doubts(screen, view);
  if (live.plan.placements.empty()) {  // ways to serve nothing do not compare
    write_actions(screen, view);
    return screen.take();
  }
  write_advice(screen);
  screen.blank();
  write_costs(screen, {{"today", month_micro_usd(live.today.bill, kAllMonth), live.today.bill,
                        live.today.nodes, live.today.waiting}});
  if (live.today.owned > 0)
    screen.paragraph(
        fmt::format("What is owned counts as $0. At on-demand prices it is worth {} "
                    "a month ({}), today and in the plan.",
                    a_month(screen, live.today.owned_value), screen.hour(live.today.owned_value)),
        Style::Plain, 2);
  write_actions(screen, view);
  return screen.take();
}

std::string live_table_rest(const LiveView& view, const TableOptions& options) {
  Screen screen = screen_of(view, options);
  write_levers(screen);
  write_sizes(screen, view);
  write_by_memory(screen, view);
  write_autoscalers(screen, view);
  write_workloads(screen);
  write_fleet(screen);
  write_use(screen);
  write_unplaced(screen);
  write_notes(screen);
  write_next(screen, view);
  return screen.take();
}

}  // namespace kerf::report
