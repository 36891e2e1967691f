// CLP sessions: load, change bounds, add columns, solve again from the last basis.
#include "solver/clp.h"

#include <ClpConfig.h>

#include <ClpSimplex.hpp>
#include <CoinMessageHandler.hpp>
#include <cstddef>
#include <exception>
#include <vector>

namespace kerf::solver {
namespace {

using plan::LinearProgram;
using plan::LpSession;
using plan::LpSolution;
using plan::LpStatus;

/// CLP's name for no bound.
double bound(double value) {
  if (value == LinearProgram::kInfinity) return COIN_DBL_MAX;
  if (value == -LinearProgram::kInfinity) return -COIN_DBL_MAX;
  return value;
}

std::vector<double> bounds(const std::vector<double>& values) {
  std::vector<double> out;
  out.reserve(values.size());
  for (const double value : values) out.push_back(bound(value));
  return out;
}

class ClpSession final : public LpSession {
 public:
  explicit ClpSession(const LinearProgram& program) {
    simplex_.setLogLevel(0);
    simplex_.messageHandler()->setLogLevel(0);
    const std::vector<double> row_lower = bounds(program.row_lower);
    const std::vector<double> row_upper = bounds(program.row_upper);
    const std::vector<double> col_lower = bounds(program.col_lower);
    const std::vector<double> col_upper = bounds(program.col_upper);
    simplex_.loadProblem(program.columns(), program.rows(), program.column_start.data(),
                         program.entry_row.data(), program.entry_value.data(), col_lower.data(),
                         col_upper.data(), program.cost.data(), row_lower.data(), row_upper.data());
    simplex_.setRandomSeed(1);
  }

  void set_column_bounds(std::int32_t column, double lower, double upper) override {
    simplex_.setColumnBounds(column, bound(lower), bound(upper));
    next_ = Next::Dual;
  }

  void set_row_bounds(std::int32_t row, double lower, double upper) override {
    simplex_.setRowBounds(row, bound(lower), bound(upper));
    next_ = Next::Dual;
  }

  void set_costs(const std::vector<double>& costs) override {
    simplex_.chgObjCoefficients(costs.data());
    if (next_ == Next::Nothing) next_ = Next::Primal;
  }

  void add_columns(const LinearProgram& columns) override {
    if (columns.columns() == 0) return;
    const std::vector<double> lower = bounds(columns.col_lower);
    const std::vector<double> upper = bounds(columns.col_upper);
    simplex_.addColumns(columns.columns(), lower.data(), upper.data(), columns.cost.data(),
                        columns.column_start.data(), columns.entry_row.data(),
                        columns.entry_value.data());
    if (next_ == Next::Nothing) next_ = Next::Primal;
  }

  LpSolution solve(std::int64_t max_steps) override {
    try {
      simplex_.setMaximumIterations(static_cast<int>(max_steps));
      if (next_ == Next::Primal) simplex_.primal(1);
      else simplex_.dual();
      next_ = Next::Nothing;
      return solution();
    } catch (const CoinError&) {
      return {};
    } catch (const std::exception&) {
      return {};
    }
  }

 private:
  enum class Next { Nothing, Primal, Dual };

  LpStatus status() const {
    switch (simplex_.status()) {
      case 0: return LpStatus::Optimal;
      case 1: return LpStatus::Infeasible;
      case 2: return LpStatus::Unbounded;
      case 3: return LpStatus::StepLimit;
      default: return LpStatus::Failed;
    }
  }

  LpSolution solution() const {
    LpSolution out;
    out.status = status();
    out.steps = simplex_.numberIterations();
    if (out.status != LpStatus::Optimal) return out;
    out.objective = simplex_.objectiveValue();
    const double* primal = simplex_.primalColumnSolution();
    const double* dual = simplex_.dualRowSolution();
    out.primal.assign(primal, primal + simplex_.numberColumns());
    out.dual.assign(dual, dual + simplex_.numberRows());
    return out;
  }

  ClpSimplex simplex_;
  Next next_ = Next::Dual;  ///< the first solve: dual simplex from the slack basis
};

class ClpSolver final : public plan::LpSolver {
 public:
  std::unique_ptr<LpSession> load(const LinearProgram& program) override {
    return std::make_unique<ClpSession>(program);
  }
  const char* version() const override { return "CLP " CLP_VERSION; }
};

}  // namespace

std::unique_ptr<plan::LpSolver> make_clp() { return std::make_unique<ClpSolver>(); }

}  // namespace kerf::solver
