// Wiring of `kerf why`.
#include "cli/insight.h"
#include "cli/why_target.h"
#include "codec/json.h"
#include "report/why.h"

namespace kerf::cli {

ExitCode run_why(const ParsedOptions& parsed) {
  return run_insight(
      "why", parsed, [](const Asked& asked, ProgressLine& progress) -> Result<std::string> {
        if (asked.parsed.arguments.empty())
          return invalid("of what? Give a pod or a workload, such as team-a/web or deploy/web");
        KERF_TRY(const Insight insight, read_insight(asked.arguments, progress));
        KERF_TRY(const report::WhyTarget target,
                 find_why_target(insight.input.cluster.demand, asked.parsed.arguments.front()));
        progress.show("pricing what else could serve it");
        const report::Standing standing = insight.standing();
        const report::Why why = report::find_why(standing, insight.input.purchase.policy, target);
        if (asked.arguments.output == OutputFormat::Json)
          return codec::write_json(report::why_json(standing, why));
        return report::why_table(standing, why, asked.table);
      });
}

}  // namespace kerf::cli
