// Purchase: what may be bought and for how much, made from the options of `kerf plan`.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/plan_arguments.h"
#include "core/cluster/policy.h"
#include "core/market/market.h"

namespace kerf::cli {

struct Purchase {
  market::Market market;
  cluster::Policy policy;
  std::vector<std::string> notes;  ///< what people should know of the prices, one sentence each
};

/// Loads prices and policy; then the options go before the policy. Errors say which option to give:
/// a region without prices, a type, zone or capacity type that nothing offers.
Result<Purchase> prepare_purchase(const PlanArguments& arguments);

/// The second half of it, where the market is there: policy, options before it, what is owned.
/// `usual`: capacity types where neither policy nor options say any. On an error `out` is of no
/// use.
Result<void> apply_policy(const PlanArguments& arguments,
                          const std::vector<market::CapacityType>& usual,
                          const std::map<std::string, std::int64_t>& owned, Purchase& out);

/// The parts of it, for commands and tests.
Result<market::Market> load_market(const PlanArguments& arguments, std::vector<std::string>& notes);
Result<void> apply_discounts(const std::vector<Discount>& discounts, market::Market& market);
/// Every item of --types must name or match a type that has a price.
Result<void> check_types(const std::vector<std::string>& items, const market::Market& market);
/// Adds what is owned: price 0, as reserved capacity. The types need no price, only a name that is
/// known.
Result<void> add_owned(const std::map<std::string, std::int64_t>& owned, market::Market& market);
Result<void> check_zones(const std::vector<std::string>& zones, const market::Market& market);

}  // namespace kerf::cli
