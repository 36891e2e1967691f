// WrongSolver: a solver that fails or lies, for tests that no bound believes it.
#pragma once

#include <array>
#include <cmath>
#include <limits>
#include <memory>

#include "base/prng.h"
#include "core/plan/lp.h"
#include "solver/clp.h"

namespace kerf::plan::testing {

/// Fails: no answer. Zero: all duals and amounts are 0. Noise: the true answer, each number off by
/// up to half of it. Random: duals and amounts out of thin air, of either sign. Huge: 1e300, NaN
/// and infinities among them. Late: right for a while, then failing.
enum class Wrong { Fails, Zero, Noise, Random, Huge, Late };
inline constexpr std::array<Wrong, 6> kAllWrong = {Wrong::Fails,  Wrong::Zero, Wrong::Noise,
                                                   Wrong::Random, Wrong::Huge, Wrong::Late};

class WrongSolver final : public LpSolver {
 public:
  explicit WrongSolver(Wrong how, std::uint64_t seed = 1) : how_(how), chance_(seed) {}

  std::unique_ptr<LpSession> load(const LinearProgram& program) override {
    return std::make_unique<Session>(*this, clp_->load(program));
  }
  const char* version() const override { return "wrong"; }

 private:
  class Session final : public LpSession {
   public:
    Session(WrongSolver& of, std::unique_ptr<LpSession> real) : of_(of), real_(std::move(real)) {}
    void set_column_bounds(std::int32_t column, double lower, double upper) override {
      real_->set_column_bounds(column, lower, upper);
    }
    void set_row_bounds(std::int32_t row, double lower, double upper) override {
      real_->set_row_bounds(row, lower, upper);
    }
    void set_costs(const std::vector<double>& costs) override { real_->set_costs(costs); }
    void add_columns(const LinearProgram& columns) override { real_->add_columns(columns); }
    LpSolution solve(std::int64_t max_steps) override {
      return of_.spoilt(real_->solve(max_steps));
    }

   private:
    WrongSolver& of_;
    std::unique_ptr<LpSession> real_;
  };

  LpSolution spoilt(LpSolution solution) {
    if (how_ == Wrong::Fails || (how_ == Wrong::Late && ++solves_ > 25)) return {};
    if (how_ == Wrong::Late) return solution;
    for (std::vector<double>* numbers : {&solution.dual, &solution.primal})
      for (double& number : *numbers) number = spoilt(number);
    return solution;
  }

  double spoilt(double number) {
    const double draw = static_cast<double>(chance_.below(2001)) / 1000 - 1;  // -1..1
    constexpr double kInf = std::numeric_limits<double>::infinity();
    constexpr std::array<double, 6> kHuge = {1e300, -1e300, kInf, -kInf, std::nan(""), 1e18};
    switch (how_) {
      case Wrong::Zero: return 0;
      case Wrong::Noise: return number * (1 + draw / 2);
      case Wrong::Random: return draw * draw * draw * 40;
      case Wrong::Huge: return chance_.below(3) == 0 ? kHuge[chance_.below(6)] : number;
      default: return number;
    }
  }

  Wrong how_;
  Prng chance_;
  std::int64_t solves_ = 0;
  std::unique_ptr<LpSolver> clp_ = solver::make_clp();
};

}  // namespace kerf::plan::testing
