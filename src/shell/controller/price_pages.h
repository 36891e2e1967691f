// Which pages have Karpenter's prices, and which of them is believed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "codec/document.h"
#include "codec/prices.h"
#include "core/market/market.h"

namespace kerf::shell {

/// Where a page is.
struct Endpoint {
  std::string url;
  std::string name;  ///< for people: "10.0.3.7:8080"
  bool operator==(const Endpoint&) const = default;
};
/// More are not asked.
inline constexpr std::size_t kEndpointsMax = 16;

/// InvalidArgument: not a plain http URL; the message quotes it.
Result<Endpoint> endpoint_of_url(const std::string& url);

/// Those of running pods of a PodList (Karpenter's, by their label), in the list's order: on the
/// container port named http-metrics, as Karpenter's chart calls it, else on `port`. NotFound: none
/// runs. Conflict: they run in several namespaces. Whoever can make a pod can give it Karpenter's
/// label, and prices decide what is bought, so that then none of them is asked.
Result<std::vector<Endpoint>> endpoints_of_pods(const codec::Node& list, std::uint16_t port);

/// What the pages of one round say together.
struct Reading {
  std::shared_ptr<const market::Market> market;  ///< null: no page has prices
  std::string endpoint;                          ///< whose page it is
  codec::PriceNote note;
  std::string trouble;  ///< why there is no market; at most about 1 kB
};

/// Goes through the pages one by one and keeps the best: that with the most offerings of types that
/// Kerf knows, available or not; of equal ones the first. Only the leader of Karpenter's replicas
/// has the series; a page without them is in order as long as another has them.
class PageChoice {
 public:
  /// `types`: its types stay, its offerings are replaced. Must outlive this.
  explicit PageChoice(const market::Market& types) : types_(types) {}

  /// A page, or why it could not be had.
  void add(const Endpoint& endpoint, Result<std::string> page);
  Reading finish();

 private:
  Result<void> read(const Endpoint& endpoint, std::string page);

  const market::Market& types_;
  Reading best_;
  std::size_t listed_ = 0;  ///< offerings of the best
  std::vector<std::string> troubles_;
  bool unpriced_ = false;  ///< a page that is in order has no prices
};

}  // namespace kerf::shell
