// Recorder: what the controller sees and does, as lines of the log and figures for Prometheus.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "core/controller/overview.h"
#include "core/controller/words.h"
#include "shell/apiserver/answer.h"
#include "shell/controller/prices.h"
#include "shell/telemetry/log.h"
#include "shell/telemetry/metrics.h"

namespace kerf::shell {

/// Lives on the loop's thread. docs/reference/controller-metrics.md lists what it writes. Labels
/// are names of policies and words from closed lists, never names of pods or nodes.
class Recorder {
 public:
  /// Both must outlive it.
  Recorder(telemetry::Log log, telemetry::Metrics& metrics);
  ~Recorder();

  /// After each step of the mind, with all of its effects. `step_seconds`: how long it took.
  void observe(std::span<const controller::Event> batch,
               std::span<const controller::Effect> effects, std::int64_t now_ms,
               double step_seconds);
  /// A decision: one line; its id.
  void decided(const controller::Record& record, const std::string& decision);
  /// A request was answered, or none was made (Conflict with status 0) or came.
  void answered(const controller::Effect& effect, const apiserver::Answer& answer, std::int64_t ms);
  /// Each time that prices are told.
  void priced(const Prices::Told& told, std::int64_t now_ms);
  /// Counts only while this process leads; leads(false) takes it off the page.
  void overview(const controller::Overview& overview);
  /// At the start it does not.
  void leads(bool leads);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kerf::shell
