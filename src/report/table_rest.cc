// The lower part of the table: use of what is bought, what is not placed, assumptions.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "report/assumptions.h"
#include "report/screen.h"
#include "report/sentence.h"

namespace kerf::report {
namespace {

constexpr std::size_t kReasonsFirst = 8;
constexpr std::size_t kExamples = 3;
constexpr std::size_t kLeftOutFirst = 6;
constexpr std::size_t kNamesFirst = 4;
constexpr std::size_t kNotesFirst = 8;

std::string whole_percent(double part) {
  return fmt::format("{:.0f} %", std::isfinite(part) ? 100 * std::clamp(part, 0.0, 1.0) : 0.0);
}

std::string pod_name(const Screen& screen, std::uint32_t index) {
  const cluster::Pod& pod = screen.demand.pods.at(index);
  const std::string& ns = screen.demand.shapes.at(pod.shape).ns;
  return screen.elide(screen.safe(ns.empty() ? pod.name : ns + "/" + pod.name), 60);
}

/// The first of many names, and how many more there are.
std::string listed(const Screen& screen, const std::vector<std::string>& names) {
  std::string out;
  const std::size_t named =
      screen.options.all || names.size() <= kNamesFirst + 1 ? names.size() : kNamesFirst;
  for (std::size_t i = 0; i < named; ++i) out += (i == 0 ? "" : ", ") + names[i];
  if (named < names.size()) out += fmt::format(" and {} more", names.size() - named);
  return out;
}

/// Labels of planned nodes that follow from nothing that is bought: pods select by them.
std::string given_labels(const Screen& screen) {
  std::set<std::string> labels;
  std::int64_t nodes = 0;
  for (const plan::NodePlan& node : screen.plan.nodes) {
    bool given = false;
    for (const auto& [key, value] : node.labels) {
      if (screen.policy.node_labels.contains(key)) continue;
      labels.insert(key + "=" + value);
      given = true;
    }
    nodes += given ? 1 : 0;
  }
  if (labels.empty()) return {};
  return fmt::format(
      "{} labels that pods select by and that node pools have to set: {}. Kerf does not know what "
      "they mean, such as a certain GPU.",
      counted(nodes, "node needs", "nodes need"), listed(screen, {labels.begin(), labels.end()}));
}

/// Objects that are left out for one reason are told in one line.
std::vector<std::string> left_out(const Screen& screen) {
  std::vector<std::string> reasons;
  std::map<std::string, std::vector<std::string>> whats;
  for (const cluster::LeftOut& one : screen.demand.left_out) {
    std::vector<std::string>& of_reason = whats[one.why];
    if (of_reason.empty()) reasons.push_back(one.why);
    of_reason.push_back(one.what);
  }
  std::vector<std::string> lines;
  for (const std::string& why : reasons) {
    lines.push_back(fmt::format("Left out: {}{}.", listed(screen, whats[why]),
                                why.empty() ? "" : fmt::format(" ({})", why)));
  }
  return lines;
}

}  // namespace

void write_use(Screen& screen) {
  const plan::Utilisation& use = screen.plan.utilisation;
  if (screen.plan.nodes.empty()) return;
  screen.blank();
  screen.line(
      fmt::format("Use: {} of GPU memory, {} of CPU, {} of memory", whole_percent(use.gpu_memory),
                  whole_percent(use.cpu), whole_percent(use.memory)),
      Style::Bold);
  if (use.idle.micro == 0) return;
  screen.line(fmt::format("  {} of the fleet's {} buys GPU room that no pod holds:",
                          screen.hour(use.idle), screen.hour(screen.plan.bill)));
  Grid grid({{"", true, 0}, {"", false, 20}});
  const auto cause = [&](MicroUsdPerHour amount, const char* what) {
    if (amount.micro != 0) grid.row({screen.hour(amount), what});
  };
  cause(use.stranded_geometry, "too small or in the wrong place for any slice that these pods use");
  cause(use.stranded_cpu, "stranded: the CPU of the node is used up");
  cause(use.stranded_memory, "stranded: the memory, disk or pod count of the node is used up");
  cause(use.free, "free: pods like these could still use it");
  grid.print(screen, 4);
}

void write_unplaced(Screen& screen) {
  const std::vector<plan::Unplaced>& unplaced = screen.plan.unplaced;
  if (unplaced.empty()) return;
  std::vector<std::pair<std::string, std::vector<std::uint32_t>>> groups;
  std::map<std::string, std::size_t> index;
  for (const plan::Unplaced& entry : unplaced) {
    std::string why = sentence(entry.reason);
    const auto [it, fresh] = index.try_emplace(why, groups.size());
    if (fresh) groups.emplace_back(std::move(why), std::vector<std::uint32_t>());
    groups[it->second].second.push_back(entry.pod);
  }
  std::stable_sort(groups.begin(), groups.end(),
                   [](const auto& a, const auto& b) { return a.second.size() > b.second.size(); });
  screen.blank();
  screen.line(
      fmt::format("Not placed: {} of {}",
                  with_thousands(static_cast<std::int64_t>(unplaced.size())),
                  counted(static_cast<std::int64_t>(screen.demand.pods.size()), "pod", "pods")),
      Style::Alarm);
  const std::size_t shown =
      screen.options.all || groups.size() <= kReasonsFirst + 1 ? groups.size() : kReasonsFirst;
  for (std::size_t g = 0; g < shown; ++g) {
    const auto& [why, pods] = groups[g];
    screen.paragraph(
        fmt::format("{}: {}", counted(static_cast<std::int64_t>(pods.size()), "pod", "pods"), why),
        Style::Plain, 2, 4);
    const std::size_t named = screen.options.all ? pods.size() : std::min(kExamples, pods.size());
    std::string names;
    for (std::size_t i = 0; i < named; ++i)
      names += (i == 0 ? "" : ", ") + pod_name(screen, pods[i]);
    if (named < pods.size())
      names += fmt::format(" and {} more",
                           with_thousands(static_cast<std::int64_t>(pods.size() - named)));
    screen.paragraph(names, Style::Dim, 6);
  }
  if (shown < groups.size()) screen.more(fmt::format("{} more reasons", groups.size() - shown));
}

void write_notes(Screen& screen) {
  std::vector<std::string> notes;
  std::set<std::string> seen;
  const auto add = [&](const std::string& note) {
    if (!note.empty() && seen.insert(note).second) notes.push_back(note);
  };
  for (const std::string& note : assumptions(screen.plan, screen.demand, screen.policy)) add(note);
  for (const std::string& note : screen.plan.notes) add(note);
  for (const std::string& note : screen.demand.notes) add(note);
  const auto limit = [&](std::size_t n, std::size_t first) {
    return screen.options.all || n <= first + 1 ? n : first;
  };
  add(given_labels(screen));
  const std::vector<std::string>& unpriced = screen.market.unpriced;
  if (!unpriced.empty()) {
    add(fmt::format("The prices leave out {}, which {} not considered: {}.",
                    counted(static_cast<std::int64_t>(unpriced.size()), "type", "types"),
                    unpriced.size() == 1 ? "is" : "are", listed(screen, unpriced)));
  }
  const std::vector<std::string> omitted = left_out(screen);
  if (notes.empty() && omitted.empty()) return;
  screen.blank();
  screen.line("Notes", Style::Bold);
  const std::size_t shown = limit(notes.size(), kNotesFirst);
  for (std::size_t i = 0; i < shown; ++i) screen.paragraph(notes[i], Style::Dim, 2, 2);
  if (shown < notes.size()) screen.more(fmt::format("{} more notes", notes.size() - shown));
  const std::size_t told = limit(omitted.size(), kLeftOutFirst);
  for (std::size_t i = 0; i < told; ++i) screen.paragraph(omitted[i], Style::Dim, 2, 2);
  if (told < omitted.size())
    screen.more(fmt::format("{} more reasons why objects are left out", omitted.size() - told));
}

}  // namespace kerf::report
