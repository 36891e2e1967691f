// Pieces of the plan document that its sections share.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/money.h"
#include "base/resources.h"
#include "codec/document.h"
#include "core/cluster/demand.h"
#include "core/gpu/form.h"
#include "core/market/market.h"
#include "core/plan/plan.h"

namespace kerf::report {

codec::Node json_text(std::string_view text);  ///< always valid UTF-8
codec::Node json_count(std::int64_t value);
/// Dollars as a decimal number, exact to the micro-dollar below 2^53 micro-dollars ($9.0 billion):
/// the nearest double of such a value is printed with the digits that it was made of.
codec::Node json_usd(MicroUsdPerHour amount);
codec::Node json_resources(const Resources& resources);
/// {code, args, text}.
codec::Node json_reason(const plan::Reason& reason);
/// "node-12": the name by which the document calls Plan::nodes[index].
std::string node_name(std::size_t index);
/// Adds form, kind, model and profile (null unless it is a slice).
void set_form(codec::Node& node, const gpu::Model& model, const gpu::Form& form);
/// Adds namespace, pod and workload of a pod.
void set_pod(codec::Node& node, const cluster::Demand& demand, std::uint32_t pod);

// Sections of the document.
codec::Node json_nodes(const plan::Plan& plan, const cluster::Demand& demand,
                       const market::Market& market);
codec::Node json_placements(const plan::Plan& plan, const cluster::Demand& demand,
                            const market::Market& market);
codec::Node json_workloads(const plan::Plan& plan, const cluster::Demand& demand,
                           const market::Market& market);

}  // namespace kerf::report
