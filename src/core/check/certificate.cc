// verify_certificate and verify_fleet: the order in which a proof and its fleet are checked.
#include "core/check/certificate.h"

#include <algorithm>

#include "core/check/certificate_work.h"

namespace kerf::check {
namespace {

using plan::Certificate;

bool is_amount(std::int64_t value) { return value >= 0 && value <= kMostAmount; }

std::string capacity_name(market::CapacityType type) {
  switch (type) {
    case market::CapacityType::OnDemand: return "on-demand";
    case market::CapacityType::Spot: return "spot";
    case market::CapacityType::Reserved: return "reserved";
  }
  return "";
}

bool groups_hold(Proof& proof) {
  const auto& groups = proof.certificate.groups;
  for (std::uint32_t g = 0; g < groups.size(); ++g) {
    const Certificate::Group& group = groups[g];
    const std::size_t pods = proof.demand.pods.size();
    if (std::any_of(group.pods.begin(), group.pods.end(),
                    [&](std::uint32_t pod) { return pod >= pods; })) {
      proof.complain("group {} has a pod that the demand does not have", g);
    }
    const std::int64_t wishes = static_cast<std::int64_t>(proof.policy.headroom.size());
    if (group.headroom < -1 || group.headroom >= wishes) {
      proof.complain("group {} is for headroom that the policy does not ask for", g);
    }
    if ((group.headroom < 0) == group.pods.empty()) {
      proof.complain("group {} is to have either pods or headroom", g);
    }
    if (group.per_node != 0 && group.per_node != 1) {
      proof.complain(
          "group {} counts on at most {} pods on a node; only 1, or 0 for no limit, "
          "can be verified",
          g, group.per_node);
    }
  }
  return proof.sound();
}

bool pools_hold(Proof& proof) {
  const auto& pools = proof.certificate.pools;
  for (std::uint32_t p = 0; p < pools.size(); ++p) {
    if (pools[p].offerings.empty()) proof.complain("pool {} has nothing to buy", p);
    if (pools[p].at_most < -1) proof.complain("pool {} has less than no nodes", p);
    if (pools[p].at_most > kMostRoom) proof.complain("pool {} has an absurd number of nodes", p);
    for (const Certificate::Offered& offered : pools[p].offerings) {
      if (offered.type >= proof.market.types.size() ||
          proof.audit.models[offered.type] == nullptr) {
        proof.complain("pool {} has a type that the market or the catalogue does not have", p);
      }
      if (!is_amount(offered.price.micro)) proof.complain("pool {} has an absurd price", p);
    }
  }
  return proof.sound();
}

bool leaf_holds(Proof& proof, std::uint32_t index) {
  const Certificate::Leaf& leaf = proof.certificate.leaves[index];
  bool amounts = is_amount(leaf.gpu);
  for (const std::int64_t value : leaf.values) amounts = amounts && is_amount(value);
  for (const Certificate::Claim& claim : leaf.claims) {
    const Certificate::Multipliers& m = claim.multipliers;
    amounts = amounts && is_amount(claim.worth) && is_amount(m.cpu_milli) &&
              is_amount(m.memory_mib) && is_amount(m.disk_mib) && is_amount(m.pods);
    for (const auto& [form, worth] : m.forms) amounts = amounts && is_amount(worth);
    if (claim.pool >= proof.certificate.pools.size()) {
      proof.complain("leaf {} claims something of a pool that does not exist", index);
      return false;
    }
  }
  if (!amounts) proof.complain("leaf {} has an amount that is negative or absurdly large", index);
  if (leaf.values.size() != proof.certificate.groups.size()) {
    proof.complain("leaf {} has {} values for {} groups", index, leaf.values.size(),
                   proof.certificate.groups.size());
  }
  return proof.sound();
}

/// Branches point forward, and each but the root is reached once: a tree, whatever was written.
bool tree_holds(Proof& proof) {
  const auto& branches = proof.certificate.branches;
  if (branches.empty()) {
    proof.complain("the proof has no branches, not even a root");
    return false;
  }
  std::vector<int> reached(branches.size(), 0);
  reached[0] = 1;
  for (std::uint32_t b = 0; b < branches.size(); ++b) {
    const Certificate::Branch& branch = branches[b];
    if (branch.leaf >= 0) {
      if (static_cast<std::size_t>(branch.leaf) >= proof.certificate.leaves.size()) {
        proof.complain("branch {} ends in a leaf that does not exist", b);
      }
      continue;
    }
    if (branch.left <= b || branch.right <= b || branch.left >= branches.size() ||
        branch.right >= branches.size()) {
      proof.complain("branch {} does not lead on to two later ones", b);
      return false;
    }
    if (branch.leaf != -1 || branch.pool >= proof.certificate.pools.size() || branch.at_most < 0 ||
        branch.at_most >= kMostRoom) {
      proof.complain("branch {} splits what cannot be split", b);
    }
    ++reached[branch.left];
    ++reached[branch.right];
  }
  for (std::uint32_t b = 0; b < reached.size(); ++b) {
    if (reached[b] != 1) proof.complain("branch {} is reached {} times", b, reached[b]);
  }
  return proof.sound();
}

/// Branches are walked one inside the other; a proof has some tens of levels.
constexpr std::size_t kMostDepth = 2'000;

bool depth_holds(Proof& proof) {
  const auto& branches = proof.certificate.branches;
  std::vector<std::size_t> depth(branches.size(), 0);
  for (std::uint32_t b = 0; b < branches.size(); ++b) {
    if (depth[b] > kMostDepth) {
      proof.complain("the tree of the proof is deeper than {} splits", kMostDepth);
      return false;
    }
    if (branches[b].leaf >= 0) continue;
    depth[branches[b].left] = depth[branches[b].right] = depth[b] + 1;
  }
  return true;
}

std::int64_t in_micro(Int128 parts) {
  // A bill is a whole number of micro-dollars, so one that is at least this is at least the next.
  const Int128 micro = parts <= 0 ? 0 : (parts + Certificate::kParts - 1) / Certificate::kParts;
  return static_cast<std::int64_t>(std::min<Int128>(micro, INT64_MAX));
}

}  // namespace

bool shape_holds(Proof& proof) {
  if (!indices_hold(proof.audit)) {
    proof.verdict.complaints = proof.audit.complaints;
    return false;
  }
  const Certificate& certificate = proof.certificate;
  if (certificate.groups.empty() && !certificate.leaves.empty()) {
    proof.complain("the proof counts no pods");
  }
  if (!groups_hold(proof) || !pools_hold(proof)) return false;
  if (proof.policy.limit_gpus && !is_amount(*proof.policy.limit_gpus)) {
    proof.complain("the policy's limit on GPUs is absurd");
    return false;
  }
  if (certificate.method == Certificate::Method::Exact) return proof.sound();
  for (std::uint32_t l = 0; l < certificate.leaves.size(); ++l) {
    if (!leaf_holds(proof, l)) return false;
  }
  return tree_holds(proof) && depth_holds(proof);
}

const GpuContents& Proof::contents_of(std::uint32_t type, gpu::GpuMode mode) {
  const market::InstanceType& of = market.types[type];
  const auto key = std::make_tuple(audit.models[type], of.nominal_gb, of.gpu_fraction, mode);
  const auto at = contents.find(key);
  if (at != contents.end()) return at->second;
  return contents.emplace(key, GpuContents(of, *audit.models[type], mode, policy)).first->second;
}

std::string Proof::group_name(std::uint32_t group) const {
  const Certificate::Group& of = certificate.groups[group];
  if (of.headroom >= 0) {
    const auto& wish = policy.headroom[static_cast<std::size_t>(of.headroom)];
    return fmt::format("group {} (headroom {})", group, request_name(wish.request));
  }
  const std::string first = audit.pod_name(of.pods.front());
  return of.pods.size() == 1
             ? fmt::format("group {} ({})", group, first)
             : fmt::format("group {} ({} and {} more)", group, first, of.pods.size() - 1);
}

std::string Proof::pool_name(std::uint32_t pool) const {
  const Certificate::Offered& first = certificate.pools[pool].offerings.front();
  return fmt::format("pool {} ({}, {}{})", pool, market.types[first.type].name,
                     capacity_name(first.capacity_type),
                     certificate.pools[pool].offerings.size() > 1 ? " and others" : "");
}

Verdict verify_certificate(const Certificate& certificate, const cluster::Demand& demand,
                           const market::Market& market, const cluster::Policy& policy,
                           const VerifyOptions& options) {
  Verdict verdict;
  Proof proof(certificate, demand, market, policy, options, verdict);
  if (!shape_holds(proof)) return verdict;
  read_groups(proof);
  if (proof.sound()) read_pools(proof);
  if (!proof.sound()) return verdict;
  const bool exact = certificate.method == Certificate::Method::Exact;
  const auto bound = exact ? bound_by_trying_all(proof) : bound_by_duals(proof);
  if (!bound) return verdict;
  verdict.proven = {exact ? static_cast<std::int64_t>(*bound) : in_micro(*bound)};
  if (certificate.bound > verdict.proven) {
    proof.complain("the bound is given as {}, and the proof shows {}",
                   format_usd(certificate.bound, 6), format_usd(verdict.proven, 6));
    verdict.proven = {};
  }
  return verdict;
}

}  // namespace kerf::check
