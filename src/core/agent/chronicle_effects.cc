// Chronicle: what the mind asks for: journals, driver operations, lists, answers, reports.
#include "core/agent/chronicle_memory.h"

namespace kerf::agent {

void Chronicle::Memory::see(EffectId id, const Action& action) {
  if (std::holds_alternative<Look>(action)) {
    flights_[id].at = now_;
  } else if (const auto* create = std::get_if<CreateInstance>(&action)) {
    see_driver(id, "create_instance", Phase::CreateInstance, create->gpu, create->profile,
               create->start);
  } else if (const auto* compute = std::get_if<CreateCompute>(&action)) {
    const SeenInstance* meant = nullptr;
    for (const SeenInstance& instance : seen_[compute->gpu].instances)
      if (instance.gi == compute->gi) meant = &instance;
    see_driver(id, "create_compute", Phase::CreateCompute, compute->gpu,
               meant ? meant->profile : gpu::Profile::kUnknownId,
               meant ? meant->start : std::uint8_t{0});
  } else if (const auto* undo = std::get_if<DestroyCompute>(&action)) {
    see_driver(id, "destroy_compute", Phase::DestroyCompute, undo->gpu, undo->profile, undo->start);
  } else if (const auto* destroy = std::get_if<DestroyInstance>(&action)) {
    see_driver(id, "destroy_instance", Phase::DestroyInstance, destroy->gpu, destroy->profile,
               destroy->start);
    flights_[id].destroys = {destroy->profile, destroy->start};
  } else if (const auto* write = std::get_if<WriteCdi>(&action)) {
    Flight& flight = flights_[id];
    flight.at = now_;
    flight.cdi = {write->device, write->uuid};
    if (cut_of(write->device, Cut::Give)) flight.steps = {step_of(write->device, Phase::Cdi)};
  } else if (const auto* remove = std::get_if<RemoveCdi>(&action)) {
    flights_[id].cdi = {remove->device, ""};
  } else if (const auto* serve = std::get_if<Serve>(&action)) {
    see_serve(id, *serve);
  } else if (const auto* journal = std::get_if<WriteJournal>(&action)) {
    see_journal(id, journal->journal);
  } else if (const auto* answer = std::get_if<Answer>(&action)) {
    see_answer(*answer);
  } else if (const auto* report = std::get_if<Report>(&action)) {
    see_report(id, *report);
  }
}

/// An operation of which no cut is known is of one that an earlier run began, or it makes anew what
/// a reboot or a reset has taken.
void Chronicle::Memory::see_driver(EffectId id, const char* operation, Phase phase,
                                   const std::string& gpu, std::uint16_t profile,
                                   std::uint8_t start) {
  Flight& flight = flights_[id];
  flight.at = now_;
  flight.operation = operation;
  flight.gpu = gpu;
  const std::string device = id_of(gpu, profile, start);
  if (device.empty()) return;
  const bool makes = phase == Phase::CreateInstance || phase == Phase::CreateCompute;
  const Cut kind = makes ? Cut::Give : Cut::Take;
  if (cut_of(device, kind) == nullptr) {
    const auto written = written_.find(device);
    begin(kind, device, gpu, written == written_.end() ? "" : written->second.entry.resource, true);
  }
  flight.steps = {step_of(device, phase)};
}

void Chronicle::Memory::see_journal(EffectId id, const Journal& journal) {
  Flight& flight = flights_[id];
  flight.at = now_;
  const DeviceMap before = std::move(written_);
  journal_ = journal;
  written_ = devices_of(journal);
  for (const auto& [device, now] : written_) {
    const auto found = before.find(device);
    see_entry(flight, device, now, found == before.end() ? nullptr : &found->second);
  }
  for (const auto& [device, was] : before)
    if (!written_.contains(device) && cut_of(device, Cut::Give)) give_up(device);
}

void Chronicle::Memory::see_entry(Flight& flight, const std::string& device, const Written& now,
                                  const Written* before) {
  const Mark mark = now.entry.mark;
  const std::optional<Mark> was =
      before == nullptr ? std::nullopt : std::optional(before->entry.mark);
  const std::string& resource = now.entry.resource;
  if (mark == Mark::Going) {
    if (was != Mark::Going && cut_of(device, Cut::Take) == nullptr)
      begin(Cut::Take, device, now.gpu, resource, false);
    if (was != Mark::Going) step_done(device, Phase::Drained, Code::Success, open_.at(device).last);
    const Open* cut = cut_of(device, Cut::Take);
    if (cut != nullptr && !cut->done.contains(Phase::Going))
      flight.steps.push_back(step_of(device, Phase::Going));
    return;
  }
  if (was == Mark::Going && cut_of(device, Cut::Take)) {
    if (exists(now)) give_up(device);
    else end(device, Result::Done);  // and it is made anew
  }
  if (!was && left_out(now)) {
    begin(Cut::Take, device, now.gpu, resource, true);
  } else if (!was || (was == Mark::Going && mark == Mark::Making)) {
    const bool stands = mark == Mark::Stands && instance_of(now) != nullptr;
    begin(Cut::Give, device, now.gpu, resource, stands);
  }
  const Open* cut = cut_of(device, Cut::Give);
  if (cut != nullptr && mark == Mark::Making && !cut->done.contains(Phase::Making))
    flight.steps.push_back(step_of(device, Phase::Making));
}

void Chronicle::Memory::see_serve(EffectId id, const Serve& serve) {
  Flight& flight = flights_[id];
  flight.at = now_;
  flight.resource = serve.resource;
  List& list = lists_[serve.resource];
  const std::map<std::string, bool> before = std::move(list.devices);
  list = {{}, now_, 0, false};
  for (const ServedDevice& served : serve.devices) {
    list.devices[served.id] = served.healthy;
    const auto was = before.find(served.id);
    const auto found = open_.find(served.id);
    if (found == open_.end()) continue;
    Open& cut = found->second;
    const bool gives = cut.kind == Cut::Give;
    const Phase phase = gives ? Phase::Listed : Phase::Unhealthy;
    // As it is to be; one that is to be offered is listed as unhealthy until it can be.
    const auto written = written_.find(served.id);
    const bool parked = written != written_.end() && !written->second.entry.published;
    const bool begins =
        gives ? (was == before.end() || was->second != served.healthy) && (served.healthy || parked)
              : was != before.end() && was->second && !served.healthy;
    if (cut.done.contains(phase) || (!begins && !cut.sent.contains(phase))) continue;
    cut.sent.insert(phase);
    flight.steps.push_back(step_of(served.id, phase));
  }
  for (const auto& [device, healthy] : before) {
    Open* cut = cut_of(device, Cut::Take);
    if (cut == nullptr || list.devices.contains(device)) continue;
    cut->unlisting = id;
    flight.steps.push_back(step_of(device, Phase::Unlisted));
  }
}

void Chronicle::Memory::see_answer(const Answer& answer) {
  const auto call = calls_.find(answer.call);
  if (call == calls_.end()) return;
  records_.push_back(
      Allocated{call->second.resource, call->second.devices, answer.granted, answer.why});
  if (!answer.granted) return;
  for (const std::string& device : call->second.devices)
    if (cut_of(device, Cut::Take)) end(device, Result::AllocateWon);
}

void Chronicle::Memory::see_report(EffectId id, const Report& report) {
  flights_[id].report = true;
  const control::GpuNodeStatus& now = report.status;
  const control::GpuNodeStatus before = status_.value_or(control::GpuNodeStatus{});
  if (now.epoch != before.epoch) records_.push_back(Registered{now.epoch});
  if (now.degraded != before.degraded || now.message != before.message)
    records_.push_back(DegradedChanged{now.degraded, now.message});
  for (std::size_t i = 0; i < now.gpus.size(); ++i) {
    const bool was = i < before.gpus.size() && before.gpus[i].lost;
    if (now.gpus[i].lost != was)
      records_.push_back(
          GpuLostChanged{now.gpus[i].uuid, "gpu" + std::to_string(i), now.gpus[i].lost});
  }
  status_ = now;
}

}  // namespace kerf::agent
