// CaseFile: a planner case (tests/cases/*.txt, explained in its README) as a demand, a market and
// an answer.
#pragma once

#include <istream>
#include <string>
#include <vector>

#include "core/cluster/demand.h"
#include "core/cluster/policy.h"
#include "core/market/market.h"

namespace kerf::tests {

struct CaseFile {
  cluster::Demand demand;
  market::Market market;
  cluster::Policy policy;
  std::vector<std::string> fleet;  ///< lines as written
  std::vector<std::string> unplaced;
  std::string cost;  ///< "$6.88, proven cheapest"
};

/// Reads a case; a line that is not understood throws std::runtime_error with the case's name, the
/// line's number and what was expected.
CaseFile read_case(std::istream& in, const std::string& name);
CaseFile read_case(const std::string& path);

}  // namespace kerf::tests
