// Asks: shapes of pods and labels of nodes turned into the asks, kinds and ways of placement.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "core/cluster/node.h"
#include "core/cluster/policy.h"
#include "core/online/ask.h"
#include "core/online/slice_tables.h"

namespace kerf::online {

/// Interns. Shapes that differ in nothing that decides which nodes serve them are one Ask; nodes
/// that differ in nothing that any ask looks at are one Kind (so labels that nobody selects by, a
/// node's name among them, tell no kinds apart). References stay valid; lists grow.
///
/// A node serves a pod as kube-scheduler and DESIGN would have it: node selector and affinity
/// against the node's labels, taints tolerated (kerf.dev/slices by every pod with a GPU), zones of
/// volumes, an architecture that the policy has or the pod names, a form of the GPU that serves the
/// request (plan::forms_for). Resources are judged with the room, not here.
class Asks {
 public:
  /// Market and policy outlive this, and so do tables that are kept for later (null: its own).
  Asks(const market::Market& market, const cluster::Policy& policy, SliceTables* kept = nullptr);

  AskId ask(const cluster::PodShape& shape);
  KindId kind(const cluster::Node& node);
  /// Grows when a new ask looks at a label that none did before: then every node's kind has to be
  /// asked for again.
  std::uint64_t generation() const { return generation_; }

  const std::vector<Ask>& asks() const { return asks_; }
  const std::vector<Kind>& kinds() const { return kinds_; }
  const SliceTable& slices(KindId kind) const { return *tables_[kind]; }
  /// For whoever compiles a problem or buys in this market: kept from one time to the next.
  plan::Geometries& geometries() const { return slice_tables().geometries(); }

 private:
  /// What tells nodes apart: type, zone, mode, the labels that matter, taints.
  using KindKey = std::tuple<std::uint32_t, std::string, gpu::GpuMode,
                             std::map<std::string, std::string>, std::vector<cluster::Taint>>;

  SliceTables& slice_tables() const { return kept_ != nullptr ? *kept_ : own_; }
  void look_at(const cluster::PodShape& shape);
  std::vector<Way> ways(const cluster::PodShape& shape, const KindKey& node, KindId kind) const;

  const market::Market& market_;
  const cluster::Policy& policy_;
  std::uint64_t generation_ = 0;
  std::set<std::string> labels_;  ///< that some ask looks at
  std::map<cluster::PodShape, AskId> ask_index_;
  std::vector<Ask> asks_;
  std::vector<cluster::PodShape> examples_;  ///< by ask
  std::map<KindKey, KindId> kind_index_;
  std::vector<Kind> kinds_;
  std::vector<KindKey> keys_;
  std::vector<const SliceTable*> tables_;  ///< by kind
  mutable SliceTables own_;                ///< what is kept changes no answer
  SliceTables* kept_ = nullptr;
};

/// What serving one such pod costs where it is bought for: the least price per pod over all that
/// the policy lets be bought, filled with such pods alone. 0 if nothing serves it. `tables` as for
/// plan::compile.
MicroUsdPerHour price_of_one(const cluster::PodShape& shape, const market::Market& market,
                             const cluster::Policy& policy, plan::Geometries* tables = nullptr);

}  // namespace kerf::online
