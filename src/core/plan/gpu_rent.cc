// Rents: high enough for the fewest GPUs first, then as low as keeps to the limit.
#include "core/plan/gpu_rent.h"

#include <algorithm>

#include "core/plan/improve.h"
#include "core/plan/owned.h"

namespace kerf::plan {

namespace {

/// Of the dearest node's price: with it on every GPU, a fleet with fewer of them is the cheaper.
constexpr std::int64_t kMostRent = 64;
/// Rents tried below that, and where only a quick answer is wanted.
constexpr int kTries = 10;
constexpr int kQuickTries = 3;

MicroUsdPerHour dearest_price(const Problem& problem) {
  MicroUsdPerHour dearest;
  for (const Machine& machine : problem.machines)
    if (!machine.missing) dearest = std::max(dearest, machine.price);
  return dearest;
}

class Rents {
 public:
  Rents(Problem& problem, const std::vector<std::int64_t>& items, LpSolver& solver,
        const Effort& effort)
      : problem_(problem), items_(items), solver_(solver), effort_(without_proof(effort)) {
    for (const Machine& machine : problem.machines) prices_.push_back(machine.price);
  }

  Fleet search(std::int64_t rent) {
    for (Machine& machine : problem_.machines) machine.price.micro += rent * machine.gpus;
    Fleet fleet = search_fleet(problem_, items_, solver_, effort_, {}).fleet;
    for (std::size_t m = 0; m < prices_.size(); ++m) problem_.machines[m].price = prices_[m];
    return fleet;
  }

 private:
  Problem& problem_;
  const std::vector<std::int64_t>& items_;
  LpSolver& solver_;
  const Effort effort_;
  std::vector<MicroUsdPerHour> prices_;
};

}  // namespace

std::int64_t gpus_of(const Problem& problem, const Fleet& fleet) {
  std::int64_t sum = 0;
  for (const Pattern& node : fleet) sum += problem.machines[node.machine].gpus;
  return sum;
}

bool keeps_to_gpus(const Problem& problem, const Fleet& fleet) {
  return problem.limit_gpus < 0 || gpus_of(problem, fleet) <= problem.limit_gpus;
}

Found search_within_gpus(Problem& problem, const std::vector<std::int64_t>& items, LpSolver& solver,
                         const Effort& effort, const Told& told) {
  Found found = search_fleet(problem, items, solver, effort, told);
  if (keeps_to_gpus(problem, found.fleet) || lacks_nodes(problem, found.fleet)) return found;
  Rents rents(problem, items, solver, effort);
  std::int64_t low = 0, high = kMostRent * dearest_price(problem).micro;
  Fleet best = rents.search(high);
  if (!keeps_to_gpus(problem, best) || lacks_nodes(problem, best)) return found;
  MicroUsdPerHour least = bill_of(problem, best);
  for (int i = effort.branch_steps > 0 ? kTries : kQuickTries; i > 0; --i) {
    if (told) told("GPU limit", least, found.proof.bound);
    const std::int64_t rent = high / 8 > low ? high / 8 : low + (high - low) / 2;
    Fleet fleet = rents.search(rent);
    if (!keeps_to_gpus(problem, fleet)) {
      low = rent;
      continue;
    }
    high = rent;
    const MicroUsdPerHour bill = bill_of(problem, fleet);
    if (bill >= least) continue;
    best = std::move(fleet);
    least = bill;
  }
  // Rents alone find the ends: all nodes of one kind, or all of another.
  const std::vector<double> values(problem.classes.size(), 0);
  improve(problem, values, found.proof.bound, effort.improve_steps, {}, best);
  least = bill_of(problem, best);
  found.fleet = std::move(best);
  found.proof.optimal = found.proof.bound >= least;
  return found;
}

}  // namespace kerf::plan
