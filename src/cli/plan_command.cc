// Wiring of `kerf plan`: input and market to the planner, its plan to the checker and the reports.
#include "cli/plan_command.h"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "cli/demand_input.h"
#include "cli/files.h"
#include "cli/plan_arguments.h"
#include "cli/purchase.h"
#include "cli/terminal.h"
#include "codec/catalogue.h"
#include "codec/certificate_file.h"
#include "codec/json.h"
#include "core/check/check.h"
#include "core/plan/planner.h"
#include "report/plan_json.h"
#include "report/table.h"
#include "solver/clp.h"

namespace kerf::cli {
namespace {

/// Asks for input instead of waiting for it without a word.
Result<void> check_stdin(const PlanArguments& arguments, const Surroundings& around) {
  const bool nothing_given = arguments.paths.empty() && !arguments.trace;
  if (nothing_given && around.stdin_is_terminal) {
    return invalid(
        "nothing to plan: give manifests (kerf plan deploy/), - to read them from a pipe "
        "(helm template ./chart | kerf plan -), or --trace PODS.csv");
  }
  const bool reads_terminal = !arguments.paths.empty() && arguments.paths.front() == "-" &&
                              around.stdin_is_terminal && !arguments.quiet;
  if (reads_terminal) say("reading manifests from the terminal; Ctrl-D ends them");
  return {};
}

plan::PlanOptions plan_options(const PlanArguments& arguments, ProgressLine& progress) {
  plan::PlanOptions options;
  options.effort = arguments.effort;
  options.certificate = arguments.certificate.has_value();
  options.jobs = arguments.jobs;
  options.levers = arguments.levers;
  options.progress = [&progress](const plan::Progress& now) { progress.show(now); };
  return options;
}

std::string render(const PlanArguments& arguments, const Surroundings& around,
                   const plan::Plan& plan, const cluster::Demand& demand, const Purchase& purchase,
                   const char* solver_version) {
  if (arguments.output == OutputFormat::Json) {
    return codec::write_json(
        report::plan_json(plan, demand, purchase.market, purchase.policy, solver_version));
  }
  report::TableOptions options;
  options.colour = wants_colour(arguments.colour, around, arguments.output_file.has_value());
  options.unicode = around.utf8 && !arguments.ascii;
  options.all = arguments.all;
  return report::plan_table(plan, demand, purchase.market, purchase.policy, options);
}

/// Complaints of the checker, each on its line; true if there are none.
bool passes_check(const PlanArguments& arguments, const plan::Plan& plan,
                  const cluster::Demand& demand, const Purchase& purchase) {
  const std::vector<std::string> complaints =
      check::check_plan(plan, demand, purchase.market, purchase.policy);
  for (const std::string& complaint : complaints) say(fmt::format("check: {}", complaint));
  if (!complaints.empty()) {
    say("kerf: internal error: the plan does not hold, so it is not printed. Please report this "
        "with the input.");
    return false;
  }
  if (!arguments.quiet) {
    say(
        fmt::format("checked: pods placed {}, not placed {}, nodes {}; capacity, slices, "
                    "constraints and prices hold",
                    plan.placements.size(), plan.unplaced.size(), plan.nodes.size()));
  }
  return true;
}

Result<void> write_proof(const std::string& file, const plan::Plan& plan,
                         const cluster::Demand& demand, const Purchase& purchase,
                         const char* solver_version) {
  if (!plan.bound.given.empty()) {
    return fail(ErrorCode::Unsupported,
                fmt::format("{} is not written: a certificate is for one fleet, and this plan's "
                            "bound is for two ({}); --jobs shared plans one",
                            display_name(file), plan.bound.given));
  }
  if (plan.placements.empty()) {
    say(fmt::format("kerf: {} is not written: no pod is placed, so there is nothing to prove",
                    display_name(file)));
    return {};
  }
  if (!plan.certificate || plan.certificate->empty()) {
    return fail(ErrorCode::Unsupported,
                fmt::format("{} is not written: there is no proof of this plan's bound that can be "
                            "written down (bound: {})",
                            display_name(file), plan.bound.method));
  }
  const codec::CertificateFile proof{solver_version, purchase.market.region,
                                     purchase.market.price_source, *plan.certificate, plan.nodes};
  return write_file(file, codec::write_certificate(proof, demand, purchase.market));
}

Result<ExitCode> plan_and_print(const PlanArguments& arguments) {
  const Surroundings around = Surroundings::look();
  KERF_CHECK_OK(check_stdin(arguments, around));
  if (arguments.output_file) KERF_CHECK_OK(check_writable(*arguments.output_file));
  if (arguments.certificate) KERF_CHECK_OK(check_writable(*arguments.certificate));
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
  const plan::Plan plan = plan::make_plan(demand, purchase.market, purchase.policy, *solver,
                                          plan_options(arguments, progress));
  progress.show("checking and printing");
  if (arguments.check) {
    progress.erase();
    if (!passes_check(arguments, plan, demand, purchase)) return kInternal;
  }
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
