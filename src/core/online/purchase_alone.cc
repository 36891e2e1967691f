// One class alone: a covering problem with one number, solved from one item up.
#include "core/online/purchase_alone.h"

#include <algorithm>
#include <vector>

namespace kerf::online {

namespace {

using plan::Candidate;
using plan::Machine;
using plan::Pattern;
using plan::Room;

/// A node filled with items of the class, as many as it holds.
struct Full {
  std::int64_t price = 0;
  std::int64_t items = 0;
  Pattern pattern;
};

Full fill(const plan::Problem& problem, std::uint32_t m, std::uint32_t cls, std::int64_t items) {
  const Machine& machine = problem.machines[m];
  const plan::GpuKind& kind = *problem.kinds[machine.kind];
  std::vector<std::pair<std::int64_t, std::uint32_t>> order;  // GPU weight, candidate
  for (std::uint32_t i = 0; i < machine.candidates.size(); ++i)
    if (machine.candidates[i].cls == cls)
      order.emplace_back(kind.weight(machine.candidates[i].units), i);
  std::sort(order.begin(), order.end());
  Room room(problem, m);
  Full full{machine.price.micro, 0, {}};
  for (const auto& [weight, candidate] : order) {
    const std::int64_t n = room.most(candidate, items - full.items);
    room.add(candidate, n);
    full.items += n;
  }
  full.pattern = room.pattern();
  return full;
}

/// The node with `items` of its items, the first candidates first.
Pattern cut_down(Pattern pattern, std::int64_t items) {
  for (auto& [candidate, n] : pattern.content) {
    n = static_cast<std::int32_t>(std::min<std::int64_t>(n, items));
    items -= n;
  }
  std::erase_if(pattern.content, [](const auto& entry) { return entry.second == 0; });
  return pattern;
}

}  // namespace

std::optional<BoughtAlone> buy_alone(const plan::Problem& problem, std::uint32_t cls,
                                     std::int64_t items) {
  std::vector<Full> all;
  for (std::uint32_t m = 0; m < problem.machines.size(); ++m) {
    Full full = fill(problem, m, cls, items);
    if (full.items > 0) all.push_back(std::move(full));
  }
  if (all.empty()) return std::nullopt;
  std::stable_sort(all.begin(), all.end(),
                   [](const Full& a, const Full& b) { return a.price < b.price; });
  std::vector<Full> useful;  // each holds more than any that is no dearer
  for (Full& full : all)
    if (useful.empty() || full.items > useful.back().items) useful.push_back(std::move(full));
  const auto count = static_cast<std::size_t>(items);
  std::vector<std::int64_t> least(count + 1, 0);
  std::vector<std::size_t> last(count + 1, 0);  ///< the node bought last for so many
  for (std::size_t n = 1; n <= count; ++n) {
    for (std::size_t i = 0; i < useful.size(); ++i) {
      const auto held = std::min(n, static_cast<std::size_t>(useful[i].items));
      const std::int64_t bill = useful[i].price + least[n - held];
      if (i > 0 && bill >= least[n]) continue;
      least[n] = bill;
      last[n] = i;
    }
  }
  BoughtAlone bought{{}, {least[count]}};
  for (std::size_t n = count; n > 0;) {
    const Full& full = useful[last[n]];
    const auto held = std::min(n, static_cast<std::size_t>(full.items));
    bought.fleet.push_back(cut_down(full.pattern, static_cast<std::int64_t>(held)));
    n -= held;
  }
  return bought;
}

}  // namespace kerf::online
