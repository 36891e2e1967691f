// The fleet: like nodes together, each with its GPUs drawn as slot bars.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "report/figures.h"
#include "report/screen.h"
#include "report/slot_bar.h"

namespace kerf::report {
namespace {

constexpr std::size_t kGroupsFirst = 10;  ///< groups on the first screen, if these are all
constexpr std::size_t kGroupsOfMany = 5;  ///< else so many, below a summary by type
constexpr std::size_t kTypesFirst = 10;
constexpr std::size_t kBarsFirst = 4;  ///< different GPUs of a group there

/// Nodes that are bought alike and cut alike.
struct Group {
  const plan::NodePlan* node = nullptr;
  std::int64_t count = 0;
  std::map<std::string, std::int64_t> bars;  ///< drawing -> GPUs of one node
};

std::vector<Group> group(const Screen& screen) {
  using Key = std::tuple<std::uint32_t, market::CapacityType, bool, std::int64_t,
                         std::vector<std::string>, std::map<std::string, std::int64_t>>;
  std::map<Key, std::size_t> index;
  std::vector<Group> groups;
  for (const plan::NodePlan& node : screen.plan.nodes) {
    std::map<std::string, std::int64_t> bars;
    for (const plan::GpuPlan& gpu : node.gpus)
      ++bars[slot_bar(model_of(screen.market, node), gpu, screen.options.unicode)];
    const auto [it, fresh] = index.try_emplace(
        Key{node.type, node.capacity_type, node.owned, node.price.micro, node.zones, bars},
        groups.size());
    if (fresh) groups.push_back({&node, 0, std::move(bars)});
    ++groups[it->second].count;
  }
  return groups;
}

MicroUsdPerHour total(const Group& group) { return group.node->price * group.count; }

/// Most frequent first, then by drawing; idle GPUs last.
std::vector<std::pair<std::string, std::int64_t>> bars_of(const Screen& screen,
                                                          const Group& group) {
  const std::string idle =
      slot_bar(model_of(screen.market, *group.node), {}, screen.options.unicode);
  std::vector<std::pair<std::string, std::int64_t>> bars(group.bars.begin(), group.bars.end());
  std::stable_sort(bars.begin(), bars.end(), [&](const auto& a, const auto& b) {
    if ((a.first == idle) != (b.first == idle)) return b.first == idle;
    return a.second > b.second;
  });
  return bars;
}

std::string gpus_of(const market::InstanceType& type) {
  if (type.gpu_fraction > 1) return fmt::format("1/{} {}", type.gpu_fraction, type.gpu_model);
  return fmt::format("{} x {}", type.gpu_count, type.gpu_model);
}

/// Where and how it is bought, if that is not plain: "spot, us-east-1a".
std::string terms_of(const plan::NodePlan& node) {
  std::string out;
  if (node.owned) out = "owned";
  else if (node.capacity_type != market::CapacityType::OnDemand)
    out = std::string(market::to_string(node.capacity_type));
  for (std::size_t i = 0; i < node.zones.size(); ++i)
    out += (out.empty() ? "" : i == 0 ? ", " : " or ") + node.zones[i];
  return out;
}

/// The widths of the columns of the groups shown.
struct Widths {
  std::size_t count = 0, type = 0, gpus = 0, price = 0, total = 0;
};

constexpr std::size_t kNameMax = 28;  ///< a type's or GPU's name

std::string price_of(const plan::NodePlan& node) { return format_usd(node.price, 3) + "/h each"; }

std::string total_of(const Screen& screen, const Group& group) { return screen.hour(total(group)); }

void write_group(Screen& screen, const Group& group, const Widths& widths) {
  const market::InstanceType& type = screen.market.types[group.node->type];
  std::string text =
      fmt::format("  {} x {}  {}  {}  {}", padded_left(with_thousands(group.count), widths.count),
                  padded(screen.elide(screen.safe(type.name), kNameMax), widths.type),
                  padded(screen.elide(screen.safe(gpus_of(type)), kNameMax), widths.gpus),
                  padded_left(price_of(*group.node), widths.price),
                  padded_left(group.count == 1 ? "" : total_of(screen, group), widths.total));
  const std::string terms = screen.safe(terms_of(*group.node));
  if (!terms.empty()) {
    const std::size_t used = columns(text) + 2;
    if (used + 8 < kColumnsMax) {
      text += "  " + screen.elide(terms, kColumnsMax - used);
    } else {
      screen.line(text);
      text = "      " + screen.elide(terms, kColumnsMax - 6);
    }
  }
  screen.line(text);
  const auto bars = bars_of(screen, group);
  const std::size_t shown =
      screen.options.all || bars.size() <= kBarsFirst + 1 ? bars.size() : kBarsFirst;
  for (std::size_t i = 0; i < shown; ++i)
    screen.line(padded_left(type.gpu_count == 1 ? "" : with_thousands(bars[i].second) + "x", 8) +
                " " + bars[i].first);
  if (shown < bars.size()) {
    std::int64_t rest = 0;
    for (std::size_t i = shown; i < bars.size(); ++i) rest += bars[i].second;
    screen.more(counted(rest, "GPU cut otherwise", "GPUs cut otherwise"));
  }
}

Widths measure(const Screen& screen, const std::vector<Group>& groups, std::size_t shown) {
  Widths widths;
  for (std::size_t i = 0; i < shown; ++i) {
    const Group& group = groups[i];
    const market::InstanceType& type = screen.market.types[group.node->type];
    const auto widen = [](std::size_t& width, std::string_view text) {
      width = std::max(width, columns(text));
    };
    widen(widths.count, with_thousands(group.count));
    widen(widths.type, screen.elide(screen.safe(type.name), kNameMax));
    widen(widths.gpus, screen.elide(screen.safe(gpus_of(type)), kNameMax));
    widen(widths.price, price_of(*group.node));
    if (group.count > 1) widen(widths.total, total_of(screen, group));
  }
  return widths;
}

/// Explains the shading, if there is any in what is drawn.
void write_legend(Screen& screen, const std::vector<Group>& groups, std::size_t shown) {
  bool vacant = false, uncut = false;
  for (std::size_t i = 0; i < shown; ++i)
    for (const auto& [bar, count] : groups[i].bars) {
      vacant = vacant || bar.find(free_sign(true)) != std::string::npos ||
               bar.find("free") != std::string::npos || bar.find("idle") != std::string::npos;
      const std::string uncut_cell = std::string(uncut_sign(screen.options.unicode)) +
                                     std::string(uncut_sign(screen.options.unicode));
      uncut = uncut || bar.find(uncut_cell) != std::string::npos;
    }
  if (!vacant && !uncut) return;
  std::string text = "  a slice is as wide as its memory";
  if (vacant) text += fmt::format("; {} no pod", free_sign(screen.options.unicode));
  if (uncut) text += fmt::format("; {} not cut", uncut_sign(screen.options.unicode));
  screen.line(text, Style::Dim);
}

/// How many of each type, dearest first: the fleet at a glance where its groups are too many.
void write_types(Screen& screen) {
  struct Sum {
    std::int64_t nodes = 0;
    MicroUsdPerHour rate;
  };
  std::map<std::uint32_t, Sum> sums;
  for (const plan::NodePlan& node : screen.plan.nodes) {
    ++sums[node.type].nodes;
    sums[node.type].rate += node.price;
  }
  std::vector<std::pair<std::uint32_t, Sum>> order(sums.begin(), sums.end());
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.second.rate > b.second.rate; });
  const std::size_t shown = order.size() <= kTypesFirst + 1 ? order.size() : kTypesFirst;
  Grid grid({{"", true, 0}, {"", false, 12}, {"", false, 8}, {"", true, 0}});
  for (std::size_t i = 0; i < shown; ++i) {
    const market::InstanceType& type = screen.market.types[order[i].first];
    grid.row({with_thousands(order[i].second.nodes) + " x", screen.safe(type.name),
              screen.safe(gpus_of(type)), screen.hour(order[i].second.rate)});
  }
  grid.print(screen, 2);
  if (shown < order.size()) screen.more(fmt::format("{} more types", order.size() - shown));
}

}  // namespace

void write_fleet(Screen& screen) {
  const Plan& plan = screen.plan;
  if (plan.nodes.empty()) return;
  std::vector<Group> groups = group(screen);
  const bool many = groups.size() > kGroupsFirst + 1;
  const std::size_t shown = screen.options.all || !many ? groups.size() : kGroupsOfMany;
  std::int64_t gpus = 0, owned = 0, standing = 0;
  for (const plan::NodePlan& node : plan.nodes) {
    gpus += static_cast<std::int64_t>(node.gpus.size());
    owned += node.owned ? 1 : 0;
    standing += node.name.empty() ? 0 : 1;
  }
  screen.blank();
  const auto all = static_cast<std::int64_t>(plan.nodes.size());
  const bool bought = owned == 0 && standing == 0 && !screen.options.owned_only;
  const std::string count =
      screen.options.owned_only ? counted(all, "owned node", "owned nodes")
      : standing > 0
          ? fmt::format("{} that {} already and {} to buy", counted(standing, "node", "nodes"),
                        standing == 1 ? "stands" : "stand", with_thousands(all - standing))
      : owned == 0 ? counted(all, "node", "nodes")
                   : fmt::format("{} to buy and {} owned", counted(all - owned, "node", "nodes"),
                                 with_thousands(owned));
  screen.line(fmt::format("{}: {}, {}, {}", bought ? "Fleet to buy" : "Fleet", count,
                          counted(gpus, "GPU", "GPUs"), screen.hour(plan.bill)),
              Style::Bold);
  if (many) {
    write_types(screen);
    std::stable_sort(groups.begin(), groups.end(),
                     [](const Group& a, const Group& b) { return total(a) > total(b); });
    screen.blank();
    screen.line("  Nodes that are cut alike, dearest together first", Style::Dim);
  }
  const Widths widths = measure(screen, groups, shown);
  for (std::size_t i = 0; i < shown; ++i) write_group(screen, groups[i], widths);
  if (shown < groups.size()) {
    std::int64_t nodes = 0;
    MicroUsdPerHour rest;
    for (std::size_t i = shown; i < groups.size(); ++i) {
      nodes += groups[i].count;
      rest += total(groups[i]);
    }
    screen.more(fmt::format("{} in {} other groups, {} together", counted(nodes, "node", "nodes"),
                            groups.size() - shown, screen.hour(rest)));
  }
  write_legend(screen, groups, shown);
}

}  // namespace kerf::report
