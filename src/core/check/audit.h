// Audit: what every topic of the checker works on, and where its complaints go.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "core/cluster/demand.h"
#include "core/cluster/node.h"
#include "core/cluster/policy.h"
#include "core/market/market.h"
#include "core/plan/plan.h"

namespace kerf::check {

struct Audit {
  const plan::Plan& plan;
  const cluster::Demand& demand;
  const market::Market& market;
  const cluster::Policy& policy;
  std::vector<std::string> complaints;
  /// By Market::types: its GPU model; nullptr if the catalogue lacks it. Filled by indices_hold.
  std::vector<const gpu::Model*> models;
  /// Where a snapshot is judged: its nodes, by Plan::nodes; else nullptr.
  const std::vector<cluster::Node>* standing = nullptr;

  template <class... Args>
  void complain(fmt::format_string<Args...> text, Args&&... args) {
    complaints.push_back(fmt::format(text, std::forward<Args>(args)...));
  }

  /// The node as it stands: its labels and taints are its own. nullptr: it is yet to be bought, and
  /// they follow from type, policy and plan. `node` is one of plan.nodes.
  const cluster::Node* standing_of(const plan::NodePlan& node) const {
    return standing == nullptr ? nullptr : standing->data() + (&node - plan.nodes.data());
  }
  const market::InstanceType& type_of(const plan::NodePlan& node) const {
    return market.types[node.type];
  }
  const gpu::Model& model_of(const plan::NodePlan& node) const { return *models[node.type]; }
  const cluster::PodShape& shape_of(std::uint32_t pod) const {
    return demand.shapes[demand.pods[pod].shape];
  }
  /// "node 3 (p4d.24xlarge)", "pod default/llm-0": how sentences name them.
  std::string node_name(std::size_t node) const {
    return fmt::format("node {} ({})", node, type_of(plan.nodes[node]).name);
  }
  std::string pod_name(std::uint32_t pod) const {
    return fmt::format("pod {}/{}", shape_of(pod).ns, demand.pods[pod].name);
  }
};

/// True if every index in the plan and the demand points at something; the other topics rely on
/// it. Also resolves `models`.
bool indices_hold(Audit& audit);
/// Each pod once: placements, nodes' pods and slices' pods agree; reasons are of the right kind.
void check_coverage(Audit& audit);
/// Each GPU: forms of one kind, truthful, offered; slices legal together; MIG mode of the node.
void check_geometry(Audit& audit);
/// Each pod's devices: number and kind are what it asks for.
void check_devices(Audit& audit);
/// Allocatable, used, and that used fits.
void check_capacity(Audit& audit);
/// Room that the policy wants free is there.
void check_headroom(Audit& audit);
/// What the policy lets be bought; selectors, affinity, architecture, taints and zones of pods.
void check_admission(Audit& audit);
/// Constraints between pods: spread, affinity, anti-affinity.
void check_coupling(Audit& audit);
/// Host ports are given once on a node.
void check_ports(Audit& audit);
/// Every node costs what the market asks, and no more are owned than there are.
void check_prices(Audit& audit);
/// All of these from check_coverage on: what nodes hold and who is where, money aside.
void check_fleet(Audit& audit);
/// Prices, sums, limits, bound.
void check_money(Audit& audit);

/// What pods can get of a node of this type, by the checker's own reckoning (capacity.cc).
Resources allocatable_of(const market::InstanceType& type, const market::NodeOverhead& overhead);

/// True if the policy lets the offering be bought, its architecture aside.
bool policy_allows(const cluster::Policy& policy, const market::InstanceType& type,
                   const market::Offering& offering);
/// True if the taint keeps no pod of this shape off a node.
bool tolerates_taint(const cluster::PodShape& shape, const cluster::Taint& taint);
/// True if the pod says itself on which architecture it runs; the policy's do not hold then.
bool names_arch(const cluster::PodShape& shape);
/// Two ports that one node cannot give out both.
bool ports_clash(const cluster::HostPort& a, const cluster::HostPort& b);
/// True if the placements of every profile are known, so that the model may be cut.
bool can_be_cut(const gpu::Model& model);
/// The plain profile as wide as the GPU, whose engines are all there are; nullptr if unknown.
const gpu::Profile* widest(const gpu::Model& model);
/// Why the device does not serve the request, as the end of a sentence; empty if it does.
std::string why_not_served(const cluster::GpuRequest& request, const gpu::Form& form,
                           const gpu::Model& model, const cluster::Policy& policy);
/// True if devices and requests (with their counts) can be paired off with none left over.
bool pair_off(const std::vector<cluster::GpuRequest>& requests,
              const std::vector<const gpu::Form*>& devices, const gpu::Model& model,
              const cluster::Policy& policy);
/// "1g.10gb of A100-80", "a whole T4", "1/8 of L4".
std::string form_name(const gpu::Form& form, const gpu::Model& model);
/// "nvidia.com/mig-1g.5gb.me": the extended resource that a request stands for.
std::string request_name(const cluster::GpuRequest& request);

}  // namespace kerf::check
