// Host: each effect of the mind goes to the hand that can do it.
#include <fmt/format.h>

#include <utility>
#include <variant>

#include "shell/agent/host_parts.h"

namespace kerf::shell {

constexpr std::int64_t kOwnReportRetryMs = 1'000;
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

void Host::Impl::write_cdi(agent::EffectId effect, const agent::WriteCdi& action) {
  const auto write = [this, effect, action](std::uint32_t minor) {
    on_disk(effect, "CDI entry is not written", [this, action, minor]() -> Result<void> {
      KERF_TRY(const codec::CdiEdits own, files_.own(minor, action.gi, action.ci));
      const DeviceFiles::Common& common = files_.common();
      if (!common.trouble.empty() &&
          common.trouble != std::exchange(files_trouble_, common.trouble))
        log_.warning("containers get no driver libraries by CDI", {{"why", common.trouble}});
      return disk_.write_cdi({action.device, action.uuid}, common.edits, own);
    });
  };
  if (const auto known = minors_.find(action.gpu); known != minors_.end()) {
    write(known->second);
    return;
  }
  driver_->ask([gpu = action.gpu](nvml::Driver& driver) { return driver.minor_number(gpu); },
               [this, effect, action, write](const nvml::Answer<std::uint32_t>& minor) {
                 if (!minor.ok()) {
                   recorder_.failed(
                       "CDI entry is not written",
                       fmt::format("the device minor of GPU {} cannot be read: NVML says {}",
                                   action.gpu, agent::to_string(minor.code)));
                   tell(agent::Done{effect, minor.code});
                   return;
                 }
                 minors_[action.gpu] = minor.value;
                 write(minor.value);
               });
}

void Host::Impl::remove_cdi(agent::EffectId effect, const std::string& device) {
  on_disk(effect, "CDI entry is not removed", [this, device] { return disk_.remove_cdi(device); });
}

void Host::Impl::report(agent::EffectId effect, control::GpuNodeStatus status) {
  ready_ = status.ready && !leaving_;
  status.ready = ready_;
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
  if (!owes_report_) return;
  loop_.after(kOwnReportRetryMs, [this] {
    if (owes_report_) report_own();
  });
}

void Host::Impl::read_facts() {
  if (std::exchange(reading_facts_, true)) return;
  driver_->ask([sys = options_.sys](nvml::Driver& driver) { return driver.facts(sys); },
               [this](const Result<agent::NodeFacts>& facts) {
                 reading_facts_ = false;
                 if (!facts) {
                   log_.debug("labels are not known", {{"why", facts.error().message()}});
                   loop_.after(kFactsRetryMs, [this] { read_facts(); });
                   return;
                 }
                 if (facts_ == *facts) return;
                 facts_ = *facts;
                 if (reported_) report_own();
               });
}

void Host::Impl::read_memory() {
  stuck_ms_ = driver_->stuck_ms();
  if (stuck_ms_ == 0)
    driver_->ask(
        [](nvml::Driver& driver) { return driver.memory(); },
        [this](const std::vector<nvml::Driver::MemoryFacts>& facts) { recorder_.memory(facts); });
  loop_.after(options_.memory_every_ms, [this] { read_memory(); });
}

}  // namespace kerf::shell
