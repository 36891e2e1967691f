// Offers: what can be bought for these pods, who is admitted where, and in which forms they are
// served.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/cluster/demand.h"
#include "core/cluster/policy.h"
#include "core/market/market.h"
#include "core/plan/admission.h"
#include "core/plan/gpu_kind.h"
#include "core/plan/reason.h"

namespace kerf::plan {

/// One way to serve a list of requests: how many of each form.
using FormCounts = std::vector<std::pair<gpu::Form, int>>;

/// An offering in one zone ("" = the whole region, where nobody asks for a zone).
struct Offer {
  std::uint32_t type = 0;
  std::string zone;
  market::CapacityType capacity_type = market::CapacityType::OnDemand;
  MicroUsdPerHour price;
  std::int32_t stock = -1;  ///< index in Offers::stocks; -1 = any number can be had
};

/// Answers questions about shapes and offers, each worked out once. Shapes are those of the demand;
/// the policy's headroom is numbered after them.
class Offers {
 public:
  Offers(const cluster::Demand& demand, const market::Market& market, const cluster::Policy& policy,
         GivenLabels given = GivenLabels::AsChosen);

  const std::vector<Offer>& all() const { return offers_; }
  /// Nodes that there are of each offering with a count, in the order of the market: the same for
  /// every demand and policy. Offers of one offering in several zones share its stock.
  const std::vector<std::int64_t>& stocks() const { return stocks_; }
  const market::Market& market() const { return market_; }
  const cluster::Policy& policy() const { return policy_; }
  const cluster::PodShape& shape(std::uint32_t s) const {
    return s < demand_.shapes.size() ? demand_.shapes[s] : headroom_[s - demand_.shapes.size()];
  }
  /// Shapes of one signature are admitted by the same offers.
  std::uint32_t signature(std::uint32_t s) const { return signature_[s]; }
  /// Shapes of one number are admitted by the same offers and want no labels, or have one
  /// signature: what they say of nodes makes no difference between them.
  std::uint32_t admission(std::uint32_t s) const { return admission_[signature_[s]]; }
  bool admitted(std::uint32_t s, std::size_t offer) const {
    return admitted_[signature_[s]][offer];
  }
  /// Why the shape is refused by this type in some zone; nullptr where it is not.
  const Reason* refusal(std::uint32_t s, std::uint32_t type) const;

  const Resources& allocatable(std::uint32_t type) const { return allocatable_[type]; }
  /// The modes in which a node of the type can be bought.
  std::vector<GpuMode> modes(std::uint32_t type) const;
  /// All ways to serve one item, which is a pod of each of these shapes; like requests are served
  /// alike. At most 1,024 ways; truncated() says if there were more.
  std::vector<FormCounts> options(const std::vector<std::uint32_t>& shapes, std::uint32_t type,
                                  GpuMode mode);
  /// Zones where something serves the shape, those of the cheapest offers first.
  std::vector<std::string> zones(std::uint32_t s);
  /// Zones where its selectors admit nodes, ascending: the domains that a spread counts.
  std::vector<std::string> selected_zones(std::uint32_t s) const;
  bool truncated() const { return truncated_; }
  /// Assumptions made on the way, for people.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  std::uint32_t sign(const cluster::PodShape& s);
  std::vector<std::string> zone_universe();
  void expand();
  void admit();
  const std::vector<FormCounts>& request_options(const std::vector<cluster::GpuRequest>& requests,
                                                 std::uint32_t type, GpuMode mode);

  const cluster::Demand& demand_;
  const market::Market& market_;
  const cluster::Policy& policy_;
  GivenLabels given_;
  std::vector<cluster::PodShape> headroom_;
  std::map<cluster::PodShape, std::uint32_t> signatures_;
  std::vector<cluster::PodShape> examples_;  ///< by signature
  std::vector<std::uint32_t> signature_;     ///< by shape
  std::vector<Offer> offers_;
  std::vector<std::int64_t> stocks_;
  std::vector<std::vector<bool>> admitted_;               ///< signature, offer
  std::vector<std::uint32_t> admission_;                  ///< by signature
  std::vector<std::map<std::uint32_t, Reason>> refusal_;  ///< signature, type
  std::map<std::tuple<std::vector<cluster::GpuRequest>, std::uint32_t, GpuMode>,
           std::vector<FormCounts>>
      options_;
  std::vector<Resources> allocatable_;  ///< by type
  bool truncated_ = false;
  std::vector<std::string> notes_;
};

}  // namespace kerf::plan
