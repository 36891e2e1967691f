// A linear program as data, and the one interface through which core has it solved.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

namespace kerf::plan {

/// minimise cost * x, row_lower <= A x <= row_upper, col_lower <= x <= col_upper.
/// A by columns: entries of column j are [column_start[j], column_start[j+1]).
struct LinearProgram {
  std::vector<double> cost, col_lower, col_upper;
  std::vector<double> row_lower, row_upper;
  std::vector<std::int32_t> column_start = {0};
  std::vector<std::int32_t> entry_row;
  std::vector<double> entry_value;

  static constexpr double kInfinity = std::numeric_limits<double>::infinity();

  std::int32_t add_row(double lower, double upper);
  /// Opens a new column; add its entries (each row once) before the next one.
  std::int32_t add_column(double cost, double lower, double upper);
  void add_entry(std::int32_t row, double value);
  std::int32_t rows() const { return static_cast<std::int32_t>(row_lower.size()); }
  std::int32_t columns() const { return static_cast<std::int32_t>(cost.size()); }
};

enum class LpStatus : std::uint8_t { Optimal, Infeasible, Unbounded, StepLimit, Failed };

struct LpSolution {
  LpStatus status = LpStatus::Failed;
  double objective = 0;
  std::vector<double> primal;  ///< by column
  std::vector<double> dual;    ///< by row; sign: cost change per unit of the row's right-hand side
  std::int64_t steps = 0;      ///< simplex iterations
};

/// A loaded program that can be changed and solved again from where the last solve ended.
/// Not thread-safe. What it returns is advice: core checks bounds in integers.
class LpSession {
 public:
  virtual ~LpSession() = default;
  virtual void set_column_bounds(std::int32_t column, double lower, double upper) = 0;
  virtual void set_row_bounds(std::int32_t row, double lower, double upper) = 0;
  /// By column. What was solved last stays a basis to start from.
  virtual void set_costs(const std::vector<double>& costs) = 0;
  /// Appends columns (entries by row); used by column generation.
  virtual void add_columns(const LinearProgram& columns) = 0;
  /// Dual simplex after bound changes, primal after new columns or costs; at most `max_steps`
  /// iterations.
  virtual LpSolution solve(std::int64_t max_steps) = 0;
};

/// Makes sessions. Implemented by src/solver; handed to the planner by its caller.
class LpSolver {
 public:
  virtual ~LpSolver() = default;
  virtual std::unique_ptr<LpSession> load(const LinearProgram& program) = 0;
  /// "CLP 1.17.6": printed with the plan, because plans are reproducible per solver version.
  virtual const char* version() const = 0;
};

}  // namespace kerf::plan
