// Host: each effect of the mind goes to the hand that can do it.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>

#include "shell/agent/host_parts.h"

namespace kerf::shell {

constexpr std::int64_t kOwnReportRetryMs = 1'000;
constexpr int kOwnReportDoublings = 7;  ///< to a minute
constexpr std::int64_t kFilesEveryMs = 30'000;
/// Longer than anything that the disk's thread does, NVIDIA's generator included.
constexpr std::chrono::seconds kDiskPatience{30};
constexpr std::int64_t kFactsRetryMs = 10'000;

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};

void Host::Impl::act(const agent::Effect& effect) {
  const auto drive = [&] { driver_->act(effect); };
  std::visit(Overloaded{
                 [&](const agent::Look&) { drive(); },
                 [&](const agent::CreateInstance&) { drive(); },
                 [&](const agent::CreateCompute&) { drive(); },
                 [&](const agent::DestroyCompute&) { drive(); },
                 [&](const agent::DestroyInstance&) { drive(); },
                 [&](const agent::WriteCdi& it) { write_cdi(effect.id, it); },
                 [&](const agent::RemoveCdi& it) { remove_cdi(effect.id, it.device); },
                 [&](const agent::Serve& it) { kubelet_->act(effect.id, it); },
                 [&](const agent::Confirm& it) { kubelet_->act(effect.id, it); },
                 [&](const agent::AskHolders& it) {
                   if (it.source == agent::Source::Processes) drive();
                   else kubelet_->act(effect.id, it);
                 },
                 [&](const agent::WriteJournal& it) { write_journal(effect.id, it.journal); },
                 [&](const agent::Answer& it) { kubelet_->act(effect.id, it); },
                 [&](const agent::Prefer& it) { kubelet_->act(effect.id, it); },
                 [&](const agent::Report& it) {
                   reported_ = it.status;
                   report(effect.id, it.status);
                 },
                 [&](const agent::WakeAt& it) { wake_at(it.at); },
             },
             effect.action);
}

void Host::Impl::wake_at(agent::Instant at) {
  loop_.cancel(wake_);
  wake_ = loop_.at(at, [this] { tell(agent::Woke{}); });
}

void Host::Impl::on_disk(agent::EffectId effect, const char* what,
                         std::function<Result<void>()> work) {
  const bool taken = disk_thread_->submit([this, effect, what, work = std::move(work)] {
    const auto done = work();
    static_cast<void>(loop_.post([this, effect, what, done] {
      if (!done) recorder_.failed(what, done.error().message());
      tell(agent::Done{effect, done ? agent::Code::Success : agent::Code::Unknown});
    }));
  });
  if (!taken) tell(agent::Done{effect, agent::Code::Timeout});
}

void Host::Impl::write_journal(agent::EffectId effect, const agent::Journal& journal) {
  on_disk(effect, "journal is not written",
          [this, journal] { return disk_.write_journal(journal); });
}

void Host::Impl::write_entry(agent::EffectId effect, const agent::WriteCdi& action,
                             std::uint32_t minor) {
  on_disk(effect, "CDI entry is not written", [this, action, minor]() -> Result<void> {
    KERF_TRY(const codec::CdiEdits own, files_.own(minor, action.gi, action.ci));
    const DeviceFiles::Common& common = files_.common();
    libraries_ = common.trouble.empty();
    if (common.trouble != std::exchange(files_trouble_, common.trouble) && !common.trouble.empty())
      log_.warning("containers get no driver libraries by CDI", {{"why", common.trouble}});
    return disk_.write_cdi({action.device, action.uuid}, common.edits, own);
  });
}

void Host::Impl::write_cdi(agent::EffectId effect, const agent::WriteCdi& action) {
  if (const auto known = minors_.find(action.gpu); known != minors_.end()) {
    write_entry(effect, action, known->second);
    return;
  }
  auto& waiting = waiting_[action.gpu];
  waiting.emplace_back(effect, action);
  if (waiting.size() > 1) return;  // it is being asked for
  driver_->ask([gpu = action.gpu](nvml::Driver& driver) { return driver.minor_number(gpu); },
               [this, gpu = action.gpu](const Result<nvml::Answer<std::uint32_t>>& minor) {
                 const auto waited = std::exchange(waiting_[gpu], {});
                 waiting_.erase(gpu);
                 if (minor && minor->ok()) {
                   minors_[gpu] = minor->value;
                   for (const auto& [id, entry] : waited) write_entry(id, entry, minor->value);
                   return;
                 }
                 recorder_.failed("CDI entry is not written",
                                  fmt::format("the device minor of GPU {} cannot be read: {}", gpu,
                                              minor ? "NVML says " + agent::to_string(minor->code)
                                                    : minor.error().message()));
                 for (const auto& [id, entry] : waited)
                   tell(agent::Done{id, minor ? minor->code : agent::Code::Timeout});
               });
}

void Host::Impl::remove_cdi(agent::EffectId effect, const std::string& device) {
  on_disk(effect, "CDI entry is not removed", [this, device] { return disk_.remove_cdi(device); });
}

void Host::Impl::report(agent::EffectId effect, control::GpuNodeStatus status) {
  ready_ = status.ready && !leaving_;
  status.ready = ready_;
  status.leaving = leaving_;
  if (facts_) status.labels = agent::feature_labels(*facts_, status);
  if (cluster_) cluster_->report(effect, status);
  else if (effect != 0) tell(agent::Done{effect, agent::Code::Success});
}

void Host::Impl::report_own() {
  owes_report_ = true;
  if (reported_) report(0, *reported_);
}

void Host::Impl::own_report_done(agent::Code code) {
  if (code == agent::Code::Success || code == agent::Code::NotFound) owes_report_ = false;
  if (!owes_report_) {
    own_failures_ = 0;
    return;
  }
  own_failures_ = std::min(own_failures_ + 1, kOwnReportDoublings);
  loop_.after(kOwnReportRetryMs << (own_failures_ - 1), [this] {
    if (owes_report_) report_own();
  });
}

void Host::Impl::driver_reloaded() {
  minors_.clear();
  read_facts();
  tell(agent::CdiStale{});
}

void Host::Impl::read_facts() {
  if (std::exchange(reading_facts_, true)) return;
  driver_->ask([sys = options_.sys](nvml::Driver& driver) { return driver.facts(sys); },
               [this](const Result<Result<agent::NodeFacts>>& answer) {
                 reading_facts_ = false;
                 if (!answer || !*answer) {
                   const Error& error = answer ? answer->error() : answer.error();
                   log_.debug("labels are not known", {{"why", error.message()}});
                   loop_.after(kFactsRetryMs, [this] { read_facts(); });
                   return;
                 }
                 if (facts_ == **answer) return;
                 facts_ = **answer;
                 if (reported_) report_own();
               });
}

void Host::Impl::read_memory() {
  stuck_ms_ = driver_->stuck_ms();
  const auto disk = disk_thread_->busy_for();
  disk_stuck_ms_ = disk && *disk > kDiskPatience ? disk->count() : 0;
  if (disk_stuck_ms_ != 0)
    log_.error("the disk does not answer: nothing is cut", {{"ms", disk_stuck_ms_.load()}});
  if (stuck_ms_ == 0)
    driver_->ask(
        [](nvml::Driver& driver) { return std::pair(driver.memory(), driver.outdated()); },
        [this](const Result<std::pair<std::vector<nvml::Driver::MemoryFacts>, bool>>& facts) {
          if (!facts) return;
          recorder_.memory(facts->first);
          if (!facts->second || leaving_) return;
          log_.error("the driver was upgraded under this process; it starts again");
          say_goodbye();
        });
  loop_.after(options_.memory_every_ms, [this] { read_memory(); });
}

/// What CDI entries are made of changes under them: the driver is upgraded, NVIDIA's toolkit writes
/// its specification anew.
void Host::Impl::look_at_files() {
  const bool taken = disk_thread_->submit([this] {
    if (!files_.changed()) return;
    static_cast<void>(loop_.post([this] { driver_reloaded(); }));
  });
  static_cast<void>(taken);  // else the next time
  loop_.after(kFilesEveryMs, [this] { look_at_files(); });
}

}  // namespace kerf::shell
