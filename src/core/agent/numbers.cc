// Numbers of GPUs: which GPU keeps which, over what falls off the bus, restarts and replacements.
#include <optional>

#include "core/agent/mind.h"

namespace kerf::agent {
namespace {

/// A bound on what stands in files.
constexpr std::uint32_t kMaxGpus = 64;

const SeenGpu* find(const std::vector<SeenGpu>& seen, const std::string& uuid) {
  for (const SeenGpu& gpu : seen)
    if (!uuid.empty() && gpu.uuid == uuid) return &gpu;
  return nullptr;
}

/// Of the GPU itself or of a slice on it.
const SeenGpu* owner(const std::vector<SeenGpu>& seen, const std::string& uuid) {
  for (const SeenGpu& gpu : seen) {
    if (gpu.uuid == uuid) return &gpu;
    for (const SeenInstance& instance : gpu.instances)
      for (const SeenCompute& compute : instance.computes)
        if (compute.uuid == uuid) return &gpu;
  }
  return nullptr;
}

}  // namespace

/// The numbers that the last run gave: by its journal, else by the CDI entries that it wrote in
/// this boot. A number whose GPU is not known is kept free for it.
std::vector<std::string> Agent::Mind::numbers(const std::vector<SeenGpu>& seen) const {
  std::vector<std::string> uuids;
  for (const JournalGpu& gpu : journal_.gpus) uuids.push_back(gpu.uuid);
  if (!uuids.empty()) return uuids;
  for (const auto& [id, entry] : cdi_) {
    const auto name = parse_device_id(id);
    const SeenGpu* gpu = entry.uuid.empty() ? nullptr : owner(seen, entry.uuid);
    if (!name || name->gpu >= kMaxGpus || gpu == nullptr || gpu->uuid.empty()) continue;
    if (std::find(uuids.begin(), uuids.end(), gpu->uuid) != uuids.end()) continue;
    if (uuids.size() <= name->gpu) uuids.resize(name->gpu + 1);
    if (uuids[name->gpu].empty()) uuids[name->gpu] = gpu->uuid;
  }
  return uuids;
}

/// Before the first Look is believed: what of the journal is about this machine.
void Agent::Mind::recall(const std::vector<SeenGpu>& seen) {
  const auto here = [&](const JournalGpu& gpu) { return find(seen, gpu.uuid) != nullptr; };
  const bool named =
      std::any_of(seen.begin(), seen.end(), [](const SeenGpu& gpu) { return !gpu.uuid.empty(); });
  if (named && !std::any_of(journal_.gpus.begin(), journal_.gpus.end(), here)) {
    // Another machine's (a disk that was cloned), or none.
    journal_sure_ = journal_sure_ && journal_ == Journal{};
    journal_ = {};
  } else if (journal_.boot_id != boot_id_) {
    // While it was off, a GPU may have been replaced: the new one has the number of the old one.
    auto place = journal_.gpus.begin();
    for (const SeenGpu& gpu : seen) {
      const auto known = [&](const JournalGpu& written) { return written.uuid == gpu.uuid; };
      if (gpu.uuid.empty() || std::any_of(journal_.gpus.begin(), journal_.gpus.end(), known))
        continue;
      place = std::find_if_not(place, journal_.gpus.end(), here);
      if (place == journal_.gpus.end()) break;
      place->uuid = gpu.uuid;
      journal_sure_ = false;
    }
    for (JournalGpu& gpu : journal_.gpus)
      for (Entry& entry : gpu.devices) entry.lost = false;  // a boot cures
  }
  for (std::string& uuid : numbers(seen)) gpus_.emplace_back().seen.uuid = std::move(uuid);
}

void Agent::Mind::see(Gpu& gpu, const SeenGpu& seen) {
  const bool was_away = gpu.seen.lost || gpu.missing;
  gpu.missing = false;
  if (seen.lost) {
    if (!gpu.alive) gpu.seen = seen;
    gpu.seen.lost = true;
  } else {
    // It was reset, or came back: what was wrong with the GPU itself is past.
    if (was_away)
      for (auto& [key, device] : gpu.devices) device.lost = device.lost && !device.virt();
    gpu.seen = seen;
    gpu.alive = true;
  }
  gpu.model = catalogue_.find(gpu.seen.model);
}

/// A GPU keeps its number while the machine is up, whatever falls off the bus beside it; a new one
/// gets the next. One that does not tell its UUID is one that is not there, if any is not.
void Agent::Mind::place(const std::vector<SeenGpu>& seen) {
  if (gpus_.empty()) recall(seen);
  const auto is_known = [this](const SeenGpu& gpu) { return index_of(gpu.uuid).has_value(); };
  std::vector<std::uint32_t> away;
  for (std::uint32_t i = 0; i < gpus_.size(); ++i) {
    const SeenGpu* it = find(seen, gpus_[i].seen.uuid);
    if (it != nullptr) see(gpus_[i], *it);
    else away.push_back(i);
  }
  for (const std::uint32_t i : away) gpus_[i].missing = true;
  std::vector<const SeenGpu*> strangers;
  for (const SeenGpu& gpu : seen)
    if (!is_known(gpu)) strangers.push_back(&gpu);
  for (const SeenGpu* stranger : strangers) {
    const auto nameless = std::find_if(
        away.begin(), away.end(), [this](std::uint32_t i) { return gpus_[i].seen.uuid.empty(); });
    if (nameless != away.end()) {
      see(gpus_[*nameless], *stranger);
      away.erase(nameless);
    } else if (!stranger->uuid.empty() || away.empty()) {
      see(gpus_.emplace_back(), *stranger);
    } else {
      away.erase(away.begin());
    }
  }
}

}  // namespace kerf::agent
