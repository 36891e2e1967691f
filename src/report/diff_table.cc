// The text of `kerf diff`.
#include <fmt/format.h>

#include <algorithm>

#include "report/diff.h"
#include "report/figures.h"
#include "report/paper.h"

namespace kerf::report {
namespace {

constexpr std::size_t kRowsFirst = 12;
constexpr std::size_t kNameMax = 48;

class DiffTable {
 public:
  DiffTable(const PlanDiff& diff, const TableOptions& options)
      : diff_(diff), paper_(options, largest(diff)) {}

  std::string write() {
    paper_.paragraph(fmt::format("{} -> {}", diff_.before, diff_.after));
    paper_.blank();
    if (diff_.same()) {
      paper_.line("Both plans are the same in cost, nodes, workloads and pods.", Style::Bold);
      return paper_.take();
    }
    amounts();
    inputs();
    nodes();
    workloads();
    pods();
    return paper_.take();
  }

 private:
  static std::int64_t largest(const PlanDiff& diff) {
    std::int64_t most = 0;
    for (const AmountChange& one : diff.amounts)
      if (one.name == "a month")
        most = std::max(one.before.value_or(MicroUsdPerHour{}).micro,
                        one.after.value_or(MicroUsdPerHour{}).micro);
    return most;
  }
  std::size_t shown(std::size_t rows) const {
    return paper_.options.all || rows <= kRowsFirst + 1 ? rows : kRowsFirst;
  }
  std::string name(std::string_view text) const {
    return paper_.elide(paper_.safe(text), kNameMax);
  }
  void inputs();
  void amounts();
  void nodes();
  void workloads();
  void pods();

  const PlanDiff& diff_;
  Paper paper_;
};

void DiffTable::amounts() {
  Grid grid({{"", false, 16}, {"before", true}, {"after", true}, {"change", true}, {"", true}});
  for (const AmountChange& one : diff_.amounts) {
    const bool month = one.name == "a month";
    const auto text = [&](const std::optional<MicroUsdPerHour>& amount) {
      if (!amount) return std::string("-");
      return month ? paper_.month(amount->micro) : format_usd(*amount) + "/h";
    };
    std::string change, part;
    if (one.before && one.after) {
      const MicroUsdPerHour by = *one.after - *one.before;
      change = by.micro == 0 ? "same" : signed_usd(by, month ? paper_.month_decimals() : 2);
      if (one.before->micro > 0 && by.micro != 0)
        part = fmt::format("{:+.1f} %", 100 * static_cast<double>(by.micro) /
                                            static_cast<double>(one.before->micro));
    }
    grid.row({paper_.safe(one.name), text(one.before), text(one.after), change, part},
             one.name == "an hour" ? Style::Bold : Style::Plain);
  }
  const auto row = [&](const char* what, std::int64_t before, std::int64_t after) {
    grid.row({what, with_thousands(before), with_thousands(after),
              before == after ? "same" : fmt::format("{:+}", after - before)});
  };
  row("nodes", diff_.nodes_before, diff_.nodes_after);
  if (diff_.unplaced_before + diff_.unplaced_after > 0)
    row("pods not placed", diff_.unplaced_before, diff_.unplaced_after);
  grid.print(paper_, 2);
}

void DiffTable::inputs() {
  paper_.blank();
  if (diff_.inputs.empty()) {
    paper_.line("Both are for the same pods, prices and policy.");
    return;
  }
  paper_.paragraph(
      "The plans were not made from the same input, so not all of the change is the plan's:",
      Style::Alarm);
  for (const InputChange& one : diff_.inputs)
    paper_.paragraph(fmt::format("{}: {} -> {}", one.what, one.before, one.after), Style::Plain, 2,
                     2);
}

void DiffTable::nodes() {
  if (diff_.nodes.empty()) return;
  paper_.blank();
  paper_.line("Nodes", Style::Bold);
  Grid grid({{"", true}, {"", false, 14}, {"", false, 10}, {"", true}, {"", true}});
  const std::size_t most = shown(diff_.nodes.size());
  for (std::size_t i = 0; i < most; ++i) {
    const NodeChange& one = diff_.nodes[i];
    const std::int64_t by = one.after - one.before;
    grid.row({by == 0 ? "=" : fmt::format("{:+}", by), name(one.type),
              one.owned ? "owned" : name(one.capacity_type),
              fmt::format("{} -> {}", one.before, one.after),
              signed_usd(one.hour_after - one.hour_before) + "/h"});
  }
  grid.print(paper_, 2);
  if (most < diff_.nodes.size())
    paper_.more(
        counted(static_cast<std::int64_t>(diff_.nodes.size() - most), "more type", "more types"));
}

void DiffTable::workloads() {
  if (diff_.workloads.empty()) return;
  paper_.blank();
  paper_.line("Workloads", Style::Bold);
  const std::size_t most = shown(diff_.workloads.size());
  const auto side = [&](const std::optional<WorkloadSide>& one) -> std::string {
    if (!one) return "not there";
    if (one->placed == 0) return "not placed";
    std::string out = one->forms;
    if (one->placed < one->pods) out += fmt::format(" ({} of {} placed)", one->placed, one->pods);
    return out;
  };
  const auto rate = [](const std::optional<WorkloadSide>& one) {
    return one ? one->per_hour : MicroUsdPerHour{};
  };
  for (std::size_t i = 0; i < most; ++i) {
    const WorkloadChange& one = diff_.workloads[i];
    std::string head = fmt::format("{}/{}", one.ns, one.name);
    if (one.before && one.after && one.before->pods != one.after->pods)
      head += fmt::format(", {} -> {} pods", one.before->pods, one.after->pods);
    const std::string tail =
        fmt::format("  {}/h -> {}/h  {}", format_usd(rate(one.before)), format_usd(rate(one.after)),
                    signed_usd(rate(one.after) - rate(one.before)));
    paper_.line("  " + padded(paper_.elide(paper_.safe(head), kNameMax), kNameMax) + tail);
    const std::string was = side(one.before), is = side(one.after);
    if (was == is) paper_.paragraph(was + ", as before", Style::Dim, 4, 2);
    else paper_.paragraph(fmt::format("{} -> {}", was, is), Style::Dim, 4, 2);
  }
  if (most < diff_.workloads.size())
    paper_.more(counted(static_cast<std::int64_t>(diff_.workloads.size() - most), "more workload",
                        "more workloads"));
}

std::string_view says(PodChangeKind kind) {
  switch (kind) {
    case PodChangeKind::Unplaced: return "no longer placed:";
    case PodChangeKind::NewUnplaced: return "new, and not placed:";
    case PodChangeKind::Placed: return "placed now; it was not before:";
    case PodChangeKind::GoneUnplaced: return "gone; it was not placed:";
    case PodChangeKind::OtherReason: return "still not placed, now because:";
  }
  return "?";
}

void DiffTable::pods() {
  if (diff_.pods.empty()) return;
  paper_.blank();
  paper_.line("Pods", Style::Bold);
  // One entry for those of a workload with the same fate and reason.
  struct Group {
    const PodChange* first = nullptr;
    std::int64_t count = 0;
  };
  std::vector<Group> groups;
  for (const PodChange& one : diff_.pods) {
    if (!groups.empty() && groups.back().first->kind == one.kind &&
        groups.back().first->ns == one.ns && groups.back().first->workload == one.workload &&
        groups.back().first->why == one.why) {
      ++groups.back().count;
      continue;
    }
    groups.push_back({&one, 1});
  }
  const std::size_t most = shown(groups.size());
  for (std::size_t i = 0; i < most; ++i) {
    const PodChange& one = *groups[i].first;
    const std::string who = groups[i].count == 1
                                ? fmt::format("{}/{}", name(one.ns), name(one.name))
                                : fmt::format("{} pods of {}/{}", with_thousands(groups[i].count),
                                              name(one.ns), name(one.workload));
    paper_.paragraph(fmt::format("{}: {} {}", who, says(one.kind), one.why), Style::Plain, 2, 2);
  }
  if (most < groups.size())
    paper_.more(counted(static_cast<std::int64_t>(groups.size() - most), "more group of pods",
                        "more groups of pods"));
}

}  // namespace

std::string diff_table(const PlanDiff& diff, const TableOptions& options) {
  return DiffTable(diff, options).write();
}

}  // namespace kerf::report
