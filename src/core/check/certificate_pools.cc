// Pools of a certificate: prices are the market's, and nothing that can be bought is left out.
#include <algorithm>

#include "core/check/certificate_work.h"
#include "core/check/labels.h"

namespace kerf::check {
namespace {

using plan::Certificate;

/// Something to buy in one zone ("": nobody tells zones apart).
struct Sale {
  std::size_t offering = 0;  ///< index in Market::offerings
  std::string zone;
};

/// Zones in which what has one price for the region is sold: the policy's, else those that other
/// prices name, else a, b and c of the region and those that pods name; none where nobody asks.
std::vector<std::string> zones_of_region(const Proof& proof) {
  if (!proof.policy.zones.empty()) return proof.policy.zones;
  std::set<std::string> zones;
  for (const market::Offering& offering : proof.market.offerings) {
    if (!offering.zone.empty()) zones.insert(offering.zone);
  }
  if (!zones.empty()) return {zones.begin(), zones.end()};
  const std::string& region = proof.market.region;
  for (const auto& pool : proof.certificate.pools) {
    for (const auto& offered : pool.offerings) {
      zones.insert(offered.zones.begin(), offered.zones.end());
    }
  }
  if (zones.empty()) return {""};
  for (const char* const letter : {"a", "b", "c"}) zones.insert(region + letter);
  const auto name = [&](const cluster::Requirements& requirements) {
    for (const auto& requirement : requirements) {
      if (!is_zone_label(requirement.key)) continue;
      for (const std::string& zone : requirement.values) {
        if (zone.compare(0, region.size(), region) == 0) zones.insert(zone);
      }
    }
  };
  for (const Part& part : proof.parts) {
    for (const cluster::PodShape* const shape : part.shapes) {
      name(shape->node_selector);
      for (const auto& term : shape->node_affinity) name(term);
      for (const std::string& zone : shape->volume_zones) {
        if (zone.compare(0, region.size(), region) == 0) zones.insert(zone);
      }
    }
  }
  return {zones.begin(), zones.end()};
}

/// All that the policy lets be bought, zone by zone. A price for the zone goes before one for the
/// region.
std::vector<Sale> sales_of(const Proof& proof) {
  const auto& offerings = proof.market.offerings;
  std::set<std::tuple<std::uint32_t, market::CapacityType, std::string>> priced;
  for (const market::Offering& offering : offerings) {
    if (!offering.zone.empty() && !offering.count) {
      priced.insert({offering.type, offering.capacity_type, offering.zone});
    }
  }
  const std::vector<std::string> zones = zones_of_region(proof);
  std::vector<Sale> sales;
  for (std::size_t i = 0; i < offerings.size(); ++i) {
    const market::Offering& offering = offerings[i];
    if (!policy_allows(proof.policy, proof.market.types[offering.type], offering)) continue;
    if (!offering.zone.empty()) {
      sales.push_back({i, offering.zone});
      continue;
    }
    for (const std::string& zone : zones) {
      const bool own_price = priced.count({offering.type, offering.capacity_type, zone}) != 0;
      if (!own_price || offering.count) sales.push_back({i, zone});
    }
  }
  return sales;
}

/// True if nodes of the sale are among those offered, whatever they cost.
bool same_thing(const Certificate::Offered& offered, const market::Offering& offering,
                const std::string& zone) {
  return offered.type == offering.type && offered.capacity_type == offering.capacity_type &&
         (offered.zones.empty() ||
          std::find(offered.zones.begin(), offered.zones.end(), zone) != offered.zones.end());
}

/// Modes that nodes of this type come in; a node whose GPUs are each as they like is one of Any.
std::vector<gpu::GpuMode> modes_of(const Proof& proof, std::uint32_t type) {
  const gpu::Model& model = *proof.audit.models[type];
  const bool whole_only = proof.market.types[type].gpu_fraction > 1 || !can_be_cut(model);
  if (whole_only) return {gpu::GpuMode::Whole};
  if (model.generation == gpu::Generation::Ampere) {
    return {gpu::GpuMode::Cut, gpu::GpuMode::Whole};
  }
  return {gpu::GpuMode::Any};
}

bool covers_mode(gpu::GpuMode offered, gpu::GpuMode wanted) {
  return offered == gpu::GpuMode::Any || offered == wanted;
}

void check_models(Proof& proof, std::uint32_t index) {
  const Certificate::Pool& pool = proof.certificate.pools[index];
  for (const Certificate::Offered& offered : pool.offerings) {
    if (proof.market.types[offered.type].gpu_model !=
        proof.market.types[pool.offerings.front().type].gpu_model) {
      proof.complain("{} mixes GPU models, {} and {}", proof.pool_name(index),
                     proof.market.types[pool.offerings.front().type].gpu_model,
                     proof.market.types[offered.type].gpu_model);
      return;
    }
  }
}

/// Each price is one that the market asks, and no fewer nodes are counted on than exist.
void check_pool(Proof& proof, std::uint32_t index, const std::vector<Sale>& sales) {
  const Certificate::Pool& pool = proof.certificate.pools[index];
  check_models(proof, index);
  std::set<std::size_t> owned;
  bool unlimited = false;
  for (const Certificate::Offered& offered : pool.offerings) {
    const market::Offering* other = nullptr;
    bool priced = false;
    for (const Sale& sale : sales) {
      const market::Offering& offering = proof.market.offerings[sale.offering];
      if (!same_thing(offered, offering, sale.zone)) continue;
      if (offering.price != offered.price) {
        other = &offering;
        continue;
      }
      priced = true;
      if (pool.at_most < 0) continue;
      if (offering.count) {
        owned.insert(sale.offering);
      } else {
        unlimited = true;
      }
    }
    if (priced) continue;
    const std::string& name = proof.market.types[offered.type].name;
    if (other != nullptr) {
      proof.complain("{} has {} at {}, and the market asks {}", proof.pool_name(index), name,
                     format_usd(offered.price, 6), format_usd(other->price, 6));
    } else {
      proof.complain("{} has {}, which is not for sale there", proof.pool_name(index), name);
    }
  }
  if (pool.at_most < 0) return;
  Int128 count = 0;
  for (const std::size_t offering : owned) count += *proof.market.offerings[offering].count;
  if (unlimited) {
    proof.complain("{} counts on at most {} nodes, and any number can be had",
                   proof.pool_name(index), pool.at_most);
  } else if (count > pool.at_most) {
    proof.complain("{} counts on at most {} nodes, and {} can be had", proof.pool_name(index),
                   pool.at_most, static_cast<std::int64_t>(std::min<Int128>(count, INT64_MAX)));
  }
}

class Coverage {
 public:
  Coverage(Proof& proof, const std::vector<Sale>& sales) : proof_(proof), sales_(sales) {}

  void check() {
    for (const Sale& sale : sales_) {
      const market::Offering& offering = proof_.market.offerings[sale.offering];
      if (proof_.audit.models[offering.type] == nullptr) {
        check_nobody_goes_without_gpu(offering);
        continue;
      }
      ++proof_.verdict.offerings;
      for (const gpu::GpuMode mode : modes_of(proof_, offering.type)) {
        if (!covered(sale, mode)) check_serves_nobody(sale, mode);
      }
    }
  }

 private:
  /// Nodes that cost no less than what a pool counts them at are as well as counted. Where the pool
  /// has a limit they must be among those that the limit is for.
  bool covered(const Sale& sale, gpu::GpuMode mode) const {
    const market::Offering& offering = proof_.market.offerings[sale.offering];
    const auto& pools = proof_.certificate.pools;
    return std::any_of(pools.begin(), pools.end(), [&](const Certificate::Pool& pool) {
      return std::any_of(pool.offerings.begin(), pool.offerings.end(), [&](const auto& offered) {
        const bool price = pool.at_most < 0
                               ? offered.price <= offering.price
                               : offered.price == offering.price && offering.count.has_value();
        return price && covers_mode(offered.mode, mode) && same_thing(offered, offering, sale.zone);
      });
    });
  }

  /// No pod can be given the GPUs of a model that the catalogue does not have.
  void check_nobody_goes_without_gpu(const market::Offering& offering) {
    for (const Part& part : proof_.parts) {
      if (!part.gpu().empty()) continue;
      proof_.complain("{} asks for no GPU, and {} is of a GPU model that is not known",
                      proof_.group_name(part.group), proof_.market.types[offering.type].name);
      return;
    }
  }

  void check_serves_nobody(const Sale& sale, gpu::GpuMode mode) {
    const market::Offering& offering = proof_.market.offerings[sale.offering];
    std::vector<std::string> zones;
    if (!sale.zone.empty()) zones = {sale.zone};
    std::vector<bool> admitted;
    for (const Part& part : proof_.parts) {
      const auto& shapes = part.shapes;
      admitted.push_back(std::any_of(shapes.begin(), shapes.end(), [&](const auto* shape) {
        return proof_.admissions.may_run(*shape, offering.type, offering.capacity_type, zones);
      }));
    }
    const auto [at, fresh] = serves_.try_emplace({offering.type, mode, admitted}, -1);
    if (fresh) {
      const NodeKind node = node_kind(proof_, offering.type, mode, admitted);
      if (!node.parts.empty()) at->second = proof_.parts[node.parts.front()].group;
    }
    if (at->second < 0) return;
    proof_.complain("the certificate leaves out {} at {}{}{}, which can serve {}",
                    proof_.market.types[offering.type].name, format_usd(offering.price, 6),
                    zones.empty() ? "" : " in " + sale.zone,
                    mode == gpu::GpuMode::Cut     ? " with its GPUs cut"
                    : mode == gpu::GpuMode::Whole ? " with whole GPUs"
                                                  : "",
                    proof_.group_name(static_cast<std::uint32_t>(at->second)));
  }

  Proof& proof_;
  const std::vector<Sale>& sales_;
  /// A group that can be served, or -1.
  std::map<std::tuple<std::uint32_t, gpu::GpuMode, std::vector<bool>>, std::int64_t> serves_;
};

/// True if whatever a `b` can hold an `a` can hold, for no more money.
bool covers(const Proof& proof, const NodeKind& a, const NodeKind& b) {
  const auto& types = proof.market.types;
  return a.price <= b.price && b.room.fits(a.room) && b.gpus.gpus() <= a.gpus.gpus() &&
         a.mode == b.mode && types[a.type].nominal_gb == types[b.type].nominal_gb &&
         types[a.type].gpu_fraction == types[b.type].gpu_fraction &&
         std::includes(a.parts.begin(), a.parts.end(), b.parts.begin(), b.parts.end());
}

void read_nodes(Proof& proof, std::uint32_t index) {
  const Certificate::Pool& pool = proof.certificate.pools[index];
  std::vector<NodeKind> kinds;
  for (std::size_t o = 0; o < pool.offerings.size(); ++o) {
    std::vector<bool> admitted;
    for (const Part& part : proof.parts) admitted.push_back(part.admitted[index][o]);
    NodeKind node = node_kind(proof, pool.offerings[o].type, pool.offerings[o].mode, admitted);
    node.price = pool.offerings[o].price;
    const auto covered_by = [&](const NodeKind& other) { return covers(proof, other, node); };
    if (std::any_of(kinds.begin(), kinds.end(), covered_by)) continue;
    kinds.erase(std::remove_if(kinds.begin(), kinds.end(),
                               [&](const NodeKind& other) { return covers(proof, node, other); }),
                kinds.end());
    kinds.push_back(std::move(node));
  }
  proof.nodes.push_back(std::move(kinds));
}

}  // namespace

void read_pools(Proof& proof) {
  const std::vector<Sale> sales = sales_of(proof);
  for (std::uint32_t p = 0; p < proof.certificate.pools.size(); ++p) {
    check_pool(proof, p, sales);
    read_nodes(proof, p);
  }
  Coverage(proof, sales).check();
}

}  // namespace kerf::check
