// Wiring: reading, planning, the first screen, the rest.
#include "cli/live_plan.h"

#include <fmt/format.h>

#include <string>

#include "cli/cluster_input.h"
#include "cli/files.h"
#include "cli/plan_parts.h"
#include "codec/json.h"
#include "core/plan/live.h"
#include "report/live.h"
#include "solver/clp.h"

namespace kerf::cli {
namespace {

/// Effort of a cluster's plan where none is given: what answers while somebody waits.
constexpr int kEffort = 3;
constexpr int kEffortOfMany = 1;
constexpr std::size_t kManyPods = 3'000;

plan::LiveOptions live_options(const PlanArguments& arguments, const cluster::Cluster& cluster,
                               ProgressLine& progress) {
  plan::LiveOptions options;
  const int effort = cluster.demand.pods.size() > kManyPods ? kEffortOfMany : kEffort;
  options.plan = plan_options(arguments, effort, progress);
  options.owned_only = arguments.owned_only;
  options.gpu = arguments.gpu;
  options.levers = options.sizes = options.autoscalers = !arguments.owned_only;
  return options;
}

}  // namespace

Result<ExitCode> plan_cluster(const PlanArguments& arguments, const Surroundings& around) {
  ProgressLine progress(around.stderr_is_terminal && !around.dumb && !arguments.quiet);
  KERF_TRY(ClusterInput input,
           read_cluster_input(arguments, [&](std::string_view what) { progress.show(what); }));
  auto& notes = input.cluster.demand.notes;
  notes.insert(notes.end(), input.purchase.notes.begin(), input.purchase.notes.end());

  const auto solver = solver::make_clp();
  const report::TableOptions table = table_options(arguments, around);
  const bool at_once = arguments.output == OutputFormat::Table && !arguments.output_file &&
                       !arguments.check;  // a plan that does not hold is not printed
  const auto view_of = [&](const plan::LivePlan& live) {
    return report::LiveView{live,
                            input.cluster,
                            input.purchase.market,
                            input.purchase.policy,
                            input.headline,
                            input.notes,
                            arguments.ns || arguments.selector};
  };
  Result<void> written;
  const auto first = [&](const plan::LivePlan& live) {
    progress.erase();
    if (at_once) written = write_stdout(report::live_table_first(view_of(live), table));
  };
  const plan::LivePlan live =
      plan::make_live_plan(input.cluster, input.purchase.market, input.purchase.policy, *solver,
                           live_options(arguments, input.cluster, progress), first);
  KERF_CHECK_OK(written);
  progress.erase();
  if (arguments.check && !passes_check(arguments, live.plan, live.demand.planned, input.purchase))
    return kInternal;
  std::string text;
  if (arguments.output == OutputFormat::Json)
    text = codec::write_json(report::live_json(view_of(live), solver->version()));
  else
    text = (at_once ? "" : report::live_table_first(view_of(live), table)) +
           report::live_table_rest(view_of(live), table);
  KERF_CHECK_OK(arguments.output_file ? write_file(*arguments.output_file, text)
                                      : write_stdout(text));
  if (arguments.certificate)
    KERF_CHECK_OK(write_proof(*arguments.certificate, live.plan, live.demand.planned,
                              input.purchase, solver->version()));
  return live.plan.unplaced.empty() ? kPlaced : kUnplaced;
}

}  // namespace kerf::cli
