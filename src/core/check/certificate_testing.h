// Certificates made by hand for the tests of core/check: worths are given, claims are found.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "base/assert.h"
#include "core/check/certificate.h"
#include "core/check/certificate_work.h"
#include "core/check/check_testing.h"
#include "core/check/fleet_testing.h"

namespace kerf::check::testing {

using plan::Certificate;

/// One group for each shape that a pod of the demand has, in the order of shapes.
inline std::vector<Certificate::Group> groups_by_shape(const cluster::Demand& demand) {
  std::map<std::uint32_t, Certificate::Group> by_shape;
  for (std::uint32_t pod = 0; pod < demand.pods.size(); ++pod) {
    by_shape[demand.pods[pod].shape].pods.push_back(pod);
  }
  std::vector<Certificate::Group> groups;
  for (auto& [shape, group] : by_shape) groups.push_back(std::move(group));
  return groups;
}

/// A pool for each offering, and for both modes where they are a node's.
inline std::vector<Certificate::Pool> pools_of(const market::Market& market) {
  std::vector<Certificate::Pool> pools;
  for (const market::Offering& offering : market.offerings) {
    const market::InstanceType& type = market.types[offering.type];
    const gpu::Model& model = market.model_of(type);
    std::vector<gpu::GpuMode> modes = {gpu::GpuMode::Any};
    if (model.generation == gpu::Generation::Ampere && type.gpu_fraction == 1) {
      modes = {gpu::GpuMode::Cut, gpu::GpuMode::Whole};
    }
    for (const gpu::GpuMode mode : modes) {
      Certificate::Pool pool;
      Certificate::Offered offered;
      offered.type = offering.type;
      offered.capacity_type = offering.capacity_type;
      if (!offering.zone.empty()) offered.zones = {offering.zone};
      offered.mode = mode;
      offered.price = offering.price;
      pool.offerings = {offered};
      if (offering.count) pool.at_most = *offering.count;
      pools.push_back(std::move(pool));
    }
  }
  return pools;
}

/// The worth of the most that one node can hold, by raising a claim until nothing beats it. That
/// search_node is right is shown against brute force.
inline std::int64_t best_worth(const NodeKind& node, const std::vector<Item>& items,
                               const Certificate::Multipliers& multipliers = {}) {
  std::int64_t worth = 0;
  while (true) {
    std::int64_t steps = 100'000'000;
    const Searched found = search_node(node, items, worth, multipliers, steps);
    if (found.outcome != Searched::Outcome::Beaten) return worth;
    worth = found.value;
  }
}

/// A leaf with claims that are just true, for these worths of the groups, lowered together until no
/// node that can be had without limit is worth more than its price.
inline Certificate::Leaf leaf_for(const Certificate& certificate, const World& world,
                                  std::vector<std::int64_t> values) {
  Verdict verdict;
  const VerifyOptions options;
  Certificate draft = certificate;
  draft.method = Certificate::Method::Exact;  // no leaves yet
  Proof proof(draft, world.demand, world.market, world.policy, options, verdict);
  KERF_ASSERT(shape_holds(proof), "made by hand");
  read_groups(proof);
  read_pools(proof);
  KERF_ASSERT(proof.sound(), "made by hand");
  Certificate::Leaf leaf;
  for (int round = 0; round < 60; ++round) {
    leaf.values = values;
    leaf.claims.clear();
    bool lower = false;
    for (std::uint32_t p = 0; p < draft.pools.size(); ++p) {
      Certificate::Claim claim;
      claim.pool = p;
      claim.by_multipliers = false;
      Int128 price = INT64_MAX;
      for (const Certificate::Offered& offered : draft.pools[p].offerings) {
        price = std::min(price, Int128{offered.price.micro} * Certificate::kParts);
      }
      for (const NodeKind& node : proof.nodes[p]) {
        claim.worth = std::max(claim.worth, best_worth(node, items_of(proof, node, values)));
      }
      lower = lower || (draft.pools[p].at_most < 0 && claim.worth > price);
      leaf.claims.push_back(std::move(claim));
    }
    if (!lower) break;
    for (std::int64_t& value : values) value -= value / 8;
  }
  return leaf;
}

}  // namespace kerf::check::testing
