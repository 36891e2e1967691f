// Recorder: one line and its counters for each record of the chronicle.
#include "shell/agent/recorder.h"

#include <chrono>
#include <variant>

namespace kerf::shell {
namespace {

using agent::Chronicle;
using telemetry::Labels;
using telemetry::Series;

constexpr const char* kPhaseSeconds = "kerf_agent_cut_phase_seconds";
constexpr const char* kCutSeconds = "kerf_agent_cut_seconds";
constexpr double kMib = 1 << 20;

}  // namespace

Recorder::Recorder(const gpu::Catalogue& catalogue, telemetry::Log log, telemetry::Metrics& metrics)
    : chronicle_(catalogue), log_(std::move(log)), metrics_(metrics) {
  // What has not happened is 0, and can be alerted on.
  for (const auto kind : {Chronicle::Cut::Give, Chronicle::Cut::Take})
    for (const auto result : {Chronicle::Result::Done, Chronicle::Result::Failed})
      metrics_.counter("kerf_agent_cuts_total", "Slices given and taken",
                       {{"kind", agent::to_string(kind)}, {"result", agent::to_string(result)}});
  metrics_.gauge("kerf_agent_degraded", "1 if the node cannot be as it is wanted").set(0);
  metrics_.gauge("kerf_agent_last_report_timestamp_seconds",
                 "When the status was last written, since 1970; 0: not in this run");
}

void Recorder::count(const std::string& name, const std::string& help, const Labels& labels) {
  metrics_.counter(name, help, labels).add();
}

void Recorder::observe(std::span<const agent::Event> batch, std::span<const agent::Effect> effects,
                       agent::Instant now) {
  for (const agent::Event& event : batch) {
    const auto* looked = std::get_if<agent::Looked>(&event);
    if (looked == nullptr || looked->code != agent::Code::Success) continue;
    instances_.clear();
    for (const agent::SeenGpu& gpu : looked->gpus)
      for (const agent::SeenInstance& instance : gpu.instances)
        if (!instance.computes.empty())
          instances_[{gpu.uuid, instance.gi}] = instance.computes.front().uuid;
  }
  for (const agent::Effect& effect : effects) {
    const auto* report = std::get_if<agent::Report>(&effect.action);
    if (report == nullptr) continue;
    devices_.clear();
    std::uint32_t number = 0;
    for (const control::GpuStatus& gpu : report->status.gpus) {
      for (const control::SliceStatus& slice : gpu.slices)
        if (!slice.uuid.empty())
          devices_[slice.uuid] = {control::device_id(number, slice.form, slice.start), slice.form};
      ++number;
    }
  }
  for (const Chronicle::Record& it : chronicle_.observe(batch, effects, now))
    std::visit([this](const auto& one) { record(one); }, it);
  count_slices();
}

void Recorder::count_slices() {
  auto slices = chronicle_.slices();
  if (slices == slices_) return;
  slices_ = std::move(slices);
  std::vector<Series> series;
  for (const auto& [kind, n] : slices_)
    series.push_back({{{"profile", kind.form}, {"state", control::to_string(kind.state)}},
                      static_cast<double>(n)});
  metrics_.replace_gauges("kerf_agent_slices", "Slices of this node, whole GPUs and replicas too",
                          std::move(series));
}

void Recorder::memory(const std::vector<nvml::Driver::MemoryFacts>& facts) {
  std::vector<Series> used;
  std::vector<Series> total;
  for (const auto& fact : facts) {
    const auto instance = instances_.find({fact.gpu, fact.gi});
    const auto device = devices_.find(instance == instances_.end() ? fact.gpu : instance->second);
    const bool known = device != devices_.end();
    const Labels labels = {{"gpu", fact.gpu},
                           {"gi", fact.gi == agent::kNoInstance ? "" : std::to_string(fact.gi)},
                           {"device", known ? device->second.first : ""},
                           {"profile", known ? device->second.second : ""}};
    used.push_back({labels, static_cast<double>(fact.used_mib) * kMib});
    total.push_back({labels, static_cast<double>(fact.total_mib) * kMib});
  }
  metrics_.replace_gauges("kerf_agent_slice_memory_used_bytes",
                          "Memory in use on a slice, or on a GPU that is not cut", std::move(used));
  metrics_.replace_gauges("kerf_agent_slice_memory_bytes",
                          "Memory of a slice, or of a GPU that is not cut", std::move(total));
}

void Recorder::failed(const char* what, const std::string& why) {
  log_.error(what, {{"why", why}});
  count("kerf_agent_file_errors_total", "Journal and CDI files that could not be written",
        {{"what", what}});
}

void Recorder::record(const Chronicle::CutBegan& it) {
  log_.info(it.kind == Chronicle::Cut::Give ? "give begins" : "take begins",
            {{"cut", it.cut},
             {"device", it.device},
             {"gpu", it.gpu},
             {"resource", it.resource},
             {"resumed", it.resumed}});
}

void Recorder::record(const Chronicle::CutPhase& it) {
  const bool done = it.result == Chronicle::Result::Done;
  log_.write(done ? telemetry::Level::Info : telemetry::Level::Warning,
             done ? "step done" : "step failed",
             {{"cut", it.cut},
              {"kind", agent::to_string(it.kind)},
              {"device", it.device},
              {"phase", agent::to_string(it.phase)},
              {"code", agent::to_string(it.code)},
              {"ms", it.ms}});
  const Labels labels = {{"kind", agent::to_string(it.kind)},
                         {"phase", agent::to_string(it.phase)}};
  if (done)
    metrics_
        .histogram(kPhaseSeconds, "How long the steps of gives and takes took",
                   telemetry::Metrics::seconds_buckets(), labels)
        .observe(static_cast<double>(it.ms) / 1000);
  else count("kerf_agent_cut_phase_failures_total", "Steps of gives and takes that failed", labels);
}

void Recorder::record(const Chronicle::CutEnded& it) {
  const bool fine = it.result != Chronicle::Result::Failed;
  log_.write(fine ? telemetry::Level::Info : telemetry::Level::Error,
             it.kind == Chronicle::Cut::Give ? "give ended" : "take ended",
             {{"cut", it.cut},
              {"device", it.device},
              {"gpu", it.gpu},
              {"resource", it.resource},
              {"result", agent::to_string(it.result)},
              {"code", agent::to_string(it.code)},
              {"ms", it.ms}});
  count("kerf_agent_cuts_total", "Slices given and taken",
        {{"kind", agent::to_string(it.kind)}, {"result", agent::to_string(it.result)}});
  metrics_
      .histogram(kCutSeconds, "How long gives and takes took",
                 telemetry::Metrics::seconds_buckets(),
                 {{"kind", agent::to_string(it.kind)}, {"result", agent::to_string(it.result)}})
      .observe(static_cast<double>(it.ms) / 1000);
}

void Recorder::record(const Chronicle::Allocated& it) {
  std::string devices;
  for (const std::string& device : it.devices) devices += (devices.empty() ? "" : " ") + device;
  if (it.granted) log_.info("allocated", {{"resource", it.resource}, {"devices", devices}});
  else
    log_.warning("allocation refused",
                 {{"resource", it.resource}, {"devices", devices}, {"why", it.why}});
  count("kerf_agent_allocations_total", "Devices that kubelet asked for, by what came of it",
        {{"resource", it.resource}, {"result", it.granted ? "granted" : "refused"}});
}

void Recorder::record(const Chronicle::OfferChanged& it) {
  log_.info(it.offered ? "offered" : "offered no more",
            {{"device", it.device}, {"resource", it.resource}, {"ms", it.ms}});
}

void Recorder::record(const Chronicle::DegradedChanged& it) {
  const bool degraded = it.reason != control::Degraded::No;
  metrics_.gauge("kerf_agent_degraded", "1 if the node cannot be as it is wanted")
      .set(degraded ? 1 : 0);
  std::vector<Series> reason;
  if (degraded) reason.push_back({{{"reason", control::to_string(it.reason)}}, 1});
  metrics_.replace_gauges("kerf_agent_degraded_reason", "Why the node cannot be as it is wanted",
                          std::move(reason));
  if (degraded)
    log_.error("degraded", {{"reason", control::to_string(it.reason)}, {"why", it.message}});
  else log_.info("no longer degraded");
}

void Recorder::record(const Chronicle::Registered& it) {
  log_.info("registers with kubelet", {{"epoch", it.epoch}});
  count("kerf_agent_registrations_total",
        "Times the device plugins began to register with a kubelet");
}

void Recorder::record(const Chronicle::GpuLostChanged& it) {
  if (it.lost) log_.error("GPU is lost", {{"gpu", it.gpu}, {"device", it.device}});
  else log_.info("GPU is back", {{"gpu", it.gpu}, {"device", it.device}});
}

void Recorder::record(const Chronicle::XidHeard& it) {
  log_.warning("XID", {{"gpu", it.gpu}, {"xid", it.xid}, {"device", it.device}});
  count("kerf_agent_xids_total", "Errors that the driver reported",
        {{"gpu", it.gpu}, {"xid", std::to_string(it.xid)}});
}

void Recorder::record(const Chronicle::DriverFailed& it) {
  log_.warning("driver operation failed",
               {{"operation", it.operation}, {"gpu", it.gpu}, {"code", agent::to_string(it.code)}});
  count("kerf_agent_nvml_errors_total", "Driver operations that failed, by NVML's code",
        {{"operation", it.operation}, {"code", agent::to_string(it.code)}});
}

void Recorder::record(const Chronicle::Reported& it) {
  count("kerf_agent_reports_total", "Writes of the GpuNode's status",
        {{"result", it.ok ? "ok" : "failed"}});
  if (!it.ok) return;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  metrics_
      .gauge("kerf_agent_last_report_timestamp_seconds",
             "When the status was last written, since 1970; 0: not in this run")
      .set(std::chrono::duration<double>(now).count());
}

}  // namespace kerf::shell
