// Solvers: the mind's searches, its comparisons and their bounds, each on a thread of its own.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>

#include "core/controller/words.h"
#include "core/online/slice_tables.h"
#include "shell/runtime/loop.h"
#include "shell/runtime/serial.h"

namespace kerf::shell {

/// Each solve() is answered by a Solved, in order but for those for Search::Compare: they keep
/// nobody waiting who wants a place. They are later answered by a Bounded, too, if no newer one
/// came meanwhile: a bound may take seconds, and only the last one counts. Lives on the loop's
/// thread, and `tell` is called there.
class Solvers {
 public:
  Solvers(runtime::Loop& loop, std::size_t bound_shapes_max,
          std::function<void(controller::Event)> tell);

  void solve(controller::EffectId effect, std::shared_ptr<const controller::Problem> problem);
  /// Waits a little for what runs. False: something still runs, and the program should end without
  /// destroying what it uses.
  bool stop();

 private:
  struct Question {
    controller::EffectId effect = 0;
    std::shared_ptr<const controller::Problem> problem;
    std::shared_ptr<const controller::Solution> solution;
  };
  void solved(const Question& question);
  void bound();

  runtime::Loop& loop_;
  std::size_t bound_shapes_max_;
  std::function<void(controller::Event)> tell_;
  /// A thread, and what it alone uses.
  struct Desk {
    explicit Desk(const char* name);
    runtime::Serial thread;
    std::shared_ptr<online::SliceTables> tables = std::make_shared<online::SliceTables>();
  };
  Desk searches_;
  Desk comparisons_;
  runtime::Serial bounds_;
  std::optional<Question> unbounded_;  ///< the last Compare, if its bound is not being worked out
  bool bounding_ = false;
};

}  // namespace kerf::shell
