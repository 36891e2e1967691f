// CaseFile: a planner case (tests/cases/*.txt, explained in its README) as a demand, a market and
// an answer.
#pragma once

#include <string>
#include <vector>

#include "core/cluster/demand.h"
#include "core/cluster/policy.h"
#include "core/market/market.h"
#include "core/plan/plan.h"

namespace kerf::tests {

struct CaseFile {
  cluster::Demand demand;
  market::Market market;
  cluster::Policy policy;
  std::vector<std::string> fleet;  ///< lines as written
  std::vector<std::string> unplaced;
  std::string cost;  ///< "$6.88, proven cheapest"
};

/// Reads a case; a line that is not understood throws std::runtime_error with its number.
CaseFile read_case(const std::string& path);

/// The plan's answer in the form of a case's lines.
std::vector<std::string> fleet_lines(const plan::Plan& plan, const market::Market& market);
std::vector<std::string> unplaced_lines(const plan::Plan& plan, const cluster::Demand& demand);

}  // namespace kerf::tests
