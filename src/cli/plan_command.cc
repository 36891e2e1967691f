// Wiring of `kerf plan`: input and market to the planner, its plan to the checker and the reports.
#include "cli/plan_command.h"

#include <fmt/format.h>

#include <string>

#include "cli/demand_input.h"
#include "cli/files.h"
#include "cli/live_plan.h"
#include "cli/plan_arguments.h"
#include "cli/plan_parts.h"
#include "cli/purchase.h"
#include "cli/terminal.h"
#include "codec/catalogue.h"
#include "codec/json.h"
#include "core/plan/live.h"
#include "core/plan/planner.h"
#include "report/plan_json.h"
#include "report/table.h"
#include "solver/clp.h"

namespace kerf::cli {
namespace {

constexpr int kEffort = 3;

std::string render(const PlanArguments& arguments, const Surroundings& around,
                   const plan::Plan& plan, const cluster::Demand& demand, const Purchase& purchase,
                   const char* solver_version) {
  if (arguments.output == OutputFormat::Json) {
    return codec::write_json(
        report::plan_json(plan, demand, purchase.market, purchase.policy, solver_version));
  }
  return report::plan_table(plan, demand, purchase.market, purchase.policy,
                            table_options(arguments, around));
}

Result<ExitCode> plan_and_print(const PlanArguments& arguments) {
  const Surroundings around = Surroundings::look();
  if (arguments.output_file) KERF_CHECK_OK(check_writable(*arguments.output_file));
  if (arguments.certificate) KERF_CHECK_OK(check_writable(*arguments.certificate));
  if (arguments.reads_cluster()) return plan_cluster(arguments, around);
  if (!arguments.paths.empty() && arguments.paths.front() == "-" && around.stdin_is_terminal &&
      !arguments.quiet)
    say("reading manifests from the terminal; Ctrl-D ends them");
  KERF_TRY(const Purchase purchase, prepare_purchase(arguments));

  ProgressLine progress(around.stderr_is_terminal && !around.dumb && !arguments.quiet);
  KERF_TRY(cluster::Demand demand,
           read_demand(arguments, purchase.market.gpus,
                       [&](std::string_view what) { progress.show(what); }));
  demand.notes.insert(demand.notes.end(), purchase.notes.begin(), purchase.notes.end());
  if (demand.pods.empty() && !arguments.quiet) {
    progress.erase();
    say(
        fmt::format("kerf: no pod in {} asks for a GPU, so there is nothing to buy; pods ask with "
                    "nvidia.com/gpu, nvidia.com/mig-1g.10gb or kerf.dev/gpu-10gi",
                    demand.described));
  }

  const auto solver = solver::make_clp();
  plan::Plan plan = plan::make_plan(demand, purchase.market, purchase.policy, *solver,
                                    plan_options(arguments, kEffort, progress));
  progress.show("checking and printing");
  if (arguments.check) {
    progress.erase();
    if (!passes_check(arguments, plan, demand, purchase)) return kInternal;
  }
  if (arguments.owned_only) plan::call_owned(plan);
  const std::string text = render(arguments, around, plan, demand, purchase, solver->version());
  progress.erase();
  KERF_CHECK_OK(arguments.output_file ? write_file(*arguments.output_file, text)
                                      : write_stdout(text));
  if (arguments.certificate) {
    KERF_CHECK_OK(write_proof(*arguments.certificate, plan, demand, purchase, solver->version()));
  }
  return plan.unplaced.empty() ? kPlaced : kUnplaced;
}

}  // namespace

ExitCode run_plan(const ParsedOptions& parsed) {
  const auto arguments = read_plan_arguments(parsed);
  if (!arguments) {
    say(fmt::format("kerf plan: {}\nSee kerf plan --help.", arguments.error().message()));
    return kBadInput;
  }
  const auto code = plan_and_print(*arguments);
  if (code) return *code;
  say(fmt::format("kerf plan: {}", code.error().message()));
  return kBadInput;
}

}  // namespace kerf::cli
