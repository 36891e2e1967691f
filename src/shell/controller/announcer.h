// Announcer: decisions as Kubernetes Events: one for each cause, not one for each retry.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/controller/record.h"
#include "shell/apiserver/client.h"
#include "shell/controller/mirror.h"
#include "shell/controller/outbox.h"
#include "shell/runtime/loop.h"
#include "shell/telemetry/log.h"

namespace kerf::shell {

/// An Event on the object of the record, on the policy too if that is a NodeClaim, and on each pod
/// that a claim or node is for (at most 20). What is about a GpuNode is told on its Node. Objects
/// without uid here (a claim that is not there yet) wait up to a minute for it. The name of an
/// Event follows from object and cause, so that the same one is not made twice, by another leader
/// either (AlreadyExists is fine), until the API server forgets it, after an hour. Bounded: at most
/// 256 wait, at most 5/s are sent; what is dropped is counted. Events are words for people: a
/// failure is logged, and changes nothing.
///
/// Of a policy that does not act (Observe) only records about the policy become Events: `acts` says
/// which do. Lives on the loop's thread.
class Announcer {
 public:
  struct Options {
    std::string instance;  ///< reportingInstance
    Outbox::Options outbox;
  };
  /// `client` and `loop` must outlive it; what `mirror` needs too.
  Announcer(Options options, apiserver::Client& client, Mirror mirror, runtime::Loop& loop,
            const telemetry::Log& log, std::function<bool(const std::string& policy)> acts);
  ~Announcer();
  Announcer(const Announcer&) = delete;
  Announcer& operator=(const Announcer&) = delete;

  /// `decision`: its id. `wall_ms`: when, milliseconds since 1970.
  void announce(const controller::Record& record, const std::string& decision,
                std::int64_t wall_ms);
  /// Events that were given up: no room, no uid in time, not accepted.
  std::int64_t dropped() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kerf::shell
