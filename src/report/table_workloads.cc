// Workload by workload: what it asks for, what it gets, and what that costs each way.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "report/figures.h"
#include "report/screen.h"

namespace kerf::report {
namespace {

constexpr std::size_t kFirstScreen = 15;
constexpr const char* kNoCost = "-";  ///< of pods that are not served

/// What the plan gives one workload.
struct Got {
  std::int64_t pods = 0;
  std::int64_t placed = 0;
  MicroUsdPerHour per_hour;
  std::map<std::string, std::int64_t> forms;
};

std::vector<Got> got_by_workload(const Screen& screen) {
  std::vector<Got> got(screen.demand.workloads.size());
  for (const cluster::Pod& pod : screen.demand.pods)
    if (pod.workload < got.size()) ++got[pod.workload].pods;
  for (const plan::Placement& placement : screen.plan.placements) {
    Got& mine = got.at(screen.demand.pods.at(placement.pod).workload);
    ++mine.placed;
    mine.per_hour += placement.cost;
    const plan::NodePlan& node = screen.plan.nodes.at(placement.node);
    ++mine.forms[gpu::full_name(model_of(screen.market, node), plan::devices_of(placement))];
  }
  return got;
}

/// As kubectl abbreviates it.
std::string short_kind(const std::string& kind) {
  static constexpr std::pair<std::string_view, std::string_view> kShort[] = {
      {"Deployment", "deploy"}, {"StatefulSet", "sts"},
      {"ReplicaSet", "rs"},     {"ReplicationController", "rc"},
      {"DaemonSet", "ds"},      {"LeaderWorkerSet", "lws"},
      {"CronJob", "cronjob"},   {"Job", "job"},
      {"Pod", "pod"},           {"Trace", "trace"}};
  for (const auto& [name, brief] : kShort)
    if (kind == name) return std::string(brief);
  return kind;
}

/// "nvidia.com/mig-1g.10gb" -> "mig-1g.10gb": the names say which they are without the domain.
std::string without_domain(std::string text) {
  for (const std::string_view domain : {"nvidia.com/", "kerf.dev/"}) {
    for (std::size_t at = text.find(domain); at != std::string::npos; at = text.find(domain, at))
      text.erase(at, domain.size());
  }
  return text;
}

/// The most frequent form, and how many others.
std::string forms_of(const Got& got) {
  if (got.forms.empty()) return "not placed";
  const auto most = std::max_element(got.forms.begin(), got.forms.end(),
                                     [](auto& a, auto& b) { return a.second < b.second; });
  if (got.forms.size() == 1) return most->first;
  return fmt::format("{} +{} more", most->first, got.forms.size() - 1);
}

/// A Job for which no hours are given costs by the hour, and only while it runs.
std::string cost(const Screen& screen, const cluster::Workload& workload, MicroUsdPerHour rate,
                 std::int64_t month_micro_usd) {
  if (workload.transient && !(workload.hours_per_month > 0)) return screen.hour(rate);
  return screen.month(month_micro_usd);
}

const plan::Baseline* whole_gpus(const Plan& plan) {
  for (const plan::Baseline& baseline : plan.baselines)
    if (baseline.name == "whole-gpu") return &baseline;
  return nullptr;
}

/// Pods that the baseline serves, by workload.
std::vector<std::int64_t> served_by(const plan::Baseline& baseline, const cluster::Demand& demand) {
  std::vector<std::int64_t> pods(demand.workloads.size());
  for (const cluster::Pod& pod : demand.pods) ++pods.at(pod.workload);
  for (const std::uint32_t pod : baseline.unplaced) --pods.at(demand.pods.at(pod).workload);
  return pods;
}

/// Workloads with GPU pods, dearest first.
std::vector<std::size_t> dearest_first(const std::vector<Got>& got) {
  std::vector<std::size_t> order;
  for (std::size_t w = 0; w < got.size(); ++w)
    if (got[w].pods > 0) order.push_back(w);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return got[a].per_hour > got[b].per_hour; });
  return order;
}

}  // namespace

void write_workloads(Screen& screen) {
  const std::vector<Got> got = got_by_workload(screen);
  const std::vector<std::size_t> order = dearest_first(got);
  if (order.empty()) return;
  // A list that is one line too long is shown whole: the line that says so takes as much room.
  const std::size_t shown =
      screen.options.all || order.size() <= kFirstScreen + 1 ? order.size() : kFirstScreen;
  const plan::Baseline* whole = whole_gpus(screen.plan);
  const std::vector<std::int64_t> whole_pods =
      whole == nullptr ? std::vector<std::int64_t>() : served_by(*whole, screen.demand);
  std::vector<Grid::Column> heads = {{"workload", false, 16}, {"", false, 0},
                                     {"pods", true, 0},       {"each asks for", false, 13},
                                     {"gets", false, 12},     {"a month", true, 0}};
  if (whole != nullptr) heads.push_back({"as whole GPUs", true, 0});
  Grid grid(std::move(heads));
  bool by_hour = false;
  for (std::size_t i = 0; i < shown; ++i) {
    const std::size_t w = order[i];
    const cluster::Workload& workload = screen.demand.workloads[w];
    by_hour =
        by_hour || (got[w].placed > 0 && workload.transient && !(workload.hours_per_month > 0));
    const std::string name =
        workload.ns.empty() ? workload.name : workload.ns + "/" + workload.name;
    const std::string pods =
        got[w].placed == got[w].pods
            ? with_thousands(got[w].pods)
            : fmt::format("{} of {}", with_thousands(got[w].placed), with_thousands(got[w].pods));
    std::vector<std::string> cells = {
        screen.safe(name),
        screen.elide(screen.safe(short_kind(workload.kind)), 12),
        pods,
        screen.safe(without_domain(workload.asks)),
        screen.safe(forms_of(got[w])),
        got[w].placed == 0
            ? kNoCost
            : cost(screen, workload, got[w].per_hour, screen.plan.workloads.at(w).month_micro_usd)};
    if (whole != nullptr) {
      const bool compares =
          got[w].placed > 0 && whole_pods[w] > 0 && w < whole->per_workload.size();
      cells.push_back(compares ? cost(screen, workload, whole->per_workload[w], whole->months.at(w))
                               : kNoCost);
    }
    grid.row(std::move(cells), got[w].placed < got[w].pods ? Style::Alarm : Style::Plain);
  }
  screen.blank();
  screen.line(
      counted(static_cast<std::int64_t>(order.size()), "workload", "workloads, dearest first"),
      Style::Bold);
  grid.print(screen, 2);
  if (shown < order.size()) {
    std::int64_t rest = 0;
    for (std::size_t i = shown; i < order.size(); ++i)
      rest += screen.plan.workloads.at(order[i]).month_micro_usd;
    screen.more(fmt::format("{} more, {} a month together",
                            with_thousands(static_cast<std::int64_t>(order.size() - shown)),
                            screen.month(rest)));
  }
  if (by_hour) screen.line("  /h: a Job's part of its nodes while it runs", Style::Dim);
}

}  // namespace kerf::report
