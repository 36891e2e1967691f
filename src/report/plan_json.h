// Plan -> the versioned JSON document of docs/reference/plan.schema.json.
#pragma once

#include "codec/document.h"
#include "core/cluster/demand.h"
#include "core/cluster/policy.h"
#include "core/market/market.h"
#include "core/plan/plan.h"

namespace kerf::report {

/// Top-level "apiVersion": "kerf.dev/plan/v1alpha1". Dollars are decimal numbers, exact to the
/// micro-dollar.
codec::Node plan_json(const plan::Plan& plan, const cluster::Demand& demand,
                      const market::Market& market, const cluster::Policy& policy,
                      const char* solver_version);

}  // namespace kerf::report
