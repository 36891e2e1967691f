// Shrinks like nodes together.
#include "core/plan/tidy.h"

#include <algorithm>

namespace kerf::plan {

void tidy(const Problem& problem, Fleet& fleet) {
  std::sort(fleet.begin(), fleet.end());
  for (std::size_t i = 0; i < fleet.size();) {
    const Pattern node = fleet[i];
    const Pattern host = cheapest_host(problem, node);
    const bool limited = problem.machines[host.machine].at_most >= 0;
    for (; i < fleet.size() && fleet[i] == node; ++i)
      if (!limited) fleet[i] = host;
  }
  std::sort(fleet.begin(), fleet.end());
}

}  // namespace kerf::plan
