// Plans in a forked child, so that time and memory are those of the one plan and can be limited.
#include "target_measure.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "core/check/check.h"
#include "core/plan/planner.h"
#include "measure.h"
#include "solver/clp.h"

namespace kerf::bench {

namespace {

Outcome plan_here(const cluster::Demand& demand, const market::Market& market,
                  const cluster::Policy& policy, const Ask& ask) {
  plan::PlanOptions options;
  options.effort = ask.effort;
  options.baselines = false;
  options.jobs = plan::JobsOn::Shared;
  plan::Plan plan;
  std::vector<double> times;
  const auto solver = solver::make_clp();
  for (int run = 0; run < ask.runs; ++run)
    times.push_back(
        seconds([&] { plan = plan::make_plan(demand, market, policy, *solver, options); }));
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  Outcome out;
  out.seconds = median(times);
  out.bill_micro = plan.bill.micro;
  out.bound_micro = plan.bound.per_hour.micro;
  out.gap_percent = plan::gap_percent(plan);
  out.optimal = plan.bound.optimal;
  out.pods = static_cast<std::int64_t>(demand.pods.size());
  out.nodes = static_cast<std::int64_t>(plan.nodes.size());
  out.unplaced = static_cast<std::int64_t>(plan.unplaced.size());
  out.classes = plan.classes;
  out.peak_kib = usage.ru_maxrss;
  plan.bound.method.copy(out.method, sizeof(out.method) - 1);
  const auto wrong = check::check_plan(plan, demand, market, policy);
  out.faults = static_cast<std::int64_t>(wrong.size());
  for (std::size_t i = 0; i < std::min<std::size_t>(wrong.size(), 5); ++i)
    fmt::print(stderr, "  WRONG: {}\n", wrong[i]);
  return out;
}

[[noreturn]] void give_up(const std::string& why) {
  fmt::print(stderr, "kerf_target_bench: {}\n", why);
  std::exit(2);
}

}  // namespace

std::optional<Outcome> measure(const cluster::Demand& demand, const market::Market& market,
                               const cluster::Policy& policy, const Ask& ask) {
  int ends[2];
  if (pipe(ends) != 0) give_up("no pipe");
  std::fflush(stdout);
  const pid_t child = fork();
  if (child < 0) give_up("no process");
  if (child == 0) {
    close(ends[0]);
    const rlimit limit{static_cast<rlim_t>(ask.limit_s), static_cast<rlim_t>(ask.limit_s) + 5};
    setrlimit(RLIMIT_CPU, &limit);
    const Outcome out = plan_here(demand, market, policy, ask);
    const bool told = write(ends[1], &out, sizeof(out)) == static_cast<ssize_t>(sizeof(out));
    _exit(told ? 0 : 1);
  }
  close(ends[1]);
  Outcome out;
  std::size_t have = 0;
  while (have < sizeof(out)) {
    char part[sizeof(out)];
    const ssize_t n = read(ends[0], part, sizeof(out) - have);
    if (n <= 0) break;
    std::memcpy(reinterpret_cast<char*>(&out) + have, part, static_cast<std::size_t>(n));
    have += static_cast<std::size_t>(n);
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL))
    return std::nullopt;
  if (have != sizeof(out) || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
    give_up(fmt::format("planning {} pods ended with status {}", demand.pods.size(), status));
  return out;
}

}  // namespace kerf::bench
