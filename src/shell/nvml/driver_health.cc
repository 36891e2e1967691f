// Driver: who runs on the GPUs, and what goes wrong on them.
#include <algorithm>
#include <utility>

#include "shell/nvml/driver.h"

namespace kerf::nvml {
namespace {

/// The most events that one call of news() tells; the rest wait for the next one.
constexpr int kEventsAtOnce = 64;
constexpr std::size_t kEventsKept = 256;
/// A watch that ended is begun again after 1, 2, 4 ... 512 calls of news(), then every 512.
constexpr std::uint32_t kBlindAtMost = 512;
/// "GPU has fallen off the bus" (NVIDIA's XID catalogue).
constexpr std::uint32_t kFallenOffTheBus = 79;

}  // namespace

agent::Holders Driver::processes() {
  agent::Holders holders;
  holders.source = agent::Source::Processes;
  holders.known = started();
  for (std::uint32_t i = 0; holders.known && i < roster_.size(); ++i) {
    const auto found = device(i);
    const auto list = found.ok() ? session_->processes(found.value)
                                 : Answer<std::vector<RunningProcess>>{found.code, {}};
    // Nobody knows yet of one that is lost only now: what runs on it is not known.
    if (is_lost(list.code) && roster_[i].seen.lost) continue;
    holders.known = list.ok();
    for (const RunningProcess& process : list.value)
      holders.processes.push_back({roster_[i].seen.uuid, process.gi, process.pid});
  }
  if (!holders.known) holders.processes.clear();
  std::ranges::sort(holders.processes);
  const auto twice = std::ranges::unique(holders.processes);
  holders.processes.erase(twice.begin(), twice.end());
  return holders;
}

void Driver::outdate() {
  keep_events();
  session_->outdate();
}

void Driver::keep_events() {
  if (session_->broken()) return;
  for (int i = 0; i < kEventsAtOnce && session_->watching(); ++i) {
    const auto event = session_->next_event(0);
    if (!event.ok()) return;
    const auto xid = event.value.is_xid ? hear(event.value) : std::nullopt;
    if (xid && kept_.size() < kEventsKept) kept_.push_back(*xid);
  }
}

void Driver::watch() {
  keep_events();
  watched_.clear();
  bool all_found = true;
  std::vector<Device> devices;
  for (std::uint32_t i = 0; i < roster_.size(); ++i) {
    const std::optional<std::uint32_t> index = roster_[i].index;
    if (!index) continue;
    const auto found = session_->gpu(*index);
    if (!found.ok()) {
      all_found = false;
      continue;
    }
    devices.push_back(found.value);
    watched_.emplace_back(found.value.raw, i);
  }
  const std::vector<Code> codes = session_->watch(devices);
  watch_is_whole_ =
      all_found && std::ranges::all_of(codes, [](Code code) { return code == Code::Success; });
  if (watch_is_whole_) polls_blind_ = 0;
}

News Driver::news() {
  News news;
  news.xids = std::exchange(kept_, {});
  if (!started()) {
    // Once it worked: nobody may ask for a Look before something is heard.
    if (!roster_.empty() && is_turn(++polls_blind_, kBlindAtMost)) start_code_ = initialise();
    news.code = Code::Uninitialized;
    return news;
  }
  for (int i = 0; i < kEventsAtOnce && session_->watching(); ++i) {
    const auto event = session_->next_event(0);
    if (event.code == Code::Timeout) break;
    if (!event.ok()) {
      news.code = event.code;
      watch_is_whole_ = false;
      for (const agent::Xid& xid : fallen()) news.xids.push_back(xid);
      break;
    }
    if (!event.value.is_xid) continue;
    if (const auto xid = hear(event.value)) news.xids.push_back(*xid);
    else news.code = Code::NotFound;  // of no GPU that was asked for: whose is it?
  }
  if (!watch_is_whole_ && is_turn(++polls_blind_, kBlindAtMost)) {
    if (session_->broken()) start_code_ = initialise();
    else watch();
  }
  return news;
}

std::optional<agent::Xid> Driver::hear(const XidEvent& event) {
  for (const auto& [raw, gpu] : watched_) {
    if (raw != event.raw) continue;
    if (event.xid == kFallenOffTheBus) roster_[gpu].fell = true;
    return agent::Xid{roster_[gpu].seen.uuid, event.gi, event.xid};
  }
  return std::nullopt;
}

/// A GPU that is gone may take its own report with it: then this is the report.
std::vector<agent::Xid> Driver::fallen() {
  std::vector<agent::Xid> xids;
  for (std::uint32_t i = 0; i < roster_.size(); ++i) {
    if (roster_[i].fell || roster_[i].seen.lost) continue;
    const auto found = device(i);
    const Code code = found.ok() ? session_->mig_mode(found.value).code : found.code;
    if (!is_lost(code)) continue;
    roster_[i].fell = true;
    xids.push_back({roster_[i].seen.uuid, agent::kNoInstance, kFallenOffTheBus});
  }
  return xids;
}

}  // namespace kerf::nvml
