// Where the saving comes from: one line for each lever, and what is owned.
#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "report/figures.h"
#include "report/screen.h"

namespace kerf::report {
namespace {

std::string label_of(std::string_view lever) {
  if (lever == "purchase") return "better purchase: the same GPUs, packed anew";
  if (lever == "model") return "cheaper GPU models where requests allow";
  if (lever == "waiting") return "serving the pods that wait";
  if (lever == "types") return "the right types of whole GPUs";
  if (lever == "slicing") return "slices where they cost less";
  if (lever == "spot") return "spot capacity";
  if (lever == "reserved") return "reserved capacity";
  if (lever == "owned") return "nodes that are owned";
  return std::string(lever);
}

/// Of a cluster, where slicing saves nothing: what of its pods' requests leaves nothing to slice.
std::string why_nothing_to_slice(const cluster::Demand& demand) {
  bool whole = false, parts = false;
  for (const cluster::PodShape& shape : demand.shapes)
    for (const cluster::GpuRequest& request : shape.gpu)
      (request.kind == cluster::GpuRequestKind::Whole ? whole : parts) = true;
  if (!parts) return "each asks for whole GPUs and gets them.";
  if (!whole) return "what they ask for is cut already.";
  return "slices are cut already, and who asks for a whole GPU gets one.";
}

std::string verdict_on_slicing(const Screen& screen) {
  const std::vector<plan::Lever>& levers = screen.plan.levers;
  const bool from_today = levers.front().name == "purchase";
  const auto slicing = std::find_if(levers.begin(), levers.end(),
                                    [](const auto& lever) { return lever.name == "slicing"; });
  if (slicing == levers.end() || !slicing->comparable || slicing->after < slicing->before)
    return "";
  if (from_today)
    return slicing->after == slicing->before
               ? "Slicing saves nothing as these pods ask: " + why_nothing_to_slice(screen.demand)
               : "";
  return slicing->after == slicing->before
             ? "Slicing alone saves nothing here: whole GPUs of the best types cost as little."
             : "Slicing alone saves nothing here: these requests cost more than whole GPUs of the "
               "best types would.";
}

}  // namespace

void write_levers(Screen& screen) {
  const std::vector<plan::Lever>& levers = screen.plan.levers;
  if (levers.empty()) return;
  screen.blank();
  screen.line("Where the saving comes from, an hour", Style::Bold);
  const MicroUsdPerHour start = levers.front().before;
  Grid grid(
      {{"", false, 20}, {"saves", true, 0}, {"", true, 0}, {"leaves", true, 0}, {"", false, 6}});
  const bool from_today = levers.front().name == "purchase";
  grid.row({from_today ? "today" : "as whole GPUs, packed by Karpenter, on demand", "", "",
            screen.hour(start), ""});
  bool comparable = true;
  for (const plan::Lever& lever : levers) {
    comparable = comparable && lever.comparable;
    const MicroUsdPerHour part = lever.before - lever.after;
    const std::string sign = part.micro < 0 ? "-" : "";
    grid.row({screen.safe(label_of(lever.name)),
              sign + screen.hour({part.micro < 0 ? -part.micro : part.micro}),
              start.micro > 0 ? percent(saving_tenths(start.micro, start.micro - part.micro)) : "",
              screen.hour(lever.after), lever.comparable ? "" : "other pods served"});
  }
  const MicroUsdPerHour all = start - levers.back().after;
  grid.row({"all together",
            (all.micro < 0 ? "-" : "") + screen.hour({all.micro < 0 ? -all.micro : all.micro}),
            start.micro > 0 ? percent(saving_tenths(start.micro, levers.back().after.micro)) : "",
            screen.hour(levers.back().after), ""},
           Style::Bold);
  grid.print(screen, 2);
  if (!comparable) {
    screen.paragraph("Where other pods are served than in the line above, the saving says nothing.",
                     Style::Dim, 2);
  }
  if (const std::string text = verdict_on_slicing(screen); !text.empty())
    screen.paragraph(text, Style::Plain, 2);
}

void write_owned(Screen& screen) {
  const OwnedUse use = owned_use(screen.plan, screen.market);
  if (use.nodes == 0) return;
  std::string text = fmt::format("{} used, which {} nothing here.",
                                 counted(use.nodes, "owned node is", "owned nodes are"),
                                 use.nodes == 1 ? "costs" : "cost");
  if (use.unpriced < use.nodes)
    text += fmt::format(" On demand {} would cost {}: with them the fleet is worth {}.",
                        use.nodes == 1 ? "it" : "they", screen.hour(use.on_demand),
                        screen.hour(use.on_demand + screen.plan.bill));
  if (use.unpriced > 0)
    text += fmt::format(" {} no price on demand{}.",
                        counted(use.unpriced, "of them has", "of them have"),
                        use.unpriced == use.nodes ? ""
                        : use.unpriced == 1       ? " and is not counted"
                                                  : " and are not counted");
  screen.paragraph(text, Style::Plain, 2);
}

}  // namespace kerf::report
