// The inventory as the text that people read in a terminal.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "report/inventory.h"
#include "report/text.h"

namespace kerf::report {
namespace {

using agent::FactFrom;
using agent::InventoryGpu;

constexpr std::size_t kLabel = 14;
constexpr std::size_t kSliceWidth = 18;  ///< the longest there is: "1g.24gb+me.all@9"
constexpr std::size_t kBeforeUuid = 52;

class InventoryTable {
 public:
  explicit InventoryTable(bool unicode) : unicode_(unicode) {}

  void head(const agent::Inventory& inventory);
  void gpu(const InventoryGpu& gpu);
  std::string take() && { return std::move(text_); }

 private:
  std::string safe(const std::string& text) const { return printable(text, unicode_); }
  void line(const std::string& text) { text_ += text + '\n'; }
  /// "  memory      40,960 MiB": what does not fit goes on in the next line, under its beginning.
  void fact(const std::string& label, const std::string& text);
  void slices(const InventoryGpu& gpu);
  void processes(const std::vector<agent::InventoryProcess>& list, std::size_t indent);

  bool unicode_;
  std::string text_;
};

std::string mib(std::int64_t value) { return with_thousands(value) + " MiB"; }

std::string mode_text(const InventoryGpu& gpu) {
  if (!gpu.mig_capable.value_or(false)) return "this GPU has none";
  std::string now = gpu.mode ? "on" : "off";
  if (gpu.mode == gpu.mode_pending) return now;
  return fmt::format("{}, and {} after the next reset of the GPU", now,
                     gpu.mode_pending ? "on" : "off");
}

std::string profiles_text(const InventoryGpu& gpu) {
  const std::string count =
      counted(static_cast<std::int64_t>(gpu.profiles.size()), "kind of slice", "kinds of slice");
  std::set<FactFrom> placed;
  for (const auto& profile : gpu.profiles) placed.insert(profile.placements_from);
  switch (gpu.profiles_from) {
    case FactFrom::Nowhere: return "not known: neither the driver nor Kerf's table tells them";
    case FactFrom::Table:
      return count +
             ", from Kerf's table: the driver does not tell them (an old one does so only "
             "while MIG is on)";
    case FactFrom::Driver: break;
  }
  if (placed.contains(FactFrom::Nowhere))
    return count + ", from the driver; some placements are not known";
  if (placed.contains(FactFrom::Table))
    return count + ", from the driver; placements from Kerf's table";
  return count + ", and their placements, from the driver";
}

void InventoryTable::fact(const std::string& label, const std::string& text) {
  std::string start = padded("  " + label, kLabel);
  for (const std::string& part : wrapped(text, kColumnsMax - kLabel)) {
    line(start + part);
    start = std::string(kLabel, ' ');
  }
}

void InventoryTable::head(const agent::Inventory& inventory) {
  const auto known = [&](const std::string& text) { return text.empty() ? "?" : safe(text); };
  for (const std::string& part : wrapped(
           fmt::format("driver {}, NVML {}, CUDA {}; {}", known(inventory.driver_version),
                       known(inventory.nvml_version), known(inventory.cuda_version),
                       counted(static_cast<std::int64_t>(inventory.gpus.size()), "GPU", "GPUs")),
           kColumnsMax))
    line(part);
}

void InventoryTable::processes(const std::vector<agent::InventoryProcess>& list,
                               std::size_t indent) {
  for (const agent::InventoryProcess& process : list) {
    line(fmt::format("{}pid {}{}", std::string(indent, ' '), process.pid,
                     process.used_mib ? ", " + mib(*process.used_mib) : ""));
  }
}

void InventoryTable::slices(const InventoryGpu& gpu) {
  for (const agent::InventoryInstance& one : gpu.instances) {
    const std::string name = one.name.empty() ? fmt::format("profile-{}", one.profile) : one.name;
    const std::string slice = fmt::format("{}@{}", safe(name), one.slots.start);
    std::string text = padded("    " + elided(slice, kSliceWidth - 1, unicode_), kSliceWidth + 4) +
                       padded(fmt::format("GI {}", one.gi), 7);
    if (!one.computes_known) line(text + "compute instances not known");
    else if (one.computes.empty()) line(text + "no compute instance: no pod can use it");
    for (const agent::InventoryCompute& compute : one.computes) {
      text += padded(fmt::format("CI {}", compute.id), 6);
      text += padded(one.computes.size() > 1 ? fmt::format("{}c", compute.slices) : "", 3);
      const std::string total = one.memory_mib ? mib(*one.memory_mib) : "";
      text += padded_left(total, 12) + "  " +
              elided(safe(compute.uuid), kColumnsMax - kBeforeUuid, unicode_);
      line(text);
      text = std::string(29, ' ');
    }
    if (one.used_mib && *one.used_mib > 0 && !one.processes.empty())
      line(std::string(29, ' ') + mib(*one.used_mib) + " used");
    processes(one.processes, 29);
  }
}

void InventoryTable::gpu(const InventoryGpu& gpu) {
  line("");
  const std::string model = !gpu.model.empty() ? gpu.model
                            : gpu.name.empty() ? "model not known"
                                               : "a model that Kerf does not know";
  for (const std::string& part :
       wrapped(fmt::format("GPU {}: {}, {}", gpu.index, safe(model),
                           gpu.uuid.empty() ? "UUID not known" : safe(gpu.uuid)),
               kColumnsMax))
    line(part);
  if (gpu.lost) fact("lost", "it fell off the bus, or needs a reset");
  if (!gpu.name.empty()) fact("product", safe(gpu.name));
  std::string place = safe(gpu.pci_bus_id);
  if (gpu.minor) place += fmt::format("{}/dev/nvidia{}", place.empty() ? "" : ", ", *gpu.minor);
  if (!place.empty()) fact("at", place);
  if (gpu.memory_mib)
    fact("memory",
         mib(*gpu.memory_mib) + (gpu.used_mib ? ", " + mib(*gpu.used_mib) + " used" : ""));
  if (gpu.mig_capable) fact("MIG", mode_text(gpu));
  if (gpu.mig_capable.value_or(false)) fact("profiles", profiles_text(gpu));
  if (gpu.mode)
    fact("layout", gpu.instances_known ? safe(agent::layout_text(gpu))
                                       : "not known: not all GPU instances were told");
  slices(gpu);
  std::map<std::uint32_t, std::vector<agent::InventoryProcess>> by_instance;
  for (const agent::InventoryProcess& process : gpu.processes)
    by_instance[process.gi].push_back(process);
  for (const auto& [gi, list] : by_instance) {
    if (gi != agent::kNoInstance)
      fact("processes", fmt::format("on GI {}, of which the driver told nothing else", gi));
    else fact("processes", gpu.mode ? "on the GPU itself, which keeps slices from being made" : "");
    processes(list, kLabel);
  }
  for (const agent::Unanswered& one : gpu.unanswered)
    fact("not told", fmt::format("{}: {}{}", one.question, agent::to_string(one.code),
                                 one.code == agent::Code::NoPermission ? " (root may ask)" : ""));
}

}  // namespace

std::string inventory_table(const agent::Inventory& inventory, bool unicode) {
  InventoryTable table(unicode);
  table.head(inventory);
  for (const InventoryGpu& gpu : inventory.gpus) table.gpu(gpu);
  return std::move(table).take();
}

}  // namespace kerf::report
