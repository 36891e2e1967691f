// The top of a plan that buys nothing: how many pods fit on what is owned, and what is left over.
#include <fmt/format.h>

#include <map>
#include <string>

#include "report/figures.h"
#include "report/screen.h"

namespace kerf::report {
namespace {

/// Nodes of each type: how many there are, how many the plan uses.
struct Stock {
  std::int64_t there = 0;
  std::int64_t used = 0;
  MicroUsdPerHour price;  ///< of one, on demand; 0 = not sold so
};

std::map<std::uint32_t, Stock> stocks(const Screen& screen) {
  std::map<std::uint32_t, Stock> out;
  for (const market::Offering& one : screen.market.offerings) {
    if (!one.count) continue;
    out[one.type].there += *one.count;
    out[one.type].price = one.price;
  }
  for (const plan::NodePlan& node : screen.plan.nodes) ++out[node.type].used;
  return out;
}

}  // namespace

void write_owned_only(Screen& screen) {
  const auto pods = static_cast<std::int64_t>(screen.demand.pods.size());
  const auto placed = static_cast<std::int64_t>(screen.plan.placements.size());
  const auto all = stocks(screen);
  std::int64_t there = 0, used = 0;
  for (const auto& [type, stock] : all) {
    there += stock.there;
    used += stock.used;
  }
  screen.paragraph(fmt::format("{} fit on what is owned, on {} of {}.",
                               placed == pods ? "All " + counted(pods, "pod", "pods")
                                              : fmt::format("{} of {}", with_thousands(placed),
                                                            counted(pods, "pod", "pods")),
                               with_thousands(used), counted(there, "node", "nodes")),
                   Style::Bold);
  screen.blank();
  Grid grid({{"owned", false, 0},
             {"nodes", true, 0},
             {"in use", true, 0},
             {"left over", true, 0},
             {"worth of what is left, a month", true, 0}});
  for (const auto& [type, stock] : all) {
    const MicroUsdPerHour left = stock.price * (stock.there - stock.used);
    grid.row({screen.safe(screen.market.types.at(type).name), with_thousands(stock.there),
              with_thousands(stock.used), with_thousands(stock.there - stock.used),
              stock.price.micro == 0
                  ? "not sold on demand"
                  : screen.month(month_micro_usd(left, static_cast<double>(kHoursPerMonth)))});
  }
  grid.print(screen, 2);
  screen.paragraph(
      "Nothing is paid for it here. Prices below are what the same nodes cost on demand.",
      Style::Dim, 2);
}

}  // namespace kerf::report
