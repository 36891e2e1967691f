// Wiring of `kerf status`.
#include <fmt/format.h>

#include <algorithm>

#include "base/quote.h"
#include "cli/insight.h"
#include "cli/suggest.h"
#include "codec/json.h"
#include "report/status.h"

namespace kerf::cli {
namespace {

Result<void> check_node(const std::string& name, const cluster::Cluster& cluster) {
  std::vector<std::string> names;
  for (const cluster::StandingNode& node : cluster.nodes) {
    if (node.name == name) return {};
    names.push_back(node.name);
  }
  return fail(
      ErrorCode::NotFound,
      fmt::format("--node: {} has no GPU node {}{}", cluster.source, quoted(name, 253),
                  names.empty() ? "; it has none at all" : did_you_mean(nearest(name, names))));
}

}  // namespace

ExitCode run_status(const ParsedOptions& parsed) {
  return run_insight("status", parsed,
                     [](const Asked& asked, ProgressLine& progress) -> Result<std::string> {
                       KERF_TRY(const Insight insight, read_insight(asked.arguments, progress));
                       report::StatusOptions options{asked.table, {}};
                       if (const std::string* node = asked.parsed.value("--node")) {
                         KERF_CHECK_OK(check_node(*node, insight.input.cluster));
                         options.node = *node;
                       }
                       if (asked.arguments.output == OutputFormat::Json)
                         return codec::write_json(report::status_json(insight.standing()));
                       return report::status_table(insight.standing(), options);
                     });
}

}  // namespace kerf::cli
