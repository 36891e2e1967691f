// Cells of a GPU's drawing.
#include "report/slot_bar.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "report/text.h"

namespace kerf::report {
namespace {

constexpr std::size_t kSlotColumns = 9;    ///< with one border: room for "1g.10gb"
constexpr std::size_t kWholeColumns = 24;  ///< inside of a GPU that is not cut
constexpr std::size_t kReplicaColumns = 9;

struct Cell {
  std::size_t inside = 0;  ///< columns between the borders
  std::string label;
  std::string_view fill = " ";
};

std::string draw(const std::vector<Cell>& cells, bool unicode) {
  const std::string_view border = unicode ? "│" : "|";
  std::string out(border);
  for (const Cell& cell : cells) {
    std::string label = elided(cell.label, cell.inside, unicode);
    // Blanks around a label on shaded ground, where there is room.
    if (cell.fill != " " && !label.empty() && columns(label) + 4 <= cell.inside)
      label = " " + label + " ";
    out += centred(label, cell.inside, cell.fill);
    out += border;
  }
  return out;
}

/// What an unheld device is called: "free 3g.40gb", or "free" where that is too long.
std::string vacant(const plan::SlicePlan& slice, const std::string& name, std::size_t inside) {
  const std::string word = slice.headroom ? "kept" : "free";
  const std::string full = name.empty() ? word : word + " " + name;
  return columns(full) + 4 <= inside ? full : word;
}

std::string draw_slices(const gpu::Model& model, const plan::GpuPlan& gpu, bool unicode) {
  const std::size_t slots = std::max<std::size_t>(model.slots, 1);
  const std::size_t each = std::clamp<std::size_t>((kSlotBarMax - 1) / slots, 2, kSlotColumns);
  std::vector<const plan::SlicePlan*> order;
  for (const plan::SlicePlan& slice : gpu.slices) order.push_back(&slice);
  std::stable_sort(order.begin(), order.end(),
                   [](const auto* a, const auto* b) { return a->start < b->start; });
  std::vector<Cell> cells;
  std::size_t at = 0;
  const auto uncut = [&](std::size_t until) {
    if (until > at) cells.push_back({(until - at) * each - 1, "", uncut_sign(unicode)});
    at = until;
  };
  for (const plan::SlicePlan* slice : order) {
    if (slice->form.profile >= model.profiles.size()) continue;
    const gpu::Profile& profile = model.profiles[slice->form.profile];
    if (profile.slots == 0 || slice->start < at || slice->start + profile.slots > slots) continue;
    uncut(slice->start);
    Cell cell{profile.slots * each - 1, profile.name, " "};
    if (slice->pod == plan::kNoPod) {
      cell.label = vacant(*slice, profile.name, cell.inside);
      cell.fill = free_sign(unicode);
    }
    cells.push_back(std::move(cell));
    at = slice->start + profile.slots;
  }
  uncut(slots);
  return draw(cells, unicode);
}

}  // namespace

std::string_view free_sign(bool unicode) { return unicode ? "▒" : "."; }
std::string_view uncut_sign(bool unicode) { return unicode ? "░" : "-"; }

std::string slot_bar(const gpu::Model& model, const plan::GpuPlan& gpu, bool unicode) {
  if (gpu.slices.empty()) return draw({{kWholeColumns, "idle", free_sign(unicode)}}, unicode);
  const gpu::Form& form = gpu.slices.front().form;
  if (form.kind == gpu::FormKind::Slice) return draw_slices(model, gpu, unicode);
  std::vector<Cell> cells;
  if (gpu.slices.size() == 1) {
    Cell cell{kWholeColumns, printable(gpu::describe(model, form), unicode), " "};
    if (gpu.slices[0].pod == plan::kNoPod) {
      cell.label = vacant(gpu.slices[0], "", cell.inside);
      cell.fill = free_sign(unicode);
    }
    return draw({std::move(cell)}, unicode);
  }
  const std::size_t fitting = (kSlotBarMax - 1) / gpu.slices.size();
  if (fitting < 3) {
    const auto held = std::count_if(gpu.slices.begin(), gpu.slices.end(),
                                    [](const auto& s) { return s.pod != plan::kNoPod; });
    return draw({{kWholeColumns, fmt::format("{} of {} replicas", held, gpu.slices.size()), " "}},
                unicode);
  }
  for (const plan::SlicePlan& slice : gpu.slices) {
    Cell cell{std::min(fitting - 1, kReplicaColumns), fmt::format("1/{}", slice.form.replicas),
              " "};
    if (slice.pod == plan::kNoPod) {
      cell.label = vacant(slice, "", cell.inside);
      cell.fill = free_sign(unicode);
    }
    cells.push_back(std::move(cell));
  }
  return draw(cells, unicode);
}

}  // namespace kerf::report
