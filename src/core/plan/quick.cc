// The sifted LP for bound and values; contents of nodes for the fleet; merged where there are many.
#include "core/plan/quick.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "core/plan/contents.h"
#include "core/plan/merge.h"
#include "core/plan/sift.h"
#include "core/plan/tidy.h"

namespace kerf::plan {

namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }
long envl(const char* n, long d) { const char* s = std::getenv(n); return s ? std::atol(s) : d; }

constexpr std::size_t kGroups = 160;

bool any(const std::vector<std::int64_t>& items) {
  return std::any_of(items.begin(), items.end(), [](std::int64_t n) { return n > 0; });
}

/// Takes what the fleet serves off the items.
void take(const Problem& problem, const Fleet& fleet, std::vector<std::int64_t>& items) {
  const std::vector<std::int64_t> served = served_by(problem, fleet);
  for (std::size_t c = 0; c < items.size(); ++c) items[c] -= served[c];
}

}  // namespace

Start start_fleet(const Problem& problem, const std::vector<std::int64_t>& demand, LpSolver& solver,
                  const StartOptions& options) {
  double t0 = now();
  Start start;
  start.values.assign(demand.size(), 1);
  std::vector<std::int64_t> left;
  for (const Machine& machine : problem.machines) left.push_back(machine.at_most);
  const std::vector<std::uint32_t> groups = alike(problem, kGroups);
  SiftedLp lp(problem, demand, groups, solver);
  const bool solved = lp.solve(demand, left);
  if (solved) {
    start.bound = lp.certified(demand);
    start.values = lp.values();
  }
  start.lps = lp.solves();
  if (!options.fleet) return start;
  double t1 = now();
  std::vector<std::uint32_t> machines;
  for (std::uint32_t m = 0; m < problem.machines.size(); ++m)
    if (lp.known(m)) machines.push_back(m);
  ContentOptions content;
  content.tick = options.tick;
  content.root_rounds = envl("ROUNDS", 30);
  content.step_rounds = envl("STEPS", 1);
  content.part = envl("PART", 25) / 100.0;
  start.unserved = demand;
  double tm = 0, tr = 0;
  if (std::uint32_t most = *std::max_element(groups.begin(), groups.end());
      most + 1 < problem.classes.size()) {
    double a = now();
    const Merged merged(problem, demand, groups);
    Contents contents(merged.problem(), merged.demand(demand), merged.values(start.values, demand),
                      left, machines, solver);
    for (std::uint32_t m : machines) contents.start(m, lp.nodes(m), lp.pools(m));
    tm += now() - a;
    for (int pass = 0; pass < 3 && any(start.unserved); ++pass) {
      contents.ask(merged.demand(start.unserved));
      const Fleet fleet = contents.buy(content);
      content.root_rounds = 3;
      a = now();
      const std::size_t before = start.fleet.size();
      for (const Pattern& node : fleet) {
        Pattern real = merged.realise(node, start.unserved);
        if (!real.content.empty()) start.fleet.push_back(std::move(real));
      }
      tr += now() - a;
      std::int64_t rest = 0; for (auto n : start.unserved) rest += n;
      if (getenv("STAT")) std::fprintf(stderr, "  pass %d nodes %zu rest %ld groups %u\n", pass, start.fleet.size() - before, rest, most + 1);
    }
    start.lps += contents.solves();
    for (std::uint32_t m = 0; m < left.size(); ++m)
      if (left[m] >= 0)
        left[m] -= std::count_if(start.fleet.begin(), start.fleet.end(),
                                 [m](const Pattern& node) { return node.machine == m; });
  }
  double t2 = now();
  if (any(start.unserved)) {
    Contents contents(problem, start.unserved, start.values, left, machines, solver);
    if (start.fleet.empty())
      for (std::uint32_t m : machines) {
        std::vector<double> items(problem.machines[m].candidates.size());
        for (std::uint32_t i = 0; i < items.size(); ++i)
          if (const std::int32_t pool = lp.pool_of(m, i); pool >= 0)
            items[i] = lp.pools(m)[static_cast<std::size_t>(pool)];
        contents.start(m, lp.nodes(m), std::move(items));
      }
    const Fleet fleet = contents.buy(content);
    start.fleet.insert(start.fleet.end(), fleet.begin(), fleet.end());
    take(problem, fleet, start.unserved);
    start.values = contents.values();
    start.lps += contents.solves();
  }
  double t3 = now();
  auto b0 = bill_of(problem, start.fleet);
  tidy(problem, start.values, start.fleet);
  double t4 = now();
  if (getenv("STAT")) std::fprintf(stderr, "  root %.1f merged %.1f (merge %.1f realise %.1f) rest %.1f tidy %.1f lps %ld: %.3f%% -> %.3f%%\n", 1e3*(t1-t0), 1e3*(t2-t1), 1e3*tm, 1e3*tr, 1e3*(t3-t2), 1e3*(t4-t3), start.lps, 100.0*static_cast<double>((b0-start.bound).micro)/static_cast<double>(start.bound.micro), 100.0*static_cast<double>((bill_of(problem, start.fleet)-start.bound).micro)/static_cast<double>(start.bound.micro));
  return start;
}

}  // namespace kerf::plan
