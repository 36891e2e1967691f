// The text of the commands that read a cluster. Help is a phrase; details are for the reference.
#include "cli/cluster_commands.h"

#include "cli/output_options.h"

namespace kerf::cli {
namespace {

constexpr std::string_view kCluster = "Cluster";

OptionSpec snapshot_file() {
  return {.name = "--snapshot",
          .value = "FILE",
          .group = kCluster,
          .help = "read this file instead of a cluster",
          .details =
              "A file that kerf snapshot wrote, or what kubectl get nodes,pods -A -o json "
              "printed. - is standard input.",
          .completes = Completes::Files};
}

OptionSpec context() {
  return {.name = "--context",
          .value = "CONTEXT",
          .group = kCluster,
          .help = "the context of your kubeconfig to read",
          .unless_given = "the current one"};
}

OptionSpec kubeconfig() {
  return {.name = "--kubeconfig",
          .value = "FILE",
          .group = kCluster,
          .help = "the kubeconfig to use, instead of the one that kubectl finds",
          .completes = Completes::Files};
}

OptionSpec selector() {
  return {.name = "--selector",
          .short_name = "-l",
          .value = "SELECTOR",
          .group = kCluster,
          .help = "only pods with these labels: app=web,tier!=test",
          .details = "As kubectl takes it. What other pods hold stays theirs."};
}

}  // namespace

std::vector<OptionSpec> cluster_options() {
  return {
      snapshot_file(),
      context(),
      kubeconfig(),
      {.name = "--namespace",
       .short_name = "-n",
       .value = "NAMESPACE",
       .group = kCluster,
       .help = "only pods of this namespace",
       .details = "What pods of other namespaces hold stays theirs, as far as you may see them."},
      selector(),
  };
}

CommandSpec snapshot_command() {
  return {
      .name = "snapshot",
      .usage = {"snapshot [OPTION...]"},
      .summary = "save what Kerf reads of a cluster to a file",
      .about =
          "Reads a cluster through your kubectl and prints what Kerf needs of it as JSON, for "
          "--snapshot of the other commands. No environment, commands, Secrets or ConfigMaps are "
          "in it: docs/reference/snapshot.md lists every field that is kept. It only reads; "
          "nothing is changed.",
      .options =
          {
              context(),
              kubeconfig(),
              {.name = "--namespace",
               .short_name = "-n",
               .value = "NAMESPACE",
               .group = kCluster,
               .help = "read this namespace where you may not list all of them",
               .details = "Where you may, all namespaces are read: pods of others hold room on "
                          "the same nodes."},
              output_file(),
              quiet(),
          },
      .examples = {{"kerf snapshot --output-file eks.json", "the current context"},
                   {"kerf snapshot --context prod > prod.json", "another one"},
                   {"kerf snapshot -n team-a --output-file a.json",
                    "with rights in one namespace only"}},
  };
}

}  // namespace kerf::cli
