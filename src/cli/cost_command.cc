// Wiring of `kerf cost`.
#include "cli/insight.h"
#include "codec/json.h"
#include "report/cost.h"

namespace kerf::cli {
namespace {

report::CostBy view_of(const ParsedOptions& parsed) {
  const std::string* by = parsed.value("--by");
  if (by == nullptr || *by == "namespace") return report::CostBy::Namespace;
  if (*by == "workload") return report::CostBy::Workload;
  return *by == "node" ? report::CostBy::Node : report::CostBy::Pod;
}

}  // namespace

ExitCode run_cost(const ParsedOptions& parsed) {
  return run_insight(
      "cost", parsed, [](const Asked& asked, ProgressLine& progress) -> Result<std::string> {
        KERF_TRY(const Insight insight, read_insight(asked.arguments, progress));
        if (asked.arguments.output == OutputFormat::Json)
          return codec::write_json(report::cost_json(insight.standing()));
        return report::cost_table(insight.standing(), {asked.table, view_of(asked.parsed)});
      });
}

}  // namespace kerf::cli
