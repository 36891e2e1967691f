// The text of the commands that say what stands. Help is a phrase; details are for the reference.
#include "cli/insight_commands.h"

#include "cli/cluster_commands.h"
#include "cli/output_options.h"

namespace kerf::cli {
namespace {

constexpr std::string_view kView = "View";

void append(CommandSpec& command, const std::vector<OptionSpec>& options) {
  command.options.insert(command.options.end(), options.begin(), options.end());
}

CommandSpec status_command() {
  return {
      .name = "status",
      .usage = {"status [OPTION...]", "status [OPTION...] --snapshot FILE"},
      .summary = "show the GPU nodes of a cluster: who sits where, what idles, who waits",
      .about =
          "Shows every GPU node with its price and its GPUs, which pod holds which slice, what "
          "nobody holds, and the pods that wait with the scheduler's words. It only reads.",
      .options = {{.name = "--node",
                   .value = "NAME",
                   .group = kView,
                   .help = "this node only, with every GPU and pod",
                   .details = "JSON has every node in any case."}},
      .examples = {{"kerf status", "the current context"},
                   {"kerf status --node ip-10-0-1-12.ec2.internal", "one node in full"},
                   {"kerf status --snapshot eks.json -o json", "of a file, for programs"}},
  };
}

CommandSpec cost_command() {
  return {
      .name = "cost",
      .usage = {"cost [OPTION...]", "cost [OPTION...] --snapshot FILE"},
      .summary = "say what the GPUs of a cluster cost, for whom, and what is wasted",
      .about =
          "Parts the price of each GPU node among the pods that hold its GPUs' memory; the rest "
          "is idle or stranded, by cause. All parts add up to the bill. It only reads. What "
          "each column means: docs/reference/cost.md.",
      .options = {{.name = "--by",
                   .value = "WHAT",
                   .group = kView,
                   .help = "what the rows are",
                   .details = "namespace also shows the dearest workloads of each. JSON has all "
                              "views at once.",
                   .choices = "namespace|workload|node|pod",
                   .unless_given = "namespace",
                   .completes = Completes::Choices}},
      .examples = {{"kerf cost", "by namespace and workload"},
                   {"kerf cost --by node", "which nodes idle, and why"},
                   {"kerf cost --snapshot eks.json -o json", "of a file, for programs"}},
  };
}

CommandSpec why_command() {
  return {
      .name = "why",
      .usage = {"why [OPTION...] TARGET"},
      .summary = "say why a pod is where it is, or waits, and what would be cheaper",
      .about =
          "Says where the pods are and what they cost, or what keeps them from each node; in "
          "which other forms they could be served and at what price; and which of their "
          "constraints costs most. It only reads. What each price means: "
          "docs/reference/why.md.",
      .argument = "TARGET",
      .argument_help =
          "a pod or a workload: its name if that is unique, namespace/name, kind/name "
          "or kind/namespace/name, the kind as kubectl takes it (deploy/web)",
      .examples = {{"kerf why team-a/web-5d9f", "a pod"},
                   {"kerf why deploy/web", "a workload"},
                   {"kerf why web -o json --snapshot eks.json", "of a file, for programs"}},
  };
}

CommandSpec diff_command() {
  CommandSpec diff{
      .name = "diff",
      .usage = {"diff [OPTION...] BEFORE.json AFTER.json"},
      .summary = "say what is different between two plans",
      .about =
          "Compares two plans that kerf plan -o json wrote: cost, nodes, workloads, pods, and "
          "the input that they were made from. The exit code is 0 whether they differ or not. "
          "docs/reference/diff.md.",
      .argument = "PLAN",
      .argument_help = "a plan as kerf plan -o json wrote it, or - for standard input",
      .completes = Completes::Files,
      .many_arguments = true,
      .examples = {{"kerf diff monday.json friday.json", "what changed"},
                   {"kerf plan deploy/ -o json | kerf diff monday.json -", "against what is now"}},
  };
  append(diff, report_options("list every change, not only the first ones"));
  return diff;
}

}  // namespace

std::vector<CommandSpec> insight_commands(const std::vector<OptionSpec>& market) {
  std::vector<CommandSpec> out = {status_command(), cost_command(), why_command()};
  for (CommandSpec& command : out) {
    append(command, cluster_options());
    append(command, market);
    append(command, report_options("list everything, not only the first screen"));
  }
  out.push_back(diff_command());
  return out;
}

}  // namespace kerf::cli
