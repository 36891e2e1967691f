// Wiring of `kerf diff`.
#include "cli/files.h"
#include "cli/insight.h"
#include "codec/json.h"
#include "codec/plan_file.h"
#include "report/diff.h"

namespace kerf::cli {
namespace {

Result<codec::PlanFile> load(const std::string& file) {
  KERF_TRY(const std::string text, read_text(file, codec::kPlanFileBytesMax));
  return codec::read_plan_file(text, display_name(file));
}

}  // namespace

ExitCode run_diff(const ParsedOptions& parsed) {
  return run_insight(
      "diff", parsed, [](const Asked& asked, ProgressLine& progress) -> Result<std::string> {
        const std::vector<std::string>& files = asked.parsed.arguments;
        if (files.size() != 2)
          return invalid("give two plans, the older one first: kerf diff before.json after.json");
        if (files[0] == "-" && files[1] == "-")
          return invalid("- (standard input) can be given once");
        progress.show("reading the plans");
        KERF_TRY(const codec::PlanFile before, load(files[0]));
        KERF_TRY(const codec::PlanFile after, load(files[1]));
        const report::PlanDiff diff = report::diff_of(before, after);
        if (asked.arguments.output == OutputFormat::Json)
          return codec::write_json(report::diff_json(diff));
        return report::diff_table(diff, asked.table);
      });
}

}  // namespace kerf::cli
