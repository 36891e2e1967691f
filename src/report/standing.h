// Standing: what the reports of a cluster that stands read, and the words that they share.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "codec/document.h"
#include "core/cluster/cluster.h"
#include "core/market/market.h"
#include "core/plan/ledger.h"

namespace kerf::report {

/// Everything must outlive it.
struct Standing {
  const cluster::Cluster& cluster;
  const market::Market& market;
  const plan::Ledger& ledger;           ///< of what is paid
  const plan::Ledger& list;             ///< of list prices: what is owned has a value in it
  std::string headline = {};            ///< what was read, when, at which prices
  std::vector<std::string> notes = {};  ///< what could not be read, and what that leaves out
};

const market::InstanceType& type_of(const Standing& in, const cluster::StandingNode& node);
const gpu::Model& model_of(const Standing& in, const cluster::StandingNode& node);

/// Indices of Cluster::nodes: dearest first, of these the most valuable, then by name.
std::vector<std::uint32_t> dearest_first(const cluster::Cluster& cluster);

/// "namespace/name".
std::string pod_text(const cluster::Demand& demand, std::uint32_t pod);
/// Who holds a device: a pod of the demand or another one; "" = nobody.
std::string holder_text(const cluster::Demand& demand, const cluster::StandingSlice& slice);
/// "deploy/web" for people; other kinds as they are, in small letters.
std::string workload_text(const cluster::Workload& workload);

/// The part of one of a node's devices (0..1) that a form takes: memory slots, or a replica's part.
double device_part(const gpu::Model& model, const gpu::Form& form);
/// The same in GPUs as they are sold whole: a device of a fractional instance is 1/8 of one.
double gpu_part(const Standing& in, const cluster::StandingNode& node, const gpu::Form& form);
/// By Demand::pods: GPUs that each holds.
std::vector<double> gpus_held(const Standing& in);

/// Where a pod stands.
enum class PodState : std::uint8_t { Runs, Elsewhere, Waits };
PodState state_of(const cluster::PodFacts& facts);
std::string_view to_string(PodState state);

/// What is the matter with a node, the gravest first: "not ready", "offers no GPU", "cordoned",
/// "do-not-disrupt", or "ready".
std::string_view state_of(const cluster::StandingNode& node);
/// It is not ready, or offers nothing: what is paid for it is lost.
bool in_trouble(const cluster::StandingNode& node);
std::string_view to_string(cluster::LayoutFrom layout);

/// What a kind of waste means, as a phrase, and what would help.
std::string_view meaning(plan::Waste waste);
std::string_view remedy(plan::Waste waste);

/// The devices that a pod holds, by node and form: "1g.10gb A100-80".
std::string devices_text(const Standing& in, std::uint32_t pod);

/// source and read_at of a document (null: not known).
void set_source(codec::Node& node, const Standing& in);
codec::Node json_prices(const market::Market& market);
codec::Node json_notes(const Standing& in);

/// 2.5 -> "2.50".
std::string gpus_text(double gpus);

}  // namespace kerf::report
