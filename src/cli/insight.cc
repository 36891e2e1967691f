// Reading a cluster once for a report, and writing the report.
#include "cli/insight.h"

#include <fmt/format.h>

#include <utility>

#include "cli/files.h"
#include "cli/plan_parts.h"

namespace kerf::cli {
namespace {

/// What was read and does not count must be said: else a number is believed that lacks it.
void add_left_out(const cluster::Demand& demand, std::vector<std::string>& notes) {
  constexpr std::size_t kToldMax = 10;
  for (std::size_t i = 0; i < demand.left_out.size(); ++i) {
    if (i == kToldMax) {
      notes.push_back(
          fmt::format("{} more kinds of objects are left out.", demand.left_out.size() - kToldMax));
      return;
    }
    const cluster::LeftOut& one = demand.left_out[i];
    notes.push_back(one.count == 1
                        ? fmt::format("{} is left out: {}.", one.what, one.why)
                        : fmt::format("{} x {} are left out: {}.", one.count, one.what, one.why));
  }
}

}  // namespace

report::Standing Insight::standing() const {
  return {input.cluster, input.purchase.market, ledger, list, input.headline, notes};
}

Result<Insight> read_insight(const PlanArguments& arguments, ProgressLine& progress) {
  Insight out;
  KERF_TRY(out.input,
           read_cluster_input(arguments, [&](std::string_view what) { progress.show(what); }));
  progress.show("adding up what it costs");
  const ClusterInput& input = out.input;
  out.ledger = plan::ledger_of(input.cluster, input.purchase.market, input.purchase.policy);
  out.list = plan::ledger_of(input.cluster, input.purchase.market, input.purchase.policy, true);
  for (const std::vector<std::string>* notes :
       {&input.notes, &input.purchase.notes, &input.cluster.demand.notes})
    out.notes.insert(out.notes.end(), notes->begin(), notes->end());
  add_left_out(input.cluster.demand, out.notes);
  return out;
}

namespace {

Result<void> make_and_write(
    const Asked& asked, const Surroundings& around,
    const std::function<Result<std::string>(const Asked&, ProgressLine&)>& make) {
  const PlanArguments& arguments = asked.arguments;
  if (arguments.output_file) KERF_CHECK_OK(check_writable(*arguments.output_file));
  ProgressLine progress(around.stderr_is_terminal && !around.dumb && !arguments.quiet);
  KERF_TRY(const std::string text, make(asked, progress));
  progress.erase();
  return arguments.output_file ? write_file(*arguments.output_file, text) : write_stdout(text);
}

}  // namespace

ExitCode run_insight(std::string_view command, const ParsedOptions& parsed,
                     const std::function<Result<std::string>(const Asked&, ProgressLine&)>& make) {
  ParsedOptions options = parsed;
  options.arguments.clear();  // a target is no manifest
  auto arguments = read_plan_arguments(options);
  if (!arguments) {
    say(fmt::format("kerf {}: {}\nSee kerf {} --help.", command, arguments.error().message(),
                    command));
    return kBadInput;
  }
  const Surroundings around = Surroundings::look();
  const report::TableOptions table = table_options(*arguments, around);
  const Asked asked{parsed, *std::move(arguments), table};
  const auto written = make_and_write(asked, around, make);
  if (written) return kPlaced;
  say(fmt::format("kerf {}: {}", command, written.error().message()));
  return kBadInput;
}

}  // namespace kerf::cli
