// What `kerf status`, `cost`, `why` and `diff` do alike: read, report, write; errors for people.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/cluster_input.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/plan_arguments.h"
#include "cli/terminal.h"
#include "core/plan/ledger.h"
#include "report/standing.h"
#include "report/table.h"

namespace kerf::cli {

/// A cluster that was read, with its ledgers.
struct Insight {
  ClusterInput input;
  plan::Ledger ledger;
  plan::Ledger list;
  std::vector<std::string> notes;

  /// Points into this.
  report::Standing standing() const;
};
Result<Insight> read_insight(const PlanArguments& arguments, ProgressLine& progress);

/// What a command was asked, and how its text may look.
struct Asked {
  const ParsedOptions& parsed;
  PlanArguments arguments;  ///< of the options only; what is no option is in `parsed`
  report::TableOptions table;
};

/// Reads the options, has the text made, and writes it to standard output or --output-file.
ExitCode run_insight(
    std::string_view command, const ParsedOptions& parsed,
    const std::function<Result<std::string>(const Asked& asked, ProgressLine& progress)>& make);

ExitCode run_status(const ParsedOptions& parsed);
ExitCode run_cost(const ParsedOptions& parsed);
ExitCode run_why(const ParsedOptions& parsed);
ExitCode run_diff(const ParsedOptions& parsed);

}  // namespace kerf::cli
