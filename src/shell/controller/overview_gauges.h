// The fleet as figures for Prometheus.
#pragma once

#include "core/controller/overview.h"
#include "shell/telemetry/metrics.h"

namespace kerf::shell {

/// As metrics and log have money.
inline double dollars(MicroUsdPerHour rate) { return static_cast<double>(rate.micro) / 1e6; }

/// Sets the families kerf_usd_per_hour ... (docs/reference/controller-metrics.md) to what the
/// overview says; what it does not mention disappears. An empty one takes them off the page: a
/// controller that does not lead does not know.
void set_overview_gauges(const controller::Overview& overview, telemetry::Metrics& metrics);

}  // namespace kerf::shell
