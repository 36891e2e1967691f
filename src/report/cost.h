// What a standing cluster costs, by who holds its GPUs, and what of it earns nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "codec/document.h"
#include "report/standing.h"
#include "report/table.h"

namespace kerf::report {

enum class CostBy : std::uint8_t {
  Namespace,  ///< namespaces, and the dearest workloads of each
  Workload,
  Node,
  Pod,
};

struct CostOptions {
  TableOptions table = {};
  CostBy by = CostBy::Namespace;
};

/// For people. The amounts shown add up to the total shown, to the last digit.
std::string cost_table(const Standing& in, const CostOptions& options);

/// "kerf.dev/cost/v1alpha1"; docs/reference/cost.schema.json. All views at once, each exact to the
/// micro-dollar.
codec::Node cost_json(const Standing& in);

/// Amounts in `unit`s that add up to their rounded sum: each rounded down, and the units that are
/// missing go to the largest remainders (ties to the first). Amounts are not negative.
std::vector<std::int64_t> rounded_parts(const std::vector<std::int64_t>& amounts,
                                        std::int64_t unit);
/// The same, adding up to `sum` units: at least all rounded down, at most all rounded up.
std::vector<std::int64_t> rounded_parts(const std::vector<std::int64_t>& amounts, std::int64_t unit,
                                        std::int64_t sum);

}  // namespace kerf::report
