// Wiring of `kerf snapshot`: the cluster through kubectl, the file, and a few lines on what is in
// it.
#include "cli/snapshot_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "cli/files.h"
#include "cli/terminal.h"
#include "codec/cluster_reading.h"
#include "codec/json.h"
#include "report/text.h"
#include "shell/kubectl/kubectl.h"

namespace kerf::cli {
namespace {

using codec::ClusterReading;
using codec::KindReading;
using codec::KindState;

struct SnapshotArguments {
  kubectl::KubectlOptions from;
  const std::string* output_file = nullptr;
  bool quiet = false;
};

Result<std::string> text_of(const ParsedOptions& parsed, std::string_view name) {
  const std::string* const value = parsed.value(name);
  if (value == nullptr) return std::string();
  if (value->empty())
    return invalid(fmt::format("{}: the value is empty; a variable may be unset", name));
  return *value;
}

Result<SnapshotArguments> read_arguments(const ParsedOptions& parsed) {
  SnapshotArguments out;
  KERF_TRY(out.from.context, text_of(parsed, "--context"));
  KERF_TRY(out.from.kubeconfig, text_of(parsed, "--kubeconfig"));
  KERF_TRY(out.from.fallback_namespace, text_of(parsed, "--namespace"));
  out.output_file = parsed.value("--output-file");
  out.quiet = parsed.given("--quiet");
  if (out.output_file != nullptr) KERF_CHECK_OK(check_writable(*out.output_file));
  return out;
}

std::string counted(const KindReading& kind, std::string_view one, std::string_view many) {
  if (kind.state != KindState::Read) return fmt::format("no {}", many);
  return report::counted(static_cast<std::int64_t>(kind.items.size()), one, many);
}

/// The first line: from where, and how much.
std::string headline(const ClusterReading& reading) {
  std::size_t others = 0;
  for (const KindReading& kind : reading.kinds)
    if (kind.kind->kind != "Pod" && kind.kind->kind != "Node") others += kind.items.size();
  const std::string version =
      reading.server_version.empty() ? "" : fmt::format(" (Kubernetes {})", reading.server_version);
  return fmt::format(
      "read {}{}: {}, {}, {}", report::printable(reading.source, false),
      report::printable(version, false), counted(reading.of("Node"), "node", "nodes"),
      counted(reading.of("Pod"), "pod", "pods"),
      report::counted(static_cast<std::int64_t>(others), "other object", "other objects"));
}

/// "not in this cluster: JobSet, GpuNode"; nothing is amiss with those.
void add_absent(const ClusterReading& reading, std::vector<std::string>& lines) {
  std::string absent;
  for (const KindReading& kind : reading.kinds) {
    if (kind.state != KindState::Absent) continue;
    absent += fmt::format("{}{}", absent.empty() ? "" : ", ", kind.kind->kind);
  }
  if (!absent.empty()) lines.push_back("not in this cluster: " + absent);
}

void add_missing(const ClusterReading& reading, std::vector<std::string>& lines) {
  for (const KindReading& kind : reading.kinds) {
    if (kind.state == KindState::Forbidden) {
      lines.push_back(
          fmt::format("{}: you may not list them, so {}", kind.kind->resource, kind.kind->without));
    } else if (kind.state == KindState::Failed) {
      lines.push_back(fmt::format("{}: {}; so {}", kind.kind->resource,
                                  report::printable(kind.why, false), kind.kind->without));
    }
  }
}

void add_prices(const ClusterReading& reading, std::vector<std::string>& lines) {
  if (reading.of("Pod").state != KindState::Read) return;
  if (reading.pages.empty()) {
    lines.push_back("prices: no pod of Karpenter runs, so none of its are in the snapshot");
    return;
  }
  const bool any = std::any_of(reading.pages.begin(), reading.pages.end(), [](const auto& page) {
    return page.text.find("_offering_price_estimate{") != std::string::npos;
  });
  for (const codec::PricePage& page : reading.pages) {
    const std::string pod = report::printable(page.pod, false);
    if (page.text.find("_offering_price_estimate{") != std::string::npos) {
      lines.push_back(fmt::format("prices: Karpenter's, from {}", pod));
    } else if (!page.why.empty()) {
      lines.push_back(fmt::format("prices: the metrics of {} could not be read: {}", pod,
                                  report::printable(page.why, false)));
    } else if (!any) {
      lines.push_back(fmt::format("prices: {} has none (only the leader does)", pod));
    }
  }
}

std::string remarks(const ClusterReading& reading) {
  std::vector<std::string> lines;
  if (!reading.only_namespace.empty()) {
    lines.push_back(fmt::format("pods of namespace {} only: you may not list those of the others",
                                report::printable(reading.only_namespace, false)));
  }
  add_missing(reading, lines);
  add_absent(reading, lines);
  add_prices(reading, lines);
  std::string text = headline(reading);
  for (const std::string& line : lines) text += "\n" + line;
  return text;
}

Result<void> take_snapshot(const SnapshotArguments& arguments) {
  const Surroundings around = Surroundings::look();
  ProgressLine progress(around.stderr_is_terminal && !around.dumb && !arguments.quiet);
  kubectl::KubectlOptions from = arguments.from;
  from.tell = [&](std::string_view what) { progress.show(what); };
  KERF_TRY(ClusterReading reading, kubectl::read_cluster(from));
  progress.erase();
  const std::string said = remarks(reading);
  const std::string text = codec::write_json(codec::snapshot_node(std::move(reading)));
  KERF_CHECK_OK(arguments.output_file != nullptr ? write_file(*arguments.output_file, text)
                                                 : write_stdout(text));
  if (!arguments.quiet) say(said);
  return {};
}

}  // namespace

ExitCode run_snapshot(const ParsedOptions& parsed) {
  const auto arguments = read_arguments(parsed);
  if (!arguments) {
    say(fmt::format("kerf snapshot: {}\nSee kerf snapshot --help.", arguments.error().message()));
    return kBadInput;
  }
  const auto done = take_snapshot(*arguments);
  if (done) return kPlaced;
  say(fmt::format("kerf snapshot: {}", done.error().message()));
  return kBadInput;
}

}  // namespace kerf::cli
