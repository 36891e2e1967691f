// Options, check and certificate of a plan.
#include "cli/plan_parts.h"

#include <fmt/format.h>

#include <vector>

#include "cli/files.h"
#include "codec/certificate_file.h"
#include "core/check/check.h"

namespace kerf::cli {

plan::PlanOptions plan_options(const PlanArguments& arguments, int effort, ProgressLine& progress) {
  plan::PlanOptions options;
  options.effort = arguments.effort.value_or(effort);
  options.certificate = arguments.certificate.has_value();
  options.jobs = arguments.jobs;
  options.baselines = !arguments.owned_only;  // they buy
  options.levers = arguments.levers && !arguments.owned_only;
  options.progress = [&progress](const plan::Progress& now) { progress.show(now); };
  return options;
}

report::TableOptions table_options(const PlanArguments& arguments, const Surroundings& around) {
  report::TableOptions options;
  options.colour = wants_colour(arguments.colour, around, arguments.output_file.has_value());
  options.unicode = around.utf8 && !arguments.ascii;
  options.all = arguments.all;
  options.owned_only = arguments.owned_only;
  return options;
}

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

}  // namespace kerf::cli
