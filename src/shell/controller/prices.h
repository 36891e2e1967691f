// Prices: offerings from Karpenter's metrics pages, else from the shipped table.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/market/market.h"
#include "shell/apiserver/client.h"
#include "shell/runtime/loop.h"
#include "shell/telemetry/log.h"

namespace kerf::shell {

/// Every `every_ms`: asks the API server for Karpenter's pods (label app.kubernetes.io/name=
/// karpenter, or `urls` in their place), reads /metrics of each (on a thread of its own: deadline,
/// bound on size, plain http only), and uses the page that has the series of prices; of several the
/// one with the most. Its region is that of its zones. A page that answers is as of now. Where none
/// has: the last page stands, as of then; where there never was one, the shipped table, as of 0
/// (too old for moves). docs/reference/prices.md says it to people. Lives on the loop's thread.
class Prices {
 public:
  struct Options {
    std::vector<std::string> urls;    ///< http://HOST:PORT/metrics; empty: Karpenter's pods
    std::string karpenter_namespace;  ///< "" = all
    std::uint16_t port = 8080;
    std::string region = "us-east-1";  ///< of the shipped table
    std::int64_t every_ms = 60'000;
    std::int64_t deadline_ms = 10'000;  ///< of a page
    std::size_t page_bytes_max = 64u << 20;
  };
  struct Told {
    std::shared_ptr<const market::Market> market;
    std::int64_t as_of_ms = 0;  ///< of the wall clock; 0 = the shipped table
    std::string source;         ///< for people: "Karpenter's metrics at 10.0.3.7:8080", ...
    std::string trouble;        ///< why it is not Karpenter's page of now; "" = it is
  };
  /// `types`: the market with all types; its offerings are the shipped table's. `tell` comes on the
  /// loop's thread after each round, the same Told again included (with the same market as long as
  /// nothing about it changed), never from inside start(). All must outlive this.
  Prices(Options options, market::Market types, apiserver::Client& client, runtime::Loop& loop,
         telemetry::Log log, std::function<std::int64_t()> wall_ms,
         std::function<void(const Told&)> tell);
  /// Waits for a page that is being read, about a second.
  ~Prices();
  Prices(const Prices&) = delete;
  Prices& operator=(const Prices&) = delete;

  /// Tells the shipped table only after the first try found no page.
  void start();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kerf::shell
