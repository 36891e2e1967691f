// Recorder: what the agent does, as lines of the log and as figures for Prometheus.
#pragma once

#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/agent/chronicle.h"
#include "shell/nvml/driver.h"
#include "shell/telemetry/log.h"
#include "shell/telemetry/metrics.h"

namespace kerf::shell {

/// Lives on the loop's thread.
class Recorder {
 public:
  /// All must outlive it.
  Recorder(const gpu::Catalogue& catalogue, telemetry::Log log, telemetry::Metrics& metrics);

  /// After each step of the mind.
  void observe(std::span<const agent::Event> batch, std::span<const agent::Effect> effects,
               agent::Instant now);
  /// Memory of the slices, as it was read last.
  void memory(const std::vector<nvml::Driver::MemoryFacts>& facts);
  /// Something went wrong that is no word of the mind: a file, a label.
  void failed(const char* what, const std::string& why);

 private:
  using Chronicle = agent::Chronicle;
  void record(const Chronicle::CutBegan& it);
  void record(const Chronicle::CutPhase& it);
  void record(const Chronicle::CutEnded& it);
  void record(const Chronicle::Allocated& it);
  void record(const Chronicle::OfferChanged& it);
  void record(const Chronicle::DegradedChanged& it);
  void record(const Chronicle::Registered& it);
  void record(const Chronicle::GpuLostChanged& it);
  void record(const Chronicle::XidHeard& it);
  void record(const Chronicle::DriverFailed& it);
  void record(const Chronicle::Reported& it);
  void count_slices();
  void count(const std::string& name, const std::string& help,
             const telemetry::Labels& labels = {});

  Chronicle chronicle_;
  telemetry::Log log_;
  telemetry::Metrics& metrics_;
  std::map<Chronicle::SliceCount, int> slices_;
  /// (GPU's UUID, GPU instance) -> MIG UUID, by the last Look.
  std::map<std::pair<std::string, std::uint32_t>, std::string> instances_;
  /// UUID of slice or GPU -> device id and form, by the last Report.
  std::map<std::string, std::pair<std::string, std::string>> devices_;
};

}  // namespace kerf::shell
