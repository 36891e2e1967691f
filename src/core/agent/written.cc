// The journal: what of the devices has to outlive a crash or a reboot.
#include "core/agent/mind.h"

namespace kerf::agent {

/// What may be there although it is not seen stays written, or it would be nobody's: instances that
/// may have been made since the last Look.
void Agent::Mind::keep_written(std::uint32_t index, JournalGpu& written) const {
  const Gpu& gpu = gpus_[index];
  if (index >= journal_.gpus.size()) return;
  for (const Entry& entry : journal_.gpus[index].devices) {
    const bool there = std::any_of(
        written.devices.begin(), written.devices.end(),
        [&](const Entry& it) { return it.start == entry.start && it.form == entry.form; });
    if (there || !gpu.begun.contains({entry.start, entry.form})) continue;
    written.devices.push_back(entry);
  }
  std::sort(written.devices.begin(), written.devices.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.start, a.form) < std::pair(b.start, b.form);
  });
}

Journal Agent::Mind::journal_now() const {
  Journal journal;
  journal.boot_id = boot_id_;
  journal.uid = wanted_ ? wanted_->uid : journal_.uid;
  journal.generation = wanted_ ? wanted_->generation : journal_.generation;
  for (std::uint32_t i = 0; i < gpus_.size(); ++i) {
    const Gpu& gpu = gpus_[i];
    JournalGpu& written = journal.gpus.emplace_back();
    written.uuid = gpu.seen.uuid;
    if (!gpu.alive) {  // nothing is known of it but what is written
      if (i < journal_.gpus.size()) written.devices = journal_.gpus[i].devices;
      continue;
    }
    for (const auto& [key, device] : gpu.devices) {
      const Entry* before = entry_of(i, key);
      const bool stood = before != nullptr && before->mark == Mark::Stands;
      const bool may_come =
          device.wanted && (stood || (gpu.seen.mode && !gpu.lost() && has_room(gpu, key, device)));
      if (!device.exists() && !may_come) continue;
      Entry entry;
      entry.form = key.second;
      entry.start = key.first;
      entry.resource = device.resource;
      entry.published = device.wanted ? device.published : before != nullptr && before->published;
      entry.lost = device.lost;
      const Leave leave = leave_of(gpu, device);
      if (before != nullptr && gpu.begun.contains(key))
        entry.mark = before->mark;  // until it is known what became of it
      else if (device.drained && (leave == Leave::Destroy || leave == Leave::Remake))
        entry.mark = Mark::Going;
      else if (stood || !gpu.uuid_of(device).empty()) entry.mark = Mark::Stands;
      else entry.mark = Mark::Making;
      written.devices.push_back(entry);
    }
    keep_written(i, written);
  }
  return journal;
}

void Agent::Mind::write_journal() {
  if (!looked_ || frozen() || writing_id_ != 0) return;
  Journal journal = journal_now();
  if (journal_sure_ && journal == journal_) return;
  if (!due(journal_retry_.at)) return;
  writing_ = journal;
  writing_id_ = emit(WriteJournal{std::move(journal)});
}

void Agent::Mind::journal_done(Code code) {
  writing_id_ = 0;
  if (code == Code::Success) {
    journal_ = std::move(*writing_);
    journal_sure_ = true;
    journal_retry_.ok();
  } else {
    journal_sure_ = false;
    journal_retry_.fail(now_, options_.retry_ms, options_.retry_max_ms);
  }
  writing_.reset();
}

bool Agent::Mind::is_written(std::uint32_t index, const DeviceKey& key) const {
  const Entry* entry = entry_of(index, key);
  return journal_sure_ && writing_id_ == 0 && entry != nullptr && entry->mark != Mark::Going;
}

}  // namespace kerf::agent
