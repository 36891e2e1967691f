// Puts questions on threads, and answers back on the loop.
#include "shell/controller/solvers.h"

#include <chrono>
#include <utility>

#include "shell/controller/bound.h"

namespace kerf::shell {

namespace {

constexpr std::int64_t kAgainMs = 1'000;
constexpr std::chrono::milliseconds kStop{2'000};

runtime::Serial::Options named(const char* name) {
  runtime::Serial::Options options;
  options.name = name;
  return options;
}

}  // namespace

Solvers::Desk::Desk(const char* name) : thread(named(name)) {}

Solvers::Solvers(runtime::Loop& loop, std::size_t bound_shapes_max,
                 std::function<void(controller::Event)> tell)
    : loop_(loop),
      bound_shapes_max_(bound_shapes_max),
      tell_(std::move(tell)),
      searches_("kerf-search"),
      comparisons_("kerf-compare"),
      bounds_(named("kerf-bound")) {}

void Solvers::solve(controller::EffectId effect,
                    std::shared_ptr<const controller::Problem> problem) {
  Desk& desk = problem->search == controller::Search::Compare ? comparisons_ : searches_;
  const bool taken =
      desk.thread.submit([this, &loop = loop_, effect, problem, tables = desk.tables] {
        Question question{effect, problem, nullptr};
        question.solution =
            std::make_shared<const controller::Solution>(controller::solve(*problem, *tables));
        static_cast<void>(loop.post([this, question = std::move(question)] { solved(question); }));
      });
  // More questions than policies are never open; whatever fills the line passes.
  if (!taken)
    loop_.after(kAgainMs, [this, effect, problem = std::move(problem)] { solve(effect, problem); });
}

void Solvers::solved(const Question& question) {
  tell_(controller::Solved{question.effect, question.solution});
  if (question.problem->search != controller::Search::Compare) return;
  unbounded_ = question;
  bound();
}

void Solvers::bound() {
  if (bounding_ || !unbounded_) return;
  bounding_ = bounds_.submit(
      [this, &loop = loop_, question = *std::exchange(unbounded_, {}), most = bound_shapes_max_] {
        controller::Bounded bounded =
            bound_of(*question.problem, *question.solution, question.effect, most);
        static_cast<void>(loop.post([this, bounded = std::move(bounded)] {
          bounding_ = false;
          tell_(bounded);
          bound();
        }));
      });
}

bool Solvers::stop() {
  const bool searches = searches_.thread.stop(kStop);
  const bool comparisons = comparisons_.thread.stop(kStop);
  return bounds_.stop(kStop) && searches && comparisons;
}

}  // namespace kerf::shell
