// The lower part of the table: use of what is bought, what is not placed, assumptions.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "report/screen.h"
#include "report/sentence.h"

namespace kerf::report {
namespace {

constexpr std::size_t kReasonsFirst = 8;
constexpr std::size_t kExamples = 3;
constexpr std::size_t kLeftOutFirst = 6;
constexpr std::size_t kNotesFirst = 8;

std::string whole_percent(double part) {
  return fmt::format("{:.0f} %", std::isfinite(part) ? 100 * std::clamp(part, 0.0, 1.0) : 0.0);
}

std::string pod_name(const Screen& screen, std::uint32_t index) {
  const cluster::Pod& pod = screen.demand.pods.at(index);
  const std::string& ns = screen.demand.shapes.at(pod.shape).ns;
  return screen.elide(screen.safe(ns.empty() ? pod.name : ns + "/" + pod.name), 60);
}

}  // namespace

void write_use(Screen& screen) {
  const plan::Utilisation& use = screen.plan.utilisation;
  if (screen.plan.nodes.empty()) return;
  screen.blank();
  screen.line(fmt::format("Use: {} of GPU memory, {} of CPU, {} of memory",
                          whole_percent(use.gpu_memory), whole_percent(use.cpu),
                          whole_percent(use.memory)),
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
  std::stable_sort(groups.begin(), groups.end(), [](const auto& a, const auto& b) {
    return a.second.size() > b.second.size();
  });
  screen.blank();
  screen.line(fmt::format("Not placed: {} of {}",
                          with_thousands(static_cast<std::int64_t>(unplaced.size())),
                          counted(static_cast<std::int64_t>(screen.demand.pods.size()), "pod",
                                  "pods")),
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
  if (shown < groups.size())
    screen.more(fmt::format("{} more reasons", groups.size() - shown));
}

void write_notes(Screen& screen) {
  std::vector<std::string> notes;
  std::set<std::string> seen;
  const auto add = [&](const std::string& note) {
    if (!note.empty() && seen.insert(note).second) notes.push_back(note);
  };
  for (const std::string& note : screen.plan.notes) add(note);
  for (const std::string& note : screen.demand.notes) add(note);
  const auto limit = [&](std::size_t n, std::size_t first) {
    return screen.options.all || n <= first + 1 ? n : first;
  };
  const std::vector<std::string>& unpriced = screen.market.unpriced;
  if (!unpriced.empty()) {
    std::string names;
    const std::size_t named = limit(unpriced.size(), 4);
    for (std::size_t i = 0; i < named; ++i) names += (i == 0 ? "" : ", ") + unpriced[i];
    if (named < unpriced.size()) names += fmt::format(" and {} more", unpriced.size() - named);
    add(fmt::format("The prices leave out {}, which {} not considered: {}.",
                    counted(static_cast<std::int64_t>(unpriced.size()), "type", "types"),
                    unpriced.size() == 1 ? "is" : "are", names));
  }
  const std::vector<cluster::LeftOut>& left_out = screen.demand.left_out;
  if (notes.empty() && left_out.empty()) return;
  screen.blank();
  screen.line("Notes", Style::Bold);
  const std::size_t shown = limit(notes.size(), kNotesFirst);
  for (std::size_t i = 0; i < shown; ++i) screen.paragraph(notes[i], Style::Dim, 2, 2);
  if (shown < notes.size()) screen.more(fmt::format("{} more notes", notes.size() - shown));
  const std::size_t told = limit(left_out.size(), kLeftOutFirst);
  for (std::size_t i = 0; i < told; ++i)
    screen.paragraph(left_out[i].why.empty()
                         ? fmt::format("Left out: {}.", left_out[i].what)
                         : fmt::format("Left out: {} ({}).", left_out[i].what, left_out[i].why),
                     Style::Dim, 2, 2);
  if (told < left_out.size())
    screen.more(fmt::format("{} more kinds of objects left out", left_out.size() - told));
}

}  // namespace kerf::report
