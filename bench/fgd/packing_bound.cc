// Column generation: the LP's prices of shares, and the GPU filling that is worth most by them.
#include "fgd/packing_bound.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "fgd/trace.h"

namespace kerf::fgd {
namespace {

constexpr std::int64_t kStepsMax = 1'000'000;
constexpr double kClose = 1e-7;

/// What one GPU holds: how many of each size, by index.
using Filling = std::vector<std::int64_t>;

struct Best {
  Filling filling;
  double worth = 0;
};

/// The filling that is worth most.
Best fill(const std::vector<std::int32_t>& sizes, const std::vector<double>& worths) {
  std::vector<double> best(kWholeGpu + 1);
  std::vector<std::size_t> last(kWholeGpu + 1, sizes.size());
  for (std::size_t room = 1; room < best.size(); ++room) {
    best[room] = best[room - 1];
    for (std::size_t s = 0; s < sizes.size(); ++s) {
      const auto size = static_cast<std::size_t>(sizes[s]);
      if (size > room || best[room - size] + worths[s] <= best[room]) continue;
      best[room] = best[room - size] + worths[s];
      last[room] = s;
    }
  }
  Best out{Filling(sizes.size()), best.back()};
  for (std::size_t room = kWholeGpu; room > 0;) {
    if (last[room] == sizes.size()) {
      --room;
      continue;
    }
    ++out.filling[last[room]];
    room -= static_cast<std::size_t>(sizes[last[room]]);
  }
  return out;
}

/// Rows: one for each size (allocated - held <= 0), then the number of GPUs.
plan::LinearProgram column(const Filling& filling) {
  plan::LinearProgram columns;
  columns.add_column(0, 0, plan::LinearProgram::kInfinity);
  for (std::size_t s = 0; s < filling.size(); ++s)
    if (filling[s] > 0)
      columns.add_entry(static_cast<std::int32_t>(s), -static_cast<double>(filling[s]));
  columns.add_entry(static_cast<std::int32_t>(filling.size()), 1);
  return columns;
}

}  // namespace

std::optional<double> most_allocated(std::int64_t gpus,
                                     const std::map<std::int32_t, Shares>& shares,
                                     plan::LpSolver& solver) {
  std::vector<std::int32_t> sizes;
  plan::LinearProgram program;
  for (const auto& [size, number] : shares) {
    sizes.push_back(size);
    program.add_row(-plan::LinearProgram::kInfinity, 0);
  }
  const std::int32_t capacity =
      program.add_row(-plan::LinearProgram::kInfinity, static_cast<double>(gpus));
  std::int32_t row = 0;
  // A share that stays and is not held costs more than it can be worth, so that the first LP of
  // few fillings has a solution too.
  constexpr double kMissing = 100.0 * kWholeGpu;
  for (const auto& [size, number] : shares) {
    program.add_column(-size, static_cast<double>(number.staying),
                       static_cast<double>(number.arrived));
    program.add_entry(row, 1);
    program.add_column(kMissing, 0, plan::LinearProgram::kInfinity);
    program.add_entry(row++, -1);
  }
  const auto session = solver.load(program);
  for (std::size_t s = 0; s < sizes.size(); ++s) {
    Filling alone(sizes.size());
    alone[s] = kWholeGpu / sizes[s];
    session->add_columns(column(alone));
  }
  while (true) {
    const plan::LpSolution solution = session->solve(kStepsMax);
    if (solution.status != plan::LpStatus::Optimal) return std::nullopt;
    std::vector<double> worths;
    for (std::size_t s = 0; s < sizes.size(); ++s) worths.push_back(std::fabs(solution.dual[s]));
    const Best best = fill(sizes, worths);
    if (best.worth > std::fabs(solution.dual[static_cast<std::size_t>(capacity)]) + kClose) {
      session->add_columns(column(best.filling));
      continue;
    }
    for (std::size_t s = 0; s < sizes.size(); ++s)
      if (solution.primal[2 * s + 1] > kClose) return std::nullopt;
    return -solution.objective;
  }
}

}  // namespace kerf::fgd
