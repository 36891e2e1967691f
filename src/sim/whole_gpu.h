// WholeGpu: the strategy that Kerf is compared with: whole GPUs, bought and packed as Karpenter
// does.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sim/whole_gpu_pack.h"
#include "sim/world.h"

namespace kerf::sim {

struct WholeGpuOptions {
  std::int64_t batch_idle_ms = control::kSecond;      ///< no new pod for so long: pack
  std::int64_t batch_max_ms = 10 * control::kSecond;  ///< pack at the latest
  std::int64_t retry_ms = 10 * control::kSecond;      ///< pods that could not be placed
  std::int64_t poll_ms = 10 * control::kSecond;       ///< between two looks for what to give back
  std::int64_t validate_ms = 15 * control::kSecond;   ///< a decision is judged again after that
  /// A node is looked at when it was initialized, and its pods have not changed, for so long.
  std::int64_t consolidate_after_ms = 5 * control::kMinute;
  std::int64_t nodes_percent = 10;  ///< at most so many nodes are given back at a time; at least 1
};

/// The same world without Kerf: no policies, so its controller has nothing to do; no agents; each
/// GPU request of a workload is as many whole GPUs as it asks for devices, on types whose GPUs have
/// the memory for it.
WorldSpec whole_gpu_world(const WorldSpec& spec);

/// Karpenter's provisioner and its disruption controller with one NodePool for each policy, and a
/// plain device plugin on each node. Launch, drain and interruptions are those of sim::Karpenter.
///
/// Provisioning: pods that the scheduler called unschedulable, and those of nodes that are going,
/// are packed (pack_whole) when no new one has come for a second, after ten at the latest; not
/// while a claim has no instance. Consolidation (WhenEmptyOrUnderutilized, budget 10 % of the
/// nodes): empty nodes go; else one node whose pods fit on others, or on others and one cheaper new
/// node, which must be ready first (no spot for spot). Decided twice, 15 s apart.
/// PodDisruptionBudgets and do-not-disrupt are obeyed. Left out: consolidation of several nodes
/// into one, drift, expiry, preferences of pods.
class WholeGpu {
 public:
  /// `pools`: the policies of the scenario. All outlive it; make it before time passes.
  WholeGpu(World& world, std::vector<control::SlicePolicy> pools, WholeGpuOptions options);
  ~WholeGpu();
  WholeGpu(const WholeGpu&) = delete;
  WholeGpu& operator=(const WholeGpu&) = delete;

  /// Pods that were on a node when it was given back.
  std::int64_t moved() const { return moved_; }
  void add_to(Hasher& hasher) const;

 private:
  /// A node that is to go.
  struct Command {
    std::string claim;
    std::string node;
    std::string replacement;  ///< a claim that must be initialized first; "" = none
    bool begun = false;       ///< tainted, replacement bought
  };

  void pod_changed(const Change& change);
  void node_changed(const Change& change);
  void claim_changed(const Change& change);
  void trigger();
  void provision();
  bool synced() const;
  std::vector<Value> provisionable() const;
  Packing pack(std::vector<Value> pods, const std::string& without, bool may_buy) const;
  std::string buy(const PackedClaim& packed);

  void look_later(std::int64_t delay_ms);
  void look();
  bool may_go(const control::Node& node) const;
  std::vector<Value> pods_of(const std::string& node) const;
  std::optional<Packing> without(const control::NodeClaim& claim) const;
  void decide(const control::NodeClaim& claim);
  void validate(const std::string& name);
  void finish(const std::string& name);
  MicroUsdPerHour price_of(const control::NodeClaim& claim) const;

  World& world_;
  ApiServer& api_;
  Clock& clock_;
  std::vector<control::SlicePolicy> pools_;
  WholeGpuOptions options_;
  std::vector<std::uint64_t> listeners_;
  Instant batch_began_ = -1;
  Timer batch_;
  Timer look_;
  std::map<std::string, Instant> changed_;   ///< by node: initialized, or pods changed
  std::map<std::string, Command> commands_;  ///< by claim
  std::vector<Timer> timers_;
  std::uint64_t bought_ = 0;
  std::int64_t moved_ = 0;
};

}  // namespace kerf::sim
